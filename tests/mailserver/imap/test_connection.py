"""What becomes of a connection: COMPRESS, UNAUTHENTICATE, limits of addresses, and commands that never end."""

from __future__ import annotations

import random
import zlib
from functools import partial
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.servers import imap as shell
from mailserver.servers.imap_deflate import Deflate
from security.tls import server_context
from tests.mailserver.imap.talk import LOGIN, Live, Wire, the_connection, wait_until
from tests.mailserver.imap.test_shell_flow import large_message
from tests.mailserver.mailroom import PASSWORD

LOOPBACK = (ip_network("127.0.0.0/8"),)


class Compressed(Wire):
    """A client whose octets are compressed from ``compress`` on."""

    def __init__(self, wire, *, flush=zlib.Z_SYNC_FLUSH):
        super().__init__(wire.socket)
        self.buffer = wire.buffer
        self.flush = flush
        lines = wire.ask("COMPRESS DEFLATE")
        assert lines == ["t OK DEFLATE active"]
        self.inflating, self.deflating = zlib.decompressobj(-15), zlib.compressobj(wbits=-15)
        self.received = 0
        raw = self.socket
        self.socket = self
        self._raw = raw
        self.buffer = wire.buffer and self.inflating.decompress(wire.buffer)

    def sendall(self, octets):
        self._raw.sendall(self.deflating.compress(octets) + self.deflating.flush(self.flush))

    def recv(self, most):
        while octets := self._raw.recv(most):
            self.received += len(octets)
            if plain := self.inflating.decompress(octets):
                return plain
        return b""

    def close(self):
        self._raw.close()


@pytest.fixture
def compressed(live):
    with live.connect() as wire:
        wire.log_in()
        with Compressed(wire) as client:
            yield client


# The codec


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 50), st.integers(1, 100))
def test_any_octets_in_any_pieces(messages, cut, most):
    near, far = Deflate(), Deflate()
    packed = b"".join(far.deflate([message]) for message in messages)
    got = b""
    for place in range(0, len(packed), cut):
        near.take(packed[place : place + cut])
        while near.has_unread:
            piece = near.inflate(most)
            assert len(piece) <= most
            got += piece
    assert got == b"".join(messages)


@given(st.lists(st.tuples(st.binary(max_size=200), st.booleans()), max_size=12))
def test_a_rest_breaks_nothing(messages):
    near, far = Deflate(), zlib.decompressobj(-15)
    for message, rests in messages:
        assert far.decompress(near.deflate([message])) == message
        if rests:
            near.rest()


# Over a port


def test_both_directions(compressed):
    assert compressed.ask('LIST "" *')[-1] == "t OK LIST completed"
    octets = large_message(700_000)
    assert compressed.ask(b"APPEND INBOX {%d+}\r\n%b" % (len(octets), octets))[-1].startswith("t OK [APPENDUID")
    compressed.ask("SELECT INBOX")
    before = compressed.received
    compressed.say(b"f FETCH 1 BODY.PEEK[]\r\n")
    assert compressed.read_line() == b"* 1 FETCH (BODY[] {%d}" % len(octets)
    while len(compressed.buffer) < len(octets):
        compressed.buffer += compressed.recv(1 << 16)
    assert compressed.buffer[: len(octets)] == octets
    compressed.buffer = compressed.buffer[len(octets) :]
    assert compressed.read_line() == b")"
    assert compressed.read_line() == b"f OK FETCH completed"
    assert compressed.received - before < len(octets) / 10


def test_only_once(compressed):
    assert compressed.ask("COMPRESS DEFLATE") == ["t BAD Compression is active already"]
    assert compressed.ask("NOOP") == ["t OK NOOP completed"]


def test_pushes_come_compressed_and_after_a_rest(live, compressed):
    compressed.ask("ENABLE IMAP4rev2")  # which has no RECENT
    compressed.ask("SELECT INBOX")
    compressed.say(b"i IDLE\r\n")
    assert compressed.read_line() == b"+ idling"
    with live.connect() as other:
        idler = the_connection_of(live, compressed)
        other.log_in()
        for count in range(1, 5):
            live.on_loop(idler._rest, idler._session)
            other.ask(b"APPEND INBOX {6+}\r\na: b\r\n")
            assert compressed.read_line() == b"* %d EXISTS" % count


def the_connection_of(live, client):
    name = client._raw.getsockname()
    return next(each for each in live.services.connections if each._transport.get_extra_info("peername") == name)


def test_under_tls_too(make_office, certificate):
    server = Live(
        make_office(login={"plaintext_networks": ()}),
        tls_context=server_context(certificate.certificate, certificate.key),
    )
    try:
        with server.connect() as wire:
            wire.read_line()
            assert wire.ask("STARTTLS")[-1].startswith("t OK")
            wire.start_tls(certificate.ca_file)
            assert wire.ask(f"LOGIN {LOGIN} {PASSWORD}")[-1].startswith("t OK")
            client = Compressed(wire)
            assert client.ask("STATUS INBOX (MESSAGES)")[-1] == "t OK STATUS completed"
            assert client.ask("LOGOUT")[0] == "* BYE Logging out"
            client.close()
    finally:
        server.close()


