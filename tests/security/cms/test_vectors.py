"""The examples in the RFCs, and NIST's: made by others, long ago."""

from importlib.resources import files
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from security.cms import MemoryKey, Verdict, decrypt, open_message, verify
from security.cms.mime import read_entity
from security.paths import Judgement, State
from tests.security.cms.people import NOW, trusting
from tests.security.cms.wrapping import enclosed

VECTORS = Path(__file__).parent / "vectors"
CONTENT = b"This is some sample content."


def octets(name):
    return (VECTORS / name).read_bytes()


@pytest.fixture(scope="module")
def bob():
    key = load_der_private_key(octets("rfc4134-bob-key.der"), None, unsafe_skip_rsa_key_validation=True)
    return MemoryKey(key, octets("rfc4134-bob-certificate.der"))


def test_enveloped_with_triple_des(bob):
    found = decrypt(enclosed(octets("rfc4134-5.1.der")), keys=[bob])
    assert (found.content, found.cipher.name) == (CONTENT, "3des-cbc")


def test_a_whole_message_without_a_type_inside(bob):
    found = open_message(octets("rfc4134-5.3.eml"), at=NOW, now=NOW, judge=trusting(), keys=[bob])
    assert found.fault is None
    assert (found.entity.body, found.entity.content_type.type) == (CONTENT, "text/plain")


def test_auth_enveloped(bob):
    found = decrypt(enclosed(octets("rfc8551-3.4.der")), keys=[bob])
    assert found.cipher.name == "aes128-gcm"
    assert b"How do you like the new S/MIME specification?" in found.content


def test_signed_with_sha1():
    found = verify(enclosed(octets("rfc4134-4.2.der")), at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.UNSUPPORTED, "weak-algorithm")
    assert found.entity.octets == CONTENT
    changed = octets("rfc4134-4.2.der").replace(b"sample", b"simple")
    found = verify(enclosed(changed), at=NOW, judge=trusting())
    assert found.verdict is Verdict.ALTERED


def test_signed_with_dsa():
    found = verify(octets("rfc4134-4.8.eml"), at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.UNSUPPORTED, "unsupported-algorithm")
    assert bytes(read_entity(bytes(found.entity.octets)).body).strip() == CONTENT


def believing(message):
    """A judge that says yes to whoever is in From: what is asked is whether the signature fits."""
    author = read_entity(message).values("from")[0]
    return lambda *_, **__: Judgement(State.VALID, "", addresses=(author,))


# DSA is history (RFC 8551 §B.2) and on no list of ours.
DSA = {
    "SignedValidDSASignaturesTest4.eml",
    "SignedValidDSAParameterInheritanceTest5.eml",
    "SignedInvalidDSASignatureTest6.eml",
}


def test_every_signed_message_of_nists_pkits():
    """All their signatures fit; which of their paths are right is asked of the judge (tests/security/paths)."""
    folder = files("cryptography_vectors") / "x509" / "PKITS_data" / "smime"
    verdicts = {}
    for path in folder.iterdir():
        message = path.read_bytes()
        verdicts[path.name] = verify(message, at=NOW, judge=believing(message)).verdict
    assert len(verdicts) == 224
    assert {name for name, verdict in verdicts.items() if verdict is not Verdict.VALID} == DSA
    assert {verdicts[name] for name in DSA} == {Verdict.UNSUPPORTED}
    changed = (folder / "SignedValidSignaturesTest1.eml").read_bytes().replace(b"a sample signed", b"a simple signed")
    assert verify(changed, at=NOW, judge=believing(changed)).verdict is Verdict.ALTERED
