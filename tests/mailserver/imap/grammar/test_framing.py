"""Framing: any split of the octets gives the same events; what is too large is skipped in step."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.imap.grammar.framing import (
    Broken,
    Excess,
    Framed,
    Framer,
    Limits,
    LiteralWanted,
    Rejected,
    discard,
    member_limits,
)

SMALL = Limits(line=60, literal=20, literals=3, memory=100, append=500, skip=1000)


class Box:
    """A sink that remembers."""

    def __init__(self, size):
        self.size = size
        self.octets = b""
        self.finished = self.discarded = False

    def write(self, octets):
        self.octets += bytes(octets)

    def finish(self):
        self.finished = True

    def discard(self):
        self.discarded = True


def shown(event):
    """An event as a value to compare; a sink as what is in it."""
    if isinstance(event, Framed):
        literals = [each if isinstance(each, bytes) else ("sink", each.octets) for each in event.literals]
        return ("framed", event.text, literals)
    return event


def events(octets, sizes, limits=SMALL, open_sink=Box):
    """What comes of the octets, given in pieces of these sizes."""
    framer = Framer(limits, open_sink)
    found, place = [], 0
    sizes = iter(sizes)
    while place < len(octets):
        size = next(sizes, len(octets))
        framer.feed(octets[place : place + size])
        place += size
        while (event := framer.next_event()) is not None:
            found.append(shown(event))
            if isinstance(event, Broken):
                return found, framer
    return found, framer


def same_however_split(octets, limits=SMALL):
    whole, framer = events(octets, [], limits)
    single, _ = events(octets, [1] * len(octets), limits)
    assert single == whole
    chance = random.Random(1)
    for _ in range(20):
        cuts = [chance.randint(1, 30) for _ in range(len(octets))]
        assert events(octets, cuts, limits)[0] == whole
    return whole, framer


def test_lines_and_literals():
    found, framer = same_however_split(
        b"a LOGIN {3+}\r\njoe {4}\r\npass\r\nb NOOP\r\nc X ~{2+}\r\n\x00\x01 {0+}\r\n\r\n"
    )
    assert found == [
        LiteralWanted(4),
        ("framed", b"a LOGIN \x00 \x00", [b"joe", b"pass"]),
        ("framed", b"b NOOP", []),
        ("framed", b"c X ~\x00 \x00", [b"\x00\x01", b""]),
    ]
    assert not framer.has_unread


def test_a_line_may_end_in_lf_alone():
    assert same_however_split(b"a NOOP\nb NOOP\r\n")[0] == [("framed", b"a NOOP", []), ("framed", b"b NOOP", [])]


def test_braces_inside_a_line_are_no_literal():
    assert same_however_split(b'a X "{3}" {x} {3} y\r\n')[0] == [("framed", b'a X "{3}" {x} {3} y', [])]


@pytest.mark.parametrize(
    "dropped, reason",
    [
        (b"a " + b"x" * 61 + b"\r\n", Excess.LINE),
        (b"a X " + b"x" * 70 + b" {5+}\r\nb NO\n {3+}\r\nabc\r\n", Excess.LINE),
        (b"a X {21+}\r\n" + b"b NOOP\r\n" * 2 + b"12345 {3+}\r\n\r\n\r \r\n", Excess.LITERAL),
        (b"a X {1+}\r\nx {1+}\r\nx {1+}\r\nx {1+}\r\nx\r\n", Excess.LITERALS),
        (b"a X \x00\r\n", Excess.NUL),
        (b"a X {20+}\r\n" + b"x" * 20 + b"y" * 50 + b"{20+}\r\n" + b"x" * 20 + b"\r\n", Excess.MEMORY),
        (b"a APPEND x {501+}\r\n" + b"x" * 501 + b"\r\n", Excess.MESSAGE),
    ],
)
def test_what_is_too_large_is_skipped_in_step(dropped, reason):
    found, framer = same_however_split(b"z NOOP\r\n" + dropped + b"c NOOP\r\n")
    assert found == [("framed", b"z NOOP", []), Rejected(b"a", reason), ("framed", b"c NOOP", [])]
    assert not framer.has_unread


def test_a_synchronizing_literal_that_is_refused_is_not_sent():
    assert same_however_split(b"a X {21}\r\nc NOOP\r\n")[0] == [
        Rejected(b"a", Excess.LITERAL),
        ("framed", b"c NOOP", []),
    ]


def test_a_literal_nobody_wants_to_skip_breaks_the_stream():
    assert same_however_split(b"a X {1001+}\r\n")[0] == [Rejected(b"a", Excess.LITERAL), Broken(Excess.LITERAL)]
    framer = Framer(SMALL)
    framer.feed(b"a X {1001+}\r\nb NOOP\r\n")
    assert [framer.next_event() for _ in range(3)][1:] == [Broken(Excess.LITERAL)] * 2


def test_a_command_without_a_tag_is_rejected_without_one():
    assert same_however_split(b'"' + b"x" * 70 + b"\r\n")[0] == [Rejected(b"", Excess.LINE)]


def test_large_literals_of_append_go_to_a_sink():
    octets = b"From: x\r\n\r\n{9+}\r\n" * 5
    found, _ = same_however_split(b"a append INBOX {%d+}\r\n%b {3+}\r\nabc\r\n" % (len(octets), octets))
    assert found == [("framed", b"a append INBOX \x00 \x00", [("sink", octets), b"abc"])]


def test_an_unfinished_sink_is_discarded():
    sinks = []

    def open_sink(size):
        sinks.append(Box(size))
        return sinks[-1]

    framer = Framer(SMALL, open_sink)
    framer.feed(b"a APPEND x {50+}\r\n" + b"x" * 50 + b" {50+}\r\nxx")
    assert framer.next_event() is None
    assert [sink.finished for sink in sinks] == [True, False]
    framer.close()
    assert all(sink.discarded for sink in sinks)


def test_sinks_of_a_rejected_command_are_discarded():
    sinks = []

    def open_sink(size):
        sinks.append(Box(size))
        return sinks[-1]

    framer = Framer(SMALL, open_sink)
    framer.feed(b"a APPEND x {50+}\r\n" + b"x" * 50 + b" {501+}\r\n")
    assert framer.next_event() == Rejected(b"a", Excess.MESSAGE)
    assert sinks[0].discarded


def test_discard_passes_over_octets():
    box = Box(1)
    discard((b"x", box))
    assert box.discarded


def test_memory_is_given_back():
    framer = Framer(member_limits(10_000_000))
    framer.feed(b"a X " + b"x" * 60_000)
    framer.next_event()
    framer.feed(b"\r\n")
    assert isinstance(framer.next_event(), Framed)
    assert framer.next_event() is None
    assert framer.buffered == 0
    assert framer._buffer.__sizeof__() < 200


def test_a_dripping_line_costs_no_more_than_its_length():
    framer = Framer(member_limits(1))
    for _ in range(60_000):
        framer.feed(b"x")
        assert framer.next_event() is None
    framer.feed(b"\r\n")
    assert len(framer.next_event().text) == 60_000


PIECES = st.one_of(
    st.sampled_from(
        [b"a NOOP", b"\r\n", b"\n", b"\r", b" ", b"{5}", b"{5+}", b"{0+}", b"~{3+}", b"b APPEND x ", b"{30+}",
         b"{999+}", b"{99999999999999999999+}", b"x" * 70, b"\x00", b'"', b"}"]
    ),
    st.binary(max_size=8),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES, max_size=30), st.lists(st.integers(1, 12), max_size=80))
def test_any_octets_in_any_split(pieces, sizes):
    octets = b"".join(pieces)
    whole, _ = events(octets, [])
    assert events(octets, sizes)[0] == whole
    assert events(octets, [1] * len(octets))[0] == whole
    for event in whole:
        if isinstance(event, tuple):
            _, text, literals = event
            assert text.count(b"\x00") == len(literals)
            assert b"\n" not in text
