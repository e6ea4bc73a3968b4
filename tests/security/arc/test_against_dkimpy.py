"""Against dkimpy, whose authors wrote the public suite of ARC with others: the same verdict on the same chain."""

from __future__ import annotations

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from security.arc import seal, validate
from security.dkim import read_message
from tests.security.dkim.test_against_dkimpy import ask, secret
from tests.security.keyring import DOMAIN, NOW, signer, zone

LETTER = (
    b"From: Joe <joe@example.org>\r\nTo: list@example.net\r\nSubject: Dinner\r\n"
    b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
    b"MIME-Version: 1.0\r\n\r\nHi.\r\n\r\n"
)
# One of them seals after the other; between them a list may change the message.
STEPS = st.lists(st.sampled_from(["ours", "theirs", "change"]), min_size=1, max_size=5)


def ours(octets: bytes) -> str:
    return zone().run(validate(read_message(octets))).status


def theirs(octets: bytes) -> str:
    status, _, _ = dkim.arc_verify(octets, dnsfunc=ask)
    # it has a value of its own for a chain that says of itself that it failed: RFC 8617 §5.2 step 2 says "fail"
    return "fail" if status is None else status.decode()


def seal_ours(octets: bytes) -> bytes:
    found = zone().run(validate(read_message(octets)))
    return seal(read_message(octets), found, "mx.example.net; spf=pass", signer(), NOW) + octets


def seal_theirs(octets: bytes) -> bytes:
    status = ours(octets)
    results = f"Authentication-Results: mx.example.net; arc={status}\r\n".encode()
    made = dkim.arc_sign(results + octets, b"s-rsa", DOMAIN.encode(), secret("rsa"), b"mx.example.net", timestamp=NOW)
    return b"".join(made) + octets


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_both_say_the_same_of_a_chain(steps: list[str]) -> None:
    octets = LETTER
    for number, step in enumerate(steps):
        if step == "change":
            octets = octets.replace(b"Subject: ", b"Subject: [%d] " % number, 1)
        else:
            octets = seal_ours(octets) if step == "ours" else seal_theirs(octets)
        assert ours(octets) == theirs(octets)


@pytest.mark.parametrize("sealer", [seal_ours, seal_theirs])
def test_each_verifies_the_others_seal(sealer) -> None:
    for _ in range(3):
        octets = sealer(LETTER)
        assert (ours(octets), theirs(octets)) == ("pass", "pass")


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_neither_takes_a_field_that_was_changed(data: st.DataObject) -> None:
    octets = seal_ours(seal_theirs(LETTER))
    places = [place for place, field in enumerate(read_message(octets).fields) if field.name.startswith("arc-")]
    message = read_message(octets)
    field = message.fields[data.draw(st.sampled_from(places))].octets
    kept = data.draw(
        st.sampled_from([b"", field + field, field.replace(b"i=", b"i=3", 1), field.replace(b"; ", b";; ", 1)])
    )
    changed = octets.replace(field, kept, 1)
    assert ours(changed) == "fail"
    assert theirs(changed) == "fail"
