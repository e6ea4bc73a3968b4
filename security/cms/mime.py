"""MIME as far as S/MIME needs it: entities as slices of the octets they came in, and what is CMS among them.

Nothing is ever written out again: a signature is over octets, so a part is where its delimiters say, to the octet.
Wherever two programs could find two structures (two Content-Types, a parameter twice, a boundary in pieces), the
entity is ``unclear`` and carries no signature for us.

Standards: RFC 2045 §5.1, §6; RFC 2046 §5.1.1 (delimiters); RFC 1847 §2.1; RFC 8551 §3.2, §3.10 (what is S/MIME).
Limits: 256 KiB of header, 2,000 fields, 1,000 parts in all, 16 multiparts in one another.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from security.cms.reasons import CmsFault, Reason, malformed

LONGEST_HEADER = 256 << 10
MOST_FIELDS = 2_000
MOST_PARTS = 1_000
DEEPEST = 16
_MOST_MISSES = 10_000
_PIECE = 96 << 10

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:((?:[^\r\n]|\r(?!\n)|\r?\n[ \t])*+)")
_FIELD_START = re.compile(rb"^(?![ \t\r\n])", re.MULTILINE)
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_ATOM = r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+"  # RFC 2045 §5.1
_TYPE = re.compile(rf"\s*({_ATOM}/{_ATOM})\s*")
_PARAMETER = re.compile(rf';\s*({_ATOM})\s*=\s*("(?:[^"\\]|\\.)*+"|[^\s;"]++)\s*')
_QUOTED_PAIR = re.compile(r"\\(.)")
_LINE_END = re.compile(rb"[ \t]*\r?\n|[ \t]*\Z")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_ALPHABET))

_SIGNATURE_TYPES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_CMS_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
# .p7s is a signature, which says something only beside what it signs.
_SUFFIXES = (".p7m", ".p7c", ".p7z")


# Which part of which part, from the root, counted from 1.
Place = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """``octets`` with the line end; ``value`` unfolded."""

    name: str  # lower case; empty for a line that is no field
    octets: bytes
    value: str


@dataclass(frozen=True, slots=True)
class ContentType:
    type: str = "text/plain"  # lower case
    parameters: dict[str, str] = field(default_factory=dict)
    is_clear: bool = True


@dataclass(frozen=True)
class Entity:
    """``source[start:end]``; the body begins at ``body_start``."""

    source: bytes
    start: int
    body_start: int
    end: int
    fields: tuple[Field, ...]

    @property
    def octets(self) -> memoryview:
        return memoryview(self.source)[self.start : self.end]

    @property
    def body(self) -> memoryview:
        return memoryview(self.source)[self.body_start : self.end]

    def values(self, name: str) -> list[str]:
        return [each.value for each in self.fields if each.name == name]

    @cached_property
    def content_type(self) -> ContentType:
        values = self.values("content-type")
        if not values:
            return ContentType()
        read = _read_type(values[0])
        return read if len(values) == 1 else ContentType(read.type, read.parameters, is_clear=False)

    @property
    def encoding(self) -> str:
        return next((value.strip().lower() for value in self.values("content-transfer-encoding")), "")

    @property
    def is_clear(self) -> bool:
        """Whether every program finds the same in it."""
        return self.content_type.is_clear and len(self.values("content-transfer-encoding")) <= 1

    def require_clear(self) -> None:
        if not self.is_clear:
            raise CmsFault(Reason.AMBIGUOUS, "an entity whose type or encoding can be read in two ways")

    def parts(self) -> list[Entity]:
        """The parts of a multipart, without what stands before, between and behind them."""
        self.require_clear()
        boundary = self.content_type.parameters.get("boundary", "").encode("latin-1", "replace")
        if not boundary:
            raise CmsFault(Reason.AMBIGUOUS, "a multipart without a boundary")
        found: list[Entity] = []
        begin: int | None = None
        for delimiter, after, is_last in self._delimiters(b"--" + boundary):
            if begin is not None:
                if len(found) == MOST_PARTS:
                    raise CmsFault(Reason.TOO_LARGE, f"more than {MOST_PARTS} parts")
                found.append(read_entity(self.source, begin, max(begin, delimiter)))
            begin = None if is_last else after
            if is_last:
                break
        if begin is not None:
            found.append(read_entity(self.source, begin, self.end))
        return found

    @property
    def is_closed(self) -> bool:
        """Whether a multipart ends with its last delimiter, and nothing but blanks behind it."""
        boundary = self.content_type.parameters.get("boundary", "").encode("latin-1", "replace")
        last = self.source.rfind(b"--" + boundary + b"--", self.body_start, self.end)
        return last >= 0 and not self.source[last + len(boundary) + 4 : self.end].strip()

    def _delimiters(self, marker: bytes) -> Iterator[tuple[int, int, bool]]:
        """Where each begins (with the line end before it) and ends, and whether it is the last (RFC 2046 §5.1.1)."""
        at, misses = self.body_start, 0
        while (found := self._line_start(marker, at)) >= 0:
            at = found + len(marker)
            is_last = self.source[at : at + 2] == b"--"
            line_end = _LINE_END.match(self.source, at + 2 if is_last else at, self.end)
            if line_end is None:  # a longer boundary that begins like ours
                misses += 1
                if misses > _MOST_MISSES:
                    raise CmsFault(Reason.TOO_LARGE, "too many lines that are almost delimiters")
                continue
            delimiter = found
            if delimiter > self.body_start:
                delimiter -= 2 if self.source[found - 2 : found] == b"\r\n" else 1
            yield delimiter, line_end.end(), is_last
            at = max(at, line_end.end() - 1)

    def _line_start(self, marker: bytes, at: int) -> int:
        """Where the next line begins with it; -1: none does."""
        if at == self.body_start and self.source.startswith(marker, at, self.end):
            return at
        found = self.source.find(b"\n" + marker, at, self.end)
        return found + 1 if found >= 0 else -1


def walk(entity: Entity, *, stops_at: Callable[[Entity], bool] = lambda _: False) -> Iterator[tuple[Place, Entity]]:
    """The entity and all parts within its multiparts, each before its own.  A message inside is another message.

    ``stops_at``: what is not gone into.  Raises CmsFault at what cannot be taken apart.
    """
    waiting: list[tuple[Place, Entity]] = [((), entity)]
    count = 0
    while waiting:
        place, each = waiting.pop()
        count += 1
        if count > MOST_PARTS:
            raise CmsFault(Reason.TOO_LARGE, f"more than {MOST_PARTS} parts")
        yield place, each
        if each.content_type.type.startswith("multipart/") and not stops_at(each):
            if len(place) == DEEPEST:
                raise CmsFault(Reason.TOO_LARGE, f"more than {DEEPEST} multiparts in one another")
            parts = list(enumerate(each.parts(), 1))
            waiting += [((*place, number), part) for number, part in reversed(parts)]


def read_entity(source: bytes, start: int = 0, end: int | None = None) -> Entity:
    end = len(source) if end is None else end
    if source.startswith((b"\r\n", b"\n"), start, end):
        return Entity(source, start, start + (2 if source.startswith(b"\r\n", start) else 1), end, ())
    found = _HEADER_END.search(source, start, min(end, start + LONGEST_HEADER))
    if found is None and end - start > LONGEST_HEADER:
        raise CmsFault(Reason.TOO_LARGE, "the header is too large")
    header_end, body_start = (end, end) if found is None else (found.start(), found.end())
    return Entity(source, start, body_start, end, _read_fields(source[start:header_end]))


def _read_fields(block: bytes) -> tuple[Field, ...]:
    if not block:
        return ()
    if not block.endswith(b"\n"):
        block += b"\r\n"
    starts = [match.start() for match in _FIELD_START.finditer(block) if match.start() < len(block)]
    if len(starts) > MOST_FIELDS:
        raise CmsFault(Reason.TOO_LARGE, f"more than {MOST_FIELDS} fields")
    if not starts or starts[0] > 0:
        starts.insert(0, 0)  # it begins with what continues nothing
    fields = []
    for begin, end in zip(starts, [*starts[1:], len(block)], strict=True):
        octets = block[begin:end]
        match = _FIELD.match(octets)
        if match is None:
            fields.append(Field("", octets, ""))
        else:
            value = _FOLD.sub("", match[2].decode("utf-8", "surrogateescape")).strip(" \t")
            fields.append(Field(match[1].decode("ascii").lower(), octets, value))
    return tuple(fields)


def _read_type(value: str) -> ContentType:
    match = _TYPE.match(value)
    if match is None:
        return ContentType("application/octet-stream", is_clear=False)
    parameters: dict[str, str] = {}
    is_clear, at = True, match.end()
    while (parameter := _PARAMETER.match(value, at)) is not None:
        name, text = parameter[1].lower(), parameter[2]
        if text.startswith('"'):
            text = _QUOTED_PAIR.sub(r"\1", text[1:-1])
        # RFC 2231 §3, §4: a boundary in pieces or with a charset, which some put together and some do not
        is_clear = (
            is_clear and name not in parameters and not name.startswith(("boundary*", "protocol*", "smime-type*"))
        )
        parameters.setdefault(name, text)
        at = parameter.end()
    return ContentType(match[1].lower(), parameters, is_clear and not value[at:].strip("; \t"))


def is_signature(entity: Entity) -> bool:
    """Whether it is a detached signature."""
    return entity.content_type.type in _SIGNATURE_TYPES or (
        entity.content_type.type == "application/octet-stream" and _file_name(entity).endswith(".p7s")
    )


def is_multipart_signed(entity: Entity) -> bool:
    """RFC 8551 §3.10; other protocols, like PGP's, are none of ours."""
    if entity.content_type.type != "multipart/signed":
        return False
    protocol = entity.content_type.parameters.get("protocol", "").lower()
    return not protocol or protocol in _SIGNATURE_TYPES


