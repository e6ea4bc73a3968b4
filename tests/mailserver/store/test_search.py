"""Finding messages: with and without marks, in every field, and only in one's own mail."""

from __future__ import annotations

from typing import Any

import pytest

from mailserver.store import Store, mailboxes, messages, reading, search
from mailserver.store.fulltext import Lookup
from mailserver.store.search import Query

MAILS = {
    1: ("Họp giao ban tuần", "Nguyễn Văn An <an@thanhpho.example>", "binh@thanhpho.example", "Kính mời dự họp.", 1000),
    2: ("Báo cáo đường sắt", "Trần Thị Đào <dao@thanhpho.example>", "an@thanhpho.example", "Số liệu quý I", 2000),
    3: ("Re: duong sat", "dao@thanhpho.example", "Lê Đức <duc@so.example>", "100% xong_roi \\ hết", 3000),
    4: ("(không tiêu đề)", "an@thanhpho.example", "x@y.example", "Đường Nguyễn Huệ cấm xe", 4000),
}


@pytest.fixture
def office(clerk: Any, mail: Any) -> Any:
    for subject, author, to, body, date in MAILS.values():
        clerk.append(mail(subject, body + "\r\n", From=author, To=to, Cc="Phạm Hữu Cấp <cap@so.example>"), date=date)
    return clerk


def find(clerk: Any, limit: int = 500, body_text: Any = None, account: str = "an", **conditions: Any) -> list[int]:
    """UIDs, by looking into all messages; and by the index, which must agree."""
    query = Query(**conditions)
    by_scan = _find(clerk, account, query, limit=limit, body_text=body_text)
    if body_text is None:
        places = [each.id for each in clerk.ask(mailboxes.list_mailboxes, account)]
        lookup = clerk.store.fulltext.find(account, places, search.wanted(query))
        assert _find(clerk, account, query, limit=limit, lookup=lookup) == by_scan
        rows = [row for place in places for row in clerk.ask(reading.placements, place)]
        unknowing = Lookup({each: set() for each in search.wanted(query)}, frozenset(row.message_id for row in rows))
        assert _find(clerk, account, query, limit=limit, lookup=unknowing) == by_scan
    return by_scan


def _find(clerk: Any, account: str, query: Query, **options: Any) -> list[int]:
    return clerk.ask(lambda connection: [row.uid for row in search.find(connection, account, query, **options)])


def test_without_marks_every_spelling_is_found(office: Any) -> None:
    assert find(office, words=["duong"]) == [4, 3, 2]
    assert find(office, words=["DUONG SAT"]) == [3, 2]
    assert find(office, subject=["hop"]) == [1]
    assert find(office, words=["hop", "giao"]) == [1]
    assert find(office, words=["hop", "duong"]) == []


def test_with_marks_only_what_is_written_so(office: Any) -> None:
    assert find(office, words=["đường"]) == [4, 2]
    assert find(office, words=["Đường sắt"]) == [2]
    assert find(office, subject=["họp"]) == [1]
    assert find(office, subject=["hợp"]) == []
    decomposed = "\u0111u\u031bo\u031b\u0300ng"
    assert find(office, words=[decomposed]) == [4, 2]
    assert find(office, words=["đao"]) == []  # the name is Đào
    assert find(office, author=["đào"]) == [2]


def test_each_field(office: Any) -> None:
    assert find(office, author=["dao"]) == [3, 2]
    assert find(office, author=["tran thi"]) == [2]
    assert find(office, recipient=["duc@so"]) == [3]
    assert find(office, recipient=["lê đức"]) == [3]
    assert find(office, subject=["dao"]) == []
    assert find(office, words=["kinh moi"]) == [1]  # the first words of the text
    assert find(office, words=["kính mời"]) == [1]
    assert find(office, words=["kình mời"]) == []
    assert find(office, words=["huu cap"]) == [4, 3, 2, 1]  # a person in copy


def test_signs_that_mean_something_to_a_database(office: Any) -> None:
    assert find(office, words=["100%"]) == [3]
    assert find(office, words=["1%0"]) == []
    assert find(office, words=["xong_roi"]) == [3]
    assert find(office, words=["xong?roi"]) == []
    assert find(office, words=["\\ het"]) == [3]
    assert find(office, words=["'; DROP TABLE message; --"]) == []
    assert find(office, words=["\x00"]) == []
    assert find(office, words=["x" * 100_000]) == []
    assert find(office, words=[""]) == [4, 3, 2, 1]


def test_other_conditions(office: Any) -> None:
    office.do(messages.set_flags, office.inbox.id, [(1, 2)], "add", ["\\Seen", "\\Flagged"])
    assert find(office, unseen=True) == [4, 3]
    assert find(office, flagged=True) == [2, 1]
    office.do(messages.set_flags, office.inbox.id, [(2, 3)], "add", ["$Khac", "Gap"])
    assert find(office, keywords=["gap"]) == [3, 2]
    assert find(office, keywords=["gap"], words=["duong"]) == [n for n in find(office, words=["duong"]) if n in (2, 3)]
    assert find(office, keywords=["none"]) == []
    assert find(office, keywords=["gap", "none"]) == []
    assert find(office, since=2000, before=4000) == [3, 2]
    assert find(office, larger=10**6) == []
    assert find(office, larger=10) == [4, 3, 2, 1]
    assert find(office, has_attachments=True) == []
    assert find(office) == [4, 3, 2, 1]
    assert find(office, limit=2) == [4, 3]
    work = office.create("Việc")
    office.do(messages.move, office.inbox.id, [(2, 2)], work.id)
    assert find(office, words=["duong"], mailbox_ids=[work.id]) == [1]
    assert find(office, words=["duong"], mailbox_ids=[office.inbox.id]) == [4, 3]


def test_attachments(clerk: Any) -> None:
    octets = (
        b"Subject: kem\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nvan ban\r\n--b\r\n"
        b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\nx\r\n--b--\r\n"
    )
    clerk.append(octets)
    clerk.fill(1)
    assert find(clerk, has_attachments=True) == [1]


def test_words_in_the_text_when_it_can_be_read(office: Any) -> None:
    asked = []

    def body_text(message_id: int) -> str:
        asked.append(message_id)
        return "Nội dung về cầu Thủ Thiêm" if message_id % 2 else "không"

    assert find(office, words=["thu thiem", "hop"], body_text=body_text) == [1]
    assert find(office, words=["Thủ Thiêm"], body_text=body_text) == [3, 1]
    assert find(office, words=["Thù Thiêm"], body_text=body_text) == []
    asked.clear()
    assert find(office, subject=["duong sat"], words=["dao@thanhpho"], body_text=body_text) == [3, 2]
    assert asked == []  # what the header decides needs no body


def test_only_ones_own_mail_and_what_is_still_there(any_store: Store, hire: Any, mail: Any) -> None:
    first, second = hire(any_store, "an"), hire(any_store, "binh")
    octets = mail("Mật")
    first.append(octets)
    gone = first.create("Xóa")
    first.append(octets, gone)
    first.do(mailboxes.delete_mailbox, "an", "Xóa")
    assert find(first, words=["mat"]) == [1]
    assert find(first, words=["mat"], mailbox_ids=[gone.id]) == []
    assert find(second, words=["mat"], account="binh") == []
    assert find(second, words=["mat"], account="binh", mailbox_ids=[first.inbox.id]) == []
