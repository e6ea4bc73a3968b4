"""Records as JSON objects: an array of them, written one to a line, or one after the other (JSON Lines).

An official's posts are a list of objects under ``posts``, the primary one first; rules of a group are objects.  An
object that is broken spoils itself: reading goes on with the next line that begins one and is no deeper.

Standards: RFC 8259.
Limits: one object has 64 MiB at most, and so has a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from directory.exchange.kinds import Kind, Record, one_record, posts_of
from directory.exchange.lines import LONGEST, Item, Lines, text_of
from directory.faults import Fault

SUFFIX = ".json"
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|["{}\[\]]')
_BETWEEN = b" \t,[]\x1e"
_NOTES = ("rejected_line", "rejected_because")


class Reader:
    def __init__(self, lines: Lines, kind: Kind, name: object) -> None:
        self._lines = lines
        self._kind = kind

    def items(self) -> Iterator[Item]:
        for number, octets in _objects(self._lines):
            try:
                yield Item(number, octets, self._record(octets))
            except Fault as fault:
                yield Item(number, octets, fault=fault)

    def _record(self, octets: bytes) -> Record:
        text = text_of(octets)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as problem:
            raise Fault("line-malformed", problem=problem) from None
        if not isinstance(found, dict):
            raise Fault("line-malformed", problem="not an object")
        posts = found.pop("posts", None) or []
        if not isinstance(posts, list) or not all(isinstance(post, dict) for post in posts):
            raise Fault("value-invalid", value=str(posts)[:100], what="list of posts")
        of_post = {column.name for column in self._kind.of_post}
        values = self._texts(found, set(self._kind.column_names))
        return one_record(self._kind, values, [self._texts(post, of_post) for post in posts])

    def _texts(self, found: Mapping[str, Any], allowed: set[str]) -> dict[str, Any]:
        unknown = [name for name in found if name not in allowed and name not in _NOTES]
        if unknown:
            raise Fault("column-unknown", columns=", ".join(unknown))
        several = {column.name for column in self._kind.columns if column.many}
        texts: dict[str, Any] = {}
        for name, value in found.items():
            if name in _NOTES or value is None:
                continue
            if name in several:
                listed = value if isinstance(value, list) else [value]
                texts[name] = [_text(each, name, objects=True) for each in listed]
            else:
                texts[name] = _text(value, name)
        return texts

    def rejects_head(self) -> bytes:
        return b""

    def rejected(self, item: Item, reason: str) -> bytes:
        notes = {"rejected_line": item.line, "rejected_because": reason}
        text = item.octets.decode("utf-8", "backslashreplace")
        try:
            whole = json.loads(text)
        except (ValueError, RecursionError):
            whole = None
        if isinstance(whole, dict):
            told = {**notes, **{name: value for name, value in whole.items() if name not in _NOTES}}
        else:
            told = {**notes, "text": text}
        return json.dumps(told, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _text(value: object, name: str, *, objects: bool = False) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if objects and isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    raise Fault("value-invalid", value=str(value)[:100], what=name)


def _objects(lines: Lines) -> Iterator[tuple[int, bytes]]:
    """Each object's octets and first line.  No string spans lines, so brackets outside of them tell where it ends."""
    held = _Held()
    for line in lines:
        octets = line.octets
        if held.parts and octets.lstrip().startswith(b"{") and held.is_hopeless:
            yield held.first, b"\n".join(held.parts)
            held = _Held()
        at = 0
        while at < len(octets) or held.parts:
            if not held.parts:
                at = len(octets) - len(octets[at:].lstrip(_BETWEEN))
                if at == len(octets):
                    break
                held.first = line.number
                if octets[at : at + 1] != b"{":
                    yield line.number, octets[at:]
                    break
            end = held.take(octets, at)
            if end is None:
                break
            yield held.first, b"\n".join(held.parts)
            held, at = _Held(), end
    if held.parts:
        yield held.first, b"\n".join(held.parts)


class _Held:
    """An object whose end was not seen yet."""

    def __init__(self) -> None:
        self.first = 0
        self.parts: list[bytes] = []
        self._open: list[bytes] = []
        self._size = 0
        self._is_torn = False  # a string did not end on its line

    @property
    def is_hopeless(self) -> bool:
        """Whether no object can begin on the next line: the present one is broken."""
        within_object = self._open[-1:] == [b"{"] and not self.parts[-1].rstrip().endswith(b":")
        return self._is_torn or within_object

    def take(self, octets: bytes, at: int) -> int | None:
        """More of it; where it ends on this line, if it does."""
        for token in _TOKEN.finditer(octets, at):
            if token[0] == b'"':
                self._is_torn = True
            elif token[0] in b"{[":
                self._open.append(token[0])
            elif token[0] in b"}]":
                if self._open:
                    self._open.pop()
                if not self._open:
                    self.parts.append(octets[at : token.end()])
                    return token.end()
        self.parts.append(octets[at:])
        self._size += len(octets)
        if self._size > LONGEST:
            raise Fault("line-malformed", problem=f"an object without end, from line {self.first}")
        return None


def write(kind: Kind, records: Iterable[Record], out: IO[str]) -> int:
    count = 0
    out.write("[")
    for record in records:
        out.write(",\n" if count else "\n")
        json.dump(_object(kind, record), out, ensure_ascii=False)
        count += 1
    out.write("\n]\n")
    return count


def _object(kind: Kind, record: Record) -> dict[str, Any]:
    posts = posts_of(kind, record)
    found: dict[str, Any] = {}
    for column in kind.told:
        value = record[0].get(column.name)
        if value and not column.of_post:
            found[column.name] = [json.loads(each) for each in value] if column.name == "rules" else value
    return found | ({"posts": posts} if posts else {})
