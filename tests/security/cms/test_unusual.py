"""What the RFCs allow and few write, and what looks like it and is not."""

from __future__ import annotations

import hashlib

import pytest
from asn1crypto import algos, cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from security.cms import CmsFault, Verdict, decrypt, der, open_message, sign, verify
from security.cms.algorithms import DIGEST_BY_NAME as DIGESTS
from security.cms.algorithms import RSA_PSS, read_oaep, read_signature_scheme
from security.cms.attributes import read_attributes
from security.cms.certificates import Certificate, Identifier, readable
from security.cms.enveloped import encrypt_enveloped
from security.cms.mime import read_entity, walk
from security.cms.recipients import read_recipient, write_recipient
from tests.security.cms.forging import (
    SHA256,
    attribute,
    forged_certificate,
    honest,
    honest_attributes,
    octets_of,
    plain_attributes,
    signed_data,
    signer_info,
)
from tests.security.cms.people import AN, BINH, LETTER, NOW, Person, authority, person, signing, trusting
from tests.security.cms.wrapping import HEADER, PAYLOAD, detached, enclosed

CONTENT = b"Content-Type: text/plain\r\n\r\nText\r\n"
EMPTY = b"\x30\x00"


def told(octets):
    found = verify(octets, at=NOW, judge=trusting())
    return found.verdict, found.reason


def auth_enveloped(one, attributes=b"", *, tag_length=16, oid="2.16.840.1.101.3.4.1.46", parameters=b""):
    """With attributes that are authenticated beside the content (RFC 5083 §2.1), which ours never has."""
    key, nonce = bytes(range(32)), bytes(12)
    encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(attributes)
    text = encryptor.update(CONTENT) + encryptor.finalize()
    parameters = parameters or der.element(der.SEQUENCE, der.element(4, nonce), der.integer(tag_length))
    algorithm = der.element(der.SEQUENCE, der.oid(oid), parameters)
    body = der.element(
        der.SEQUENCE,
        der.integer(0),
        der.set_of([write_recipient(Certificate(one.certificate), key, oaep=False)]),
        der.element(der.SEQUENCE, der.oid("1.2.840.113549.1.7.1"), algorithm, der.element(0x80, text)),
        *([b"\xa1" + attributes[1:]] if attributes else []),
        der.element(der.OCTET_STRING, encryptor.tag[:tag_length]),
        der.element(0xA2, attribute("1.2.3.4", b"\x05\x00")),
    )
    kind = der.oid("1.2.840.113549.1.9.16.1.23")
    return der.element(der.SEQUENCE, kind, der.element(0xA0, body))


def test_authenticated_attributes():
    one, attributes = person("rsa", BINH), plain_attributes(CONTENT)
    for tag_length in (12, 16):
        for authenticated in (b"", attributes):
            made = auth_enveloped(one, authenticated, tag_length=tag_length)
            assert decrypt(enclosed(made), keys=[one.memory]).content == CONTENT
    made = auth_enveloped(one, attributes)
    oid = der.oid("1.2.840.113549.1.7.1")
    at = made.rindex(oid)
    for wrong in (
        made[: at + 10] + b"\x02" + made[at + 11 :],
        auth_enveloped(one, tag_length=11),
        auth_enveloped(one, tag_length=0),
    ):
        with pytest.raises(CmsFault) as fault:
            decrypt(enclosed(wrong), keys=[one.memory])
        assert fault.value.reason == "not-decrypted"
    with pytest.raises(CmsFault) as fault:
        decrypt(enclosed(auth_enveloped(one, oid="2.16.840.1.101.3.4.1.42")), keys=[one.memory])
    assert fault.value.reason == "unsupported-algorithm"


