"""Values → the octets of IMAP's answers, and the one table that turns a refusal into a response code.

Standards: RFC 9051 §7, §9; RFC 5530 (response codes), RFC 4731 (ESEARCH), RFC 4469 §4.2 (TOOBIG).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from mailserver.imap.grammar import mutf7
from mailserver.refusals import (
    CannotDo,
    LimitReached,
    MailboxExists,
    MalformedMessage,
    NoSuchMailbox,
    NoSuchMessage,
    NotPermitted,
    OverQuota,
    Refusal,
    TooLarge,
    TryLater,
)

# url-resp-text of RFC 4469 §5 is free of "]", and nothing of a client's may end a line of ours.
_NOT_IN_CODE = re.compile(rb"[^\x20-\x5c\x5e-\x7e]")

# Reasons that only this protocol tells apart.


class NoSuchTarget(NoSuchMailbox):
    """The mailbox to append, copy or move to is not there: the client may create it and try again."""


class HasChildren(CannotDo):
    default_text = "The mailbox has mailboxes below it"


class UseRefused(CannotDo):
    default_text = "That special use cannot be given, or another mailbox has it"


class ReadOnly(NotPermitted):
    default_text = "The mailbox is open for reading only"


class Expunged(Refusal):
    """A message addressed by its number is gone, and this client has not been told yet (RFC 2180 §4)."""

    default_text = "Some of the messages no longer exist: they have been deleted"


class UnknownCharset(Refusal):
    default_text = "Charset is not supported"


class UnknownEncoding(Refusal):
    default_text = "The part's transfer encoding cannot be undone"


class BadUrl(Refusal):
    """A URL of CATENATE that names nothing that this session can read (RFC 4469 §4.1)."""

    default_text = "The URL names no message here"

    def __init__(self, url: bytes, client_text: str = "") -> None:
        super().__init__(client_text)
        self.code = b"BADURL " + _NOT_IN_CODE.sub(b"?", url)[:1000]


class TooMany(Refusal):
    """More messages than one command may work on (RFC 9738 §3.1)."""

    default_text = "Too many messages; try with fewer"

    def __init__(self, code: bytes) -> None:
        super().__init__()
        self.code = code


class PrivacyRequired(Refusal):
    default_text = "Use TLS first"


# Which response code a refusal gets (RFC 9051 §7.1).
REFUSALS: dict[type[Refusal], bytes] = {
    NoSuchTarget: b"TRYCREATE",
    HasChildren: b"HASCHILDREN",
    UseRefused: b"USEATTR",  # RFC 6154 §3
    ReadOnly: b"READ-ONLY",
    Expunged: b"EXPUNGEISSUED",
    UnknownCharset: b"BADCHARSET (UTF-8 US-ASCII)",
    UnknownEncoding: b"UNKNOWN-CTE",
    PrivacyRequired: b"PRIVACYREQUIRED",
    NoSuchMailbox: b"NONEXISTENT",
    NoSuchMessage: b"NONEXISTENT",
    MailboxExists: b"ALREADYEXISTS",
    OverQuota: b"OVERQUOTA",
    NotPermitted: b"NOPERM",
    CannotDo: b"CANNOT",
    MalformedMessage: b"CANNOT",
    LimitReached: b"LIMIT",
    TooLarge: b"TOOBIG",
    TryLater: b"UNAVAILABLE",
    Refusal: b"",
}


def refusal_code(refusal: Refusal) -> bytes:
    """The code of the nearest class in the table; empty for none."""
    if isinstance(refusal, BadUrl | TooMany):
        return refusal.code
    for kind in type(refusal).__mro__:
        if kind in REFUSALS:
            return REFUSALS[kind]
    raise TypeError(f"{type(refusal).__name__} is not a refusal")


_ATOM = re.compile(rb"[A-Za-z0-9._-]{1,100}\Z")
# What may stand in a quoted string as it is: TEXT-CHAR but quoted-specials.
_PLAIN = re.compile(rb"[\x20-\x21\x23-\x5b\x5d-\x7e]*\Z")
_QUOTABLE = re.compile(rb"[\x20-\x7e]*\Z")
_QUOTABLE_UTF8 = re.compile(rb"[\x20-\x7e\x80-\xff]*\Z")
# resp-text goes to the end of the line; a control character could forge another.
_NOT_TEXT = re.compile(r"[^\x20-\x7e]")
_MAX_QUOTED = 1000


def quoted(octets: bytes, utf8: bool = False) -> bytes:
    """string: quoted where possible, else a literal."""
    if len(octets) <= _MAX_QUOTED:
        if _PLAIN.match(octets):
            return b'"' + octets + b'"'
        if (_QUOTABLE_UTF8 if utf8 else _QUOTABLE).match(octets):
            return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(octets), octets)


def nstring(octets: bytes | None, utf8: bool = False) -> bytes:
    return b"NIL" if octets is None else quoted(octets, utf8)


def astring(octets: bytes) -> bytes:
    """A word that needs no quotes as it is."""
    return octets if _ATOM.match(octets) else quoted(octets)


def mailbox_name(name: str, utf8: bool) -> bytes:
    """A mailbox name as this session spells it: UTF-8, or modified UTF-7 (RFC 3501 §5.1.3)."""
    if name == "INBOX":
        return b"INBOX"
    return quoted(name.encode("utf-8") if utf8 else mutf7.encode(name), utf8)


@lru_cache(maxsize=256)
def _text(text: str) -> bytes:
    return (_NOT_TEXT.sub("?", text)[:500] or "-").encode("ascii")


def _status(lead: bytes, code: bytes, text: str) -> bytes:
    return b"%b[%b] %b\r\n" % (lead, code, _text(text)) if code else b"%b%b\r\n" % (lead, _text(text))


def ok(tag: bytes, text: str, code: bytes = b"") -> bytes:
    return _status(tag + b" OK ", code, text)


def no(tag: bytes, text: str, code: bytes = b"") -> bytes:
    return _status(tag + b" NO ", code, text)


def bad(tag: bytes, text: str, code: bytes = b"") -> bytes:
    return _status((tag or b"*") + b" BAD ", code, text)


def bye(text: str, code: bytes = b"") -> bytes:
    return _status(b"* BYE ", code, text)


CONTINUE = b"+ OK\r\n"
UNTAGGED = b"*"


def flag_list(names: Iterable[str]) -> bytes:
    return b"(" + " ".join(names).encode("ascii") + b")"


def range_set(ranges: Iterable[tuple[int, int]]) -> bytes:
    """Inclusive ranges as a set: (3, 5), (9, 9) → 3:5,9."""
    return b",".join([b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ranges])


def number_set(numbers: Sequence[int]) -> bytes:
    """Numbers in their order as a set, runs that ascend by one as ranges: 3 4 5 9 → 3:5,9."""
    if not numbers:
        return b""
    pieces = []
    first = last = numbers[0]
    for number in numbers[1:]:
        if number == last + 1:
            last = number
            continue
        pieces.append(b"%d" % first if first == last else b"%d:%d" % (first, last))
        first = last = number
    pieces.append(b"%d" % first if first == last else b"%d:%d" % (first, last))
    return b",".join(pieces)
