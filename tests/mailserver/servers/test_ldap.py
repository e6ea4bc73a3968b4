"""What the LDAP server makes of its configuration, of silence, and of its own end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from directory.database import open_directory
from directory.ldap.schema import ATTRIBUTES
from directory.mail import domains
from directory.signing_in.login import Gate
from mailserver.config import Config, Ldap
from mailserver.config.ldap import ATTRIBUTES as NAMED
from mailserver.servers.ldap import MESSAGE_TIME, STALLED_TIME, STRANGER_TIME, LdapServices, policy_of
from security.proven import ProvenLogins
from security.throttle import Throttle
from tests.directory.ldap_client import found_in, message, search_request


def test_every_attribute_of_the_schema_can_be_named() -> None:
    assert sorted(NAMED) == sorted(
        kind.names[0]
        for kind in ATTRIBUTES
        if kind.name == "memberOf" or (not kind.is_operational and kind.name != "objectClass")
    )
    policy_of(Ldap(anonymous_attributes=NAMED, private_attributes=NAMED))


def test_nobody_is_nobody() -> None:
    policy = policy_of(Ldap(access="nobody", anonymous_attributes=("cn",)))
    assert not policy.members_see
    assert not policy.anonymous
    assert policy_of(Ldap(anonymous_attributes=("cn", "givenName"))).anonymous == {"cn", "givenname"}
    assert policy_of(Ldap()).private == {"employeenumber"}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[LdapServices]:
    directory = open_directory(f"sqlite:///{tmp_path / 'directory.db'}")
    with directory.write() as conn:
        domains.add_domain(conn, "test", "city.gov.vn")
    gate = Gate(
        directory,
        throttle=Throttle([], monotonic=time.monotonic),
        proven=ProvenLogins(600, monotonic=time.monotonic),
    )
    with ThreadPoolExecutor(2) as threads:
        yield LdapServices(directory, gate, Config(), None, threads, threads)
    directory.close()


async def _talk(services: LdapServices, said: bytes, later: float, *, ending: bool = False) -> bytes:
    """All that a client hears who says this, is looked at so many seconds later, and then sees the server end."""
    factory, _ = services.factories()["ldap"]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    writer.write(said)
    heard = b""
    if said == ROOT:
        while not heard.endswith(b"\x04\x00\x04\x00"):  # the end of searchResDone
            heard += await reader.read(4096)
    while not services.connections or (said != ROOT and not _has_heard(services)):
        await asyncio.sleep(0.01)
    (connection,) = services.connections
    while connection._work is not None:
        await asyncio.sleep(0.01)
    connection.look(loop.time() + later)
    if ending:
        await services.drain()
    heard += await asyncio.wait_for(reader.read(), 20) if connection._transport.is_closing() else b""  # type: ignore[union-attr]
    writer.close()
    await writer.wait_closed()
    while services.connections:
        await asyncio.sleep(0.01)
    services.wheel.stop()
    server.close()
    return heard


def _has_heard(services: LdapServices) -> bool:
    return any(each._session is not None and each._session.has_begun for each in services.connections)


ROOT = message(1, "searchRequest", search_request("", scope="BASE"))


def test_silence_has_a_limit(services: LdapServices) -> None:
    assert STALLED_TIME <= STRANGER_TIME
    heard = asyncio.run(_talk(services, ROOT, STRANGER_TIME - 10))
    assert found_in(heard).dns == [""]
    assert b"Idle" not in heard
    assert b"Idle for too long" in asyncio.run(_talk(_again(services), ROOT, STRANGER_TIME + 10))


def test_a_message_that_never_ends(services: LdapServices) -> None:
    assert asyncio.run(_talk(services, b"\x30\x20\x02", MESSAGE_TIME - 10)) == b""
    assert b"comes too slowly" in asyncio.run(_talk(_again(services), b"\x30\x20\x02", MESSAGE_TIME + 10))


def test_the_end_is_said(services: LdapServices) -> None:
    assert b"Shutting down" in asyncio.run(_talk(services, ROOT, 0, ending=True))


def _again(services: LdapServices) -> LdapServices:
    """For another loop."""
    given = services.sessions
    return LdapServices(given.directory, given.gate, Config(), None, services.executor, services.login_executor)
