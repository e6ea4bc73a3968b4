"""Records as vCards: officials as individuals, units as organisations, groups as groups with their members.

Version 4.0 is written; 3.0, which telephones and address books still write, is read too.  What vCard has no property
for stands in properties that begin with ``X-CITYMAIL-``: posts as JSON, codes, quota, who may post.

Standards: RFC 6350 (vCard 4.0), RFC 2426 (3.0).
Limits: version 2.1 with its quoted-printable is refused.  Properties that mean nothing here (photos, birthdays) are
passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote, unquote

from directory.exchange.folding import fold, unfold
from directory.exchange.kinds import Kind, KindName, Record, one_record, posts_of, read_post, written_post
from directory.exchange.lines import Item, Lines, text_of
from directory.faults import Fault

SUFFIX = ".vcf"
_WIDTH = 75
_PREFIX = "X-CITYMAIL-"
_KINDS: dict[KindName, str] = {"official": "individual", "unit": "org", "mailbox": "x-mailbox", "group": "group"}
# column → property; others are X-CITYMAIL-COLUMN
_PROPERTIES: dict[KindName, dict[str, str]] = {
    "official": {"full_name": "FN", "address": "EMAIL", "aliases": "EMAIL", "phone": "TEL", "language": "LANG"},
    "unit": {"name": "FN"},
    "mailbox": {"name": "FN", "address": "EMAIL", "aliases": "EMAIL", "language": "LANG"},
    "group": {"name": "FN", "address": "EMAIL", "aliases": "EMAIL", "members": "MEMBER"},
}
_POST = f"{_PREFIX}POST"
_NOTE = "X-CITYMAIL-REJECTED"
_LINE = re.compile(
    r"(?:[A-Za-z0-9-]+\.)?(?P<name>[A-Za-z0-9-]+)"
    r'(?P<parameters>(?:;[A-Za-z0-9-]+(?:=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)?)*)'
    r":(?P<value>.*)",
    re.DOTALL,
)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)(?:=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*))?')


@dataclass(frozen=True, slots=True)
class _Property:
    parameters: Mapping[str, str]
    value: str  # escaped as it stands

    @property
    def preference(self) -> int:
        """RFC 6350 §5.3: 1 is preferred most; version 3.0 says TYPE=PREF."""
        given = self.parameters.get("PREF", "")
        if given.isdecimal() and len(given) < 4:
            return int(given)
        return 0 if "PREF" in self.parameters.get("TYPE", "").upper().split(",") else 101


class Reader:
    def __init__(self, lines: Lines, kind: Kind, name: object) -> None:
        self._lines = lines
        self._kind = kind

    def items(self) -> Iterator[Item]:
        first = 0
        raw: list[bytes] = []
        logical: list[bytes] = []
        for number, line, pieces in unfold(self._lines, b" \t"):
            mark = line.strip().upper()
            if mark == b"BEGIN:VCARD" and raw:
                yield Item(first, b"\r\n".join(raw), fault=Fault("line-malformed", problem="no END:VCARD"))
                raw, logical = [], []
            if not mark and not raw:
                continue
            if not raw:
                first = number
            raw += pieces
            logical.append(line)
            if mark == b"END:VCARD" or logical[0].strip().upper() != b"BEGIN:VCARD":
                yield from self._item(first, b"\r\n".join(raw), logical)
                raw, logical = [], []
        if raw:
            yield Item(first, b"\r\n".join(raw), fault=Fault("line-malformed", problem="no END:VCARD"))

    def _item(self, number: int, octets: bytes, logical: list[bytes]) -> Iterator[Item]:
        try:
            record = self._record(_properties(logical))
        except Fault as fault:
            yield Item(number, octets, fault=fault)
        else:
            if record is not None:
                yield Item(number, octets, record)

    def _record(self, found: Mapping[str, list[_Property]]) -> Record | None:
        """None: a card of another kind."""
        version = found["VERSION"][0].value.strip() if "VERSION" in found else "none"
        if version not in ("4.0", "3.0"):
            raise Fault("value-invalid", value=f"VERSION:{version[:20]}", what="vCard 4.0 or 3.0")
        kind = found["KIND"][0].value.strip().lower() if "KIND" in found else "individual"
        if kind != _KINDS[self._kind.name]:
            return None
        values: dict[str, Any] = {}
        for column in self._kind.told:
            given = found.get(_property(self._kind.name, column.name))
            if given is not None:
                texts = [_plain(each) for each in given]
                values[column.name] = texts if column.many else texts[0]
        if "aliases" in values:
            values["aliases"] = values["aliases"][1:]
        if self._kind.name != "official":
            return one_record(self._kind, values)
        if "N" in found:
            parts = [_words(part) for part in _split(found["N"][0].value, ";")] + [""] * 5
            values["family_name"], values["given_name"], values["middle_name"] = parts[0], parts[1], parts[2]
        posts = [read_post(_unescaped(each.value)) for each in found.get(_POST, [])]
        if not posts and "ORG" in found:
            values["unit"] = _unescaped(_split(found["ORG"][0].value, ";")[-1])
            role = found.get("ROLE") or found.get("TITLE")
            values["position"] = _unescaped(role[0].value) if role else ""
        return one_record(self._kind, values, posts)

    def rejects_head(self) -> bytes:
        return b""

    def rejected(self, item: Item, reason: str) -> bytes:
        # on one line, however long (§3.2 advises, and does not demand): so an earlier one is found again
        note = f"{_NOTE}:{_escaped(f'line {item.line}: {reason}')}".encode()
        lines = [line for line in item.octets.split(b"\r\n") if not line.startswith(_NOTE.encode())]
        if lines[0].strip().upper() == b"BEGIN:VCARD":
            lines[0] += b"\r\n" + note
        return b"\r\n".join(lines) + b"\r\n"


def _properties(logical: list[bytes]) -> dict[str, list[_Property]]:
    """By name, preferred ones first.  Raises Fault."""
    if len(logical) < 2 or logical[0].strip().upper() != b"BEGIN:VCARD":
        raise Fault("line-malformed", problem=text_of(logical[0])[:80])
    found: dict[str, list[_Property]] = {}
    for line in logical[1:-1]:
        if not line.strip():
            continue
        match = _LINE.fullmatch(text_of(line))
        if match is None:
            raise Fault("line-malformed", problem=text_of(line)[:80])
        parameters: dict[str, str] = {}
        for name, value in _PARAMETER.findall(match["parameters"]):
            # 3.0 still meets TEL;WORK: a type without its name
            key, text = (name.upper(), value.replace('"', "")) if value else ("TYPE", name)
            parameters[key] = f"{parameters[key]},{text}" if key in parameters else text
        found.setdefault(match["name"].upper(), []).append(_Property(parameters, match["value"]))
    for each in found.values():
        each.sort(key=lambda one: one.preference)
    return found


def _plain(found: _Property) -> str:
    """A value of text, or the address or number in a URI."""
    value = _unescaped(found.value)
    for scheme in ("mailto:", "tel:"):
        if value.lower().startswith(scheme):
            return unquote(value[len(scheme) :].partition("?")[0].partition(";")[0])
    return value


def _unescaped(text: str) -> str:
    """RFC 6350 §3.4."""
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nN" else match[1], text)


def _escaped(text: str) -> str:
    return re.sub(r"([\\,;])", r"\\\1", text).replace("\n", "\\n")


def _split(text: str, mark: str) -> list[str]:
    """At marks that are not escaped."""
    return re.findall(rf"((?:[^\\{mark}]|\\.)*)(?:{mark}|$)", text)[:-1] or [""]


def _words(part: str) -> str:
    """Several values of one part of a name, such as two middle names."""
    return " ".join(_unescaped(each) for each in _split(part, ","))


# --- writing ----------------------------------------------------------------------------------------------------------


def write(kind: Kind, records: Iterable[Record], out: IO[str]) -> int:
    count = 0
    for record in records:
        count += 1
        for name, value in _card(kind, record):
            out.write(fold(f"{name}:{value}", _WIDTH, "\r\n"))
    return count


def _card(kind: Kind, record: Record) -> Iterator[tuple[str, str]]:
    """(name with parameters, value as it is written)."""
    row = record[0]
    yield "BEGIN", "VCARD"
    yield "VERSION", "4.0"
    yield "KIND", _KINDS[kind.name]
    if kind.name == "official":
        parts = (row.get("family_name", ""), row.get("given_name", ""), row.get("middle_name", ""), "", "")
        yield "N", ";".join(map(_escaped, parts))
        if row["shown_unit"]:
            # the body first, then the unit within it (§6.6.4)
            yield "ORG", ";".join(map(_escaped, reversed(row["shown_unit"].split(", "))))
        if row["shown_title"]:
            yield "TITLE", _escaped(row["shown_title"])
    for column in kind.told:
        value = row.get(column.name, "")
        if column.of_post or not value or column.name in ("family_name", "given_name", "middle_name"):
            continue
        name = _property(kind.name, column.name)
        if column.name == "address":
            yield "EMAIL;PREF=1", _escaped(value)
        elif column.name == "members":
            for text in value:
                yield "MEMBER", "mailto:" + quote(text, safe="@+")  # RFC 6068
        else:
            for text in value if column.many else (value,):
                yield name, _escaped(text)
    for post in posts_of(kind, record):
        yield _POST, _escaped(written_post(post))
    yield "END", "VCARD"


def _property(kind: KindName, column: str) -> str:
    return _PROPERTIES[kind].get(column) or _PREFIX + column.upper().replace("_", "-")
