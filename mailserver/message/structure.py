"""The MIME tree of a message as octet offsets, found in one pass over the buffer.

`scan` looks for candidate lines (``LF "--"``) with the buffer's own `find` and asks a table of the boundaries
that are open; no line of a body is touched in Python. Whatever the octets, the result is a tree in which
every part lies inside its parent, and parts follow each other without overlapping.

Rules for what is malformed, all of them free of exceptions:

- A line ends at LF; a CR before it belongs to the line end, a CR alone is an ordinary octet. NUL is one too.
- A header block ends with the first blank line. Without one the whole part is header and its body is empty.
- A delimiter line is ``--boundary`` or ``--boundary--`` and nothing but blanks behind it (RFC 2046 §5.1.1).
  Its line end in front belongs to it.
- A multipart without a boundary, or in which it never appears, is one text/plain part: nothing is hidden.
- A delimiter ends everything opened inside its multipart; a multipart whose close delimiter is missing ends
  where its parent does (RFC 2046 §5.1.2).
- A boundary used again inside its own multipart belongs to the innermost one until that is closed.
- Beyond 100 levels and 10,000 parts nothing more is taken apart: such a part is opaque
  (application/octet-stream).
- message/rfc822 in base64 or quoted-printable (RFC 2046 §5.2.1 forbids it) is not taken apart.

Standards: RFC 2045, RFC 2046 §5.1, §5.2; RFC 6532 §3.7 (message/global); RFC 9051 §6.4.5.1 (part numbers).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from mmap import mmap
from typing import Any

from mailserver.message.headers import HEADER_LIMIT, Fields, parse_fields
from mailserver.message.media import DEFAULT_TYPE, MimeHeader, mime_header, part_header

DEPTH_LIMIT = 100
PART_LIMIT = 10_000
_DELIMITER_LIMIT = 2100  # longest delimiter line that is looked at: boundary, closing hyphens, some padding
_CACHED_BLOCK = 300  # header blocks up to this size are worth remembering
_COPY_LIMIT = 16 << 20  # a mapped file up to this size is copied once, because bytes can count and mmap cannot
_PATIENCE = 2000  # candidate lines looked at one by one before it pays to compile a pattern
_COUNT_CHUNK = 1 << 20
_ENCODED = frozenset({"base64", "quoted-printable"})
_OPAQUE = "application/octet-stream"


@dataclass(slots=True)
class Part:
    """One node of the tree; offsets count from the first octet of the whole message.

    A multipart has its parts in `parts`; a message/rfc822 part has the enclosed message as its only one. That
    enclosed message is a node of its own (with the header of that message) but has no part number of its own.
    """

    media_type: str
    encoding: str
    charset: str
    filename: str
    disposition: str
    content_id: str
    header_start: int
    body_start: int
    end: int
    lines: int
    parts: list[Part]
    mime: MimeHeader | None = None
    fields: Fields | None = None  # raw header fields, kept by `scan` for messages only

    @property
    def is_multipart(self) -> bool:
        return self.media_type.startswith("multipart/")

    @property
    def is_message(self) -> bool:
        return bool(self.parts) and self.media_type.startswith("message/")

    @property
    def header_size(self) -> int:
        return self.body_start - self.header_start

    @property
    def size(self) -> int:
        """Octets of the body, in its transfer encoding."""
        return self.end - self.body_start

    def walk(self) -> Iterator[Part]:
        """This part and all within, in the order of the message."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.parts))


