"""A city of full size to measure with: 1,500 units, 200,000 people, mailboxes of units, groups and roles.

Names of bodies and communes are the real ones, people are made up; the same number gives the same person each time,
whatever the size of the city.  ``fill`` puts the city into an empty directory, by the steps that everybody takes;
``people`` and ``units`` are plain values, for whoever wants them in another program.

    python -m tests.benchmarks.city_people FOLDER [--people N]     FOLDER/directory.db, and what it took
    python -m tests.benchmarks.city_people FOLDER --csv FILE       units only, and a CSV of the people to import
"""

from __future__ import annotations

import argparse
import csv
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from directory.database import Directory, Writing, open_directory
from directory.mail import domains, groups, mailboxes
from directory.mail.addresses import is_local_domain
from directory.staff import postings, provisioning, unit_changes
from directory.staff.catalogue import COMMUNES_BEGAN, lay_out
from directory.staff.intake import Intake, Joiner
from directory.words.names import PersonName, ascii_word
from mailserver.demo import places

DOMAIN = "bench.example"
SINCE = "2021-01-01"
_ACTOR = "bench"
_BATCH = 5_000
_SEED = 1685
# Of a hundred people so many hold a second post.
_DOUBLE_HATTED = 3
_COMMUNE_DIVISIONS = (
    ("VP", "Văn phòng HĐND và UBND"),
    ("KT", "Phòng Kinh tế, Hạ tầng và Đô thị"),
    ("VX", "Phòng Văn hóa - Xã hội"),
    ("HCC", "Trung tâm Phục vụ hành chính công"),
)
_BODY_DIVISIONS = (
    *("Văn phòng", "Thanh tra", "Phòng Tổ chức cán bộ", "Phòng Kế hoạch - Tài chính", "Phòng Pháp chế"),
    *("Phòng Quản lý chuyên ngành", "Phòng Chuyển đổi số"),
)
_INSTITUTIONS = (
    *("Trường Tiểu học", "Trường Trung học cơ sở", "Trường Mầm non", "Trường Trung học phổ thông", "Trạm Y tế"),
    *("Bệnh viện", "Trung tâm Văn hóa", "Trung tâm Dạy nghề"),
)


@dataclass(frozen=True)
class Size:
    people: int = 200_000
    units: int = 1_500
    static_groups: int = 200


@dataclass(frozen=True, slots=True)
class CityUnit:
    short_name: str
    name: str
    type: str
    parent: str  # short name; empty: the top
    agency_code: str = ""


@dataclass(frozen=True, slots=True)
class CityPerson:
    employee_code: str
    name: PersonName
    address: str
    phone: str
    unit: str  # short name
    position: str  # code
    second_unit: str  # empty: one post


def address(number: int, domain: str = DOMAIN) -> str:
    """Of the person with this number."""
    return f"cb{number:06}@{domain}"


def city_units(size: Size) -> list[CityUnit]:
    """Parents before children: bodies and communes with their divisions, then schools, hospitals and the like."""
    found = [CityUnit("UBND", "Ủy ban nhân dân Thành phố Hồ Chí Minh", "city", "", "H29")]
    communes: list[CityUnit] = []
    for listed in (*places.DISTRICTS.values(), places.JOINED):
        communes += [_commune(name) for name in listed.split(", ")]
    for short, name, kind, code in places.BODIES:
        found.append(CityUnit(short, name, kind, "UBND", code))
        found += [
            CityUnit(f"{short}.P{number}", division, "division", short)
            for number, division in enumerate(_BODY_DIVISIONS, start=1)
        ]
    for commune in communes:
        found.append(commune)
        found += [
            CityUnit(f"{commune.short_name} {mark}", name, "division", commune.short_name)
            for mark, name in _COMMUNE_DIVISIONS
        ]
    for number in range(size.units - len(found)):
        commune = communes[number % len(communes)]
        kind = _INSTITUTIONS[number % len(_INSTITUTIONS)]
        proper = commune.name.split(" ", 1)[1]
        found.append(CityUnit(f"ĐV{number + 1}", f"{kind} {proper} {number + 1}", "centre", commune.short_name))
    return found[: size.units]


