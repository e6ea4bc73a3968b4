"""A frozen dataclass for each command, and the functions that read them.

A parse function is given the cursor behind the command's name.  Mailbox names stay octets: how they are spelt
(modified UTF-7 or UTF-8) depends on what the session has enabled.

Standards: RFC 9051 §6, §9; RFC 3501; RFC 4315 (UIDPLUS), RFC 6851 (MOVE), RFC 3502 (MULTIAPPEND),
RFC 4959 (SASL-IR), RFC 5161 (ENABLE), RFC 2971 (ID), RFC 9208 (QUOTA), RFC 7162 §3.1.3 (CONDSTORE),
RFC 6154 §3 (CREATE with USE), RFC 6855 §4 (UTF8 in APPEND).
Limits: 2,000 messages in one APPEND, 30 fields in ID (RFC 2971 §3.3), 200 flags a command.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mailserver.imap.grammar.appending import MAX_FLAGS, Append, Replace
from mailserver.imap.grammar.fetch import Fetch
from mailserver.imap.grammar.listing import List, Lsub, Status
from mailserver.imap.grammar.search import Search
from mailserver.imap.grammar.selecting import Select
from mailserver.imap.grammar.syntax import Cursor, SequenceSet, SyntaxFault

MAX_ID_FIELDS = 30


@dataclass(frozen=True, slots=True)
class Bare:
    """A command without arguments."""


@dataclass(frozen=True, slots=True)
class Login:
    user: bytes
    password: bytes

    def __repr__(self) -> str:
        return "Login()"  # neither belongs into a log


@dataclass(frozen=True, slots=True)
class Authenticate:
    mechanism: bytes
    initial: bytes | None  # base64, "=" for an empty one, None for none

    def __repr__(self) -> str:
        return f"Authenticate({self.mechanism!r})"


@dataclass(frozen=True, slots=True)
class Enable:
    capabilities: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Identify:
    fields: tuple[tuple[bytes, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Create:
    mailbox: bytes
    special_uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OneMailbox:
    """DELETE, SUBSCRIBE, UNSUBSCRIBE, GETQUOTAROOT."""

    mailbox: bytes


@dataclass(frozen=True, slots=True)
class Rename:
    mailbox: bytes
    new_name: bytes


class Change(Enum):
    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Store:
    messages: SequenceSet
    change: Change
    flags: tuple[str, ...]
    silent: bool
    by_uid: bool = False
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY and MOVE."""

    messages: SequenceSet
    mailbox: bytes
    by_uid: bool = False


@dataclass(frozen=True, slots=True)
class Expunge:
    """``uids`` is None for all that are marked deleted (RFC 4315 §2.1)."""

    uids: SequenceSet | None


@dataclass(frozen=True, slots=True)
class GetQuota:
    root: bytes


Command = (
    Bare
    | Login
    | Authenticate
    | Enable
    | Identify
    | Select
    | Create
    | OneMailbox
    | Rename
    | List
    | Lsub
    | Status
    | Append
    | Replace
    | Store
    | Copy
    | Expunge
    | Fetch
    | Search
    | GetQuota
)


def parse_bare(cursor: Cursor) -> Bare:
    cursor.end()
    return Bare()


def parse_login(cursor: Cursor) -> Login:
    """login = "LOGIN" SP userid SP password"""
    cursor.space()
    user = cursor.astring()
    cursor.space()
    password = cursor.astring()
    cursor.end()
    return Login(user, password)


def parse_authenticate(cursor: Cursor) -> Authenticate:
    """authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]"""
    cursor.space()
    mechanism = cursor.keyword()
    initial = None
    if not cursor.at_end():
        cursor.space()
        initial = cursor.rest()
        if not initial:
            cursor.fail("an initial response")
    return Authenticate(mechanism, initial)


def parse_enable(cursor: Cursor) -> Enable:
    """enable = "ENABLE" 1*(SP capability)"""
    names = []
    while True:
        cursor.space()
        names.append(cursor.keyword())
        if cursor.at_end():
            return Enable(tuple(names))


