"""Address lists of header fields: From, To, Cc and their like, in the four fields of IMAP's address
structure.

Names and local parts stay raw here (encoded-words not decoded, quoting removed).

Standards: RFC 5322 §3.4, §4.4 (obsolete forms, routes), RFC 6532 §3.2, RFC 9051 §7.5.2 (groups as markers).
Limits: 1,000 entries a field, 64 KiB of its value. What does not parse is kept as a mailbox without a domain.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mailserver.message.encoded_words import decode_words
from mailserver.message.headers import BLANKS, VALUE_LIMIT, unfold

ADDRESS_LIMIT = 1000


class Entry(NamedTuple):
    """One address. A group begins with its name as `local` and no domain, and ends with `GROUP_END`."""

    name: str | None
    route: str | None
    local: str | None
    domain: str | None


GROUP_END = Entry(None, None, None, None)

# The forms nearly all mail is made of: local@domain, <local@domain>, name <local@domain>, "name"
# <local@domain>
_ATOMS = r'[^\s()<>\[\]:;@\\,"]+'
_PLAIN = re.compile(
    rf'[\s,]*+(?:(?:"([^"\\]*+)"|([^()<>\[\]:;@\\,"]*+))\s*<\s*({_ATOMS})@({_ATOMS})\s*>|({_ATOMS})@({_ATOMS}))\s*(?:,|$)',
    re.ASCII,
)
_TOKEN = re.compile(
    r'(?P<space>[\s]++)|"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<literal>\[[^\[\]\\]*+\])|(?P<atom>[^\s()<>\[\]:;@\\,"]++)|(?P<special>.)',
    re.DOTALL | re.ASCII,
)
_DOT_ATOM = re.compile(_ATOMS, re.ASCII)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_PARENTHESIS = re.compile(r"[()]|\\.", re.DOTALL)


def parse_addresses(raw: str) -> list[Entry]:
    """The entries of a raw field value. Never raises."""
    value = unfold(raw)
    entries: list[Entry] = []
    position = 0
    end = len(value)
    while position < end:
        match = _PLAIN.match(value, position)
        if match is None:
            break
        quoted, phrase, local, domain, bare_local, bare_domain = match.groups()
        if bare_local is not None:
            entries.append(Entry(None, None, bare_local, bare_domain))
        else:
            name = (quoted if quoted is not None else phrase).strip(BLANKS)
            entries.append(Entry(name or None, None, local, domain))
        if len(entries) >= ADDRESS_LIMIT:
            return entries
        position = match.end()
    if position < end:
        _parse_slowly(value[position:VALUE_LIMIT], entries)
    return entries


class _Mailbox:
    """What has been read of one address so far."""

    def __init__(self) -> None:
        self.words: list[str] = []  # phrase or addr-spec, white space as single blanks
        self.comment = ""
        self.route: str | None = None
        self.angle: list[str] | None = None
        self.in_angle = False

    def is_empty(self) -> bool:
        return not self.comment and self.angle is None and not any(word.strip(BLANKS) for word in self.words)

    def entry(self) -> Entry:
        if self.angle is not None:
            local, domain = _split_address(self.angle)
            return Entry("".join(self.words).strip(BLANKS) or self.comment or None, self.route, local, domain)
        local, domain = _split_address(
            [word for word in self.words if word != " "] if "@" in self.words else self.words
        )
        return Entry(self.comment or None, None, local, domain)


def _split_address(words: list[str]) -> tuple[str, str]:
    # The domain stands behind the last "@"; without one it is empty, which is not None: None would mark a
    # group.
    for index in range(len(words) - 1, -1, -1):
        if words[index] == "@":
            return "".join(words[:index]).strip(BLANKS), "".join(words[index + 1 :]).strip(BLANKS)
    return "".join(words).strip(BLANKS), ""


def _parse_slowly(value: str, entries: list[Entry]) -> None:
    current = _Mailbox()
    in_group = False
    position = 0
    while position < len(value) and len(entries) < ADDRESS_LIMIT:
        match = _TOKEN.match(value, position)
        if match is None:
            break
        position = match.end()
        kind = match.lastgroup
        target = current.angle if current.in_angle and current.angle is not None else current.words
        if kind == "space":
            if not current.in_angle:
                target.append(" ")
        elif kind == "quoted":
            target.append(_ESCAPE.sub(r"\1", match["quoted"]))
        elif kind in ("atom", "literal"):
            target.append(match[0])
        else:
            special = match[0]
            if special == "(":
                comment, end = _comment(value, position)
                if end == position:  # never closed: drop all that follow, for looking on for each would be quadratic
                    value = value[:position] + value[position:].replace("(", " ")
                position = end
                current.comment = current.comment or comment
            elif special == '"':  # never closed
                value = value[:position] + value[position:].replace('"', " ")
            elif special == "<" and not current.in_angle:
                current.in_angle, current.angle = True, []
            elif special == ">":
                current.in_angle = False
            elif special == ":" and current.in_angle:  # obs-route, RFC 5322 §4.4
                route = "".join(current.angle or [])
                current.route = route if route.startswith("@") else None
                current.angle = []
            elif special == "," and current.in_angle and (current.angle or ["@"])[0] == "@":
                target.append(special)  # inside an obs-route
            elif special == ",":
                if not current.is_empty():
                    entries.append(current.entry())
                current = _Mailbox()
            elif special == ":" and not in_group:
                entries.append(Entry(None, None, "".join(current.words).strip(BLANKS), None))
                current, in_group = _Mailbox(), True
            elif special == ";":
                if not current.is_empty():
                    entries.append(current.entry())
                if in_group:
                    entries.append(GROUP_END)
                current, in_group = _Mailbox(), False
            else:
                target.append(special)
    if not current.is_empty() and len(entries) < ADDRESS_LIMIT:
        entries.append(current.entry())
    if in_group:
        entries.append(GROUP_END)


def _comment(value: str, position: int) -> tuple[str, int]:
    """The text of a comment that opened just before `position`, and where it ends. Comments nest (RFC 5322
    §3.2.2).
    """
    start = position
    depth = 1
    for match in _PARENTHESIS.finditer(value, position):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if depth == 0:
                return _ESCAPE.sub(r"\1", value[start : match.start()]).strip(BLANKS), match.end()
    return "", position  # never closed: only the parenthesis is dropped


def address_text(entry: Entry) -> str:
    """local@domain as a person reads it; empty for a group marker."""
    if entry.local is None or entry.domain is None:
        return ""
    local = entry.local
    if entry.domain and not _DOT_ATOM.fullmatch(local):  # what needed its quotes gets them back
        escaped = local.replace("\\", "\\\\").replace('"', '\\"')
        local = f'"{escaped}"'
    text = f"{local}@{entry.domain}" if entry.domain else local
    return text if text.isascii() and text.isprintable() else decode_words(text)


def shown_address(entry: Entry) -> str:
    """The same, and the name of a group where one begins."""
    if entry.domain is None and entry.local is not None:
        return f"{decode_words(entry.local)}:"
    return address_text(entry)


def display_list(entries: list[Entry], texts: list[str]) -> str:
    """What is shown of a field's entries as one text: ``A <a@b>, Group: c@d;``"""
    pieces: list[str] = []
    for entry, text in zip(entries, texts, strict=True):
        if entry == GROUP_END:
            pieces.append(";")
        elif text:
            after_marker = not pieces or pieces[-1].endswith(":")
            pieces.append(text if not pieces else f" {text}" if after_marker else f", {text}")
    return "".join(pieces)


def mailboxes(entries: list[Entry]) -> list[Entry]:
    """The entries that are addresses, without the markers of groups."""
    return [entry for entry in entries if entry.domain is not None]
