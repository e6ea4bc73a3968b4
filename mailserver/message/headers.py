"""Header blocks: fields by name, unfolding, selection and editing, without ever changing what is not asked.

A block is the octets up to and with the blank line. Lines without a field name are no field, and belong to
none; a line that begins with white space belongs to the field before it.

Standards: RFC 5322 §2.2, §2.2.3, §3.6, §4.5 (obsolete white space before the colon).
Limits: field names to 100 octets; only the first MiB of a block is searched for fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

from mailserver.message.encoded_words import decode_words

HEADER_LIMIT = 1 << 20
VALUE_LIMIT = 1 << 16
# White space of raw values. In them A0 is no blank but may be the half of a letter ("à" is C3 A0), so neither
# `strip()` nor a Unicode `\s` must touch them.
BLANKS = " \t\r\n"

# field = field-name *WSP ":" unstructured CRLF, with FWS (RFC 5322 §2.2, §4.5)
_FIELD = re.compile(r"^([!-9;-~]{1,100})[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
_FIELD_OCTETS = re.compile(rb"^([!-9;-~]{1,100})[ \t]*:[^\n]*+(?:\n[ \t][^\n]*+)*+\n?", re.MULTILINE)
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,995}>", re.ASCII)

Fields = dict[str, str]


def parse_fields(block: str) -> Fields:
    """Raw values by lower-case name; of a field repeated against RFC 5322 §3.6 the first one counts."""
    return {name.lower(): value for name, value in reversed(_FIELD.findall(block))}


def fields_of(header: bytes) -> Fields:
    return parse_fields(header[:HEADER_LIMIT].decode("latin-1"))


def unfold(raw: str) -> str:
    """One line: the line ends of the folding go, its white space stays (RFC 5322 §2.2.3)."""
    if len(raw) > VALUE_LIMIT:
        raw = raw[:VALUE_LIMIT]
    if "\n" in raw:
        raw = raw.replace("\r\n", "").replace("\n", "")
    return raw.strip(" \t\r")


def utf8_text(raw: str) -> str:
    """A raw value, or a part of one, as the text that its octets are (RFC 6532 §3.2)."""
    return raw if raw.isascii() else raw.encode("latin-1", "replace").decode("utf-8", "replace")


def find_field(header: bytes, name: str) -> str | None:
    """The unfolded raw value of the first field of that name."""
    pattern = re.compile(
        rb"^" + re.escape(name.encode("latin-1")) + rb"[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)",
        re.MULTILINE | re.IGNORECASE,
    )
    match = pattern.search(header[:HEADER_LIMIT])
    return unfold(match[1].decode("latin-1")) if match else None


def find_all(header: bytes, name: str) -> list[str]:
    """The unfolded raw values of all fields of that name, from the top."""
    wanted = name.lower()
    block = header[:HEADER_LIMIT].decode("latin-1")
    return [unfold(value) for found, value in _FIELD.findall(block) if found.lower() == wanted]


def text_of(header: bytes, name: str) -> str:
    """The field as a person reads it, empty when it is absent."""
    raw = find_field(header, name)
    return decode_words(raw) if raw else ""


def header_end(octets: bytes) -> int:
    """Where the body begins: after the blank line, or at the end when there is none."""
    if octets.startswith(b"\r\n"):
        return 2
    if octets.startswith(b"\n"):
        return 1
    crlf = octets.find(b"\n\r\n")
    bare = octets.find(b"\n\n", 0, crlf + 1 if crlf >= 0 else len(octets))
    if bare >= 0:
        return bare + 2
    return crlf + 3 if crlf >= 0 else len(octets)


def split(octets: bytes) -> tuple[bytes, bytes]:
    """(header block with its blank line, body)"""
    end = header_end(octets)
    return octets[:end], octets[end:]


def field_octets(header: bytes) -> list[tuple[str, bytes]]:
    """Every field as it stands, with its lower-case name, in order."""
    return [(match[1].decode("latin-1").lower(), match[0]) for match in _FIELD_OCTETS.finditer(header)]


def select_fields(header: bytes, names: Collection[str], *, but: bool = False) -> bytes:
    """Only the named fields (or all `but` them), as they stand, and the blank line (RFC 9051 §6.4.5
    HEADER.FIELDS).
    """
    wanted = {name.lower() for name in names}
    kept = [field for name, field in field_octets(header) if (name in wanted) is not but]
    if kept and not kept[-1].endswith(b"\n"):  # the header ended without a blank line
        kept.append(b"\r\n")
    return b"".join([*kept, b"\r\n"])


def remove_fields(octets: bytes, names: Collection[str]) -> bytes:
    """The message without the named fields; all else octet for octet as it was."""
    unwanted = {name.lower() for name in names}
    return remove_if(octets, lambda name, _: name in unwanted)


def remove_if(octets: bytes, is_unwanted: Callable[[str, bytes], bool]) -> bytes:
    """The message without the fields of which this is true, asked with the lower-case name and the whole field."""
    end = header_end(octets)
    pieces: list[bytes] = []
    position = 0
    for match in _FIELD_OCTETS.finditer(octets, 0, end):
        if is_unwanted(match[1].decode("latin-1").lower(), match[0]):
            pieces.append(octets[position : match.start()])
            position = match.end()
    if not pieces:
        return octets
    pieces.append(octets[position:])
    return b"".join(pieces)


def replace_field(header: bytes, name: str, index: int, new: bytes) -> bytes:
    """The block with its ``index``th field of that name, counted from 1, replaced; as it was where there is none."""
    places = [match.span() for match in _FIELD_OCTETS.finditer(header) if match[1].lower() == name.lower().encode()]
    if not 1 <= index <= len(places):
        return header
    start, end = places[index - 1]
    return header[:start] + new + header[end:]


def field_line(name: str, value: str) -> bytes:
    """One field of ours, ended by CRLF. Line ends in the value are blanked: no value can add a field."""
    safe = re.sub(r"[\r\n\x00]+", " ", value)
    return f"{name}: {safe}\r\n".encode()


def add_fields(octets: bytes, fields: Iterable[tuple[str, str]]) -> bytes:
    """The message with fields put on top of it, where trace fields belong (RFC 5322 §3.6.7)."""
    return b"".join([*(field_line(name, value) for name, value in fields), octets])


def message_ids(raw: str) -> list[str]:
    """The msg-ids of Message-ID, In-Reply-To or References, with their angle brackets (RFC 5322 §3.6.4)."""
    return _MESSAGE_ID.findall(unfold(raw))


def first_message_id(value: str) -> str:
    """The first of them in an unfolded value; empty if there is none."""
    found = _MESSAGE_ID.search(value)
    return found[0] if found is not None else ""
