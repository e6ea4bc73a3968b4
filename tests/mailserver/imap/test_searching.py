"""SEARCH for words: the index and a look into every message give the same, for every key in every mailbox."""

from __future__ import annotations

import random

import pytest

from mailserver.imap import relevance, text_criteria
from mailserver.store import mailboxes

SYLLABLES = [
    "ngân",
    "ngan",
    "sách",
    "sach",
    "họp",
    "hợp",
    "đường",
    "duong",
    "a",
    "ạ",
    "Đ",
    "d",
    "日本",
    "2025",
    "x@y.vn",
    "KH-2024",
    "ﬁ",
]
KEYS = ("TEXT", "BODY", "SUBJECT", "FROM", "TO", "CC", "BCC", "HEADER X-Note", "HEADER Subject", "HEADER Cc")


def phrase(chance):
    return " ".join(chance.choice(SYLLABLES) for _ in range(chance.randint(1, 4)))


def letter(chance):
    import base64

    def encoded(text):
        return f"=?utf-8?b?{base64.b64encode(text.encode()).decode()}?="

    fields = [f"Subject: {encoded(phrase(chance))}", f"From: {encoded(phrase(chance))} <a{chance.randint(1, 9)}@x.vn>"]
    fields += [
        f'{name}: "{chance.randint(1, 9)}, Ban" <ban{chance.randint(1, 9)}@y.vn>, c@{name}.vn'
        for name in ("To", "Cc", "Bcc")
        if chance.random() < 0.6
    ]
    if chance.random() < 0.4:
        fields.append(f"X-Note: {encoded(phrase(chance))}\r\n {encoded(phrase(chance))}")
    text = "\r\n".join(phrase(chance) for _ in range(chance.randint(0, 4)))
    if chance.random() < 0.5:
        fields.append("Content-Type: text/plain; charset=utf-8")
        return "\r\n".join([*fields, "", text, ""]).encode()
    markup = f"<p>{phrase(chance)}</p><b>{phrase(chance)}</b>{phrase(chance)}"
    fields.append("Content-Type: multipart/alternative; boundary=b")
    parts = f"--b\r\n\r\n{text}\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{markup}\r\n--b--\r\n"
    return "\r\n".join([*fields, "", parts]).encode()


def key(chance):
    text = phrase(chance)
    start = chance.randint(0, len(text) // 2)
    word = text[start : start + chance.randint(1, 9)].encode()
    return b"%b {%d+}\r\n%b" % (chance.choice(KEYS).encode(), len(word), word)


def both_ways(connect, monkeypatch, chance, searches):
    """The answers of the index, and those of a look into every message."""
    an = connect()
    for _ in range(60):
        octets = letter(chance)
        an.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets))
    an.send(b"a SELECT INBOX\r\n")
    monkeypatch.setattr(text_criteria, "LARGE", 0)
    monkeypatch.setattr(relevance, "LARGE", 0)
    by_index = [an.send(b"b UID %b\r\n" % search) for search in searches]
    folder = an.services.store.blobs.folder.parent / "index"
    assert [each.name for each in folder.iterdir()] == [_account(an)]
    # Now that there can be none, every message is looked into.
    folder.rename(folder.with_name("away"))
    folder.write_bytes(b"no folder")
    monkeypatch.setattr(text_criteria, "LARGE", 1000)
    monkeypatch.setattr(relevance, "LARGE", 1000)
    by_scan = [an.send(b"b UID %b\r\n" % search) for search in searches]
    folder.unlink()
    return by_index, by_scan


@pytest.mark.parametrize("seed", range(3))
def test_index_and_scan_agree(connect, seed, monkeypatch):
    chance = random.Random(seed)
    searches = []
    for _ in range(60):
        around = chance.choice([b"%b", b"NOT %b", b"OR SEEN %b", b"2:40 %b", b"NOT (SUBJECT x %b)"])
        searches.append(b"SEARCH CHARSET UTF-8 " + around % key(chance))
    by_index, by_scan = both_ways(connect, monkeypatch, chance, searches)
    assert by_index == by_scan
    assert len({*by_index}) > 20


