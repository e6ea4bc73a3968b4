"""Addresses as SMTP carries them: ``local@domain``, the domain always in A-labels and lower case.

The local part keeps its case (RFC 5321 §2.4); whether two local parts are one address is the directory's business.

Standards: RFC 5321 §4.1.2 (grammar), §4.5.3.1 (lengths), RFC 6531 §3.3 (SMTPUTF8), RFC 5891 (IDNA2008).
Limits: no source routes (RFC 5321 Appendix C lets us ignore them); they are skipped.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna

NULL_REVERSE_PATH = ""

# RFC 5321 §4.5.3.1: 64 octets are what everybody must take, and limits are to be avoided; addresses that were rewritten
# for bounces (ours too: ``security.srs``) are longer than that.
MAX_LOCAL_PART = 255
MAX_DOMAIN = 255

# atext = ALPHA / DIGIT / "!" / "#" / … (RFC 5322 §3.2.3), UTF8-non-ascii added by RFC 6531 §3.3
_ATEXT = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u00a1-\ud7ff\ue000-\U0010ffff]"
# Dot-string = Atom *("." Atom)
_DOT_STRING = rf"{_ATEXT}+(?:\.{_ATEXT}+)*"
# Quoted-string = DQUOTE *QcontentSMTP DQUOTE
_QUOTED_STRING = r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u00a1-\ud7ff\ue000-\U0010ffff]|\\[\x20-\x7e])*"'
# Domain = sub-domain *("." sub-domain), U-labels allowed; address-literal in brackets
_LETTER = r"A-Za-z0-9\u00a1-\ud7ff\ue000-\U0010ffff"
_LABEL = rf"[{_LETTER}](?:[{_LETTER}\-]*[{_LETTER}])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL = r"\[[\x21-\x5a\x5e-\x7e]+\]"
_ADDRESS = re.compile(rf"({_DOT_STRING}|{_QUOTED_STRING})@({_DOMAIN}|{_LITERAL})")
# A-d-l = At-domain *( "," At-domain ) ":" — accepted and ignored, RFC 5321 §4.1.1.3
_SOURCE_ROUTE = re.compile(rf"@{_DOMAIN}(?:,@{_DOMAIN})*:")


class AddressFault(ValueError):
    """The text is not an address."""


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox address; ``str(address)`` is its wire form."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{quote_local_part(self.local)}@{self.domain}"


def quote_local_part(local: str) -> str:
    """The local part as written on the wire: a dot-string, or a quoted string where it must be."""
    if re.fullmatch(_DOT_STRING, local):
        return local
    return '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'


@lru_cache(maxsize=4096)
def domain_to_ascii(domain: str) -> str:
    """The domain in A-labels, lower case (RFC 5891 §4.4).  Raises AddressFault."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(unicodedata.normalize("NFC", domain), uts46=True).decode("ascii").lower()
    except idna.IDNAError as fault:
        raise AddressFault(f"domain {domain!r} is not a valid internationalised name") from fault


@lru_cache(maxsize=16384)
def parse_address(text: str) -> Address:
    """``local@domain`` → Address.  Raises AddressFault."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise AddressFault(f"{text!r} is not an address")
    local, domain = match.groups()
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    if domain.startswith("["):
        domain = _address_literal(domain)
    else:
        domain = domain_to_ascii(domain)
    if len(local.encode()) > MAX_LOCAL_PART or len(domain) > MAX_DOMAIN:
        raise AddressFault(f"{text!r} is too long")
    if not local.isascii():
        local = unicodedata.normalize("NFC", local)
    return Address(local, domain)


def parse_path(text: str) -> str:
    """The text between ``<`` and ``>`` of MAIL or RCPT → canonical address, "" for the null reverse-path.

    Raises AddressFault.
    """
    if text == "":
        return NULL_REVERSE_PATH
    if text.startswith("@"):
        route = _SOURCE_ROUTE.match(text)
        if route is None:
            raise AddressFault(f"{text!r} is not a path")
        text = text[route.end() :]
    return str(parse_address(text))


def _address_literal(literal: str) -> str:
    inner = literal[1:-1]
    try:
        if inner[:5].lower() == "ipv6:":
            return f"[IPv6:{ipaddress.IPv6Address(inner[5:])}]"
        return f"[{ipaddress.IPv4Address(inner)}]"
    except ValueError as fault:
        raise AddressFault(f"{literal} is not an address literal") from fault
