"""Nobody waits for an index: what it knows is told at once, the newest is read first, and nothing is hidden."""

from __future__ import annotations

from base64 import encodebytes
from typing import Any

import pytest

from mailserver.message.matching import needle
from mailserver.store import mailboxes, messages, reading, search
from mailserver.store.fulltext import filling
from mailserver.store.search import Query
from tests.mailserver.message.office_files import packed

BOOK = ("body", needle("sách"))


@pytest.fixture
def long(clerk: Any, mail: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Twelve messages; two are few, six are many, and rounds are of three."""
    monkeypatch.setattr("mailserver.store.fulltext.fulltext._AT_ONCE", 2)
    monkeypatch.setattr("mailserver.store.fulltext.fulltext.LARGE", 6)
    monkeypatch.setattr(filling, "ROUND", 3)
    for number in range(12):
        clerk.append(mail(str(number), "sách\r\n"))
    return clerk


def glance(clerk: Any, *, hurry: bool) -> tuple[int, bool]:
    lookup = clerk.store.fulltext.glance("an", [clerk.inbox.id], [BOOK], hurry=hurry)
    assert lookup is not None
    return len(lookup.hits[BOOK]), lookup.is_whole


def uids_known(clerk: Any) -> list[int]:
    lookup = clerk.store.fulltext.find("an", [clerk.inbox.id], [BOOK])
    rows = clerk.ask(reading.placements, clerk.inbox.id)
    return [row.uid for row in rows if row.message_id in lookup.hits[BOOK]]


def test_the_newest_are_read_first(long: Any) -> None:
    index = long.store.fulltext
    assert glance(long, hurry=True) == (0, False)
    known: list[int] = []

    def stop() -> bool:
        uids = uids_known(long)
        known.append(len(uids))
        assert uids[-6:] == [7, 8, 9, 10, 11, 12][6 - min(len(uids), 6) :]
        return False

    index.fill("an", until=stop)
    assert list(dict.fromkeys(known)) == [0, 3, 6, 9, 12]
    assert glance(long, hurry=True) == (12, True)
    assert index.figures("an")["behind"] == 0
    assert index.figures("an")["messages"] == 12
    assert index.problems() == []


def test_what_is_read_ahead_and_goes_away_is_forgotten(long: Any) -> None:
    """It is in the index, and not among what counts as read."""
    index = long.store.fulltext
    stops = iter([False, True])
    index.fill("an", until=lambda: len(uids_known(long)) >= 6 and next(stops, True))
    long.do(messages.remove, long.inbox.id, [(11, 12)])
    index.forget_removed()
    index.fill("an")
    assert uids_known(long) == list(range(1, 11))
    assert index.problems() == []


def test_few_are_read_within_the_search_and_more_by_who_has_patience(long: Any, mail: Any) -> None:
    long.store.fulltext.fill("an")
    for number in range(2):
        long.append(mail(str(number), "sách\r\n"))
    assert glance(long, hurry=True) == (14, True)
    for number in range(5):
        long.append(mail(str(number), "sách\r\n"))
    assert glance(long, hurry=True) == (14, False)
    assert glance(long, hurry=False) == (19, True)
    for number in range(7):
        long.append(mail(str(number), "sách\r\n"))
    assert glance(long, hurry=False) == (19, False)


def test_files_are_read_by_who_has_patience(clerk: Any) -> None:
    text = packed({"word/document.xml": "<w><w:t>sách</w:t></w>"})
    head = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=so.docx\r\n"
    clerk.append(head + b"Content-Transfer-Encoding: base64\r\n\r\n" + encodebytes(text).replace(b"\n", b"\r\n"))
    assert glance(clerk, hurry=True) == (0, False)
    assert glance(clerk, hurry=False) == (1, True)


def test_subjects_and_names_tell_without_any_index(clerk: Any, mail: Any) -> None:
    for number in range(20):
        clerk.append(
            mail(f"Đường số {number}", "x\r\n", From=f"Đào {number} <dao{number}@x.example>"), date=1000 - number
        )
    mine = tuple(each.id for each in clerk.ask(mailboxes.list_mailboxes, "an"))

    def seen(limit: int, **conditions: Any) -> list[int]:
        query = Query(**conditions, mailbox_ids=mine)
        return [uid for *_, uid in clerk.ask(lambda conn: search.in_columns(conn, "an", query, limit))]

    assert seen(3, subject=["duong"]) == [1, 2, 3]
    assert seen(9, subject=["đường số 7"]) == [8]
    assert seen(9, subject=["dường"]) == []
    assert seen(9, author=["dao13@"]) == [14]
    assert seen(9, words=["đào 5", "duong"], unseen=True) == [6]
    assert seen(9, words=["duong"], flagged=True) == []
