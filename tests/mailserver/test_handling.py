"""Who answers what in a shared mailbox: decided by who has it, kept for good, open again when somebody writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from directory.database import Directory
from directory.mail import mailboxes as directory_mailboxes
from mailserver import handling
from mailserver.handling import DONE, MINE, OPEN_TO_ALL, Conversation, Handling
from mailserver.refusals import CannotDo, LimitReached, NoSuchMessage, NotPermitted
from mailserver.store import Store, messages, reading
from mailserver.store.mailboxes import special_mailbox
from mailserver.store.messages import Target
from tests.webmail import town_hall
from tests.webmail.town_hall import TownHall, letter


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[TownHall]:
    founded = town_hall.build(tmp_path)
    yield founded
    founded.close()


class Office:
    """A unit's mailbox on each engine, and those who have it."""

    def __init__(self, hall: TownHall, store: Store) -> None:
        self.directory: Directory = hall.services.directory
        self.store = store
        self.unit = hall.account("vanthu.snv").id
        self.huong, self.binh, self.an = (hall.account(name).id for name in ("huong", "binh", "an"))
        with self.directory.write() as conn:
            directory_mailboxes.grant(conn, "test", self.unit, self.binh)
        self.inbox = store.maildrop(self.unit).id

    def put(self, message_id: str, answers: str = "", box: str = "") -> int:
        content = self.store.prepare(letter(message_id=message_id, answers=answers))
        with self.store.read() as connection:
            found = special_mailbox(connection, self.unit, box) if box else None
        target = Target(found.id if found else self.inbox)
        return self.store.write(lambda tx: messages.append(tx, content, [target])).result(30)[0].uid

    def key(self, uid: int) -> str:
        with self.store.read() as connection:
            return str(next(reading.fetch(connection, self.inbox, [(uid, uid)], ("thread_key",))).thread_key)

    def do(self, function: Any, uid: int, actor: str, *more: str) -> None:
        function(self.directory, self.store, Conversation(self.unit, self.key(uid), actor), *more)

    def now(self, uid: int) -> Handling | None:
        with self.store.read() as connection:
            return handling.of_messages(connection, self.unit, self.inbox, [uid]).get(uid)

    def listed(self, which: str, me: str = "") -> list[int]:
        with self.store.read() as connection:
            return handling.uids(connection, self.unit, self.inbox, which, me, 100)


@pytest.fixture
def office(hall: TownHall, any_store: Store) -> Office:
    return Office(hall, any_store)


def test_assigned_noted_done_and_open_again(office: Office) -> None:
    first, second = office.put("<a@x>"), office.put("<b@x>")
    assert office.listed(OPEN_TO_ALL) == [second, first]
    office.do(handling.assign, first, office.huong, office.binh)
    office.do(handling.note, first, office.binh, "  Đã gọi điện  \n\n hỏi lại ")
    assert office.now(first) == Handling(office.binh, is_done=False)
    assert (office.listed(MINE, office.binh), office.listed(MINE, office.huong)) == ([first], [])
    assert office.listed(OPEN_TO_ALL) == [second]
    office.do(handling.finish, first, office.binh)
    assert (office.listed(MINE, office.binh), office.listed(DONE)) == ([], [first])
    office.do(handling.reopen, first, office.huong)
    office.do(handling.assign, first, office.huong, "")
    assert office.listed(OPEN_TO_ALL) == [second, first]
    with office.store.read() as connection:
        events = handling.events_of(connection, office.unit, office.key(first))
        assert handling.version(connection, office.unit) == len(events)
    assert [(each.actor, each.kind, each.whom, each.text) for each in events] == [
        (office.huong, "assign", office.binh, ""),
        (office.binh, "note", "", "Đã gọi điện\nhỏi lại"),
        (office.binh, "done", "", ""),
        (office.huong, "reopen", "", ""),
        (office.huong, "assign", "", ""),
    ]


def test_whoever_writes_again_opens_it(office: Office) -> None:
    uid = office.put("<a@x>")
    office.do(handling.assign, uid, office.huong, office.huong)
    office.do(handling.finish, uid, office.huong)
    office.put("<c@x>", "<a@x>", "\\Sent")
    assert office.now(uid) == Handling(office.huong, is_done=True)  # one's own answer is none
    again = office.put("<d@x>", "<a@x>")
    assert office.now(uid) == Handling(office.huong, is_done=False)
    assert office.listed(MINE, office.huong) == [again, uid]


def test_only_who_has_the_mailbox(office: Office) -> None:
    uid = office.put("<a@x>")
    for function, more in ((handling.assign, (office.huong,)), (handling.note, ("x",)), (handling.finish, ()),
                           (handling.reopen, ())):  # fmt: skip
        with pytest.raises(NotPermitted):
            office.do(function, uid, office.an, *more)
    with pytest.raises(NotPermitted):  # nor is it given to anybody else
        office.do(handling.assign, uid, office.huong, office.an)
    with pytest.raises(NotPermitted):  # nor in one's own mailbox
        handling.finish(office.directory, office.store, Conversation(office.huong, office.key(uid), office.huong))
    with office.directory.write() as conn:
        directory_mailboxes.revoke(conn, "test", office.unit, office.binh)
    with pytest.raises(NotPermitted):
        office.do(handling.finish, uid, office.binh)
    assert office.now(uid) is None


def test_what_is_no_conversation_and_no_note(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = office.put("<a@x>")
    for key in ("", "no such"):
        with pytest.raises(NoSuchMessage):
            handling.finish(office.directory, office.store, Conversation(office.unit, key, office.huong))
    with pytest.raises(CannotDo):
        office.do(handling.note, uid, office.huong, " \n\t ")
    with pytest.raises(LimitReached):
        office.do(handling.note, uid, office.huong, "x" * (handling.LONGEST_NOTE + 1))
    monkeypatch.setattr(handling, "MOST_EVENTS", 1)
    office.do(handling.note, uid, office.huong, "x")
    with pytest.raises(LimitReached):
        office.do(handling.finish, uid, office.huong)
    assert office.now(uid) is None
