"""Entries in the order a client wants them.

Standards: RFC 2891 §1.1 (of several values the least counts), §2 (an absent value is larger than all others).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from directory.ldap.entries import Entry
from directory.ldap.matching import Rule, Undefined, find_rule
from directory.ldap.messages import Code, SortKey
from directory.ldap.policy import Asker
from directory.ldap.schema import find_attribute
from directory.ldap.seen import Seen


class SortRefused(Exception):
    def __init__(self, code: Code, attribute: str) -> None:
        super().__init__(attribute)
        self.code = code
        self.attribute = attribute


@dataclass(frozen=True, slots=True)
class Order:
    """(attribute's key, its rule, whether the other way round), the most important first."""

    keys: tuple[tuple[str, Rule, bool], ...]

    def sort(self, entries: list[Entry], asker: Asker) -> None:
        for key, rule, reverse in reversed(self.keys):
            ranks = {id(entry): _rank(Seen(entry, asker).values(key), rule) for entry in entries}
            entries.sort(key=lambda entry: ranks[id(entry)], reverse=reverse)


def _rank(values: Sequence[bytes], rule: Rule) -> tuple[bool, Any]:
    keys = []
    for value in values:
        try:
            keys.append(rule.key(value))
        except Undefined:
            continue
    return (False, min(keys)) if keys else (True, None)


def order_of(wanted: Sequence[SortKey], asker: Asker) -> Order:
    """Raises SortRefused."""
    found = []
    for each in wanted:
        kind = find_attribute(each.attribute)
        if kind is None or not asker.sees_type(kind):
            raise SortRefused(Code.NO_SUCH_ATTRIBUTE, each.attribute)
        rule = find_rule(each.rule) if each.rule else kind.ordering or kind.equality
        if rule is None or rule.part is not None or (each.rule and rule.syntax != kind.syntax):
            raise SortRefused(Code.INAPPROPRIATE_MATCHING, each.attribute)
        found.append((kind.key, rule, each.reverse))
    return Order(tuple(found))
