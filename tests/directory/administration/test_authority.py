"""Administrators and what they change: judged wherever it is recorded, before and after, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import update

from directory import record
from directory.administration import approvals, authority, bounds, delegations
from directory.administration.authority import may
from directory.administration.roles import Role
from directory.database import OWNER, Directory, Writing
from directory.faults import Fault, Refused
from directory.mail import account_changes, groups, mailboxes
from directory.mail.accounts import account_by_login, credentials_of, find_account
from directory.signing_in import app_passwords
from directory.staff import leaving, provisioning
from directory.staff import unit_changes as changes
from directory.tables import account
from directory.words.names import split_name
from tests.directory.conftest import City, Clock

Office = dict[str, str]  # who → account id


@pytest.fixture
def office(city: City) -> Office:
    return furnished(city)


def furnished(city: City) -> Office:
    """An administrator of the health department, its helpdesk and its clerk; people of every kind around them."""
    people = {
        "root": ("Trần Quốc Bảo", "UBND", "TP"),
        "unit": ("Lê Thị Lan", "SYT", "TP"),
        "help": ("Phạm Văn Khoa", "SYT", "CV"),
        "hr": ("Đỗ Thị Hạnh", "SYT", "CV"),
        "director": ("Võ Văn Giám", "SYT", "GD"),
        "officer": ("Nguyễn Văn An", "SYT", "CV"),
        "stranger": ("Bùi Thị Xa", "STC", "CV"),
        "both": ("Hồ Văn Hai", "SYT", "CV"),
    }
    with city.directory.write() as conn:
        made = {who: city.join(conn, name, unit, position).account_id for who, (name, unit, position) in people.items()}
        provisioning.appoint(
            conn, "test", made["both"], unit_id=city.units["STC"], position_id=city.positions["CV"],
            from_day="2026-02-01",
        )  # fmt: skip
        delegations.grant(conn, "test", made["root"], "city-admin", below_rank=0)
        for who, role in (("unit", "unit-admin"), ("help", "helpdesk"), ("hr", "hr-clerk")):
            delegations.grant(conn, "test", made[who], role, unit_id=city.units["SYT"], below_rank=20)  # type: ignore[arg-type]
    return made


def as_(directory: Directory, account_id: str, change: Callable[[Writing], Any], reason: str = "vì việc") -> Any:
    """A change that an administrator answers for."""
    directory.administrator = account_id
    try:
        with directory.write(reason=reason) as conn:
            return change(conn)
    finally:
        directory.administrator = ""


def refused(directory: Directory, account_id: str, change: Callable[[Writing], Any], reason: str = "vì việc") -> str:
    """Why it may not be done; nothing but the attempt is left of it."""
    with directory.read() as conn:
        before = record.last_number(conn)
    with pytest.raises(Refused) as found:
        as_(directory, account_id, change, reason)
    with directory.read() as conn:
        (told,) = record.entries(conn, before)
        assert (told.action, told.actor) == ("admin.refused", "me")
    return found.value.code


def lock(account_id: str) -> Callable[[Writing], Any]:
    return lambda conn: account_changes.lock(conn, "me", account_id)


def status(directory: Directory, account_id: str) -> str:
    with directory.read() as conn:
        conn.memory.clear()
        found = find_account(conn, account_id)
        assert found is not None
        return found.status


def test_who_may_do_it_does_it(city: City, office: Office) -> None:
    as_(city.directory, office["help"], lock(office["officer"]))
    assert status(city.directory, office["officer"]) == "locked"
    with city.directory.read() as conn:
        (entry,) = record.search(conn, action="mailbox.lock")
        assert '"as_role":"helpdesk"' in entry.details


REFUSED = (
    ("help", "help", "may-not-himself"),
    ("help", "director", "may-not-rank"),
    ("help", "stranger", "may-not-subtree"),
    ("help", "both", "may-not-subtree"),
    ("help", "hr", "may-not-standing"),
    ("help", "unit", "may-not-standing"),
    ("unit", "root", "may-not-subtree"),
    ("hr", "officer", "may-not-role"),
    ("officer", "stranger", "may-not-nobody"),
)


def test_who_may_not_leaves_only_his_attempt(city: City, office: Office) -> None:
    for who, whom, why in REFUSED:
        assert (who, whom, refused(city.directory, office[who], lock(office[whom]))) == (who, whom, why)
        assert status(city.directory, office[whom]) == "active"


def test_both_engines_judge_alike(any_city: City) -> None:
    test_who_may_do_it_does_it(any_city, furnished(any_city))
    test_nobody_is_drawn_into_a_part_of_the_city(any_city, furnished(any_city))
    test_a_refusal_that_is_caught_undoes_all_the_same(any_city, furnished(any_city))
    test_what_needs_two_is_done_once_after_the_second_has_agreed(any_city, furnished(any_city))


def test_nobody_is_drawn_into_a_part_of_the_city(city: City, office: Office) -> None:
    def move(whom: str, unit: str, **more: Any) -> Callable[[Writing], Any]:
        return lambda conn: provisioning.move(
            conn, "me", office[whom], unit_id=city.units[unit], position_id=city.positions["CV"],
            **{"from_day": conn.today} | more,
        )  # fmt: skip

    directory = city.directory
    assert refused(directory, office["hr"], move("stranger", "SYT")) == "may-not-subtree"
    assert refused(directory, office["hr"], move("officer", "STC")) == "may-not-subtree"
    assert refused(directory, office["hr"], move("officer", "STC", from_day="2030-01-01")) == "may-not-subtree"
    as_(directory, office["root"], move("officer", "STC"))


def test_nobody_is_made_what_one_could_not_have_made_him(city: City, office: Office) -> None:
    directory = city.directory

    def join(position: str, unit: str = "SYT", **more: Any) -> Callable[[Writing], Any]:
        return lambda conn: city.join(conn, "Người Mới", unit, position, **more)

    def joined_by_me(change: Callable[[Writing], Any]) -> str:
        with pytest.raises(Refused) as found:
            as_(directory, office["hr"], change)
        return found.value.code

    assert joined_by_me(join("GD")) == "may-not-rank"
    assert joined_by_me(join("CV", "STC")) == "may-not-subtree"
    assert joined_by_me(join("CV", is_admin=True)) == "may-not-standing"
    as_(directory, office["hr"], join("CV"))

    def promote(conn: Writing) -> Any:
        return provisioning.move(
            conn, "me", office["officer"], unit_id=city.units["SYT"], position_id=city.positions["GD"],
            from_day="2027-01-01",
        )  # fmt: skip

    assert refused(directory, office["hr"], promote) == "may-not-rank"
    assert refused(
        directory, office["unit"], lambda conn: account_changes.set_admin(conn, "me", office["officer"], True)
    )


def test_a_refusal_that_is_caught_undoes_all_the_same(city: City, office: Office) -> None:
    def sly(conn: Writing) -> None:
        account_changes.lock(conn, "me", office["officer"])
        with suppress(Fault):
            account_changes.lock(conn, "me", office["stranger"])

    assert refused(city.directory, office["help"], sly) == "may-not-subtree"
    assert status(city.directory, office["officer"]) == status(city.directory, office["stranger"]) == "active"


def test_rights_on_mailboxes_are_not_given_to_oneself(city: City, office: Office) -> None:
    directory = city.directory
    with directory.write() as conn:
        box = mailboxes.open_mailbox(conn, "test", address_text="vt.syt", name="VT", unit_id=city.units["SYT"]).id

    def grant(whom: str) -> Callable[[Writing], Any]:
        return lambda conn: mailboxes.grant(conn, "me", box, office[whom])

    assert refused(directory, office["unit"], grant("unit")) == "may-not-himself"
    assert refused(directory, office["unit"], grant("stranger")) == "may-not-subtree"
    assert refused(directory, office["unit"], grant("director"), reason="") == "reason-missing"
    as_(directory, office["unit"], grant("director"))  # above him, but what he gives is his to give

    def attach(unit: str, code: str) -> Callable[[Writing], Any]:
        return lambda conn: mailboxes.attach(conn, "me", box, city.units[unit], city.positions[code])

    assert refused(directory, office["unit"], attach("SYT", "TP")) == "may-not-himself"
    assert refused(directory, office["unit"], attach("STC", "CV")) == "may-not-subtree"
    as_(directory, office["unit"], attach("SYT", "CV"))

    def key(account_id: str) -> Callable[[Writing], Any]:
        return lambda conn: app_passwords.add(conn, "me", account_id, "Máy quét", "both")

    # a scanner has a key to the unit's mail; nobody makes himself one to a colleague's
    as_(directory, office["unit"], key(box))
    for who in ("unit", "root"):
        assert refused(directory, office[who], key(office["officer"])) == "may-not-himself"


def test_units_are_moved_by_whoever_has_both_ends(city: City, office: Office) -> None:
    directory = city.directory

    def add(under: str) -> Callable[[Writing], Any]:
        return lambda conn: changes.add_unit(
            conn, "me", name=f"Phòng {under}", short_name=f"PH{under}", type_code="department",
            valid_from="2026-01-01", parent_id=city.units[under],
        )  # fmt: skip

    made = as_(directory, office["unit"], add("SYT"))
    assert refused(directory, office["unit"], add("STC")) == "may-not-subtree"
    for day in ("2026-03-02", "2030-01-01"):
        away = lambda conn, day=day: changes.alter_unit(  # noqa: E731
            conn, "me", made.id, from_day=day, parent_id=city.units["STC"]
        )
        assert refused(directory, office["unit"], away) == "may-not-subtree"


def test_nobody_moves_or_renames_his_own_part_of_the_city(city: City, office: Office) -> None:
    def alter(**more: Any) -> Callable[[Writing], Any]:
        return lambda conn: changes.alter_unit(conn, "me", city.units["SYT"], from_day="2026-03-02", **more)

    assert refused(city.directory, office["unit"], alter(parent_id=city.units["STC"])) == "may-not-subtree"
    assert refused(city.directory, office["unit"], alter(name="Sở Khác")) == "may-not-subtree"
    as_(city.directory, office["root"], alter(name="Sở Khác"))


def test_a_low_place_in_the_list_makes_no_low_rank(city: City, office: Office) -> None:
    def appoint(conn: Writing) -> Any:
        return provisioning.appoint(
            conn, "me", office["officer"], unit_id=city.units["SYT"], position_id=city.positions["GD"],
            from_day="2026-03-02", rank=99,
        )  # fmt: skip

    assert refused(city.directory, office["hr"], appoint) == "may-not-rank"


def test_mail_of_whoever_leaves_does_not_come_to_the_clerk(city: City, office: Office) -> None:
    def leave(to: str, last_day: str) -> Callable[[Writing], Any]:
        return lambda conn: leaving.leave(conn, "me", office["officer"], last_day=last_day, redirect_to=to)

    with city.directory.read() as conn:
        clerk, helper = (find_account(conn, office[who]) for who in ("hr", "help"))
    assert clerk is not None
    assert helper is not None
    for day in ("2026-03-01", "2026-04-01"):
        assert refused(city.directory, office["hr"], leave(clerk.login, day)) == "may-not-himself"
    as_(city.directory, office["hr"], leave(helper.login, "2026-04-01"))


def test_a_role_mailbox_and_all_else_of_the_city_needs_the_city(city: City, office: Office) -> None:
    directory = city.directory
    with directory.write() as conn:
        box = mailboxes.open_mailbox(conn, "test", address_text="hotline", name="Đường dây nóng").id
        group = groups.add_group(conn, "test", address_text="tatca", name="Tất cả").id
    assert refused(directory, office["unit"], lock(box)) == "may-not-subtree"
    gone = lambda conn: groups.remove_group(conn, "me", group)  # noqa: E731
    assert refused(directory, office["unit"], gone) == "may-not-subtree"
    as_(directory, office["root"], lock(box))
    as_(directory, office["root"], gone)


GRANTS: tuple[tuple[str, Role, dict[str, Any], str], ...] = (
    ("unit", "helpdesk", {"unit": "SYT", "below_rank": 20}, ""),
    ("unit", "helpdesk", {"unit": "SYT"}, ""),
    ("unit", "helpdesk", {"unit": "SYT", "below_rank": 10}, "delegation-beyond"),
    ("unit", "helpdesk", {"unit": "STC", "below_rank": 20}, "delegation-beyond"),
    ("unit", "helpdesk", {"below_rank": 20}, "delegation-beyond"),
    ("unit", "unit-admin", {"unit": "SYT", "below_rank": 20}, "delegation-beyond"),
    ("unit", "auditor", {"unit": "SYT", "below_rank": 20}, "delegation-beyond"),
    ("help", "helpdesk", {"unit": "SYT", "below_rank": 20}, "delegation-beyond"),
    ("root", "city-admin", {"below_rank": 0}, "delegation-beyond"),
    ("root", "auditor", {"below_rank": 0}, ""),
)


def test_nobody_gives_more_than_he_has(city: City, office: Office) -> None:
    for who, role, more, why in GRANTS:
        unit = city.units[more["unit"]] if "unit" in more else None

        def grant(conn: Writing, role: Role = role, unit: str | None = unit, more: dict[str, Any] = more) -> Any:
            return delegations.grant(
                conn, "me", office["officer"], role, unit_id=unit, below_rank=more.get("below_rank")
            )  # fmt: skip

        if why:
            assert (role, more, refused(city.directory, office[who], grant)) == (role, more, why)
        else:
            as_(city.directory, office[who], grant)


def test_what_is_not_recorded_is_not_done(city: City, office: Office) -> None:
    def silent(conn: Writing) -> None:
        conn.execute(update(account).where(account.c.id == office["officer"]).values(quota_bytes=1))

    with pytest.raises(RuntimeError, match="not recorded"):
        as_(city.directory, office["root"], silent)
    with city.directory.read() as conn:
        found = find_account(conn, office["officer"])
    assert found is not None
    assert found.quota_bytes == 0


def test_a_password_that_somebody_else_chose_does_not_last(city: City, office: Office) -> None:
    change = lambda conn: account_changes.set_password(conn, "me", office["officer"], "hash")  # noqa: E731
    as_(city.directory, office["help"], change)
    joined = as_(city.directory, office["hr"], lambda conn: city.join(conn, "Người Mới", password_hash="hash"))
    with city.directory.read() as conn:
        for account_id in (office["officer"], joined.account_id):
            credentials = credentials_of(conn, account_id)
            assert credentials is not None
            assert credentials.must_change_password


def test_whose_groups_are_put_into_ones_own(city: City, office: Office) -> None:
    directory = city.directory
    with directory.write() as conn:
        own = groups.add_group(conn, "test", address_text="cua.syt", name="Của Sở", unit_id=city.units["SYT"]).id
        whole = groups.add_group(conn, "test", address_text="tatca", name="Tất cả", posting="named").address
        near = groups.add_group(conn, "test", address_text="gan", name="Gần", unit_id=city.units["SYT"])
        groups.add_member(conn, "test", near.id, "lanlt")

    def add(member: str) -> Callable[[Writing], Any]:
        return lambda conn: groups.add_member(conn, "me", own, member)

    # else whoever may not write to the whole city would, by way of a group of his own
    assert refused(directory, office["unit"], add(whole)) == "may-not-subtree"
    as_(directory, office["unit"], add(near.address))
    as_(directory, office["unit"], add("xabt"))
    rule = lambda conn: groups.add_rule(conn, "me", own)  # noqa: E731
    assert refused(directory, office["unit"], rule) == "may-not-subtree"
    as_(directory, office["unit"], lambda conn: groups.add_rule(conn, "me", own, unit_id=city.units["SYT"]))


def test_only_people_administer(city: City) -> None:
    with city.directory.write() as conn:
        box = mailboxes.open_mailbox(conn, "test", address_text="hotline", name="Đường dây nóng")
        with pytest.raises(Fault):
            delegations.grant(conn, "test", box.id, "helpdesk")


def test_a_delegation_that_ends_ends_what_was_given_by_it(city: City, office: Office, clock: Clock) -> None:
    directory, unit = city.directory, city.units["SYT"]

    def grant(conn: Writing, until: str | None) -> Any:
        return delegations.grant(conn, "me", office["officer"], "helpdesk", unit_id=unit, below_rank=20, until=until)

    with directory.write() as conn:
        for held in delegations.list_delegations(conn, office["unit"]):
            delegations.revoke(conn, "test", held.delegation.id)
        delegations.grant(conn, "test", office["unit"], "unit-admin", unit_id=unit, below_rank=20, until="2026-03-31")
    assert refused(directory, office["unit"], lambda conn: grant(conn, None)) == "delegation-beyond"
    assert refused(directory, office["unit"], lambda conn: grant(conn, "2026-04-01")) == "delegation-beyond"
    as_(directory, office["unit"], lambda conn: grant(conn, "2026-03-31"))
    with directory.write() as conn:
        city.join(conn, "Ai Đó", "SYT", "CV", address="ai.do")
        somebody = "ai.do@city.gov.vn"
        assert may(conn, office["officer"], "mailbox.lock", somebody).allowed
        assert may(conn, office["officer"], "mailbox.lock", somebody, "2026-04-01").reason == "ended"
    clock.advance(40 * 86_400)
    assert refused(directory, office["officer"], lambda conn: account_changes.lock(conn, "me", _id(conn, somebody)))


def _id(conn: Writing, login: str) -> str:
    found = account_by_login(conn, login)
    assert found is not None
    return found.id


def test_who_leaves_administers_nothing_when_he_returns(city: City, office: Office) -> None:
    with city.directory.write() as conn:
        leaving.leave(conn, "test", office["help"], last_day="2026-03-01")
        assert bounds.delegations_of(conn, office["help"]) == []
        leaving.come_back(
            conn, "test", office["help"], unit_id=city.units["SYT"], position_id=city.positions["CV"],
            from_day="2026-03-02",
        )  # fmt: skip
        assert bounds.delegations_of(conn, office["help"]) == []


def test_a_locked_administrator_may_nothing(city: City, office: Office) -> None:
    with city.directory.write() as conn:
        account_changes.lock(conn, "test", office["help"])
    assert refused(city.directory, office["help"], lock(office["officer"])) == "may-not-nobody"


def test_the_owner_of_the_machine_may_everything_and_it_is_marked(city: City, office: Office) -> None:
    as_(city.directory, OWNER, lock(office["root"]))
    with city.directory.read() as conn:
        (entry,) = record.search(conn, action="mailbox.lock")
        assert '"emergency":true' in entry.details


# --- two of them


def passwd(account_id: str) -> Callable[[Writing], Any]:
    return lambda conn: account_changes.set_password(conn, "me", account_id, "hash", must_change=True)


def asked(directory: Directory, who: str, change: Callable[[Writing], Any]) -> str:
    with pytest.raises(Refused) as found:
        as_(directory, who, change)
    assert found.value.code == "approval-needed"
    return str(found.value.values["request"])


def test_what_needs_two_is_done_once_after_the_second_has_agreed(city: City, office: Office) -> None:
    directory = city.directory
    with directory.write() as conn:
        approvals.set_rule(conn, "test", "mailbox.passwd")
        second = city.join(conn, "Người Thứ Hai", "SYT", "CV").account_id
        delegations.grant(conn, "test", second, "helpdesk", unit_id=city.units["SYT"], below_rank=20)
    request = asked(directory, office["help"], passwd(office["officer"]))

    def decide(conn: Writing) -> Any:
        return approvals.decide(conn, "me", request, approved=True)

    # not before, not by himself, not by who might not do it himself
    with pytest.raises(Refused, match="waits for a second"):
        as_(directory, office["help"], passwd(office["officer"]))
    assert refused(directory, office["help"], decide) == "approval-author"
    assert refused(directory, office["hr"], decide) == "may-not-role"
    assert as_(directory, second, decide).state == "approved"
    # exactly that, to him, by him, and once
    other = lambda conn: account_changes.set_password(conn, "me", office["officer"], None)  # noqa: E731
    assert asked(directory, office["help"], other) != request
    assert asked(directory, office["unit"], passwd(office["officer"])) != request
    as_(directory, office["help"], passwd(office["officer"]))
    with directory.read() as conn:
        entry = next(iter(record.search(conn, action="mailbox.passwd")))
        assert '"approved_by":"me"' in entry.details
        assert approvals.find_request(conn, request).state == "done"
    assert asked(directory, office["help"], passwd(office["officer"])) != request


def test_a_request_expires(city: City, office: Office, clock: Clock) -> None:
    directory = city.directory
    with directory.write() as conn:
        approvals.set_rule(conn, "test", "mailbox.passwd")
    request = asked(directory, office["help"], passwd(office["officer"]))
    as_(directory, office["unit"], lambda conn: approvals.decide(conn, "me", request, approved=True))
    clock.advance(authority.APPROVAL_SECONDS)
    again = asked(directory, office["help"], passwd(office["officer"]))
    assert again != request
    clock.advance(authority.APPROVAL_SECONDS)
    with directory.read() as conn:
        assert approvals.requests(conn) == []
        assert {each.state for each in approvals.requests(conn, everything=True)} == {"expired"}
    with pytest.raises(Fault, match="expired"):
        as_(directory, office["unit"], lambda conn: approvals.decide(conn, "me", again, approved=True))


def test_only_leaders_need_two_where_the_rule_says_so(city: City, office: Office) -> None:
    directory = city.directory
    with directory.write() as conn:
        approvals.set_rule(conn, "test", "mailbox.passwd", from_rank=20)
    as_(directory, office["root"], passwd(office["officer"]))
    asked(directory, office["root"], passwd(office["director"]))
    # who loosens the rule must be allowed to, and it is told
    loosen = lambda conn: approvals.set_rule(conn, "me", "mailbox.passwd", needed=False)  # noqa: E731
    assert refused(directory, office["unit"], loosen) == "may-not-role"
    as_(directory, office["root"], loosen)
    as_(directory, office["root"], passwd(office["director"]))


def test_an_author_is_the_same_under_each_of_his_addresses(city: City, office: Office) -> None:
    with city.directory.write() as conn:
        account = find_account(conn, office["root"])
        assert account is not None
        provisioning.rename(conn, "test", account.id, split_name("Trần Quốc Báo"), new_address="bao.moi")
        assert bounds.is_same_person(conn, account.login, "bao.moi@city.gov.vn")
        assert bounds.is_same_person(conn, "cli:Bao", "cli:bao")
        assert not bounds.is_same_person(conn, "cli:bao", "bao.moi@city.gov.vn")
        assert not bounds.is_same_person(conn, "cli:bao", "cli:lan")
