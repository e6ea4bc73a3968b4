"""Filters judged as the standard tells it, assertion by assertion and value by value, to compare faster ways with.

Standards: RFC 4511 §4.5.1.7; RFC 4517 §4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from directory.ldap import dn, syntaxes
from directory.ldap.filters import And, Approx, AtLeast, Equal, Extensible, Filter, Not, Or, Present, Substrings
from directory.ldap.matching import FOLD, Rule, Undefined, find_rule
from directory.ldap.schema import ATTRIBUTES, AttributeType, class_name, find_attribute

# From an attribute's key to the values that are seen.
Values = Callable[[str], Sequence[bytes]]
_TEXTS = (syntaxes.DIRECTORY_STRING, syntaxes.IA5)


def evaluate(wanted: Filter, name: str, values: Values) -> bool | None:
    if isinstance(wanted, And):
        found = [evaluate(part, name, values) for part in wanted.parts]
        return False if False in found else None if None in found else True
    if isinstance(wanted, Or):
        found = [evaluate(part, name, values) for part in wanted.parts]
        return True if True in found else None if None in found else False
    if isinstance(wanted, Not):
        inside = evaluate(wanted.part, name, values)
        return None if inside is None else not inside
    try:
        if isinstance(wanted, Extensible):
            return _extensible(wanted, name, values)
        kind = find_attribute(wanted.attribute)
        if kind is None:
            return None
        if isinstance(wanted, Present):
            return len(values(kind.key)) > 0
        if isinstance(wanted, Substrings):
            return _substrings(kind, wanted, values(kind.key))
        if isinstance(wanted, Equal | Approx):
            rule = FOLD if isinstance(wanted, Approx) and kind.syntax in _TEXTS else kind.equality
            return _equal(kind, rule, wanted.value, values(kind.key))
        if kind.ordering is None:
            return None
        limit = kind.ordering.key(wanted.value)
        keys = [kind.ordering.key(value) for value in values(kind.key)]
        return any(key >= limit if isinstance(wanted, AtLeast) else key <= limit for key in keys)
    except Undefined:
        return None


def _equal(kind: AttributeType, rule: Rule | None, wanted: bytes, values: Sequence[bytes]) -> bool | None:
    if rule is None:
        return None
    asserted = rule.key(wanted)  # which is undefined where it is no text
    if kind.syntax == syntaxes.OID:
        asserted = rule.key(class_name(wanted.decode("utf-8")).encode())
    return asserted in [rule.key(value) for value in values]


def _substrings(kind: AttributeType, wanted: Substrings, values: Sequence[bytes]) -> bool | None:
    rule = kind.substrings
    if rule is None or rule.part is None:
        return None
    initial = rule.part(wanted.initial or b"").lstrip()
    final = rule.part(wanted.final or b"").rstrip()
    middle = [rule.part(piece) for piece in wanted.middle]
    return any(_lies_in(rule.key(value), initial, middle, final) for value in values)


def _lies_in(text: str, initial: str, middle: list[str], final: str) -> bool:
    if not text.startswith(initial):
        return False
    text = text[len(initial) :]
    if not text.endswith(final):
        return False
    text = text[: len(text) - len(final)]
    for piece in middle:
        _, found, text = text.partition(piece) if piece else ("", "x", text)
        if not found:
            return False
    return True


def _extensible(wanted: Extensible, name: str, values: Values) -> bool | None:
    rule = find_rule(wanted.rule) if wanted.rule else None
    if wanted.rule and rule is None:
        return None
    if wanted.attribute:
        kind = find_attribute(wanted.attribute)
        if kind is None or (rule is not None and not _fits(rule, kind)):
            return None
        kinds = [kind]
    else:
        assert rule is not None
        kinds = [each for each in ATTRIBUTES if _fits(rule, each)]
    found: list[bool | None] = []
    for kind in kinds:
        asked = list(values(kind.key))
        if wanted.in_dn:
            names = {each.lower() for each in (*kind.names, kind.oid)}
            asked += [value.encode() for rdn in dn.parse(name) for each, value in rdn if each.lower() in names]
        found.append(_equal(kind, rule or kind.equality, wanted.value, asked))
    return True if True in found else None if None in found else False


def _fits(rule: Rule, kind: AttributeType) -> bool:
    return rule.part is None and (rule.syntax == kind.syntax or (rule is FOLD and kind.syntax in _TEXTS))
