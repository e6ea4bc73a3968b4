"""SORT against the plainest order there is, and the keys it is made of."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailserver.imap import threading
from mailserver.imap.finding import find_among
from mailserver.imap.grammar.search import All
from mailserver.imap.grammar.sort import SortKey
from mailserver.imap.sort_orders import display_key, ordered
from mailserver.message.envelope import correspondents, envelope
from mailserver.message.headers import parse_fields
from mailserver.message.subject import base_subject, casemap
from mailserver.store.reading import fetch
from tests.mailserver.imap.talk import Direct

NAMES = ["An", "ân", "ÁN", "binh", "Đức", "đức", "Dung", ""]
SUBJECTS = ["Họp", "Re: HỌP", "hop", "[x] họp (fwd)", "", "Fwd:", "đất", "Đất", "dat", "Zebra"]
DATES = ["", "Date: Sun, 1 Mar 2026 10:00:00 +0700\r\n", "Date: Sun, 1 Mar 2026 03:00:00 +0000\r\n", "Date: ?\r\n"]


def encoded(text):
    return "=?utf-8?q?" + "".join(f"={octet:02X}" for octet in text.encode()) + "?=" if text else ""


def octets_of(name, other, subject, date):
    return (
        f'From: {encoded(name)} <{name.encode().hex() or "x"}@a>\r\nTo: "{other.encode().hex()}" <t@b>, u@c\r\n'
        f"Cc: {other.encode().hex()}@d\r\nSubject: {encoded(subject)}\r\n{date}\r\n" + "x" * len(other)
    ).encode()


messages = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(SUBJECTS), st.sampled_from(DATES),
    st.integers(0, 3),
)  # fmt: skip
KEYS = [key for key in SortKey if key is not SortKey.RELEVANCY]  # which is of a search, not of a message
criteria = st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def module_settings():
    return settings(
        max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )


def test_order_is_that_of_plain_keys(services, module_settings):
    client = Direct(services).log_in()
    filled = []

    @module_settings
    @given(st.lists(messages, min_size=1, max_size=6), st.lists(criteria, min_size=1, max_size=4))
    def run(added, asked):
        for name, other, subject, date, day in added:
            octets = octets_of(name, other, subject, date)
            line = f'APPEND INBOX "{day + 1:02}-Mar-2026 03:00:00 +0000" {{{len(octets)}+}}\r\n'.encode() + octets
            client.ok(line)
            filled.append((name, other, subject, date, 1772334000 + day * 86400, len(octets)))
        client.ok("SELECT INBOX")
        view, store = client.session.view, services.store
        with store.read() as connection:
            view.load(connection)
        for each in asked:
            wanted = plainly(filled, each)
            assert ordered(store, view, each, view.uids) == wanted
            some = view.uids[::5].tolist()
            assert ordered(store, view, each, some) == [uid for uid in wanted if uid in set(some)]
            keys = " ".join(("REVERSE " if reverse else "") + key.value.decode() for key, reverse in each)
            assert client.ok(f"SORT ({keys}) UTF-8 ALL")[0].split()[2:] == list(map(str, wanted))

    run()
    client.close()


def plainly(filled, criteria):
    uids = list(range(1, len(filled) + 1))
    for key, reverse in reversed(criteria):
        uids.sort(key=lambda uid: plain_key(key, *filled[uid - 1]), reverse=reverse)
    return uids


def plain_key(key, name, other, subject, date, arrival, size):
    if key is SortKey.ARRIVAL:
        return arrival
    if key is SortKey.SIZE:
        return size
    if key is SortKey.DATE:
        return 1772334000 if date.startswith("Date: Sun") else arrival
    if key is SortKey.DISPLAYFROM:
        return casemap(name or "x@a").encode()
    if key is SortKey.DISPLAYTO:
        return casemap(other.encode().hex() or "t@b").encode()
    if key is SortKey.SUBJECT:
        return casemap(base_subject(subject)).encode()
    return {
        SortKey.FROM: casemap(name.encode().hex() or "x"),
        SortKey.TO: "T",
        SortKey.CC: casemap(other.encode().hex()),
    }[key].encode()


@pytest.mark.parametrize(
    "field, shown",
    [
        ("From: An <an@x>", "An"),
        ('From: "B, \\"C\\" (D" <an@x>, E <e@x>', 'B, "C" (D'),
        ("From: =?utf-8?q?=C4=90=E1=BB=A9c?= <d@x>", "Đức"),
        ('From: "=?utf-8?q??=" <d@x>', "d@x"),
        ("From: d@x", "d@x"),
        ("From: Friends: a@x;", "Friends"),
        ("From:", ""),
        ("X: y", ""),
        ("From: " + "long " * 300 + "<d@x>", ("long " * 300).strip()),
    ],
)
def test_what_is_shown_of_an_address(field, shown):
    fields = parse_fields(f'Date: (x) "(\r\nSubject: {{3}} \\ ""(\r\n{field}\r\n')
    octets = envelope(fields, correspondents(fields)).encode()
    assert display_key(octets, 2) == casemap(shown)
    assert display_key(octets, 5) == ""


@given(st.binary(max_size=60))
def test_any_envelope_gives_a_key(octets):
    assert isinstance(display_key(octets, 2), str)
    assert isinstance(display_key(b"(" + octets, 5), str)


def test_few_of_many(services):
    """What is gone is left out; what is asked among some is found only there."""
    client = Direct(services).log_in()
    for number in range(12):
        client.append(f"Subject: {number % 3}\r\n\r\n".encode())
    client.ok("SELECT INBOX")
    other = Direct(services).log_in()
    other.ok("SELECT INBOX")
    other.ok("STORE 4 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    assert client.ok("SORT (SUBJECT) UTF-8 ALL")[0] == "* SORT 1 7 10 2 5 8 11 3 6 9 12"
    view = client.session.view
    assert find_among(client.session, view, All(), None, [3, 4, 5, 99]) == [3, 5]
    with services.store.read() as connection:
        columns = ("uid", "base_subject", "sort_from", "header")
        rows = list(fetch(connection, view.mailbox_id, [(3, 5)], columns))
    assert [(row.uid, row.base_subject, row.sort_from) for row in rows] == [(3, "2", ""), (5, "1", "")]
    client.close()
    other.close()


def test_threads_are_read_in_stretches(services, monkeypatch):
    client = Direct(services).log_in()
    for number in range(1, 12):
        client.append(f"Message-ID: <{number}@x>\r\nReferences: <{max(number - 3, 1)}@x>\r\n\r\n".encode())
    client.ok("SELECT INBOX")
    commands = ["THREAD REFS UTF-8 ALL", "UID THREAD REFERENCES UTF-8 1,11", "THREAD ORDEREDSUBJECT UTF-8 2:9"]
    whole = [client.ok(command)[0] for command in commands]
    assert whole[0] == "* THREAD (1 (2 5 8 11)(3 6 9)(4 7 10))"
    monkeypatch.setattr(threading, "STRETCH", 2)
    assert [client.ok(command)[0] for command in commands] == whole
    client.close()