class _Scan:
    def __init__(self, octets: bytes | mmap) -> None:
        self.octets = octets
        self.size = len(octets)
        self.find = octets.find
        self.path: list[Part] = []  # open parts, the message first
        self.active: dict[bytes, int] = {}  # open boundaries: where in the path their multipart stands
        self.shadowed: list[tuple[int, bytes, int]] = []  # reused boundaries: (inner place, boundary, outer place)
        self.count = 0
        self.misses = 0  # candidate lines since the last delimiter that were none
        self.pattern: re.Pattern[bytes] | None = None
        self.header_was_cut = False  # of the part opened last
        self._deepest = -1  # place of the innermost multipart whose boundary is open
        self._crlf_blank = -1
        self._bare_blank = -1

    def run(self) -> Part:
        root = self.open_part(0, DEFAULT_TYPE, is_message=True)
        active, find, size, octets = self.active, self.find, self.size, self.octets
        position = self.path[-1].body_start - 1
        while active and self.count < PART_LIMIT:
            if len(active) == 1:
                ((boundary, place),) = active.items()
                hit = find(b"\n--" + boundary, position)
                line_end = hit + 4 + len(boundary)
                if hit >= 0 and octets[line_end - 1 : line_end + 1] == b"\r\n":  # as nearly all of them are
                    self.misses = 0
                    self.close_to(place, hit)
                    position = self.open_child(place, line_end)
                    continue
            elif self.misses < _PATIENCE:
                hit = find(b"\n--", position)
            else:
                hit = self._search(position)
            if hit < 0:
                break
            line_end = find(b"\n", hit + 3)
            if line_end < 0:
                line_end = size
            place, closes = self._delimiter(octets[hit + 3 : min(line_end, hit + _DELIMITER_LIMIT)])
            if place < 0:
                position = line_end
                self.misses += 1
                continue
            self.misses = 0
            self.close_to(place, hit)
            if closes:
                self._forget(place)
                position = line_end
            else:
                position = self.open_child(place, line_end)
        self.close_to(-1, size, at_end=True)
        return root

    def _search(self, position: int) -> int:
        """The next delimiter line of any open boundary: for bodies full of lines that begin with hyphens."""
        if self.misses == _PATIENCE or self.pattern is None:
            self.misses += 1
            boundaries = b"|".join(map(re.escape, self.active))
            self.pattern = re.compile(rb"\n--(?:%b)(?:--)?[ \t\r]*+(?:\n|\Z)" % boundaries)
        match = self.pattern.search(self.octets, position)
        return match.start() if match else -1

    def _delimiter(self, line: bytes) -> tuple[int, bool]:
        line = line.rstrip(b" \t\r")
        place = self.active.get(line, -1)
        if place >= 0:
            return place, False
        if line.endswith(b"--"):
            return self.active.get(line[:-2], -1), True
        return -1, False

    def open_child(self, place: int, line_end: int) -> int:
        """Open the part behind a delimiter line; returns where to look on."""
        parent = self.path[place]
        default = "message/rfc822" if parent.media_type == "multipart/digest" else DEFAULT_TYPE
        part = self.open_part(min(line_end + 1, self.size), default)
        parent.parts.append(part)
        return self.path[-1].body_start - 1

    def open_part(self, start: int, default: str, *, is_message: bool = False) -> Part:
        """Read the header at `start` and put the part on the path, with the messages that begin inside it."""
        first: Part | None = None
        while True:
            self.count += 1
            self.header_was_cut = False
            body_start = self.header_end(start)
            block = self.octets[start : min(body_start, start + HEADER_LIMIT)].decode("latin-1")
            fields: Fields | None = None
            if is_message or len(block) > _CACHED_BLOCK or "oundary" in block:
                fields = parse_fields(block)
                mime = mime_header(fields, default)
            else:
                mime = part_header(block, default)
            media_type = mime.media_type
            part = Part(
                media_type, mime.encoding, mime.charset, mime.filename, mime.disposition, mime.content_id,
                start, body_start, self.size, 0, [], mime, fields if is_message else None,
            )  # fmt: skip
            if first is None:
                first = part
            else:
                self.path[-1].parts.append(part)
            self.path.append(part)
            if media_type.startswith("multipart/"):
                if len(self.path) >= DEPTH_LIMIT or self.count >= PART_LIMIT:
                    part.media_type = _OPAQUE
                elif mime.boundary and not self.header_was_cut:
                    self._remember(mime.boundary.encode("latin-1"), len(self.path) - 1)
                return first
            if media_type not in ("message/rfc822", "message/global") or mime.encoding in _ENCODED:
                return first
            if len(self.path) >= DEPTH_LIMIT or self.count >= PART_LIMIT:
                part.media_type = _OPAQUE
                return first
            start, default, is_message = body_start, DEFAULT_TYPE, True

    def _remember(self, boundary: bytes, place: int) -> None:
        if boundary in self.active:
            self.shadowed.append((place, boundary, self.active[boundary]))
        self.active[boundary] = self._deepest = place

    def _forget(self, place: int) -> None:
        """Close the boundaries of the multiparts from `place` on along the path."""
        if self._deepest < place:
            return
        active = self.active
        for boundary in [boundary for boundary, found in active.items() if found >= place]:
            del active[boundary]
        while self.shadowed and self.shadowed[-1][0] >= place:
            _, boundary, outer = self.shadowed.pop()
            if outer < place:
                active[boundary] = outer
        self._deepest = max(active.values(), default=-1)

    def close_to(self, place: int, position: int, *, at_end: bool = False) -> None:
        """End the parts inside the multipart at `place`; `position` is the LF before the delimiter line."""
        path = self.path
        if len(path) <= place + 1:
            return
        end = position if at_end else self._without_cr(position)
        if not at_end:
            self._forget(place + 1)
        while len(path) > place + 1:
            part = path.pop()
            # Two delimiters in a row share a line end: no part ends before it begins, and none before what it
            # holds.
            if end < part.body_start:
                part.body_start = end = max(end, part.header_start)
            part.end = end
            self._finish(part)

    def _without_cr(self, place: int) -> int:
        """Where the line ends whose LF stands at `place`."""
        return place - 1 if place > 0 and self.octets[place - 1 : place] == b"\r" else place

    def _finish(self, part: Part) -> None:
        media_type = part.media_type
        if media_type.startswith("multipart/"):
            if part.parts:
                return
            part.media_type = media_type = DEFAULT_TYPE
        if media_type.startswith(("text/", "message/")):
            octets, start, end = self.octets, part.body_start, part.end
            if isinstance(octets, bytes):
                part.lines = octets.count(b"\n", start, end)
            else:
                places = range(start, end, _COUNT_CHUNK)
                part.lines = sum(octets[place : min(place + _COUNT_CHUNK, end)].count(b"\n") for place in places)

    def header_end(self, start: int) -> int:
        """The first octet behind the blank line, or where the block ends without one."""
        octets, find, size = self.octets, self.find, self.size
        if start == 0:
            if octets[:2] == b"\r\n":
                return 2
            if octets[:1] == b"\n":
                return 1
        # Both places only move forward, so that all searches of one message together pass over it once.
        before = max(start - 1, 0)
        if self._crlf_blank < before:
            found = find(b"\n\r\n", before)
            self._crlf_blank = found if found >= 0 else size
        if self._bare_blank < before:
            found = find(b"\n\n", before, self._crlf_blank + 1)
            self._bare_blank = found if found >= 0 else self._crlf_blank
        if self._bare_blank < self._crlf_blank:
            end = self._bare_blank + 2
        else:
            end = min(self._crlf_blank + 3, size)
        return end if not self.active else self._cut_header(before, end)

    def _cut_header(self, before: int, end: int) -> int:
        """A delimiter that is met before the blank line ends the part, and with it the block."""
        position = before
        while True:
            hit = self.find(b"\n--", position, end)
            if hit < 0:
                return end
            line_end = self.find(b"\n", hit + 3, hit + _DELIMITER_LIMIT)
            line = self.octets[hit + 3 : line_end if line_end >= 0 else hit + _DELIMITER_LIMIT]
            if self._delimiter(line)[0] >= 0:
                # The line end in front of a delimiter is the delimiter's, and what the header says of a body is void.
                self.header_was_cut = True
                return max(self._without_cr(hit), before + 1)
            position = hit + 3


