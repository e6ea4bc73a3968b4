"""SELECT with what a client says of the mailbox that it knew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.selecting import Resync, Select, parse_select
from mailserver.imap.grammar.syntax import Cursor, SequenceSet, SyntaxFault


def parse(text):
    return parse_select(Cursor(Framed(text.encode())), read_only=False)


@pytest.mark.parametrize(
    "text, resync",
    [
        ("(7 20050715194045000)", Resync(7, 20050715194045000)),
        ("(7 9 41,43:211)", Resync(7, 9, SequenceSet(((41, 41), (43, 211))))),
        ("(7 9 (1 5))", Resync(7, 9, None, (((1, 1),), ((5, 5),)))),
        (
            "(7 9 1:9 (1:3,7 2,4:6))",
            Resync(7, 9, SequenceSet(((1, 9),)), (((1, 1), (2, 3), (7, 7)), ((2, 2), (4, 5), (6, 6)))),
        ),
    ],
)
def test_resync(text, resync):
    assert parse(f" x (QRESYNC {text})") == Select(b"x", False, False, resync)
    assert parse(f" x (CONDSTORE QRESYNC {text})") == Select(b"x", False, True, resync)


@pytest.mark.parametrize(
    "text",
    ["", "()", "(7)", "(0 1)", "(7 0)", "(7 9223372036854775808)", "(7 1 *)", "(7 1 1:*)", "(7 1 $)", "(7 1 (1))",
     "(7 1 (1 1:2))", "(7 1 (2,1 1:2))", "(7 1 (1:2 2:1))", "(7 1 (1,1 1:2))", "(7 1 (1 1) 1:9)", "(7 1 1:9 (1 1)",
     "(7 1 1:9 )", "(7 1 )", "(7 1) QRESYNC (7 1)"],
)  # fmt: skip
def test_refused(text):
    with pytest.raises(SyntaxFault):
        parse(f" x (QRESYNC {text})")


ASCENDING = st.sets(st.integers(1, 60), min_size=1, max_size=20).map(sorted)


def written(numbers, cuts):
    """The numbers as a set; runs are written as ranges, broken at ``cuts``."""
    pieces = []
    for number in numbers:
        if pieces and number == pieces[-1][1] + 1 and number not in cuts:
            pieces[-1][1] = number
        else:
            pieces.append([number, number])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in pieces)


@given(ASCENDING, ASCENDING, st.sets(st.integers(1, 60)))
def test_pairs_however_they_are_written(numbers, uids, cuts):
    length = min(len(numbers), len(uids))
    numbers, uids = numbers[:length], uids[:length]
    text = f" x (QRESYNC (7 1 ({written(numbers, cuts)} {written(uids, ())})))"
    left, right = parse(text).resync.samples
    pairs = [
        (number, uid + number - first)
        for (first, last), (uid, _) in zip(left, right, strict=True)
        for number in range(first, last + 1)
    ]
    assert pairs == list(zip(numbers, uids, strict=True))
