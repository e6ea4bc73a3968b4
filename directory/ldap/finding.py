"""From a filter to the few entries that may match it: by an index where the filter allows it.

``possible`` tells the kinds of entries that can match at all, ``certain`` that all of a kind do; ``narrow`` gives a
hint, a set of index look-ups (``look_ups``) whose answers together hold every match.  What they find is judged by the
filter itself afterwards, so a hint may find too much, but never too little.

Standards: RFC 4511 §4.5.1.7.
Limits: words of the index end after 40 letters, and what lies beyond is found by no part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from directory.ldap.entries import CLASSES, COMMON_KEYS, HELD, Kind
from directory.ldap.filters import And, Approx, Assertion, Equal, Extensible, Filter, Not, Or, Present, Substrings
from directory.ldap.matching import FOLD, find_rule, folded_text, prepared_text, telephone_text
from directory.ldap.policy import Asker
from directory.ldap.schema import ATTRIBUTES, class_name, find_attribute
from directory.words.names import words
from directory.words.search_index import MAX_WORD, phone_word

# Look-ups by words or units that one search makes; a filter with more of them is taken as one that no index knows.
MOST_LOOK_UPS = 20
_NAMES = frozenset(("cn", "displayname", "sn", "givenname"))
_ADDRESSES = frozenset(("mail", "uid"))


@dataclass(frozen=True, slots=True)
class Fragment:
    """Of a word, which begins and ends with it, or it may lie anywhere in one."""

    text: str
    starts: bool
    ends: bool = False


@dataclass(frozen=True, slots=True)
class ByWords:
    """``name``: what a folded name must be like (LIKE); empty: any may."""

    fragments: frozenset[Fragment]
    name: str = ""


@dataclass(frozen=True, slots=True)
class ByAddress:
    address: str


@dataclass(frozen=True, slots=True)
class ByCode:
    code: str


@dataclass(frozen=True, slots=True)
class ByUnit:
    """Those posted in a unit of which this holds."""

    assertion: Assertion


@dataclass(frozen=True, slots=True)
class ByGroup:
    """Those whom the group with this name reaches."""

    name: str


@dataclass(frozen=True, slots=True)
class ByMember:
    """Groups that reach the account with this name."""

    name: str


@dataclass(frozen=True, slots=True)
class ByName:
    """By the whole folded name, or by what it begins with."""

    name: str
    is_whole: bool


LookUp = ByName | ByWords | ByAddress | ByCode | ByUnit | ByGroup | ByMember
Hint = frozenset[LookUp]  # none: nobody can match


def possible(wanted: Filter, kind: Kind) -> bool:
    """Whether the filter can be true of an entry of this kind."""
    if isinstance(wanted, And):
        return all(possible(part, kind) for part in wanted.parts)
    if isinstance(wanted, Or):
        return any(possible(part, kind) for part in wanted.parts)
    if isinstance(wanted, Not):
        return True
    if isinstance(wanted, Extensible) and (not wanted.attribute or wanted.in_dn):
        return True
    found = find_attribute(wanted.attribute)
    if found is None or found.key not in HELD[kind]:
        return False
    if found.key == "objectclass" and isinstance(wanted, Equal):
        name = class_name(wanted.value.decode("utf-8", "replace")).lower()
        return name in {each.lower() for each in CLASSES[kind]}
    return True


# What every account has.
_CERTAIN = frozenset(("cn", "displayname", "sn", "uid", "mail", "createtimestamp", *COMMON_KEYS))


def certain(wanted: Filter, asker: Asker) -> bool:
    """Whether the filter is true of every account, as far as can be told without looking."""
    if isinstance(wanted, And):
        return all(certain(part, asker) for part in wanted.parts)
    if isinstance(wanted, Or):
        return any(certain(part, asker) for part in wanted.parts)
    if isinstance(wanted, Present):
        kind = find_attribute(wanted.attribute)
        return kind is not None and kind.key in _CERTAIN and asker.sees_type(kind)
    is_class = isinstance(wanted, Equal) and wanted.attribute.lower() == "objectclass"
    return is_class and possible(wanted, "account")


def unit_ids(wanted: Filter) -> frozenset[str] | None:
    """Of the units that can match; None: the filter names none."""
    if not possible(wanted, "unit"):
        return frozenset()
    if isinstance(wanted, And):
        found = [ids for part in wanted.parts if (ids := unit_ids(part)) is not None]
        return min(found, key=len, default=None)
    if isinstance(wanted, Or):
        parts = [unit_ids(part) for part in wanted.parts]
        return frozenset().union(*(ids for ids in parts if ids is not None)) if None not in parts else None
    if isinstance(wanted, Equal):
        kind = find_attribute(wanted.attribute)
        if kind is not None and kind.key == "uid":
            return frozenset((_text(wanted.value).strip().lower(),))
    return None


def narrow(wanted: Filter) -> Hint | None:
    """Of accounts and groups.  None: the filter names nothing that an index knows."""
    if isinstance(wanted, And):
        hints = [hint for part in wanted.parts if (hint := narrow(part)) is not None]
        return min(hints, key=cost, default=None)
    if isinstance(wanted, Or):
        found: set[LookUp] = set()
        for part in wanted.parts:
            hint = narrow(part)
            if hint is None:
                return None
            found |= hint
        many = sum(not isinstance(each, ByAddress | ByCode) for each in found)
        return frozenset(found) if many <= MOST_LOOK_UPS else None
    if isinstance(wanted, Not):
        return None
    if not possible(wanted, "account") and not possible(wanted, "group"):
        return frozenset()
    return _look_up(wanted)


def asked_for(wanted: Filter) -> Iterator[str]:
    """Keys of the attributes that a filter looks at."""
    if isinstance(wanted, And | Or):
        for part in wanted.parts:
            yield from asked_for(part)
    elif isinstance(wanted, Not):
        yield from asked_for(wanted.part)
    elif not wanted.attribute:
        yield from (kind.key for kind in ATTRIBUTES)
    elif (kind := find_attribute(wanted.attribute)) is not None:
        yield kind.key


def cost(hint: Hint) -> tuple[int, int, bool]:
    """Of two hints the cheaper: addresses, then groups of one, long words, members, units."""
    return max((_cost(each) for each in hint), default=(0, 0, False))


def _cost(look_up: LookUp) -> tuple[int, int, bool]:
    if isinstance(look_up, ByWords):
        # what a name is like lets fewer through, and is asked before the same words anywhere
        return 2, -max(len(fragment.text) for fragment in look_up.fragments), not look_up.name
    return {ByAddress: 0, ByCode: 0, ByMember: 1, ByName: 1, ByGroup: 3, ByUnit: 4}[type(look_up)], 0, False


def _look_up(wanted: Assertion) -> Hint | None:
    kind = find_attribute(wanted.attribute)
    if kind is None or isinstance(wanted, Present):
        return None
    if isinstance(wanted, Extensible):
        if wanted.in_dn or (wanted.rule and find_rule(wanted.rule) not in (FOLD, kind.equality)):
            return None
    elif not isinstance(wanted, Equal | Approx | Substrings):
        return None
    if kind.key == "ou":
        return frozenset((ByUnit(wanted),))
    if kind.key in ("member", "memberof"):
        if not isinstance(wanted, Equal):
            return None
        name = _text(wanted.value)
        return frozenset((ByMember(name) if kind.key == "member" else ByGroup(name),))
    is_exact = isinstance(wanted, Equal) or (isinstance(wanted, Extensible) and not wanted.rule)
    if isinstance(wanted, Substrings):
        pieces = [_Piece(_text(wanted.initial), starts=True)] if wanted.initial is not None else []
        pieces += [_Piece(_text(piece)) for piece in wanted.middle]
        if wanted.final is not None:
            pieces.append(_Piece(_text(wanted.final), ends=True))
    else:
        pieces = [_Piece(_text(wanted.value), starts=True, ends=True)]
    if kind.key == "telephonenumber":
        return _by_number(pieces[-1])
    if kind.key in _ADDRESSES:
        if is_exact:
            return frozenset((ByAddress(pieces[0].text),))
        if not all(prepared_text(piece.text).isascii() for piece in pieces):
            return frozenset()  # as when a name is asked for with its marks; no address of ours has any
        return _by_words(_of_address(pieces))
    if kind.key == "employeenumber" and is_exact:
        return frozenset((ByCode(pieces[0].text),))
    if kind.key in _NAMES:
        if kind.key in ("sn", "givenname"):
            return _by_words(_of_name(pieces))
        first = pieces[0]
        name = folded_text(first.text).strip() if first.ends else folded_text(first.text).lstrip()
        if name and first.starts and len(pieces) == 1:
            return frozenset((ByName(name, is_whole=first.ends),))
        return _by_words(_of_name(pieces), _pattern(pieces))
    return None


_LAST_DIGITS = re.compile(r"[0-9]*\Z")


def _by_number(end: _Piece) -> Hint | None:
    """The index has numbers by the digits they end with, where there are enough of them."""
    digits = _LAST_DIGITS.search(telephone_text(end.text)) if end.ends else None
    return _by_words((Fragment(phone_word(digits[0]), starts=True),)) if digits is not None else None


class _Piece(NamedTuple):
    """A part of what is asked for, and whether the value begins or ends with it."""

    text: str
    starts: bool = False
    ends: bool = False


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _by_words(fragments: Iterable[Fragment], name: str = "") -> Hint | None:
    found = frozenset(fragment for fragment in fragments if fragment.text)
    return frozenset((ByWords(found, name),)) if found else None


_SPECIAL = re.compile(r"[\\%_]")


def _pattern(pieces: list[_Piece]) -> str:
    """What a folded name must be like, whatever rule the assertion is judged by."""
    pattern = "" if pieces[0].starts else "%"
    for piece in pieces:
        text = folded_text(piece.text)
        text = text.lstrip() if piece.starts else text
        text = text.rstrip() if piece.ends else text
        pattern += _SPECIAL.sub(r"\\\g<0>", text) + ("" if piece.ends else "%")
    return pattern


def _of_name(pieces: list[_Piece]) -> Iterable[Fragment]:
    for piece in pieces:
        folded = folded_text(piece.text)
        listed = words(folded)
        for position, word in enumerate(listed):
            starts = position > 0 or piece.starts or not folded.startswith(word)
            ends = position < len(listed) - 1 or piece.ends or not folded.endswith(word)
            # what a long word ends with is not in the index, unless it begins with it
            yield Fragment(word[:MAX_WORD], starts, ends and len(word) < MAX_WORD)


def _of_address(pieces: list[_Piece]) -> Iterable[Fragment]:
    """Local parts are words of the index as they stand; which domain it is, the filter tells."""
    for piece in pieces:
        local, at, _ = prepared_text(piece.text).partition("@")
        yield Fragment(local.strip()[:MAX_WORD], piece.starts)
        if at:
            return
