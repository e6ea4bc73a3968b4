"""Messages put off: out of the way, back at their moment, or when somebody answers."""

from __future__ import annotations

from typing import Any

import pytest

from mailserver.refusals import CannotDo
from mailserver.store import bulk, mailboxes, messages, snoozing
from tests.mailserver.store.conftest import mail

HOUR = 3600


@pytest.fixture
def clerk(timed_store: Any, hire: Any) -> Any:
    return hire(timed_store)


def snooze(clerk: Any, uids: list[int], hours: float = 1, *, box: Any = None, unread: bool = False) -> int:
    places = {(box or clerk.inbox).id: uids}
    moment = int(clerk.do(lambda tx: tx.now) + hours * HOUR)
    return snoozing.snooze(clerk.store, clerk.account, places, moment, unread=unread, token=f"t{uids}")


def snoozed_box(clerk: Any) -> Any:
    found = clerk.ask(mailboxes.special_mailbox, clerk.account, snoozing.USE)
    assert found is not None
    return found


def test_it_comes_back_at_its_moment_to_where_it_was(clerk: Any, clock: Any) -> None:
    project = clerk.create("Project")
    clerk.fill(3)
    clerk.fill(1, project)
    clerk.do(messages.set_flags, clerk.inbox.id, [(2, 2)], "add", ["\\Seen", "\\Flagged"])
    assert snooze(clerk, [2]) == 1
    assert snooze(clerk, [1], 2, box=project, unread=True) == 1
    clerk.do(messages.set_flags, snoozed_box(clerk).id, [(2, 2)], "add", ["\\Seen"])
    assert clerk.uids() == [1, 3]
    assert snoozing.wake_due(clerk.store, int(clock.now)) == 0
    clock.now += HOUR
    assert snoozing.wake_due(clerk.store, int(clock.now)) == 1
    assert clerk.uids() == [1, 3, 4]  # at the top
    assert clerk.flags()[4] == {"\\Seen", "\\Flagged"}
    assert clerk.uids(project) == []
    clock.now += HOUR
    assert snoozing.wake_due(clerk.store, int(clock.now)) == 1
    assert clerk.flags(project) == {2: set()}
    assert snoozing.wake_due(clerk.store, int(clock.now)) == 0


def test_an_answer_wakes_it(clerk: Any) -> None:
    clerk.append(mail("first", Message_ID="<a@x>"))
    clerk.append(mail("other", Message_ID="<b@x>"))
    sent = clerk.mailbox("Sent")
    snooze(clerk, [1, 2])
    clerk.append(mail("re", Message_ID="<c@x>", References="<a@x>"), sent)
    assert snoozing.wake_due(clerk.store, 0) == 0  # one's own answer is none
    other = type(clerk)(clerk.store, "binh")
    other.append(mail("re", Message_ID="<d@x>", References="<a@x>"))
    assert snoozing.wake_due(clerk.store, 0) == 0  # nor is what somebody else got
    clerk.append(mail("re", Message_ID="<e@x>", References="<a@x>"))
    assert snoozing.wake_due(clerk.store, 0) == 1
    assert len(clerk.uids(snoozed_box(clerk))) == 1


def test_by_hand(clerk: Any, clock: Any) -> None:
    clerk.fill(4)
    snooze(clerk, [1, 2, 3])
    box = snoozed_box(clerk)
    clerk.do(messages.move, box.id, [(1, 1)], clerk.inbox.id)  # as a mail program does
    clerk.do(messages.move, clerk.inbox.id, [(4, 4)], box.id)
    assert snoozing.wake(clerk.store, {box.id: [2, 4, 99]}) == 2
    assert len(clerk.uids()) == 3
    clock.now += HOUR
    assert snoozing.wake_due(clerk.store, int(clock.now)) == 1
    assert clerk.uids(box) == []
    assert clerk.ask(snoozing.moments_of, box.id) == {}


def test_taken_back(clerk: Any, clock: Any) -> None:
    clerk.fill(2)
    snooze(clerk, [1, 2])
    assert bulk.take_back(clerk.store, clerk.account, "t[1, 2]") == 2
    assert len(clerk.uids()) == 2
    clock.now += HOUR
    assert snoozing.wake_due(clerk.store, int(clock.now)) == 0
    assert len(clerk.uids()) == 2


def test_home_is_gone(clerk: Any, clock: Any) -> None:
    project = clerk.create("Project")
    clerk.fill(1, project)
    snooze(clerk, [1], box=project)
    clerk.do(mailboxes.delete_mailbox, clerk.account, "Project")
    clock.now += HOUR
    assert snoozing.wake_due(clerk.store, int(clock.now)) == 1
    assert clerk.uids() == [1]


def test_one_that_cannot_come_back_holds_up_nobody(clerk: Any, clock: Any) -> None:
    project = clerk.create("Project")
    clerk.fill(1, project)
    clerk.fill(1)
    snooze(clerk, [1], box=project)
    snooze(clerk, [1, 99])
    keywords = [f"k{number}" for number in range(57)]
    clerk.do(messages.set_flags, project.id, [(1, 1)], "add", keywords)  # no room for another
    clerk.do(messages.set_flags, snoozed_box(clerk).id, [(1, 1)], "add", ["another"])
    clock.now += HOUR
    assert snoozing.wake_due(clerk.store, int(clock.now)) == 1
    assert len(clerk.uids()) == 1
    assert clerk.uids(snoozed_box(clerk)) == [1]
    assert snoozing.wake_due(clerk.store, int(clock.now)) == 0


def test_only_from_snoozed_mailboxes(clerk: Any) -> None:
    clerk.fill(1)
    assert snoozing.wake(clerk.store, {clerk.inbox.id: [1]}) == 0
    assert clerk.uids() == [1]


@pytest.mark.parametrize("hours", [0, -1, 24 * 367])
def test_moments_that_are_none(clerk: Any, hours: float) -> None:
    clerk.fill(1)
    with pytest.raises(CannotDo):
        snooze(clerk, [1], hours)
    assert clerk.uids() == [1]


def test_a_name_that_is_taken_is_left_alone(clerk: Any) -> None:
    clerk.create("Snoozed")
    clerk.fill(1)
    snooze(clerk, [1])
    assert snoozed_box(clerk).name == "Snoozed 2"
