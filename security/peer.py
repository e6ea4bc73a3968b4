"""Who is at the other end of a connection, as far as the line itself tells: his address, and what TLS has proven.

Standards: RFC 5280 §4.2.1.6 (rfc822Name), RFC 4422 appendix A (EXTERNAL).
Limits: internationalised addresses of certificates (SmtpUTF8Mailbox, RFC 9598) are not read.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

from security import channel_binding


@dataclass(frozen=True, slots=True)
class Peer:
    """``protocol`` is what is spoken to him: imap, smtp or webmail; ``tls`` his TLS connection, where there is one."""

    client: str
    protocol: str
    tls: ssl.SSLObject | None = None

    @property
    def can_bind(self) -> bool:
        return self.tls is not None and channel_binding.can_bind(self.tls)

    def binding(self, kind: str) -> bytes | None:
        return channel_binding.binding(self.tls, kind) if self.tls is not None else None

    def certified_addresses(self) -> tuple[str, ...]:
        """Mail addresses in the certificate that he has proven to hold; an authority of ours vouches for them."""
        if self.tls is None or self.tls.context.verify_mode == ssl.CERT_NONE:
            return ()
        # Empty for a certificate that was not verified, None for none.
        shown: dict[str, Any] = self.tls.getpeercert() or {}
        return tuple(str(value) for kind, value in shown.get("subjectAltName", ()) if kind == "email")
