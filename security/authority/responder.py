"""Answers to whoever asks whether a certificate was revoked (OCSP).

Pure: a request becomes an ``Asked``, and with what the register knows an ``Answer``, signed by a delegate.  An answer
without a nonce holds for everybody and may be kept (``Answer.keeps``); one with a nonce is for the asker alone.

Standards: RFC 6960 §2.2, §2.3, §2.6, §4.1, §4.2; RFC 5019 §2, §6.2 (what may be cached, and for how long);
RFC 9654 §2.1 (nonces of 1 to 128 octets).
Limits: one certificate a request, as in RFC 5019 §2.1.1; requests of ``LARGEST_REQUEST`` octets; whether a request is
signed is not looked at (RFC 5019 §2.1.1).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha1, sha256
from typing import Any

from asn1crypto import keys
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from security.authority.key_kinds import PrivateKey
from security.authority.revocation_lists import REASONS, Revoked

LARGEST_REQUEST = 4096
_DER, _SPKI = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
_LONGEST_NONCE = 128
# How an asker may name the issuer (RFC 6960 §4.1.1); SHA-1 here is a name and proves nothing
_DIGESTS: dict[str, tuple[Callable[[bytes], Any], hashes.HashAlgorithm]] = {
    "sha1": (sha1, hashes.SHA1()),  # noqa: S303
    "sha256": (sha256, hashes.SHA256()),
}

MALFORMED = ocsp.OCSPResponseStatus.MALFORMED_REQUEST
UNAUTHORIZED = ocsp.OCSPResponseStatus.UNAUTHORIZED  # RFC 5019 §2.2.3: of none that we answer for
TRY_LATER = ocsp.OCSPResponseStatus.TRY_LATER


@dataclass(frozen=True, slots=True)
class Responder:
    """Who answers for an issuer: a delegate with a certificate of its own (RFC 6960 §2.6)."""

    issuer: x509.Certificate
    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """A certificate that the issuer did issue; ``revoked`` if it was."""

    revoked: Revoked | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """``issuer``: hashes of its name and its key, which ``issuer_names`` knows."""

    issuer: tuple[bytes, bytes]
    serial: int
    digest: str  # by which it names the issuer
    nonce: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    octets: bytes
    keeps: bool = False
    this_update: datetime | None = None
    next_update: datetime | None = None


def issuer_names(issuers: Mapping[str, x509.Certificate]) -> dict[tuple[bytes, bytes], str]:
    """The hashes that a request names an issuer by, of name and key (RFC 6960 §4.1.1), to what it is called here."""
    found = {}
    for called, certificate in issuers.items():
        name = certificate.subject.public_bytes()
        key = _key_octets(certificate)
        for digest, _ in _DIGESTS.values():
            found[digest(name).digest(), digest(key).digest()] = called
    return found


def read_get(path: str) -> bytes:
    """The request in a URL's path, which was unescaped (RFC 6960 appendix A.1).  Raises ValueError."""
    return base64.b64decode(path, validate=True)


def read_request(octets: bytes) -> Asked:
    """Raises ValueError."""
    if len(octets) > LARGEST_REQUEST:
        raise ValueError(f"more than {LARGEST_REQUEST} octets")
    try:
        read = ocsp.load_der_ocsp_request(octets)
        digest = read.hash_algorithm.name
        nonce = _nonce(read)
    except (NotImplementedError, TypeError, UnsupportedAlgorithm) as fault:
        raise ValueError(str(fault)) from None
    if digest not in _DIGESTS:
        raise ValueError(f"an issuer is not named by {digest}")
    return Asked((read.issuer_name_hash, read.issuer_key_hash), read.serial_number, digest, nonce)


def sign_answer(asked: Asked, responder: Responder, known: Known | None, *, now: datetime, life: timedelta) -> Answer:
    """``known``: what the register says; None of a certificate that was never issued."""
    next_update = min(now + life, responder.certificate.not_valid_after_utc)
    if next_update <= now:
        return refuse(TRY_LATER)
    revoked = known.revoked if known else None
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response_by_hash(
            issuer_name_hash=asked.issuer[0],
            issuer_key_hash=asked.issuer[1],
            serial_number=asked.serial,
            algorithm=_DIGESTS[asked.digest][1],
            cert_status=_status(known),
            this_update=now,
            next_update=next_update,
            revocation_time=revoked.at if revoked else None,
            revocation_reason=REASONS[revoked.reason] if revoked and revoked.reason != "unspecified" else None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        .certificates([responder.certificate])
    )
    if asked.nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(asked.nonce), critical=False)
    signed = builder.sign(responder.key, hashes.SHA256()).public_bytes(_DER)
    # what is not known today may be issued tomorrow: nobody is to keep that
    return Answer(signed, asked.nonce is None and known is not None, now, next_update)


def refuse(status: ocsp.OCSPResponseStatus) -> Answer:
    """Why there is no answer (RFC 6960 §2.3); nobody signs that."""
    return Answer(ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(_DER))


def _status(known: Known | None) -> ocsp.OCSPCertStatus:
    if known is None:
        return ocsp.OCSPCertStatus.UNKNOWN
    return ocsp.OCSPCertStatus.REVOKED if known.revoked else ocsp.OCSPCertStatus.GOOD


def _nonce(asked: ocsp.OCSPRequest) -> bytes | None:
    try:
        nonce = asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return None
    if not 1 <= len(nonce) <= _LONGEST_NONCE:
        raise ValueError("a nonce of no or too many octets")
    return nonce


def _key_octets(certificate: x509.Certificate) -> bytes:
    """The bit string alone, without the algorithm beside it."""
    octets: bytes = keys.PublicKeyInfo.load(certificate.public_key().public_bytes(_DER, _SPKI))["public_key"].contents[
        1:
    ]
    return octets
