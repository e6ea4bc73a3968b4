"""A city with two departments and one official, for whoever types commands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from directory.administration import delegations
from directory.database import Directory, open_directory
from directory.mail import domains
from directory.staff import postings, provisioning, units
from directory.staff.intake import Joiner
from directory.words.names import split_name
from security.passwords import hash_password
from tests.directory.cli.terminal import Terminal


@pytest.fixture(scope="session")
def bare(migrated_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city with a domain, to copy."""
    path = tmp_path_factory.mktemp("bare") / "directory.db"
    shutil.copy(migrated_directory, path)
    opened = open_directory(f"sqlite:///{path}")
    with opened.write() as conn:
        domains.add_domain(conn, "test", "city.gov.vn")
    opened.close()
    return path


@pytest.fixture(scope="session")
def founded(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its departments and positions, founded by commands."""
    path = tmp_path_factory.mktemp("founded") / "directory.db"
    shutil.copy(bare, path)
    terminal = Terminal(f"sqlite:///{path}")
    terminal("unit", "define-type", "city", "--name", "Thành phố", "--name-en", "City")
    terminal("unit", "define-type", "department", "--name", "Sở", "--name-en", "Department")
    terminal("unit", "add", "UBND Thành phố", "--short", "UBND", "--type", "city", "--from", "2020-01-01")
    for name, short, order in (("Sở Y tế", "SYT", "1"), ("Sở Tài chính", "STC", "2")):
        terminal(
            *("unit", "add", name, "--short", short, "--type", "department", "--order", order),
            *("--under", "UBND", "--from", "01/01/2020"),
        )
    terminal("official", "define-position", "GD", "--title", "Giám đốc", "--title-en", "Director", "--rank", "10")
    terminal("official", "define-position", "CV", "--title", "Chuyên viên", "--title-en", "Officer")
    terminal("official", "define-position", "VT", "--title", "Văn thư", "--clerk")
    return path


@pytest.fixture
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Directory]:
    """With departments, for whoever types commands."""
    typing = "citymail" in request.fixturenames
    shutil.copy(request.getfixturevalue("founded" if typing else "bare"), tmp_path / "directory.db")
    opened = open_directory(f"sqlite:///{tmp_path / 'directory.db'}")
    yield opened
    assert opened.check_consistency() == []
    opened.close()


@pytest.fixture
def citymail(directory: Directory) -> Terminal:
    return Terminal(directory.url)


@pytest.fixture
def an(citymail: Terminal) -> str:
    return str(
        citymail.json(
            *("official", "add", "--name", "Nguyễn Văn An", "--unit", "SYT", "--position", "giam doc"),
            *("--code", "CB1", "--password", "trời nhiều mây", "--from", "2025-07-01", "--quota", "5G"),
        )["login"]
    )


# --- administrators

PASSWORD = "trời nhiều mây"


class Officer:
    """Commands of one administrator."""

    def __init__(self, terminal: Terminal, login: str, password: str = PASSWORD) -> None:
        self._terminal = terminal
        self._login = login
        self._env = {"CITYMAIL_ADMIN_PASSWORD": password}

    def run(self, *arguments: str, **more: Any) -> Any:
        return self._terminal.run("--as", self._login, *arguments, env=self._env, **more)

    def __call__(self, *arguments: str, **more: Any) -> str:
        return str(self.run(*arguments, **more).stdout)

    def json(self, *arguments: str, **more: Any) -> Any:
        return json.loads(self(*arguments, "--json", **more))


PEOPLE = {
    "director": ("Võ Văn Giám", "SYT", "GD"),
    "lan": ("Lê Thị Lan", "SYT", "CV"),
    "khoa": ("Phạm Văn Khoa", "SYT", "CV"),
    "an": ("Nguyễn Văn An", "SYT", "CV"),
    "xa": ("Bùi Thị Xa", "STC", "CV"),
    "bao": ("Trần Quốc Bảo", "UBND", "CV"),
}


@pytest.fixture(scope="module")
def stored() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def office(citymail: Terminal, directory: Directory, stored: str) -> dict[str, str]:
    """A director and officers of two departments; the first of them has a helpdesk and a unit administrator."""
    made: dict[str, str] = {}
    with directory.write() as conn:
        for key, (name, unit, position) in PEOPLE.items():
            joiner = Joiner(
                split_name(name),
                units.find_unit(conn, unit).id,
                postings.find_position(conn, position).id,
                valid_from="2026-01-05",
                password_hash=stored,
            )
            made[key] = provisioning.join(conn, "test", joiner).login
        health = units.find_unit(conn, "SYT").id
        delegations.grant(conn, "test", made["bao"], "city-admin", below_rank=0)
        delegations.grant(conn, "test", made["lan"], "unit-admin", unit_id=health, below_rank=20)
        delegations.grant(
            conn, "test", made["khoa"], "helpdesk", unit_id=health, below_rank=20, until="2099-12-31"
        )  # fmt: skip
    return made


def actions(citymail: Terminal, action: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = citymail.json("audit", "search", "--action", action)
    return found
