"""Plans from proposal to undoing, on both engines."""

from __future__ import annotations

import pytest

from directory import record
from directory.dates import days_after
from directory.faults import Fault
from directory.housekeeping import tidy_up
from directory.mail import aliases, groups, mailboxes
from directory.mail.accounts import account_by_login, find_account
from directory.mail.addresses import address_row
from directory.mail.custody import entrusted_to
from directory.mail.mailboxes import rights_on
from directory.mail.recipients import resolve
from directory.plans import life
from directory.signing_in import sessions
from directory.staff import people, provisioning, unit_changes, units
from directory.staff.postings import appointments_of
from tests.directory.conftest import Clock
from tests.directory.plans.conftest import (
    DAY,
    EVE,
    MERGER,
    Eve,
    differing,
    line,
    mailboxes_of,
    plan_text,
    reached,
    snapshot,
)


def code_of(caught: pytest.ExceptionInfo[Fault]) -> str:
    return caught.value.code


def test_what_a_plan_does(any_eve: Eve) -> None:
    eve = any_eve
    eve.apply(eve.propose(plan_text(MERGER)))
    assert eve.directory.check_consistency() == []
    old = eve.city.units
    with eve.directory.read() as conn:
        tree = units.tree(conn)
        new = tree.find("P.TĐ")
        assert (new.name, new.valid_from, new.agency_code, new.decision) == (
            "Phường Tân Định mới",
            DAY,
            "H29.1",
            "1685/NQ",
        )
        assert {"W1", "W2", "W3", "Q1"}.isdisjoint(unit.short_name for unit in tree.by_id.values())
        assert tree.find("P.BT").name == "Phường Bến Thành mới"
        assert [unit.short_name for unit in tree.path(old["SYT"])] == ["UBND", "STC", "SYT"]
        # the past is as it was
        before = units.tree(conn, EVE)
        assert [unit.short_name for unit in before.path(old["W1"])] == ["UBND", "Q1", "W1"]
        assert before.find("P.BT").name == "Phường Bến Thành"
        assert units.versions(conn, old["W1"])[-1].valid_until == EVE
        links = {(found.kind, found.new_id, found.effective) for found in units.successions(conn, old["W3"])}
        assert links == {("split", old["P.SG"], DAY), ("split", new.id, DAY)}
        assert [found.kind for found in units.successions(conn, old["W1"])] == ["merge"]
        assert [found.kind for found in units.successions(conn, old["Q1"])] == ["dissolve"]
        # closed units can still be read
        assert units.find_unit(conn, "W1").name == "Phường Một"
        assert [found.id for found in units.search_units(conn, "phuong mot", closed=True)] == [old["W1"]]


def test_where_officials_go(eve: Eve) -> None:
    eve.apply(eve.propose(plan_text(MERGER)))
    with eve.directory.read() as conn:
        new = units.tree(conn).find("P.TĐ")
        for code, unit_id in (
            ("CB5", new.id),  # of W1
            ("CB9", new.id),  # of W2
            ("CB13", eve.city.units["P.SG"]),  # chairman of W3
            ("CB14", eve.city.units["P.SG"]),  # head of division
            ("CB15", new.id),  # the rest
            ("CB1", eve.city.units["STC"]),  # of the district
        ):
            official = people.find_official(conn, code)
            now, past = appointments_of(conn, official.person_id)
            assert (now.unit_id, now.valid_from, now.valid_until, now.is_primary) == (unit_id, DAY, None, True)
            assert (past.valid_until, past.position_id) == (EVE, now.position_id)
            assert now.decision == "1685/NQ"
            assert official.account.unit == units.tree(conn).label(unit_id)


def test_where_mail_goes(eve: Eve) -> None:
    eve.apply(eve.propose(plan_text(MERGER)))
    with eve.directory.read() as conn:
        made = account_by_login(conn, "ubnd.p.tandinh@city.gov.vn")
        kept = account_by_login(conn, "ubnd.w2@city.gov.vn")
        assert made is not None
        assert kept is not None
        assert reached(conn, "ubnd.w1@city.gov.vn") == {made.id}
        assert reached(conn, "ubnd.w2@city.gov.vn") == {kept.id}
        assert kept.unit == "Phường Tân Định mới"
        row = address_row(conn, "ubnd.w1@city.gov.vn")
        assert row is not None
        assert (row.state, row.forward_to, row.until) == ("redirect", made.login, "2027-03-01")
        closed = find_account(conn, str(row.account_id))
        assert closed is not None
        assert closed.status == "closed"
        assert rights_on(conn, closed.id) == []
        # the clerks of three wards read for the new one, and who had been named for one of them
        readers = {people.find_official(conn, code).account.login for code in ("CB8", "CB12", "CB16")}
        assert {right.account.login for right in rights_on(conn, made.id)} == readers | {"binhlt@city.gov.vn"}
        # all of them still read what is in the closed one, and nobody else
        for code in ("CB5", "CB8", "CB12", "CB16", "CB20"):
            account = people.find_official(conn, code).account
            assert (closed.id in entrusted_to(conn, account.id)) == (account.login in readers), code