def parse_id(cursor: Cursor) -> Identify:
    """id = "ID" SP ("(" string SP nstring *(SP string SP nstring) ")" / nil)

    Left out it means NIL, which is all that scripts want to say.
    """
    if cursor.at_end():
        return Identify(())
    cursor.space()
    fields: list[tuple[bytes, bytes | None]] = []
    if cursor.skip(b"("):
        while not cursor.skip(b")"):
            if fields:
                cursor.space()
            name = cursor.string()
            cursor.space()
            fields.append((name, cursor.nstring()))
            if len(fields) > MAX_ID_FIELDS:
                raise SyntaxFault("Too many ID fields")
    elif cursor.nstring() is not None:
        raise SyntaxFault("Expected a list or NIL")
    cursor.end()
    return Identify(tuple(fields))


def parse_create(cursor: Cursor) -> Create:
    """create = "CREATE" SP mailbox [SP "(" "USE" SP "(" use-attr *(SP use-attr) ")" ")"]"""
    cursor.space()
    mailbox = cursor.astring()
    uses: tuple[str, ...] = ()
    if not cursor.at_end():
        cursor.space()
        cursor.need(b"(")
        if cursor.keyword() != b"USE":
            raise SyntaxFault("Unknown CREATE parameter")
        cursor.space()
        uses = cursor.flag_list()
        cursor.need(b")")
    cursor.end()
    return Create(mailbox, uses)


def parse_one_mailbox(cursor: Cursor) -> OneMailbox:
    cursor.space()
    mailbox = cursor.astring()
    cursor.end()
    return OneMailbox(mailbox)


def parse_rename(cursor: Cursor) -> Rename:
    """rename = "RENAME" SP mailbox SP mailbox"""
    cursor.space()
    mailbox = cursor.astring()
    cursor.space()
    new_name = cursor.astring()
    cursor.end()
    return Rename(mailbox, new_name)


def parse_store(cursor: Cursor, by_uid: bool) -> Store:
    """store = "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags"""
    cursor.space()
    messages = cursor.sequence_set()
    cursor.space()
    unchanged_since = None
    if cursor.skip(b"("):
        if cursor.keyword() != b"UNCHANGEDSINCE":
            raise SyntaxFault("Unknown STORE modifier")
        cursor.space()
        unchanged_since = cursor.number64()
        cursor.need(b")")
        cursor.space()
    word = cursor.keyword()
    silent = word.endswith(b".SILENT")
    change = _CHANGES.get(word.removesuffix(b".SILENT"))
    if change is None:
        raise SyntaxFault("Expected FLAGS, +FLAGS or -FLAGS")
    cursor.space()
    if cursor.peek() == b"(":
        flags = cursor.flag_list()
    else:
        listed = [cursor.flag()]
        while not cursor.at_end():
            cursor.space()
            listed.append(cursor.flag())
        flags = tuple(listed)
    cursor.end()
    return Store(messages, change, _bounded(flags), silent, by_uid, unchanged_since)


_CHANGES = {b"FLAGS": Change.REPLACE, b"+FLAGS": Change.ADD, b"-FLAGS": Change.REMOVE}


def _bounded(flags: tuple[str, ...]) -> tuple[str, ...]:
    if len(flags) > MAX_FLAGS:
        raise SyntaxFault("Too many flags")
    return flags


def parse_copy(cursor: Cursor, by_uid: bool) -> Copy:
    """copy = "COPY" SP sequence-set SP mailbox; move the same"""
    cursor.space()
    messages = cursor.sequence_set()
    cursor.space()
    mailbox = cursor.astring()
    cursor.end()
    return Copy(messages, mailbox, by_uid)


def parse_expunge(cursor: Cursor, by_uid: bool) -> Expunge:
    uids = None
    if by_uid:
        cursor.space()
        uids = cursor.sequence_set()
    cursor.end()
    return Expunge(uids)


def parse_get_quota(cursor: Cursor) -> GetQuota:
    cursor.space()
    root = cursor.astring()
    cursor.end()
    return GetQuota(root)
