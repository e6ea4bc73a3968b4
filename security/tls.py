"""TLS for servers and clients.

Standards: RFC 8996 (no TLS below 1.2), RFC 9325 (recommendations), RFC 8314 §3.3 (implicit TLS for mail).
Limits: certificates of clients are not looked up in revocation lists; lock the account, or drop the authority.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from security.channel_binding import ServerContext

# RFC 9325 §4.2: forward secrecy and authenticated encryption only (TLS 1.3 suites are all so and set apart)
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def server_context(
    certificate: Path | str, key: Path | str, *, client_authorities: Path | str | None = None
) -> ssl.SSLContext:
    """For listeners.  New files are taken up by ``load_cert_chain`` on the live context.

    ``client_authorities``: who may vouch for clients.  Then a client may show a certificate, and one that nobody of
    these has signed ends the handshake.
    """
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(str(certificate), str(key))
    if client_authorities is not None:
        context.load_verify_locations(str(client_authorities))
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def peer_chain(connection: ssl.SSLObject) -> list[bytes]:
    """The certificates that the peer showed, in DER, its own first; not one of them is believed."""
    # Public from Python 3.13 on; before that the same function under its inner name.
    inner: Any = getattr(connection, "_sslobj", connection)
    return [
        each if isinstance(each, bytes) else ssl.PEM_cert_to_DER_cert(each.public_bytes())
        for each in inner.get_unverified_chain() or ()
    ]


def client_context(verify: bool = True, *, ca_file: Path | str | None = None) -> ssl.SSLContext:
    """For connections of ours.  ``verify=False`` is opportunistic TLS between mail servers (RFC 7435): better
    than none.
    """
    if verify:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    else:
        # Without the authorities that nobody is going to be asked for: they take a megabyte.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
