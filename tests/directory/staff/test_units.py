"""Units over time: versions, the tree of a day, succession, search."""

from __future__ import annotations

import pytest

from directory.faults import Fault
from directory.mail import mailboxes
from directory.mail.accounts import find_account
from directory.staff import unit_changes, units
from directory.staff.people import find_official
from tests.directory.conftest import City, Clock


def code_of(caught: pytest.ExceptionInfo[Fault]) -> str:
    return caught.value.code


def test_the_tree_of_a_day(any_city: City) -> None:
    with any_city.directory.read() as conn:
        tree = units.tree(conn)
        top = tree.find("UBND")
        assert {unit.short_name for unit in tree.children(top.id)} == {"SYT", "STC", "P.SG", "P.BT"}
        assert [unit.short_name for unit in tree.path(any_city.units["SYT"])] == ["UBND", "SYT"]
        assert next(tree.subtree(top.id)).id == top.id
        # wards are of 2025-07-01
        before = units.tree(conn, "2025-06-30")
        assert {unit.short_name for unit in before.by_id.values()} == {"UBND", "SYT", "STC"}


@pytest.mark.parametrize("key", ["SYT", "syt", "Sở Y tế", "SO Y TE", "H29.4", "h29.4"])
def test_a_unit_has_many_names(city: City, key: str) -> None:
    with city.directory.write() as conn:
        unit_changes.alter_unit(conn, "test", city.units["SYT"], from_day="2026-01-01", agency_code="H29.4")
        assert units.find_unit(conn, key).id == city.units["SYT"]


def test_unknown_and_ambiguous_names(any_city: City) -> None:
    with any_city.directory.write() as conn:
        for short in ("VPS.1", "VPS.2"):
            unit_changes.add_unit(
                conn,
                "test",
                name="Văn phòng Sở",
                short_name=short,
                type_code="department",
                valid_from="2021-01-01",
                parent_id=any_city.units["SYT"],
            )
        with pytest.raises(Fault) as caught:
            units.find_unit(conn, "van phong so")
        assert code_of(caught) == "unit-ambiguous"
        with pytest.raises(Fault) as caught:
            units.find_unit(conn, "Sở Không có")
        assert code_of(caught) == "unit-unknown"


def test_a_rename_makes_a_version_and_keeps_the_past(any_city: City) -> None:
    with any_city.directory.write() as conn:
        director = any_city.join(conn, "Võ Hùng", "SYT", "GD")
        office = mailboxes.open_mailbox(
            conn, "test", address_text="vanthu.syt", name="Văn thư", unit_id=any_city.units["SYT"]
        )
        unit_changes.alter_unit(
            conn,
            "test",
            any_city.units["SYT"],
            from_day="2026-03-02",
            name="Sở Y tế và Dân số",
            decision="12/QĐ",
        )
        assert [(v.valid_from, v.valid_until, v.name) for v in units.versions(conn, any_city.units["SYT"])] == [
            ("2020-01-01", "2026-03-01", "Sở Y tế"),
            ("2026-03-02", None, "Sở Y tế và Dân số"),
        ]
    with any_city.directory.read() as conn:
        assert units.tree(conn, "2026-03-01").by_id[any_city.units["SYT"]].name == "Sở Y tế"
        # officials and mailboxes show the new name, addresses are what they were
        assert find_official(conn, director.login).account.unit == "Sở Y tế và Dân số"
        mailbox = find_account(conn, office.id)
        assert mailbox is not None
        assert (mailbox.unit, mailbox.login) == ("Sở Y tế và Dân số", "vanthu.syt@city.gov.vn")
    assert any_city.directory.check_consistency() == []


def test_a_version_of_the_same_day_is_corrected(any_city: City) -> None:
    with any_city.directory.write() as conn:
        for name in ("Sở Y tế A", "Sở Y tế B"):
            unit_changes.alter_unit(conn, "test", any_city.units["SYT"], from_day="2026-03-02", name=name)
        assert [version.name for version in units.versions(conn, any_city.units["SYT"])] == ["Sở Y tế", "Sở Y tế B"]
        with pytest.raises(Fault) as caught:
            unit_changes.alter_unit(conn, "test", any_city.units["SYT"], from_day="2026-03-01", name="Sở Y tế C")
        assert code_of(caught) == "day-order"


def test_a_division_is_named_with_its_body_and_follows_it(any_city: City) -> None:
    with any_city.directory.write() as conn:
        division = unit_changes.add_unit(
            conn,
            "test",
            name="Phòng Nghiệp vụ",
            short_name="SYT.P1",
            type_code="department",
            valid_from="2021-01-01",
            parent_id=any_city.units["SYT"],
        )
        any_city.units["SYT.P1"] = division.id
        head = any_city.join(conn, "Võ Hùng", "SYT.P1", "TP")
        assert find_official(conn, head.login).account.unit == "Phòng Nghiệp vụ, Sở Y tế"
        unit_changes.alter_unit(conn, "test", division.id, from_day="2026-03-02", parent_id=any_city.units["STC"])
        assert find_official(conn, head.login).account.unit == "Phòng Nghiệp vụ, Sở Tài chính"
        assert units.tree(conn).label(division.id) == "Phòng Nghiệp vụ, Sở Tài chính"
        unit_changes.alter_unit(conn, "test", any_city.units["STC"], from_day="2026-03-02", name="Sở Tài chính mới")
        assert find_official(conn, head.login).account.unit == "Phòng Nghiệp vụ, Sở Tài chính mới"
    assert any_city.directory.check_consistency() == []


