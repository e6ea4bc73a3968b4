"""Records as vCards: officials as individuals, units as organisations, groups as groups with their members.

Version 4.0 is written; 3.0, which telephones and address books still write, is read too.  What vCard has no property
for stands in properties that begin with ``X-CITYMAIL-``: posts as JSON, codes, quota, who may post.

Standards: RFC 6350 (vCard 4.0), RFC 2426 (3.0).
Limits: properties that mean nothing here (photos, birthdays) are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Any
from urllib.parse import quote

from directory.exchange.cards import SUFFIX as SUFFIX
from directory.exchange.cards import Properties, cards, escaped, joined, plain, split, unescaped, write_card
from directory.exchange.kinds import Kind, KindName, Record, one_record, posts_of, read_post, written_post
from directory.exchange.lines import Item, Lines
from directory.faults import Fault

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


class Reader:
    def __init__(self, lines: Lines, kind: Kind, name: object) -> None:
        self._lines = lines
        self._kind = kind

    def items(self) -> Iterator[Item]:
        for card in cards(self._lines):
            try:
                record = self._record(card.properties())
            except Fault as fault:
                yield Item(card.number, card.octets, fault=fault)
            else:
                if record is not None:
                    yield Item(card.number, card.octets, record)

    def _record(self, found: Properties) -> Record | None:
        """None: a card of another kind."""
        kind = found["KIND"][0].value.strip().lower() if "KIND" in found else "individual"
        if kind != _KINDS[self._kind.name]:
            return None
        values: dict[str, Any] = {}
        for column in self._kind.told:
            given = found.get(_property(self._kind.name, column.name))
            if given is not None:
                texts = [plain(each) for each in given]
                values[column.name] = texts if column.many else texts[0]
        if "aliases" in values:
            values["aliases"] = values["aliases"][1:]
        if self._kind.name != "official":
            return one_record(self._kind, values)
        if "N" in found:
            parts = [joined(part) for part in split(found["N"][0].value, ";")] + [""] * 5
            values["family_name"], values["given_name"], values["middle_name"] = parts[0], parts[1], parts[2]
        posts = [read_post(unescaped(each.value)) for each in found.get(_POST, [])]
        if not posts and "ORG" in found:
            values["unit"] = unescaped(split(found["ORG"][0].value, ";")[-1])
            role = found.get("ROLE") or found.get("TITLE")
            values["position"] = unescaped(role[0].value) if role else ""
        return one_record(self._kind, values, posts)

    def rejects_head(self) -> bytes:
        return b""

    def rejected(self, item: Item, reason: str) -> bytes:
        # on one line, however long (§3.2 advises, and does not demand): so an earlier one is found again
        note = f"{_NOTE}:{escaped(f'line {item.line}: {reason}')}".encode()
        lines = [line for line in item.octets.split(b"\r\n") if not line.startswith(_NOTE.encode())]
        if lines[0].strip().upper() == b"BEGIN:VCARD":
            lines[0] += b"\r\n" + note
        return b"\r\n".join(lines) + b"\r\n"


# --- writing ----------------------------------------------------------------------------------------------------------


def write(kind: Kind, records: Iterable[Record], out: IO[str]) -> int:
    count = 0
    for record in records:
        count += 1
        write_card(_card(kind, record), out)
    return count


def _card(kind: Kind, record: Record) -> Iterator[tuple[str, str]]:
    """(name with parameters, value as it is written)."""
    row = record[0]
    yield "BEGIN", "VCARD"
    yield "VERSION", "4.0"
    yield "KIND", _KINDS[kind.name]
    if kind.name == "official":
        parts = (row.get("family_name", ""), row.get("given_name", ""), row.get("middle_name", ""), "", "")
        yield "N", ";".join(map(escaped, parts))
        if row["shown_unit"]:
            # the body first, then the unit within it (§6.6.4)
            yield "ORG", ";".join(map(escaped, reversed(row["shown_unit"].split(", "))))
        if row["shown_title"]:
            yield "TITLE", escaped(row["shown_title"])
    for column in kind.told:
        value = row.get(column.name, "")
        if column.of_post or not value or column.name in ("family_name", "given_name", "middle_name"):
            continue
        name = _property(kind.name, column.name)
        if column.name == "address":
            yield "EMAIL;PREF=1", escaped(value)
        elif column.name == "members":
            for text in value:
                yield "MEMBER", "mailto:" + quote(text, safe="@+")  # RFC 6068
        else:
            for text in value if column.many else (value,):
                yield name, escaped(text)
    for post in posts_of(kind, record):
        yield _POST, escaped(written_post(post))
    yield "END", "VCARD"


def _property(kind: KindName, column: str) -> str:
    return _PROPERTIES[kind].get(column) or _PREFIX + column.upper().replace("_", "-")
