"""Enveloped data, read and written, with the content in pieces.

Every way in which a decryption can fail after the recipient was found is one fault with one text: what is right with
which part of a forged message is nobody's to learn.  A content whose key came from RSA with a wrong padding fails like
any other, because it is decrypted with a random key (see ``keys``).

Standards: RFC 5652 §6; RFC 5083 §2, RFC 5084 §1.4, §3.2 (AuthEnvelopedData with AES-GCM); RFC 3565 §2, RFC 8551 §2.7.
Limits: as many recipients as a ``Reader`` has elements for, some 5,000.
"""

from __future__ import annotations

import hmac
import io
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher as Primitive
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from security.cms import der
from security.cms.algorithms import (
    AES_256_CBC,
    AES_256_GCM,
    CIPHERS,
    Cipher,
    GcmParameters,
    read_algorithm,
)
from security.cms.attributes import DATA, read_capabilities
from security.cms.ber import Reader
from security.cms.certificates import Certificate
from security.cms.keys import Decrypter
from security.cms.reasons import CmsFault, Reason, malformed
from security.cms.recipients import RecipientKey, find_key, read_recipient, write_recipient

ENVELOPED_DATA = "1.2.840.113549.1.7.3"
AUTH_ENVELOPED_DATA = "1.2.840.113549.1.9.16.1.23"
PIECE = 1 << 16
_TAG, _SHORTEST_TAG = 16, 12
_NONCE = 12


@dataclass(frozen=True, slots=True)
class Decrypted:
    content: bytes
    cipher: Cipher


def decrypt_enveloped(reader: Reader, kind: str, keys: Sequence[Decrypter]) -> Decrypted:
    """Behind ``enter_content_info``, which gave ``kind``."""
    reader.enter(der.SEQUENCE)
    reader.element(der.INTEGER)
    if reader.peek() == 0xA0:
        reader.element()  # OriginatorInfo
    recipients = _read_recipients(reader)
    reader.enter(der.SEQUENCE)
    content_type = der.dotted(der.one(reader.element(der.OID), der.OID).content)
    oid, parameters = read_algorithm(der.one(reader.element(der.SEQUENCE), der.SEQUENCE))
    cipher = CIPHERS.get(oid)
    if cipher is None or cipher.is_authenticated != (kind == AUTH_ENVELOPED_DATA):
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, f"the content encryption {oid} is not known here")
    if content_type != DATA:
        raise CmsFault(Reason.UNSUPPORTED_CONTENT, f"what is encrypted is {content_type}")
    if reader.peek() == 0:
        raise CmsFault(Reason.CONTENT_MISSING, "the encrypted content is elsewhere")
    content_key = find_key(recipients, keys, cipher.key_length)
    pieces = reader.content(0x80)  # [0] IMPLICIT
    if not cipher.is_authenticated:
        return Decrypted(_decrypt_cbc(cipher, content_key, parameters, pieces), cipher)
    nonce = _read_nonce(parameters)
    unproven = _decrypt_gcm(content_key, nonce, pieces)
    reader.leave()
    signed = b""
    if reader.peek() == 0xA1:
        signed = bytes((der.SET,)) + reader.element()[1:]  # RFC 5083 §2.2: authenticated as a SET
    tag = der.one(reader.element(der.OCTET_STRING), der.OCTET_STRING).content
    content = unproven.getvalue()
    expected = _gcm_tag(content_key, nonce, signed, content)
    if len(tag) < _SHORTEST_TAG or not hmac.compare_digest(expected[: len(tag)], tag):
        raise _not_decrypted()
    return Decrypted(content, cipher)


def _not_decrypted() -> CmsFault:
    return CmsFault(Reason.NOT_DECRYPTED, "the content cannot be decrypted")


def _read_recipients(reader: Reader) -> list[RecipientKey]:
    """Those that can be read: what another recipient was given must not keep this one from reading."""
    found: list[RecipientKey] = []
    fault: CmsFault | None = None
    reader.enter(der.SET)
    while reader.peek():
        octets = reader.element(has_identifier=True)
        try:
            found += read_recipient(octets)
        except CmsFault as unreadable:
            fault = unreadable
    reader.leave()
    if fault is not None and not found:
        raise fault
    return found


def _decrypt_cbc(cipher: Cipher, key: bytes, parameters: bytes, pieces: Iterable[bytes]) -> bytes:
    algorithm = TripleDES(key) if cipher.is_triple_des else algorithms.AES(key)
    vector = der.one(parameters, der.OCTET_STRING).content
    size = algorithm.block_size
    if len(vector) * 8 != size:
        raise malformed("an initialisation vector of the wrong length")
    decryptor = Primitive(algorithm, modes.CBC(vector)).decryptor()
    unpadder = padding.PKCS7(size).unpadder()
    content = io.BytesIO()
    try:
        for piece in pieces:
            content.write(unpadder.update(decryptor.update(piece)))
        content.write(unpadder.update(decryptor.finalize()))
        content.write(unpadder.finalize())
    except ValueError:
        raise _not_decrypted() from None
    return content.getvalue()


