"""A message as signatures see it: its fields as they stand, and the hash of its body in either canonical form.

The body is read once for all signatures that want the same form, and once more at the most; it may lie in a file, of
which only one piece is in memory at a time.

Standards: RFC 6376 §3.4 (canonicalisation), §3.7 (hashes).
Limits: a header block of up to 1 MiB and 10,000 fields.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Form = Literal["simple", "relaxed"]

LONGEST_HEADER = 1 << 20
MOST_FIELDS = 10_000
PIECE = 1 << 17

_NAME = re.compile(rb"([!-9;-~]++)[ \t]*:")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_RUN = re.compile(rb"  +")
_FOLD = re.compile(rb"\r\n(?=[^ \t])")
_BLANKS = re.compile(rb"[ \t]+")


@dataclass(frozen=True, slots=True)
class Field:
    """``octets`` with the CRLF that ends it; ``value_at`` is where the value begins, behind the colon."""

    name: str  # lower case; empty for a line that is no field
    octets: bytes
    value_at: int

    @property
    def value(self) -> bytes:
        return self.octets[self.value_at :]

    def canonical(self, form: Form) -> bytes:
        """RFC 6376 §3.4.1, §3.4.2, ended by CRLF."""
        return self.octets if form == "simple" else relaxed(self.name, self.value)


def relaxed(name: str, value: bytes) -> bytes:
    """A field in relaxed form (RFC 6376 §3.4.2), ended by CRLF; ``name`` in lower case."""
    text = _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.encode("latin-1") + b":" + text + b"\r\n"


@dataclass(frozen=True, slots=True)
class BodyDigest:
    """``length`` counts the octets of the canonical form, which ``l=`` is compared with."""

    digest: bytes
    length: int


class Message:
    """``fields`` from the top; ``body`` gives its pieces anew each time it is called."""

    def __init__(self, fields: tuple[Field, ...], body: Callable[[], Iterable[bytes]], fault: str = "") -> None:
        self.fields = fields
        self.fault = fault  # why no signature of it can be judged
        self._body = body
        self._digests: dict[Form, BodyDigest] = {}
        self._canonical: dict[tuple[int, Form], bytes] = {}

    def named(self, name: str) -> list[int]:
        """Where the fields of that name stand, from the top."""
        return [number for number, field in enumerate(self.fields) if field.name == name]

    def canonical(self, number: int, form: Form) -> bytes:
        """A field's canonical form, remembered: several signatures cover the same fields."""
        found = self._canonical.get((number, form))
        if found is None:
            found = self._canonical[number, form] = self.fields[number].canonical(form)
        return found

    def hash_body(self, forms: Collection[Form]) -> None:
        """Hash the body in all these forms at once: one pass, as far as it was not done before."""
        wanted = {form: BodyHash(form) for form in forms if form not in self._digests}
        if wanted:
            for piece in self._body():
                for one in wanted.values():
                    one.feed(piece)
            self._digests |= {form: one.finish() for form, one in wanted.items()}

    def digest_of_body(self, form: Form) -> BodyDigest:
        if form not in self._digests:
            self.hash_body((form,))
        return self._digests[form]


def read_message(octets: bytes | Path) -> Message:
    """A message in memory or in a file."""
    if isinstance(octets, bytes):
        end = _header_end(octets[: LONGEST_HEADER + 4])
        return _message(octets[:end], lambda: _pieces(octets, end))
    path = octets
    with path.open("rb") as file:
        start = file.read(LONGEST_HEADER + 4)
    end = _header_end(start)
    return _message(start[:end], lambda: _file_pieces(path, end))


def _message(block: bytes, body: Callable[[], Iterable[bytes]]) -> Message:
    fault = ""
    if len(block) > LONGEST_HEADER:
        fault = "the header is too large"
    elif block.count(b"\n") > MOST_FIELDS and sum(1 for _ in _FOLD.finditer(block)) > MOST_FIELDS:
        fault = "the header has too many fields"
    elif _BARE.search(block):
        # RFC 6376 §5.3: lines end in CRLF, else programs disagree on what a field is
        fault = "the header has a bare CR or LF"
    return Message(() if fault else read_fields(block), body, fault)


