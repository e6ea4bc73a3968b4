"""The tree of the city shows everybody in his place, and nobody more than the policy lets him see."""

from __future__ import annotations

import re
from typing import Any

import pytest

from directory.database import Directory, Question
from directory.faults import Fault
from directory.finding import tree as staff
from directory.ldap.policy import Asker, Policy
from directory.mail import groups, mailboxes
from directory.mail.accounts import Account
from directory.staff import leaving, people, provisioning, unit_changes
from directory.staff.units import tree
from tests.directory.conftest import City

PRIVATE = Policy(private=frozenset(("telephonenumber",)))


@pytest.fixture
def staffed(any_city: City) -> City:
    city = any_city
    with city.directory.write() as conn:
        city.units["SYT.P1"] = unit_changes.add_unit(
            *(conn, "test"),
            name="Phòng Nghiệp vụ",
            short_name="SYT.P1",
            type_code="department",
            valid_from="2020-01-01",
            parent_id=city.units["SYT"],
        ).id
        for full, unit, position, more in (
            ("Trần Bình", "SYT", "CV", {}),
            ("Lê Ánh", "SYT", "CV", {}),
            ("Đỗ An", "SYT", "CV", {"phone": "0909 123 456"}),
            ("Võ Hùng", "SYT", "GD", {"kind": "acting"}),
            ("Lý Mai", "SYT.P1", "TP", {"title": "Trưởng phòng, Bác sĩ"}),
            ("Ngô Sau", "SYT", "CV", {"valid_from": "2026-12-01"}),
            ("Phan Nghỉ", "SYT", "CV", {}),
        ):
            city.join(conn, full, unit, position, **more)
        provisioning.appoint(
            *(conn, "test", "binht"),
            unit_id=city.units["SYT"],
            position_id=city.positions["TP"],
            from_day="2026-02-01",
        )
        leaving.leave(conn, "test", people.find_official(conn, "nghip").account.id, last_day="2026-03-01")
        mailboxes.open_mailbox(
            conn, "test", address_text="vanthu.syt", name="Văn thư Sở Y tế", unit_id=city.units["SYT"]
        )
        for local in ("toan.a", "toan.b", "toan.c"):
            groups.add_group(conn, "test", address_text=local, name=f"Nhóm {local}")
    return city


def asker(city: City, login: str = "anht", policy: Policy | None = None) -> Asker:
    with city.directory.read() as conn:
        owner: Account = people.find_official(conn, login).account
    return Asker(owner, policy or Policy())


def test_the_tree_opens_from_the_top(staffed: City) -> None:
    with staffed.directory.read() as conn:
        top = staff.branch(conn)
        assert (top.unit, top.path, top.mailboxes) == (None, (), ())
        assert [(node.short_name, node.units, node.people, node.people_below) for node in top.children] == [
            ("UBND", 4, 0, 6)
        ]
        opened = staff.branch(conn, staffed.units["SYT"])
        assert opened.unit is not None
        assert (opened.unit.name, opened.unit.people, opened.unit.people_below) == ("Sở Y tế", 5, 6)
        assert [node.name for node in opened.path] == ["UBND Thành phố"]
        assert [(node.name, node.label, node.people) for node in opened.children] == [
            ("Phòng Nghiệp vụ", "Phòng Nghiệp vụ, Sở Y tế", 1)
        ]
        assert [mailbox.address for mailbox in opened.mailboxes] == ["vanthu.syt@city.gov.vn"]
        with pytest.raises(Fault):
            staff.branch(conn, "nowhere")


def test_people_by_protocol_rank_then_name_each_once(staffed: City) -> None:
    mine = asker(staffed, "and")
    with staffed.directory.read() as conn:
        whole = staff.people_of(conn, mine, staffed.units["SYT"])
        assert [(each.name, each.title) for each in whole.people] == [
            ("Võ Hùng", "Quyền Giám đốc"),
            ("Trần Bình", "Trưởng phòng"),
            ("Đỗ An", "Chuyên viên"),
            ("Lê Ánh", "Chuyên viên"),
        ]
        assert whole.next is None
        pages = [staff.people_of(conn, mine, staffed.units["SYT"], start=start, limit=3) for start in (0, 3)]
        assert (pages[0].people + pages[1].people, pages[0].next, pages[1].next) == (whole.people, 3, None)
        with pytest.raises(Fault):
            staff.people_of(conn, mine, "nowhere")