def is_cms(entity: Entity) -> bool:
    """RFC 8551 §3.10: by type; octet streams by the suffix of their name."""
    if entity.content_type.type in _CMS_TYPES:
        return True
    return entity.content_type.type == "application/octet-stream" and _file_name(entity).endswith(_SUFFIXES)


def _file_name(entity: Entity) -> str:
    name = entity.content_type.parameters.get("name", "")
    for value in entity.values("content-disposition"):
        name = _read_type(f"a/{value.strip()}").parameters.get("filename", name)
    return name.lower()


def decoded(entity: Entity) -> Iterator[bytes]:
    """The body without its transfer encoding, in pieces."""
    source, at, end = entity.source, entity.body_start, entity.end
    if entity.encoding == "quoted-printable":
        yield quopri.decodestring(source[at:end])
    elif entity.encoding in ("binary", "8bit") or (entity.encoding != "base64" and source[at : at + 1] == b"\x30"):
        for begin in range(at, end, _PIECE):
            yield source[begin : min(begin + _PIECE, end)]
    else:
        yield from _from_base64(source, at, end)


def _from_base64(source: bytes, at: int, end: int) -> Iterator[bytes]:
    """RFC 2045 §6.8: whatever is not of the alphabet is passed over; the first padding ends it."""
    held = b""
    for begin in range(at, end, _PIECE):
        text = held + source[begin : min(begin + _PIECE, end)].translate(None, _NOT_BASE64)
        padding = text.find(b"=")
        if padding >= 0:
            held = text[:padding]
            break
        whole = len(text) & ~3
        yield binascii.a2b_base64(text[:whole])
        held = text[whole:]
    whole = len(held) & ~3
    yield binascii.a2b_base64(held[:whole])
    if len(held) - whole == 1:
        raise malformed("base64 that ends within an octet")
    if len(held) > whole:
        yield binascii.a2b_base64(held[whole:] + b"=" * (4 - len(held) + whole))


def count_bare(source: bytes, start: int, end: int) -> tuple[int, int]:
    """How many CR and LF there are that are not one line end."""
    pairs = source.count(b"\r\n", start, end)
    return source.count(b"\r", start, end) - pairs, source.count(b"\n", start, end) - pairs


def with_crlf(octets: bytes) -> bytes:
    """RFC 8551 §3.1.1: an LF alone becomes CRLF; whatever else there is stays."""
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def is_ascii(source: bytes | memoryview, start: int, end: int) -> bool:
    return all(bytes(source[at : min(at + _PIECE, end)]).isascii() for at in range(start, end, _PIECE))


def to_base64(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """In lines of 76 characters (RFC 2045 §6.8), each ended by CRLF."""
    held = b""
    for piece in pieces:
        for at in range(0, len(piece), _PIECE):
            held += piece[at : at + _PIECE]
            whole = len(held) // 57 * 57
            yield _lines(held[:whole])
            held = held[whole:]
    yield _lines(held)


def _lines(octets: bytes) -> bytes:
    text = binascii.b2a_base64(octets, newline=False)
    lines = [text[at : at + 76] for at in range(0, len(text), 76)]
    return b"\r\n".join([*lines, b""])
