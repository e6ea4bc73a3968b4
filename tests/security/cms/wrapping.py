"""CMS from other hands put into messages, and messages built on purpose."""

from __future__ import annotations

import base64

from tests.security.cms.people import LETTER

HEADER = (
    b"From: an@tphcm.gov.vn\r\nTo: binh@tphcm.gov.vn\r\nDate: Fri, 20 Nov 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n"
)
PAYLOAD = LETTER[LETTER.index(b"Content-Type") :]


def detached(
    signature: bytes,
    content: bytes = PAYLOAD,
    *,
    header: bytes = HEADER,
    micalg: bytes = b"sha-256",
    more: bytes = b"",
    boundary: bytes = b"b",
) -> bytes:
    line = b"--" + boundary
    kind = b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=' + micalg
    opening = header + kind + b';\r\n boundary="' + boundary + b'"\r\n\r\n' + line + b"\r\n"
    part = b'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    closing = (base64.encodebytes(signature), more, b"\r\n", line, b"--\r\n")
    return b"".join((opening, content, b"\r\n", line, b"\r\n", part, *closing))


def enclosed(cms: bytes, *, header: bytes = HEADER, kind: bytes = b"") -> bytes:
    """As application/pkcs7-mime."""
    said = b"; smime-type=" + kind if kind else b""
    return header + (
        b"Content-Type: application/pkcs7-mime" + said + b'; name="smime.p7m"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(cms)
    )


def entity_of(cms: bytes) -> bytes:
    """The same without a message around it."""
    return enclosed(cms, header=b"")