def test_no_unit_lies_below_itself(any_city: City) -> None:
    with any_city.directory.write() as conn:
        for parent in ("UBND", "SYT"):
            with pytest.raises(Fault) as caught:
                unit_changes.alter_unit(
                    conn, "test", any_city.units["UBND"], from_day="2026-03-02", parent_id=any_city.units[parent]
                )
            assert code_of(caught) == "unit-cycle"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "   "}, "name-empty"),
        ({"name": "x" * 301}, "text-long"),
        ({"type_code": "planet"}, "unit-type-unknown"),
        ({"type_code": "ward", "valid_from": "2025-06-30"}, "unit-type-not-valid"),
        ({"type_code": "district", "valid_from": "2025-07-01"}, "unit-type-not-valid"),
        ({"parent_id": "nowhere"}, "unit-unknown"),
        ({"short_name": "SYT"}, "unit-exists"),
        ({"valid_until": "2024-12-31"}, "day-order"),
    ],
)
def test_what_no_unit_can_be(city: City, changes: dict[str, str], code: str) -> None:
    given = {"name": "Đơn vị", "short_name": "ĐV", "type_code": "department", "valid_from": "2025-07-02"} | changes
    with city.directory.write() as conn:
        with pytest.raises(Fault) as caught:
            unit_changes.add_unit(conn, "test", **given)  # type: ignore[arg-type]
        assert code_of(caught) == code
        assert caught.value.text("vi") != caught.value.text("en")


def test_a_short_name_may_be_used_again_when_it_is_free(any_city: City) -> None:
    with any_city.directory.write() as conn:
        unit_changes.close_unit(conn, "test", any_city.units["P.BT"], last_day="2026-03-01")
        unit_changes.add_unit(
            conn, "test", name="Phường Bến Thành mới", short_name="P.BT", type_code="ward", valid_from="2026-03-02"
        )
        assert units.find_unit(conn, "P.BT").name == "Phường Bến Thành mới"
        # the old one is still there, by its id
        assert units.find_unit(conn, any_city.units["P.BT"]).name == "Phường Bến Thành"


def test_closing_needs_an_empty_unit_and_names_the_successor(any_city: City) -> None:
    with any_city.directory.write() as conn:
        officer = any_city.join(conn, "Võ Hùng", "STC", "CV")
        with pytest.raises(Fault) as caught:
            unit_changes.close_unit(conn, "test", any_city.units["STC"], last_day="2026-03-01")
        assert code_of(caught) == "unit-occupied"
        with pytest.raises(Fault) as caught:
            unit_changes.close_unit(conn, "test", any_city.units["UBND"], last_day="2026-03-01")
        assert code_of(caught) == "unit-occupied"
        from directory.staff.provisioning import move

        move(
            conn,
            "test",
            officer.login,
            unit_id=any_city.units["SYT"],
            position_id=any_city.positions["CV"],
            from_day="2026-03-02",
        )
        unit_changes.close_unit(
            conn,
            "test",
            any_city.units["STC"],
            last_day="2026-03-01",
            successors=[any_city.units["SYT"]],
            kind="merge",
            decision="9/NQ",
        )
        for key in ("STC", "Sở Tài chính"):
            found = units.find_unit(conn, key)
            assert (found.id, found.valid_until) == (any_city.units["STC"], "2026-03-01")
        with pytest.raises(Fault) as caught:
            units.open_unit(conn, "STC")
        assert code_of(caught) == "unit-closed"
        (succession,) = units.successions(conn, any_city.units["SYT"])
        assert (succession.old_id, succession.kind) == (any_city.units["STC"], "merge")
        assert [unit.id for unit in units.search_units(conn, "tai chinh")] == []
        assert [unit.id for unit in units.search_units(conn, "tai chinh", closed=True)] == [any_city.units["STC"]]
        with pytest.raises(Fault) as caught:
            unit_changes.close_unit(conn, "test", any_city.units["STC"], last_day="2026-03-01")
        assert code_of(caught) == "unit-closed"
    assert any_city.directory.check_consistency() == []


def test_search_takes_wildcards_literally(any_city: City) -> None:
    with any_city.directory.read() as conn:
        assert {unit.short_name for unit in units.search_units(conn, "phuong")} == {"P.SG", "P.BT"}
        assert units.search_units(conn, "%") == []
        assert units.search_units(conn, "_") == []
        assert len(units.search_units(conn, "", limit=2)) == 2


def test_a_future_unit_appears_on_its_day(any_city: City, clock: Clock) -> None:
    with any_city.directory.write() as conn:
        unit_changes.add_unit(
            conn, "test", name="Phường Mới", short_name="P.M", type_code="ward", valid_from="2026-03-10"
        )
        assert "P.M" not in {unit.short_name for unit in units.tree(conn).by_id.values()}
    clock.advance(9 * 86400)
    with any_city.directory.read() as conn:
        assert units.tree(conn).find("P.M").name == "Phường Mới"
