"""A city of the size of the real one, with the reorganisation of 1 July 2025 in outline, from one seed.

Twenty-two districts with 273 wards, departments with divisions, officials in all of them; the plan dissolves the
districts and makes 168 units of the wards, some of which are split.  ``python -m tests.directory.plans.synthetic
DIRECTORY [OFFICIALS]`` builds it, proposes, approves, applies and undoes the plan, and tells what processor time each
took.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from directory.database import Directory, Writing, open_directory
from directory.mail import domains, mailboxes
from directory.mail.addresses import is_local_domain
from directory.plans import life
from directory.plans.reading import PlanText, parse_source
from directory.staff import postings, unit_changes, unit_types
from directory.staff.intake import Intake, Joiner
from directory.words.names import split_name

DOMAIN = "city.example"
DAY, EVE = "2025-07-01", "2025-06-30"
ON_THE_DAY = 1751338800.0  # 2025-07-01 10:00 in the city
_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Lý")
_MIDDLES = ("Văn", "Thị", "Hữu", "Đức", "Minh", "Ngọc", "Thanh", "Quang", "Hồng", "Kim")
_GIVENS = (
    "An",
    "Bình",
    "Chi",
    "Dũng",
    "Giang",
    "Hà",
    "Khoa",
    "Lan",
    "Linh",
    "Mai",
    "Nam",
    "Phúc",
    "Quân",
    "Sơn",
    "Yến",
)


@dataclass
class Sizes:
    districts: int = 22
    wards: int = 273
    new_wards: int = 168
    departments: int = 21
    divisions: int = 56  # in each department
    officials: int = 20_000


@dataclass
class Synthetic:
    directory: Directory
    plan: PlanText
    unit_count: int


def build(directory: Directory, sizes: Sizes, seed: int = 1) -> Synthetic:
    chance = random.Random(seed)
    districts: list[str] = []
    wards: list[str] = []
    offices: list[str] = []
    with directory.write() as conn:
        if not is_local_domain(conn, DOMAIN):
            domains.add_domain(conn, "synthetic", DOMAIN)
        for code, name, until in (
            ("city", "Thành phố", None),
            ("department", "Sở", None),
            ("division", "Phòng", None),
            ("district", "Quận", EVE),
            ("ward", "Phường", None),
        ):
            unit_types.define_type(conn, "synthetic", code, name, code, "1976-07-02", until)
        # an installation has its catalogue already
        known = {position.code: position.id for position in postings.positions(conn).values()}
        clerk_positions = [
            known.get(code)
            or postings.add_position(conn, "synthetic", code=code, title=title, rank=rank, is_clerk=clerk).id
            for code, title, rank, clerk in (
                ("CT", "Chủ tịch", 5, False),
                ("PCT", "Phó Chủ tịch", 8, False),
                ("CV", "Chuyên viên", 60, False),
                ("VT", "Văn thư", 70, True),
            )
        ]
        top = _unit(conn, "UBND Thành phố", "UBND", "city", None)
        for number in range(sizes.departments):
            department = _unit(conn, f"Sở {number}", f"S{number}", "department", top)
            offices.append(department)
            offices.extend(
                _unit(conn, f"Phòng {each} Sở {number}", f"S{number}.P{each}", "division", department)
                for each in range(sizes.divisions)
            )
        districts = [_unit(conn, f"Quận {n}", f"Q{n}", "district", top) for n in range(sizes.districts)]
        wards = [
            _unit(conn, f"Phường cũ {n}", f"W{n}", "ward", districts[n % len(districts)]) for n in range(sizes.wards)
        ]
    everywhere = offices + districts + wards
    # of three officials two work in districts and wards, as far as the reorganisation is concerned
    places = [chance.choice(districts + wards) if chance.random() < 0.67 else chance.choice(everywhere)
              for _ in range(sizes.officials)]  # fmt: skip
    for start in range(0, len(places), 5000):
        with directory.write() as conn:
            intake = Intake(conn, "synthetic")
            for number, unit_id in enumerate(places[start : start + 5000], start):
                name = f"{chance.choice(_FAMILIES)} {chance.choice(_MIDDLES)} {chance.choice(_GIVENS)}"
                joiner = Joiner(
                    split_name(name),
                    unit_id,
                    clerk_positions[number % len(clerk_positions)],
                    "2024-01-01",
                    employee_code=f"CB{number}",
                )
                intake.join(joiner)
            intake.flush()
    with directory.write() as conn:
        for kind, found in (("q", districts), ("w", wards)):
            for number, unit_id in enumerate(found):
                mailboxes.open_mailbox(
                    conn, "synthetic", address_text=f"ubnd.{kind}{number}", name=f"UBND {kind}{number}", unit_id=unit_id
                )
    return Synthetic(directory, _plan(sizes), 1 + len(everywhere))


def _unit(conn: Writing, name: str, short: str, kind: str, above: str | None) -> str:
    return unit_changes.add_unit(
        conn, "synthetic", name=name, short_name=short, type_code=kind, valid_from="2020-01-01", parent_id=above
    ).id


def _plan(sizes: Sizes) -> PlanText:
    lines = ["action,unit,into,name,type,under,positions,mailbox"]
    lines += [f"new,P{number},,Phường mới {number},ward,UBND,,ubnd.p{number}" for number in range(sizes.new_wards)]
    for number in range(sizes.wards):
        first = number % sizes.new_wards
        if number % 7 == 0:
            # "một phần" goes to one neighbour, "phần còn lại" to the other
            lines.append(f"split,W{number},P{(first + 1) % sizes.new_wards},,,,PCT,")
            lines.append(f"split,W{number},P{first},,,,,redirect")
        else:
            lines.append(f"merge,W{number},P{first},,,,,redirect")
    lines += [f"dissolve,Q{n},S{n % sizes.departments},,,,,hand-over" for n in range(sizes.districts)]
    source = {
        "plan.toml": f'title = "Sắp xếp"\neffective = {DAY}\ndecision = "1685"\nunits = "units.csv"\n',
        "units.csv": "\n".join(lines),
    }
    return parse_source(source)


def main() -> None:
    where = Path(sys.argv[1])
    sizes = Sizes(officials=int(sys.argv[2]) if len(sys.argv) > 2 else Sizes.officials)
    directory = open_directory(f"sqlite:///{where / 'directory.db'}", clock=lambda: ON_THE_DAY)
    began = time.process_time()
    city = build(directory, sizes)

    def tell(what: str) -> None:
        nonlocal began
        now = time.process_time()
        print(f"{what}: {now - began:.2f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB at most")
        began = now

    tell(f"{city.unit_count} units, {sizes.officials} officials")
    with directory.write() as conn:
        found = life.propose(conn, "cli:an", city.plan)
    tell("propose")
    with directory.write() as conn:
        life.approve(conn, "cli:binh", found.id)
    tell("approve")
    effects = life.apply(directory, "cli:an", found.id)
    tell(f"apply ({len(effects.changes)} rows, {len(effects.people)} people)")
    problems = directory.check_consistency()
    tell(f"check: {problems}")
    life.undo(directory, "cli:an", found.id)
    tell("undo")
    tell(f"check: {directory.check_consistency()}")


if __name__ == "__main__":
    main()
