"""Signed by us, read by us: the octets, the attributes, and every verdict there is (RFC 1847, RFC 8551, RFC 4262)."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from security.cms import CmsFault, Signing, Verdict, sign, usual_scheme, verify
from security.cms.ber import Reader
from security.cms.certificates import Certificate
from security.cms.mime import read_entity
from security.cms.signed import enter_content_info, read_signed
from security.cms.signing import sign_content
from security.cms.verdicts import OF_STATE
from security.paths import State
from tests.security.cms.forging import honest
from tests.security.cms.people import (
    AN,
    BINH,
    LETTER,
    NOW,
    START,
    Person,
    authority,
    key_of,
    person,
    revoking,
    signing,
    trusting,
)
from tests.security.cms.wrapping import HEADER, PAYLOAD, detached, enclosed


def signed(*people, opaque=False, message=LETTER, **how):
    return b"".join(sign(message, signing(*people, **how), opaque=opaque))


def told(octets, judge=None, at=NOW, now=None):
    found = verify(octets, at=at, judge=judge or trusting(), now=now)
    assert found.fault is None
    return found.verdict, found.reason


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "ed25519"])
def test_what_we_sign_is_valid(kind, opaque):
    message = signed(person(kind), opaque=opaque)
    assert told(message) == (Verdict.VALID, None)
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert max(map(len, message.split(b"\r\n"))) <= 78


def test_what_a_signature_tells():
    encryption = person("p256", AN, purpose="encrypt")
    found = verify(signed(person(), answer_to=encryption.certificate), at=NOW, judge=trusting())
    one = found.layers[0].telling
    assert (one.signing_time, one.algorithm, one.addresses) == (NOW, "rsa-sha256", (AN,))
    assert one.certificate == person().certificate
    assert one.encryption_certificate == encryption.certificate
    assert one.capabilities == {"aes256-gcm", "aes256-cbc", "aes128-gcm", "aes128-cbc"}
    assert one.path[0] == person().certificate
    assert one.path[-1] == authority().certificate
    assert not one.remarks


def test_the_body_is_signed_to_the_octet():
    body = LETTER[LETTER.index(b"\r\n\r\n") :]
    found = verify(signed(), at=NOW, judge=trusting())
    assert bytes(found.entity.octets).endswith(body)
    pieces = list(sign(LETTER, signing()))
    assert any(isinstance(piece, memoryview) and piece.obj is LETTER for piece in pieces)


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet=" \t\r\nab=-.F", max_size=200))
def test_any_text_survives(text):
    body = "\r\n".join(text.splitlines()).encode()
    message = b"From: an@tphcm.gov.vn\r\nContent-Type: text/plain\r\n\r\n" + body
    for opaque in (False, True):
        found = verify(signed(person("p256"), message=message, opaque=opaque), at=NOW, judge=trusting())
        assert found.verdict is Verdict.VALID
        assert bytes(found.entity.body) == body


def test_line_ends_become_canonical_and_what_cannot_is_refused():
    assert told(signed(message=LETTER.replace(b"\r\n", b"\n"))) == (Verdict.VALID, None)
    for wrong in (LETTER + b"a\rb", LETTER + "ễ".encode(), b"A\rB: c\r\n" + LETTER, b"no field\r\n" + LETTER):
        with pytest.raises(CmsFault):
            sign(wrong, signing())
    with pytest.raises(CmsFault):
        sign(LETTER, Signing([], NOW))
    assert told(signed(message=LETTER + "ễ".encode(), opaque=True)) == (Verdict.VALID, None)


def test_a_relay_that_changed_line_ends_is_forgiven():
    """RFC 8551 §3.1.1: the canonical form has CRLF, whatever the file has."""
    assert told(signed().replace(b"\r\n", b"\n")) == (Verdict.VALID, None)
    assert told(signed().replace(b"\r\n", b"\n").replace(b"Quyet", b"Quyt")) == (Verdict.ALTERED, "content-changed")


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"Quyet dinh", b"Quyet Dinh"), (b"at the end  ", b"at the end "), (b"charset=utf-8", b"charset=UTF-8")],
)
def test_altered(old, new):
    message = signed()
    inside = message.index(b"--=_")
    changed = message[:inside] + message[inside:].replace(old, new, 1)
    assert told(changed) == (Verdict.ALTERED, "content-changed")


def test_a_signature_of_another_key():
    assert told(detached(honest(person(), PAYLOAD))) == (Verdict.VALID, None)
    stranger = Person(key_of("rsa", BINH), person().certificate)
    assert told(detached(honest(stranger, PAYLOAD))) == (Verdict.ALTERED, "signature-wrong")


def test_unknown_authority():
    stranger = person("rsa", AN, by="Another authority")
    assert told(signed(stranger)) == (Verdict.UNKNOWN_CA, "unknown-authority")
    assert told(signed(stranger), trusting("Another authority")) == (Verdict.VALID, None)


def test_expired_is_told_by_when():
    end = NOW + timedelta(days=30)
    old = person("rsa", AN, end=end)
    message = signed(old)
    assert told(message, at=NOW, now=NOW) == (Verdict.VALID, None)
    assert told(message, at=NOW, now=end + timedelta(days=1)) == (Verdict.VALID_THEN, "expired-since")
    assert told(message, at=end + timedelta(days=1)) == (Verdict.UNKNOWN_CA, "expired")
    assert told(message, at=START - timedelta(days=1)) == (Verdict.UNKNOWN_CA, "not-yet-valid")


def test_revoked_is_told_by_when():
    message, later = signed(), NOW + timedelta(days=2)
    judge = trusting(crls=(revoking(person(), NOW - timedelta(days=1)),))
    assert told(message, judge) == (Verdict.REVOKED, "revoked")
    judge = trusting(crls=(revoking(person(), NOW + timedelta(days=1)),))
    assert told(message, judge, at=NOW, now=later) == (Verdict.VALID_THEN, "revoked-since")


def test_purpose():
    assert told(signed(person("rsa", AN, purpose="encrypt"))) == (Verdict.UNKNOWN_CA, "wrong-purpose")
    assert told(signed(person("rsa", AN, server=True))) == (Verdict.UNKNOWN_CA, "wrong-purpose")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"From: an@tphcm.gov.vn\r\n", (Verdict.VALID, None)),
        (b"From: An <AN@TPHCM.gov.vn>\r\n", (Verdict.VALID, None)),
        (b"From: binh@tphcm.gov.vn\r\n", (Verdict.ADDRESS_MISMATCH, "address-mismatch")),
        (b"From: binh@tphcm.gov.vn\r\nSender: an@tphcm.gov.vn\r\n", (Verdict.ADDRESS_MISMATCH, "sender-only")),
        (b"From: an@tphcm.gov.vn, binh@tphcm.gov.vn\r\n", (Verdict.ADDRESS_MISMATCH, "address-mismatch")),
        (b"From: an@tphcm.gov.vn\r\nFrom: binh@tphcm.gov.vn\r\n", (Verdict.ADDRESS_MISMATCH, "author-unclear")),
        (b"From: an@tphcm.gov.vn\r\nfrom : binh@tphcm.gov.vn\r\n", (Verdict.ADDRESS_MISMATCH, "author-unclear")),
        (b"", (Verdict.ADDRESS_MISMATCH, "author-unclear")),
        (b'From: "an@tphcm.gov.vn" <x@evil.example>\r\n', (Verdict.ADDRESS_MISMATCH, "address-mismatch")),
        (b"From: an@tphcm.gov.vn <x@evil.example>\r\n", (Verdict.ADDRESS_MISMATCH, "address-mismatch")),
        (b"From: an@tphcm.gov.vn.evil.example\r\n", (Verdict.ADDRESS_MISMATCH, "address-mismatch")),
        (b"From: an@tphcm.gov.vn\0@evil.example\r\n", (Verdict.ADDRESS_MISMATCH, "author-unclear")),
    ],
)
def test_whose_it_is(header, expected):
    assert told(detached(honest(person(), PAYLOAD), header=header)) == expected


def test_certificates_with_the_address_in_the_subject_and_with_none():
    assert told(signed(person("rsa", AN, in_subject=True))) == (Verdict.VALID, None)
    nobody = person("rsa", "")
    assert told(signed(nobody)) == (Verdict.ADDRESS_MISMATCH, "no-address")


def test_remarks():
    def remarks(octets):
        return set(verify(octets, at=NOW, judge=trusting()).layers[0].telling.remarks)

    signature = honest(person(), PAYLOAD)
    assert remarks(detached(signature)) == set()
    assert remarks(detached(signature, micalg=b"sha-512")) == {"micalg-differs"}
    assert remarks(detached(signature, micalg=b'"sha-512, SHA-256"')) == set()
    assert remarks(detached(signature, header=HEADER.replace(b"08:00", b"09:00"))) == {"signing-time-far"}
    assert remarks(detached(signature, header=HEADER.replace(b"Fri, 20", b"Nonsense"))) == set()
    named = HEADER.replace(b"an@tphcm.gov.vn", b'"chu.tich@tphcm.gov.vn" <an@tphcm.gov.vn>', 1)
    assert remarks(detached(signature, header=named)) == {"address-in-name"}
    encoded = base64.b64encode(b"chu.tich@tphcm.gov.vn")
    named = HEADER.replace(b"an@tphcm.gov.vn", b"=?utf-8?b?" + encoded + b"?= <an@tphcm.gov.vn>", 1)
    assert remarks(detached(signature, header=named)) == {"address-in-name"}


def test_several_signers():
    an, binh = person(), person("p256", BINH)
    found = verify(signed(an, binh), at=NOW, judge=trusting())
    assert [one.verdict for one in found.layers[0].signatures] == [Verdict.VALID, Verdict.ADDRESS_MISMATCH]
    assert found.verdict is Verdict.VALID
    assert told(signed(binh, an)) == (Verdict.VALID, None)
    assert b'micalg="sha-256,sha-512"' in signed(an, person("ed25519"))


@pytest.mark.parametrize("people", [("rsa", "p256"), ("p256", "rsa")])
def test_the_author_comes_first(people):
    """Some programs look at one signer only: the order is the caller's and not DER's."""
    made = b"".join(sign_content([PAYLOAD], signing(*map(person, people)), detached=True))
    reader = Reader([made])
    enter_content_info(reader)
    read = [Certificate(person(kind).certificate).is_meant for kind in people]
    assert all(is_meant(one.identifier) for is_meant, one in zip(read, read_signed(reader).signers, strict=True))


def test_partly_signed():
    inner = signed()[len(LETTER[: LETTER.index(b"MIME-Version")]) :]
    mixed = (
        HEADER
        + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/plain\r\n\r\nfooter\r\n--m\r\n"
    )
    found = verify(mixed + inner + b"\r\n--m--\r\n", at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.PARTLY_SIGNED, "other-parts")
    assert found.partial[0].place == (2,)
    assert b"K=C3=ADnh" in bytes(found.partial[0].entity.octets)
    opaque = enclosed(honest(person(), PAYLOAD, opaque=True), header=b"")
    assert told(mixed + opaque + b"\r\n--m--\r\n") == (Verdict.PARTLY_SIGNED, "other-parts")
    stranger = signed(person("rsa", AN, by="Another authority"))
    inner = stranger[stranger.index(b"Content-Type") :]
    assert told(mixed + inner + b"\r\n--m--\r\n") == (Verdict.UNKNOWN_CA, "unknown-authority")


def test_not_signed():
    found = verify(LETTER, at=NOW, judge=trusting())
    assert (found.verdict, found.reason, found.layers, found.header) == (None, None, (), None)
    forwarded = HEADER + b"Content-Type: message/rfc822\r\n\r\n" + signed()
    assert told(forwarded) == (None, None)


def test_every_state_of_the_judge_has_a_verdict():
    assert set(OF_STATE) == set(State)
    assert {verdict for verdict in Verdict if verdict.is_good} == {OF_STATE[state] for state in State if state.good}


def test_signing_time_after_2049():
    """RFC 8551 §2.5.1: as GeneralizedTime."""
    at = datetime(2050, 1, 1, tzinfo=NOW.tzinfo)
    found = verify(signed(at=at), at=NOW, judge=trusting())
    assert found.layers[0].telling.signing_time == at


def test_a_signed_message_is_signed_again():
    """And its header, which is inside already, is not copied once more."""
    twice = signed(person("p256"), message=signed(opaque=True))
    found = verify(twice, at=NOW, judge=trusting())
    assert [layer.telling.algorithm for layer in found.layers] == ["ecdsa-sha256", "rsa-sha256"]
    assert found.verdict is Verdict.VALID
    assert read_entity(twice).values("subject") == ["Quyet dinh 123"]


class Elsewhere(Exception):
    """What is to be signed, on its way to a token."""


class Token:
    """A key that is not here: asked once, and answered later (docs/smime.md)."""

    def __init__(self, one, signature=None):
        self.certificate, self.scheme = one.certificate, usual_scheme(one.certificate)
        self._signature = signature

    def sign(self, octets):
        if self._signature is None:
            raise Elsewhere(octets)
        return self._signature


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "ed25519"])
def test_a_signature_made_elsewhere_and_later(kind):
    one = person(kind)
    with pytest.raises(Elsewhere) as asked:
        sign(LETTER, Signing([Token(one)], NOW))
    signature = one.memory.sign(asked.value.args[0])
    assert told(b"".join(sign(LETTER, Signing([Token(one, signature)], NOW)))) == (Verdict.VALID, None)
    later = Signing([Token(one, signature)], NOW + timedelta(seconds=1))
    assert told(b"".join(sign(LETTER, later))) == (Verdict.ALTERED, "signature-wrong")
