"""What is said to the key process: whole or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.keys import wire
from security.keys.wire import WireFault, body_length, pack, unpack


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_what_is_packed_is_unpacked(fields: list[bytes]) -> None:
    message = pack(fields)
    assert body_length(message[: wire.LENGTH]) == len(message) - wire.LENGTH
    assert unpack(message[wire.LENGTH :]) == fields


@given(st.binary(max_size=400))
def test_whatever_comes_is_fields_or_refused(body: bytes) -> None:
    try:
        fields = unpack(body)
    except WireFault:
        return
    assert pack(fields)[wire.LENGTH :] == body


def test_there_are_limits() -> None:
    with pytest.raises(WireFault):
        pack([bytes(wire.MOST_OCTETS)])
    with pytest.raises(WireFault):
        pack([b""] * (wire.MOST_FIELDS + 1))
    with pytest.raises(WireFault):
        unpack(bytes(wire.LENGTH) * (wire.MOST_FIELDS + 1))
    for head in (b"", b"\0\0\0", b"\xff\xff\xff\xff", (wire.MOST_OCTETS + 1).to_bytes(4)):
        with pytest.raises(WireFault):
            body_length(head)
