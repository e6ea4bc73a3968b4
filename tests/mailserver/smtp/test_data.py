"""The data between 354 and the dot, whole, byte by byte, and split anywhere."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.smtp.data import DotSink, DotStuffer

NO_LIMIT = 10**9


def sink_of(wire, cuts=(), *, folder, memory_limit=256 * 1024, size_limit=NO_LIMIT):
    """Feed ``wire`` in pieces; the sink and what was left over behind the end."""
    sink = DotSink(size_limit, folder, memory_limit)
    places = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    for start, stop in pairwise(places):
        used = sink.feed(wire[start:stop])
        if used is not None:
            sink.finish()
            return sink, wire[start + used :]
    return sink, b""


def octets_of(sink):
    return sink.octets if sink.path is None else sink.path.read_bytes()


CASES = [
    (b".\r\n", b"", b""),
    (b"a\r\n.\r\n", b"a\r\n", b""),
    (b"..\r\n.\r\n", b".\r\n", b""),
    (b"\r\n.\r\nQUIT\r\n", b"\r\n", b"QUIT\r\n"),
    (b"a\r\n..b\r\n...\r\n.\r\n", b"a\r\n.b\r\n..\r\n", b""),
    (b".a\r\n.\r\n", b"a\r\n", b""),
    (b"Subject: x\r\n\r\nbody\r\n.\r\nMAIL FROM:<a@b>\r\n", b"Subject: x\r\n\r\nbody\r\n", b"MAIL FROM:<a@b>\r\n"),
    # a message that begins with white space has no header
    (b" x: y\r\nA: b\r\n.\r\n", b"\r\n x: y\r\nA: b\r\n", b""),
    (b". x\r\n.\r\n", b"\r\n x\r\n", b""),
    (b"\t\r\n \r\n.\r\n", b"\r\n\t\r\n \r\n", b""),
]


@pytest.mark.parametrize("memory_limit", [1, 5, 1 << 20])
@pytest.mark.parametrize(("wire", "message", "rest"), CASES)
def test_every_split_gives_the_same_message(tmp_path, wire, message, rest, memory_limit):
    for first in range(len(wire) + 1):
        for second in range(first, len(wire) + 1):
            sink, left = sink_of(wire, (first, second), folder=tmp_path, memory_limit=memory_limit)
            assert sink.has_ended
            assert (octets_of(sink), sink.size) == (message, len(message))
            # What the last piece brought behind the end is left; the pieces after it were not fed.
            assert rest.startswith(left) or rest.endswith(left)
            assert not sink.has_bare_line_end
            sink.discard()
    sink, _ = sink_of(wire, range(len(wire)), folder=tmp_path, memory_limit=memory_limit)
    assert octets_of(sink) == message


LINES = st.lists(st.text(alphabet="ab.\x00é", max_size=6).map(str.encode), max_size=12)


@given(
    lines=LINES,
    cuts=st.lists(st.integers(0, 200), max_size=6),
    out_cuts=st.lists(st.integers(0, 200), max_size=6),
    memory_limit=st.sampled_from([1, 7, 10**6]),
)
def test_what_is_stuffed_comes_out_again(tmp_path_factory, lines, cuts, out_cuts, memory_limit):
    folder = tmp_path_factory.getbasetemp()
    message = b"".join(line + b"\r\n" for line in lines)
    stuffer = DotStuffer()
    places = sorted({0, len(message), *(cut % (len(message) + 1) for cut in out_cuts)})
    wire = b"".join(stuffer.feed(message[a:b]) for a, b in pairwise(places)) + stuffer.finish()
    assert wire.count(b"\r\n.\r\n") == (1 if message else 0)
    sink, left = sink_of(wire, cuts, folder=folder, memory_limit=memory_limit)
    assert (octets_of(sink), left) == (message, b"")
    assert sink.has_nul is (b"\0" in message)
    sink.discard()
    assert sink.path is None


@given(
    pieces=st.lists(st.sampled_from([b"a", b".", b"\r", b"\n", b"\r\n"]), max_size=12),
    cuts=st.lists(st.integers(0, 30), max_size=5),
    memory_limit=st.sampled_from([1, 5, 10**6]),
)
def test_bare_line_ends_are_seen_over_every_border(tmp_path_factory, pieces, cuts, memory_limit):
    message = b"".join(pieces)
    wire = message.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n"
    if wire.startswith(b"."):
        wire = b"." + wire
    if b"\r\n.\r\n" in wire[:-2]:
        wire = wire[: wire.index(b"\r\n.\r\n") + 5]
    sink, _ = sink_of(wire, cuts, folder=tmp_path_factory.getbasetemp(), memory_limit=memory_limit)
    expected = re.search(rb"\r(?!\n)|(?<!\r)\n", wire) is not None
    assert sink.has_bare_line_end is expected
    sink.discard()


@given(st.lists(st.sampled_from([b"a", b".", b"\r", b"\n", b"\r\n"]), max_size=20), st.lists(st.integers(0, 40)))
def test_nothing_bare_is_ever_sent(pieces, cuts):
    message = b"".join(pieces)
    stuffer = DotStuffer()
    places = sorted({0, len(message), *(cut % (len(message) + 1) for cut in cuts)})
    wire = b"".join(stuffer.feed(message[a:b]) for a, b in pairwise(places)) + stuffer.finish()
    assert re.search(rb"\r(?!\n)|(?<!\r)\n", wire) is None
    # The only line that is a lonely dot is the last one.
    assert wire.split(b"\r\n").index(b".") == len(wire.split(b"\r\n")) - 2


@pytest.mark.parametrize("ending", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\0.\r\n"])
def test_only_crlf_dot_crlf_ends(tmp_path, ending):
    sink = DotSink(NO_LIMIT, tmp_path)
    assert sink.feed(b"body" + ending + b"MAIL FROM:<x@y>\r\n") is None
    assert not sink.has_ended
    assert sink.feed(b".\r\n") == 3


def test_memory_is_bounded_and_the_file_is_exact(tmp_path):
    line = b"." + b"x" * 996 + b"\r\n"
    sink = DotSink(NO_LIMIT, tmp_path, memory_limit=10_000)
    for _ in range(300):
        assert sink.feed(b"." + line) is None
        assert sum(map(len, sink._chunks)) <= 10_000 + len(line) + 1
    assert sink.feed(b".\r\n") == 3
    sink.finish()
    assert sink.octets == b""
    path = sink.hand_over()
    assert path.read_bytes() == line * 300
    sink.discard()
    assert path.exists()  # it is another's now


@pytest.mark.parametrize("memory_limit", [100, 10**6])
def test_a_message_over_the_limit_is_read_to_its_end_and_dropped(tmp_path, memory_limit):
    sink, _ = sink_of(
        b"x" * 2000 + b"\r\n.\r\nNOOP\r\n",
        range(0, 2000, 90),
        folder=tmp_path,
        memory_limit=memory_limit,
        size_limit=1000,
    )
    assert sink.too_large
    assert sink.has_ended
    assert sink.octets == b""
    assert sink.path is None
    assert not list(tmp_path.iterdir())


def test_the_limit_itself_is_allowed(tmp_path):
    # Stuffed dots do not count (RFC 1870 §4: the message, not its transfer form).
    wire = b"..2345678\r\n" * 100 + b".\r\n"
    sink, _ = sink_of(wire, folder=tmp_path, size_limit=1000)
    assert not sink.too_large
    assert sink.size == 1000


def test_a_full_disk_is_a_fault_and_not_an_exception(tmp_path):
    sink = DotSink(NO_LIMIT, tmp_path / "missing", memory_limit=10)
    assert sink.feed(b"x" * 100) is None
    assert sink.feed(b"\r\n.\r\n") == 5
    sink.finish()
    assert isinstance(sink.fault, OSError)