def scan(octets: bytes | mmap) -> Part:
    """The tree of a message. Never raises; time grows with the size of the message, whatever is in it."""
    if not isinstance(octets, bytes) and len(octets) <= _COPY_LIMIT:
        octets = octets[:]
    return _Scan(octets).run()


def header_end(octets: bytes) -> int:
    """Where the header of a message ends, as ``scan`` finds it: its ``body_start``."""
    return _Scan(octets).header_end(0)


def part_at(root: Part, numbers: Sequence[int]) -> Part | None:
    """The part with an IMAP part number; () is the message itself (RFC 9051 §6.4.5.1).

    Part 1 of a message that is no multipart is its body: the node returned is the message, whose body it is.
    """
    part = root
    message = True
    for number in numbers:
        if part.is_multipart:
            if not 1 <= number <= len(part.parts):
                return None
            part, message = part.parts[number - 1], False
        elif not message and part.is_message:
            part, message = part.parts[0], True
            if part.is_multipart:
                if not 1 <= number <= len(part.parts):
                    return None
                part, message = part.parts[number - 1], False
            elif number != 1:
                return None
            else:
                message = False
        elif message and number == 1:
            message = False
        else:
            return None
    return part


def _texts(part: Part) -> str:
    # As JSON, but json's own encoder takes longer to get ready than all this.
    texts = (part.media_type, part.encoding, part.charset, part.filename, part.disposition, part.content_id)
    return ",".join(map(encode_basestring_ascii, texts))


def _row(part: Part) -> str:
    mime = part.mime
    if mime is None or mime.media_type != part.media_type:
        texts = _texts(part)
    else:
        texts = mime.texts = mime.texts or _texts(part)
    parts = ",".join(map(_row, part.parts)) if part.parts else ""
    return f"[{texts},{part.header_start},{part.body_start},{part.end},{part.lines},[{parts}]]"


def _part(row: list[Any]) -> Part:
    row[10] = [_part(child) for child in row[10]]
    return Part(*row)


def encode_parts(root: Part) -> bytes:
    """The tree as octets to keep beside the message."""
    return _row(root).encode()


def decode_parts(octets: bytes) -> Part:
    return _part(json.loads(octets))
