"""Answers to whoever asks whether a certificate was revoked (OCSP).

Pure: the register is a function, the responder's key and certificate are values.  An answer without a nonce holds for
everybody and may be kept (``Answer.keeps``); one with a nonce is for the asker alone.

Standards: RFC 6960 §2.2, §2.3, §4.1, §4.2; RFC 5019 §2, §6.2 (what may be cached, and for how long);
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
from urllib.parse import unquote_to_bytes

from asn1crypto import keys
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from security.authority.key_kinds import PrivateKey
from security.authority.revocation_lists import REASONS, Revoked

LARGEST_REQUEST = 4096
_DER, _SPKI = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
_LONGEST_NONCE = 128
# How an asker may name the issuer (RFC 6960 §4.1.1); SHA-1 here is a name and proves nothing
_DIGESTS = {"sha1": sha1, "sha256": sha256}


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
class Answer:
    octets: bytes
    keeps: bool = False
    this_update: datetime | None = None
    next_update: datetime | None = None


# What the register knows of a serial number; None: it was never issued
Register = Callable[[x509.Certificate, int], Known | None]


def issuer_names(issuers: Mapping[str, x509.Certificate]) -> dict[tuple[bytes, bytes], str]:
    """The hashes that a request names an issuer by, of name and key (RFC 6960 §4.1.1), to what it is called here."""
    found = {}
    for called, certificate in issuers.items():
        name = certificate.subject.public_bytes()
        key = _key_octets(certificate)
        for digest in _DIGESTS.values():
            found[digest(name).digest(), digest(key).digest()] = called
    return found


def read_get(path: str) -> bytes:
    """The request in a URL: base64, then escaped (RFC 6960 appendix A.1).  Raises ValueError."""
    return base64.b64decode(unquote_to_bytes(path), validate=True)


def answer(
    request: bytes,
    *,
    issuers: Mapping[tuple[bytes, bytes], str],
    responders: Mapping[str, Responder],
    register: Register,
    now: datetime,
    life: timedelta,
) -> Answer:
    """One answer, signed; or one that only tells why there is none (RFC 6960 §2.3), which nobody signs."""
    if len(request) > LARGEST_REQUEST:
        return _refuse(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    try:
        asked = ocsp.load_der_ocsp_request(request)
        nonce = _nonce(asked)
        names = asked.issuer_name_hash, asked.issuer_key_hash
        algorithm = asked.hash_algorithm
    except (ValueError, NotImplementedError, TypeError):
        return _refuse(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    responder = responders.get(issuers.get(names, ""))
    if responder is None:
        # RFC 5019 §2.2.3: not one of those we can answer for
        return _refuse(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    next_update = min(now + life, responder.certificate.not_valid_after_utc)
    if next_update <= now:
        return _refuse(ocsp.OCSPResponseStatus.TRY_LATER)
    known = register(responder.issuer, asked.serial_number)
    revoked = known.revoked if known else None
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response_by_hash(
            issuer_name_hash=names[0],
            issuer_key_hash=names[1],
            serial_number=asked.serial_number,
            algorithm=algorithm,
            cert_status=_status(known),
            this_update=now,
            next_update=next_update,
            revocation_time=revoked.at if revoked else None,
            revocation_reason=REASONS[revoked.reason] if revoked and revoked.reason != "unspecified" else None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        .certificates([responder.certificate])
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    signed = builder.sign(responder.key, hashes.SHA256()).public_bytes(_DER)
    # what is not known today may be issued tomorrow: nobody is to keep that
    return Answer(signed, nonce is None and known is not None, now, next_update)


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


def _refuse(status: ocsp.OCSPResponseStatus) -> Answer:
    return Answer(ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(_DER))


def _key_octets(certificate: x509.Certificate) -> bytes:
    """The bit string alone, without the algorithm beside it."""
    octets: bytes = keys.PublicKeyInfo.load(certificate.public_key().public_bytes(_DER, _SPKI))["public_key"].contents[
        1:
    ]
    return octets
