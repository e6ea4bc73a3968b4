"""Answers as octets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver import refusals
from mailserver.imap.grammar import responses
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.syntax import Cursor


@pytest.mark.parametrize(
    "numbers, octets",
    [([], b""), ([5], b"5"), ([1, 2, 3, 7, 9, 10], b"1:3,7,9:10"), ([3, 2, 1], b"3,2,1")],
)
def test_number_set(numbers, octets):
    assert responses.number_set(numbers) == octets


@settings(deadline=None)
@given(st.sets(st.integers(1, 500)))
def test_number_set_comes_back(numbers):
    written = responses.number_set(sorted(numbers))
    if numbers:
        ranges = Cursor(Framed(written)).sequence_set().resolve(0)
        assert {number for first, last in ranges for number in range(first, last + 1)} == numbers


def test_a_text_cannot_forge_a_line():
    assert responses.no(b"a", "x\r\nb OK forged\x00é", b"CANNOT") == b"a NO [CANNOT] x??b OK forged??\r\n"


def test_a_bad_without_a_tag_is_untagged():
    assert responses.bad(b"", "what?") == b"* BAD what?\r\n"


def test_every_refusal_has_a_code():
    kinds = [each for each in vars(refusals).values() if isinstance(each, type) and issubclass(each, refusals.Refusal)]
    without = {kind for kind in kinds if not responses.refusal_code(kind())}
    # Recipients, and what is wrong with the mail of others, are no matter of IMAP's.
    of_smtp = {
        refusals.NoSuchRecipient,
        refusals.NoLongerUsed,
        refusals.Distrusted,
        refusals.Forged,
        refusals.Unwanted,
    }
    assert without == {refusals.Refusal, *of_smtp}


def test_the_nearest_class_counts():
    class Special(refusals.OverQuota):
        pass

    assert responses.refusal_code(Special()) == b"OVERQUOTA"
    assert responses.refusal_code(responses.NoSuchTarget()) == b"TRYCREATE"


@pytest.mark.parametrize(
    "name, utf8, octets",
    [
        ("INBOX", False, b"INBOX"),
        ("Dự án", False, b'"D&HvE- &AOE-n"'),
        ("Dự án", True, '"Dự án"'.encode()),
        ('a"b\\', True, b'"a\\"b\\\\"'),
    ],
)
def test_mailbox_names(name, utf8, octets):
    assert responses.mailbox_name(name, utf8) == octets
