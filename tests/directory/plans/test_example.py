"""The example that we ship is a plan without mistakes, and says of the city what its README says."""

from __future__ import annotations

import csv
from pathlib import Path

from directory.database import Directory
from directory.mail import domains
from directory.plans import life
from directory.plans.reading import read_plan
from directory.staff import catalogue, unit_changes, units
from tests.directory.conftest import Clock
from tests.directory.plans.synthetic import ON_THE_DAY

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "reorganisation-2025-07-01"


def test_the_first_of_july(directory: Directory, clock: Clock) -> None:
    clock.now = ON_THE_DAY
    with directory.write() as conn:
        domains.add_domain(conn, "test", "city.example")
        catalogue.lay_out(conn, "test")
        made: dict[str, str] = {}
        with open(EXAMPLE / "before.csv", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                made[row["short_name"]] = unit_changes.add_unit(
                    conn, "test", name=row["name"], short_name=row["short_name"], type_code=row["type"],
                    valid_from="2020-01-01", parent_id=made.get(row["under"]),
                ).id  # fmt: skip
    text = read_plan(EXAMPLE / "plan.toml")
    with directory.write() as conn:
        assert life.rehearse(conn, text)[0] == []
        plan = life.propose(conn, "cli:an", text)
        life.approve(conn, "cli:binh", plan.id)
    life.apply(directory, "cli:an", plan.id)
    with directory.read() as conn:
        tree = units.tree(conn)
        assert {unit.name for unit in tree.children(made["UBND"])} == {
            "Phường Sài Gòn",
            "Phường Tân Định",
            "Phường Bến Thành",
            "Phường Cầu Ông Lãnh",
            "Đặc khu Côn Đảo",
        }
        assert len(units.tree(conn, "2025-06-30").children(made["Q1"])) == 10
        for short, into in (
            ("Q1.DaKao", {"Phường Sài Gòn", "Phường Tân Định"}),
            ("Q1.NguyenThaiBinh", {"Phường Sài Gòn", "Phường Bến Thành"}),
            ("Q1.CauOngLanh", {"Phường Bến Thành", "Phường Cầu Ông Lãnh"}),
        ):
            assert {tree.by_id[link.new_id].name for link in units.successions(conn, made[short])} == into
        assert units.find_unit(conn, "H.ConDao").type == "special-zone"
    assert directory.check_consistency() == []