def _commune(listed: str) -> CityUnit:
    for prefix, short, kind in (("Xã ", "X.", "commune"), ("Đặc khu ", "ĐK.", "special-zone")):
        if listed.startswith(prefix):
            return CityUnit(f"{short} {listed.removeprefix(prefix)}", listed, kind, "UBND")
    return CityUnit(f"P. {listed}", f"Phường {listed}", "ward", "UBND")


def city_people(size: Size, domain: str = DOMAIN) -> Iterator[CityPerson]:
    """One after the other, in the order of their numbers."""
    return (city_person(size, number, domain) for number in range(size.people))


def city_person(size: Size, number: int, domain: str = DOMAIN) -> CityPerson:
    """The first in each unit leads it."""
    shorts = _places(size.units)
    chance = random.Random(_SEED * 1_000_003 + number)
    unit, kind = shorts[number % len(shorts)]
    position = chance.choices(("CV", "CVC", "CS", "NV", "VT", "PTP"), (60, 12, 8, 12, 2, 6))[0]
    if number < len(shorts):
        position = _HEADS.get(kind, "GD")
    twice = chance.randrange(100) < _DOUBLE_HATTED and len(shorts) > 1
    return CityPerson(
        f"CB{number:06}",
        _name(chance),
        address(number, domain),
        f"09{chance.randrange(10**8):08}",
        unit,
        position,
        shorts[(number + chance.randrange(1, len(shorts))) % len(shorts)][0] if twice else "",
    )


@cache
def _places(count: int) -> list[tuple[str, str]]:
    """(short name, type) of all units."""
    return [(unit.short_name, unit.type) for unit in city_units(Size(units=count))]


_HEADS = {
    "city": "CT-TP", "office": "CVP", "board": "TB", "sector": "CHT", "division": "TP", "ward": "CT-P",
    "commune": "CT-X", "special-zone": "CT-DK",
}  # fmt: skip


def _name(chance: random.Random) -> PersonName:
    man = chance.random() < 0.5
    family = chance.choice(places.FAMILY_NAMES)
    middle = chance.choice(places.MIDDLE_NAMES_MEN if man else places.MIDDLE_NAMES_WOMEN)
    given = chance.choice(places.GIVEN_NAMES_MEN if man else places.GIVEN_NAMES_WOMEN)
    if chance.random() < 0.35:
        middle = f"{middle} {chance.choice(places.GIVEN_NAMES_MEN if man else places.GIVEN_NAMES_WOMEN)}"
    return PersonName(f"{family} {middle} {given}", family, middle, given)


# --- into a directory ------------------------------------------------------------------------------------------------


def fill(directory: Directory, size: Size, tell: Callable[[int], None] = lambda done: None) -> None:
    """The whole city; ``tell`` hears how many people are in.  The directory has been installed, or is new."""
    known = fill_units(directory, size)
    with directory.read() as conn:
        positions = {position.code: position.id for position in postings.positions(conn).values()}
    batch: list[CityPerson] = []
    done = 0
    for person in city_people(size):
        batch.append(person)
        if len(batch) == _BATCH or done + len(batch) == size.people:
            with directory.write() as conn:
                _take_in(conn, batch, known, positions)
            done += len(batch)
            batch = []
            tell(done)
    with directory.write() as conn:
        _make_mailboxes(conn, size, known)
        _make_groups(conn, size, known)


def fill_units(directory: Directory, size: Size) -> dict[str, str]:
    """The units alone, and what people need to be imported into them; short name → id."""
    known: dict[str, str] = {}
    with directory.write() as conn:
        if not is_local_domain(conn, DOMAIN):
            domains.add_domain(conn, _ACTOR, DOMAIN, primary=True)
        lay_out(conn, _ACTOR)
        for order, unit in enumerate(city_units(size)):
            known[unit.short_name] = unit_changes.add_unit(
                conn,
                _ACTOR,
                name=unit.name,
                short_name=unit.short_name,
                type_code=unit.type,
                valid_from=COMMUNES_BEGAN if unit.type in ("ward", "commune", "special-zone") else SINCE,
                parent_id=known[unit.parent] if unit.parent else None,
                agency_code=unit.agency_code,
                sort_order=order,
            ).id
    return known


