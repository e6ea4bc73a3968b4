"""Encrypted by us, read by us; for whom, with what, and what nobody learns.

RSA (RFC 3370, RFC 3560), ECDH (RFC 5753, RFC 5480), X25519 (RFC 8418, RFC 7748), AES and its key wrap (RFC 3565).
"""

from __future__ import annotations

import base64
import zlib

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, x25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from security.cms import (
    CmsFault,
    Compressed,
    Encrypted,
    MemoryKey,
    Recipient,
    RecipientsRefused,
    SignedPart,
    Verdict,
    compress,
    decrypt,
    der,
    encrypt,
    open_message,
    sign,
)
from security.cms.algorithms import AES_256_CBC, AES_256_GCM, OAEP_SHA256
from security.cms.ber import Reader
from security.cms.certificates import Certificate
from security.cms.compressed import COMPRESSED_DATA, decompress
from security.cms.compressed import compress as compress_content
from security.cms.enveloped import choose_cipher, encrypt_enveloped
from security.cms.mime import read_entity
from security.cms.recipients import find_key, read_recipient
from security.cms.signed import enter_content_info
from tests.security.cms.forging import indefinite
from tests.security.cms.people import AN, BINH, CHI, LETTER, NOW, key_of, person, signing, trusting
from tests.security.cms.wrapping import PAYLOAD, enclosed

KINDS = ("rsa", "p256", "p384", "x25519")


def sealed(*people, message=LETTER, **how):
    return b"".join(encrypt(message, [one.recipient for one in people], at=NOW, judge=trusting(), **how))


def opened(octets, *people):
    return open_message(octets, at=NOW, now=NOW, judge=trusting(), keys=[one.memory for one in people])


@pytest.mark.parametrize("capable", [False, True], ids=["cbc", "gcm"])
def test_everybody_reads_it(capable):
    people = [person(kind, BINH, capable=capable) for kind in KINDS]
    message = sealed(*people, signing=signing())
    for one in people:
        found = opened(message, one)
        assert (found.verdict, found.fault) == (Verdict.VALID, None)
        assert found.is_encrypted
        assert found.is_authenticated
        assert [type(layer) for layer in found.layers] == [Encrypted, SignedPart]
        assert found.layers[0].cipher is (AES_256_GCM if capable else AES_256_CBC)
        assert b"K=C3=ADnh" in bytes(found.entity.body)
    found = opened(message, person("rsa", CHI))
    assert (found.fault.reason, found.is_locked, found.verdict) == ("not-a-recipient", True, None)


def test_gcm_only_where_everybody_can():
    able, other = person("rsa", BINH, capable=True).recipient, person("rsa", BINH).recipient
    assert choose_cipher([able]) is AES_256_GCM
    assert choose_cipher([able, other]) is AES_256_CBC
    told = Recipient(other.certificate, capabilities=frozenset({"aes256-gcm"}))
    assert choose_cipher([able, told]) is AES_256_GCM


def test_unsigned_cbc_is_read_and_said_to_be_unauthenticated():
    found = opened(sealed(person("rsa", BINH)), person("rsa", BINH))
    assert (found.verdict, found.is_authenticated, found.fault) == (None, False, None)
    capable = person("rsa", BINH, capable=True)
    assert opened(sealed(capable), capable).is_authenticated


def test_nobody_is_left_out_and_nothing_is_sent_when_one_is_refused():
    good = Recipient(person("rsa", BINH).certificate, BINH)
    wrong = [
        Recipient(person("rsa", BINH).certificate, CHI),
        Recipient(person("rsa", CHI, purpose="sign").certificate, CHI),
        Recipient(person("rsa", CHI, end=NOW).certificate, CHI),
        Recipient(person("rsa", CHI, by="Another authority").certificate, CHI),
        Recipient(b"none", CHI),
    ]
    with pytest.raises(RecipientsRefused) as fault:
        encrypt(LETTER, [good, *wrong], at=NOW.replace(year=2027), judge=trusting())
    assert [one.judgement.state.value for one in fault.value.refused] == [
        "address-mismatch",
        "wrong-purpose",
        "expired",
        "unknown-authority",
        "unreadable",
    ]
    assert {one.address for one in fault.value.refused} == {CHI}
    with pytest.raises(CmsFault) as fault:
        encrypt(LETTER, [], at=NOW, judge=trusting())
    assert fault.value.reason == "no-recipient"
    with pytest.raises(CmsFault) as fault:
        encrypt_enveloped([PAYLOAD], [person("ed25519", BINH).recipient])
    assert fault.value.reason == "recipient-refused"


