"""Results kept up to date: whatever happens, a client that follows ADDTO and REMOVEFROM has what a new search finds."""

from __future__ import annotations

import random
import re

import pytest

from mailserver.imap import contexts
from tests.mailserver.imap.talk import Direct

SEARCHES = [
    ("SEARCH RETURN (UPDATE ALL) UNSEEN", ()),
    ("UID SEARCH RETURN (UPDATE ALL) OR FLAGGED KEYWORD one", ()),
    ("UID SEARCH RETURN (UPDATE ALL) NOT KEYWORD two BODY y", ()),
    ("SORT RETURN (UPDATE ALL) (SUBJECT REVERSE ARRIVAL) UTF-8 UNDELETED", ()),
    ("UID SORT RETURN (UPDATE ALL) (REVERSE SUBJECT SIZE) UTF-8 ALL", ()),
    ("UID SORT RETURN (UPDATE ALL) (DISPLAYFROM) UTF-8 OLDER 3 UNDELETED", ()),
]
_UPDATE = re.compile(r"\* ESEARCH \(TAG \"(\w+)\"\)( UID)?(.*)")
_CHANGE = re.compile(r"(ADDTO|REMOVEFROM) \(([^)]*)\)")


def numbers(text):
    found = []
    for piece in text.split(","):
        first, _, last = piece.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


class Follower:
    """A client that only does what RFC 5267 §4.3.2 to §4.3.4 tells it to."""

    def __init__(self, services, chance):
        self.client = Direct(services).log_in()
        self.chance = chance
        self.client.ok("SELECT INBOX")
        self.results = {}
        for number, (search, _) in enumerate(SEARCHES):
            tag = f"k{number}"
            lines = self.client.ask(search, tag)
            told = next(line for line in lines if "ESEARCH" in line)
            found = re.search(r" ALL (\S+)", told)
            self.results[tag] = numbers(found[1]) if found else []

    def ask(self, command):
        self.read(self.client.ok(command))

    def read(self, lines):
        for line in lines:
            if match := re.fullmatch(r"\* (\d+) EXPUNGE", line):
                self.expunged(int(match[1]))
            elif match := _UPDATE.fullmatch(line):
                for name, pairs in _CHANGE.findall(match[3]):
                    self.change(match[1], name, pairs.split(" "))

    def expunged(self, gone):
        for tag, (search, _) in zip(self.results, SEARCHES, strict=True):
            if not search.startswith("UID"):
                result = self.results[tag]
                assert gone not in result, "told before EXPUNGE"
                self.results[tag] = [number - (number > gone) for number in result]

    def change(self, tag, name, pairs):
        result = self.results[tag]
        is_sorted = "SORT" in SEARCHES[int(tag[1:])][0]
        for place, told in zip(map(int, pairs[::2]), map(numbers, pairs[1::2]), strict=True):
            assert (place > 0) is is_sorted
            if name == "ADDTO":
                assert not set(told) & set(result)
                if place:
                    assert place <= len(result) + 1
                    result[place - 1 : place - 1] = told
                else:
                    result[:] = sorted(result + told)
            elif place:
                assert result[place - 1 : place - 1 + len(told)] == told
                del result[place - 1 : place - 1 + len(told)]
            else:
                assert set(told) <= set(result)
                result[:] = [number for number in result if number not in told]

    def check(self):
        for tag, (search, _) in zip(self.results, SEARCHES, strict=True):
            plain = search.replace(" RETURN (UPDATE ALL)", "")
            found = next(line for line in self.client.ok(plain) if line.startswith(("* SEARCH", "* SORT")))
            assert self.results[tag] == list(map(int, found.split()[2:])), search


def act(client, chance):
    """Something that somebody does to the mailbox."""
    choice = chance.randrange(6)
    if choice == 0:
        subject, author = chance.choice("abcd"), chance.choice(("an", "binh", "Chi"))
        octets = f"From: {author}@x\r\nSubject: {subject}\r\n\r\n{chance.choice('xyz') * chance.randint(1, 3)}\r\n"
        day = chance.randint(1, 3)
        command = f'APPEND INBOX ({chance.choice(("", chr(92) + "Seen"))}) "0{day}-Jan-2026 00:00:00 +0000" '
        return command.encode() + b"{%d+}\r\n" % len(octets) + octets.encode()
    if choice == 1:
        return "COPY 1:2 INBOX"
    if choice == 2:
        return "EXPUNGE"
    flag = chance.choice(("\\Seen", "\\Flagged", "\\Deleted", "one", "two"))
    first, last = chance.randint(1, 12), chance.randint(1, 12)
    return f"UID STORE {first}:{last} {chance.choice('+-')}FLAGS ({flag})"


