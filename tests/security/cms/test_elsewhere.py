"""A signature that is made by another program, from a file that we gave it, and comes back in any of its forms."""

from __future__ import annotations

import base64

import pytest

from security.cms import CmsFault, Verdict, verify
from security.cms.elsewhere import signable, with_signature
from tests.security.cms.oracles import Gnutls, Openssl, reader
from tests.security.cms.people import LETTER, NOW, trusting


@pytest.fixture
def openssl(tmp_path):
    return Openssl(tmp_path)


def pem(made, label):
    text = base64.encodebytes(made).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n".encode()


def read(octets):
    found = verify(octets, at=NOW, judge=trusting())
    return found.verdict, found.reason


@pytest.mark.parametrize("kind", ["rsa", "p256"])
@pytest.mark.parametrize("program", [Openssl, Gnutls])
def test_what_another_program_signs_is_valid(tmp_path, program, kind):
    made = program(tmp_path).sign(kind, signable(LETTER))
    assert read(with_signature(LETTER, made)) == (Verdict.VALID, None)


def test_it_comes_back_in_any_form(openssl):
    made = openssl.sign("rsa", signable(LETTER))
    openssl.put("in", signable(LETTER))
    openssl.run("openssl", "cms", "-sign", "-in", "in", "-signer", "cert.pem", "-inkey", "key.pem", "-out", "whole.eml")
    forms = [made, pem(made, "PKCS7"), pem(made, "CMS"), base64.b64encode(made), base64.encodebytes(made)]
    for form in (*forms, openssl.take("whole.eml"), pem(made, "CMS").replace(b"\n", b"\r\n")):
        assert read(with_signature(LETTER, form)) == (Verdict.VALID, None)


def test_of_another_text_or_another_author_it_is_not_valid(openssl):
    made = openssl.sign("rsa", signable(LETTER))
    changed = LETTER.replace(b"123", b"124")  # a protected field
    assert read(with_signature(changed, made))[0] is Verdict.ALTERED
    assert read(with_signature(LETTER.replace(b"blanks", b"spaces"), made))[0] is Verdict.ALTERED
    other = LETTER.replace(b"an@tphcm", b"chi@tphcm")
    assert read(with_signature(other, openssl.sign("rsa", signable(other))))[0] is Verdict.ADDRESS_MISMATCH


def test_what_is_no_detached_signature_is_refused(openssl):
    opaque = openssl.sign("rsa", signable(LETTER), opaque=True)
    envelope = openssl.encrypt([reader("rsa")], LETTER)
    bad = [b"", b"\x30", b"\x30\x80", b"PK\x03\x04", b"AAAA", b"A", opaque, envelope, LETTER, opaque[:200], bytes(99)]
    bad += [pem(opaque, "PKCS7"), pem(b"no", "CERTIFICATE"), b"-----BEGIN CMS-----\n=\n-----END CMS-----"]
    for brought in bad:
        with pytest.raises(CmsFault):
            with_signature(LETTER, brought)
    with pytest.raises(CmsFault) as refused:
        with_signature(LETTER, opaque)
    assert refused.value.reason == "content-twice"


def test_only_seven_bits_are_signed():
    with pytest.raises(CmsFault) as refused:
        signable(LETTER.replace(b"blanks", "trống".encode()))
    assert refused.value.reason == "not-canonical"
