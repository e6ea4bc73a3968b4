"""Search filters, from octets to values.

Standards: RFC 4511 §4.5.1.7; RFC 4526 (absolute true and false).
Limits: the reader's depth (ber.MAX_DEPTH) and 500 assertions.
"""

from __future__ import annotations

from dataclasses import dataclass

from directory.ldap.ber import BerFault, Reader, context

MAX_ASSERTIONS = 500

_AND, _OR, _NOT = (context(number, constructed=True) for number in (0, 1, 2))
_EQUAL, _SUBSTRINGS, _AT_LEAST, _AT_MOST = (context(number, constructed=True) for number in (3, 4, 5, 6))
_PRESENT = context(7)
_APPROX, _EXTENSIBLE = (context(number, constructed=True) for number in (8, 9))
_INITIAL, _ANY, _FINAL = (context(number) for number in (0, 1, 2))


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Filter, ...]  # none: true (RFC 4526 §2)


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Filter, ...]  # none: false


@dataclass(frozen=True, slots=True)
class Not:
    part: Filter


@dataclass(frozen=True, slots=True)
class Equal:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Substrings:
    attribute: str
    initial: bytes | None
    middle: tuple[bytes, ...]
    final: bytes | None

    @property
    def pieces(self) -> tuple[bytes, ...]:
        ends = [piece for piece in (self.initial, self.final) if piece is not None]
        return (*ends, *self.middle)


@dataclass(frozen=True, slots=True)
class AtLeast:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class AtMost:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Present:
    attribute: str


@dataclass(frozen=True, slots=True)
class Approx:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Extensible:
    rule: str  # empty: the attribute's equality
    attribute: str  # empty: all attributes that the rule fits
    value: bytes
    in_dn: bool


Assertion = Equal | Substrings | AtLeast | AtMost | Present | Approx | Extensible
Filter = And | Or | Not | Assertion


def read_filter(reader: Reader) -> Filter:
    """The next element of the reader.  Raises BerFault."""
    return _read(reader, [MAX_ASSERTIONS])


def _read(reader: Reader, left: list[int]) -> Filter:
    left[0] -= 1
    if left[0] < 0:
        raise BerFault("too many assertions in the filter")
    tag = reader.tag
    if tag in (_AND, _OR):
        inside = reader.inside(tag)
        parts = []
        while inside.tag is not None:
            parts.append(_read(inside, left))
        return And(tuple(parts)) if tag == _AND else Or(tuple(parts))
    if tag == _NOT:
        inside = reader.inside(tag)
        part = _read(inside, left)
        inside.end()
        return Not(part)
    if tag == _PRESENT:
        return Present(reader.text(tag))
    if tag == _SUBSTRINGS:
        return _read_substrings(reader.inside(tag))
    if tag == _EXTENSIBLE:
        return _read_extensible(reader.inside(tag))
    for known, kind in ((_EQUAL, Equal), (_AT_LEAST, AtLeast), (_AT_MOST, AtMost), (_APPROX, Approx)):
        if tag == known:
            inside = reader.inside(tag)
            made: Filter = kind(inside.text(), inside.octets())
            inside.end()
            return made
    raise BerFault("unknown kind of filter")


def _read_substrings(reader: Reader) -> Substrings:
    attribute = reader.text()
    inside = reader.inside()
    reader.end()
    initial = final = None
    middle: list[bytes] = []
    while (tag := inside.tag) is not None:
        if final is not None:
            raise BerFault("a substring behind the final one")
        piece = inside.octets(tag)
        if tag == _INITIAL and initial is None and not middle:
            initial = piece
        elif tag == _ANY:
            middle.append(piece)
        elif tag == _FINAL:
            final = piece
        else:
            raise BerFault("substrings out of order")
    if initial is None and final is None and not middle:
        raise BerFault("no substring")
    return Substrings(attribute, initial, tuple(middle), final)


def _read_extensible(reader: Reader) -> Extensible:
    rule = reader.text(context(1)) if reader.tag == context(1) else ""
    attribute = reader.text(context(2)) if reader.tag == context(2) else ""
    value = reader.octets(context(3))
    in_dn = reader.boolean(context(4)) if reader.tag == context(4) else False
    reader.end()
    if not rule and not attribute:
        raise BerFault("neither a rule nor an attribute")
    return Extensible(rule, attribute, value, in_dn)
