"""BDAT's octets are counted: any split gives the same message, and nothing within the count is more than an octet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailserver.smtp.chunking import ChunkSink, Skipped

MIB = 1 << 20


def take(sink, chunks, cut):
    """Feed chunks cut in pieces, with something behind each; what was left over must be that."""
    for chunk in chunks:
        sink.expect(len(chunk))
        stream = chunk + b"BDAT 1\r\n"
        at = 0
        while not sink.has_ended:
            used = sink.feed(stream[at : at + cut])
            at += cut if used is None else used
        assert stream[at if chunk else 0 :] == b"BDAT 1\r\n"


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 50), st.integers(1, 60))
def test_any_octets_in_any_pieces(tmp_path_factory, chunks, cut, memory):
    sink = ChunkSink(MIB, tmp_path_factory.getbasetemp(), memory_limit=memory)
    take(sink, chunks, cut)
    sink.finish()
    whole = b"".join(chunks)
    assert sink.received == len(whole)
    if whole.startswith((b" ", b"\t")):  # no field (``smtp.data``)
        whole = b"\r\n" + whole
    assert sink.size == len(whole)
    assert (sink.path.read_bytes() if sink.path else sink.octets) == whole
    bare = whole.replace(b"\r\n", b"")
    assert sink.has_bare_line_end == (b"\r" in bare or b"\n" in bare)
    assert sink.has_nul == (b"\0" in whole)
    sink.discard()
    assert sink.path is None


def test_dots_are_dots(tmp_path):
    sink = ChunkSink(MIB, tmp_path)
    take(sink, [b"Subject: x\r\n\r\n.", b"\r\n.\r\n..\r\n"], 3)
    sink.finish()
    assert sink.octets == b"Subject: x\r\n\r\n.\r\n.\r\n..\r\n"


def test_too_much_is_known_before_it_comes_and_kept_nowhere(tmp_path):
    sink = ChunkSink(100, tmp_path, memory_limit=10)
    take(sink, [b"x" * 60], 60)
    assert not sink.too_large
    sink.expect(41)
    assert sink.too_large
    assert sink.feed(b"y" * 41) == 41
    sink.finish()
    assert sink.octets == b""
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_is_told_in_the_end(tmp_path):
    sink = ChunkSink(MIB, tmp_path / "nowhere", memory_limit=10)
    take(sink, [b"x" * 60], 60)
    assert isinstance(sink.fault, OSError)
    sink.finish()
    assert sink.octets == b""


@given(st.lists(st.binary(max_size=40), max_size=4), st.integers(1, 50))
def test_what_is_skipped_is_counted_just_so(chunks, cut):
    take(Skipped(), chunks, cut)
