"""Leaving: ordered, carried out on its day, taken back, followed by custody of the mail, and by a return."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from directory import record
from directory.administration import delegations
from directory.database import Reading, Writing
from directory.dates import days_after
from directory.faults import Fault
from directory.housekeeping import tidy_up
from directory.mail import account_changes, aliases, custody, groups, mailboxes
from directory.mail.accounts import find_account
from directory.mail.addresses import address_row
from directory.mail.custody import entrusted_to
from directory.mail.recipients import mailboxes_of, resolve
from directory.signing_in import app_passwords, sessions
from directory.staff import leaving
from directory.staff.departures import leavings, planned_leaving
from directory.staff.intake import Joined
from directory.staff.people import find_official
from directory.staff.postings import appointments_of
from directory.staff.provisioning import appoint, dismiss, move
from directory.staff.unit_changes import close_unit
from tests.directory.conftest import City, Clock
from tests.directory.plans.conftest import snapshot

TODAY, EVE = "2026-03-02", "2026-03-01"
DAY = 86400


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(Fault) as caught:
        action()
    return caught.value.code


def reached(conn: Reading | Writing, address: str) -> set[str]:
    found = resolve(conn, address)
    return set(found.accounts) if found else set()


def staffed(city: City, conn: Writing) -> tuple[Joined, Joined, Joined]:
    """An official, the head and a deputy of a department."""
    an = city.join(conn, "Nguyễn Văn An", password_hash="x")
    head = city.join(conn, "Lê Thị Bình", position="GD")
    deputy = city.join(conn, "Trần Chi", position="TP")
    return an, head, deputy


def test_an_order_waits_for_its_day(any_city: City, clock: Clock) -> None:
    city = any_city
    with city.directory.write() as conn:
        an, head, _ = staffed(city, conn)
        group = groups.add_group(conn, "test", address_text="nhom", name="Nhóm")
        groups.add_member(conn, "test", group.id, an.login)
        order = leaving.leave(
            conn, "test", an.account_id, last_day="2026-03-10", redirect_to=head.login, redirect_until="2026-12-31",
            decision="12/QĐ",
        )  # fmt: skip
        assert order.state == "planned"
        assert refused(lambda: leaving.leave(conn, "test", an.account_id, last_day=EVE)) == "leave-ordered"
    clock.advance(8 * DAY)  # 2026-03-10, his last day
    tidy_up(city.directory)
    with city.directory.read() as conn:
        assert find_official(conn, an.account_id).account.status == "active"
        assert reached(conn, group.address) == {an.account_id}
        assert [each.account_id for each in leavings(conn)] == [an.account_id]
    clock.advance(DAY)
    tidy_up(city.directory)
    tidy_up(city.directory)
    with city.directory.read() as conn:
        gone = find_official(conn, an.account_id)
        assert (gone.account.status, gone.left_on) == ("closed", "2026-03-10")
        assert [post.valid_until for post in appointments_of(conn, an.person_id)] == ["2026-03-10"]
        assert reached(conn, group.address) == set()
        assert reached(conn, an.login) == {head.account_id}
        assert leavings(conn) == []
        assert entrusted_to(conn, head.account_id) == {an.account_id}
        actions = [entry.action for entry in record.search(conn, subjects=[an.login])]
        assert actions.count("official.leave") == actions.count("official.leave.order") == 1
    assert city.directory.check_consistency() == []


def test_it_ends_what_opens_the_mailbox(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an, _, _ = staffed(any_city, conn)
        account_changes.set_admin(conn, "test", an.account_id, True)
        sessions.start(conn, an.account_id, "", "")
        app_passwords.add(conn, "test", an.account_id, "Máy tính", "imap")
        leaving.leave(conn, "test", an.account_id, last_day=EVE)
        assert sessions.sessions_of(conn, an.account_id) == []
        assert app_passwords.listed(conn, an.account_id) == []
        gone = find_account(conn, an.account_id)
        assert gone is not None
        assert (gone.status, gone.is_admin) == ("closed", False)
        row = address_row(conn, an.login)
        assert row is not None
        assert (row.state, row.until) == ("quarantined", days_after(TODAY, 730))
    assert any_city.directory.check_consistency() == []


def test_a_mistake_is_taken_back_whole(any_city: City) -> None:
    city = any_city
    with city.directory.write() as conn:
        an, head, deputy = staffed(city, conn)
        group = groups.add_group(conn, "test", address_text="nhom", name="Nhóm", posting="named")
        groups.add_member(conn, "test", group.id, an.login)
        groups.set_posters(conn, "test", group.id, [an.account_id])
        hotline = mailboxes.open_mailbox(conn, "test", address_text="hotline", name="Đường dây nóng")
        mailboxes.grant(conn, "test", hotline.id, an.account_id)
        aliases.add_alias(conn, "test", "an.nv", an.login)
        account_changes.set_admin(conn, "test", an.account_id, True)
    with city.directory.write(reason="Bàn giao") as conn:
        # another's mail is in his custody, and a post begins only later
        leaving.leave(conn, "test", deputy.account_id, last_day=EVE, custodian_id=an.account_id)
        appoint(
            conn, "test", an.account_id, unit_id=city.units["STC"], position_id=city.positions["CV"],
            from_day="2026-05-01",
        )  # fmt: skip
    before = snapshot(city.directory)
    with city.directory.write() as conn:
        leaving.leave(conn, "test", an.account_id, last_day=EVE, redirect_to=head.login, redirect_until="2026-12-31")
        assert entrusted_to(conn, head.account_id) == {an.account_id, deputy.account_id}
        assert entrusted_to(conn, an.account_id) == set()
    assert city.directory.check_consistency() == []
    with city.directory.write() as conn:
        assert leaving.take_back(conn, "test", an.account_id, decision="sửa sai").state == "undone"
    assert city.directory.check_consistency() == []
    after = snapshot(city.directory)
    after["departure"] = before["departure"]
    assert after == before
    with city.directory.write() as conn:
        assert refused(lambda: leaving.take_back(conn, "test", an.account_id)) == "leave-unknown"


def test_an_order_is_withdrawn(city: City, clock: Clock) -> None:
    with city.directory.write() as conn:
        an, _, _ = staffed(city, conn)
        leaving.leave(conn, "test", an.account_id, last_day="2026-03-10")
        assert leaving.take_back(conn, "test", an.account_id).state == "withdrawn"
        assert planned_leaving(conn, an.account_id) is None
    clock.advance(30 * DAY)
    tidy_up(city.directory)
    with city.directory.read() as conn:
        assert find_official(conn, an.account_id).account.status == "active"


def test_what_was_built_on_it_is_not_taken_back(city: City) -> None:
    with city.directory.write() as conn:
        an, _, _ = staffed(city, conn)
        group = groups.add_group(conn, "test", address_text="nhom", name="Nhóm")
        groups.add_member(conn, "test", group.id, an.login)
        leaving.leave(conn, "test", an.account_id, last_day=EVE)
        # his unit ends, so there is no post to return to
        close_unit(conn, "test", city.units["SYT"], last_day=EVE, force=True)
    before = snapshot(city.directory)
    with pytest.raises(Fault) as caught, city.directory.write() as conn:
        leaving.take_back(conn, "test", an.account_id)
    assert caught.value.code == "leave-overtaken"
    assert snapshot(city.directory) == before


def test_who_must_leave_leaves_though_his_successor_is_gone(city: City, clock: Clock) -> None:
    with city.directory.write(reason="Nghỉ hưu") as conn:
        an, head, deputy = staffed(city, conn)
        leaving.leave(
            conn, "test", an.account_id, last_day="2026-03-10", redirect_to=deputy.login, redirect_until="2026-12-31",
            custodian_id=deputy.account_id,
        )  # fmt: skip
        leaving.leave(conn, "test", deputy.account_id, last_day=EVE)
    clock.advance(9 * DAY)
    tidy_up(city.directory)
    with city.directory.read() as conn:
        row = address_row(conn, an.login)
        assert row is not None
        assert row.state == "quarantined"
        assert an.account_id in entrusted_to(conn, head.account_id)
        entry = next(e for e in record.search(conn, subjects=[an.login]) if e.action == "official.leave")
        assert '"problem"' in entry.details
    assert city.directory.check_consistency() == []


def test_custody_is_of_the_head_and_passes_to_the_next(any_city: City, clock: Clock) -> None:
    city = any_city
    with city.directory.write() as conn:
        an, head, deputy = staffed(city, conn)
        clerk = city.join(conn, "Phạm Dung", position="VT")
        leaving.leave(conn, "test", an.account_id, last_day=EVE, decision="12/QĐ")
        assert [bool(entrusted_to(conn, who.account_id)) for who in (head, deputy, clerk)] == [True, False, False]
        # another head from the tenth on
        move(conn, "test", head.login, unit_id=city.units["STC"], position_id=city.positions["GD"],
             from_day="2026-03-10")  # fmt: skip
    clock.advance(7 * DAY)
    tidy_up(city.directory)
    with city.directory.read() as conn:
        assert entrusted_to(conn, head.account_id) == {an.account_id}
    clock.advance(DAY)
    tidy_up(city.directory)
    with city.directory.read() as conn:
        assert [bool(entrusted_to(conn, who.account_id)) for who in (head, deputy, clerk)] == [False, True, False]
    clock.advance(90 * DAY)
    tidy_up(city.directory)
    with city.directory.read() as conn:
        assert entrusted_to(conn, deputy.account_id) == set()
        assert custody.custody_of(conn, an.account_id) is None
        assert next(record.search(conn, subjects=[an.login])).action == "mailbox.withdraw"
    assert city.directory.check_consistency() == []


def test_custody_is_given_for_a_reason_to_whoever_can_have_it(any_city: City, clock: Clock) -> None:
    city = any_city
    with city.directory.write() as conn:
        an, head, deputy = staffed(city, conn)
        box = mailboxes.open_mailbox(
            conn, "test", address_text="vanthu.syt", name="Văn thư", unit_id=city.units["SYT"]
        )  # fmt: skip
        clerk = city.join(conn, "Phạm Dung", position="VT")
    with city.directory.write(reason="Bàn giao hồ sơ") as conn:
        assert refused(lambda: custody.entrust(conn, "test", an.account_id, holder_id=head.account_id)) == (
            "account-not-closed"
        )
        leaving.leave(conn, "test", an.account_id, last_day=EVE, custody_days=0)
        assert custody.custody_of(conn, an.account_id) is None
        assert entrusted_to(conn, head.account_id) == set()
        for holder in (an.account_id, "nobody"):
            with pytest.raises(Fault, match="cannot look after"):
                custody.entrust(conn, "x", an.account_id, holder_id=holder)
        assert refused(lambda: custody.entrust(conn, "x", an.account_id, unit_id=city.units["P.SG"])) == "head-unknown"
        custody.entrust(conn, "test", an.account_id, holder_id=box.id, days=10)
        # whoever reads the unit's mailbox
        assert entrusted_to(conn, clerk.account_id) == {an.account_id}
        custody.entrust(conn, "test", an.account_id, holder_id=deputy.account_id, days=10)
        assert entrusted_to(conn, clerk.account_id) == set()
        assert entrusted_to(conn, deputy.account_id) == {an.account_id}
    clock.advance(11 * DAY)
    with city.directory.read() as conn:
        conn.forget()  # also before the housekeeper has come
        assert entrusted_to(conn, deputy.account_id) == set()
    with city.directory.write() as conn:
        assert refused(lambda: custody.entrust(conn, "x", an.account_id, holder_id=head.account_id)) == "reason-missing"
    with city.directory.write(reason="Hết việc") as conn:
        custody.entrust(conn, "test", an.account_id, holder_id=deputy.account_id, days=10)
        custody.withdraw(conn, "test", an.account_id)
        assert refused(lambda: custody.withdraw(conn, "test", an.account_id)) == "custody-unknown"
    assert city.directory.check_consistency() == []


def test_a_return_restores_mail_and_addresses_and_no_rights(any_city: City, clock: Clock) -> None:
    city = any_city
    with city.directory.write() as conn:
        an, head, _ = staffed(city, conn)
        account_changes.set_admin(conn, "test", an.account_id, True)
        aliases.add_alias(conn, "test", "an.cu", an.login)
        aliases.remove_alias(conn, "test", "an.cu")
        aliases.add_alias(conn, "test", "an.nv", an.login)
        leaving.leave(conn, "test", an.account_id, last_day=EVE, redirect_to=head.login, redirect_until="2026-12-31")
    clock.advance(40 * DAY)  # 2026-04-11
    with city.directory.write() as conn:
        leaving.come_back(
            conn, "test", an.account_id, unit_id=city.units["STC"], position_id=city.positions["CV"],
            from_day="2026-04-20",
        )  # fmt: skip
        back = find_official(conn, an.login)
        assert (back.account.status, back.account.is_admin, back.has_password) == ("locked", False, False)
        assert reached(conn, an.login) == reached(conn, "an.nv@city.gov.vn") == {an.account_id}
        # what he had lost before does not come back
        assert reached(conn, "an.cu@city.gov.vn") == set()
        assert entrusted_to(conn, head.account_id) == set()
    clock.advance(9 * DAY)
    tidy_up(city.directory)
    with city.directory.write() as conn:
        assert find_official(conn, an.login).account.status == "active"
        # that leaving is over: there is nothing to take back
        assert refused(lambda: leaving.take_back(conn, "test", an.account_id)) == "leave-unknown"
    assert city.directory.check_consistency() == []


def test_who_starts_later_signs_in_later(any_city: City, clock: Clock) -> None:
    city = any_city
    with city.directory.write() as conn:
        an = city.join(conn, "Nguyễn Văn An", valid_from="2026-03-05", password_hash="x")
        held = city.join(conn, "Lê Bình", valid_from="2026-03-05", password_hash="x")
        early = city.join(conn, "Trần Chi", valid_from="2026-03-05", password_hash="x")
        assert {find_official(conn, who.login).account.status for who in (an, held, early)} == {"locked"}
        assert reached(conn, an.login) == {an.account_id}  # what comes before is there on the first day
        account_changes.lock(conn, "test", held.account_id)
        account_changes.unlock(conn, "test", early.account_id)
        assert account_changes.opens_on(conn, an.account_id) == "2026-03-05"
    clock.advance(3 * DAY)
    tidy_up(city.directory)
    with city.directory.read() as conn:
        statuses = [find_official(conn, who.login).account.status for who in (an, held, early)]
        assert statuses == ["active", "locked", "active"]
        assert next(record.search(conn, subjects=[an.login])).action == "official.start"
    assert city.directory.check_consistency() == []


def test_a_mover_loses_the_rights_of_the_old_unit_on_the_day(any_city: City, clock: Clock) -> None:
    city = any_city
    with city.directory.write() as conn:
        an, head, _ = staffed(city, conn)
        box = mailboxes.open_mailbox(conn, "test", address_text="syt", name="Sở Y tế", unit_id=city.units["SYT"])
        other = mailboxes.open_mailbox(conn, "test", address_text="stc", name="Sở Tài chính", unit_id=city.units["STC"])
        for mailbox in (box, other):
            mailboxes.grant(conn, "test", mailbox.id, an.account_id)
        mailboxes.grant(conn, "test", box.id, head.account_id)
        move(conn, "test", an.login, unit_id=city.units["STC"], position_id=city.positions["CV"],
             from_day="2026-03-10")  # fmt: skip
        right = next(each for each in mailboxes.rights_on(conn, box.id) if each.account.id == an.account_id)
        assert right.valid_until == "2026-03-09"
        # a head who keeps another post there keeps the right
        appoint(conn, "test", head.login, unit_id=city.units["SYT"], position_id=city.positions["CV"], from_day=TODAY)
        move(conn, "test", head.login, unit_id=city.units["STC"], position_id=city.positions["GD"], from_day=TODAY)
        assert mailboxes_of(conn, head.account_id) == {box.id}
    clock.advance(7 * DAY)
    with city.directory.read() as conn:
        assert mailboxes_of(conn, an.account_id, "send") == {box.id, other.id}
    clock.advance(DAY)
    with city.directory.read() as conn:
        conn.forget()  # also before the housekeeper has come
        assert mailboxes_of(conn, an.account_id, "send") == mailboxes_of(conn, an.account_id) == {other.id}
    tidy_up(city.directory)
    with city.directory.write() as conn:
        assert {each.account.id for each in mailboxes.rights_on(conn, box.id)} == {head.account_id}
        dismiss(conn, "test", head.login, unit_id=city.units["SYT"], last_day="2026-03-09")
        assert mailboxes.rights_on(conn, box.id) == []
    assert city.directory.check_consistency() == []


def test_a_role_goes_from_holder_to_holder(any_city: City, clock: Clock) -> None:
    city = any_city
    with city.directory.write() as conn:
        an, head, _ = staffed(city, conn)
        role = mailboxes.open_mailbox(conn, "test", address_text="giamdoc.syt", name="Giám đốc Sở Y tế")
        mailboxes.attach(conn, "test", role.id, city.units["SYT"], "GD")
        mailboxes.attach(conn, "test", role.id, city.units["SYT"], "GD")
        assert mailboxes.posts_of(conn, role.id) == [(city.units["SYT"], city.positions["GD"])]
        assert [right.account.id for right in mailboxes.rights_on(conn, role.id)] == [head.account_id]
        leaving.leave(conn, "test", head.account_id, last_day="2026-03-09")
        move(conn, "test", an.login, unit_id=city.units["SYT"], position_id=city.positions["GD"],
             from_day="2026-03-10")  # fmt: skip
    for day, holder in ((7, head), (1, an)):
        clock.advance(day * DAY)
        tidy_up(city.directory)
        with city.directory.read() as conn:
            assert [right.account.id for right in mailboxes.rights_on(conn, role.id)] == [holder.account_id]
            assert mailboxes_of(conn, holder.account_id, "send") == {role.id}
    with city.directory.write() as conn:
        assert mailboxes_of(conn, head.account_id) == set()
        mailboxes.detach(conn, "test", role.id, city.units["SYT"], "GD")
        assert mailboxes_of(conn, an.account_id) == set()
        assert refused(lambda: mailboxes.detach(conn, "test", role.id, city.units["SYT"], "GD")) == "member-unknown"
        assert refused(lambda: mailboxes.attach(conn, "test", an.account_id, city.units["SYT"], "GD")) == (
            "value-invalid"
        )
    assert city.directory.check_consistency() == []


def test_orders_that_make_no_sense_are_refused(city: City) -> None:
    with city.directory.write() as conn:
        an, head, _ = staffed(city, conn)
        for more, code in (
            ({"redirect_to": head.login, "redirect_until": EVE}, "day-order"),
            ({"custody_days": -1}, "value-invalid"),
            ({"custodian_id": an.account_id}, "custodian-invalid"),
            ({"custodian_id": "nobody"}, "custodian-invalid"),
            ({"custodian_id": head.account_id}, "reason-missing"),
        ):
            with pytest.raises(Fault) as caught:
                leaving.leave(conn, "test", an.account_id, last_day=EVE, **more)
            assert caught.value.code == code
        assert leavings(conn) == []


def test_a_contract_that_ends_by_itself_leaves_the_mail_to_the_head(city: City, clock: Clock) -> None:
    with city.directory.write() as conn:
        _, head, _ = staffed(city, conn)
        guest = city.join(conn, "Phạm Dung", valid_until="2026-03-10")
        leaving.leave(conn, "test", guest.account_id, last_day="2026-03-10")
    clock.advance(9 * DAY)
    tidy_up(city.directory)
    with city.directory.read() as conn:
        assert entrusted_to(conn, head.account_id) == {guest.account_id}


def test_who_may_let_people_leave_does_not_choose_who_reads_their_mail(city: City) -> None:
    with city.directory.write() as conn:
        an, head, _ = staffed(city, conn)
        clerk = city.join(conn, "Phạm Dung", position="TP")
        delegations.grant(conn, "test", clerk.account_id, "hr-clerk", unit_id=city.units["SYT"], below_rank=20)
    city.directory.administrator = clerk.account_id
    for custodian in (clerk.account_id, head.account_id):
        with pytest.raises(Fault) as caught, city.directory.write(reason="Tò mò") as conn:
            leaving.leave(conn, clerk.login, an.account_id, last_day=EVE, custodian_id=custodian)
        assert caught.value.code.startswith("may-not-")
    with pytest.raises(Fault) as caught, city.directory.write(reason="Tò mò") as conn:
        leaving.leave(conn, clerk.login, an.account_id, last_day=EVE, redirect_to=clerk.login)
    assert caught.value.code == "may-not-himself"
    with city.directory.write(reason="Nghỉ hưu") as conn:
        leaving.leave(conn, clerk.login, an.account_id, last_day=EVE, redirect_to=head.login)
        assert entrusted_to(conn, head.account_id) == {an.account_id}
        assert entrusted_to(conn, clerk.account_id) == set()


def test_what_a_mailbox_holds_is_read_with_the_one_that_follows(any_city: City, clock: Clock) -> None:
    city = any_city
    with city.directory.write() as conn:
        clerk = city.join(conn, "Phạm Dung", unit="STC", position="VT")
        boxes = [
            mailboxes.open_mailbox(conn, "test", address_text=f"hop{n}", name=f"Hộp {n}", unit_id=city.units[unit]).id
            for n, unit in enumerate(("P.SG", "SYT", "STC"))
        ]
        for n, box in enumerate(boxes[:2]):
            leaving.leave(conn, "test", box, last_day=EVE, redirect_to=f"hop{n + 1}", redirect_until="2026-12-31")
        # the first was followed by the second, and that by the third
        assert entrusted_to(conn, clerk.account_id) == set(boxes[:2])
    clock.advance(1000 * DAY)
    tidy_up(city.directory)
    with city.directory.write() as conn:
        assert entrusted_to(conn, clerk.account_id) == set(boxes[:2])
        leaving.leave(conn, "test", boxes[2], last_day=EVE)
        assert entrusted_to(conn, clerk.account_id) == set()
        leaving.take_back(conn, "test", boxes[2])
        assert entrusted_to(conn, clerk.account_id) == set(boxes[:2])
    assert city.directory.check_consistency() == []
