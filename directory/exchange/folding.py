"""Long lines in pieces, as LDIF and vCard write them: a line that begins with a space goes on with the one before.

Standards: RFC 2849 note 2; RFC 6350 §3.2.
Limits: a logical line and a record have ``LONGEST`` octets at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from directory.exchange.lines import LONGEST, Line
from directory.faults import Fault


def unfold(lines: Iterable[Line], spaces: bytes = b" ") -> Iterator[tuple[int, bytes, list[bytes]]]:
    """(number of the first line, the whole logical line, the lines as they stand)."""
    parts: list[bytes] = []
    raw: list[bytes] = []
    number = size = 0
    for line in lines:
        if raw and line.octets[:1] and line.octets[:1] in spaces:
            parts.append(line.octets[1:])
            raw.append(line.octets)
            size += len(line.octets)
            if size > LONGEST:
                raise Fault("line-malformed", problem=f"a line without end, from line {number}")
            continue
        if raw:
            yield number, b"".join(parts), raw
        number, parts, raw, size = line.number, [line.octets], [line.octets], len(line.octets)
    if raw:
        yield number, b"".join(parts), raw


def fold(text: str, width: int, end: str) -> str:
    """Pieces of at most ``width`` octets, no character cut in two, each with its line end."""
    octets = text.encode("utf-8")
    if len(octets) <= width:
        return text + end
    pieces = []
    start, room = 0, width
    while start < len(octets):
        stop = min(start + room, len(octets))
        while stop < len(octets) and octets[stop] & 0xC0 == 0x80:
            stop -= 1
        pieces.append(octets[start:stop].decode("utf-8"))
        start, room = stop, width - 1
    return (end + " ").join(pieces) + end
