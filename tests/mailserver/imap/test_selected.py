"""A session's view: numbers that hold still, UIDs read late, nothing told twice."""

from __future__ import annotations

import pytest

from mailserver.imap.grammar.syntax import SAVED_RESULT, SequenceSet, SyntaxFault
from mailserver.imap.selected import MailboxGone, Manner, SelectedMailbox
from mailserver.store import mailboxes, messages
from mailserver.store.messages import Target


@pytest.fixture
def box(store):
    return Box(store)


class Box:
    """A mailbox that changes, and views of it."""

    def __init__(self, store):
        self.store = store
        self.id = store.write(lambda tx: mailboxes.create_mailbox(tx, "x", "m")).result().id

    def add(self, count=1):
        for _ in range(count):
            content = self.store.prepare(b"a: b\r\n")
            self.store.write(lambda tx: messages.append(tx, content, [Target(self.id)])).result()  # noqa: B023

    def remove(self, *uids):
        self.store.write(lambda tx: messages.remove(tx, self.id, [(uid, uid) for uid in uids])).result()

    def flag(self, uid, flag="\\Seen"):
        return self.store.write(lambda tx: messages.set_flags(tx, self.id, [(uid, uid)], "add", [flag])).result()

    def view(self):
        with self.store.read() as connection:
            return SelectedMailbox(mailboxes.get_mailbox(connection, self.id), False)

    def news(self, view, may_expunge=True):
        with self.store.read() as connection:
            return view.catch_up(connection, may_expunge=may_expunge, manner=Manner())

    def load(self, view):
        with self.store.read() as connection:
            view.load(connection)
        return list(view.uids)


def test_uids_read_late_are_those_of_the_moment_of_select(box):
    box.add(5)
    box.remove(2)
    view = box.view()
    box.remove(4)
    box.add(2)
    box.flag(1)
    assert box.load(view) == [1, 3, 4, 5]
    assert box.news(view) == b"* 3 EXPUNGE\r\n* 5 EXISTS\r\n* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n"
    assert list(view.uids) == [1, 3, 5, 6, 7]
    assert box.news(view) == b""


def test_new_mail_needs_no_uids(box):
    box.add(2)
    view = box.view()
    for count in (3, 4):
        box.add()
        assert box.news(view) == b"* %d EXISTS\r\n" % count
    assert view._uids is None
    box.add(2)
    assert box.news(view) == b"* 6 EXISTS\r\n"
    assert box.load(view) == [1, 2, 3, 4, 5, 6]


def test_expunges_wait(box):
    box.add(3)
    view = box.view()
    box.remove(2)
    assert box.news(view, may_expunge=False) == b""
    assert view.count == 3
    assert view.has_untold_expunges
    box.add()
    assert box.news(view, may_expunge=False) == b"* 4 EXISTS\r\n"
    view.rest()
    assert view._uids is not None, "what waits to be told must not be forgotten"
    assert box.news(view) == b"* 2 EXPUNGE\r\n"
    assert list(view.uids) == [1, 3, 4]
    view.rest()
    assert view._uids is None
    assert box.load(view) == [1, 3, 4]


def test_many_expunges_from_the_last_to_the_first(box):
    box.add(120)
    view = box.view()
    box.remove(*range(1, 121, 2))
    lines = box.news(view).decode().split("\r\n")[:-1]
    assert lines == [f"* {number} EXPUNGE" for number in range(119, 0, -2)]
    assert list(view.uids) == list(range(2, 121, 2))


def test_a_message_that_came_and_went_is_never_told(box):
    box.add(1)
    view = box.view()
    box.add(2)
    box.remove(2)
    assert box.news(view) == b"* 2 EXISTS\r\n"
    assert box.load(view) == [1, 3]


def test_the_saved_result_forgets_what_is_gone(box):
    box.add(3)
    view = box.view()
    box.load(view)
    view.saved = [1, 2, 3]
    box.remove(2)
    box.news(view)
    assert list(view.saved) == [1, 3]
    assert view.spans(SAVED_RESULT, by_uid=False) == [(0, 2)]


def test_sets(box):
    box.add(6)
    box.remove(2, 5)
    view = box.view()
    box.load(view)  # 1 3 4 6
    assert view.spans(SequenceSet(((1, 2), (4, 4))), by_uid=False) == [(0, 2), (3, 4)]
    assert view.spans(SequenceSet(((0, 0),)), by_uid=False) == [(3, 4)]
    assert view.spans(SequenceSet(((2, 5),)), by_uid=True) == [(1, 3)]
    assert view.spans(SequenceSet(((9, 0),)), by_uid=True) == [(3, 4)]
    assert view.spans(SequenceSet(((5, 5),)), by_uid=True) == []
    assert view.uid_ranges([(0, 2), (3, 4)]) == [(1, 3), (6, 6)]
    assert view.uids_of([(0, 2), (3, 4)]) == [1, 3, 6]
    for wanted in (((5, 5),), ((1, 9),)):
        with pytest.raises(SyntaxFault):
            view.spans(SequenceSet(wanted), by_uid=False)


def test_an_empty_mailbox(box):
    view = box.view()
    assert box.load(view) == []
    assert view.spans(SequenceSet(((1, 0),)), by_uid=True) == []
    with pytest.raises(SyntaxFault):
        view.spans(SequenceSet(((1, 0),)), by_uid=False)


def test_a_removed_mailbox_is_gone(box):
    view = box.view()
    box.store.write(lambda tx: mailboxes.delete_mailbox(tx, "x", "m")).result()
    with pytest.raises(MailboxGone):
        box.news(view)


def test_tombstones_purged_beyond_the_view_end_it(box):
    box.add(3)
    view = box.view()
    box.remove(1)
    box.add(1)
    with box.store.database.engine.sql.connect() as connection:
        connection.exec_driver_sql("UPDATE mailbox SET vanished_horizon = highest_modseq")
    with pytest.raises(MailboxGone):
        box.news(view)


def test_ones_own_change_is_not_told_again(box):
    box.add(2)
    view = box.view()
    box.load(view)
    with box.store.read() as connection:
        before = mailboxes.get_mailbox(connection, box.id).highest_modseq
    changed = box.flag(1).changed
    view.own_change(before, changed[0][2], [(uid, modseq) for uid, _, modseq in changed])
    assert box.news(view) == b""
    # With another's change in between, only that one is told.
    box.flag(2)
    with box.store.read() as connection:
        before = mailboxes.get_mailbox(connection, box.id).highest_modseq
    changed = box.flag(1, "\\Flagged").changed
    view.own_change(before, changed[0][2], [(uid, modseq) for uid, _, modseq in changed])
    assert box.news(view) == b"* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n"