def test_groups_follow(eve: Eve) -> None:
    with eve.directory.read() as conn:
        everybody = reached(conn, "tat-ca.phuong3@city.gov.vn")
    eve.apply(eve.propose(plan_text(MERGER)))
    with eve.directory.read() as conn:
        after = reached(conn, "tat-ca.phuong3@city.gov.vn")
        box = account_by_login(conn, "ubnd.p.tandinh@city.gov.vn")
        w1 = address_row(conn, "ubnd.w1@city.gov.vn")
        assert box is not None
        assert w1 is not None
        assert everybody - {str(w1.account_id)} < after
        assert box.id in after
        assert people.find_official(conn, "CB5").account.id in reached(conn, "tat-ca.phuong1@city.gov.vn")


def test_undoing_brings_everything_back(any_eve: Eve) -> None:
    eve = any_eve
    before = snapshot(eve.directory)
    plan_id = eve.propose(plan_text(MERGER))
    eve.apply(plan_id)
    assert snapshot(eve.directory) != before
    eve.undo(plan_id)
    assert eve.directory.check_consistency() == []
    found = differing(before, snapshot(eve.directory))
    # an address that was given out stays given out, with the closed mailbox that had it
    assert set(found) == {"account", "address"}
    assert [found[name][0] for name in found] == [set(), set()]
    assert {row[:2] for row in found["address"][1]} == {("ubnd.p.tandinh@city.gov.vn", "retired")}
    assert {row[1:4] for row in found["account"][1]} == {("role", "ubnd.p.tandinh@city.gov.vn", "closed")}
    # the same plan again has its address again
    again = eve.propose(plan_text(MERGER))
    eve.apply(again)
    assert eve.directory.check_consistency() == []
    with eve.directory.read() as conn:
        box = account_by_login(conn, "ubnd.p.tandinh@city.gov.vn")
        assert box is not None
        assert (box.id, box.status) == (next(iter(found["account"][1]))[0], "active")
    eve.undo(again)
    assert differing(before, snapshot(eve.directory)).keys() == {"account", "address"}


def test_a_redirect_ends_on_its_day(eve: Eve, clock: Clock) -> None:
    eve.apply(eve.propose(plan_text(MERGER)))
    clock.advance(366 * 86400)
    tidy_up(eve.directory)
    with eve.directory.read() as conn:
        assert resolve(conn, "ubnd.w1@city.gov.vn") is None
        row = address_row(conn, "ubnd.w1@city.gov.vn")
        assert row is not None
        assert row.state == "quarantined"


def test_the_author_does_not_approve(eve: Eve) -> None:
    with eve.directory.write() as conn:
        found = life.propose(conn, "cli:an", plan_text(MERGER))
        for who in ("cli:an", "CLI:An"):
            with pytest.raises(Fault) as caught:
                life.approve(conn, who, found.id)
            assert code_of(caught) == "plan-author"
    with pytest.raises(Fault) as caught:
        life.apply(eve.directory, "cli:binh", found.id)
    assert code_of(caught) == "plan-state"
    with eve.directory.write() as conn:
        assert life.approve(conn, "cli:binh", found.id).approver == "cli:binh"
        with pytest.raises(Fault) as caught:
            life.approve(conn, "cli:chi", found.id)
        assert code_of(caught) == "plan-state"


def test_a_plan_waits_for_its_day(eve: Eve, clock: Clock) -> None:
    head = plan_text(MERGER).source["plan.toml"].replace(DAY, "2026-03-05")
    plan_id = eve.propose(plan_text(MERGER, head=head))
    with pytest.raises(Fault) as caught:
        eve.apply(plan_id)
    assert code_of(caught) == "plan-early"
    tidy_up(eve.directory)
    with eve.directory.read() as conn:
        assert life.find_plan(conn, plan_id).state == "approved"
    clock.advance(3 * 86400)
    tidy_up(eve.directory)
    with eve.directory.read() as conn:
        assert life.find_plan(conn, plan_id).state == "applied"
        assert units.tree(conn).find("P.TĐ").valid_from == "2026-03-05"
    assert eve.directory.check_consistency() == []
    tidy_up(eve.directory)


