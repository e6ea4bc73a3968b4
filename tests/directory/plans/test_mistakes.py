"""Every mistake of a plan is named by file and line, all of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from directory.faults import Fault
from directory.plans import life
from directory.plans.reading import parse_source, read_plan
from directory.staff import unit_changes
from tests.directory.plans.conftest import COLUMNS, DAY, HEAD, Eve, line, plan_text


def mistakes(eve: Eve, units_csv: str, officials_csv: str = "", head: str = HEAD) -> list[tuple[str, int, str]]:
    with eve.directory.read() as conn:
        found, effects = life.rehearse(conn, plan_text(units_csv, officials_csv, head))
    assert bool(found) != bool(effects.facts)
    return [(mistake.file, mistake.line, mistake.fault.code) for mistake in found]


WARD = line("new", "N1", type="ward", under="UBND")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (line("merge", "NHA", into="STC"), [(2, "unit-unknown")]),
        (line("merge", "W1", into="NHA"), [(2, "unit-unknown")]),
        (line("merge", "W1"), [(2, "plan-value-missing")]),
        (line("merge", "", into="STC"), [(2, "plan-value-missing")]),
        (line("merge", "W1", into="STC", name="Tên"), [(2, "plan-value-idle")]),
        (line("merge", "W1", into="W2") + line("merge", "W2", into="STC"), [(2, "plan-unit-ends")]),
        (line("merge", "W1", into="W1"), [(2, "plan-unit-ends")]),
        (line("merge", "W1", into="W2") + line("merge", "W1", into="W3"), [(3, "plan-unit-twice")]),
        (line("merge", "W1", into="W2") + line("rename", "W1", name="Tên"), [(3, "plan-unit-twice")]),
        (line("split", "W1", into="W2", positions="CT") + line("split", "W1", into="W3", positions="TP"),
         [(2, "plan-split-rest")]),
        (line("split", "W1", into="W2") + line("split", "W1", into="W3"), [(2, "plan-split-rest")]),
        (line("split", "W1", into="W2", positions="Vua") + line("split", "W1", into="W3"), [(2, "position-unknown")]),
        (line("split", "W1", into="W2", positions="CT|TP") + line("split", "W1", into="W3", positions="TP")
         + line("split", "W1", into="STC"), [(3, "plan-unit-twice")]),
        (line("merge", "W1", into="STC", mailbox="xóa"), [(2, "value-invalid")]),
        (line("merge", "W1", into="P.BT", mailbox="redirect"), [(2, "plan-mailbox-none")]),
        (line("dissolve", "W1"), [(2, "plan-nowhere"), (2, "plan-nowhere")]),
        (line("dissolve", "Q1"), [(2, "plan-nowhere")]),
        (line("new", "N1", type="nhà", under="UBND"), [(2, "unit-type-unknown")]),
        (line("new", "N1", type="district", under="UBND"), [(2, "unit-type-not-valid")]),
        (line("new", "SYT", type="ward", under="UBND"), [(2, "unit-exists")]),
        (line("new", "N1", type="ward", under="UBND") * 2, [(2, "unit-exists"), (3, "unit-exists")]),
        (line("new", "N1", type="ward", under="UBND", mailbox="ubnd.w1"), [(2, "address-taken")]),
        (line("new", "N1", type="ward", under="UBND", mailbox="a b"), [(2, "address-malformed")]),
        (line("new", "N1", type="ward", under="UBND", order="đầu"), [(2, "value-invalid")]),
        (line("new", "N1", type="ward", under="UBND", name="N" * 301), [(2, "text-long")]),
        (line("move", "SYT", under="SYT"), [(2, "unit-cycle")]),
        (line("move", "SYT", under="STC") + line("move", "STC", under="SYT"), [(2, "unit-cycle"), (3, "unit-cycle")]),
        (line("move", "UBND", under="SYT"), [(2, "unit-cycle")]),
        (line("move", "SYT", under="W1") + line("merge", "W1", into="W2"), [(2, "plan-unit-ends")]),
        (line("rename", "SYT", short_name="STC"), [(2, "unit-exists")]),
        (line("bay", "SYT"), [(2, "value-invalid")]),
        ("merge,W1\n", [(2, "line-fields")]),
        ('merge,"W1\n', [(2, "line-malformed")]),
        ("", [(1, "plan-empty")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_step(eve: Eve, text: str, wanted: list[tuple[int, str]]) -> None:
    assert mistakes(eve, text) == [("units.csv", number, code) for number, code in wanted]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("CB99,,P.BT,,", "plan-official-elsewhere"),
        ("CB17,,P.BT,,", "plan-official-elsewhere"),  # of a unit that goes on
        ("CB5,W2,P.BT,,", "plan-official-elsewhere"),
        ("CB5,NHA,P.BT,,", "unit-unknown"),
        ("CB5,,NHA,,", "unit-unknown"),
        ("CB5,,W1,,", "plan-unit-ends"),
        ("CB5,,P.BT,Vua,", "position-unknown"),
        (f"CB5,,P.BT,,{'T' * 201}", "text-long"),
    ],
)
def test_what_is_wrong_with_an_official(eve: Eve, text: str, wanted: str) -> None:
    officials = f"official,from_unit,unit,position,title\nCB6,,P.BT,,\n{text}\n"
    assert mistakes(eve, line("merge", "W1", into="P.SG"), officials) == [("officials.csv", 3, wanted)]


def test_an_official_is_named_once(eve: Eve) -> None:
    found = mistakes(eve, line("merge", "W1", into="P.SG"), "official,unit\nCB5,P.BT\nCB6,P.BT\ncb5,STC\n")
    assert found == [("officials.csv", 4, "plan-official-twice")]


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ('title = "Sắp xếp đơn vị"', "", (1, "plan-value-missing")),
        (f"effective = {DAY}", 'effective = "mai"', (2, "day-malformed")),
        (f"effective = {DAY}\n", "", (1, "plan-value-missing")),
        ("redirect_until = 2027-03-01", "redirect_until = 2025-01-01", (4, "day-order")),
        ('decision = "1685/NQ"', "decision = 1685", (3, "value-invalid")),
        ('"1685/NQ"', f'"{"1" * 101}"', (3, "text-long")),
        ('"units.csv"', '"../units.csv"', (5, "value-invalid")),
        ('units = "units.csv"', 'units = "units.csv"\nunites = 1', (6, "plan-key-unknown")),
        ('title = "Sắp', 'title = Sắp', (1, "line-malformed")),
        ('units = "units.csv"', 'units = "units.csv', (5, "line-malformed")),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_head(eve: Eve, old: str, new: str, wanted: tuple[int, str]) -> None:
    assert old in HEAD
    assert mistakes(eve, WARD, head=HEAD.replace(old, new))[0] == ("plan.toml", *wanted)


@pytest.mark.parametrize(
    ("heading", "wanted"),
    [
        ("action,unit,nhà", "column-unknown"),
        ("action,unit,đơn vị", "column-double"),
        ("action,into", "column-missing"),
        ("", "file-empty"),
    ],
)
def test_what_is_wrong_with_a_heading(eve: Eve, heading: str, wanted: str) -> None:
    with eve.directory.read() as conn:
        found, _ = life.rehearse(conn, parse_source({"plan.toml": HEAD, "units.csv": heading}))
    assert [(mistake.file, mistake.line, mistake.fault.code) for mistake in found] == [("units.csv", 1, wanted)]


def test_all_of_them_at_once(eve: Eve) -> None:
    text = line("merge", "NHA", into="STC") + "# chú thích\n\n" + line("merge", "W1") + WARD * 2
    assert [number for _, number, _ in mistakes(eve, text)] == [2, 5, 6, 7]


def test_a_unit_that_changes_later_is_left_alone(eve: Eve) -> None:
    with eve.directory.write() as conn:
        unit_changes.alter_unit(conn, "test", eve.city.units["W1"], from_day="2026-06-01", name="Phường Tương lai")
        unit_changes.close_unit(conn, "test", eve.city.units["W2"], last_day="2026-09-30", force=True)
    assert mistakes(eve, line("merge", "W1", into="W3")) == [("units.csv", 2, "plan-unit-later")]
    assert mistakes(eve, line("merge", "W2", into="W3")) == [("units.csv", 2, "unit-closed")]


def test_files_as_they_come(eve: Eve, tmp_path: Path) -> None:
    """With a byte order mark, semicolons, Windows' line ends and Vietnamese headings."""
    (tmp_path / "plan.toml").write_bytes(b"\xef\xbb\xbf" + HEAD.replace("\n", "\r\n").encode())
    (tmp_path / "units.csv").write_bytes(
        b"\xef\xbb\xbf" + "Việc;Đơn vị;Nhập vào\r\nSáp nhập;Phường Một;P.SG\r\n".encode()
    )
    with eve.directory.read() as conn:
        found, effects = life.rehearse(conn, read_plan(tmp_path / "plan.toml"))
    assert found == []
    assert effects.facts[0].action == "unit.close"
    (tmp_path / "units.csv").write_bytes(b"\xff\xfe")
    with eve.directory.read() as conn:
        found, _ = life.rehearse(conn, read_plan(tmp_path / "plan.toml"))
    assert [(mistake.line, mistake.fault.code) for mistake in found] == [(5, "file-encoding")]
    (tmp_path / "units.csv").unlink()
    with eve.directory.read() as conn:
        found, _ = life.rehearse(conn, read_plan(tmp_path / "plan.toml"))
    assert [(mistake.line, mistake.fault.code) for mistake in found] == [(5, "plan-file-missing")]
    with pytest.raises(Fault):
        read_plan(tmp_path / "khac.toml")
    assert COLUMNS.startswith("action,unit")
