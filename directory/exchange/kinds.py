"""What is told of an official, a unit, a mailbox and a group, in every format.

Everything is text, as people write it; what it means is found out when it is taken in.  Columns that hold several
values hold them as a list; a rule of a group is a JSON object in text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from directory.faults import Fault
from directory.words.names import fold, tidy

KindName = Literal["official", "unit", "mailbox", "group"]
# column → text, or the texts of a column that holds several
Row = dict[str, Any]
# The rows of one record: the posts of an official, else a single one.
Record = tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    headings: str = ""  # folded, without marks and spaces
    many: bool = False  # several values
    of_post: bool = False  # there again for each post of an official
    secret: bool = False  # taken in as it stands, and never told


@dataclass(frozen=True, slots=True)
class Kind:
    """``one_of``: of each of these sets of columns a file must have one, or its lines mean nothing."""

    name: KindName
    columns: tuple[Column, ...]
    one_of: tuple[tuple[str, ...], ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def told(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if not column.secret)

    @property
    def of_post(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.of_post)

    def column(self, heading: str) -> Column | None:
        """By name or heading, in either language, however it is written."""
        key = "".join(c for c in fold(tidy(heading)) if c.isalnum())
        for column in self.columns:
            if key == column.name.replace("_", "") or key in column.headings.split():
                return column
        return None


OFFICIAL = Kind(
    "official",
    (
        Column("employee_code", "code macanbo manhanvien masocanbo ma macb manv"),
        Column("full_name", "name hovaten hoten tendaydu"),
        Column("family_name", "family ho lastname surname"),
        Column("middle_name", "middle tendem chudem tenlot holot"),
        Column("given_name", "given ten firstname"),
        Column("unit", "donvi phongban coquan", of_post=True),
        Column("position", "chucvu vitri", of_post=True),
        Column("title", "chucdanh", of_post=True),
        Column("kind", "appointment hinhthuc", of_post=True),
        Column("rank", "thutu", of_post=True),
        Column("valid_from", "from start tungay ngaybatdau", of_post=True),
        Column("valid_until", "until to denngay ngayketthuc", of_post=True),
        Column("decision", "soquyetdinh quyetdinh", of_post=True),
        Column("address", "email mail login diachithu thudientu diachiemail"),
        Column("aliases", "alias bidanh diachiphu", many=True),
        Column("phone", "telephone dienthoai sodienthoai"),
        Column("quota", "dungluong"),
        Column("language", "ngonngu"),
        Column("password", "matkhau", secret=True),
    ),
    (("full_name", "given_name"), ("employee_code", "address")),
)
UNIT = Kind(
    "unit",
    (
        Column("id", "madinhdanh"),
        Column("short_name", "short tentat"),
        Column("name", "ten tendonvi"),
        Column("type", "loai"),
        Column("parent", "under captren tructhuoc"),
        Column("agency_code", "code macoquan"),
        Column("order", "sortorder thutu"),
        Column("valid_from", "from tungay"),
        Column("valid_until", "until denngay"),
        Column("decision", "soquyetdinh quyetdinh"),
    ),
    (("name",), ("type",)),
)
MAILBOX = Kind(
    "mailbox",
    (
        Column("address", "email mail login diachithu"),
        Column("name", "ten tenhopthu"),
        Column("unit", "donvi"),
        Column("aliases", "alias bidanh diachiphu", many=True),
        Column("quota", "dungluong"),
        Column("language", "ngonngu"),
        Column("readers", "nguoidoc", many=True),
        Column("senders", "nguoigui", many=True),
    ),
    (("address",), ("name",)),
)
GROUP = Kind(
    "group",
    (
        Column("address", "email mail diachithu"),
        Column("name", "ten tennhom"),
        Column("aliases", "alias bidanh diachiphu", many=True),
        Column("unit", "donvi"),
        Column("posting", "quyengui"),
        Column("moderated", "kiemduyet"),
        Column("hidden", "an anthanhvien"),
        Column("members", "member thanhvien", many=True),
        Column("rules", "rule quytac", many=True),
        Column("posters", "nguoiguithu", many=True),
        Column("poster_groups", "nhomguithu", many=True),
        Column("poster_units", "donviguithu", many=True),
        Column("moderators", "nguoikiemduyet", many=True),
    ),
    (("address",), ("name",)),
)
KINDS: dict[KindName, Kind] = {kind.name: kind for kind in (OFFICIAL, UNIT, MAILBOX, GROUP)}


def tidied(kind: Kind, values: Mapping[str, Any]) -> Row:
    """Values as they are stored: NFC, single spaces; a secret stays as it stands.  Raises Fault."""
    row: Row = {}
    for column in kind.columns:
        value = values.get(column.name)
        if value is None:
            continue
        if column.many:
            texts = tidy(value).split() if isinstance(value, str) else value
            row[column.name] = [tidy(each) for each in texts if tidy(each)]
        elif not isinstance(value, str):
            raise Fault("value-invalid", value=value, what=column.name)
        else:
            row[column.name] = value if column.secret else tidy(value)
    return row


def one_record(kind: Kind, values: Mapping[str, Any], posts: Sequence[Mapping[str, Any]] = ()) -> Record:
    """A record from what is told once and the posts: the first is the primary one.  Raises Fault."""
    if not posts:
        return (tidied(kind, values),)
    return tuple(tidied(kind, {**values, **post}) for post in posts)


def posts_of(kind: Kind, record: Record) -> list[Row]:
    """What the rows of a record tell of each post; nothing of one that names no unit."""
    names = [column.name for column in kind.of_post]
    if not names:
        return []
    return [{name: row[name] for name in names if row.get(name)} for row in record if row.get("unit")]


def written_post(post: Mapping[str, str]) -> str:
    """A post as one value, for formats that know of none."""
    return json.dumps(post, ensure_ascii=False)


def read_post(text: str) -> Row:
    """What ``written_post`` wrote.  Raises Fault."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Fault("value-invalid", value=text[:100], what="post")
    return found
