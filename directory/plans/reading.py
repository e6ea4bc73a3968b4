"""The files of a plan: a head in TOML, and CSV tables of what happens to units and who goes where.

The head names the day (``effective``), the decision, until when old addresses redirect, and the tables beside it::

    title = "Sắp xếp đơn vị hành chính cấp xã"
    effective = 2025-07-01
    decision = "1685/NQ-UBTVQH15"
    redirect_until = 2026-06-30        # else a year
    units = "units.csv"
    officials = "officials.csv"        # may be missing

A line of the units' table is one step: ``new``, ``merge``, ``split`` (a line for each part), ``rename``, ``move`` or
``dissolve``.  A line of the officials' table sends one official elsewhere than his unit goes.  Every mistake is kept
with its file and line, and reading goes on.

Limits: a field cannot contain a line break.
Standards: TOML 1.0; RFC 4180 but for line breaks; comma, semicolon or tab; UTF-8 with or without byte order mark.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from directory.dates import days_after, parse_day
from directory.faults import Fault
from directory.mail.address_life import REDIRECT_DAYS
from directory.words.names import fold, tidy

ACTIONS = {
    "new": "new thanhlap",
    "merge": "merge sapnhap nhap",
    "split": "split chiatach tach",
    "rename": "rename doiten",
    "move": "move chuyen",
    "dissolve": "dissolve giaithe",
}
_UNIT_COLUMNS = {
    "action": "action viec",
    "unit": "unit donvi",
    "into": "into nhapvao vao",
    "name": "name ten",
    "short_name": "shortname tentat",
    "type": "type loai",
    "under": "under captren tructhuoc",
    "code": "code macoquan",
    "order": "order thutu",
    "positions": "positions chucvu",
    "mailbox": "mailbox hopthu",
    "decision": "decision soquyetdinh quyetdinh",
}
_OFFICIAL_COLUMNS = {
    "official": "official canbo macanbo employeecode",
    "from_unit": "fromunit tudonvi",
    "unit": "unit donvi",
    "position": "position chucvu",
    "title": "title chucdanh",
}
_HEAD = {"title", "effective", "decision", "redirect_until", "units", "officials"}
_TOML_PLACE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")


@dataclass(frozen=True, slots=True)
class Mistake:
    file: str
    line: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the units' table."""

    line: int
    action: str
    unit: str
    into: str
    name: str
    short_name: str
    type: str
    under: str
    code: str
    order: str
    positions: str
    mailbox: str
    decision: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """A line of the officials' table; the unit ``-`` ends the post."""

    line: int
    official: str
    from_unit: str
    unit: str
    position: str
    title: str


@dataclass(frozen=True, slots=True)
class PlanText:
    title: str
    effective: str
    decision: str
    redirect_until: str
    units_file: str
    officials_file: str
    steps: tuple[Step, ...]
    transfers: tuple[Transfer, ...]
    source: Mapping[str, str]  # file name → text, the head first
    mistakes: tuple[Mistake, ...]


@dataclass
class _Head:
    name: str
    text: str
    values: dict[str, Any] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def line_of(self, key: str) -> int:
        for number, line in enumerate(self.text.splitlines(), 1):
            if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]|\s*\[+\s*{re.escape(key)}\s*\]", line):
                return number
        return 1

    def wrong(self, key: str, fault: Fault) -> None:
        self.mistakes.append(Mistake(self.name, self.line_of(key), fault))

    def words(self, key: str, limit: int, *, needed: bool) -> str:
        given = self.values.get(key, "")
        if not isinstance(given, str):
            self.wrong(key, Fault("value-invalid", value=given, what=key))
            return ""
        value: str = tidy(given)
        if needed and not value:
            self.wrong(key, Fault("plan-value-missing", what=key))
        if len(value) > limit:
            self.wrong(key, Fault("text-long", what=key, limit=limit))
        return value

    def day(self, key: str) -> str:
        value = self.values.get(key, "")
        try:
            return parse_day(str(value))
        except Fault as fault:
            self.wrong(key, fault if value else Fault("plan-value-missing", what=key))
            return ""


def read_plan(path: Path) -> PlanText:
    """The head and the tables it names.  Raises Fault where a file cannot be read at all."""

    def text_of(name: str) -> str:
        wanted = path.parent / name
        try:
            octets = wanted.read_bytes()
        except OSError:
            raise Fault("plan-file-missing", file=name) from None
        try:
            return octets.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Fault("file-encoding", file=name) from None

    return parse_plan(path.name, text_of)


def parse_source(source: Mapping[str, str]) -> PlanText:
    """A plan as it was kept."""
    return parse_plan(next(iter(source)), lambda name: source[name])