def changed_envelope(change, *, capable=False):
    made = cms.ContentInfo.load(
        b"".join(encrypt_enveloped([CONTENT], [person("rsa", BINH, capable=capable).recipient]))
    )
    change(made["content"])
    return enclosed(made.dump(force=True))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data["encrypted_content_info"].__setitem__("content_type", "signed_data"), "unsupported-content"),
        (lambda data: data["encrypted_content_info"].__delitem__("encrypted_content"), "content-missing"),
        (
            lambda data: data["encrypted_content_info"].__setitem__(
                "content_encryption_algorithm", {"algorithm": "aes256_cbc", "parameters": bytes(8)}
            ),
            "malformed",
        ),
        (
            lambda data: data["encrypted_content_info"].__setitem__(
                "content_encryption_algorithm", {"algorithm": "rc4", "parameters": None}
            ),
            "unsupported-algorithm",
        ),
        (lambda data: data.__setitem__("recipient_infos", []), "not-a-recipient"),
        (lambda data: data.__setitem__("originator_info", {"certs": []}), ""),
        (lambda data: data["encrypted_content_info"].__setitem__("encrypted_content", b""), "not-decrypted"),
        (lambda data: data["encrypted_content_info"].__setitem__("encrypted_content", bytes(17)), "not-decrypted"),
    ],
)
def test_envelopes(change, reason):
    message = changed_envelope(change)
    if not reason:
        assert decrypt(message, keys=[person("rsa", BINH).memory]).content == CONTENT
        return
    with pytest.raises(CmsFault) as fault:
        decrypt(message, keys=[person("rsa", BINH).memory])
    assert fault.value.reason == reason


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (b"\x05\x00", "malformed"),
        (EMPTY, "malformed"),
        (der.element(der.SEQUENCE, der.element(4, bytes(4))), "unsupported-algorithm"),
        (der.element(der.SEQUENCE, der.element(4, bytes(12))), ""),
    ],
)
def test_nonces(parameters, reason):
    one = person("rsa", BINH)
    message = enclosed(auth_enveloped(one, parameters=parameters))
    if not reason:
        assert decrypt(message, keys=[one.memory]).content == CONTENT
        return
    with pytest.raises(CmsFault) as fault:
        decrypt(message, keys=[one.memory])
    assert fault.value.reason == reason


@pytest.mark.parametrize(
    "octets",
    [
        der.element(der.SEQUENCE, der.integer(0), EMPTY, EMPTY, b"\x04\x00"),
        der.element(der.SEQUENCE, der.integer(0)),
        der.element(
            der.SEQUENCE, der.integer(0), b"\x80\x01a", der.element(der.SEQUENCE, der.oid("1.2.3")), b"\x04\x00"
        ),
        der.element(0xA1, der.integer(3)),
        der.element(0xA1, der.integer(3), der.element(0xA0, EMPTY)),
        der.element(0xA1, der.integer(3), der.element(0xA0, EMPTY), EMPTY, EMPTY),
        der.element(0xA1, der.integer(3), der.element(0xA0, der.element(0xA1, EMPTY)), EMPTY, EMPTY),
        der.element(
            0xA1,
            der.integer(3),
            der.element(0xA0, der.element(0xA1, EMPTY, b"\x03\x02\x00a")),
            der.element(der.SEQUENCE, der.oid("1.2.3")),
            EMPTY,
        ),
    ],
)
def test_recipients_that_cannot_be_read(octets):
    with pytest.raises(CmsFault):
        read_recipient(octets)


def test_one_recipient_that_cannot_be_read_does_not_shut_out_the_others():
    def add(data):
        data["recipient_infos"].append(cms.RecipientInfo("pwri", _password()))

    assert decrypt(changed_envelope(add), keys=[person("rsa", BINH).memory]).content == CONTENT


def _password():
    algorithm = {"algorithm": "aes256_wrap"}
    return cms.PasswordRecipientInfo({"version": "v0", "key_encryption_algorithm": algorithm, "encrypted_key": b"x"})


@pytest.mark.parametrize(
    ("hash_name", "mask", "salt"), [("sha256", "sha512", 32), ("md5", "md5", 16), ("sha256", "sha256", 600)]
)
def test_unusual_padding(hash_name, mask, salt):
    parameters = {
        "hash_algorithm": {"algorithm": hash_name},
        "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": mask}},
        "salt_length": salt,
    }
    encoded = algos.RSASSAPSSParams(parameters).dump()
    for octets in (encoded, b"\x04\x00"):
        identifier = der.one(der.element(der.SEQUENCE, der.oid(RSA_PSS), octets), der.SEQUENCE)
        with pytest.raises(CmsFault):
            read_signature_scheme(identifier, DIGESTS["sha256"])


