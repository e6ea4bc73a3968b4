"""Entries in the order a client wants them.

By name they come as the directory keeps its lists: people by their given names, mailboxes and groups by the whole.

Standards: RFC 2891 §1.1 (of several values the least counts), §2 (an absent value is larger than all others).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from directory.ldap.entries import Entry
from directory.ldap.matching import NAME_ORDER, Rule, Undefined, find_rule
from directory.ldap.messages import Code, SortKey
from directory.ldap.policy import Asker
from directory.ldap.schema import find_attribute
from directory.ldap.seen import sight


class SortRefused(Exception):
    def __init__(self, code: Code, attribute: str) -> None:
        super().__init__(attribute)
        self.code = code
        self.attribute = attribute


@dataclass(frozen=True, slots=True)
class Order:
    """(attribute's key, its rule, whether the other way round), the most important first."""

    keys: tuple[tuple[str, Rule, bool], ...]

    @property
    def by_name(self) -> bool | None:
        """Whether the other way round, where it is the order of names and nothing else."""
        key, rule, reverse = self.keys[0]
        return reverse if len(self.keys) == 1 and _is_by_name(key, rule) else None

    def sort(self, entries: list[Entry], asker: Asker) -> None:
        for key, rule, reverse in reversed(self.keys):
            ranks = {id(entry): _rank(entry, asker, key, rule) for entry in entries}
            entries.sort(key=lambda entry: ranks[id(entry)], reverse=reverse)

    def place(self, entries: Sequence[Entry], asker: Asker, value: bytes) -> int:
        """How many of the sorted come before the first that is not less than a value, or not more where it goes the
        other way round.  Raises Undefined.
        """
        key, rule, reverse = self.keys[0]
        wanted = False, rule.key(value)
        ranks = [_rank(entry, asker, key, rule) for entry in entries]
        return sum(rank > wanted if reverse else rank < wanted for rank in ranks)


def _is_by_name(key: str, rule: Rule) -> bool:
    return rule is NAME_ORDER and key in ("cn", "displayname")


def _rank(entry: Entry, asker: Asker, key: str, rule: Rule) -> tuple[bool, Any]:
    values = sight(key, asker)(entry)
    if values and entry.order and _is_by_name(key, rule):
        return False, entry.order
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