def _header_end(start: bytes) -> int:
    """Where the body begins: behind the first empty line; at the end when there is none."""
    if start.startswith(b"\r\n"):
        return 2
    found = start.find(b"\r\n\r\n")
    return found + 4 if found >= 0 else len(start)


def read_fields(block: bytes) -> tuple[Field, ...]:
    """The fields of a header block, with or without its empty line."""
    fields = []
    text = block[:-2] if block.endswith(b"\r\n\r\n") or block == b"\r\n" else block
    position = 0
    ends = [match.end() for match in _FOLD.finditer(text)]
    for end in [*ends, len(text)]:
        octets = text[position:end]
        position = end
        if not octets:
            continue
        if not octets.endswith(b"\r\n"):
            octets += b"\r\n"
        match = _NAME.match(octets)
        if match is None:
            fields.append(Field("", octets, 0))
        else:
            fields.append(Field(match[1].decode("ascii").lower(), octets, match.end()))
    return tuple(fields)


def _pieces(octets: bytes, start: int) -> Iterator[bytes]:
    for position in range(start, len(octets), PIECE):
        yield octets[position : position + PIECE]


def _file_pieces(path: Path, start: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while piece := file.read(PIECE):
            yield piece


class BodyHash:
    """The canonical body, hashed as it comes (RFC 6376 §3.4.3, §3.4.4).

    What is held back between two pieces is at most a blank and a CR, and the number of empty lines that may turn out
    to be the last: whatever the body is, memory stays small and each octet is looked at a fixed number of times.
    """

    def __init__(self, form: Form) -> None:
        self._relaxed = form == "relaxed"
        self._hash = hashlib.sha256()
        self._length = 0
        self._held = b""
        self._line_ends = 0

    def feed(self, piece: bytes) -> None:
        octets = self._held + piece
        self._held = b""
        if octets.endswith(b"\r"):
            octets, self._held = octets[:-1], b"\r"
        if self._relaxed:
            if b"\t" in octets:
                octets = octets.replace(b"\t", b" ")
            if b"  " in octets:
                octets = _RUN.sub(b" ", octets)
            if octets.endswith(b" "):
                octets, self._held = octets[:-1], b" " + self._held
            if b" \r\n" in octets:
                octets = octets.replace(b" \r\n", b"\r\n")
        self._take(octets)

    def _take(self, octets: bytes) -> None:
        """Everything up to the line ends at its end, which wait until something follows them."""
        kept = octets.rstrip(b"\r\n")
        tail = octets[len(kept) :]
        if tail:
            # pairs from the end on; a bare CR or LF is text like any other
            marked = tail.replace(b"\r\n", b"\0")
            text = marked.rstrip(b"\0")
            pairs = len(marked) - len(text)
            kept = octets[: len(octets) - 2 * pairs]
        else:
            pairs = 0
        if kept:
            self._emit_line_ends()
            self._emit(kept)
        self._line_ends += pairs

    def _emit(self, octets: bytes) -> None:
        self._hash.update(octets)
        self._length += len(octets)

    def _emit_line_ends(self) -> None:
        while self._line_ends:
            count = min(self._line_ends, PIECE)
            self._emit(b"\r\n" * count)
            self._line_ends -= count

    def finish(self) -> BodyDigest:
        # white space at the end of the last line goes, though no CRLF follows it
        if self._held and not (self._relaxed and self._held == b" "):
            self._take(self._held)
        if self._length or not self._relaxed:
            # what does not end in CRLF gets one; of empty lines one CRLF stays, but nothing of a relaxed empty body
            self._emit(b"\r\n")
        return BodyDigest(self._hash.digest(), self._length)
