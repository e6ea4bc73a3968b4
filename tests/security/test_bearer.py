"""OAUTHBEARER and XOAUTH2: the RFC's example, and messages that are none."""

from __future__ import annotations

import json

import pytest

from security.bearer import Bearer, BearerToken, error_challenge
from security.sasl import Challenge, SaslFault


def test_the_example_of_rfc_7628() -> None:
    """§4.1"""
    token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
    message = f"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer {token}\x01\x01"
    exchange = Bearer(with_header=True)
    assert exchange.start(None) == Challenge(b"")
    assert exchange.respond(message.encode()) == BearerToken("user@example.com", token)
    assert token not in repr(BearerToken("", token))


def test_without_a_name_and_with_a_name_that_needs_care() -> None:
    assert Bearer(with_header=True).start(b"n,,\x01auth=Bearer abc\x01\x01") == BearerToken("", "abc")
    found = Bearer(with_header=True).start("y,a=đ=2Cx=3D,\x01auth=bearer  abc\x01x=y\x01\x01".encode())
    assert found == BearerToken("đ,x=", "abc")


def test_xoauth2() -> None:
    found = Bearer(with_header=False).start(b"user=an@city.vn\x01auth=Bearer abc\x01\x01")
    assert found == BearerToken("an@city.vn", "abc")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",
        b"n,,",
        b"n,,\x01\x01",
        b"n,,\x01auth=Bearer abc\x01",
        b"n,,\x01auth=Basic abc\x01\x01",
        b"n,,\x01auth=Bearer a b\x01\x01",
        b"n,,\x01auth=Bearer abc\x01auth=Bearer def\x01\x01",
        b"n,,\x01auth=Bearer abc\x01=x\x01\x01",
        b"p=tls-unique,,\x01auth=Bearer abc\x01\x01",
        b"n,a=\xff,\x01auth=Bearer abc\x01\x01",
        b"n,,auth=Bearer abc\x01\x01",
        b"n,,\x01auth=Bearer \x00\x01\x01",
    ],
)
def test_what_is_no_message(message: bytes) -> None:
    with pytest.raises(SaslFault):
        Bearer(with_header=True).start(message)


def test_the_error_says_where_to_get_a_token() -> None:
    assert json.loads(error_challenge("https://sso.example/city")) == {
        "status": "invalid_token",
        "openid-configuration": "https://sso.example/city/.well-known/openid-configuration",
    }
    assert json.loads(error_challenge("city-sso")) == {"status": "invalid_token"}
