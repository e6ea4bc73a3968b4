"""Mail that was left behind is seen by whoever has custody of it, and by nobody else; none of it can be changed."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, insert, update

from directory import record, tables
from directory.mail.accounts import find_account
from directory.staff import leaving
from mailserver import access
from mailserver.access import Act
from mailserver.delivery import left_mail
from mailserver.refusals import NoSuchMailbox, NotPermitted
from mailserver.store.rights import Entry
from tests.mailserver.delivery.test_delivery import from_outside
from tests.mailserver.mailroom import add_account, add_address, mails

LETTER = b"From: x@ngoai.example\r\nTo: chi@city.vn\r\nSubject: x\r\n\r\nbody\r\n"


def names(office, reader):
    with office.directory.read() as people, office.store.read() as connection:
        return {place.mailbox.name: place for place in access.visible(people, connection, find_account(people, reader))}


def entrust(office, mailbox, holder, until="2099-12-31"):
    with office.directory.write() as conn:
        conn.execute(delete(tables.custody))
        row = {"mailbox_id": mailbox, "holder_id": holder, "unit_id": None, "valid_from": "2020-01-01"}
        conn.execute(insert(tables.custody), row | {"valid_until": until, "reason": "Bàn giao", "decision": ""})


@pytest.fixture
def left(office):
    """chi had mail, shared it with dung, and left."""
    from_outside(office, "chi@city.vn", octets=LETTER)
    inbox = office.inbox_of("chi")
    office.store.write(lambda tx: access.give(tx, inbox, Entry("a:dung", False, frozenset("lr")))).result()
    assert "Other Users/chi/INBOX" in names(office, "dung")
    with office.directory.write() as conn:
        conn.execute(update(tables.account).where(tables.account.c.id == "chi").values(status="closed"))
        conn.execute(update(tables.address).where(tables.address.c.account_id == "chi").values(state="retired"))
    return office


def test_only_the_custodian_sees_it(left) -> None:
    entrust(left, "chi", "an")
    seen = names(left, "an")
    place = seen["Other Users/chi/INBOX"]
    assert place.rights == frozenset("lr")
    assert place.mailbox.subscribed
    assert place.allowed_flags == 0
    for other in ("binh", "dung"):
        assert not any("chi" in name for name in names(left, other))
    with left.directory.read() as people, left.store.read() as connection:
        an, binh = find_account(people, "an"), find_account(people, "binh")
        assert access.need(people, connection, an, "Other Users/chi/INBOX", Act.READ).owner.id == "chi"
        for act in (Act.INSERT, Act.TAKE_OUT, Act.EXPUNGE, Act.DELETE, Act.ADMINISTER):
            with pytest.raises(NotPermitted):
                access.need(people, connection, an, "Other Users/chi/INBOX", act)
        with pytest.raises(NoSuchMailbox):
            access.need(people, connection, binh, "Other Users/chi/INBOX", Act.READ)
        with pytest.raises(NotPermitted):
            access.room_for_name(people, connection, an, "Other Users/chi/Mới")


def test_custody_ends(left) -> None:
    entrust(left, "chi", "an", until="2021-01-01")
    assert not any("chi" in name for name in names(left, "an"))
    with left.directory.read() as people, left.store.read() as connection, pytest.raises(NoSuchMailbox):
        access.need(people, connection, find_account(people, "an"), "Other Users/chi/INBOX", Act.READ)


def test_what_a_closed_unit_was_given_stays_its_followers(office) -> None:
    """vanthu of a ward read another's mailbox; the ward ends, and the mailbox that follows reads it, and vanthu's."""
    with office.directory.write() as conn:
        add_account(conn, "moi", None, kind="unit")
        add_address(conn, "moi@city.vn", account_id="moi")
        conn.execute(
            insert(tables.mailbox_right),
            {"mailbox_id": "moi", "account_id": "binh", "may_read": True, "may_send": True},
        )
    inbox = office.inbox_of("chi")
    office.inbox_of("vanthu")
    office.store.write(lambda tx: access.give(tx, inbox, Entry("a:vanthu", False, frozenset("lr")))).result()
    assert "Other Users/chi/INBOX" in names(office, "an")
    with office.directory.write() as conn:
        leaving.leave(conn, "test", "vanthu", last_day="2020-01-01", redirect_to="moi", redirect_until="2099-12-31")
    assert "Other Users/chi/INBOX" not in names(office, "an")
    seen = names(office, "binh")
    assert seen["Other Users/chi/INBOX"].rights == frozenset("lr")
    assert seen["Shared/vanthu/INBOX"].rights == frozenset("lr")
    assert "Shared/vanthu/INBOX" not in names(office, "an")


def test_mail_that_nobody_looks_after_goes(left, clock) -> None:
    day = 86_400
    with left.directory.write() as conn:
        conn.execute(update(tables.account).where(tables.account.c.id == "chi").values(closed_at=left.now() - 40 * day))
    from_outside(left, "binh@city.vn", octets=LETTER)
    entrust(left, "chi", "an")

    def remove(days: int) -> int:
        return left_mail.remove(left.directory, left.store, left.now(), keep_days=days)

    assert remove(30) == 0
    with left.directory.write() as conn:
        conn.execute(delete(tables.custody))
    assert remove(0) == remove(41) == 0
    assert remove(30) == 1
    assert remove(30) == 0
    assert mails(left.store, "chi") == []
    assert len(mails(left.store, "binh")) == 1
    with left.directory.read() as people:
        entries = [entry for entry in record.search(people) if entry.action == "mailbox.empty"]
        assert [entry.subject for entry in entries] == ["chi@city.vn"]
    assert left.store.check_consistency() == []
