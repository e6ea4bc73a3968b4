"""SCRAM-SHA-256 against the RFC's example, an independent client, and clients that keep no rule."""

from __future__ import annotations

import base64
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scramp import ScramClient
from scramp.core import ScramException

from security.sasl import Challenge, SaslFault, SaslRefused
from security.scram import (
    Scram,
    ScramProof,
    Verifier,
    VerifierWanted,
    false_verifier,
    make_verifier,
    new_verifier,
    parse_verifier,
)

BINDING = ("tls-server-end-point", b"digest of a certificate")
ROUNDS = 4096
SALT = b"some salted salt"


def begin(*, plus: bool = False, offers_plus: bool = False, nonce: bytes = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0") -> Scram:
    return Scram(
        plus=plus, offers_plus=offers_plus, binding=lambda kind: dict([BINDING]).get(kind), nonce=lambda: nonce
    )


def prove(server: Scram, client: Any, verifier: Verifier) -> ScramProof:
    wanted = server.start(client.get_client_first().encode())
    assert isinstance(wanted, VerifierWanted)
    client.set_server_first(server.know(verifier).octets.decode())
    proof = server.respond(client.get_client_final().encode())
    assert isinstance(proof, ScramProof)
    return proof


def test_the_example_of_rfc_7677() -> None:
    server = begin()
    assert server.start(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO") == VerifierWanted("user")
    verifier = make_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
    assert server.know(verifier) == Challenge(
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    proof = server.respond(
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert proof == ScramProof("", "user", verifier, True, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert "pencil" not in repr(proof)
    assert "stored_key" not in repr(proof)


@pytest.mark.parametrize("password", ["pencil", "Mật khẩu của Đặng Thị Ơn", "a,b=c", "\u00aa Ⅳ x"])
def test_an_independent_client(password: str) -> None:
    verifier = make_verifier(password, SALT, ROUNDS)
    client = ScramClient(["SCRAM-SHA-256"], "an@city.gov.vn", password)
    proof = prove(begin(), client, verifier)
    assert proof.is_right
    client.set_server_final(proof.final.decode())
    assert not prove(begin(), ScramClient(["SCRAM-SHA-256"], "an@city.gov.vn", password + "x"), verifier).is_right


@pytest.mark.parametrize("typed", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_a_vietnamese_password_is_one_password(typed: str, stored: str) -> None:
    text = "Nguyễn Thị Ước: đường 30 tháng 4"
    verifier = make_verifier(unicodedata.normalize(stored, text), b"s" * 16, ROUNDS)
    client = ScramClient(["SCRAM-SHA-256"], "an", unicodedata.normalize(typed, text))
    assert prove(begin(), client, verifier).is_right


def test_a_channel_that_is_bound() -> None:
    verifier = make_verifier("pencil", SALT, ROUNDS)
    client = ScramClient(["SCRAM-SHA-256-PLUS"], "an", "pencil", channel_binding=BINDING)
    proof = prove(begin(plus=True, offers_plus=True), client, verifier)
    assert proof.is_right
    client.set_server_final(proof.final.decode())
    # somebody in between has another certificate
    other = ScramClient(["SCRAM-SHA-256-PLUS"], "an", "pencil", channel_binding=(BINDING[0], b"another"))
    assert not prove(begin(plus=True, offers_plus=True), other, verifier).is_right


def test_a_client_that_was_shown_another_list_is_refused() -> None:
    """RFC 5802 §6: "y" where we do offer PLUS."""
    with pytest.raises(SaslRefused):
        begin(offers_plus=True).start(b"y,,n=an,r=abc")
    assert begin(offers_plus=False).start(b"y,,n=an,r=abc") == VerifierWanted("an")
    assert begin(offers_plus=True).start(b"n,,n=an,r=abc") == VerifierWanted("an")


def test_binding_and_mechanism_go_together() -> None:
    with pytest.raises(SaslFault):
        begin(plus=False, offers_plus=True).start(b"p=tls-server-end-point,,n=an,r=abc")
    for flag in (b"n", b"y"):
        with pytest.raises((SaslFault, SaslRefused)):
            begin(plus=True, offers_plus=True).start(flag + b",,n=an,r=abc")
    with pytest.raises(SaslRefused):
        begin(plus=True, offers_plus=True).start(b"p=tls-exporter,,n=an,r=abc")


def test_names_are_decoded_and_prepared() -> None:
    server = begin()
    assert server.start(b"n,a=v=2Cn=3Dx,n=An=2C=3D,r=abc") == VerifierWanted("An,=")
    server.know(make_verifier("x", b"s", ROUNDS))
    proof = server.respond(b"c=bixhPXY9MkNuPTNEeCw=,r=abc%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=" + b"A" * 43 + b"=")
    assert isinstance(proof, ScramProof)
    assert (proof.authzid, proof.authcid, proof.is_right) == ("v,n=x", "An,=", False)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n",
        b"n,,",
        b"n,,n=,r=abc",
        b"n,,n=an",
        b"n,,n=an,r=",
        b"n,,r=abc,n=an",
        b"n,,n=a=n,r=abc",
        b"n,,n=a=2c,r=abc",
        b"n,,m=ext,n=an,r=abc",
        b"x,,n=an,r=abc",
        b"p=,,n=an,r=abc",
        b"n,a=,n=an,r=abc",
        b"n,b=x,n=an,r=abc",
        b"n,,n=an,r=a bc",
        b"n,,n=an,r=abc\x00",
        b"n,,n=\xff,r=abc",
        b"n,,n=a\x01,r=abc",
        b"n,,n=an,r=" + b"x" * 600,
        b"n,,n=an,r=abc\n",
    ],
)
def test_a_first_message_that_is_none(message: bytes) -> None:
    with pytest.raises(SaslFault):
        begin().start(message)


def in_the_middle() -> Scram:
    server = begin(nonce=b"server")
    server.start(b"n,,n=an,r=client")
    server.know(make_verifier("pencil", b"salt", ROUNDS))
    return server


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"c=biws",
        b"c=biws,r=clientserver",
        b"r=clientserver,c=biws,p=" + b"A" * 43 + b"=",
        b"c=biws,r=clientserver,p=AAAA",
        b"c=biws,r=clientserver,p=" + b"A" * 44,
        b"c=biws,r=clientserver,p=" + b"A" * 43 + b"=,x=y",
        b"c=bi=s,r=clientserver,p=" + b"A" * 43 + b"=",
        b"c=,r=clientserver,p=" + b"A" * 43 + b"=",
    ],
)
def test_a_final_message_that_is_none(message: bytes) -> None:
    with pytest.raises(SaslFault):
        in_the_middle().respond(message)


def test_a_changed_header_or_nonce_proves_nothing() -> None:
    verifier = make_verifier("pencil", SALT, ROUNDS)
    for change in ((b"c=biws", b"c=eSws"), (b"c=biws", b"c=bixhPXg="), (b"%hvYDpWU", b"%hvYDpWV")):
        client = ScramClient(["SCRAM-SHA-256"], "an", "pencil")
        server = begin()
        server.start(client.get_client_first().encode())
        client.set_server_first(server.know(verifier).octets.decode())
        proof = server.respond(client.get_client_final().encode().replace(*change))
        assert isinstance(proof, ScramProof)
        assert not proof.is_right


def test_a_stranger_is_asked_like_anybody() -> None:
    one, again, other = (false_verifier(b"secret", login) for login in ("ai@city.vn", "AI@city.vn", "khac@city.vn"))
    assert one == again
    assert one.salt != other.salt
    real = parse_verifier(new_verifier("pencil"))
    assert (len(one.salt), one.rounds) == (len(real.salt), real.rounds)
    assert false_verifier(b"another secret", "ai@city.vn").salt != one.salt
    client = ScramClient(["SCRAM-SHA-256"], "ai@city.vn", "pencil")
    proof = prove(begin(), client, Verifier(one.salt, ROUNDS, one.stored_key, one.server_key))
    assert not proof.is_right
    with pytest.raises(ScramException):
        client.set_server_final(proof.final.decode())


def test_verifiers_are_written_as_others_write_them() -> None:
    verifier = make_verifier("pencil", SALT, ROUNDS)
    text = verifier.encode()
    assert text.startswith("SCRAM-SHA-256$4096:c29tZSBzYWx0ZWQgc2FsdA==$")
    assert parse_verifier(text) == verifier
    assert parse_verifier(new_verifier("pencil")) != parse_verifier(new_verifier("pencil"))
    assert len(new_verifier("x" * 1024)) <= 200
    for broken in ("", "SCRAM-SHA-1$4096:AA==$AA==:AA==", text[:-4], text.replace("4096", "0"), text + "\n"):
        with pytest.raises(ValueError):
            parse_verifier(broken)
    for refused in ("", "x" * 1025):
        with pytest.raises(ValueError):
            make_verifier(refused, b"salt", ROUNDS)


_PIECES = st.sampled_from(
    [b"n,,", b"y,,", b"p=tls-unique,,", b"n,a=x,", b"n=an", b"r=abc", b",", b"=2C", b"=3D", b"m=1", b"c=biws",
     b"p=AAAA", b"\xff", b"\x00", "đ".encode()]
)  # fmt: skip


@given(st.lists(st.one_of(_PIECES, st.binary(max_size=6)), max_size=9).map(b"".join), st.booleans())
def test_nothing_but_a_fault_comes_of_noise(message: bytes, plus: bool) -> None:
    server = begin(plus=plus, offers_plus=plus)
    try:
        step = server.start(message)
    except (SaslFault, SaslRefused):
        pass
    else:
        assert isinstance(step, VerifierWanted)
        assert step.login
    try:
        proof = in_the_middle().respond(message)
    except SaslFault:
        return
    assert isinstance(proof, ScramProof)
    assert not proof.is_right