def _take_in(conn: Writing, batch: list[CityPerson], known: dict[str, str], positions: dict[str, str]) -> None:
    intake = Intake(conn, _ACTOR, DOMAIN)
    for person in batch:
        intake.join(
            Joiner(
                person.name,
                known[person.unit],
                positions[person.position],
                COMMUNES_BEGAN,
                employee_code=person.employee_code,
                address=person.address,
                phone=person.phone,
            )
        )
    intake.flush()
    for person in batch:
        if person.second_unit:
            provisioning.appoint(
                conn,
                _ACTOR,
                person.employee_code,
                unit_id=known[person.second_unit],
                position_id=positions["CV"],
                from_day=COMMUNES_BEGAN,
            )


def _make_mailboxes(conn: Writing, size: Size, known: dict[str, str]) -> None:
    """Of bodies and communes; and one role for every ten of them."""
    bodies = [unit for unit in city_units(size) if unit.parent in ("", "UBND")]
    for number, unit in enumerate(bodies):
        mailboxes.open_mailbox(
            conn,
            _ACTOR,
            address_text=f"vanthu.{number}@{DOMAIN}",
            name=f"Văn thư {unit.name}",
            unit_id=known[unit.short_name],
        )
        if number % 10 == 0:
            mailboxes.open_mailbox(
                conn, _ACTOR, address_text=f"hotline.{number}@{DOMAIN}", name=f"Đường dây nóng {unit.name}"
            )


def _make_groups(conn: Writing, size: Size, known: dict[str, str]) -> None:
    """One by rule for each body and commune, one of everybody, and many of named members."""
    chance = random.Random(_SEED)
    for number, unit in enumerate(unit for unit in city_units(size) if unit.parent in ("", "UBND")):
        local = f"toan.{ascii_word(unit.short_name)}.{number}"
        made = groups.add_group(conn, _ACTOR, address_text=f"{local}@{DOMAIN}", name=f"Toàn thể {unit.name}")
        groups.add_rule(conn, _ACTOR, made.id, unit_id=known[unit.short_name])
    for number in range(size.static_groups):
        made = groups.add_group(
            conn, _ACTOR, address_text=f"tocongtac.{number}@{DOMAIN}", name=f"Tổ công tác số {number}"
        )
        for member in sorted(chance.sample(range(size.people), min(50, size.people))):
            groups.add_member(conn, _ACTOR, made.id, address(member))


# --- by hand ---------------------------------------------------------------------------------------------------------


def write_csv(path: Path, size: Size) -> None:
    """For ``citymail official import``; a second post is a second line."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("employee_code", "full_name", "unit", "position", "valid_from", "address", "phone"))
        for person in city_people(size):
            posts = [(person.unit, person.position)] + ([(person.second_unit, "CV")] if person.second_unit else [])
            for unit, position in posts:
                name, since = person.name.full, COMMUNES_BEGAN
                table.writerow((person.employee_code, name, unit, position, since, person.address, person.phone))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=Size.people)
    parser.add_argument("--csv", type=Path, help="write the people there and not into the directory")
    options = parser.parse_args()
    size = Size(people=options.people)
    options.folder.mkdir(parents=True, exist_ok=True)
    directory = open_directory(f"sqlite:///{options.folder / 'directory.db'}")
    began = time.process_time()
    if options.csv is not None:
        fill_units(directory, size)
        write_csv(options.csv, size)
    else:
        fill(directory, size, lambda done: print(f"\r{done:,}", end="", file=sys.stderr))
    spent, most = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"\n{size.units:,} units, {size.people:,} people: {spent:.1f} s of processor time, {most} MiB at most")
    directory.close()


if __name__ == "__main__":
    main()
