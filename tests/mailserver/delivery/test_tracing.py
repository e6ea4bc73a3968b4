"""Records of messages, and strangers who are put off: rows on both engines."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from mailserver.config import Trust
from mailserver.delivery import greylist, tracing
from mailserver.delivery.post_office import Origin
from mailserver.delivery.tracing import Fate, LastWord, Trace, Wanted

ORIGIN = Origin("192.0.2.1", "mx.a.example", "ESMTPS")
TRUST = Trust(grey_delay=300, grey_hours=2, grey_days=3)
DAY = 86_400
NOON = 1_800_000_000


def trace(reference: str, *fates: Fate, **more: Any) -> Trace:
    return Trace(reference, ORIGIN, "x@a.example", fates, 123, "accept", **more)


def do(store: Any, job: Any, now: int = NOON) -> Any:
    """In a transaction of that moment."""

    def at_that_moment(tx: Any) -> Any:
        tx.now = now
        return job(tx)

    return store.write(at_that_moment).result(60)


def found(store: Any, **wanted: Any) -> Any:
    with store.read() as connection:
        return tracing.find(connection, Wanted(**wanted), 100)


def test_a_record_is_found_again(any_store: Any) -> None:
    fates = (
        Fate("an@city.vn", "inbox", "an"),
        Fate("binh@city.vn", "waiting", "binh"),
        Fate("an@city.vn", "inbox", "an"),
    )
    odd = trace("R1", *fates, reason="b\0d \ud800", results="x" * 5000, author="ă@a.example", message_id_header="<1>")
    do(any_store, lambda tx: tracing.record(tx, odd, 7))
    do(any_store, lambda tx: tracing.record(tx, trace("R2", Fate("chi@city.vn", "junk"))))
    (row,) = found(any_store, reference="R1")
    assert (row["client"], row["protocol"], row["message_id"], row["size"]) == ("192.0.2.1", "ESMTPS", 7, 123)
    assert (row["reason"], len(row["results"]), row["author"]) == ("b\ufffdd ?", 1000, "ă@a.example")
    assert row["fates"] == list(fates[:2])
    assert [each["reference"] for each in found(any_store, forward_path="chi@city.vn")] == ["R2"]
    assert found(any_store, forward_path="nobody@city.vn") == found(any_store, reverse_path="") == []
    assert len(found(any_store, reverse_path="x@a.example", action="accept", since=NOON)) == 2
    assert found(any_store, action="refuse") == found(any_store, since=NOON + 1) == []


def test_a_recipient_is_found_however_the_sender_wrote_it(any_store: Any) -> None:
    fates = (Fate("An@city.vn", "inbox", "an"), Fate("an@city.vn", "inbox", "an"))
    do(any_store, lambda tx: tracing.record(tx, trace("R1", *fates)))
    for asked in ("an@city.vn", "An@city.vn", "AN@CITY.VN"):
        (row,) = found(any_store, forward_path=asked)
        assert row["fates"] == [Fate("an@city.vn", "inbox", "an")]


def test_old_records_are_forgotten(any_store: Any) -> None:
    for number in range(3):
        one = trace(f"R{number}", Fate("an@city.vn", "inbox"))
        do(any_store, lambda tx, one=one: tracing.record(tx, one), NOON + number * DAY)
    assert do(any_store, lambda tx: tracing.sweep(tx, NOON + 1)) == 1
    assert do(any_store, lambda tx: tracing.sweep(tx, NOON + 1)) == 0
    assert {row["reference"] for row in found(any_store)} == {"R1", "R2"}
    with any_store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM recipient_trace").scalar() == 2


def test_last_words_of_other_servers(any_store: Any) -> None:
    do(any_store, lambda tx: tracing.record(tx, trace("R1", Fate("an@city.vn", "relay")), 7))
    for state, reply in (("failed", "550 no"), ("sent", "250 yes")):
        word = LastWord("x@far.example", state, "mx.far.example", reply)
        do(any_store, lambda tx, word=word: tracing.record_last_words(tx, [(7, word), (8, word)]))
    (row,) = found(any_store, reference="R1")
    assert row["relayed"] == [LastWord("x@far.example", "sent", "mx.far.example", "250 yes", NOON)]
    assert do(any_store, lambda tx: tracing.sweep(tx, NOON + 1)) == 3
    assert do(any_store, lambda tx: tracing.sweep(tx, NOON + 1)) == 0


# -- greylisting


def come(store: Any, now: int, sender: str = "x@a.example", recipient: str = "an@city.vn", network: str = "N") -> bool:
    with store.read() as connection:
        if greylist.is_known(connection, TRUST, network, sender, recipient, now):
            return True
    return do(store, lambda tx: greylist.consider(tx, TRUST, network, sender, recipient), now)


@pytest.mark.parametrize(
    ("waits", "outcomes"),
    [
        ([0, 299, 1], [False, False, True]),
        ([0, 300, 1], [False, True, True]),
        ([0, 7300, 10, 300], [False, False, False, True]),  # came again too late: a stranger as before
        ([0, 300, 3 * DAY - 1, 3 * DAY - 1], [False, True, True, True]),  # renewed each time
        ([0, 300, 3 * DAY + 1], [False, True, False]),
    ],
)
def test_who_comes_again(any_store: Any, waits: list[int], outcomes: list[bool]) -> None:
    moments = [NOON + sum(waits[: number + 1]) for number in range(len(waits))]
    assert [come(any_store, moment) for moment in moments] == outcomes


def test_a_network_is_known_by_its_senders(any_store: Any) -> None:
    for moment in (NOON, NOON + 400):
        for number in range(greylist.KNOWN_NETWORK):
            come(any_store, moment, f"x{number}@a.example")
    assert come(any_store, NOON + 400, "new@b.example", "binh@city.vn")
    assert not come(any_store, NOON + 400, "new@b.example", "binh@city.vn", "another")
    assert not come(any_store, NOON + 400 + 3 * DAY, "newer@b.example")


def test_strangers_are_forgotten(any_store: Any) -> None:
    def sweep(now: int) -> int:
        return do(any_store, lambda tx: greylist.sweep(tx, TRUST), now)

    come(any_store, NOON, "once@a.example")
    for moment in (NOON, NOON + 400):
        come(any_store, moment, "twice@a.example")
    assert sweep(NOON + 7200) == 0
    assert sweep(NOON + 7201) == 1
    assert sweep(NOON + 400 + 3 * DAY) == 0
    assert sweep(NOON + 401 + 3 * DAY) == 1


def test_networks() -> None:
    assert greylist.neighbourhood(ipaddress.ip_address("192.0.2.77")) == "192.0.2.0/24"
    assert greylist.neighbourhood(ipaddress.ip_address("2001:db8:1:2:3::4")) == "2001:db8:1:2::/64"
