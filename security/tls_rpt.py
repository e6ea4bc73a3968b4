"""TLS-RPT: where a domain wants to hear how TLS to its servers went.

The text of the RFC was not at hand (docs/standards.md).

Standards: RFC 8460 §3 (record).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_VERSION = re.compile(r"v=TLSRPTv1[ \t]*;")
_MOST = 10


def record_name(domain: str) -> str:
    return f"_smtp._tls.{domain}"


def read_record(texts: Iterable[bytes]) -> tuple[str, ...] | None:
    """The URIs of ``rua``; None for no record, several, or one that cannot be read (§3: then none is sent)."""
    decoded = (text.decode("utf-8", "replace") for text in texts)
    records = [text for text in decoded if _VERSION.match(text)]
    if len(records) != 1:
        return None
    for part in records[0].split(";")[1:]:
        name, equals, value = part.partition("=")
        if equals and name.strip() == "rua":
            found = [uri.strip() for uri in value.split(",")]
            wanted = tuple(uri for uri in found if uri.lower().startswith(("mailto:", "https://")))
            return wanted[:_MOST] or None
    return None