def test_holders_of_a_position(staffed: City, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = asker(staffed, "and")
    with staffed.directory.read() as conn:
        assert [(position.code, count) for position, count in staff.held_positions(conn)] == [
            ("GD", 1), ("TP", 2), ("CV", 3),
        ]  # fmt: skip
        heads = staffed.positions["TP"]
        assert [(each.name, each.title, each.unit) for each in staff.holders(conn, mine, heads).people] == [
            ("Trần Bình", "Trưởng phòng", "Sở Y tế"),
            ("Lý Mai", "Trưởng phòng, Bác sĩ", "Phòng Nghiệp vụ, Sở Y tế"),
        ]
        within = staff.holders(conn, mine, heads, staffed.units["SYT.P1"])
        assert [each.name for each in within.people] == ["Lý Mai"]
        for unknown in (("nowhere", ""), (heads, "nowhere")):
            with pytest.raises(Fault):
                staff.holders(conn, mine, *unknown)
        monkeypatch.setattr(staff, "HOLDERS", 1)
        with pytest.raises(Fault) as caught:
            staff.holders(conn, mine, heads)
        assert caught.value.code == "position-common"
        assert staff.holders(conn, mine, heads, staffed.units["SYT"]).people


def test_what_is_private_is_seen_by_its_owner_and_administrators(staffed: City) -> None:
    def seen(login: str, policy: Policy) -> tuple[set[str], int]:
        mine = asker(staffed, login, policy)
        with staffed.directory.read() as conn:
            phones = {each.phone for each in staff.people_of(conn, mine, staffed.units["SYT"]).people}
            return phones - {""}, len(staff.find_people(conn, mine, "123456"))

    assert seen("anhl", Policy()) == ({"0909 123 456"}, 1)
    assert seen("anhl", PRIVATE) == (set(), 0)
    assert seen("and", PRIVATE)[0] == {"0909 123 456"}


def test_groups_page_by_page(staffed: City) -> None:
    with staffed.directory.read() as conn:
        first = staff.groups_after(conn, limit=2)
        rest = staff.groups_after(conn, first[-1].address, limit=2)
    assert [each.address.partition("@")[0] for each in first + rest] == ["toan.a", "toan.b", "toan.c"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("syt", ["Sở Y tế", "Phòng Nghiệp vụ"]),
        ("Sở", ["Sở Tài chính", "Sở Y tế"]),
        ("so y", ["Sở Y tế"]),
        ("tai", ["Sở Tài chính"]),
        ("psg", ["Phường Sài Gòn"]),
        ("sài gòn", ["Phường Sài Gòn"]),
        ("saif gonf", ["Phường Sài Gòn"]),
        ("nghiep vu", ["Phòng Nghiệp vụ"]),
        ("", []),
        ("  ?", []),
        ("quận", []),
    ],
)
def test_units_by_a_few_letters(staffed: City, typed: str, found: list[str]) -> None:
    with staffed.directory.read() as conn:
        assert [node.name for node in staff.find_units(conn, typed)] == found


def test_every_question_of_the_tree_is_answered_by_an_index(any_directory: Directory) -> None:
    """Counts go through a whole index, once a minute; nothing goes through a table."""
    questions: list[Question] = [
        *(staff._POSTS, staff._BY_POSITION, staff._MAILBOXES, staff._IN_UNIT, staff._AT_POSITION, staff._GROUPS)
    ]
    values: dict[str, Any] = {"unit": "x", "position": "x", "today": "2026-01-01", "after": "", "limit": 5, "offset": 0}
    with any_directory.engine.connect() as connection:
        if not any_directory.is_sqlite:
            connection.exec_driver_sql("SET enable_seqscan = off")
        for question in questions:
            sql, parameters = question.prepare(any_directory.engine.dialect, values)
            cursor = connection.connection.cursor()
            cursor.execute(("EXPLAIN QUERY PLAN " if any_directory.is_sqlite else "EXPLAIN ") + sql, parameters)
            plan = "\n".join(str(row) for row in cursor.fetchall())
            # the catalogue of positions has some dozen rows, and is read as one likes
            assert not re.search(r"Seq Scan on (?!position)", plan), plan
            assert not re.search(r"SCAN (?!position\b)(?!\w+ USING COVERING INDEX)", plan), plan


def test_the_tree_is_of_today(staffed: City) -> None:
    with staffed.directory.write() as conn:
        unit_changes.close_unit(conn, "test", staffed.units["P.BT"], last_day="2026-03-01")
        assert staffed.units["P.BT"] not in tree(conn).by_id
    with staffed.directory.read() as conn:
        assert "P.BT" not in {node.short_name for node in staff.branch(conn, staffed.units["UBND"]).children}
