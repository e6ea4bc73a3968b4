"""A small city to test with: units, positions and a few officials, on either engine."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from directory.database import Directory, Writing, open_directory
from directory.mail import domains
from directory.staff import postings, provisioning, unit_changes, unit_types
from directory.staff.intake import Joined, Joiner
from directory.words.names import split_name


class Clock:
    """Says what it was told; both as wall clock and as monotonic clock."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


# 2026-03-02 08:00 in the city
START = 1772413200.0


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture(scope="session")
def migrated_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "directory.db"
    open_directory(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def directory(migrated_directory: Path, tmp_path: Path, clock: Clock) -> Iterator[Directory]:
    """An empty directory on SQLite."""
    path = tmp_path / "directory.db"
    shutil.copy(migrated_directory, path)
    opened = open_directory(f"sqlite:///{path}", clock=clock)
    yield opened
    opened.close()


def _database(server: str, name: str) -> str:
    base, _, query = server.partition("?")
    return base.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")


@pytest.fixture(scope="session")
def _migrated_postgres(postgres_server: str) -> Iterator[str]:
    """The name of an empty directory to copy: PostgreSQL copies a database in a tenth of what migrating takes."""
    name = f"template_{secrets.token_hex(6)}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    open_directory(_database(postgres_server, name)).close()
    yield name
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture
def _postgres_copy(postgres_server: str, _migrated_postgres: str) -> Iterator[str]:
    name = f"t_{secrets.token_hex(6)}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{_migrated_postgres}" STRATEGY file_copy'))
    yield _database(postgres_server, name)
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_directory(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Directory]:
    """An empty directory on each engine in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("directory")
        return
    opened = open_directory(request.getfixturevalue("_postgres_copy"), clock=clock)
    yield opened
    opened.close()


@dataclass
class City:
    directory: Directory
    units: dict[str, str] = field(default_factory=dict)
    positions: dict[str, str] = field(default_factory=dict)

    def join(self, conn: Writing, full_name: str, unit: str = "SYT", position: str = "CV", **more: object) -> Joined:
        joiner = Joiner(
            split_name(full_name),
            self.units[unit],
            self.positions[position],
            valid_from=str(more.pop("valid_from", "2026-01-05")),
            **more,  # type: ignore[arg-type]
        )
        return provisioning.join(conn, "test", joiner)


def found_city(directory: Directory) -> City:
    city = City(directory)
    with directory.write() as conn:
        domains.add_domain(conn, "test", "city.gov.vn")
        unit_types.define_type(conn, "test", "city", "Thành phố", "City", "1976-07-02")
        unit_types.define_type(conn, "test", "department", "Sở", "Department", "1976-07-02")
        unit_types.define_type(conn, "test", "ward", "Phường", "Ward", "2025-07-01")
        unit_types.define_type(conn, "test", "district", "Quận", "District", "1976-07-02", "2025-06-30")
        top = unit_changes.add_unit(
            conn, "test", name="UBND Thành phố", short_name="UBND", type_code="city", valid_from="2020-01-01"
        )
        city.units["UBND"] = top.id
        for short, name, kind, since in (
            ("SYT", "Sở Y tế", "department", "2020-01-01"),
            ("STC", "Sở Tài chính", "department", "2020-01-01"),
            ("P.SG", "Phường Sài Gòn", "ward", "2025-07-01"),
            ("P.BT", "Phường Bến Thành", "ward", "2025-07-01"),
        ):
            made = unit_changes.add_unit(
                conn, "test", name=name, short_name=short, type_code=kind, valid_from=since, parent_id=top.id
            )
            city.units[short] = made.id
        for code, title, english, rank, clerk in (
            ("CT", "Chủ tịch", "Chairman", 5, False),
            ("GD", "Giám đốc", "Director", 10, False),
            ("TP", "Trưởng phòng", "Head of division", 30, False),
            ("CV", "Chuyên viên", "Officer", 60, False),
            ("VT", "Văn thư", "Clerk", 70, True),
        ):
            made_position = postings.add_position(
                conn, "test", code=code, title=title, title_en=english, rank=rank, is_clerk=clerk
            )
            city.positions[code] = made_position.id
    return city


@pytest.fixture
def city(directory: Directory) -> City:
    return found_city(directory)


@pytest.fixture
def any_city(any_directory: Directory) -> City:
    """The small city on each engine in turn."""
    return found_city(any_directory)


@pytest.fixture
def other_process(directory: Directory, clock: Clock) -> Iterator[Callable[[], Directory]]:
    """The same database opened once more, as another process would have it."""
    opened: list[Directory] = []

    def open_again() -> Directory:
        opened.append(open_directory(directory.url, clock=clock))
        return opened[-1]

    yield open_again
    for found in opened:
        found.close()


@pytest.fixture
def other_directory(migrated_directory: Path, tmp_path: Path, clock: Clock) -> Iterator[Directory]:
    """A second city's, empty."""
    path = tmp_path / "other" / "directory.db"
    path.parent.mkdir()
    shutil.copy(migrated_directory, path)
    opened = open_directory(f"sqlite:///{path}", clock=clock)
    yield opened
    opened.close()
