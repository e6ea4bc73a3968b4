"""ENVELOPE as octets ready to be sent, and the address fields it is made of, in all the forms that are asked of them.

What is written is always 7-bit: raw 8-bit header text becomes encoded-words, control characters become blanks.  After
that a quoted string can hold everything, so that no literal is ever needed.

Standards: RFC 9051 §7.5.2, §9; RFC 3501 §7.4.2; RFC 2047.
Limits: strings are cut at 8 KiB; the number of addresses is capped where they are parsed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from directory.words.names import fold
from mailserver.message.addresses import Entry, display_list, parse_addresses, shown_address
from mailserver.message.encoded_words import decode_words, seven_bit
from mailserver.message.headers import Fields, unfold
from mailserver.message.subject import casemap

STRING_LIMIT = 8192
# Where an address has no domain, NIL would say "group" (RFC 9051 §7.5.2); clients know this word from
# Dovecot.
MISSING_DOMAIN = "MISSING_DOMAIN"
MISSING_MAILBOX = "MISSING_MAILBOX"

_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


def quoted(text: str) -> str:
    """An IMAP quoted string; `text` is ASCII."""
    if not text.isprintable():
        text = _UNSAFE.sub(" ", text)
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if '"' in text:
        text = text.replace('"', '\\"')
    return f'"{text}"'


def nstring(raw: str | None) -> str:
    return "NIL" if raw is None else quoted((raw if raw.isascii() else seven_bit(raw))[:STRING_LIMIT])


def header_string(raw: str | None) -> str:
    """An nstring from a raw field value: NIL when the field is absent."""
    return "NIL" if raw is None else nstring(unfold(raw))


class _Name(NamedTuple):
    """The name of an address entry."""

    form: str
    text: str
    folded: str


class _Address(NamedTuple):
    """The rest of an entry; ``form`` is what follows the name in an address structure."""

    form: str
    text: str
    folded: str
    sort_key: str


def _name(name: str) -> _Name:
    text = decode_words(name)
    return _Name(nstring(name), text, fold(text))


def _address(route: str | None, local: str | None, domain: str | None) -> _Address:
    if domain is None:  # a marker of a group's begin or end
        form = f"NIL {nstring(local)} NIL"
    else:
        form = f"{nstring(route)} {nstring(local or MISSING_MAILBOX)} {nstring(domain or MISSING_DOMAIN)}"
    text = shown_address(Entry(None, route, local, domain))
    return _Address(form, text, fold(text), casemap(decode_words(local or "")))


# The same people write and are written to all day.  What is longer is not remembered, nor what stands in long fields,
# so that no mail can fill the memory or drive others out of it; and as they are only fields of one.
_KNOWN, _KNOWN_FIELD = 300, 2000
_SEPARATOR = re.compile("[,;]")
_known_name = lru_cache(maxsize=4096)(_name)
_known_address = lru_cache(maxsize=8192)(_address)


class People:
    """An address field, parsed once for ENVELOPE, lists, search and sorting.

    ``name``, ``address`` and ``sort_key`` are of the first entry.
    """

    __slots__ = ("_entries", "_texts", "address", "folded", "form", "name", "sort_key")

    def __init__(self, raw: str) -> None:
        self._entries = entries = parse_addresses(raw)
        may_be_known = len(raw) <= _KNOWN_FIELD
        self._texts = texts = list[str]()
        self.name = self.address = self.sort_key = ""
        forms: list[str] = []
        folded: list[str] = []
        for entry in entries:
            known = may_be_known and sum(map(len, filter(None, entry))) <= _KNOWN
            name, route, local, domain = entry
            where = (_known_address if known else _address)(route, local, domain)
            if not forms:
                self.address, self.sort_key = where.text if domain is not None else "", where.sort_key
            if name is None:
                forms.append(f"(NIL {where.form})")
                texts.append(where.text)
                folded.append(where.folded)
                continue
            who = (_known_name if known else _name)(name)
            if not forms:
                self.name = who.text
            forms.append(f"({who.form} {where.form})")
            texts.append(f"{who.text} <{where.text}>" if where.text else who.text)
            folded.append(f"{who.folded} <{where.folded}>" if where.text else who.folded)
        self.form = f"({''.join(forms)})" if forms else "NIL"
        self.folded = " ".join(filter(None, folded))

    def text(self) -> str:
        """As a person reads it: ``Name <a@b>, …``"""
        return self._texts[0] if len(self._texts) == 1 else display_list(self._entries, self._texts)


_NOBODY = People("")
_known_people = lru_cache(maxsize=2048)(People)


def people(raw: str | None) -> People:
    """By a raw field value."""
    if raw is None:
        return _NOBODY
    return _known_people(raw) if len(raw) <= _KNOWN and not _SEPARATOR.search(raw) else People(raw)


class Correspondents(NamedTuple):
    author: People
    sender: People
    reply_to: People
    to: People
    cc: People
    bcc: People


def correspondents(fields: Fields) -> Correspondents:
    """Who is named in the header."""
    get = fields.get
    return Correspondents(
        people(get("from")),
        people(get("sender")),
        people(get("reply-to")),
        people(get("to")),
        people(get("cc")),
        people(get("bcc")),
    )


def envelope(fields: Fields, named: Correspondents) -> str:
    """The ENVELOPE of a message by its raw header fields."""
    get = fields.get
    author, sender, reply_to = named.author.form, named.sender.form, named.reply_to.form
    # RFC 9051 §7.5.2: an absent or empty Sender or Reply-To is the same as From.
    return (
        f"({header_string(get('date'))} {header_string(get('subject'))} {author} "
        f"{author if sender == 'NIL' else sender} {author if reply_to == 'NIL' else reply_to} "
        f"{named.to.form} {named.cc.form} {named.bcc.form} "
        f"{header_string(get('in-reply-to'))} {header_string(get('message-id'))})"
    )