def _read_nonce(parameters: bytes) -> bytes:
    """RFC 5084 §3.2.  How long the tag is shows the tag: the example in RFC 8551 §3.4 says 12 octets and has 16."""
    try:
        nonce: bytes = GcmParameters.load(parameters, strict=True)["nonce"].native
    except (ValueError, TypeError, KeyError) as fault:
        raise malformed("the parameters of GCM cannot be read") from fault
    if not 8 <= len(nonce) <= 64:
        raise CmsFault(Reason.UNSUPPORTED_ALGORITHM, "GCM with an unusual nonce")
    return nonce


def _decrypt_gcm(key: bytes, nonce: bytes, pieces: Iterable[bytes]) -> io.BytesIO:
    """Not yet proven: what authenticates it stands behind it."""
    decryptor = Primitive(algorithms.AES(key), modes.GCM(nonce)).decryptor()
    content = io.BytesIO()
    for piece in pieces:
        content.write(decryptor.update(piece))
    return content


def _gcm_tag(key: bytes, nonce: bytes, signed: bytes, content: bytes) -> bytes:
    """The tag of this content: made anew, for the attributes that go before it in the computation come last."""
    encryptor = Primitive(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(signed)
    view = memoryview(content)
    for at in range(0, len(view), PIECE):
        encryptor.update(view[at : at + PIECE])
    encryptor.finalize()
    return encryptor.tag


@dataclass(frozen=True, slots=True)
class Recipient:
    """``address``: the one that his certificate has to name; empty: not asked.  ``companions``: others on its path.

    ``capabilities``: what is known of his program by his last signed mail (RFC 8551 §2.7.1); what his certificate tells
    of it (RFC 4262) is known anyway.
    """

    certificate: bytes
    address: str = ""
    capabilities: frozenset[str] = frozenset()
    companions: tuple[bytes, ...] = ()

    def can(self, name: str) -> bool:
        if name in self.capabilities:
            return True
        told = Certificate(self.certificate).capabilities
        return bool(told) and name in read_capabilities(told)


def choose_cipher(recipients: Sequence[Recipient]) -> Cipher:
    """RFC 8551 §2.7.2: GCM where everybody can, for NSS and others cannot read it."""
    everybody = all(recipient.can(AES_256_GCM.name) for recipient in recipients)
    return AES_256_GCM if everybody else AES_256_CBC


def encrypt_enveloped(content: Sequence[bytes | memoryview], recipients: Sequence[Recipient]) -> Iterator[bytes]:
    """A ContentInfo in DER, in pieces; faults are raised at once and none later."""
    if not recipients:
        raise CmsFault(Reason.NO_RECIPIENT, "nobody to encrypt to")
    cipher = choose_cipher(recipients)
    content_key = secrets.token_bytes(cipher.key_length)
    infos = [
        write_recipient(Certificate(one.certificate), content_key, oaep=one.can("rsa-oaep"))
        for one in {recipient.certificate: recipient for recipient in recipients}.values()
    ]
    total = sum(map(len, content))
    if cipher.is_authenticated:
        nonce = secrets.token_bytes(_NONCE)
        parameters = GcmParameters({"nonce": nonce, "icv_length": _TAG}).dump()
        oid, size, tail = AUTH_ENVELOPED_DATA, total, 2 + _TAG
    else:
        nonce = secrets.token_bytes(16)
        parameters = der.element(der.OCTET_STRING, nonce)
        oid, size, tail = ENVELOPED_DATA, total // 16 * 16 + 16, 0
    # RFC 5652 §6.1: 2 as soon as there is a recipient of another form than the first; RFC 5083 §2.1: 0
    version = 2 if oid == ENVELOPED_DATA and any(info[0] != der.SEQUENCE for info in infos) else 0
    inner = der.oid(DATA) + der.element(der.SEQUENCE, der.oid(cipher.oid), parameters) + b"\x80" + der.length_of(size)
    head = der.integer(version) + der.set_of(infos) + _head(der.SEQUENCE, len(inner) + size) + inner
    head = _head(der.SEQUENCE, len(head) + size + tail) + head
    head = der.oid(oid) + _head(0xA0, len(head) + size + tail) + head
    head = _head(der.SEQUENCE, len(head) + size + tail) + head
    return _encrypt(head, cipher, content_key, nonce, content)


def _head(tag: int, length: int) -> bytes:
    return bytes((tag,)) + der.length_of(length)


def _encrypt(
    head: bytes, cipher: Cipher, key: bytes, nonce: bytes, content: Sequence[bytes | memoryview]
) -> Iterator[bytes]:
    yield head
    mode = modes.GCM(nonce) if cipher.is_authenticated else modes.CBC(nonce)
    encryptor = Primitive(algorithms.AES(key), mode).encryptor()
    for part in content:
        view = memoryview(part)
        for at in range(0, len(view), PIECE):
            yield encryptor.update(view[at : at + PIECE])
    if cipher.is_authenticated:
        yield encryptor.finalize()
        yield der.element(der.OCTET_STRING, encryptor.tag)  # type: ignore[attr-defined]
    else:
        count = 16 - sum(map(len, content)) % 16
        yield encryptor.update(bytes((count,)) * count)
        yield encryptor.finalize()