def test_a_plan_that_no_longer_fits_is_blocked(eve: Eve) -> None:
    plan_id = eve.propose(plan_text(MERGER))
    with eve.directory.write() as conn:
        unit_changes.close_unit(conn, "test", eve.city.units["W2"], last_day="2026-02-01", force=True)
    before = snapshot(eve.directory)
    tidy_up(eve.directory)
    assert snapshot(eve.directory) == before
    with eve.directory.read() as conn:
        found = life.find_plan(conn, plan_id)
    assert found.state == "blocked"
    assert "units.csv:4: không có đơn vị W2" in found.problem
    with eve.directory.write() as conn:
        assert life.withdraw(conn, "cli:an", plan_id).state == "withdrawn"


def test_what_was_changed_since_is_not_undone(any_eve: Eve) -> None:
    eve = any_eve
    plan_id = eve.propose(plan_text(MERGER))
    eve.apply(plan_id)
    with eve.directory.write() as conn:
        new = units.tree(conn).find("P.TĐ").id
        provisioning.dismiss(conn, "test", "CB5", unit_id=new, last_day=days_after(DAY, 20))
    before = snapshot(eve.directory)
    with pytest.raises(Fault) as caught:
        eve.undo(plan_id)
    assert code_of(caught) == "plan-overtaken"
    assert snapshot(eve.directory) == before


@pytest.mark.parametrize("what", ["official", "unit", "rule", "right", "alias", "member"])
def test_what_others_put_into_a_new_unit_is_not_lost(eve: Eve, what: str) -> None:
    plan_id = eve.propose(plan_text(MERGER))
    eve.apply(plan_id)
    with eve.directory.write() as conn:
        new = units.tree(conn).find("P.TĐ").id
        eve.city.units["new"] = new
        if what == "official":
            eve.city.join(conn, "Trần Mới", "new", "CV", valid_from=DAY)
        elif what == "unit":
            unit_changes.add_unit(
                conn, "test", name="Khu phố", short_name="KP", type_code="ward", valid_from=DAY, parent_id=new
            )
        elif what == "right":
            box = mailboxes_of(conn, "ubnd.p.tandinh@city.gov.vn")
            mailboxes.grant(conn, "test", box, people.find_official(conn, "CB21").account.id)
        elif what == "alias":
            aliases.add_alias(conn, "test", "tandinh", "ubnd.p.tandinh")
        elif what == "member":
            group = groups.add_group(conn, "test", address_text="moi", name="Mới")
            groups.add_member(conn, "test", group.id, "ubnd.p.tandinh@city.gov.vn")
        else:
            group = groups.add_group(conn, "test", address_text="moi", name="Mới")
            groups.add_rule(conn, "test", group.id, unit_id=new)
    with pytest.raises(Fault) as caught:
        eve.undo(plan_id)
    assert code_of(caught) == "plan-overtaken"
    assert eve.directory.check_consistency() == []


def test_every_step_is_on_record(eve: Eve) -> None:
    plan_id = eve.propose(plan_text(MERGER))
    eve.apply(plan_id)
    eve.undo(plan_id)
    with eve.directory.read() as conn:
        assert record.check(conn) is None
        about = [entry.action for entry in record.search(conn, subjects=[plan_id])]
        assert about == ["plan.undo", "plan.apply", "plan.approve", "plan.propose"]
        actions = [entry.action for entry in record.search(conn, text=plan_id)]
        login = people.find_official(conn, "CB5").account.login
        mine = [entry for entry in record.search(conn, subjects=[login]) if entry.action == "official.move"]
    assert actions.count("unit.close") == 4
    assert actions.count("unit.alter") == 2
    assert actions.count("official.move") == 16
    assert actions.count("mailbox.close") == 2
    assert '"to":"Phường Tân Định mới"' in mine[0].details.replace('": "', '":"')


def test_a_closed_mailbox_ends_its_sessions_and_signs_nobody_in(eve: Eve) -> None:
    with eve.directory.write() as conn:
        box = account_by_login(conn, "ubnd.w1@city.gov.vn")
        assert box is not None
        sessions.start(conn, box.id, "", "")
    eve.apply(eve.propose(plan_text(MERGER)))
    with eve.directory.read() as conn:
        assert sessions.sessions_of(conn, box.id) == []


