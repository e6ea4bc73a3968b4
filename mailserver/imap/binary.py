"""Messages with NUL octets, which only a literal8 can bring to IMAP: kept in base64 (``message.binary``).

Standards: RFC 3516 §4.4.
"""

from __future__ import annotations

from mailserver.imap.grammar.responses import UnknownEncoding
from mailserver.message import binary


def without_nul(octets: bytes) -> bytes:
    """The same message without NUL.  Raises UnknownEncoding for a NUL that no encoding of a part can take up."""
    try:
        return binary.without_nul(octets)
    except binary.NoEncodingHelps:
        raise UnknownEncoding from None
