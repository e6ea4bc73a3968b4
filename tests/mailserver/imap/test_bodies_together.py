"""Bodies of many messages, read in batches: each once, in order, under its number, seen or not."""

from __future__ import annotations

import re

import pytest

from mailserver.imap import fetching

COUNT = 12


def message(number):
    return b"Subject: %d\r\n\r\n" % number + b"%d " % number * 150


@pytest.fixture
def filled(connect, monkeypatch):
    """A client with messages of which three come to more than a batch."""
    monkeypatch.setattr(fetching, "BATCH", 1200)
    client = connect()
    for number in range(1, COUNT + 1):
        client.append(message(number), flags="(\\Seen)" if number % 4 == 0 else "")
    client.ok("SELECT INBOX")
    return client


SEEN = "FLAGS (\\Seen \\Recent) "


def answers(client, command):
    """(number, flags or nothing, body) of each answer, and the last line."""
    octets = client.send(b"t " + command.encode() + b"\r\n")
    found = []
    while (match := re.match(rb"\* (\d+) FETCH \((.*?)BODY\[\] \{(\d+)\}\r\n", octets)) is not None:
        end = match.end() + int(match[3])
        found.append((int(match[1]), match[2].decode(), octets[match.end() : end]))
        assert octets[end : end + 3] == b")\r\n"
        octets = octets[end + 3 :]
    return found, octets


@pytest.mark.parametrize(
    ("messages", "numbers"),
    [
        ("1:*", range(1, COUNT + 1)),
        ("2:4,7:9,12", [2, 3, 4, 7, 8, 9, 12]),
        ("5", [5]),
        ("*:9", range(9, COUNT + 1)),
    ],
)
def test_each_once_and_in_order(filled, messages, numbers):
    found, end = answers(filled, f"FETCH {messages} BODY.PEEK[]")
    assert found == [(number, "", message(number)) for number in numbers]
    assert end == b"t OK FETCH completed\r\n"


def test_without_peek_each_becomes_seen_and_says_so(filled):
    found, _ = answers(filled, "FETCH 1:10 (FLAGS BODY[])")
    assert found == [(number, SEEN, message(number)) for number in range(1, 11)]
    assert filled.ask("SEARCH UNSEEN")[0] == "* SEARCH 11"
    found, _ = answers(filled, "FETCH 9:12 (FLAGS BODY[])")
    assert [(number, flags) for number, flags, _ in found] == [(number, SEEN) for number in range(9, 13)]


def test_what_somebody_took_away_is_left_out_and_told(filled, connect):
    other = connect()
    other.ok("SELECT INBOX")
    other.ok("STORE 1:2,5,6:8,12 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    for command in ("FETCH 1:* BODY.PEEK[]", "FETCH 1:* (FLAGS BODY[])"):
        found, end = answers(filled, command)
        assert [(number, body) for number, _, body in found] == [(n, message(n)) for n in (3, 4, 9, 10, 11)]
        assert end.startswith(b"t NO [EXPUNGEISSUED]")
    found, _ = answers(filled, "FETCH 1:2 BODY.PEEK[]")
    assert found == []