def test_eight_bits_inside_an_encryption():
    letter = LETTER.replace(b"quoted-printable", b"8bit") + "Kính gửi".encode()
    found = opened(sealed(person("rsa", BINH), message=letter, signing=signing()), person("rsa", BINH))
    assert found.verdict is Verdict.VALID
    assert bytes(found.entity.body).endswith("Kính gửi".encode())


def test_what_was_signed_elsewhere_is_encrypted_as_it_is():
    """By a token, say: nothing of it is changed, so its header stays as it was protected."""
    signed = b"".join(sign(LETTER, signing()))
    found = opened(sealed(person("rsa", BINH), message=signed), person("rsa", BINH))
    assert (found.verdict, [type(layer) for layer in found.layers]) == (Verdict.VALID, [Encrypted, SignedPart])
    assert read_entity(sealed(person("rsa", BINH), message=signed)).values("subject") == ["Quyet dinh 123"]
    assert not found.header.hidden


def test_one_certificate_twice_is_one_recipient():
    one = person("rsa", BINH)
    assert len(sealed(one, one)) == len(sealed(one))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 65535, 65536, 200_000])
@pytest.mark.parametrize("capable", [False, True], ids=["cbc", "gcm"])
def test_any_size(size, capable):
    one, content = person("p256", BINH, capable=capable), bytes(size)
    made = b"".join(encrypt_enveloped([content[:7], content[7:]], [one.recipient]))
    head = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    assert next(der.elements(made)).octets == made  # one element in DER, with the lengths as they are
    whole = b"".join(encrypt_enveloped([head, content], [one.recipient]))
    assert decrypt(enclosed(whole), keys=[one.memory]).content == head + content
    assert decrypt(enclosed(indefinite(whole, 1000)), keys=[one.memory]).content == head + content


def test_oaep():
    one = person("rsa", BINH)
    made = b"".join(encrypt_enveloped([PAYLOAD], [Recipient(one.certificate, capabilities=frozenset({"rsa-oaep"}))]))
    assert der.oid("1.2.840.113549.1.1.7") in made
    assert decrypt(enclosed(made), keys=[one.memory]).content == PAYLOAD
    with pytest.raises(CmsFault):
        one.memory.unwrap(bytes(256), OAEP_SHA256, 32)


def test_triple_wrap():
    """RFC 2634 §1.1: signed, encrypted, signed; the author's is the signature inside."""
    binh = person("rsa", BINH)
    message = b"".join(sign(sealed(binh, signing=signing()), signing(person("p256"))))
    found = opened(message, binh)
    assert [type(layer) for layer in found.layers] == [SignedPart, Encrypted, SignedPart]
    assert found.verdict is Verdict.VALID
    assert found.author_signature is found.layers[2]


def test_a_signature_outside_says_nothing_of_what_is_inside():
    binh = person("rsa", BINH)
    message = b"".join(sign(sealed(binh), signing()))
    for reader in (binh, person("rsa", CHI)):
        found = opened(message, reader)
        assert (found.verdict, found.reason) == (Verdict.PARTLY_SIGNED, "outside-encryption")
        assert found.author_signature is None
        assert not found.is_authenticated


def test_every_altered_octet_of_gcm_is_noticed_and_told_alike():
    one = person("p256", BINH, capable=True)
    made = b"".join(encrypt_enveloped([PAYLOAD], [one.recipient]))
    told = set()
    for place in (*range(len(made) - len(PAYLOAD) - 18, len(made) - len(PAYLOAD), 5), len(made) - 40, len(made) - 1):
        changed = made[:place] + bytes((made[place] ^ 1,)) + made[place + 1 :]
        with pytest.raises(CmsFault) as fault:
            decrypt(enclosed(changed), keys=[one.memory])
        told.add(fault.value.reason)
    assert "not-decrypted" in told


