"""LIST patterns: ``*`` for anything, ``%`` for anything within a level.

Matching takes time in proportion to pattern times name, whatever the pattern: no backtracking.

Standards: RFC 9051 §6.3.9.
Limits: patterns of more than 1,000 characters match nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from mailserver.store.mailboxes import INBOX, SEPARATOR

MAX_PATTERN = 1000
_WILDCARDS = "*%"
_REPEATED = re.compile(r"[*%]{2,}")


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], bool]:
    """A function that tells whether a mailbox's name matches."""
    if len(pattern) > MAX_PATTERN:
        return lambda name: False
    # Neighbouring wildcards say no more than the strongest of them.
    pattern = _REPEATED.sub(lambda run: "*" if "*" in run[0] else "%", pattern)
    if pattern == "*":
        return lambda name: True
    matches = _compile(pattern)
    # INBOX is one name in any case (RFC 9051 §5.1); so is its first level in the names below it.
    folded = _compile(_fold_inbox(pattern))
    upper = _compile(pattern.upper())

    def match(name: str) -> bool:
        if name == INBOX:
            return upper(name)
        return folded(name) if name.startswith(INBOX + SEPARATOR) else matches(name)

    return match


def _fold_inbox(pattern: str) -> str:
    first, separator, rest = pattern.partition(SEPARATOR)
    return INBOX + separator + rest if first.upper() == INBOX else pattern


def _compile(pattern: str) -> Callable[[str], bool]:
    wildcards = sum(pattern.count(character) for character in _WILDCARDS)
    if not wildcards:
        return lambda name: name == pattern
    if wildcards == 1:
        head, wildcard, tail = re.split(r"([*%])", pattern)
        within = f"[^{SEPARATOR}]*" if wildcard == "%" else ".*"
        expression = re.compile(re.escape(head) + within + re.escape(tail), re.DOTALL)
        return lambda name: expression.fullmatch(name) is not None
    return lambda name: _step_through(pattern, name)


def _step_through(pattern: str, name: str) -> bool:
    """All places of the pattern that can be reached, a bit each, character by character."""
    literal_at: dict[str, int] = {}
    star_at = percent_at = 0
    for place, character in enumerate(pattern):
        if character == "*":
            star_at |= 1 << place
        elif character == "%":
            percent_at |= 1 << place
        else:
            literal_at[character] = literal_at.get(character, 0) | 1 << place
    wildcard_at = star_at | percent_at

    # A wildcard may match nothing; neighbours were merged, so one step over it is enough.
    def reach(places: int) -> int:
        return places | (places & wildcard_at) << 1

    places = reach(1)
    for character in name:
        stays = places & (star_at if character == SEPARATOR else wildcard_at)
        places = reach((places & literal_at.get(character, 0)) << 1 | stays)
        if not places:
            return False
    return bool(places >> len(pattern) & 1)
