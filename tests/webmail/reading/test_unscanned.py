"""Mail that came by the hundred a moment ago, and was not scanned yet, stands on every page like any other."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from mailserver.store import messages
from mailserver.store.messages import Target
from mailserver.store.unscanned import of_account
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter

FILE = ("so lieu.txt", "text/plain", b"mot hai ba")


@pytest.fixture
def box(hall: TownHall) -> int:
    """A mailbox in which all messages wait for their scan."""
    store, mailbox = hall.services.store, hall.mailbox("an")
    letters = [letter(subject=f"Thư số {number}", text=f"Lời {number}", files=[FILE]) for number in (1, 2, 3)]
    entries = [(store.prepare(each, scans=False), Target(mailbox.id)) for each in letters]
    store.write(lambda tx: messages.append_many(tx, entries)).result(30)
    return mailbox.id


@pytest.fixture
def waits(hall: TownHall) -> Callable[[], bool]:
    return lambda: not hall.services.store.is_scanned(of_account(hall.account("an").id))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/mail/{box}", "Thư số 3"),
        ("/mail/{box}?show=attachments", "Thư số 1"),
        ("/mail/{box}/2", "Thư số 2"),
        ("/mail/{box}/2/body", "Lời 2"),
        ("/search?q=subject:2", "Thư số 2"),
        ("/search?q=Lời", "Thư số 1"),
        ("/compose?reply={box}:2", "Thư số 2"),
        ("/mail/{box}/2/part/2", "mot hai ba"),
        ("/mail/{box}/2/original", "Subject:"),
    ],
)
def test_the_first_page_that_is_asked_for(
    an: Visitor, box: int, waits: Callable[[], bool], path: str, shown: str
) -> None:
    assert waits()
    assert shown in an.get(path.format(box=box)).get_data(as_text=True)
    assert not waits()


def test_what_was_thrown_away_unscanned_has_its_subject(an: Visitor, hall: TownHall, box: int) -> None:
    hall.services.store.write(lambda tx: messages.remove(tx, box, [(1, 2)])).result(30)
    page = an.page("/recover")
    assert re.findall(r"Thư số \d", page) == ["Thư số 2", "Thư số 1"]


def test_others_mail_is_not_waited_for(hall: TownHall, sign_in: Callable[[str], Visitor], box: int) -> None:
    other = sign_in("binh")
    other.page(f"/mail/{hall.mailbox('binh').id}")
    assert not hall.services.store.is_scanned(of_account(hall.account("an").id))


def test_a_thread_that_is_done_with_a_request_reads_what_there_is(
    an: Visitor, hall: TownHall, box: int, waits: Callable[[], bool]
) -> None:
    assert an.get("/settings").status_code == 200
    assert not waits()
    target = Target(box)
    content = hall.services.store.prepare(letter(), scans=False)
    hall.services.store.write(lambda tx: messages.append_many(tx, [(content, target)])).result(30)
    with hall.services.store.read():
        assert waits()
