"""With certificates as the city's authority issues them: two for each person, below an issuing authority."""

from __future__ import annotations

import functools

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from security.authority import profiles
from security.authority.issuing import Issuer, issue, make_root
from security.authority.names import mailbox, subject
from security.cms import MemoryKey, Recipient, Signing, Verdict, encrypt, open_message, sign, verify
from security.paths import Anchor, Trust, judge
from tests.security.cms.people import LETTER, NOW

AN, HOA = "an@tphcm.gov.vn", "hòa@tphcm.gov.vn"


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


@functools.cache
def authorities():
    root_key, issuing_key = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())
    root = make_root(root_key, subject("Gốc", organization="TP.HCM"), serial=1, now=NOW)
    name = subject("Cấp phát", organization="TP.HCM")
    issuing = issue(Issuer(root, root_key), profiles.ISSUING, issuing_key.public_key(), subject=name, serial=2, now=NOW)
    return root, Issuer(issuing, issuing_key)


@functools.cache
def certified(profile, address, kind="rsa"):
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    _, issuer = authorities()
    certificate = issue(
        issuer,
        profile,
        key.public_key(),
        subject=subject("Nguyễn Văn An", unit="Sở Y tế"),
        names=[mailbox(address)],
        serial=abs(hash((profile.name, address, kind))) + 3,
        now=NOW,
    )
    return MemoryKey(key, der(certificate))


def trusting():
    root, _ = authorities()
    return functools.partial(judge, trust=Trust((Anchor(der(root), lists_revocations=False),)))


def signing(address=AN, kind="rsa", companions=True):
    issuing = (der(authorities()[1].certificate),) if companions else ()
    encryption = certified(profiles.ENCRYPTION, address, kind).certificate
    return Signing([certified(profiles.SIGNING, address, kind)], NOW, issuing, answer_to=encryption)


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_there_and_back(kind):
    found = verify(b"".join(sign(LETTER, signing(kind=kind))), at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.VALID, None)
    assert len(found.telling.path) == 3
    assert found.telling.encryption_certificate == certified(profiles.ENCRYPTION, AN, kind).certificate
    to = Recipient(found.telling.encryption_certificate, AN, found.telling.capabilities, found.layers[0].certificates)
    sealed = b"".join(encrypt(LETTER, [to], at=NOW, judge=trusting(), signing=signing(kind=kind)))
    key = certified(profiles.ENCRYPTION, AN, kind)
    found = open_message(sealed, at=NOW, now=NOW, judge=trusting(), keys=[key])
    assert (found.verdict, found.layers[0].cipher.name) == (Verdict.VALID, "aes256-gcm")


def test_without_the_chain_nobody_finds_the_root():
    found = verify(b"".join(sign(LETTER, signing(companions=False))), at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN_CA, "unknown-authority")


def test_a_key_for_encryption_signs_nothing():
    wrong = Signing([certified(profiles.ENCRYPTION, AN)], NOW, (der(authorities()[1].certificate),))
    found = verify(b"".join(sign(LETTER, wrong)), at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN_CA, "wrong-purpose")


def test_an_address_beyond_ascii():
    """SmtpUTF8Mailbox (RFC 8550 §3)."""
    letter = LETTER.replace(b"<an@tphcm.gov.vn>", f"<{HOA}>".encode())
    message = b"".join(sign(letter, signing(HOA), opaque=True))
    assert verify(message, at=NOW, judge=trusting()).verdict is Verdict.VALID
    other = message.replace(HOA.encode(), "hoà@tphcm.gov.vn".encode(), 1)
    assert verify(other, at=NOW, judge=trusting()).verdict is Verdict.ADDRESS_MISMATCH