def test_oaep_parameters():
    assert read_oaep(b"").digest.name == "sha1"
    label = {"algorithm": "p_specified", "parameters": b"label"}
    assert read_oaep(algos.RSAESOAEPParams({"p_source_algorithm": label}).dump()).label == b"label"
    for wrong in (algos.RSAESOAEPParams({"hash_algorithm": {"algorithm": "md5"}}).dump(), b"\x04\x00"):
        with pytest.raises(CmsFault):
            read_oaep(wrong)


def test_the_older_signing_certificate():
    """RFC 2634 §5.4: by SHA-1."""
    one = person()
    for hashed, expected in (
        (hashlib.sha1(one.certificate).digest(), (Verdict.VALID, None)),
        (bytes(20), (Verdict.ALTERED, "certificate-substituted")),
    ):
        named = der.element(der.SEQUENCE, der.element(der.SEQUENCE, der.element(der.SEQUENCE, der.element(4, hashed))))
        attributes = plain_attributes(PAYLOAD, more=[attribute("1.2.840.113549.1.9.16.2.12", named)])
        made = signed_data([signer_info(one, attributes)], [one.certificate], PAYLOAD)
        assert told(enclosed(made)) == expected
    for wrong in (EMPTY, der.element(der.SEQUENCE, der.element(der.SEQUENCE, EMPTY))):
        attributes = plain_attributes(PAYLOAD, more=[attribute("1.2.840.113549.1.9.16.2.47", wrong)])
        made = signed_data([signer_info(one, attributes)], [one.certificate], PAYLOAD)
        assert told(enclosed(made)) == (Verdict.ALTERED, "attributes-wrong")


def test_another_digest_of_the_signing_certificate():
    one = person()
    sha512 = der.element(der.SEQUENCE, der.oid(DIGESTS["sha512"].oid))
    hashed = der.element(4, hashlib.sha512(one.certificate).digest())
    named = der.element(der.SEQUENCE, der.element(der.SEQUENCE, der.element(der.SEQUENCE, sha512, hashed)))
    attributes = plain_attributes(PAYLOAD, more=[attribute("1.2.840.113549.1.9.16.2.47", named)])
    made = signed_data([signer_info(one, attributes)], [one.certificate], PAYLOAD)
    assert told(enclosed(made)) == (Verdict.VALID, None)


@pytest.mark.parametrize("tag", [0xA1, 0x82])
def test_the_preferred_key_by_its_identifier(tag):
    wanted = Certificate(person("p256", AN).certificate).key_identifier
    value = der.element(tag, der.element(4, wanted)) if tag == 0xA1 else der.element(tag, wanted)
    octets = plain_attributes(PAYLOAD, more=[attribute("1.2.840.113549.1.9.16.2.11", value)])
    read = read_attributes(octets, SHA256, SHA256)
    assert read.encryption_certificate == Identifier(key_identifier=wanted)
    wrong = plain_attributes(PAYLOAD, more=[attribute("1.2.840.113549.1.9.16.2.11", der.element(0xA1))])
    with pytest.raises(CmsFault):
        read_attributes(wrong, SHA256, SHA256)


def test_the_same_name_in_another_kind_of_string():
    """RFC 5280 §7.1: a signer's issuer as PrintableString, the certificate's as UTF8String."""
    certificate = Certificate(person().certificate)
    name = asn1_x509.Name.build({"common_name": "THANH PHO  Ho Chi Minh"}, use_printable=True).dump()
    assert name != certificate.issuer
    assert certificate.is_meant(Identifier(name, certificate.serial))
    assert not certificate.is_meant(Identifier(b"\x30\x01", certificate.serial))
    assert not certificate.is_meant(Identifier(name, certificate.serial + 1))


@pytest.mark.parametrize("cut", range(8))
def test_certificates_that_cannot_be_read(cut):
    """Beside a good one they change nothing."""
    outer = der.one(person().certificate, der.SEQUENCE).parts()
    parts = outer[0].parts()
    parts[6] = der.Element(der.SEQUENCE, EMPTY, b"")
    del parts[cut:]
    tbs = der.element(der.SEQUENCE, *(part.octets for part in parts), der.element(0xA3))
    odd = der.element(der.SEQUENCE, tbs, *(part.octets for part in outer[1:]))
    assert readable([odd, b"\x30\x00", b"", person().certificate]) == [Certificate(person().certificate)]
    key = Certificate(person().certificate).key_identifier
    info = signer_info(person(), honest_attributes(person(), PAYLOAD), identifier=der.element(0x80, key))
    assert told(detached(signed_data([info], [odd, person().certificate]))) == (Verdict.VALID, None)