def parse_plan(head_name: str, text_of: Callable[[str], str]) -> PlanText:
    head = _Head(head_name, text_of(head_name))
    source = {head_name: head.text}
    try:
        head.values = tomllib.loads(head.text)
    except tomllib.TOMLDecodeError as problem:
        place = _TOML_PLACE.search(str(problem))
        line = int(place[1]) if place and place[1] else len(head.text.splitlines()) or 1
        fault = Fault("line-malformed", problem=_TOML_PLACE.sub("", str(problem)).strip())
        mistakes = (Mistake(head_name, line, fault),)
        return PlanText("", "", "", "", "", "", (), (), source, mistakes)
    for key in sorted(set(head.values) - _HEAD):
        head.wrong(key, Fault("plan-key-unknown", key=key))
    title = head.words("title", 200, needed=True)
    decision = head.words("decision", 100, needed=True)
    effective = head.day("effective")
    until = head.day("redirect_until") if "redirect_until" in head.values else ""
    if effective and not until:
        until = days_after(effective, REDIRECT_DAYS)
    if effective and until < effective:
        head.wrong("redirect_until", Fault("day-order", first=effective, second=until))
    units_file = head.words("units", 200, needed=True)
    officials_file = head.words("officials", 200, needed=False)
    tables: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for key, name, columns, needed in (
        ("units", units_file, _UNIT_COLUMNS, {"action", "unit"}),
        ("officials", officials_file, _OFFICIAL_COLUMNS, {"official", "unit"}),
    ):
        tables[key] = []
        if not name:
            continue
        if name in source or Path(name).name != name:
            head.wrong(key, Fault("value-invalid", value=name, what=key))
            continue
        try:
            source[name] = text_of(name)
        except Fault as fault:
            head.wrong(key, fault)
            continue
        for line, read in _rows(source[name], name, columns, needed):
            if isinstance(read, Fault):
                head.mistakes.append(Mistake(name, line, read))
            else:
                tables[key].append((line, read))
    steps = tuple(_steps(tables["units"], units_file, head.mistakes))
    if units_file in source and not steps and not head.mistakes:
        head.mistakes.append(Mistake(units_file, 1, Fault("plan-empty")))
    transfers = tuple(
        Transfer(line, **{column: values.get(column, "") for column in _OFFICIAL_COLUMNS})
        for line, values in tables["officials"]
    )
    return PlanText(
        title,
        effective,
        decision,
        until,
        units_file,
        officials_file,
        steps,
        transfers,
        source,
        tuple(head.mistakes),
    )


def _steps(rows: list[tuple[int, dict[str, str]]], file: str, mistakes: list[Mistake]) -> Iterator[Step]:
    by_word = {word: action for action, words in ACTIONS.items() for word in words.split()}
    for line, values in rows:
        action = by_word.get(_key(values.get("action", "")))
        if action is None:
            mistakes.append(Mistake(file, line, Fault("value-invalid", value=values.get("action", ""), what="action")))
            continue
        given = {column: values.get(column, "") for column in _UNIT_COLUMNS}
        yield Step(line, action, **{column: value for column, value in given.items() if column != "action"})


def _rows(
    text: str, file: str, columns: Mapping[str, str], needed: set[str]
) -> Iterator[tuple[int, dict[str, str] | Fault]]:
    known = {word: column for column, words in columns.items() for word in words.split()}
    heading: list[str] = []
    delimiter = ","
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not heading:
            delimiter = max(",;\t", key=line.count)
        try:
            fields = [tidy(value) for value in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
        except csv.Error as problem:
            yield number, Fault("line-malformed", problem=problem)
            if not heading:
                return
            continue
        if not heading:
            heading = [known.get(_key(name), "") for name in fields]
            unknown = [name for name, column in zip(fields, heading, strict=True) if not column]
            fault = None
            if unknown:
                fault = Fault("column-unknown", columns=", ".join(unknown))
            elif len(set(heading)) < len(heading):
                fault = Fault("column-double", column=next(name for name in heading if heading.count(name) > 1))
            elif needed - set(heading):
                fault = Fault("column-missing", columns=", ".join(sorted(needed - set(heading))))
            if fault is not None:
                yield number, fault
                return
        elif len(fields) != len(heading):
            yield number, Fault("line-fields", found=len(fields), wanted=len(heading))
        else:
            yield number, dict(zip(heading, fields, strict=True))
    if not heading:
        yield 1, Fault("file-empty", file=file)


def _key(text: str) -> str:
    return "".join(c for c in fold(text) if c.isalnum())
