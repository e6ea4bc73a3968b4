"""Records as lines of a table: a heading in either language, an official's second post on a second line.

Every physical line stands for itself, so that an open quote spoils one line and not the rest of the file.  Several
values of a column stand with spaces between; rules of a group are a JSON list.

Standards: RFC 4180 but for line breaks within a field; comma, semicolon or tab.
Limits: a field cannot contain a line break.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from directory.exchange.kinds import Column, Kind, Record, tidied
from directory.exchange.lines import Item, Line, Lines, text_of
from directory.faults import Fault
from directory.words.damaged_text import diagnose

SUFFIX = ".csv"
# what a rejects file has in front, so that it can be corrected and imported as it is
_REJECT_COLUMNS = ("rejected_line", "rejected_because")


class Reader:
    def __init__(self, lines: Lines, kind: Kind, name: object) -> None:
        self._lines = lines
        self._kind = kind
        first = next(lines, None)
        while first is not None and not first.octets.strip():
            first = next(lines, None)
        if first is None:
            raise Fault("file-empty", file=name)
        self._heading = _read_heading(first, kind, name)

    def items(self) -> Iterator[Item]:
        for line in self._lines:
            if line.octets.strip():
                try:
                    yield Item(line.number, line.octets, (tidied(self._kind, self._values(line.octets)),))
                except Fault as fault:
                    yield Item(line.number, line.octets, fault=fault)

    def _values(self, octets: bytes) -> dict[str, Any]:
        heading = self._heading
        fields = _fields(text_of(octets), heading.delimiter)
        if len(fields) != len(heading.columns):
            raise Fault("line-fields", found=len(fields), wanted=len(heading.columns))
        return {
            column.name: _rules(value) if column.name == "rules" else value
            for column, value in zip(heading.columns, fields, strict=True)
            if column is not None
        }

    def rejects_head(self) -> bytes:
        delimiter = self._heading.delimiter.encode()
        return delimiter.join([*map(str.encode, _REJECT_COLUMNS), self._heading.octets]) + b"\r\n"

    def rejected(self, item: Item, reason: str) -> bytes:
        """The line, octet for octet, with two columns in front; those of an earlier rejects file are replaced."""
        delimiter = self._heading.delimiter.encode()
        quoted = '"' + reason.replace('"', '""') + '"'
        line = self._heading.strip(item.octets)
        return str(item.line).encode() + delimiter + quoted.encode() + delimiter + line + b"\r\n"


def write(kind: Kind, records: Iterable[Record], out: IO[str]) -> int:
    columns = kind.told
    table = csv.writer(out)
    table.writerow([column.name for column in columns])
    count = 0
    for record in records:
        count += 1
        table.writerows([[_cell(column, row.get(column.name, "")) for column in columns] for row in record])
    return count


def _cell(column: Column, value: Any) -> str:
    if not column.many:
        return str(value)
    if column.name == "rules":
        return f"[{', '.join(value)}]" if value else ""
    return " ".join(value)


def _rules(cell: str) -> list[str]:
    """The rules of a JSON list, each as an object in text again."""
    if not cell.strip():
        return []
    try:
        found = json.loads(cell)
    except ValueError:
        raise Fault("value-invalid", value=cell[:200], what="list of rules") from None
    return [json.dumps(each, ensure_ascii=False) for each in (found if isinstance(found, list) else [found])]


@dataclass(frozen=True, slots=True)
class _Heading:
    octets: bytes  # without the columns of a rejects file
    delimiter: str
    columns: tuple[Column | None, ...]  # in the order of the file; None where one is ignored

    def strip(self, octets: bytes) -> bytes:
        """A line without what a rejects file has in front."""
        ignored = self.columns.count(None)
        if not ignored or any(self.columns[:ignored]):
            return octets
        try:
            fields = _fields(octets.decode("utf-8", "surrogateescape"), self.delimiter)
        except Fault:
            return octets
        return _joined(fields[ignored:], self.delimiter).encode("utf-8", "surrogateescape")


def _read_heading(line: Line, kind: Kind, name: object) -> _Heading:
    try:
        text = text_of(line.octets)
    except Fault as fault:
        if fault.code == "line-encoding":
            raise
        raise Fault("file-encoding", file=name) from None
    delimiter = max(",;\t", key=text.count)
    names = _fields(text, delimiter)
    columns: list[Column | None] = []
    unknown: list[str] = []
    for each in names:
        column = kind.column(each)
        if "".join(c for c in each.lower() if c.isalnum()) in ("rejectedline", "rejectedbecause"):
            columns.append(None)
        elif column is None:
            unknown.append(each)
        elif column in columns:
            raise Fault("column-double", column=each)
        else:
            columns.append(column)
    if unknown:
        _refuse_unknown(unknown)
    known = {column.name for column in columns if column is not None}
    for either in kind.one_of:
        if not known & set(either):
            raise Fault("column-missing", columns=" / ".join(either))
    kept = [each for each, column in zip(names, columns, strict=True) if column is not None]
    return _Heading(_joined(kept, delimiter).encode(), delimiter, tuple(columns))


def _refuse_unknown(names: list[str]) -> None:
    for each in names:
        if (found := diagnose(each)) is not None:
            raise Fault("line-damaged", found=each, encoding=found.encoding, reading=found.reading)
    raise Fault("column-unknown", columns=", ".join(names))


def _fields(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as problem:
        raise Fault("line-malformed", problem=problem) from None


def _joined(fields: Sequence[str], delimiter: str) -> str:
    return delimiter.join(
        '"' + value.replace('"', '""') + '"' if delimiter in value or '"' in value else value for value in fields
    )