@pytest.mark.parametrize("seed", range(4))
def test_followers_have_what_a_search_finds(services, clock, seed):
    chance = random.Random(seed)
    other = Direct(services).log_in()
    for _ in range(5):
        other.append(b"Subject: b\r\n\r\ny\r\n")
    other.ok("SELECT INBOX")
    followers = [Follower(services, chance) for _ in range(2)]
    for _ in range(60):
        clock.pass_by(1)
        who = chance.choice([other, *followers])
        command = act(other, chance)
        if who is other:
            assert not any("BAD" in line or "BUG" in line for line in other.ask(command))
        else:
            who.read(who.client.ask(command))
        for follower in followers:
            if chance.random() < 0.3:
                # No EXPUNGE may come here, but what left may be told.
                follower.read(follower.client.ask("FETCH 1 (UID)"))
            elif chance.random() < 0.3:
                follower.ask("NOOP")
                follower.check()
    for follower in followers:
        follower.ask("NOOP")
        follower.check()
        follower.client.close()
    other.close()


def test_many_at_once_are_sorted_anew(services):
    client = Direct(services).log_in()
    client.append(b"Subject: m\r\n\r\n")
    client.ok("SELECT INBOX")
    client.ask("UID SORT RETURN (UPDATE COUNT) (SUBJECT) UTF-8 ALL", "k")
    other = Direct(services).log_in()
    for number in range(80):
        other.append(f"Subject: {'az'[number % 2]}\r\n\r\n".encode())
    line = next(line for line in client.ok("NOOP") if "ADDTO" in line)
    below, above = range(2, 82, 2), range(3, 82, 2)
    assert line.endswith(f"ADDTO (1 {','.join(map(str, below))} 42 {','.join(map(str, above))})")
    client.close()
    other.close()


def test_what_would_have_to_be_read_is_bounded(services, monkeypatch):
    monkeypatch.setattr(contexts, "MAX_READ", 3)
    client = Direct(services).log_in()
    client.append(b"Subject: m\r\n\r\n")
    client.ok("SELECT INBOX")
    client.ask("SEARCH RETURN (UPDATE COUNT) BODY y", "k")
    other = Direct(services).log_in()
    for _ in range(5):
        other.append(b"\r\ny\r\n")
    assert '* NO [NOUPDATE "k"] Too much has changed to keep track of it; search again' in client.ok("NOOP")
    other.append(b"\r\ny\r\n")
    assert not any("ADDTO" in line for line in client.ok("NOOP"))
    assert not any("BAD" in line for line in client.ask("SEARCH RETURN (UPDATE) BODY y", "k")), "the tag is free again"
    client.close()
    other.close()


def test_flags_are_no_reason_to_read_messages_again(services, monkeypatch):
    monkeypatch.setattr(contexts, "MAX_READ", 3)
    client = Direct(services).log_in()
    for letter in b"yzyzy":
        client.append(b"\r\n%c\r\n" % letter)
    client.ok("SELECT INBOX")
    client.ask("UID SEARCH RETURN (UPDATE ALL) BODY y LARGER 1", "words")
    client.ask("UID SEARCH RETURN (UPDATE ALL) BODY y UNSEEN", "both")
    other = Direct(services).log_in()
    other.ok("SELECT INBOX")
    other.ok("STORE 1:5 +FLAGS (\\Seen)")
    told = client.ok("NOOP")
    assert not any("words" in line for line in told)
    assert any('NOUPDATE "both"' in line for line in told)
    other.append(b"\r\ny\r\n")
    other.append(b"\r\nz\r\n")
    assert '* ESEARCH (TAG "words") UID ADDTO (0 6)' in client.ok("NOOP")
    other.ok("STORE 5 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    assert '* ESEARCH (TAG "words") UID REMOVEFROM (0 5)' in client.ok("NOOP")
    client.close()
    other.close()


def test_messages_in_all_contexts_are_bounded(services, monkeypatch):
    """But one context is always given (RFC 5267 §4.3.1)."""
    monkeypatch.setattr(contexts, "MAX_MEMBERS", 3)
    client = Direct(services).log_in()
    for _ in range(4):
        client.append(b"\r\n")
    client.ok("SELECT INBOX")
    assert "NOUPDATE" not in "".join(client.ask("SEARCH RETURN (UPDATE) ALL", "k1"))
    assert '* NO [NOUPDATE "k2"] Too many contexts' in client.ask("SEARCH RETURN (UPDATE) ALL", "k2")
    client.ok('CANCELUPDATE "k1"')
    assert "NOUPDATE" not in "".join(client.ask("SEARCH RETURN (UPDATE) ALL", "k2"))
    client.close()


@pytest.mark.parametrize("limit", ["MAX_FETCHED", "MAX_OCTETS"])
def test_items_of_new_messages_are_bounded(services, monkeypatch, limit):
    monkeypatch.setattr(contexts, limit, 3)
    client = Direct(services).log_in()
    client.ok("SELECT INBOX")
    client.ask("SEARCH RETURN (UPDATE (UID) COUNT) ALL", "k")
    other = Direct(services).log_in()
    for _ in range(5):
        other.append(b"\r\ny\r\n")
    told = client.ok("NOOP")
    assert told[-2] == '* NO [NOUPDATE "k"] Too much has come to be told of it all; search again'
    assert not any("ADDTO" in line or "FETCH" in line for line in told)
    client.close()
    other.close()