def test_padding_of_rsa_is_nobodys_to_learn():
    """RFC 3218 §2.3.2: a wrong padding gives a key, which then fails as any wrong key does."""
    key = person("rsa", BINH).memory
    wrong = [bytes((0, *[number] * 255)) for number in range(1, 6)] + [bytes(256), bytes(3), bytes(300)]
    for encrypted in wrong:
        assert len(key.unwrap(encrypted, None, 32)) == 32
    public = key_of("rsa", BINH).public_key()
    short = public.encrypt(b"sixteen octets..", padding.PKCS1v15())
    assert key.unwrap(short, None, 32) != key.unwrap(short, None, 32)
    made = b"".join(encrypt_enveloped([PAYLOAD], [person("rsa", BINH).recipient]))
    at = made.index(b"\x04\x82\x01\x00") + 4
    faults = set()
    for encrypted in (short, wrong[0], public.encrypt(bytes(32), padding.PKCS1v15())):
        try:
            decrypt(enclosed(made[:at] + encrypted + made[at + 256 :]), keys=[key])
        except CmsFault as fault:
            faults.add((fault.reason in ("not-decrypted", "not-one-entity"),))
    assert faults == {(True,)}


def test_keys_of_another_length():
    """By OAEP, whose padding is right, and by a wrapping that would take long to undo."""
    one, form = person("rsa", BINH), frozenset({"rsa-oaep"})
    made = b"".join(encrypt_enveloped([PAYLOAD], [Recipient(one.certificate, capabilities=form)]))
    at = made.index(b"\x04\x82\x01\x00") + 4
    digest = hashes.SHA256()
    short = key_of("rsa", BINH).public_key().encrypt(b"five.", padding.OAEP(padding.MGF1(digest), digest, None))
    with pytest.raises(CmsFault) as fault:
        decrypt(enclosed(made[:at] + short + made[at + 256 :]), keys=[one.memory])
    assert fault.value.reason == "not-decrypted"
    agreed = cms.ContentInfo.load(b"".join(encrypt_enveloped([PAYLOAD], [person("p256", BINH).recipient])))
    keys = agreed["content"]["recipient_infos"][0].chosen["recipient_encrypted_keys"]
    for wrong in (bytes(4_000_000), bytes(24), b""):
        keys[0]["encrypted_key"] = wrong
        with pytest.raises(CmsFault) as fault:
            decrypt(enclosed(agreed.dump(force=True)), keys=[person("p256", BINH).memory])
        assert fault.value.reason == "not-decrypted"


@pytest.mark.parametrize("salt", [b"material", None], ids=["as the RFC has it", "as programs have it"])
def test_user_keying_material(salt):
    """RFC 8418 §2.2."""
    dana = person("x25519", BINH)
    ours = x25519.X25519PrivateKey.generate()
    wrap = der.element(der.SEQUENCE, der.oid("2.16.840.1.101.3.4.1.5"))
    material = der.element(der.OCTET_STRING, b"material")
    bits = der.element(der.OCTET_STRING, b"\0\0\0\x80")
    shared = der.element(der.SEQUENCE, wrap, der.element(0xA0, material), der.element(0xA2, bits))
    secret = ours.exchange(dana.key.public_key())
    wrapping = HKDF(hashes.SHA256(), 16, salt, shared).derive(secret)
    point = der.element(der.BIT_STRING, b"\0", ours.public_key().public_bytes_raw())
    public = der.element(0xA1, der.element(der.SEQUENCE, der.oid("1.3.101.110")), point)
    holder = der.element(0xA0, der.element(der.OCTET_STRING, Certificate(dana.certificate).key_identifier))
    wrapped = der.element(der.OCTET_STRING, aes_key_wrap(wrapping, b"sixteen octets!!"))
    info = der.element(
        0xA1,
        der.integer(3),
        der.element(0xA0, public),
        der.element(0xA1, material),
        der.element(der.SEQUENCE, der.oid("1.2.840.113549.1.9.16.3.19"), wrap),
        der.element(der.SEQUENCE, der.element(der.SEQUENCE, holder, wrapped)),
    )
    assert find_key(read_recipient(info), [dana.memory], 16) == b"sixteen octets!!"


