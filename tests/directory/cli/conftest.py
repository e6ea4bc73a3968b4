"""A city with two departments and one official, for whoever types commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.database import Directory, open_directory
from directory.mail import domains
from tests.directory.cli.terminal import Terminal


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    opened = open_directory(f"sqlite:///{tmp_path / 'directory.db'}")
    with opened.write() as conn:
        domains.add_domain(conn, "test", "city.gov.vn")
    yield opened
    assert opened.check_consistency() == []
    opened.close()


@pytest.fixture
def citymail(directory: Directory) -> Terminal:
    terminal = Terminal(directory.url)
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
    return terminal


@pytest.fixture
def an(citymail: Terminal) -> str:
    return str(
        citymail.json(
            *("official", "add", "--name", "Nguyễn Văn An", "--unit", "SYT", "--position", "giam doc"),
            *("--code", "CB1", "--password", "trời nhiều mây", "--from", "2025-07-01", "--quota", "5G"),
        )["login"]
    )
