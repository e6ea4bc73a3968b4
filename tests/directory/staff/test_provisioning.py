"""The life of an official: joins, further posts, moves, renames, leaves, returns; accounts locked and unlocked."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory import record
from directory.database import Writing, open_directory
from directory.dates import days_after
from directory.faults import Fault
from directory.housekeeping import tidy_up, turn_day
from directory.mail import account_changes, aliases, domains, groups, mailboxes
from directory.mail.accounts import account_by_login, credentials_by_login, find_account
from directory.mail.recipients import resolve
from directory.staff import leaving, people, provisioning
from directory.staff.intake import Intake, Joiner
from directory.staff.people import find_official, list_officials
from directory.staff.postings import appointments_of
from directory.words.names import PersonName, split_name
from tests.directory.conftest import START, City, Clock, found_city


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(Fault) as caught:
        action()
    assert caught.value.text("vi") != caught.value.text("en")
    return caught.value.code


def move(conn: Writing, city: City, who: str, unit: str, position: str, day: str, **more: object) -> None:
    provisioning.move(
        conn,
        "test",
        who,
        unit_id=city.units[unit],
        position_id=city.positions[position],
        from_day=day,
        **more,  # type: ignore[arg-type]
    )


def test_joining(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An", "SYT", "GD", employee_code="CB1", kind="acting", phone="028")
        official = find_official(conn, "CB1")
        assert official.account.id == an.account_id
        assert (official.account.name, official.account.title, official.account.unit) == (
            "Nguyễn Văn An",
            "Quyền Giám đốc",
            "Sở Y tế",
        )
        assert (official.family_name, official.middle_name, official.given_name) == ("Nguyễn", "Văn", "An")
        for key in ("annv", "annv@city.gov.vn", an.account_id, an.person_id):
            assert find_official(conn, key) == official
        assert next(record.search(conn, subjects=["annv@city.gov.vn"])).action == "official.join"
    assert any_city.directory.check_consistency() == []


def test_joining_without_a_post(any_city: City) -> None:
    with any_city.directory.write() as conn:
        joined = provisioning.join(conn, "test", Joiner(split_name("Lê Tự"), "", "", valid_from="2026-03-02"))
        assert (find_official(conn, joined.login).account.title, appointments_of(conn, joined.person_id)) == ("", [])
    assert any_city.directory.check_consistency() == []


def test_same_names_get_numbers_and_numbers_are_never_given_again(any_city: City) -> None:
    with any_city.directory.write() as conn:
        logins = [any_city.join(conn, "Nguyễn Văn An").login for _ in range(3)]
        assert logins == ["annv@city.gov.vn", "annv2@city.gov.vn", "annv3@city.gov.vn"]
        leaving.leave(conn, "test", find_official(conn, "annv3").account.id, last_day="2026-03-01")
        assert any_city.join(conn, "Nguyễn Văn Ẩn").login == "annv4@city.gov.vn"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"address": "annv"}, "address-taken"),
        ({"address": "ANNV@CITY.GOV.VN"}, "address-taken"),
        ({"address": "postmaster"}, "address-reserved"),
        ({"address": "a b"}, "address-malformed"),
        ({"address": "nguyễn"}, "address-malformed"),
        ({"address": "a..b"}, "address-malformed"),
        ({"address": "a+b"}, "address-malformed"),
        ({"address": "an@example.org"}, "domain-unknown"),
        ({"employee_code": "CB1"}, "employee-code-exists"),
        ({"employee_code": "x" * 41}, "text-long"),
        ({"title": "x" * 201}, "text-long"),
        ({"valid_until": "2025-01-01"}, "day-order"),
    ],
)
def test_who_cannot_join(city: City, more: dict[str, object], code: str) -> None:
    with city.directory.write() as conn:
        city.join(conn, "Nguyễn Văn An", employee_code="CB1")
        assert refused(lambda: city.join(conn, "Trần Thị Bình", **more)) == code
        # nothing of it is left: the next one gets what he would have got
        assert city.join(conn, "Trần Thị Bình").login == "binhtt@city.gov.vn"
    assert city.directory.check_consistency() == []


def test_nobody_joins_without_a_name_or_into_nowhere(city: City) -> None:
    def join(name: PersonName, unit: str, position: str) -> Callable[[], object]:
        return lambda: provisioning.join(conn, "test", Joiner(name, unit, position, valid_from="2026-01-01"))

    name, unit, position = split_name("Lê An"), city.units["SYT"], city.positions["CV"]
    with city.directory.write() as conn:
        assert refused(join(split_name("  "), unit, position)) == "name-empty"
        assert refused(join(PersonName("", "", "", ""), unit, position)) == "name-empty"
        assert refused(join(name, "nowhere", position)) == "unit-unknown"
        assert refused(join(name, unit, "nothing")) == "position-unknown"
        assert refused(join(name, "", position)) == "unit-unknown"
        assert refused(lambda: Intake(conn, "test", "elsewhere.vn")) == "domain-unknown"


def test_several_posts_at_once(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An", "SYT", "TP")

        def appoint(**more: object) -> object:
            given = {
                "unit_id": any_city.units["STC"],
                "position_id": any_city.positions["GD"],
                "from_day": "2026-03-02",
            }
            return provisioning.appoint(conn, "test", "annv", **(given | more))  # type: ignore[arg-type]

        appoint(kind="seconded")
        # the primary post is what is shown, whatever the rank of the other
        assert find_official(conn, "annv").account.title == "Trưởng phòng"
        assert refused(appoint) == "appointment-exists"
        appoint(unit_id=any_city.units["P.SG"], primary=True, title="Chủ tịch lâm thời")
        shown = find_official(conn, "annv").account
        assert (shown.title, shown.unit) == ("Chủ tịch lâm thời", "Phường Sài Gòn")
        assert [post.is_primary for post in appointments_of(conn, an.person_id)].count(True) == 1
        assert [found.account.login for found in list_officials(conn, units=[any_city.units["STC"]])] == [an.login]
        assert provisioning.dismiss(conn, "test", "annv", unit_id=any_city.units["P.SG"], last_day="2026-03-02")
        provisioning.dismiss(conn, "test", "annv", unit_id=any_city.units["STC"], last_day="2026-03-01")
        assert len(appointments_of(conn, an.person_id)) == 2  # the one that never began is gone
        code = refused(
            lambda: provisioning.dismiss(conn, "test", "annv", unit_id=any_city.units["P.BT"], last_day="2026-03-01")
        )
        assert code == "appointment-unknown"
        assert refused(lambda: appoint(until_day="2026-01-01")) == "day-order"
    assert any_city.directory.check_consistency() == []


def test_moving_keeps_address_and_groups(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An", "SYT", "CV")
        group = groups.add_group(conn, "test", address_text="nhom", name="Nhóm")
        groups.add_member(conn, "test", group.id, an.login)
        move(conn, any_city, "annv", "STC", "TP", "2026-03-02", decision="5/QĐ")
        shown = find_official(conn, "annv").account
        assert (shown.login, shown.title, shown.unit) == (an.login, "Trưởng phòng", "Sở Tài chính")
        posts = appointments_of(conn, an.person_id)
        assert [(post.valid_from, post.valid_until) for post in posts] == [
            ("2026-03-02", None),
            ("2026-01-05", "2026-03-01"),
        ]
        assert [found.address for found in groups.groups_of(conn, an.account_id)] == ["nhom@city.gov.vn"]
    assert any_city.directory.check_consistency() == []


def test_a_move_in_the_future_waits_for_its_day(any_city: City, clock: Clock) -> None:
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An", "SYT", "CV")
        move(conn, any_city, an.login, "STC", "GD", "2026-03-10")
        assert find_official(conn, "annv").account.unit == "Sở Y tế"
    clock.advance(9 * 86400)
    assert turn_day(any_city.directory) == 1
    assert turn_day(any_city.directory) == 0
    with any_city.directory.read() as conn:
        assert find_official(conn, "annv").account.unit == "Sở Tài chính"
    assert any_city.directory.check_consistency() == []


def test_a_post_that_ended_is_not_shown_the_day_after(any_city: City, clock: Clock) -> None:
    with any_city.directory.write() as conn:
        any_city.join(conn, "Nguyễn Văn An", "SYT", "CV", valid_until="2026-03-02")
    turn_day(any_city.directory)
    clock.advance(86400)
    assert turn_day(any_city.directory) == 1
    with any_city.directory.read() as conn:
        assert find_official(conn, "annv").account.unit == ""
    assert any_city.directory.check_consistency() == []


def test_the_housekeeper_retires_redirects_and_sweeps(any_city: City, clock: Clock) -> None:
    with any_city.directory.write() as conn:
        an, binh = any_city.join(conn, "Nguyễn Văn An"), any_city.join(conn, "Lê Bình")
        leaving.leave(
            conn,
            "test",
            an.account_id,
            last_day="2026-03-01",
            redirect_to=binh.login,
            redirect_until="2026-03-31",
        )
    clock.advance(20 * 86400)
    tidy_up(any_city.directory)
    with any_city.directory.read() as conn:
        assert aliases.find_alias(conn, "annv").state == "redirect"
    clock.advance(10 * 86400)
    tidy_up(any_city.directory)
    tidy_up(any_city.directory)
    with any_city.directory.read() as conn:
        # counted from the redirect's last day
        assert aliases.find_alias(conn, "annv").until == "2028-03-30"
        assert aliases.find_alias(conn, "annv").state == "quarantined"
        assert next(record.search(conn, subjects=[an.login])).action == "alias.expire"
        assert resolve(conn, an.login) is None
    clock.advance(730 * 86400)
    tidy_up(any_city.directory)
    with any_city.directory.write() as conn:
        assert aliases.find_alias(conn, "annv").state == "retired"
        assert next(record.search(conn, subjects=[an.login])).action == "alias.retire"
        # its namesake gets another one for all time
        assert any_city.join(conn, "Nguyễn Văn An").login == "annv2@city.gov.vn"
    assert any_city.directory.check_consistency() == []


def test_renaming(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An")
        provisioning.rename(conn, "test", "annv", split_name("Nguyễn Hoàng Yến"), new_address="yennh")
        official = find_official(conn, "yennh")
        assert (official.account.id, official.account.name) == (an.account_id, "Nguyễn Hoàng Yến")
        assert resolve(conn, "annv@city.gov.vn") == resolve(conn, "yennh@city.gov.vn")
        assert aliases.find_alias(conn, "annv").leads_to == "yennh@city.gov.vn"
        # and back again: the alias is still the owner's
        provisioning.rename(conn, "test", "yennh", split_name("Nguyễn Văn An"), new_address="annv")
        assert find_official(conn, "yennh").account.login == "annv@city.gov.vn"
        other = any_city.join(conn, "Lê Bình")
        assert (
            refused(lambda: provisioning.rename(conn, "test", "annv", split_name("A"), new_address=other.login))
            == "address-taken"
        )
        assert refused(lambda: provisioning.rename(conn, "test", "annv", split_name(" "))) == "name-empty"
    assert any_city.directory.check_consistency() == []


def test_leaving_and_returning(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an, binh = any_city.join(conn, "Nguyễn Văn An", password_hash="x"), any_city.join(conn, "Lê Bình")
        group = groups.add_group(conn, "test", address_text="nhom", name="Nhóm")
        hotline = mailboxes.open_mailbox(conn, "test", address_text="hotline", name="Đường dây nóng")
        groups.add_member(conn, "test", group.id, an.login)
        groups.set_posters(conn, "test", group.id, [an.account_id])
        mailboxes.grant(conn, "test", hotline.id, an.account_id)
        for target, code in (
            ("x@example.org", "domain-unknown"),
            ("nobody", "address-unknown"),
            ("nobody@city.gov.vn", "address-unknown"),
            (an.login, "alias-loop"),
        ):
            going = lambda target=target: leaving.leave(  # noqa: E731
                conn, "test", an.account_id, last_day="2026-03-01", redirect_to=target
            )
            assert refused(going) == code
        leaving.leave(conn, "test", an.account_id, last_day="2026-03-01", redirect_to=binh.login)
        official = find_official(conn, an.login)
        assert (official.account.status, official.left_on, official.account.title) == ("closed", "2026-03-01", "")
        assert groups.members(conn, group.id).accounts == groups.members(conn, group.id).posters == ()
        assert mailboxes.rights_on(conn, hotline.id) == []
        assert account_by_login(conn, an.login) is None
        assert refused(lambda: leaving.leave(conn, "test", an.account_id, last_day="2026-03-01")) == "account-closed"
        for change in (
            lambda: account_changes.lock(conn, "test", an.account_id),
            lambda: account_changes.set_password(conn, "test", an.account_id, "x"),
            lambda: account_changes.set_quota(conn, "test", an.account_id, 5),
            lambda: move(conn, any_city, an.login, "STC", "CV", "2026-03-02"),
            lambda: provisioning.rename(conn, "test", an.login, split_name("Lê Khác"), new_address="khacl"),
            lambda: mailboxes.grant(conn, "test", hotline.id, an.account_id),
        ):
            assert refused(change) == "account-closed"
        # the successor cannot lead mail back to where it came from
        assert (
            refused(lambda: leaving.leave(conn, "test", binh.account_id, last_day="2026-03-01", redirect_to=an.login))
            == "address-unknown"
        )
        leaving.come_back(
            conn,
            "test",
            an.login,
            unit_id=any_city.units["STC"],
            position_id=any_city.positions["TP"],
            from_day="2026-03-02",
        )
        found = credentials_by_login(conn, an.login)
        assert found is not None
        assert (found.account.id, found.account.unit, found.password_hash) == (an.account_id, "Sở Tài chính", None)
        assert (
            refused(
                lambda: leaving.come_back(
                    conn,
                    "test",
                    an.login,
                    unit_id=any_city.units["STC"],
                    position_id=any_city.positions["CV"],
                    from_day="2026-03-02",
                )
            )
            == "account-not-closed"
        )
    assert any_city.directory.check_consistency() == []


def test_what_belongs_to_an_account(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An")
        account_changes.lock(conn, "test", an.account_id)
        locked = find_account(conn, an.account_id)
        assert locked is not None
        assert locked.status == "locked"
        # a locked mailbox still receives
        assert resolve(conn, an.login) is not None
        account_changes.unlock(conn, "test", an.account_id)
        account_changes.set_quota(conn, "test", an.account_id, 5 << 30)
        account_changes.set_language(conn, "test", an.account_id, "en")
        account_changes.set_admin(conn, "test", an.account_id, True)
        found = find_account(conn, an.account_id)
        assert found is not None
        assert (found.status, found.quota_bytes, found.language, found.is_admin) == ("active", 5 << 30, "en", True)
        assert refused(lambda: account_changes.set_quota(conn, "test", an.account_id, -1)) == "value-invalid"
        assert refused(lambda: account_changes.set_language(conn, "test", an.account_id, "fr")) == "value-invalid"
        assert refused(lambda: account_changes.lock(conn, "test", "nobody")) == "account-unknown"
        assert refused(lambda: find_official(conn, "nobody")) == "official-unknown"


def test_domains(any_city: City) -> None:
    with any_city.directory.write() as conn:
        assert refused(lambda: domains.add_domain(conn, "test", "City.Gov.VN")) == "domain-exists"
        assert refused(lambda: domains.add_domain(conn, "test", "a b")) == "address-malformed"
        domains.add_domain(conn, "test", "new.vn", primary=True)
        assert any_city.join(conn, "Nguyễn Văn An").login == "annv@new.vn"
        assert any_city.join(conn, "Nguyễn Văn An", address="annv@city.gov.vn").login == "annv@city.gov.vn"
        assert account_by_login(conn, "annv") != account_by_login(conn, "annv@city.gov.vn")
    assert any_city.directory.check_consistency() == []


def test_lists_are_in_vietnamese_order(any_city: City) -> None:
    with any_city.directory.write() as conn:
        for full in ("Nguyễn Văn Đức", "Trần Thị Ánh", "Lê Ân", "Phạm Văn An", "Đỗ Dung"):
            any_city.join(conn, full)
    with any_city.directory.read() as conn:
        assert [each.full_name for each in list_officials(conn)] == [
            "Phạm Văn An",
            "Trần Thị Ánh",
            "Lê Ân",
            "Đỗ Dung",
            "Nguyễn Văn Đức",
        ]
        assert [each.full_name for each in list_officials(conn, text="van", limit=1)] == ["Phạm Văn An"]
        assert [each.full_name for each in list_officials(conn, text="%")] == []
        assert [each.full_name for each in list_officials(conn, status="locked")] == []
        assert [each.login for each in people.list_mailboxes(conn, kinds=("person",), text="le", limit=5)] == []


def test_the_record_tells_all_of_it(any_city: City) -> None:
    with any_city.directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An")
    with any_city.directory.write(origin="192.0.2.7", reason="vì sao") as conn:
        account_changes.lock(conn, "sếp", an.account_id)
    with any_city.directory.write() as conn:
        account_changes.unlock(conn, "sếp", an.account_id)
    with any_city.directory.read() as conn:
        told = [(entry.actor, entry.action) for entry in record.search(conn, subjects=[an.login])]
        assert told == [("sếp", "mailbox.unlock"), ("sếp", "mailbox.lock"), ("test", "official.join")]
        assert record.check(conn) is None
        assert [entry.number for entry in record.entries(conn)] == list(range(1, record.last_entry(conn).number + 1))  # type: ignore[union-attr]
        locked = list(record.search(conn, subjects=[an.login]))[1]
        assert json.loads(locked.details) == {
            "before": {"status": "active"},
            "origin": "192.0.2.7",
            "reason": "vì sao",
        }


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["join", "move", "appoint", "dismiss", "rename", "leave", "return", "lock", "unlock", "alias", "day"]
        ),
        st.integers(0, 5),
        st.sampled_from(["SYT", "STC", "P.SG", "P.BT"]),
        st.sampled_from(["CT", "GD", "CV", "VT"]),
        st.integers(-3, 5),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
def test_whatever_happens_to_people_the_directory_stays_consistent(
    migrated_directory: Path, actions: list[tuple[str, int, str, str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(migrated_directory, folder)
        clock = Clock(START)
        directory = open_directory(f"sqlite:///{folder}/directory.db", clock=clock)
        try:
            live(found_city(directory), clock, actions)
        finally:
            directory.close()


def live(city: City, clock: Clock, actions: list[tuple[str, int, str, str, int]]) -> None:
    for action, number, unit, position, days in actions:
        if action == "day":
            clock.advance(86400)
            continue
        # a fault rolls back what the action had done so far
        with suppress(Fault), city.directory.write() as conn:
            act(conn, city, action, number, days_after(conn.today, days), unit, position)
        turn_day(city.directory)
        assert city.directory.check_consistency() == []


def act(conn: Writing, city: City, action: str, number: int, day: str, unit: str, position: str) -> None:
    logins = [each.account.login for each in list_officials(conn)]
    post = {"unit_id": city.units[unit], "position_id": city.positions[position]}
    if action == "join" or not logins:
        city.join(conn, ("Nguyễn Văn An", "Trần An", "Lê Thị Bình")[number % 3], unit, position, valid_from=day)
        return
    official = find_official(conn, logins[number % len(logins)])
    who, account_id = official.person_id, official.account.id
    if action == "move":
        provisioning.move(conn, "test", who, from_day=day, **post)
    elif action == "appoint":
        provisioning.appoint(conn, "test", who, from_day=day, primary=number % 2 == 0, **post)
    elif action == "dismiss":
        provisioning.dismiss(conn, "test", who, unit_id=post["unit_id"], last_day=day)
    elif action == "rename":
        provisioning.rename(conn, "test", who, split_name("Phạm Hồng Mới"), new_address=f"moi{number}")
    elif action == "leave":
        leaving.leave(conn, "test", account_id, last_day=day, redirect_to=logins[0])
    elif action == "return":
        leaving.come_back(conn, "test", who, from_day=day, **post)
    elif action == "lock":
        account_changes.lock(conn, "test", account_id)
    elif action == "unlock":
        account_changes.unlock(conn, "test", account_id)
    else:
        aliases.add_alias(conn, "test", f"alias{number}", official.account.login)
