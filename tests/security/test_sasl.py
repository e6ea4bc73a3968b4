"""SASL exchanges, octet by octet."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.bearer import Bearer
from security.sasl import (
    Challenge,
    Credentials,
    External,
    ExternalClaim,
    Login,
    Plain,
    SaslCancelled,
    SaslFault,
    decode_initial,
    decode_response,
    encode_challenge,
)

MECHANISMS = {
    "PLAIN": Plain,
    "LOGIN": Login,
    "EXTERNAL": External,
    "OAUTHBEARER": lambda: Bearer(with_header=True),
    "XOAUTH2": lambda: Bearer(with_header=False),
}


def test_plain_with_an_initial_response() -> None:
    exchange = Plain()
    # the example of RFC 4616 §4
    assert exchange.start(b"\x00tim\x00tanstaaftanstaaf") == Credentials("", "tim", "tanstaaftanstaaf")


def test_plain_without_one() -> None:
    exchange = Plain()
    assert exchange.start(None) == Challenge(b"")
    assert exchange.respond("Ursel\x00Kurt\x00mật khẩu".encode()) == Credentials("Ursel", "Kurt", "mật khẩu")


def test_login() -> None:
    exchange = Login()
    assert exchange.start(None) == Challenge(b"Username:")
    assert exchange.respond(b"an@city.gov.vn") == Challenge(b"Password:")
    assert exchange.respond(b"secret") == Credentials("", "an@city.gov.vn", "secret")
    exchange = Login()
    assert exchange.start(b"an") == Challenge(b"Password:")


@pytest.mark.parametrize(
    "response", [b"", b"an\x00secret", b"\x00\x00secret", b"\x00an\x00", b"a\x00b\x00c\x00d", b"\x00an\x00\xff\xfe"]
)
def test_plain_refuses(response: bytes) -> None:
    exchange = Plain()
    with pytest.raises(SaslFault):
        exchange.start(response)


@pytest.mark.parametrize("response", [b"", b"a\x00b", b"\xff"])
def test_login_refuses(response: bytes) -> None:
    exchange = Login()
    exchange.start(None)
    with pytest.raises(SaslFault):
        exchange.respond(response)


def test_external_says_at_most_for_whom() -> None:
    assert External().start(None) == Challenge(b"")
    assert External().start(b"") == ExternalClaim("")
    assert External().start("văn.thư@city.gov.vn".encode()) == ExternalClaim("văn.thư@city.gov.vn")
    for broken in (b"a\x00b", b"\xff", b"x" * 5000):
        with pytest.raises(SaslFault):
            External().start(broken)


def test_nothing_long_is_taken() -> None:
    for octets in (b"\x00an\x00" + b"x" * 4000, b"x" * 4000):
        for exchange in (Plain(), Login()):
            with pytest.raises(SaslFault):
                exchange.start(octets)


def test_base64_is_read_strictly() -> None:
    assert decode_response(b"") == b""
    assert decode_initial(b"=") == b""
    assert decode_response(b"AGFuAHNlY3JldA==") == b"\x00an\x00secret"
    for broken in (
        b"=",
        b"AGFu AHNl",
        b"AGFuAHNlY3JldA",
        b"AGFu\r\n",
        b"A",
        b"===",
        b"AGFuAHNlY3JldA==AA==",
        b"\xff\xfe",
    ):
        with pytest.raises(SaslFault):
            decode_response(broken)
    with pytest.raises(SaslFault, match="too long"):
        decode_response(b"A" * 100_000)
    with pytest.raises(SaslCancelled):
        decode_response(b"*")
    assert encode_challenge(Challenge(b"Username:")) == b"VXNlcm5hbWU6"


def test_credentials_do_not_show_the_password() -> None:
    assert "secret" not in repr(Credentials("", "an", "secret"))


@given(mechanism=st.sampled_from(sorted(MECHANISMS)), responses=st.lists(st.binary(max_size=40), max_size=4))
def test_nothing_but_a_fault_comes_of_noise(mechanism: str, responses: list[bytes]) -> None:
    exchange = MECHANISMS[mechanism]()
    step = exchange.start(None)
    for response in responses:
        if not isinstance(step, Challenge):
            break
        try:
            step = exchange.respond(response)
        except SaslFault:
            break


@given(st.binary(max_size=60))
def test_base64_agrees_with_the_encoder(octets: bytes) -> None:
    assert decode_response(base64.b64encode(octets)) == octets
    try:
        decoded = decode_response(octets)
    except SaslFault:
        return
    assert base64.b64encode(decoded) == octets
