"""The grammar of MAIL, RCPT and BDAT with their parameters: text in, values out.

Standards: RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.1.11; RFC 1870 (SIZE); RFC 6152 and RFC 3030 §3 (BODY); RFC 6531 §3.4
(SMTPUTF8); RFC 3461 §4 (RET, ENVID, NOTIFY, ORCPT); RFC 4954 §5 (AUTH); RFC 8689 §2 (REQUIRETLS); RFC 6710 §3
(MT-PRIORITY); RFC 2852 §4 (BY); RFC 4865 §4 (HOLDFOR, HOLDUNTIL); RFC 3030 §2 (BDAT).
Limits: command lines of 512 octets, longer by what each extension allows (``LINE_LIMITS``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

from mailserver.address import AddressFault, parse_path
from mailserver.smtp import parameters
from mailserver.smtp.parameters import DeliverBy, fault
from mailserver.smtp.parameters import SyntaxFault as SyntaxFault
from mailserver.smtp.parameters import decode_xtext as decode_xtext
from mailserver.smtp.parameters import encode_xtext as encode_xtext

# RFC 5321 §4.5.3.1.4, and what SIZE (26), BODY (17), SMTPUTF8 (10), DSN (RFC 3461 §4: 212 and 500), AUTH (RFC 4954
# §3: 500, §4: 12288), REQUIRETLS (11), MT-PRIORITY (15), DELIVERBY (17) and FUTURERELEASE (34) add.  Paths in UTF-8
# may be long (RFC 6531 §3.5 raises no limit but asks for patience).
COMMAND_LIMIT = 512
LINE_LIMITS = {"MAIL": 512 + 26 + 17 + 10 + 212 + 500 + 11 + 15 + 17 + 34, "RCPT": 512 + 500, "AUTH": 12288}

# MAIL FROM:<path> [SP params].  The path may be a quoted string with ">" in it.
_PATH = r'<((?:"(?:[^"\\]|\\.)*"|[^">])*)>'
_MAIL = re.compile(rf"FROM:[ \t]*{_PATH}(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)
_RCPT = re.compile(rf"TO:[ \t]*{_PATH}(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)
# esmtp-param = esmtp-keyword ["=" esmtp-value]; esmtp-value = 1*(%d33-60 / %d62-126), UTF-8 added by RFC 6531
# §3.3
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e\u0080-\U0010ffff]+))?")


@dataclass(slots=True)
class MailCommand:
    """MAIL as given.  ``size`` is the declared one, 0 when none was."""

    reverse_path: str
    size: int = 0
    body: Literal["7BIT", "8BITMIME", "BINARYMIME"] = "7BIT"
    smtputf8: bool = False
    ret: Literal["", "FULL", "HDRS"] = ""
    envelope_id: str = ""  # decoded from xtext
    author: str | None = None  # AUTH=; "" for <>
    require_tls: bool = False
    priority: int | None = None
    deliver_by: DeliverBy | None = None
    hold_for: int = 0  # seconds
    hold_until: int = 0  # seconds since 1970
    given: frozenset[str] = field(default=frozenset(), compare=False)  # names of the parameters


@dataclass(slots=True)
class RcptCommand:
    """RCPT as given."""

    forward_path: str
    notify: str = ""  # "", "NEVER", or a comma list of SUCCESS, FAILURE, DELAY in this order
    original_recipient: str = ""  # "type;address", decoded


def parse_mail(argument: str) -> MailCommand:
    """What follows ``MAIL ``.  Raises SyntaxFault."""
    match = _MAIL.fullmatch(argument)
    if match is None:
        raise fault(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")
    path, tail = match.groups()
    command = MailCommand("")
    if tail:
        command.given = _apply(command, tail, _MAIL_PARAMETERS, "MAIL")
        if command.hold_for and command.hold_until:  # RFC 4865 §4: one of them
            raise fault(501, "5.5.4", "HOLDFOR and HOLDUNTIL are given together")
    try:
        command.reverse_path = parse_path(path)
    except AddressFault:
        raise fault(553, "5.1.7", "Malformed reverse-path") from None
    if not command.smtputf8 and not command.reverse_path.isascii():
        # RFC 6531 §3.5: without the SMTPUTF8 parameter the address is not permitted.
        raise fault(550, "5.6.7", "An address outside ASCII needs the SMTPUTF8 parameter")
    return command


def parse_rcpt(argument: str, *, smtputf8: bool) -> RcptCommand:
    """What follows ``RCPT ``; ``smtputf8`` tells whether MAIL had that parameter.  Raises SyntaxFault."""
    match = _RCPT.fullmatch(argument)
    if match is None:
        raise fault(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]")
    path, tail = match.groups()
    command = RcptCommand("")
    if tail:
        _apply(command, tail, _RCPT_UTF8_PARAMETERS if smtputf8 else _RCPT_PARAMETERS, "RCPT")
    if path.lower() == "postmaster":  # RFC 5321 §4.5.1: without a domain, in any case
        command.forward_path = "postmaster"
        return command
    try:
        command.forward_path = parse_path(path)
    except AddressFault:
        raise fault(553, "5.1.3", "Malformed recipient address") from None
    if not command.forward_path:
        raise fault(553, "5.1.3", "A recipient cannot be the null path")
    if not smtputf8 and not command.forward_path.isascii():
        raise fault(553, "5.6.7", "An address outside ASCII needs the SMTPUTF8 parameter")
    return command


_C = TypeVar("_C")


def _apply(command: _C, tail: str, known: Mapping[str, Setter], verb: str) -> frozenset[str]:
    seen: set[str] = set()
    for word in tail.split():
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise fault(501, "5.5.4", "Malformed parameter")
        name = match[1].upper()
        setter = known.get(name)
        if setter is None:
            raise fault(555, "5.5.4", f"{verb} parameter {name[:40]} is not known here")
        if name in seen:
            raise fault(501, "5.5.4", f"Parameter {name} is given twice")
        seen.add(name)
        attribute, value_of = setter
        setattr(command, attribute, value_of(match[2]))
    return frozenset(seen)


# The field that a parameter fills, and the function that reads its value.
Setter = tuple[str, Callable[[str | None], Any]]
_MAIL_PARAMETERS: dict[str, Setter] = {
    "SIZE": ("size", parameters.size),
    "BODY": ("body", parameters.body),
    "SMTPUTF8": ("smtputf8", partial(parameters.present, "SMTPUTF8")),
    "RET": ("ret", parameters.ret),
    "ENVID": ("envelope_id", parameters.envelope_id),
    "AUTH": ("author", parameters.author),
    "REQUIRETLS": ("require_tls", partial(parameters.present, "REQUIRETLS")),
    "MT-PRIORITY": ("priority", parameters.priority),
    "BY": ("deliver_by", parameters.deliver_by),
    "HOLDFOR": ("hold_for", parameters.hold_for),
    "HOLDUNTIL": ("hold_until", parameters.hold_until),
}
_RCPT_PARAMETERS: dict[str, Setter] = {
    "NOTIFY": ("notify", parameters.notify),
    "ORCPT": ("original_recipient", partial(parameters.original_recipient, smtputf8=False)),
}
_RCPT_UTF8_PARAMETERS = _RCPT_PARAMETERS | {
    "ORCPT": ("original_recipient", partial(parameters.original_recipient, smtputf8=True)),
}


@dataclass(frozen=True, slots=True)
class ChunkCommand:
    """BDAT as given: so many octets follow its line."""

    size: int
    is_last: bool


# bdat-cmd ::= "BDAT" SP chunk-size [ SP end-marker ]; chunk-size ::= 1*DIGIT (RFC 3030 §2)
_CHUNK = re.compile(r"([0-9]{1,20})(?: +(LAST))?", re.IGNORECASE)


def parse_chunk(argument: str) -> ChunkCommand | None:
    """What follows ``BDAT ``; None where nobody can say how many octets follow."""
    match = _CHUNK.fullmatch(argument)
    return ChunkCommand(int(match[1]), match[2] is not None) if match is not None else None
