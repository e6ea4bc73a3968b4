"""COMPRESS: octets → which mechanism.

Standards: RFC 4978 §5.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.imap.grammar.syntax import Cursor


@dataclass(frozen=True, slots=True)
class Compress:
    mechanism: bytes  # upper case


def parse_compress(cursor: Cursor) -> Compress:
    cursor.space()
    mechanism = cursor.atom().upper()
    cursor.end()
    return Compress(mechanism)
