"""UIDBATCHES: UID ranges of so many messages each.

Standards: RFC 10022 §3.1, §4 (UIDBATCHES).
"""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.imap.grammar.syntax import Cursor, SyntaxFault


class ClientBug(SyntaxFault):
    """What only a client with a fault in it asks (RFC 5530 §3)."""

    code = b"CLIENTBUG"


@dataclass(frozen=True, slots=True)
class Batches:
    """``wanted`` are the first and the last batch asked for, counted from the newest, which is 1; None: all."""

    size: int
    wanted: tuple[int, int] | None = None


def parse_batches(cursor: Cursor) -> Batches:
    """uidbatches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]"""
    cursor.space()
    size = cursor.nz_number()
    wanted = None
    if not cursor.at_end():
        cursor.space()
        first = cursor.nz_number()
        cursor.need(b":")
        last = cursor.nz_number()
        if first > last:
            raise ClientBug("The range of batches is backwards")  # RFC 10022 §3.1.5
        wanted = first, last
    cursor.end()
    return Batches(size, wanted)