def test_octets_behind_compress_end_the_connection(live):
    with live.connect() as client:
        client.log_in()
        client.say(b"t COMPRESS DEFLATE\r\nu NOOP\r\n")
        lines = []
        while (line := client.read_line()) is not None:
            lines.append(line)
        assert len(lines) <= 1, "only the answer to COMPRESS may come"
    wait_until(lambda: not live.services.connections)


def test_what_is_not_compressed_ends_the_connection(live):
    with live.connect() as client:
        client.log_in()
        assert client.ask("COMPRESS DEFLATE") == ["t OK DEFLATE active"]
        client.say(b"\xff" * 100)
        assert client.has_hung_up()
    wait_until(lambda: not live.services.connections)


def test_a_bomb_of_one_line_is_dropped_in_step(live, compressed):
    """20 MB of one letter are 20 KB on the wire; the framer keeps what it keeps of any long line."""
    compressed._raw.sendall(compressed.deflating.compress(b"a LOGIN " + b"x" * 20_000_000))
    compressed.say(b"\r\nb NOOP\r\n")
    assert compressed.read_line() == b"a BAD Line is too long"
    assert compressed.read_line() == b"b OK NOOP completed"
    assert the_connection(live)._framer.buffered == 0


def test_a_bomb_of_a_literal_is_held_to_the_limit(compressed):
    compressed._raw.sendall(compressed.deflating.compress(b"a APPEND INBOX {3000001+}\r\n" + b"\0" * 3_000_001))
    compressed.say(b"\r\nb NOOP\r\n")
    assert compressed.read_line().startswith(b"a NO [TOOBIG]")
    assert compressed.read_line() == b"b OK NOOP completed"


def test_a_bomb_holds_up_nobody_else(live, compressed):
    compressed._raw.sendall(
        compressed.deflating.compress(b"x" * 60_000_000) + compressed.deflating.flush(zlib.Z_SYNC_FLUSH)
    )
    with live.connect() as other:
        other.log_in()
        for _ in range(20):
            assert other.ask("NOOP") == ["t OK NOOP completed"]
    compressed.say(b"\r\nb NOOP\r\n")
    assert compressed.read_line() == b"* BAD Line is too long"
    assert compressed.read_line() == b"b OK NOOP completed"


def test_a_flood_of_small_commands(compressed):
    count = 5000
    compressed.say(b"x NOOP\r\n" * count)
    assert [compressed.read_line() for _ in range(count)] == [b"x OK NOOP completed"] * count


# UNAUTHENTICATE


def test_unauthenticate_ends_compression(live, compressed):
    """RFC 8437 §4.1: the answer is compressed still, what follows is not."""
    octets = compressed.deflating.compress(b"u UNAUTHENTICATE\r\n") + compressed.deflating.flush(zlib.Z_SYNC_FLUSH)
    compressed._raw.sendall(octets)
    assert compressed.read_line().startswith(b"u OK [CAPABILITY IMAP4rev1 IMAP4rev2")
    plain = Wire(compressed._raw)
    assert plain.ask(f"LOGIN {LOGIN} {PASSWORD}")[-1].startswith("t OK")
    assert plain.ask("NOOP") == ["t OK NOOP completed"]
    # It may begin again, with nothing of before.
    again = Compressed(plain)
    assert again.ask("NOOP") == ["t OK NOOP completed"]


def test_a_client_may_end_its_side_and_go_on_at_once(compressed):
    octets = compressed.deflating.compress(b"u UNAUTHENTICATE\r\n") + compressed.deflating.flush(zlib.Z_FINISH)
    compressed._raw.sendall(octets + b"v NOOP\r\n")
    came = b""
    while not came.endswith(b"v OK NOOP completed\r\n"):
        came += compressed._raw.recv(65536)
    packed, flushed, plain = came.partition(b"\0\0\xff\xff")
    assert compressed.inflating.decompress(packed + flushed).startswith(b"u OK")
    assert plain == b"v OK NOOP completed\r\n"


def test_compressed_octets_behind_unauthenticate_end_the_connection(live, compressed):
    compressed.say(b"u UNAUTHENTICATE\r\nv NOOP\r\n")
    while compressed.read_line() is not None:
        pass
    wait_until(lambda: not live.services.connections)


