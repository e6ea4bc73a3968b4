"""SETQUOTA: octets → values.

Standards: RFC 9208 §4.1.3, §7.
Limits: 20 resources a command.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailserver.imap.grammar.syntax import Cursor, SyntaxFault

_MAX_RESOURCES = 20


@dataclass(frozen=True, slots=True)
class SetQuota:
    root: bytes
    limits: tuple[tuple[bytes, int], ...]


def parse_set_quota(cursor: Cursor) -> SetQuota:
    """setquota = "SETQUOTA" SP quota-root-name SP "(" [resource SP number64 *(SP resource SP number64)] ")" """
    cursor.space()
    root = cursor.astring()
    cursor.space()
    cursor.need(b"(")
    limits: dict[bytes, int] = {}
    while not cursor.skip(b")"):
        if limits:
            cursor.space()
        resource = cursor.keyword()
        cursor.space()
        limits[resource] = cursor.number64()
        if len(limits) > _MAX_RESOURCES:
            raise SyntaxFault("Too many resources")
    cursor.end()
    return SetQuota(root, tuple(limits.items()))
