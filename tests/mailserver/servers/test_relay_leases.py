"""What a relay held that died is sent by the others, and what a living one holds is left to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from sqlalchemy import select

from mailserver.delivery import lanes
from mailserver.servers import relay as relay_server
from mailserver.servers.relay_leases import Presence
from mailserver.store.tables import spool_lane
from tests.mailserver.servers.far_away import FarServer
from tests.mailserver.servers.relaying import submit, until


@pytest.fixture
def far():
    server = FarServer()
    yield server
    server.close()


@pytest.fixture
def room(make_room, far):
    return make_room(relay={"routes": {"far.example": f"127.0.0.1:{far.port}"}})


def claim(room, owner):
    return room.office.store.write(lambda tx: lanes.claim(tx, owner, 100)).result()


def owners(room):
    with room.office.store.read() as connection:
        return dict(connection.execute(select(spool_lane.c.domain, spool_lane.c.owner)).all())


def test_what_a_killed_relay_of_this_machine_held_is_sent_at_the_next_start(room, far):
    submit(room, "<x@far.example>")
    claim(room, f"{socket.gethostname()}/{os.getpid()}/abc")  # its number has passed to somebody who is alive
    submit(room, "<y@other.example>")
    claim(room, "elsewhere/1/abc")
    with room.relay_for_a_while():
        until(lambda: len(far.messages) == 1)
    assert [message.recipients for message in far.messages] == [["x@far.example"]]
    assert owners(room) == {"other.example": "elsewhere/1/abc"}


def test_what_a_relay_held_that_was_killed_and_not_yet_buried_is_sent(room, far):
    submit(room, "<x@far.example>")
    program = (
        "import sys; from pathlib import Path; from mailserver.servers.relay_leases import Presence;"
        "print(Presence(Path(sys.argv[1])).owner, flush=True); input()"
    )
    relay = subprocess.Popen(
        [sys.executable, "-c", program, str(room.office.config.data / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert relay.stdout is not None
        claim(room, relay.stdout.readline().strip())
        relay.kill()
        os.waitid(os.P_PID, relay.pid, os.WEXITED | os.WNOWAIT)  # dead, and its number still taken
        os.kill(relay.pid, 0)
        with room.relay_for_a_while():
            until(lambda: len(far.messages) == 1)
    finally:
        relay.communicate()


def test_what_a_living_relay_holds_is_its_own_until_it_ends(room, far, monkeypatch):
    monkeypatch.setattr(relay_server, "LOOK_FOR_THE_DEAD_EVERY", 0.05)
    submit(room, "<x@far.example>")
    other = Presence(room.office.config.data / "run")
    claim(room, other.owner)
    with room.relay_for_a_while():
        room.call(lambda: None)
        other.free_leases_of_the_dead(room.office.store)
        assert owners(room) == {"far.example": other.owner}
        assert far.messages == []
        other.end()
        until(lambda: len(far.messages) == 1)


def test_a_relay_that_ended_leaves_no_file(room):
    with room.relay_for_a_while():
        assert len(list((room.office.config.data / "run" / "relays").iterdir())) == 1
    assert list((room.office.config.data / "run" / "relays").iterdir()) == []
