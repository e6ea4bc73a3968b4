"""What a list shows of a message without opening it: that it is signed, or encrypted, by its structure alone."""

from __future__ import annotations

import re

_SIGNED = re.compile(rb'"signed" \(.*"protocol" "application/(?:x-)?pkcs7-signature"', re.IGNORECASE | re.DOTALL)
_CMS = re.compile(rb'\("application" "(?:x-)?pkcs7-mime" ', re.IGNORECASE)
_SIGNED_DATA = re.compile(rb'"smime-type" "(?:signed-data|certs-only|compressed-data)"', re.IGNORECASE)


def mark_of(structure: bytes) -> str:
    """``signed``, ``encrypted`` or nothing, by the BODYSTRUCTURE (RFC 9051 §7.5.2); a view shows whether it is so."""
    if _CMS.match(structure):
        return "signed" if _SIGNED_DATA.search(structure) else "encrypted"
    return "signed" if structure.startswith(b"((") and _SIGNED.search(structure) else ""
