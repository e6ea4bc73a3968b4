"""SPF records as values: terms, and the macros in their domains.

A record is read whole before anything of it is used: a fault anywhere makes it a PermanentFault
(RFC 7208 §4.6).

Standards: RFC 7208 §4.5, §4.6.1, §5, §6, §7, §12; RFC 8616 §4 (local parts outside ASCII).
Limits: records of 8 KiB, explanations of 2 KiB, 100 macros in one domain: what is larger is no policy but an attack
(§3.4 asks for 450 octets).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import quote

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

Mechanism = Literal["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"]

MAX_NAME = 253
MAX_RECORD = 8192
MAX_EXPLANATION = 2048
MAX_MACROS = 100

_EXPANSION = re.compile(r"%\{([A-Za-z])([0-9]*)([rR]?)([.\-+,/_=]*)\}|%([%_-])")
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9\-_.]*)=(.*)", re.DOTALL)
_DIRECTIVE = re.compile(r"([+\-?~]?)([A-Za-z][A-Za-z0-9]*)(.*)", re.DOTALL)
# §5.6: no leading zeros.  dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ]
_DUAL_LENGTH = re.compile(r"(.*?)(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?", re.DOTALL)
_NETWORK = re.compile(r":([0-9A-Fa-f:.]+)(?:/(0|[1-9][0-9]{0,2}))?")
# §7.1: domain-end; a digit-only top label is none.
_TOP_LABEL = re.compile(r"\.(?![0-9]*+\.?+$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?")

_TERM_LETTERS = frozenset("slodiphv")
_TEXT_LETTERS = _TERM_LETTERS | frozenset("crt")
_LITERALS = {"%": "%", "_": " ", "-": "%20"}


class PermanentFault(Exception):
    """The record cannot be used as it stands (§2.6.7)."""


@dataclass(frozen=True, slots=True)
class Macro:
    letter: str
    parts: int  # 0 for all
    reverse: bool
    delimiters: str
    escape: bool


MacroString = tuple["str | Macro", ...]


@dataclass(frozen=True, slots=True)
class Directive:
    """``domain`` is empty where the record names none: the domain that is being looked at."""

    qualifier: str
    mechanism: Mechanism
    domain: MacroString = ()
    network: IpNetwork | None = None
    length4: int = 32
    length6: int = 128
    text: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    directives: tuple[Directive, ...]
    redirect: MacroString = ()
    explanation: MacroString = ()


def is_record(text: bytes) -> bool:
    """Whether a TXT record is one of SPF version 1 (§4.5)."""
    return text[:6].lower() == b"v=spf1" and text[6:7] in (b"", b" ")


@lru_cache(maxsize=2048)
def parse_record(octets: bytes) -> Record:
    """Raises PermanentFault."""
    if len(octets) > MAX_RECORD:
        raise PermanentFault(f"the record has {len(octets)} octets")
    try:
        text = octets.decode("ascii")
    except UnicodeDecodeError:
        raise PermanentFault("the record is not ASCII") from None
    directives: list[Directive] = []
    modifiers: dict[str, MacroString] = {}
    for term in text[6:].split(" "):
        if not term:
            continue
        modifier = _MODIFIER.fullmatch(term)
        if modifier is None:
            directives.append(_parse_directive(term))
            continue
        name = modifier[1].lower()
        if name not in ("redirect", "exp"):
            _parse_macros(modifier[2], _TEXT_LETTERS)  # §6: ignored, but its syntax is not
        elif name in modifiers:
            raise PermanentFault(f"{name}= twice")
        else:
            modifiers[name] = parse_domain(modifier[2])
    return Record(tuple(directives), modifiers.get("redirect", ()), modifiers.get("exp", ()))


def _parse_directive(term: str) -> Directive:
    match = _DIRECTIVE.fullmatch(term)
    if match is None:
        raise PermanentFault(f"unknown term {_shown(term)}")
    qualifier, name, rest = match[1] or "+", match[2].lower(), match[3]
    match name:
        case "all" if not rest:
            return Directive(qualifier, "all", text=term)
        case "include" | "exists" if rest.startswith(":"):
            return Directive(qualifier, name, parse_domain(rest[1:]), text=term)
        case "ptr" if not rest or rest.startswith(":"):
            return Directive(qualifier, "ptr", parse_domain(rest[1:]) if rest else (), text=term)
        case "ip4" | "ip6":
            return Directive(qualifier, name, network=_parse_network(name, rest, term), text=term)
        case "a" | "mx" if not rest or rest[0] in ":/":
            lengths = _DUAL_LENGTH.fullmatch(rest)
            assert lengths is not None  # every part of it may be missing
            length4, length6 = int(lengths[2] or 32), int(lengths[3] or 128)
            if (lengths[1] and lengths[1][0] != ":") or length4 > 32 or length6 > 128:
                raise PermanentFault(f"wrong length of a network in {_shown(term)}")
            domain = parse_domain(lengths[1][1:]) if lengths[1] else ()
            return Directive(qualifier, name, domain, length4=length4, length6=length6, text=term)
    raise PermanentFault(f"unknown or malformed term {_shown(term)}")


def _parse_network(name: str, rest: str, term: str) -> IpNetwork:
    match = _NETWORK.fullmatch(rest)
    if match is None:
        raise PermanentFault(f"no network in {_shown(term)}")
    address, length = match.groups()
    try:
        if name == "ip4":
            return ipaddress.IPv4Network((ipaddress.IPv4Address(address), int(length or 32)), strict=False)
        return ipaddress.IPv6Network((ipaddress.IPv6Address(address), int(length or 128)), strict=False)
    except ValueError:
        raise PermanentFault(f"no network in {_shown(term)}") from None


def parse_domain(text: str) -> MacroString:
    """A domain-spec: macros, and behind them a macro or a top label (§7.1)."""
    macros = _parse_macros(text, _TERM_LETTERS)
    last = macros[-1] if macros else ""
    if isinstance(last, str) and not text.endswith(("%%", "%_", "%-")):
        tail = _TOP_LABEL.fullmatch(text, text.rstrip(".").rfind(".")) if "." in text.rstrip(".") else None
        if tail is None:
            raise PermanentFault(f"{_shown(text)} is no domain")
    return macros


@lru_cache(maxsize=512)
def parse_explanation(octets: bytes) -> MacroString:
    """An explain-string: macros and blanks (§6.2, §7.1)."""
    if len(octets) > MAX_EXPLANATION:
        raise PermanentFault(f"the explanation has {len(octets)} octets")
    try:
        return _parse_macros(octets.decode("ascii"), _TEXT_LETTERS, blanks=True)
    except UnicodeDecodeError:
        raise PermanentFault("the explanation is not ASCII") from None


def _parse_macros(text: str, letters: frozenset[str], *, blanks: bool = False) -> MacroString:
    parts: list[str | Macro] = []
    position = 0
    while position < len(text):
        start = text.find("%", position)
        literal = text[position : start if start >= 0 else len(text)]
        if literal:
            if not all("!" <= character <= "~" or (blanks and character == " ") for character in literal):
                raise PermanentFault(f"{_shown(text)} has characters that no macro string may have")
            parts.append(literal)
        if start < 0:
            break
        match = _EXPANSION.match(text, start)
        if match is None:
            raise PermanentFault(f"{_shown(text)} has a percent sign that begins no macro")
        position = match.end()
        if match[5]:
            parts.append(_LITERALS[match[5]])
            continue
        letter, count = match[1].lower(), match[2]
        if letter not in letters or len(count) > 9 or (count and int(count) == 0):
            raise PermanentFault(f"unknown macro {_shown(match[0])}")
        if len(parts) > 2 * MAX_MACROS:
            raise PermanentFault("too many macros")
        delimiters = match[4] or "."
        parts.append(Macro(letter, int(count or 0), bool(match[3]), delimiters, escape=match[1].isupper()))
    return tuple(parts)


def letters_in(macros: MacroString) -> frozenset[str]:
    return frozenset(part.letter for part in macros if isinstance(part, Macro))


def expand(macros: MacroString, values: Mapping[str, str]) -> str:
    """The string with its macros replaced (§7.3)."""
    return "".join(part if isinstance(part, str) else _expand_macro(part, values[part.letter]) for part in macros)


def _expand_macro(macro: Macro, value: str) -> str:
    if macro.parts or macro.reverse or macro.delimiters != ".":
        pieces = re.split(f"[{re.escape(macro.delimiters)}]", value)
        if macro.reverse:
            pieces.reverse()
        value = ".".join(pieces[-macro.parts :])  # 0 parts: all of them
    return quote(value, safe="-._~") if macro.escape else value


def shorten(name: str) -> str:
    """A name for the DNS: whole labels go from the left until it fits (§7.3)."""
    name = name.removesuffix(".")
    if len(name) <= MAX_NAME:
        return name
    return name[-MAX_NAME - 1 :].partition(".")[2] or name


def _shown(text: str) -> str:
    return ascii(text[:80])
