"""A mailroom for every test that wants one; servers far away; programs under the supervisor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mailserver.delivery.post_office import PostOffice
from tests.mailserver.mailroom import Mailroom
from tests.mailserver.mailroom_fixtures import city_template, clock, make_office, office
from tests.mailserver.servers.far_away import FarServer, NameServer
from tests.mailserver.servers.supervised import Supervised

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


@pytest.fixture
def far() -> Iterator[FarServer]:
    server = FarServer()
    yield server
    server.close()


@pytest.fixture
def make_far() -> Iterator[Callable[..., FarServer]]:
    servers: list[FarServer] = []

    def make(*arguments: Any, **more: Any) -> FarServer:
        servers.append(FarServer(*arguments, **more))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def name_server() -> Iterator[Callable[..., NameServer]]:
    servers: list[NameServer] = []

    def start(records: Any) -> NameServer:
        servers.append(NameServer(records))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def relaying(make_room: Callable[..., Mailroom]) -> Callable[..., Mailroom]:
    """Start the servers with the relay; ``routes`` name far servers by domain."""

    def start(far: FarServer | None = None, *, resolver: str = "127.0.0.1:1", **settings: object) -> Mailroom:
        routes = {"far.example": f"127.0.0.1:{far.port}"} if far is not None else {}
        return make_room(with_relay=True, relay={"routes": routes, **settings}, dns={"resolvers": (resolver,)})

    return start


@pytest.fixture
def supervise() -> Iterator[Callable[..., Supervised]]:
    started: list[Supervised] = []

    def start(body: str, **environment: str) -> Supervised:
        started.append(Supervised(body, **environment))
        return started[-1]

    yield start
    for each in started:
        each.close()
