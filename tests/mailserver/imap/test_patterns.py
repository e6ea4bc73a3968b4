"""LIST patterns (RFC 9051 §6.3.9)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.imap.patterns import matcher


@pytest.mark.parametrize(
    "pattern, name, matches",
    [
        ("*", "a/b/c", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("a/%", "a/b", True),
        ("a/%", "a/b/c", False),
        ("a*c", "a/b/c", True),
        ("a%c", "abc", True),
        ("%/%", "a/b", True),
        ("%/%", "a/b/c", False),
        ("*%", "a/b", True),
        ("%*", "a/b", True),
        ("a", "a", True),
        ("a", "A", False),
        ("a.b", "axb", False),
        ("inbox", "INBOX", True),
        ("iNb*", "INBOX", True),
        ("inbox/a", "INBOX/a", True),
        ("inbox/a", "INBOX/A", False),
        ("INBOX/%", "INBOX/a", True),
        ("", "a", False),
        ("*" + "x" * 1001, "x" * 1001, False),
    ],
)
def test_known(pattern, name, matches):
    assert matcher(pattern)(name) is matches


@settings(deadline=None)
@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=10))
def test_as_a_regular_expression_would(pattern, name):
    expression = "".join({"*": ".*", "%": "[^/]*"}.get(character, re.escape(character)) for character in pattern)
    assert matcher(pattern)(name) is (re.fullmatch(expression, name) is not None)


def test_no_pattern_takes_long():
    """With backtracking this would never end."""
    pattern = "*a%" * 300
    assert matcher(pattern)("a" * 499 + "b") is True
    assert matcher(pattern + "c")("a" * 499 + "b") is False
