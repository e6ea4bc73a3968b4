"""A city of districts and wards on the eve of its reorganisation, and plans written as text."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from directory.database import Directory, Reading, Writing, open_directory
from directory.mail import groups, mailboxes
from directory.mail.accounts import account_by_login
from directory.mail.recipients import resolve
from directory.plans import life
from directory.plans.reading import PlanText, parse_source
from directory.staff import unit_changes, unit_types
from directory.tables import metadata
from tests.directory.conftest import START, City, Clock, found_city

DAY = "2026-03-02"  # the clock's
EVE = "2026-03-01"
HEAD = f"""title = "Sắp xếp đơn vị"
effective = {DAY}
decision = "1685/NQ"
redirect_until = 2027-03-01
units = "units.csv"
"""
COLUMNS = "action,unit,into,name,short_name,type,under,code,order,positions,mailbox"


def plan_text(units_csv: str, officials_csv: str = "", head: str = HEAD) -> PlanText:
    source = {"plan.toml": head, "units.csv": f"{COLUMNS}\n{units_csv}"}
    if officials_csv:
        source["plan.toml"] += 'officials = "officials.csv"\n'
        source["officials.csv"] = officials_csv
    return parse_source(source)


def line(action: str, unit: str, **more: str) -> str:
    values = {"action": action, "unit": unit, **more}
    return ",".join(values.get(column, "") for column in COLUMNS.split(",")) + "\n"


# Two districts dissolve; of three wards two merge into a new one, the third is split between it and a kept one.
MERGER = (
    line("new", "P.TĐ", name="Phường Tân Định mới", type="ward", under="UBND", code="H29.1", mailbox="ubnd.p.tandinh")
    + line("merge", "W1", into="P.TĐ", mailbox="redirect")
    + line("merge", "W2", into="P.TĐ", mailbox="hand-over")
    + line("split", "W3", into="P.SG", positions="CT|TP")
    + line("split", "W3", into="P.TĐ", mailbox="bàn giao")
    + line("dissolve", "Q1", into="STC", mailbox="chuyển hướng")
    + line("rename", "P.BT", name="Phường Bến Thành mới", code="H29.2")
    + line("move", "SYT", under="STC")
)


@dataclass
class Eve:
    city: City

    @property
    def directory(self) -> Directory:
        return self.city.directory

    def propose(self, text: PlanText, author: str = "cli:an", approver: str = "cli:binh") -> str:
        with self.directory.write() as conn:
            found = life.propose(conn, author, text)
        with self.directory.write() as conn:
            life.approve(conn, approver, found.id)
        return found.id

    def apply(self, plan_id: str) -> None:
        life.apply(self.directory, "cli:an", plan_id)

    def undo(self, plan_id: str) -> None:
        life.undo(self.directory, "cli:an", plan_id)


def settle(city: City) -> Eve:
    """The wards and districts of before, with officials, mailboxes and groups."""
    with city.directory.write() as conn:
        for code, name in (("quan", "Quận"), ("phuong", "Phường cũ")):
            unit_types.define_type(conn, "test", code, name, name, "1976-07-02")
        for short, name, kind, above in (
            ("Q1", "Quận 1", "quan", "UBND"),
            ("W1", "Phường Một", "phuong", "Q1"),
            ("W2", "Phường Hai", "phuong", "Q1"),
            ("W3", "Phường Ba", "phuong", "Q1"),
        ):
            made = unit_changes.add_unit(
                conn, "test", name=name, short_name=short, type_code=kind, valid_from="2020-01-01",
                parent_id=city.units[above],
            )  # fmt: skip
            city.units[short] = made.id
        for short in ("Q1", "W1", "W2", "W3", "STC"):
            mailboxes.open_mailbox(
                conn, "test", address_text=f"ubnd.{short.lower()}", name=f"UBND {short}", unit_id=city.units[short]
            )
        number = 0
        for short in ("Q1", "W1", "W2", "W3", "P.SG", "SYT"):
            for position in ("CT", "TP", "CV", "VT"):
                number += 1
                city.join(conn, f"Nguyễn Văn A{number}", short, position, employee_code=f"CB{number}")
        for address, unit in (("quan1", "Q1"), ("phuong1", "W1"), ("phuong3", "W3")):
            group = groups.add_group(conn, "test", address_text=f"tat-ca.{address}", name=f"Tất cả {unit}")
            groups.add_rule(conn, "test", group.id, unit_id=city.units[unit])
            groups.add_member(conn, "test", group.id, "ubnd.w1@city.gov.vn")
        nguyen = city.join(conn, "Lê Thị Bình", "STC", "CV")
        box = mailboxes_of(conn, "ubnd.w1@city.gov.vn")
        mailboxes.grant(conn, "test", box, nguyen.account_id)
    assert city.directory.check_consistency() == []
    return Eve(city)


def mailboxes_of(conn: Reading | Writing, login: str) -> str:
    found = account_by_login(conn, login)
    assert found is not None
    return found.id


def reached(conn: Reading | Writing, address: str) -> frozenset[str]:
    """The accounts behind an address of ours."""
    found = resolve(conn, address)
    assert found is not None
    return found.accounts


@pytest.fixture
def any_eve(any_city: City) -> Eve:
    """On each engine in turn."""
    return settle(any_city)


@dataclass(frozen=True)
class Template:
    """The city of the eve in a file, to be copied."""

    path: Path
    units: dict[str, str]
    positions: dict[str, str]


@pytest.fixture(scope="session")
def settled(migrated_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    path = tmp_path_factory.mktemp("eve") / "directory.db"
    shutil.copy(migrated_directory, path)
    opened = open_directory(f"sqlite:///{path}", clock=Clock(START))
    city = settle(found_city(opened)).city
    opened.close()
    return Template(path, city.units, city.positions)


@pytest.fixture
def eve(settled: Template, tmp_path: Path, clock: Clock) -> Iterator[Eve]:
    path = tmp_path / "eve.db"
    shutil.copy(settled.path, path)
    opened = open_directory(f"sqlite:///{path}", clock=clock)
    yield Eve(City(opened, dict(settled.units), dict(settled.positions)))
    opened.close()


Snapshot = dict[str, set[tuple[Any, ...]]]
_APART = {"directory_state", "audit_record", "plan", "plan_change", "web_session"}


def snapshot(directory: Directory) -> Snapshot:
    """Every row of every table but the audit record and the plans themselves."""
    found: Snapshot = {}
    with directory.read() as conn:
        for table in metadata.sorted_tables:
            if table.name in _APART:
                continue
            columns = [column for column in table.c if (table.name, column.name) not in _NUMBERS]
            if table.name == "search_word":
                # entries are numbered anew when a mailbox comes back
                entry = metadata.tables["search_entry"]
                statement = select(table.c.word, table.c.rank, entry.c.subject_id).join(
                    entry, entry.c.id == table.c.entry_id
                )
            else:
                statement = select(*columns)
            found[table.name] = {tuple(row) for row in conn.execute(statement)}
    return found


_NUMBERS = {("search_entry", "id")}


def differing(before: Snapshot, after: Snapshot) -> dict[str, tuple[set[Any], set[Any]]]:
    return {
        name: (before[name] - after[name], after[name] - before[name]) for name in before if before[name] != after[name]
    }
