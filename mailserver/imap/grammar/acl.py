"""SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS: octets ↔ values.

Standards: RFC 4314 §2.1.1, §3, §7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from mailserver.imap.grammar.syntax import Cursor, SyntaxFault

# All standard rights, in the order in which they are written.
STANDARD = "lrswipkxtea"
# RFC 4314 §2.1.1: what the rights of RFC 2086 stand for.
_VIRTUAL = {"c": "kx", "d": "te"}


class Change(Enum):
    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class SetAcl:
    mailbox: bytes
    identifier: bytes
    change: Change
    rights: frozenset[str]


@dataclass(frozen=True, slots=True)
class DeleteAcl:
    mailbox: bytes
    identifier: bytes


@dataclass(frozen=True, slots=True)
class ListRights:
    mailbox: bytes
    identifier: bytes


def parse_set_acl(cursor: Cursor) -> SetAcl:
    """setacl = "SETACL" SP mailbox SP identifier SP mod-rights"""
    mailbox, identifier = _mailbox_and_identifier(cursor)
    cursor.space()
    text = cursor.astring()
    cursor.end()
    change = {b"+": Change.ADD, b"-": Change.REMOVE}.get(text[:1], Change.REPLACE)
    return SetAcl(mailbox, identifier, change, _rights(text if change is Change.REPLACE else text[1:]))


def parse_delete_acl(cursor: Cursor) -> DeleteAcl:
    mailbox, identifier = _mailbox_and_identifier(cursor)
    cursor.end()
    return DeleteAcl(mailbox, identifier)


def parse_list_rights(cursor: Cursor) -> ListRights:
    mailbox, identifier = _mailbox_and_identifier(cursor)
    cursor.end()
    return ListRights(mailbox, identifier)


def _mailbox_and_identifier(cursor: Cursor) -> tuple[bytes, bytes]:
    cursor.space()
    mailbox = cursor.astring()
    cursor.space()
    identifier = cursor.astring()
    # RFC 4314 §3: what preparation leaves nothing of, or refuses, is BAD.
    if identifier.strip(b"- ") == b"" or any(octet < 0x20 or octet == 0x7F for octet in identifier):
        raise SyntaxFault("Expected an identifier")
    return mailbox, identifier


def _rights(text: bytes) -> frozenset[str]:
    """RFC 4314 §3.1: an unknown right is a fault, uppercase ones are."""
    rights: set[str] = set()
    for letter in text.decode("latin-1"):
        if letter in _VIRTUAL:
            rights.update(_VIRTUAL[letter])
        elif letter in STANDARD:
            rights.add(letter)
        else:
            raise SyntaxFault("No such right")
    return frozenset(rights)


def rights_text(rights: Iterable[str]) -> bytes:
    """Rights as they are written, with those that older clients look for; ``""`` for none."""
    rights = frozenset(rights)
    written = "".join(letter for letter in STANDARD if letter in rights)
    for virtual, members in _VIRTUAL.items():
        if not rights.isdisjoint(members):
            written += virtual
    return written.encode("ascii") or b'""'


def each_right() -> bytes:
    """LISTRIGHTS: every right by itself, none tied to another."""
    return " ".join((*STANDARD, *_VIRTUAL)).encode("ascii")
