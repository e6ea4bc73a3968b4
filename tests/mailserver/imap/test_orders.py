"""Orders remembered say what a fresh sort says, whoever brought and took messages meanwhile."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailserver.imap import sort_orders
from mailserver.imap.grammar.sort import SortKey
from mailserver.imap.message_commands import load
from mailserver.imap.orders import Orders
from mailserver.imap.sort_orders import ordered
from tests.mailserver.imap.talk import Direct

SUBJECTS = ["Họp", "Re: HỌP", "hop", "đất", "Đất", "Zebra", ""]
CRITERIA = [
    ((SortKey.SUBJECT, False),),
    ((SortKey.SUBJECT, True), (SortKey.ARRIVAL, True)),
    ((SortKey.DISPLAYFROM, False), (SortKey.SIZE, True)),
]

steps = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 1), st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=3)),
    st.tuples(st.just("expunge"), st.integers(0, 1), st.integers(1, 9)),
    st.tuples(st.just("move"), st.integers(0, 1), st.integers(1, 9)),
    st.tuples(st.just("sort"), st.integers(0, 1), st.sampled_from(CRITERIA)),
    st.tuples(st.just("noop"), st.integers(0, 1), st.none()),
)


@pytest.fixture
def remembering(services):
    """Services of which even the smallest mailbox's order is remembered."""
    return dataclasses.replace(services, orders=Orders(small=0))


def words_of(criteria):
    return " ".join(("REVERSE " if reverse else "") + key.value.decode() for key, reverse in criteria)


def sorted_as_told(client, criteria, search="ALL"):
    return [int(each) for each in client.ok(f"UID SORT ({words_of(criteria)}) UTF-8 {search}")[0].split()[2:]]


def write(client, subject, mailbox="INBOX"):
    octets = f"From: {subject.encode().hex()}@x\r\nSubject: {subject}\r\n\r\n{subject}".encode()
    client.ok(f"APPEND {mailbox} {{{len(octets)}+}}\r\n".encode() + octets)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=4, max_size=25))
def test_what_is_remembered_is_what_a_fresh_sort_says(remembering, history):
    clients = [Direct(remembering).log_in() for _ in range(2)]
    try:
        for name in ("Else", "Box"):
            clients[0].ask(f"DELETE {name}")  # of the history before
            clients[0].ok(f"CREATE {name}")
        for client in clients:
            client.ok("SELECT Box")
        for what, who, value in history:
            go_on(remembering, clients[who], what, value)
    finally:
        for client in clients:
            client.close()


def go_on(services, client, what, value):
    view = client.session.view
    if what == "append":
        for subject in value:
            write(client, subject, "Box")
    elif what == "noop":
        client.ok("NOOP")
    elif what == "sort":
        known = load(client.session).uids[:]  # the other's news come with the answer
        told = sorted_as_told(client, value)
        assert told == ordered(services.store, view, value, known)
        known = view.uids[:]
        some = sorted_as_told(client, value, "UNDELETED LARGER 0")
        assert some == ordered(services.store, view, value, known)
    elif view.count:
        number = value % view.count + 1
        if what == "move":
            client.ask(f"MOVE {number} Else")
        else:
            client.ask(f"STORE {number} +FLAGS.SILENT (\\Deleted)")
            client.ok("EXPUNGE")


@pytest.fixture
def filled(remembering):
    client = Direct(remembering).log_in()
    for subject in SUBJECTS:
        write(client, subject)
    client.ok("SELECT INBOX")
    return client


def test_an_order_is_made_once(filled, remembering, monkeypatch):
    asked = []
    really = sort_orders.ordered_below
    monkeypatch.setattr(sort_orders, "ordered_below", lambda *given: asked.append(given) or really(*given))
    by_subject = CRITERIA[0]
    first = sorted_as_told(filled, by_subject)
    assert sorted_as_told(filled, by_subject) == first
    assert sorted_as_told(filled, by_subject, "UNSEEN") == first
    assert len(asked) == 1
    write(filled, "Aa")
    filled.ok("NOOP")
    assert sorted_as_told(filled, by_subject) != first
    assert len(asked) == 2


def test_relevancy_and_small_mailboxes_are_not_remembered(filled, remembering, services):
    filled.ok("SORT (RELEVANCY) UTF-8 FUZZY TEXT hop")
    assert len(remembering.orders) == 0
    plain = Direct(services).log_in()
    plain.ok("SELECT INBOX")
    sorted_as_told(plain, CRITERIA[0])
    assert len(services.orders) == 0


def test_a_few_of_many_make_no_order(filled, remembering):
    for number in range(13):
        write(filled, f"số {number}")
    filled.ok("NOOP")
    assert len(sorted_as_told(filled, CRITERIA[0], "UID 3:6")) == 4
    assert len(remembering.orders) == 0


def test_the_memory_has_an_end(services):
    orders = Orders(room=2 * (500 + 7 * 4), small=0)
    client = Direct(dataclasses.replace(services, orders=orders)).log_in()
    for subject in SUBJECTS:
        write(client, subject)
    client.ok("SELECT INBOX")
    for criteria in (*CRITERIA, *CRITERIA):
        sorted_as_told(client, criteria)
        assert orders.octets <= 2 * (500 + 7 * 4)
    assert len(orders) == 2
