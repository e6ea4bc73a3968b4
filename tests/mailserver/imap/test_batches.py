"""UIDBATCHES against a count by hand."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.imap import batches
from mailserver.imap.grammar.batches import Batches, ClientBug, parse_batches
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.syntax import Cursor, SyntaxFault
from mailserver.imap.steps import drive


class View:
    def __init__(self, uids):
        self.uids = array("I", uids)
        self.count = len(self.uids)


def ranges_of(monkeypatch, uids, size, wanted=None):
    monkeypatch.setattr(batches, "load", lambda session: session)
    line = drive(batches.batches(View(uids), Batches(size, wanted), b"t1")).decode()
    lead = '* UIDBATCHES (TAG "t1")'
    assert line.startswith(lead)
    text = line[len(lead) :].strip()
    return [tuple(map(int, piece.split(":"))) for piece in text.split(",")] if text else []


@given(st.sets(st.integers(1, 100_000), max_size=60), st.integers(1, 7))
def test_every_message_is_in_one_batch_of_that_size(uids, size):
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(batches, "SMALLEST", 1)
        found = ranges_of(monkeypatch, sorted(uids), size)
        if not uids:
            assert found == []
            return
        assert found[0][0] == max(uids)
        assert found[-1][1] == 1
        assert all(after[0] == before[1] - 1 for before, after in pairwise(found))
        counts = [sum(low <= uid <= high for uid in uids) for high, low in found]
        assert all(count == size for count in counts[:-1])
        assert sum(counts) == len(uids)
        assert ranges_of(monkeypatch, sorted(uids), size, (2, 3)) == found[1:3]
        assert ranges_of(monkeypatch, sorted(uids), size, (100, 200)) == []


@pytest.mark.parametrize("text", ["", " x", " 0", " 500 10", " 500 0:1", " 500 1:*", " 500 1:2 x", " 500  1:2"])
def test_refused(text):
    with pytest.raises(SyntaxFault):
        parse_batches(Cursor(Framed(text.encode())))


def test_backwards():
    with pytest.raises(ClientBug):
        parse_batches(Cursor(Framed(b" 500 20:10")))
