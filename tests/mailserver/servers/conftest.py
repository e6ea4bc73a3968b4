"""A mailroom for every test that wants one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailserver.delivery.post_office import PostOffice
from tests.mailserver.mailroom import Mailroom
from tests.mailserver.mailroom_fixtures import city_template, clock, make_office, office

__all__ = ["city_template", "clock", "make_office", "office"]


@pytest.fixture
def make_room(make_office: Callable[..., PostOffice], tmp_path: Path) -> Iterator[Callable[..., Mailroom]]:
    """Live servers; keyword arguments are sections of the configuration, and those of ``Mailroom``."""
    rooms: list[Mailroom] = []

    def make(*, use_uvloop: bool = True, with_relay: bool = False, **sections: object) -> Mailroom:
        room = Mailroom(make_office(**sections), tmp_path, use_uvloop=use_uvloop, with_relay=with_relay)
        rooms.append(room)
        return room

    yield make
    for room in rooms:
        room.close()


@pytest.fixture
def room(make_room: Callable[..., Mailroom]) -> Mailroom:
    return make_room()
