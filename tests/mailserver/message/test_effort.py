"""Hostile mail costs no more than its size: counted in steps of the interpreter, not in time.

Each bomb is built in two sizes; twice the octets may cost hardly more than twice the steps.
"""

from __future__ import annotations

import sys

import pytest

from mailserver.message.summary import summarize

MIXED = b"From: a@b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
INNER = MIXED + b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
BOMBS = {
    "nested multiparts": lambda n: b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(n)
    ),
    "nested messages": lambda n: b"Content-Type: message/rfc822\r\n\r\n" * n,
    "parts": lambda n: MIXED + b"--b\r\n\r\nx\r\n" * n,
    "parts without a blank line": lambda n: MIXED + b"--b\r\nX: y\r\n" * n,
    "delimiters only": lambda n: MIXED + b"--b\r\n" * n,
    "almost delimiters": lambda n: INNER + b"--\n" * n,
    "delimiters with a tail": lambda n: INNER + b"--bx\n" * n,
    "headers of hyphens": lambda n: MIXED + b"--b\r\nX: y\r\n--z\r\n" * n,
    "line without end": lambda n: b"Subject: " + b"x" * 100 * n + b"\r\n\r\n",
    "fields": lambda n: b"X: y\r\n" * n + b"\r\n",
    "folds": lambda n: b"Subject: x\r\n" + b" y\r\n" * n + b"\r\n",
    "open parentheses": lambda n: b"From: " + b"(" * n + b"\r\n\r\n",
    "unbalanced comments": lambda n: b"From: " + b"((a) " * n + b"\r\n\r\n",
    "open quotes": lambda n: b"To: " + b'"\\' * n + b"\r\n\r\n",
    "quotes": lambda n: b"To: " + b'"' * n + b"\r\n\r\n",
    "angles": lambda n: b"To: " + b"<" * n + b"\r\n\r\n",
    "blanks": lambda n: b"To: x" + b" " * n + b"x(" + b"\r\n\r\n",
    "addresses": lambda n: b"To: " + b"a@b," * n + b"\r\n\r\n",
    "groups": lambda n: b"To: " + b"a:" * n + b";" * n + b"\r\n\r\n",
    "encoded-words": lambda n: b"Subject: " + b"=?utf-8?q?a?= " * n + b"\r\n\r\n",
    "encoded-words that never end": lambda n: b"Subject: " + b"=?a?q?" * n + b"\r\n\r\n",
    "8-bit header": lambda n: b"To: " + b"\xff" * n + b"\r\nSubject: " + b"\xc3\xa9" * n + b"\r\n\r\n",
    "parameters": lambda n: b"Content-Type: text/plain" + b"; a*%d*=b" * n + b"\r\n\r\n",
    "parameter of parentheses": lambda n: b"Content-Type: text/plain; a=" + b"(" * n + b"\r\n\r\n",
    "msg-ids": lambda n: b"References: " + b"<a@b> " * n + b"\r\n\r\n",
    "open msg-ids": lambda n: b"References: " + b"<" * n + b"\r\n\r\n",
    "subject leaders": lambda n: b"Subject: " + b"[fwd: re: [x] " * n + b"]\r\n\r\n",
    "date of comments": lambda n: b"Date: " + b"(" * n + b"\r\n\r\n",
    "open tags": lambda n: b"Content-Type: text/html\r\n\r\n" + b"<style " * n,
    "open comments": lambda n: b"Content-Type: text/html\r\n\r\n" + b"<!--" * n,
    "padding": lambda n: b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=\r\n" * n,
}


def steps(octets):
    """How many lines and calls of Python it takes to summarize the octets."""
    count = 0

    def trace(_frame, _event, _argument):
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        summarize(octets)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_twice_the_octets_cost_at_most_twice_the_steps(bomb):
    summarize(bomb(50))  # caches filled
    small, large = steps(bomb(1500)), steps(bomb(3000))
    assert large <= small * 2.2 + 2000


@pytest.mark.timeout(30)
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_regular_expressions_do_not_run_away(bomb):
    # Steps do not see inside a regular expression: with this many repetitions one that backtracks would never end.
    summarize(bomb(60_000))
