"""The words of IMAP's grammar: a cursor over one framed command.

Every method takes what stands at the cursor or raises ``SyntaxFault``, the only exception of this package.  The
ABNF rule that a pattern implements stands above it.

Standards: RFC 9051 §9, RFC 4466.
Limits: nesting is bounded by the callers, which pass a depth down.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import NoReturn

from mailserver.imap.grammar.framing import Framed, Literal

MAX_NUMBER = (1 << 32) - 1
MAX_NUMBER64 = (1 << 63) - 1
# Octets of a command whose meaning is remembered.
SHORT = 256


class SyntaxFault(Exception):
    """The octets are not a command of this grammar; the text is safe to send back.  ``code`` goes with it."""

    code = b""


class NumbersRefused(SyntaxFault):
    """The client has said that it will use UIDs only (RFC 9586 §3, §3.2, §3.5)."""

    code = b"UIDREQUIRED"

    def __init__(self) -> None:
        super().__init__("Message numbers are not allowed once UIDONLY is enabled")


# ATOM-CHAR = <any CHAR except atom-specials>
_ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")
# ASTRING-CHAR = ATOM-CHAR / resp-specials
_ASTRING = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")
# list-char = ATOM-CHAR / list-wildcards / resp-specials
# The name of a FETCH item, which may go on with "[".
_ITEM = re.compile(rb"[A-Za-z0-9.]+")
_DOT_DIGIT = re.compile(rb"\.\d")
_LIST = re.compile(rb"[^\x00-\x20\x7f-\xff(){\"\\]+")
# quoted = DQUOTE *QUOTED-CHAR DQUOTE; octets above 127 are let through, and judged by who needs them as text
_QUOTED = re.compile(rb'"([^"\\\r\n\x00]*(?:\\["\\][^"\\\r\n\x00]*)*)"')
_ESCAPE = re.compile(rb'\\(["\\])')
# flag = "\" atom / atom
_FLAG = re.compile(rb"\\?[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")
_NUMBER = re.compile(rb"\d{1,20}")
# sequence-set = (seq-number / seq-range) *("," (seq-number / seq-range)) / "$"
_RANGE = rb"(?:[1-9]\d{0,9}|\*)(?::(?:[1-9]\d{0,9}|\*))?"
_SEQUENCE_SET = re.compile(rb"%b(?:,%b)*|\$" % (_RANGE, _RANGE))
# date = date-text / DQUOTE date-text DQUOTE;  date-text = date-day "-" date-month "-" date-year
_DATE = re.compile(rb'("?)(\d{1,2})-([A-Za-z]{3})-(\d{4})\1')
# date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
# Some programs write days below ten in one digit, which can mean nothing else.
_DATE_TIME = re.compile(rb'"([ \d]?\d)-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})"')
MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")

STAR = 0  # "*" in a sequence set


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """As written: STAR is 0, ranges may be backwards and overlap.  ``saved`` is "$" (RFC 9051 §6.4.4.1)."""

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False

    def resolve(self, largest: int) -> list[tuple[int, int]]:
        """Ascending, disjoint ranges; ``largest`` is what "*" means."""
        if len(self.ranges) == 1:
            first, last = self.ranges[0]
            first, last = first or largest, last or largest
            return [(first, last) if first <= last else (last, first)]
        pairs = []
        for first, last in self.ranges:
            first, last = first or largest, last or largest
            pairs.append((first, last) if first <= last else (last, first))
        pairs.sort()
        merged = [pairs[0]]
        for first, last in pairs[1:]:
            before_first, before_last = merged[-1]
            if first <= before_last + 1:
                if last > before_last:
                    merged[-1] = (before_first, last)
            else:
                merged.append((first, last))
        return merged


SAVED_RESULT = SequenceSet((), saved=True)


class Cursor:
    """A place in a framed command."""

    __slots__ = ("_literals", "_next_literal", "at", "text")

    def __init__(self, framed: Framed, at: int = 0) -> None:
        self.text = framed.text
        self.at = at
        self._literals = framed.literals
        self._next_literal = 0

    def fail(self, wanted: str) -> NoReturn:
        raise SyntaxFault(f"Expected {wanted} at octet {self.at}")

    def trim(self) -> None:
        """Pass over spaces at the end: scripts and some phones write them, and nothing in a command can end so."""
        self.text = self.text.rstrip(b" ")

    def rest(self) -> bytes:
        """What is left, which must hold no literal."""
        octets = self.text[self.at :]
        if 0 in octets:
            self.fail("no literal")
        self.at = len(self.text)
        return octets

    def rest_if_short(self) -> bytes:
        """What is left, for who remembers what it means; empty if it is long, or holds a literal."""
        octets = self.text[self.at :]
        return octets if len(octets) <= SHORT and 0 not in octets else b""

    # Single characters

    def at_end(self) -> bool:
        return self.at >= len(self.text)

    def end(self) -> None:
        if self.at < len(self.text):
            raise SyntaxFault(f"Unexpected text at octet {self.at}")

    def peek(self) -> bytes:
        return self.text[self.at : self.at + 1]

    def skip(self, octets: bytes) -> bool:
        if self.text.startswith(octets, self.at):
            self.at += len(octets)
            return True
        return False

    def need(self, octets: bytes) -> None:
        if not self.skip(octets):
            self.fail(repr(octets.decode("ascii")))

    def space(self) -> None:
        # SP is exactly one space (RFC 9051 §9, note 2).
        if not self.skip(b" "):
            self.fail("a space")

    def skip_word(self, word: bytes) -> bool:
        """Take a word in any case, if it stands here as a whole."""
        end = self.at + len(word)
        if self.text[self.at : end].upper() == word and self.text[end : end + 1] in (b" ", b""):
            self.at = end
            return True
        return False

    def _match(self, pattern: re.Pattern[bytes], wanted: str) -> re.Match[bytes]:
        match = pattern.match(self.text, self.at)
        if match is None:
            self.fail(wanted)
        self.at = match.end()
        return match

    # Words

    def atom(self) -> bytes:
        return self._match(_ATOM, "an atom")[0]

    def keyword(self) -> bytes:
        """An atom whose case does not matter, in upper case."""
        return self._match(_ATOM, "a word")[0].upper()

    def command_name(self) -> bytes:
        """The command in upper case, ``UID`` and the command that it modifies as one."""
        name = self.keyword()
        if name == b"UID":
            self.space()
            name = b"UID " + self.keyword()
        return name

    def keyword_before_bracket(self) -> bytes:
        return self._match(_ITEM, "an item")[0].upper()

    def followed_by_dot_and_digit(self) -> bool:
        return _DOT_DIGIT.match(self.text, self.at) is not None

    def number(self) -> int:
        return self._bounded(0, MAX_NUMBER)

    def nz_number(self) -> int:
        return self._bounded(1, MAX_NUMBER)

    def number64(self) -> int:
        return self._bounded(0, MAX_NUMBER64)

    def nz_number64(self) -> int:
        return self._bounded(1, MAX_NUMBER64)

    def _bounded(self, low: int, high: int) -> int:
        at = self.at
        value = int(self._match(_NUMBER, "a number")[0])
        if not low <= value <= high:
            self.at = at
            self.fail(f"a number from {low} to {high}")
        return value

    # Strings

    def literal(self) -> Literal:
        """literal or literal8, as it came: octets, or the sink they went to."""
        if not self.skip(b"\x00"):
            self.fail("a literal")
        value = self._literals[self._next_literal]
        self._next_literal += 1
        return value

    def _small_literal(self) -> bytes:
        value = self.literal()
        if not isinstance(value, bytes):
            raise SyntaxFault("Literal is too large here")
        if 0 in value:
            raise SyntaxFault("NUL octets are not allowed")  # CHAR8 = %x01-ff
        return value

    def string(self) -> bytes:
        """string = quoted / literal"""
        if self.peek() == b"\x00":
            return self._small_literal()
        inner = self._match(_QUOTED, "a string")[1]
        return _ESCAPE.sub(rb"\1", inner) if b"\\" in inner else inner

    def astring(self) -> bytes:
        """astring = 1*ASTRING-CHAR / string"""
        if self.peek() in (b'"', b"\x00"):
            return self.string()
        return self._match(_ASTRING, "an atom or string")[0]

    def nstring(self) -> bytes | None:
        """nstring = string / nil"""
        if self.peek() in (b'"', b"\x00"):
            return self.string()
        if self.text[self.at : self.at + 3].upper() != b"NIL":
            self.fail("a string or NIL")
        self.at += 3
        return None

    def list_mailbox(self) -> bytes:
        """list-mailbox = 1*list-char / string"""
        if self.peek() in (b'"', b"\x00"):
            return self.string()
        return self._match(_LIST, "a mailbox pattern")[0]

    # Flags, sets, dates

    def flag(self) -> str:
        return self._match(_FLAG, "a flag")[0].decode("ascii")

    def flag_list(self) -> tuple[str, ...]:
        """flag-list = "(" [flag *(SP flag)] ")" """
        self.need(b"(")
        if self.skip(b")"):
            return ()
        flags = [self.flag()]
        while not self.skip(b")"):
            self.space()
            flags.append(self.flag())
        return tuple(flags)

    def sequence_set(self) -> SequenceSet:
        octets = self._match(_SEQUENCE_SET, "a set of numbers")[0]
        if octets == b"$":
            return SAVED_RESULT
        ranges = []
        for piece in octets.split(b","):
            first, colon, last = piece.partition(b":")
            low = STAR if first == b"*" else int(first)
            high = low if not colon else STAR if last == b"*" else int(last)
            if low > MAX_NUMBER or high > MAX_NUMBER:
                raise SyntaxFault("Number is too large")
            ranges.append((low, high))
        return SequenceSet(tuple(ranges))

    def looks_like_sequence_set(self) -> bool:
        return self.peek() in b"0123456789*$" and not self.at_end()

    def date(self) -> date:
        match = self._match(_DATE, "a date such as 1-Feb-2026")
        return _calendar_day(match[2], match[3], match[4])

    def date_time(self) -> tuple[int, int]:
        """Epoch seconds, and how many minutes east of Greenwich they were written in."""
        match = self._match(_DATE_TIME, 'a date-time such as "01-Feb-2026 08:00:00 +0700"')
        day = _calendar_day(match[1], match[2], match[3])
        hour, minute, second = int(match[4]), int(match[5]), int(match[6])
        if hour > 23 or minute > 59 or second > 60 or int(match[9]) > 59:
            raise SyntaxFault("No such time of day")
        zone = int(match[7] + b"1") * (int(match[8]) * 60 + int(match[9]))
        return calendar.timegm((day.year, day.month, day.day, hour, minute, second)) - zone * 60, zone

    def skip_value(self, depth: int = 0) -> None:
        """Step over one value of any extension: tagged-ext-val (RFC 4466 §6)."""
        if depth > 20:
            raise SyntaxFault("Too deeply nested")
        if self.skip(b"("):
            while not self.skip(b")"):
                self.skip_value(depth + 1)
                if self.peek() != b")":
                    self.space()
        elif self.peek() in (b'"', b"\x00"):
            self.string()
        else:
            self._match(_LIST, "a value")


def _calendar_day(day: bytes, month: bytes, year: bytes) -> date:
    try:
        return date(int(year), MONTHS.index(month.lower()) + 1, int(day))
    except ValueError:
        raise SyntaxFault("No such date") from None
