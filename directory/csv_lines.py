"""A CSV file of officials line by line: its heading understood, its broken lines kept as they are.

Every physical line stands for itself, so that an open quote spoils one line and not the rest of the file.

Limits: a field cannot contain a line break.
Standards: RFC 4180 but for that; comma, semicolon or tab; UTF-8 with or without byte order mark.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from directory.faults import Fault
from directory.names import fold, tidy

# column: headings, folded, without marks and spaces
_HEADINGS = {
    "employee_code": "employeecode code macanbo manhanvien masocanbo ma macb manv",
    "full_name": "fullname name hovaten hoten tendaydu",
    "family_name": "familyname family ho lastname surname",
    "middle_name": "middlename middle tendem chudem tenlot holot",
    "given_name": "givenname given ten firstname",
    "unit": "unit donvi phongban coquan",
    "position": "position chucvu vitri",
    "title": "title chucdanh",
    "kind": "kind appointment hinhthuc",
    "valid_from": "validfrom from start tungay ngaybatdau",
    "valid_until": "validuntil until to denngay ngayketthuc",
    "address": "address email mail login diachithu thudientu diachiemail",
    "password": "password matkhau",
    "phone": "phone telephone dienthoai sodienthoai",
    "quota": "quota dungluong",
    "language": "language ngonngu",
    "decision": "decision soquyetdinh quyetdinh",
}
_COLUMNS = {heading: column for column, headings in _HEADINGS.items() for heading in headings.split()}
# what a rejects file has in front, so that it can be corrected and imported as it is
_REJECT_COLUMNS = ("rejected_line", "rejected_because")
_IGNORED = {"rejectedline", "rejectedbecause"}


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    octets: bytes  # without its line end
    values: dict[str, str]  # by column of ours
    fault: Fault | None = None  # why there are no values


class RejectsFile:
    """Made with the first reject: the original heading and lines, octet for octet, with two columns in front."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self.heading = Heading(b"", ",", ())

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, number: int, reason: str, octets: bytes) -> None:
        delimiter = self.heading.delimiter.encode()
        if self._file is None:
            self._file = open(self._path, "wb")  # noqa: SIM115 - closed on exit
            front = delimiter.join(name.encode() for name in _REJECT_COLUMNS)
            self._file.write(front + delimiter + self.heading.octets + b"\r\n")
        quoted = '"' + reason.replace('"', '""') + '"'
        # the columns of an earlier rejects file are replaced, not repeated
        self._file.write(
            str(number).encode() + delimiter + quoted.encode() + delimiter + self.heading.strip(octets) + b"\r\n"
        )


@dataclass(frozen=True, slots=True)
class Heading:
    octets: bytes  # without the columns of a rejects file
    delimiter: str
    columns: tuple[str, ...]  # of ours, in the order of the file; '' where a column is ignored

    def strip(self, octets: bytes) -> bytes:
        """A line without what a rejects file has in front."""
        ignored = len(self.columns) - len([column for column in self.columns if column])
        if not ignored or ignored != self.columns[:ignored].count(""):
            return octets
        try:
            fields = _fields(octets.decode("utf-8", "surrogateescape"), self.delimiter)
        except Fault:
            return octets
        return _joined(fields[ignored:], self.delimiter).encode("utf-8", "surrogateescape")


class LineTable:
    """Lines of the file under its heading."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._number = 0
        first = self._next()
        while first is not None and not first.strip():
            first = self._next()
        if first is None:
            raise Fault("file-empty", file=path)
        if first.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise Fault("file-encoding", file=path)
        try:
            text = first.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        except UnicodeDecodeError:
            raise Fault("file-encoding", file=path) from None
        self.heading = _read_heading(text)

    def _next(self) -> bytes | None:
        line = self._file.readline()
        if not line:
            return None
        self._number += 1
        return line.rstrip(b"\r\n")

    def batches(self, size: int) -> Iterator[list[Line]]:
        """All lines but empty ones, the broken ones with their fault."""
        batch: list[Line] = []
        while (octets := self._next()) is not None:
            if not octets.strip():
                continue
            try:
                batch.append(Line(self._number, octets, self._values(octets)))
            except Fault as fault:
                batch.append(Line(self._number, octets, {}, fault))
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _values(self, octets: bytes) -> dict[str, str]:
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError:
            raise Fault("line-not-utf8") from None
        fields = _fields(text, self.heading.delimiter)
        if len(fields) != len(self.heading.columns):
            raise Fault("line-fields", found=len(fields), wanted=len(self.heading.columns))
        return {
            # a password is taken as it stands, everything else tidied
            column: value if column == "password" else tidy(value)
            for column, value in zip(self.heading.columns, fields, strict=True)
            if column
        }


def _read_heading(text: str) -> Heading:
    delimiter = max(",;\t", key=text.count)
    names = _fields(text, delimiter)
    columns: list[str] = []
    unknown: list[str] = []
    for name in names:
        key = "".join(c for c in fold(tidy(name)) if c.isalnum())
        if key in _IGNORED:
            columns.append("")
        elif key not in _COLUMNS:
            unknown.append(name)
        elif _COLUMNS[key] in columns:
            raise Fault("column-double", column=name)
        else:
            columns.append(_COLUMNS[key])
    if unknown:
        raise Fault("column-unknown", columns=", ".join(unknown))
    if not {"full_name", "given_name"} & set(columns):
        raise Fault("column-missing", columns="full_name (họ và tên)")
    if not {"employee_code", "address"} & set(columns):
        raise Fault("column-missing", columns="employee_code (mã cán bộ)")
    kept = [name for name, column in zip(names, columns, strict=True) if column]
    return Heading(_joined(kept, delimiter).encode(), delimiter, tuple(columns))


def _fields(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as problem:
        raise Fault("line-malformed", problem=problem) from None


def _joined(fields: Sequence[str], delimiter: str) -> str:
    return delimiter.join(
        '"' + value.replace('"', '""') + '"' if delimiter in value or '"' in value else value for value in fields
    )
