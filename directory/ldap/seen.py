"""An entry as somebody sees it: what it answers to assertions, and what of it is returned.

Attributes that the asker does not see are not there for his filters either, so that nobody guesses them.

Standards: RFC 4511 §4.5.1.7 (assertions), §4.5.1.8 and RFC 3673 (selection: ``*``, ``+``, ``1.1``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from directory.ldap import matching, syntaxes
from directory.ldap.entries import Entry
from directory.ldap.filters import Approx, Assertion, AtLeast, Equal, Extensible, Present, Substrings
from directory.ldap.matching import Rule, Undefined, find_rule, has_parts
from directory.ldap.policy import Asker
from directory.ldap.schema import ATTRIBUTES, AttributeType, class_name, find_attribute

_FOLDED = (syntaxes.DIRECTORY_STRING, syntaxes.IA5)
_BY_KEY = {kind.key: kind for kind in ATTRIBUTES}


class Seen:
    """One entry in one asker's eyes."""

    __slots__ = ("_asker", "_entry")

    def __init__(self, entry: Entry, asker: Asker) -> None:
        self._entry = entry
        self._asker = asker

    def values(self, key: str) -> Sequence[bytes]:
        if not self._asker.sees(key, self._entry.owner):
            return ()
        return self._entry.values(key)

    def holds(self, assertion: Assertion) -> bool | None:
        try:
            if isinstance(assertion, Extensible):
                return self._fits(assertion)
            kind = find_attribute(assertion.attribute)
            if kind is None:
                return None
            values = self.values(kind.key)
            if isinstance(assertion, Present):
                return bool(values)
            if isinstance(assertion, Substrings):
                if kind.substrings is None:
                    return None
                parts = assertion.initial, assertion.middle, assertion.final
                return any(has_parts(kind.substrings, value, *parts) for value in values)
            if isinstance(assertion, Equal):
                rule = kind.equality
            elif isinstance(assertion, Approx):
                rule = matching.FOLD if kind.syntax in _FOLDED else kind.equality
            else:
                rule = kind.ordering
                if rule is None:
                    return None
                limit = rule.key(assertion.value)
                if isinstance(assertion, AtLeast):
                    return any(rule.key(value) >= limit for value in values)
                return any(rule.key(value) <= limit for value in values)
            return None if rule is None else _equals(kind, rule, assertion.value, values)
        except Undefined:
            return None

    def _fits(self, assertion: Extensible) -> bool | None:
        """RFC 4511 §4.5.1.7.7."""
        rule = find_rule(assertion.rule) if assertion.rule else None
        if assertion.rule and rule is None:
            return None
        if assertion.attribute:
            kind = find_attribute(assertion.attribute)
            if kind is None:
                return None
            kinds = [kind]
            if rule is not None and not _may_judge(rule, kind):
                return None
        else:
            assert rule is not None
            kinds = [each for each in ATTRIBUTES if _may_judge(rule, each)]
        for kind in kinds:
            judge = rule or kind.equality
            if judge is None:
                return None
            values = list(self.values(kind.key))
            if assertion.in_dn:
                names = {name.lower() for name in (*kind.names, kind.oid)}
                values += [
                    value.encode("utf-8") for rdn in self._entry.name for each, value in rdn if each.lower() in names
                ]
            if values and _equals(kind, judge, assertion.value, values):
                return True
        return False


def _may_judge(rule: Rule, kind: AttributeType) -> bool:
    if rule.part is not None:
        return False  # RFC 4517 §4.1: the assertion of such a rule has a syntax of its own, which is not read here
    return rule.syntax == kind.syntax or (rule is matching.FOLD and kind.syntax in _FOLDED)


def _equals(kind: AttributeType, rule: Rule, wanted: bytes, values: Iterable[bytes]) -> bool:
    if kind.syntax == syntaxes.OID:
        try:
            wanted = class_name(wanted.decode("utf-8")).encode("utf-8")
        except UnicodeDecodeError:
            raise Undefined from None
    key = rule.key(wanted)
    return any(rule.key(value) == key for value in values)


# What is returned


@dataclass(frozen=True, slots=True)
class Selection:
    """The keys of the attributes that are wanted; with an option (``;binary``) it is another one, which nobody has."""

    keys: frozenset[str]

    @classmethod
    @lru_cache(1000)
    def of(cls, attributes: tuple[str, ...]) -> Selection:
        # RFC 4511 §4.5.1.8: an empty list is *; 1.1 alone is nothing
        all_user, all_operational = not attributes or "*" in attributes, "+" in attributes
        found = {kind.key for kind in ATTRIBUTES if (all_operational if kind.is_operational else all_user)}
        found |= {kind.key for each in attributes if (kind := find_attribute(each)) is not None}
        return cls(frozenset(found))

    def wants(self, key: str) -> bool:
        return key in self.keys

    def of_entry(self, entry: Entry, asker: Asker, *, types_only: bool) -> list[tuple[str, Sequence[bytes]]]:
        seen = Seen(entry, asker)
        wanted = ((_BY_KEY[key].name, seen.values(key)) for key in entry.keys if key in self.keys)
        return [(name, () if types_only else values) for name, values in wanted if values]