@pytest.mark.parametrize("seed", range(2))
def test_index_and_scan_agree_on_what_is_fuzzy(connect, seed, monkeypatch):
    chance = random.Random(seed)
    searches = []
    for _ in range(50):
        one, other = key(chance), key(chance)
        form = chance.choice([one, b"%b %b" % (one, other), b"OR %b %b" % (one, other), b"NOT %b" % one])
        command = chance.choice([b"SEARCH RETURN (ALL RELEVANCY) CHARSET UTF-8", b"SORT (RELEVANCY) UTF-8"])
        searches.append(b"%b FUZZY (%b)" % (command, form))
    by_index, by_scan = both_ways(connect, monkeypatch, chance, searches)
    assert by_index == by_scan
    assert len({*by_index}) > 20


def test_fuzzy_finds_what_the_exact_search_finds(connect):
    chance = random.Random(7)
    an = connect()
    for _ in range(40):
        octets = letter(chance)
        an.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets))
    an.send(b"a SELECT INBOX\r\n")
    count = 0
    for where in KEYS:
        for word in ("ngân", "ngan sach", "uon", "KH-2024", "@y", "日", "họ", "ban1@y.vn"):
            wanted = b"%b {%d+}\r\n%b" % (where.encode(), len(word.encode()), word.encode())
            exact, fuzzy = (
                {*an.send(b"b UID SEARCH CHARSET UTF-8 %b%b\r\n" % (prefix, wanted)).split(b"\r\n")[0].split()}
                for prefix in (b"", b"FUZZY ")
            )
            assert exact <= fuzzy, (where, word)
            count += len(fuzzy - exact)
    assert count


def _account(client):
    with client.services.store.read() as connection:
        return mailboxes.get_mailbox(connection, int(client.session.view.mailbox_id)).account_id


def test_a_subject_longer_than_its_column_is_read_in_the_message(an):
    an.append(b"Subject: " + b"so long " * 150 + b"needle\r\n\r\nb\r\n", "INBOX")
    an.append(b"Subject: a needle\r\n\r\nb\r\n", "INBOX")
    an.append(b"Subject: none\r\n\r\nb\r\n", "INBOX")
    an.ok("SELECT INBOX")
    assert an.ok("SEARCH SUBJECT needle")[0] == "* SEARCH 1 2"
    assert an.ok("SEARCH SUBJECT none")[0] == "* SEARCH 3"
    assert an.ok('SEARCH SUBJECT "%"')[0] == "* SEARCH"
    assert an.ok("SEARCH NOT SEEN")[0] == "* SEARCH 1 2 3"


@pytest.mark.parametrize("kind", [b"", b"UID "])
@pytest.mark.parametrize(("told", "came"), [(2, 1), (2, 12), (0, 1)])
def test_what_came_since_the_client_was_told_is_not_found_yet(connect, kind, told, came):
    an, other = connect(), connect()
    letters = b"".join(b" () {1+}\r\n%c" % (64 + number) for number in range(1, told + came + 1))
    each = len(letters) // (told + came)
    if told:
        other.send(b"a APPEND INBOX%b\r\n" % letters[: told * each])
    an.send(b"a SELECT INBOX\r\n")
    other.send(b"b APPEND INBOX%b\r\n" % letters[told * each :])
    answer = an.send(b"c %bSEARCH UNSEEN\r\n" % kind)
    assert answer.split(b"\r\n")[0] == b"* SEARCH" + b"".join(b" %d" % number for number in range(1, told + 1))
    assert b"* %d EXISTS" % (told + came) in answer
    again = an.send(b"d %bSEARCH UNSEEN\r\n" % kind)
    assert again.split(b"\r\n")[0] == b"* SEARCH" + b"".join(b" %d" % number for number in range(1, told + came + 1))
