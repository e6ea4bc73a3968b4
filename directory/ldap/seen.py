"""An entry as somebody sees it: what it answers to assertions, and what of it is returned.

A filter is made a function of entries once for each search, for a search looks at many.  Attributes that the asker does
not see are not there for his filters either, so that nobody guesses them.

Standards: RFC 4511 §4.5.1.7 (assertions), §4.5.1.8 and RFC 3673 (selection: ``*``, ``+``, ``1.1``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import methodcaller
from typing import Any

from directory.ldap import matching, syntaxes
from directory.ldap.entries import Entry
from directory.ldap.filters import (
    And,
    Approx,
    Assertion,
    AtLeast,
    Equal,
    Extensible,
    Filter,
    Not,
    Or,
    Present,
    Substrings,
)
from directory.ldap.matching import Rule, Undefined, find_rule
from directory.ldap.policy import Asker
from directory.ldap.schema import ATTRIBUTES, AttributeType, class_name, find_attribute

_FOLDED = (syntaxes.DIRECTORY_STRING, syntaxes.IA5)
_BY_KEY = {kind.key: kind for kind in ATTRIBUTES}

# Of an entry: true, false or undefined.
Judge = Callable[[Entry], bool | None]
# Of an entry: the values of one attribute.
Sight = Callable[[Entry], Sequence[bytes]]


_EVERYBODYS: dict[str, Sight] = {kind.key: methodcaller("values", kind.key) for kind in ATTRIBUTES}


def sight(key: str, asker: Asker) -> Sight:
    """The values of an attribute, as far as the asker sees them."""
    everybodys = _EVERYBODYS[key]
    if asker.sees(key):
        return everybodys
    if asker.id and asker.sees(key, asker.id):
        return lambda entry: everybodys(entry) if entry.owner == asker.id else ()
    return lambda entry: ()


# Filters


def judge(wanted: Filter, asker: Asker) -> Judge:
    """RFC 4511 §4.5.1.7: the logic of three values, of which only what is true is found."""
    if isinstance(wanted, And | Or):
        return _joined([judge(part, asker) for part in wanted.parts], decisive=isinstance(wanted, Or))
    if isinstance(wanted, Not):
        inside = judge(wanted.part, asker)
        return lambda entry: None if (found := inside(entry)) is None else not found
    try:
        return _assertion(wanted, asker)
    except Undefined:
        return _undefined


def _joined(parts: Sequence[Judge], *, decisive: bool) -> Judge:
    if len(parts) == 1:
        return parts[0]

    def judged(entry: Entry) -> bool | None:
        result: bool | None = not decisive
        for part in parts:
            found = part(entry)
            if found is decisive:
                return decisive
            if found is None:
                result = None
        return result

    return judged


def _undefined(_entry: Entry) -> None:
    return None


def _assertion(wanted: Assertion, asker: Asker) -> Judge:
    """Raises Undefined where it is so of every entry."""
    if isinstance(wanted, Extensible):
        return _extensible(wanted, asker)
    kind = find_attribute(wanted.attribute)
    if kind is None:
        raise Undefined
    see = sight(kind.key, asker)
    if isinstance(wanted, Present):
        return lambda entry: bool(see(entry))
    if isinstance(wanted, Substrings):
        return _any(see, matching.with_parts(kind.substrings, wanted.initial, wanted.middle, wanted.final))
    if isinstance(wanted, Equal):
        return _any(see, _equal(kind, kind.equality, wanted.value))
    if isinstance(wanted, Approx):
        rule = matching.FOLD if kind.syntax in _FOLDED else kind.equality
        return _any(see, _equal(kind, rule, wanted.value))
    if kind.ordering is None:
        raise Undefined
    key = kind.ordering.key
    limit: Any = key(wanted.value)
    if isinstance(wanted, AtLeast):
        return _any(see, lambda value: bool(key(value) >= limit))
    return _any(see, lambda value: bool(key(value) <= limit))


def _any(see: Sight, fits: Callable[[bytes], bool]) -> Judge:
    def judged(entry: Entry) -> bool | None:
        try:
            for value in see(entry):
                if fits(value):
                    return True
        except Undefined:
            return None
        return False

    return judged


def _equal(kind: AttributeType, rule: Rule | None, wanted: bytes) -> Callable[[bytes], bool]:
    if rule is None:
        raise Undefined
    if kind.syntax == syntaxes.OID:
        try:
            wanted = class_name(wanted.decode("utf-8")).encode("utf-8")
        except UnicodeDecodeError:
            raise Undefined from None
    key, asserted = rule.key, rule.key(wanted)
    return lambda value: bool(key(value) == asserted)


def _extensible(wanted: Extensible, asker: Asker) -> Judge:
    """RFC 4511 §4.5.1.7.7."""
    rule = find_rule(wanted.rule) if wanted.rule else None
    if wanted.rule and rule is None:
        raise Undefined
    if wanted.attribute:
        found = find_attribute(wanted.attribute)
        if found is None or (rule is not None and not _may_judge(rule, found)):
            raise Undefined
        kinds = [found]
    else:
        assert rule is not None
        kinds = [kind for kind in ATTRIBUTES if _may_judge(rule, kind)]
    parts = []
    for kind in kinds:
        see = sight(kind.key, asker)
        parts.append(
            _any(_named_too(kind, see) if wanted.in_dn else see, _equal(kind, rule or kind.equality, wanted.value))
        )
    return _joined(parts, decisive=True)


def _named_too(kind: AttributeType, see: Sight) -> Sight:
    """The values, and those of the entry's name."""
    names = {name.lower() for name in (*kind.names, kind.oid)}

    def both(entry: Entry) -> Sequence[bytes]:
        in_name = (value.encode("utf-8") for rdn in entry.name for each, value in rdn if each.lower() in names)
        return [*see(entry), *in_name]

    return both


