"""Fixtures around ``mailroom``, imported by the conftest of each folder that uses them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from directory.database import open_directory
from mailserver.delivery.post_office import PostOffice
from mailserver.scanning.asking import Panel
from mailserver.store import Store
from tests.mailserver.mailroom import Clock, found_city, make_config


@pytest.fixture(scope="session")
def city_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A staffed directory to copy."""
    path = tmp_path_factory.mktemp("city") / "directory.db"
    directory = open_directory(f"sqlite:///{path}")
    found_city(directory)
    directory.close()
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_office(
    make_store: Callable[..., Store], city_template: Path, tmp_path: Path, clock: Clock
) -> Iterator[Callable[..., PostOffice]]:
    """A post office; keyword arguments are sections of the configuration."""
    opened = []

    def make(**sections: object) -> PostOffice:
        folder = tmp_path / f"office{len(opened)}"
        folder.mkdir()
        shutil.copy(city_template, folder / "directory.db")
        directory = open_directory(f"sqlite:///{folder / 'directory.db'}", clock=clock, notice_within=0.0)
        opened.append(directory)
        store = make_store(folder, clock=clock)
        config = make_config(folder, **sections)  # type: ignore[arg-type]
        return PostOffice(
            store=store,
            directory=directory,
            config=config,
            panel=Panel(config.scanners, our_name=config.city.hostname, monotonic=time.monotonic),
            clock=clock,
            random=lambda: 0.5,
        )

    yield make
    for directory in opened:
        directory.close()


@pytest.fixture
def office(make_office: Callable[..., PostOffice]) -> PostOffice:
    return make_office()
