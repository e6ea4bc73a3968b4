"""What was sent and has not gone yet: nobody has it, its sender may take it back or let it go."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from mailserver.delivery import lanes, postponing
from mailserver.refusals import LimitReached, NoSuchMessage
from mailserver.store import flags
from mailserver.store.mailboxes import find_mailbox
from mailserver.store.reading import placements
from mailserver.store.tables import postponed, spool_item, spool_recipient
from tests.mailserver.delivery.test_delivery import MESSAGE, any_office, items, webmail  # noqa: F401
from tests.mailserver.mailroom import mails

WITH_BCC = MESSAGE.replace(b"Subject: x", b"Bcc: chi@city.vn\r\nSubject: x")


def later(office, *recipients, seconds=30, **more):
    return webmail(office, *recipients, release_at=office.now() + seconds, keep_sent=True, **more)


def waiting(office, name="an"):
    with office.store.read() as connection:
        return postponing.waiting_of(connection, name, office.now())


def take_back(office, number, name="an"):
    return office.store.write(lambda tx: postponing.take_back(tx, name, number)).result()


def count(office, table):
    with office.store.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar()


def test_nobody_has_it_before_its_time(any_office):  # noqa: F811
    done = later(any_office, "binh@city.vn", "x@far.example")
    assert [mails(any_office.store, name) for name in ("binh", "chi")] == [[], []]
    assert len(mails(any_office.store, "an", "Sent")) == 1
    (one,) = waiting(any_office)
    assert (one.id, one.subject, one.recipients) == (done.postponed, "x", ("binh@city.vn", "x@far.example"))
    assert one.release_at >= any_office.now() + 29
    assert waiting(any_office, "binh") == []
    claimed = any_office.store.write(lambda tx: lanes.claim(tx, "relay", 10)).result()
    assert claimed == []


def test_what_goes_at_once_cannot_be_taken_back(any_office):  # noqa: F811
    assert webmail(any_office, "binh@city.vn", "x@far.example").postponed is None
    assert waiting(any_office) == []


@pytest.mark.parametrize("octets", [MESSAGE, WITH_BCC])
def test_taken_back_it_is_a_draft_again(any_office, octets):  # noqa: F811
    done = later(any_office, "binh@city.vn", "x@far.example", octets=octets)
    uid = take_back(any_office, done.postponed)
    assert [mails(any_office.store, "an", name) for name in ("Sent", "INBOX")] == [[], []]
    (draft,) = mails(any_office.store, "an", "Drafts")
    assert (b"\r\nBcc: chi@city.vn\r\n" in draft) == (octets is WITH_BCC)
    with any_office.store.read() as connection:
        (row,) = placements(connection, find_mailbox(connection, "an", "Drafts").id)
    assert row.uid == uid
    assert row.flags == flags.DRAFT | flags.SEEN
    assert items(any_office) == []
    assert [count(any_office, table) for table in (postponed, spool_recipient)] == [0, 0]
    with pytest.raises(NoSuchMessage):
        take_back(any_office, done.postponed)


def test_without_its_copy_it_is_taken_back_and_no_draft(any_office):  # noqa: F811
    done = webmail(any_office, "binh@city.vn", release_at=any_office.now() + 30)
    assert take_back(any_office, done.postponed) is None
    assert items(any_office) == []


def test_nobody_takes_back_what_another_sent(any_office):  # noqa: F811
    done = later(any_office, "binh@city.vn")
    for act in (postponing.take_back, postponing.let_go):
        with pytest.raises(NoSuchMessage):
            any_office.store.write(lambda tx, act=act: act(tx, "binh", done.postponed)).result()
    assert len(items(any_office)) == 1


def test_what_is_about_to_go_is_not_taken_back(any_office):  # noqa: F811
    done = later(any_office, "binh@city.vn", seconds=postponing.TOO_LATE)
    with pytest.raises(NoSuchMessage):
        take_back(any_office, done.postponed)
    assert waiting(any_office) == []
    assert len(items(any_office)) == 1


def test_it_may_go_before_its_time(any_office):  # noqa: F811
    done = later(any_office, "binh@city.vn", "x@far.example", seconds=3600)
    any_office.store.write(lambda tx: postponing.let_go(tx, "an", done.postponed)).result()
    assert waiting(any_office) == []
    with any_office.store.read() as connection:
        assert connection.execute(select(spool_item.c.release_at)).scalar() <= any_office.now() + 1
    claimed = any_office.store.write(lambda tx: lanes.claim(tx, "relay", 10)).result()
    assert sorted(lane.key[0] for lane in claimed) == ["city.vn", "far.example"]
    with pytest.raises(NoSuchMessage):
        take_back(any_office, done.postponed)


def test_it_waits_for_so_long_and_no_longer(make_office):
    office = make_office(reception={"hold_days": 2})
    later(office, "binh@city.vn", seconds=2 * 86_400)
    with pytest.raises(LimitReached):
        later(office, "binh@city.vn", seconds=2 * 86_400 + 10)
    office = make_office(reception={"hold_days": 0})
    later(office, "binh@city.vn", seconds=postponing.LONGEST_THOUGHT)
    with pytest.raises(LimitReached):
        later(office, "binh@city.vn", seconds=postponing.LONGEST_THOUGHT + 10)
