"""vCards as octets and properties, whatever they tell of: how they are cut out of a file, read, and written.

Standards: RFC 6350 §3 (vCard 4.0), RFC 2426 (3.0).
Limits: version 2.1 with its quoted-printable is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO
from urllib.parse import unquote

from directory.exchange.folding import fold, unfold
from directory.exchange.lines import Line, text_of
from directory.faults import Fault

SUFFIX = ".vcf"
_WIDTH = 75
_LINE = re.compile(
    r"(?:[A-Za-z0-9-]+\.)?(?P<name>[A-Za-z0-9-]+)"
    r'(?P<parameters>(?:;[A-Za-z0-9-]+(?:=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)?)*)'
    r":(?P<value>.*)",
    re.DOTALL,
)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)(?:=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*))?')


@dataclass(frozen=True, slots=True)
class Property:
    parameters: Mapping[str, str]
    value: str  # escaped as it stands

    @property
    def preference(self) -> int:
        """RFC 6350 §5.3: 1 is preferred most; version 3.0 says TYPE=PREF."""
        given = self.parameters.get("PREF", "")
        if given.isdecimal() and len(given) < 4:
            return int(given)
        return 0 if "PREF" in self.parameters.get("TYPE", "").upper().split(",") else 101


Properties = Mapping[str, list[Property]]


@dataclass(frozen=True, slots=True)
class Card:
    """``octets`` as they stand in the file, ``lines`` unfolded; none where the card has no end."""

    number: int
    octets: bytes
    lines: tuple[bytes, ...] = ()

    def properties(self) -> Properties:
        """By name, preferred ones first.  Raises Fault."""
        if not self.lines:
            raise Fault("line-malformed", problem="no END:VCARD")
        found = _properties(self.lines)
        version = found["VERSION"][0].value.strip() if "VERSION" in found else "none"
        if version not in ("4.0", "3.0"):
            raise Fault("value-invalid", value=f"VERSION:{version[:20]}", what="vCard 4.0 or 3.0")
        return found


def cards(lines: Iterable[Line]) -> Iterator[Card]:
    """Every card of a file, and in its place every one that is broken."""
    first = 0
    raw: list[bytes] = []
    logical: list[bytes] = []
    for number, line, pieces in unfold(lines, b" \t"):
        mark = line.strip().upper()
        if mark == b"BEGIN:VCARD" and raw:
            yield Card(first, b"\r\n".join(raw))
            raw, logical = [], []
        if not mark and not raw:
            continue
        if not raw:
            first = number
        raw += pieces
        logical.append(line)
        if mark == b"END:VCARD" or logical[0].strip().upper() != b"BEGIN:VCARD":
            yield Card(first, b"\r\n".join(raw), tuple(logical))
            raw, logical = [], []
    if raw:
        yield Card(first, b"\r\n".join(raw))


def _properties(logical: tuple[bytes, ...]) -> Properties:
    if len(logical) < 2 or logical[0].strip().upper() != b"BEGIN:VCARD":
        raise Fault("line-malformed", problem=text_of(logical[0])[:80])
    found: dict[str, list[Property]] = {}
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
        found.setdefault(match["name"].upper(), []).append(Property(parameters, match["value"]))
    for each in found.values():
        each.sort(key=lambda one: one.preference)
    return found


def plain(found: Property) -> str:
    """A value of text, or the address or number in a URI."""
    value = unescaped(found.value)
    for scheme in ("mailto:", "tel:"):
        if value.lower().startswith(scheme):
            return unquote(value[len(scheme) :].partition("?")[0].partition(";")[0])
    return value


def unescaped(text: str) -> str:
    """RFC 6350 §3.4."""
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nN" else match[1], text)


def escaped(text: str) -> str:
    return re.sub(r"([\\,;])", r"\\\1", text).replace("\n", "\\n")


def split(text: str, mark: str) -> list[str]:
    """At marks that are not escaped."""
    return re.findall(rf"((?:[^\\{mark}]|\\.)*)(?:{mark}|$)", text)[:-1] or [""]


def joined(part: str) -> str:
    """Several values of one part of a name, such as two middle names."""
    return " ".join(unescaped(each) for each in split(part, ","))


def write_card(properties: Iterable[tuple[str, str]], out: IO[str]) -> None:
    """``properties``: names with their parameters, values as they are written."""
    for name, value in properties:
        out.write(fold(f"{name}:{value}", _WIDTH, "\r\n"))