def test_who_left_is_a_stranger_again(live):
    with live.connect() as client:
        client.log_in()
        presence = live.services.headcount
        assert presence.count("imap account an") == 1
        assert presence.count("imap stranger 127.0.0.1") == 0
        assert client.ask("UNAUTHENTICATE")[-1].startswith("t OK")
        assert presence.count("imap account an") == 0
        assert presence.count("imap stranger 127.0.0.1") == 1
        connection = the_connection(live)
        assert live.on_loop(connection.look, live.loop.time() + shell.LOGIN_TIME + 1) is None
        assert client.read_line() == b"* BYE Log in sooner"
        assert client.has_hung_up()
    wait_until(lambda: presence.mine == {})


def test_unauthenticate_may_be_turned_off(make_office):
    server = Live(make_office(login={"plaintext_networks": LOOPBACK}, imap={"unauthenticate": False}))
    try:
        with server.connect() as client:
            client.read_line()
            assert "UNAUTHENTICATE" not in client.ask(f"LOGIN {LOGIN} {PASSWORD}")[-1]
            assert client.ask("UNAUTHENTICATE")[-1].startswith("t BAD")
            assert client.ask("NOOP") == ["t OK NOOP completed"]
    finally:
        server.close()


# Limits of addresses


def limited(make_office, **imap):
    return Live(make_office(login={"plaintext_networks": LOOPBACK}, imap=imap))


def test_too_many_strangers_from_one_address(make_office):
    server = limited(make_office, max_strangers_per_client=2)
    try:
        with server.connect() as one, server.connect() as two:
            one.log_in()  # no stranger any more
            two.read_line()
            with server.connect() as three:
                assert three.read_line().startswith(b"* OK")
                with server.connect() as four:
                    assert four.read_line() == b"* BYE [LIMIT] Too many connections from your address"
                    assert four.has_hung_up()
            wait_until(lambda: len(server.services.connections) == 2)
            with server.connect() as five:
                assert five.read_line().startswith(b"* OK")
        wait_until(lambda: server.services.headcount.mine == {})
    finally:
        server.close()


def test_too_many_connections_from_one_address(make_office):
    server = limited(make_office, max_connections_per_client=1)
    try:
        with server.connect() as one:
            one.log_in()
            with server.connect() as two:
                assert two.read_line().startswith(b"* BYE [LIMIT]")
    finally:
        server.close()


def test_exempt_networks_have_no_limit(make_office):
    server = limited(make_office, max_connections_per_client=1, max_strangers_per_client=1, connection_exempt=LOOPBACK)
    try:
        with server.connect() as one, server.connect() as two:
            assert one.read_line().startswith(b"* OK")
            assert two.read_line().startswith(b"* OK")
    finally:
        server.close()


# Time


def test_a_command_that_never_ends_is_given_up(live):
    with live.connect() as client:
        client.log_in()
        client.say(b"a APPEND INBOX {1000000+}\r\n" + random.Random(1).randbytes(1000).hex().encode())
        connection = the_connection(live)
        wait_until(lambda: connection._framer.has_unread)
        looks = [live.on_loop(connection.look, live.loop.time()) for _ in range(shell.SLOW_LOOKS + 1)]
        assert looks == [shell.LOOK] * shell.SLOW_LOOKS + [None]
        assert client.read_line() == b"* BYE Your command comes too slowly"
        assert client.has_hung_up()
    wait_until(lambda: not live.services.connections)
    assert list(live.services.sessions.store.blobs.incoming.iterdir()) == []


def test_a_command_that_comes_slowly_but_surely_is_waited_for(live):
    with live.connect() as client:
        client.log_in()
        octets = large_message(400_000)
        client.say(b"a APPEND INBOX {%d+}\r\n" % len(octets))
        connection = the_connection(live)
        step = shell.LEAST_RATE * int(shell.LOOK) + 1000
        for place in range(0, len(octets), step):
            sent = connection._received + len(octets[place : place + step])
            client.say(octets[place : place + step])
            wait_until(partial(has_received, connection, sent))
            assert live.on_loop(connection.look, live.loop.time()) == shell.LOOK
            assert connection._slow_looks <= 1  # the last piece is short
        client.say(b"\r\n")
        assert client.read_line().startswith(b"a OK [APPENDUID")


def has_received(connection, octets):
    return connection._received >= octets


def test_a_reader_who_stopped_gains_no_time_by_writing(live):
    octets = large_message(2_900_000)
    with live.connect() as slow:
        slow.log_in()
        slow.ask(b"APPEND INBOX {%d+}\r\n%b" % (len(octets), octets))
        slow.ask("SELECT INBOX")
        slow.say(b"f FETCH 1 BODY.PEEK[]\r\n" * 20)
        connection = the_connection(live)
        wait_until(lambda: connection._is_paused_writing)
        received = connection._received
        slow.say(b"x NOOP\r\n")
        wait_until(lambda: connection._received > received)
        assert live.on_loop(connection.look, connection._stalled_at + shell.STALLED_TIME + 1) is None
        wait_until(lambda: not live.services.connections)
