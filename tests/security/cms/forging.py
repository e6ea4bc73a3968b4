"""Signed data put together by hand, the way no honest program does it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from security.cms import der
from security.cms.algorithms import DIGEST_BY_NAME, digest_identifier, signature_identifier
from security.cms.attributes import DATA, write_attributes
from security.cms.certificates import Certificate
from tests.security.cms.people import AN, END, NOW, START, Person

SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SHA256 = digest_identifier(DIGEST_BY_NAME["sha256"])


def attribute(oid: str, *values: bytes) -> bytes:
    return der.element(der.SEQUENCE, der.oid(oid), der.element(der.SET, *values))


def honest_attributes(one: Person, content: bytes) -> bytes:
    scheme = one.memory.scheme
    digest = hashlib.new(scheme.digest.name, content).digest()
    return write_attributes(digest, scheme, Certificate(one.certificate), None, NOW)


def plain_attributes(content: bytes, *, content_type: str = DATA, more: Sequence[bytes] = ()) -> bytes:
    digest = der.element(der.OCTET_STRING, hashlib.sha256(content).digest())
    return der.set_of([attribute(CONTENT_TYPE, der.oid(content_type)), attribute(MESSAGE_DIGEST, digest), *more])


def signer_info(
    one: Person,
    attributes: bytes | None,
    signed: bytes | None = None,
    *,
    identifier: bytes | None = None,
    digest: bytes | None = None,
    algorithm: bytes | None = None,
) -> bytes:
    """``signed``: what is signed, if not the attributes."""
    key, scheme = one.memory, one.memory.scheme
    octets = attributes if signed is None else signed
    assert octets is not None
    return der.element(
        der.SEQUENCE,
        der.integer(1),
        identifier or Certificate(one.certificate).identifier,
        digest or digest_identifier(scheme.digest),
        *([] if attributes is None else [b"\xa0" + attributes[1:]]),
        algorithm or signature_identifier(scheme),
        der.element(der.OCTET_STRING, key.sign(octets)),
    )


def signed_data(
    infos: Sequence[bytes],
    certificates: Sequence[bytes] = (),
    content: bytes | None = None,
    *,
    content_type: str = DATA,
) -> bytes:
    inner = [der.oid(content_type)]
    if content is not None:
        inner.append(der.element(0xA0, der.element(der.OCTET_STRING, content)))
    body = der.element(
        der.SEQUENCE,
        der.integer(1),
        der.element(der.SET, SHA256),
        der.element(der.SEQUENCE, *inner),
        *([der.element(0xA0, *certificates)] if certificates else []),
        der.element(der.SET, *infos),
    )
    return der.element(der.SEQUENCE, der.oid(SIGNED_DATA), der.element(0xA0, body))


def honest(one: Person, content: bytes, *, opaque: bool = False) -> bytes:
    info = signer_info(one, honest_attributes(one, content))
    return signed_data([info], [one.certificate], content if opaque else None)


def indefinite(octets: bytes, chunk: int = 5) -> bytes:
    """The same in BER: indefinite lengths wherever they can stand, octet strings in pieces."""
    read = next(der.elements(octets))
    if read.tag & der.CONSTRUCTED:
        inner = b"".join(indefinite(part.octets, chunk) for part in read.parts())
        return bytes((read.tag, 0x80)) + inner + b"\0\0"
    if read.tag == der.OCTET_STRING and read.content:
        pieces = [read.content[at : at + chunk] for at in range(0, len(read.content), chunk)]
        return b"\x24\x80" + b"".join(der.element(der.OCTET_STRING, piece) for piece in pieces) + b"\0\0"
    return read.octets


def forged_certificate(
    issuer_key: Any,
    issuer_name: x509.Name,
    *,
    key: Any,
    address: str = AN,
    extensions: Sequence[x509.ExtensionType] = (),
) -> x509.Certificate:
    """Whoever's name the issuer's is."""
    builder = x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]))
    builder = builder.issuer_name(issuer_name).public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(START).not_valid_after(END)
    if address:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(address)]), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def octets_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
