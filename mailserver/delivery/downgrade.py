"""An 8-bit or binary message for a server that takes neither: its parts encoded anew, where that breaks nothing.

A message with a signature in it (DKIM, S/MIME, PGP) is left as it is, and the server's refusal is the answer.

Standards: RFC 6152 §3 and RFC 3030 §3 (convert or return), RFC 2045 §6 (encodings), RFC 6376 §5.3 (signatures do not
survive it).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mailserver.message.seven_bit import to_seven_bit
from mailserver.smtp.client import Envelope

_LARGEST = 64 * 1024 * 1024


def for_seven_bit(envelope: Envelope, message: Iterable[bytes]) -> tuple[Envelope, Iterable[bytes]]:
    """The envelope and octets of the converted message; as they came, if it must not be touched."""
    octets = b"".join(message)
    converted = to_seven_bit(octets) if len(octets) <= _LARGEST else None
    if converted is None:
        return envelope, (octets,)
    return replace(envelope, body="7BIT", size=len(converted)), (converted,)
