"""DANE for SMTP: a host's certificate is proven by records of its own zone, which DNSSEC proves.

``usable`` picks the records that count, ``verify`` holds a server's certificates against them.  Where the records come
from, and whether DNSSEC vouches for them, is the caller's business.

Standards: RFC 6698 §2.1 (records), RFC 7671 §5.1, §5.2, §10.1, RFC 7672 §3.1 (which usages; those that rest on public
authorities do not count in SMTP), §3.2 (names and dates count for DANE-TA alone).
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Collection, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from security.dns import Tlsa

DANE_TA, DANE_EE = 2, 3
_WHOLE_CERTIFICATE, _PUBLIC_KEY = 0, 1
_DIGESTS = {1: ("sha256", 32), 2: ("sha512", 64)}
_MAX_CHAIN = 10


class NotProven(Exception):
    """The server's certificates match no record; the text says why the last one that came near did not."""


def record_name(host: str, port: int) -> str:
    """RFC 6698 §3."""
    return f"_{port}._tcp.{host}"


def usable(records: Collection[Tlsa]) -> tuple[Tlsa, ...]:
    """The records that a mail server can work with.  Of none that are usable the server must still speak TLS, whoever
    it is (RFC 7672 §2.2).

    Where a digest is published in several strengths, the weaker ones do not count (RFC 7671 §9).
    """
    known = [record for record in records if _is_usable(record)]
    strongest: dict[tuple[int, int], int] = {}
    for record in known:
        key = (record.usage, record.selector)
        strongest[key] = max(strongest.get(key, 0), record.matching)
    return tuple(
        record
        for record in known
        if record.matching == 0 or record.matching == strongest[record.usage, record.selector]
    )


def _is_usable(record: Tlsa) -> bool:
    if record.usage not in (DANE_TA, DANE_EE) or record.selector not in (_WHOLE_CERTIFICATE, _PUBLIC_KEY):
        return False
    if record.matching == 0:
        return bool(record.data)
    return record.matching in _DIGESTS and len(record.data) == _DIGESTS[record.matching][1]


def verify(records: Sequence[Tlsa], chain: Sequence[bytes], names: Collection[str], now: datetime.datetime) -> None:
    """Hold the certificates that a server showed (DER, its own first) against usable records.

    ``names``: those that its certificate may bear, of which one is enough (RFC 7672 §3.2.2); ``now`` in UTC.
    Raises NotProven.
    """
    if not chain:
        raise NotProven("the server showed no certificate")
    try:
        certificates = [x509.load_der_x509_certificate(each) for each in chain[:_MAX_CHAIN]]
    except ValueError as fault:
        raise NotProven(f"a certificate cannot be read: {fault}") from None
    # RFC 7672 §3.1.1: for DANE-EE neither names nor dates count.
    if any(record.usage == DANE_EE and _matches(record, certificates[0]) for record in records):
        return
    why = "no record matches"
    for record in records:
        if record.usage == DANE_TA:
            try:
                _verify_by_anchor(record, certificates, names, now)
            except NotProven as fault:
                why = str(fault)
            else:
                return
    raise NotProven(why)


def _matches(record: Tlsa, certificate: x509.Certificate) -> bool:
    try:
        octets = (
            certificate.public_bytes(Encoding.DER)
            if record.selector == _WHOLE_CERTIFICATE
            else certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
    except (ValueError, TypeError):  # a key of an unknown kind
        return False
    if record.matching == 0:
        return octets == record.data
    return hashlib.new(_DIGESTS[record.matching][0], octets).digest() == record.data


def _verify_by_anchor(
    record: Tlsa, shown: Sequence[x509.Certificate], names: Collection[str], now: datetime.datetime
) -> None:
    """RFC 7672 §3.1.2: the record names an authority, from which the server's certificate must descend."""
    path = [shown[0]]
    others = [*shown[1:], *_anchor_in(record)]
    while not _matches(record, path[-1]):
        issuer = next(
            (each for each in others if each.subject == path[-1].issuer and _has_issued(each, path[-1])), None
        )
        if issuer is None or issuer in path:
            raise NotProven("no certificate of the chain matches a record")
        path.append(issuer)
    if len(path) == 1:
        # A server certificate that is named as an authority is its own (RFC 7671 §5.2.2 wants an issuer; a name too).
        raise NotProven("the record names the server's own certificate as an authority")
    for certificate in path:
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise NotProven("a certificate of the chain is out of date")
    for depth, authority in enumerate(path[1:]):
        _check_authority(authority, depth)
    if not any(bears(shown[0], name) for name in names):
        raise NotProven(f"the certificate is not for {' or '.join(sorted(names))}")


def _anchor_in(record: Tlsa) -> list[x509.Certificate]:
    """A record that holds the whole authority: the server need not show it (RFC 7671 §5.2.3)."""
    if record.matching or record.selector != _WHOLE_CERTIFICATE:
        return []
    try:
        return [x509.load_der_x509_certificate(record.data)]
    except ValueError:
        return []


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _check_authority(certificate: x509.Certificate, depth: int) -> None:
    """``depth``: how many authorities stand between it and the server's certificate (RFC 5280 §4.2.1.9)."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        raise NotProven("an issuer in the chain is no authority") from None
    if not constraints.ca or (constraints.path_length is not None and depth > constraints.path_length):
        raise NotProven("an issuer in the chain may not issue this")


def bears(certificate: x509.Certificate, name: str) -> bool:
    """Whether a certificate is for a host (RFC 6125 §6.4: DNS-IDs; the common name only where there are none)."""
    wanted = name.rstrip(".").lower()
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = alternative.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    except (x509.DuplicateExtension, ValueError):
        return False
    if not names:
        names = [
            str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        ]
    _, dot, parent = wanted.partition(".")
    return any(each.lower() in (wanted, f"*.{parent}" if dot and "." in parent else wanted) for each in names)
