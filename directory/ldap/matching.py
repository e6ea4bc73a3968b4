"""Matching rules: when an asserted value and an entry's are the same, one before the other, or one a part of the other.

A rule is a key: two values are the same when their keys are.  Beside the rules of the standard there is one that
folds (marks, đ and case away), for ``~=``, for parts of names and by its own name, and one that orders names as a
Vietnamese list does, by the given name.

Standards: RFC 4517 §4.2; RFC 4518 §2 (preparation of strings).
Limits: of RFC 4518 the mapping of spaces, NFKC and case; nothing is prohibited.  A value of more than 2,000 octets
matches nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from directory.ldap import dn
from directory.ldap.syntaxes import (
    BOOLEAN,
    DIRECTORY_STRING,
    DN,
    GENERALIZED_TIME,
    IA5,
    INTEGER,
    OID,
    SUBSTRING,
    TELEPHONE,
)
from directory.words.names import collation_key, fold, order_key, split_name

# An arc of our own below 2.25 (ITU-T X.667: a UUID as a number needs no registration).
ARC = "2.25.126827365389510896298025015386674179126"


class Undefined(Exception):
    """The value is none of the rule's syntax: the assertion is neither true nor false (RFC 4511 §4.5.1.7)."""


# Longer values are nobody's.
_LONGEST = 2000


def _text(value: bytes) -> str:
    if len(value) > _LONGEST:
        raise Undefined
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Undefined from None


_SPACES = re.compile(r"\s+")