def test_points_that_are_none():
    for kind, point in (("p256", b"\x04" + bytes(64)), ("x25519", bytes(32)), ("x25519", b""), ("rsa", bytes(32))):
        with pytest.raises(CmsFault):
            person(kind, BINH).memory.agree(point)
    with pytest.raises(CmsFault):
        person("x25519", BINH).memory.sign(b"")
    with pytest.raises(CmsFault):
        person("p256", BINH).memory.unwrap(bytes(256), None, 32)


def test_an_old_key_reads_old_mail():
    """Keys are found by the certificate that the sender had; all of a person's stay in the ring."""
    old, new = person("rsa", BINH), person("rsa", BINH, called="Renewed")
    ring = [MemoryKey(key_of("p256", BINH), person("p256", BINH).certificate), new.memory, old.memory]
    assert decrypt(sealed(old), keys=ring).content
    other = x509.load_der_x509_certificate(new.certificate).serial_number
    assert other != x509.load_der_x509_certificate(old.certificate).serial_number


def test_compressed():
    found = opened(b"".join(compress(LETTER)))
    assert [type(layer) for layer in found.layers] == [Compressed]
    assert found.entity.octets == PAYLOAD
    assert found.verdict is None
    signed_inside = b"".join(compress(b"".join(sign(LETTER, signing()))))
    found = opened(signed_inside)
    assert ([type(layer) for layer in found.layers], found.verdict) == ([Compressed, SignedPart], Verdict.VALID)
    inside = b"".join(compress(b"".join(compress(LETTER))))
    assert len(opened(inside).layers) == 2


def test_a_bomb_does_not_go_off():
    bomb = compress_content(bytes(3_000_000))
    assert len(bomb) < 4000

    def inflate(octets, largest):
        reader = Reader([octets])
        assert enter_content_info(reader) == COMPRESSED_DATA
        return decompress(reader, largest)

    assert inflate(bomb, 3_000_000) == bytes(3_000_000)
    with pytest.raises(CmsFault) as fault:
        inflate(bomb, 2_999_999)
    assert fault.value.reason == "too-large"
    squeezed = zlib.compress(bytes(1000))
    for wrong in (squeezed[:-5], b"nonsense"):
        made = compress_content(bytes(1000)).replace(der.element(4, squeezed), der.element(4, wrong))
        with pytest.raises(CmsFault) as fault:
            inflate(_relength(wrong), 10_000)
        assert fault.value.reason == "malformed"
        del made


def _relength(compressed):
    inner = der.element(0x30, der.oid("1.2.840.113549.1.7.1"), der.element(0xA0, der.element(4, compressed)))
    algorithm = der.element(0x30, der.oid("1.2.840.113549.1.9.16.3.8"))
    body = der.element(0x30, der.integer(0), algorithm, inner)
    return der.element(0x30, der.oid(COMPRESSED_DATA), der.element(0xA0, body))


def test_layers_are_bounded():
    message = LETTER
    for _ in range(9):
        message = b"".join(compress(message))
    found = opened(message)
    assert found.fault.reason == "too-large"
    assert len(found.layers) == 8


def test_sizes_of_what_is_made():
    message = sealed(person("rsa", BINH))
    entity = read_entity(message)
    assert entity.values("content-type") == ['application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"']
    assert base64.b64decode(bytes(entity.body))[:1] == b"\x30"
    assert entity.values("mime-version") == ["1.0"]
    assert AN.encode() in bytes(entity.octets)


@pytest.mark.parametrize("cut", [10, 60, 400])
def test_what_is_cut_off_is_unsupported(cut):
    """Not even which kind it was may be left to see."""
    message = b"".join(sign(LETTER, signing(), opaque=True))
    start = message.index(b"\r\n\r\n") + 4
    found = opened(message[: start + cut])
    assert found.verdict is Verdict.UNSUPPORTED
    assert found.reason == "malformed"
    assert found.header is None


def test_what_is_altered_shows_no_header_as_protected():
    message = b"".join(sign(LETTER, signing()))
    inside = message.index(b"--=_")
    changed = message[:inside] + message[inside:].replace(b"Quyet dinh 123", b"Quyet dinh 124")
    assert opened(message).header is not None
    assert (opened(changed).verdict, opened(changed).header) == (Verdict.ALTERED, None)
