"""Channel bindings: a few octets that both ends of one TLS connection know, and nobody who sits between two of them.

- ``tls-exporter``: TLS 1.3's own (``security.tls_exporter``);
- ``tls-unique``: that of TLS 1.2, and only there;
- ``tls-server-end-point``: digest of the server's certificate, for every version of TLS.

Standards: RFC 5929 §3, §4; RFC 9266 §3 (tls-unique is not defined for TLS 1.3); RFC 5056; RFC 5280 §4.1; X.690 (DER).
"""

from __future__ import annotations

import hashlib
import re
import ssl
from pathlib import Path
from typing import Any

from security.tls_exporter import exporter

# Signature algorithms, as DER writes their identifiers, and the digest that RFC 5929 §4.1 wants for each: SHA-256 in
# place of MD5 and SHA-1.  Ed25519 and Ed448 are missing: for them it defines no binding.
_RSA, _ECDSA = bytes.fromhex("2a864886f70d0101"), bytes.fromhex("2a8648ce3d04")
_DIGESTS = {
    _RSA + b"\x04": "sha256",
    _RSA + b"\x05": "sha256",
    _RSA + b"\x0b": "sha256",
    _RSA + b"\x0c": "sha384",
    _RSA + b"\x0d": "sha512",
    _ECDSA + b"\x01": "sha256",
    _ECDSA + b"\x03\x02": "sha256",
    _ECDSA + b"\x03\x03": "sha384",
    _ECDSA + b"\x03\x04": "sha512",
}
# RSASSA-PSS (RFC 4055 §3.1) names its digest in the parameters; without one it is SHA-1.
_PSS = _RSA + b"\x0a"
_PSS_DIGESTS = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_FIRST = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class ServerContext(ssl.SSLContext):
    """A context for listeners that knows the binding of the certificate it serves, also after another is loaded."""

    end_point: bytes | None = None

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        super().load_cert_chain(certfile, keyfile, password)
        self.end_point = end_point(Path(certfile).read_text(encoding="ascii", errors="replace"))


def binding(tls: ssl.SSLObject, kind: str) -> bytes | None:
    """The data of one type, None for a type that this connection does not have."""
    if kind == "tls-server-end-point":
        context = tls.context
        return context.end_point if isinstance(context, ServerContext) else None
    if kind == "tls-unique" and tls.version() == "TLSv1.2":
        return tls.get_channel_binding("tls-unique")
    if kind == "tls-exporter":
        return exporter(tls)
    return None


def can_bind(tls: ssl.SSLObject) -> bool:
    """Whether the connection has the type that a client takes by default (RFC 5802 §6.1, RFC 9266 §3)."""
    return binding(tls, "tls-exporter" if tls.version() == "TLSv1.3" else "tls-unique") is not None


def end_point(pem: str) -> bytes | None:
    """The binding of the first certificate in ``pem``; None where RFC 5929 §4.1 defines none."""
    first = _FIRST.search(pem)
    if first is None:
        return None
    der = ssl.PEM_cert_to_DER_cert(first[0])
    digest = _signature_digest(der)
    return hashlib.new(digest, der).digest() if digest else None


def _signature_digest(der: bytes) -> str | None:
    # Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, signature }
    inside, _ = _content(der, 0)
    _, behind_tbs = _content(der, inside)
    algorithm, end = _content(der, behind_tbs)
    identifier, parameters = _content(der, algorithm)
    name = der[identifier:parameters]
    if name == _PSS:
        places = {der.find(each, parameters, end): digest for each, digest in _PSS_DIGESTS.items()}
        found = [place for place in places if place >= 0]
        return places[min(found)] if found else "sha256"
    return _DIGESTS.get(name)


def _content(der: bytes, start: int) -> tuple[int, int]:
    """Where the content of the element at ``start`` begins, and where it ends."""
    length = der[start + 1]
    begin = start + 2
    if length & 0x80:
        octets = length & 0x7F
        length = int.from_bytes(der[begin : begin + octets], "big")
        begin += octets
    return begin, begin + length