def _may_judge(rule: Rule, kind: AttributeType) -> bool:
    if rule.part is not None:
        return False  # RFC 4517 §4.1: the assertion of such a rule has a syntax of its own, which is not read here
    return rule.syntax == kind.syntax or (rule is matching.FOLD and kind.syntax in _FOLDED)


# What is returned


@dataclass(frozen=True, slots=True)
class Selection:
    """The keys of the attributes that are wanted; with an option (``;binary``) it is another one, which nobody has."""

    keys: frozenset[str]

    @classmethod
    @lru_cache(300)
    def of(cls, attributes: tuple[str, ...]) -> Selection:
        # RFC 4511 §4.5.1.8: an empty list is *; 1.1 alone is nothing
        all_user, all_operational = not attributes or "*" in attributes, "+" in attributes
        found = {kind.key for kind in ATTRIBUTES if (all_operational if kind.is_operational else all_user)}
        found |= {kind.key for each in attributes if (kind := find_attribute(each)) is not None}
        return cls(frozenset(found))

    def shown_to(self, asker: Asker) -> Callable[[Entry], list[tuple[str, Sequence[bytes]]]]:
        """From an entry to what of it is returned: names of attributes with their values."""
        by_keys: dict[tuple[str, ...], list[tuple[str, Sight]]] = {}

        def shown(entry: Entry) -> list[tuple[str, Sequence[bytes]]]:
            sights = by_keys.get(entry.keys)
            if sights is None:
                sights = [(name, sight(key, asker)) for name, key in _wanted(entry.keys, self.keys)]
                by_keys[entry.keys] = sights
            return [(name, values) for name, see in sights if (values := see(entry))]

        return shown


@lru_cache(300)
def _wanted(held: tuple[str, ...], keys: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Names and keys of the attributes that are held and wanted."""
    return tuple((_BY_KEY[key].name, key) for key in held if key in keys)