def test_officials_named_go_elsewhere(eve: Eve) -> None:
    officials = "official,from_unit,unit,position,title\nCB5,,P.BT,TP,Phó Chủ tịch\nCB9,W2,-,,\n"
    eve.apply(eve.propose(plan_text(MERGER, officials)))
    assert eve.directory.check_consistency() == []
    with eve.directory.read() as conn:
        moved = people.find_official(conn, "CB5")
        post = appointments_of(conn, moved.person_id)[0]
        assert (post.unit_id, post.position_id, post.title) == (
            eve.city.units["P.BT"],
            eve.city.positions["TP"],
            "Phó Chủ tịch",
        )
        assert moved.account.title == "Phó Chủ tịch"
        gone = people.find_official(conn, "CB9")
        assert [post.valid_until for post in appointments_of(conn, gone.person_id)] == [EVE]
        assert gone.account.unit == ""


def test_a_post_held_already_is_not_doubled(eve: Eve) -> None:
    with eve.directory.write() as conn:
        provisioning.appoint(
            conn, "test", "CB7", unit_id=eve.city.units["W2"], position_id=eve.city.positions["CV"],
            from_day="2026-02-01",
        )  # fmt: skip
    before = snapshot(eve.directory)
    plan_id = eve.propose(plan_text(MERGER))
    eve.apply(plan_id)
    with eve.directory.read() as conn:
        held = [p for p in appointments_of(conn, people.find_official(conn, "CB7").person_id) if p.valid_until is None]
        assert [post.is_primary for post in held] == [True]
    assert eve.directory.check_consistency() == []
    eve.undo(plan_id)
    assert differing(before, snapshot(eve.directory)).keys() == {"account", "address"}


def test_what_is_written_where_the_plan_begins_later_is_taken_along(eve: Eve) -> None:
    """A post that was to begin next month in a unit that ends begins in its successor."""
    with eve.directory.write() as conn:
        provisioning.appoint(
            conn, "test", "CB21", unit_id=eve.city.units["W1"], position_id=eve.city.positions["TP"],
            from_day="2026-04-01",
        )  # fmt: skip
    plan_id = eve.propose(plan_text(line("merge", "W1", into="W2")))
    before = snapshot(eve.directory)
    eve.apply(plan_id)
    with eve.directory.read() as conn:
        newest = appointments_of(conn, people.find_official(conn, "CB21").person_id)[0]
        assert (newest.unit_id, newest.valid_from) == (eve.city.units["W2"], "2026-04-01")
    eve.undo(plan_id)
    assert differing(before, snapshot(eve.directory)) == {}


def test_what_ends_may_go_into_what_lies_below_it(eve: Eve) -> None:
    """The other wards of the district come below the one that follows it, which takes the district's place."""
    eve.apply(eve.propose(plan_text(line("merge", "Q1", into="W1"))))
    with eve.directory.read() as conn:
        tree = units.tree(conn)
        assert [unit.short_name for unit in tree.path(eve.city.units["W1"])] == ["UBND", "W1"]
        assert [unit.short_name for unit in tree.path(eve.city.units["W2"])] == ["UBND", "W1", "W2"]
    assert eve.directory.check_consistency() == []


def test_a_post_that_is_held_for_a_time_does_not_swallow_one_for_good(eve: Eve) -> None:
    with eve.directory.write() as conn:
        provisioning.appoint(
            conn, "test", "CB7", unit_id=eve.city.units["W2"], position_id=eve.city.positions["CV"],
            from_day="2026-02-01", until_day="2026-04-30", kind="acting",
        )  # fmt: skip
    eve.apply(eve.propose(plan_text(line("merge", "W1", into="W2"))))
    with eve.directory.read() as conn:
        held = appointments_of(conn, people.find_official(conn, "CB7").person_id)
    open_ended = [post for post in held if post.unit_id == eve.city.units["W2"] and post.valid_until is None]
    assert [(post.kind, post.is_primary) for post in open_ended] == [("substantive", True)]


def test_a_plan_may_come_late(eve: Eve, clock: Clock) -> None:
    """Who joined a unit after the day on which it had ended goes where it went, from his own first day."""
    plan_id = eve.propose(plan_text(MERGER))
    clock.advance(10 * 86400)
    with eve.directory.write() as conn:
        eve.city.join(conn, "Trần Văn Muộn", "W1", "CV", valid_from="2026-03-09", employee_code="CB90")
    before = snapshot(eve.directory)
    eve.apply(plan_id)
    with eve.directory.read() as conn:
        late = appointments_of(conn, people.find_official(conn, "CB90").person_id)
        assert [(post.unit_id, post.valid_from) for post in late] == [(units.tree(conn).find("P.TĐ").id, "2026-03-09")]
        assert units.tree(conn).find("P.TĐ").valid_from == DAY
    assert eve.directory.check_consistency() == []
    eve.undo(plan_id)
    assert eve.directory.check_consistency() == []
    assert differing(before, snapshot(eve.directory)).keys() == {"account", "address"}