def prepared_text(text: str) -> str:
    """RFC 4518 §2, as far as it goes here."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text).casefold())


def folded_text(text: str) -> str:
    """Without marks and case, with single spaces."""
    return fold(prepared_text(text))


# Values of units, titles and filters come again and again.
_REMEMBERED, _SHORT = 8192, 100


def _remembered(key: Callable[[bytes], str]) -> Callable[[bytes], str]:
    recall = lru_cache(_REMEMBERED)(key)
    return lambda value: recall(value) if len(value) <= _SHORT else key(value)


@_remembered
def _ignoring_case(value: bytes) -> str:
    return prepared_text(_text(value)).strip()


@_remembered
def _folded(value: bytes) -> str:
    return folded_text(_text(value)).strip()


def _part(prepare: Callable[[str], str]) -> Callable[[bytes], str]:
    """Of a part of a value, whose outer spaces count."""
    return _remembered(lambda value: prepare(_text(value)))


_BETWEEN_DIGITS = re.compile(r"[\s.\-]")


def telephone_text(text: str) -> str:
    """RFC 4517 §4.2.29: spaces and hyphens do not count; nor do the dots that people here write."""
    return _BETWEEN_DIGITS.sub("", text).lower()


@_remembered
def _telephone(value: bytes) -> str:
    return telephone_text(_text(value))


def _name(value: bytes) -> Any:
    try:
        return dn.key(_text(value))
    except dn.DnFault:
        raise Undefined from None


def _integer(value: bytes) -> int:
    if not re.fullmatch(rb"-?\d{1,40}", value):
        raise Undefined
    return int(value)


def _boolean(value: bytes) -> bytes:
    if value not in (b"TRUE", b"FALSE"):
        raise Undefined
    return value


def _time(value: bytes) -> bytes:
    """RFC 4517 §3.3.13, of which we take the form without fractions in UTC."""
    if not re.fullmatch(rb"\d{14}Z", value):
        raise Undefined
    return value


def _name_order(value: bytes) -> bytes:
    return order_key(split_name(_text(value)))


def _text_order(value: bytes) -> bytes:
    return collation_key(_text(value))


@dataclass(frozen=True, slots=True)
class Rule:
    """``key`` of whole values; ``part`` of parts, where the rule is one of substrings."""

    oid: str
    name: str
    syntax: str
    key: Callable[[bytes], Any]
    part: Callable[[bytes], str] | None = None

    @property
    def description(self) -> str:
        return f"( {self.oid} NAME '{self.name}' SYNTAX {self.syntax} )"


_IA5_RULES = "1.3.6.1.4.1.1466.109.114"

OBJECT_IDENTIFIER = Rule("2.5.13.0", "objectIdentifierMatch", OID, _ignoring_case)
DISTINGUISHED_NAME = Rule("2.5.13.1", "distinguishedNameMatch", DN, _name)
CASE_IGNORE = Rule("2.5.13.2", "caseIgnoreMatch", DIRECTORY_STRING, _ignoring_case)
CASE_IGNORE_ORDER = Rule("2.5.13.3", "caseIgnoreOrderingMatch", DIRECTORY_STRING, _ignoring_case)
CASE_IGNORE_PARTS = Rule("2.5.13.4", "caseIgnoreSubstringsMatch", SUBSTRING, _ignoring_case, _part(prepared_text))
BOOLEAN_MATCH = Rule("2.5.13.13", "booleanMatch", BOOLEAN, _boolean)
INTEGER_MATCH = Rule("2.5.13.14", "integerMatch", INTEGER, _integer)
TELEPHONE_MATCH = Rule("2.5.13.20", "telephoneNumberMatch", TELEPHONE, _telephone)
TELEPHONE_PARTS = Rule("2.5.13.21", "telephoneNumberSubstringsMatch", SUBSTRING, _telephone, _telephone)
TIME = Rule("2.5.13.27", "generalizedTimeMatch", GENERALIZED_TIME, _time)
TIME_ORDER = Rule("2.5.13.28", "generalizedTimeOrderingMatch", GENERALIZED_TIME, _time)
IA5_IGNORE = Rule(f"{_IA5_RULES}.2", "caseIgnoreIA5Match", IA5, _ignoring_case)
IA5_PARTS = Rule(f"{_IA5_RULES}.3", "caseIgnoreIA5SubstringsMatch", SUBSTRING, _ignoring_case, _part(prepared_text))
FOLD = Rule(f"{ARC}.1", "citymailFoldMatch", DIRECTORY_STRING, _folded)
FOLD_PARTS = Rule(f"{ARC}.2", "citymailFoldSubstringsMatch", SUBSTRING, _folded, _part(folded_text))
NAME_ORDER = Rule(f"{ARC}.3", "citymailNameOrderingMatch", DIRECTORY_STRING, _name_order)
TEXT_ORDER = Rule(f"{ARC}.4", "citymailTextOrderingMatch", DIRECTORY_STRING, _text_order)

RULES = (
    *(OBJECT_IDENTIFIER, DISTINGUISHED_NAME, CASE_IGNORE, CASE_IGNORE_ORDER, CASE_IGNORE_PARTS, BOOLEAN_MATCH),
    *(INTEGER_MATCH, TELEPHONE_MATCH, TELEPHONE_PARTS, TIME, TIME_ORDER, IA5_IGNORE, IA5_PARTS),
    *(FOLD, FOLD_PARTS, NAME_ORDER, TEXT_ORDER),
)
_BY_NAME = {name: rule for rule in RULES for name in (rule.oid, rule.name.lower())}


def find_rule(name: str) -> Rule | None:
    """By OID, or by name in any case."""
    return _BY_NAME.get(name.lower())


def with_parts(
    rule: Rule | None, initial: bytes | None, middle: tuple[bytes, ...], final: bytes | None
) -> Callable[[bytes], bool]:
    """RFC 4517 §4.1: the parts lie in the value in their order, without overlapping.  Raises Undefined where no value
    can be asked for them.
    """
    if rule is None or rule.part is None:
        raise Undefined
    key = rule.key
    start = rule.part(initial).lstrip() if initial is not None else ""
    last = rule.part(final).rstrip() if final is not None else ""
    pieces = [rule.part(piece) for piece in middle]
    if len(pieces) == 1 and not start and not last:
        (only,) = pieces
        return lambda value: only in key(value)

    def fits(value: bytes) -> bool:
        text = key(value)
        at, end = len(start), len(text) - len(last)
        if end < at or not text.startswith(start) or not text.endswith(last):
            return False
        for piece in pieces:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    return fits