def test_keys_on_other_curves():
    key = ec.generate_private_key(ec.SECP256K1())
    root = x509.load_der_x509_certificate(authority().certificate)
    one = Person(key, octets_of(forged_certificate(authority().key, root.subject, key=key)))
    assert told(detached(honest(one, PAYLOAD))) == (Verdict.UNSUPPORTED, "unsupported-algorithm")
    with pytest.raises(CmsFault):
        encrypt_enveloped([PAYLOAD], [one.recipient])


def test_ed25519_without_attributes():
    one = person("ed25519")
    made = signed_data([signer_info(one, None, PAYLOAD)], [one.certificate], PAYLOAD)
    assert told(enclosed(made)) == (Verdict.VALID, None)
    assert told(detached(signed_data([signer_info(one, None, PAYLOAD)], [one.certificate]))) == (Verdict.VALID, None)


def test_a_signature_of_another_kind_than_the_key():
    info = signer_info(
        person("p256"),
        plain_attributes(PAYLOAD),
        digest=SHA256,
        algorithm=der.element(der.SEQUENCE, der.oid("1.2.840.113549.1.1.11"), b"\x05\x00"),
    )
    made = signed_data([info], [person("p256").certificate], PAYLOAD)
    assert told(enclosed(made)) == (Verdict.ALTERED, "signature-wrong")


def test_too_many():
    certificates = [der.element(der.SEQUENCE, der.integer(number)) for number in range(65)]
    assert told(enclosed(signed_data([], certificates, PAYLOAD))) == (Verdict.UNSUPPORTED, "too-large")
    part = detached(honest(person("p256"), PAYLOAD), header=b"")
    many = b"Content-Type: multipart/mixed; boundary=m\r\n\r\n" + b"".join(
        b"--m\r\n" + part + b"\r\n" for _ in range(6)
    )
    found = verify(HEADER + many + b"--m--\r\n", at=NOW, judge=trusting())
    assert [one.place for one in found.partial] == [(1,), (2,), (3,), (4,)]
    deep = b"\r\n"
    for number in range(18):
        deep = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number) + deep
    for octets in (deep, b"Content-Type: multipart/mixed; boundary=m\r\n\r\n" + b"--m\r\n\r\n\r\n" * 1001):
        with pytest.raises(CmsFault):
            list(walk(read_entity(octets)))
    assert verify(HEADER + deep, at=NOW, judge=trusting()).fault is None


def test_a_signature_that_is_elsewhere():
    assert told(enclosed(honest(person(), PAYLOAD))) == (Verdict.UNSUPPORTED, "content-missing")
    lone = HEADER + b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nText\r\n--b--\r\n"
    assert told(lone) == (Verdict.UNSUPPORTED, "malformed")


def test_a_bad_signature_around_an_encryption():
    """What was written inside is read; what is wrong outside is told."""
    binh = person("rsa", BINH)
    inner = enclosed(b"".join(encrypt_enveloped([CONTENT], [binh.recipient])))
    message = b"".join(sign(inner, signing()))
    changed = message.replace(b'name="smime.p7m"', b'name="other.p7m"', 1)
    found = open_message(changed, at=NOW, now=NOW, judge=trusting(), keys=[binh.memory])
    assert (found.verdict, found.reason, found.is_encrypted) == (Verdict.ALTERED, "content-changed", True)
    assert found.entity.octets == CONTENT


def test_headers_that_are_none():
    assert read_entity(b" continues nothing\r\nA: b\r\n\r\n").values("a") == ["b"]
    assert read_entity(b"Content-Type: ;;\r\n\r\n").content_type.type == "application/octet-stream"
    with pytest.raises(CmsFault) as fault:
        decrypt(LETTER, keys=[])
    assert fault.value.reason == "not-encrypted"
    with pytest.raises(CmsFault) as fault:
        decrypt(enclosed(honest(person(), PAYLOAD, opaque=True)), keys=[])
    assert fault.value.reason == "not-encrypted"
