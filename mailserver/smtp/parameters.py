"""The values of MAIL's and RCPT's parameters, each a function from its text; ``smtp.commands`` knows which there are.

Standards: RFC 1870 §3 (SIZE); RFC 3461 §4 (xtext, RET, ENVID, NOTIFY, ORCPT); RFC 6533 §3 (UTF-8 in ORCPT); RFC 4954
§5 (AUTH); RFC 6710 §7 (MT-PRIORITY); RFC 2852 §4 (BY); RFC 4865 §4 (HOLDFOR, HOLDUNTIL) with RFC 3339 §5.6.
Limits: a leap second counts as the second before it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from mailserver.address import AddressFault, parse_address
from mailserver.smtp.replies import Reply

# xtext = *( xchar / hexchar ) (RFC 3461 §4)
_XTEXT = re.compile(r"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*")
# original-recipient-address = addr-type ";" generic-address
_ORCPT = re.compile(r"([A-Za-z0-9.-]+);(.+)")
# utf-8-addr-xtext and utf-8-addr-unitext of RFC 6533 §3: \x{…} stands for what may not stand for itself
_UTF8_ADDRESS = re.compile(r"(?:[\x21-\x3c\x3e-\x5b\x5d-\x7e\u00a0-\U0010ffff]|\\x\{[0-9A-F]{2,6}\})+")
# priority-value = (["-"] NZDIGIT) / "0" (RFC 6710 §7)
_PRIORITY = re.compile(r"-?[1-9]|0")
# by-value = by-time ";" by-mode [by-trace]; by-time = ["-" / "+"] 1*9DIGIT (RFC 2852 §4)
_BY = re.compile(r"([-+]?[0-9]{1,9});([NR]T?)", re.IGNORECASE)
# date-time of RFC 3339 §5.6, which RFC 4865 §4 means by Internet-style-date-time-UTC
_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?(Z|[-+][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)


class SyntaxFault(ValueError):
    """The command is not well formed, or says something that we did not offer; ``reply`` is the answer."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply))


def fault(code: int, enhanced: str, text: str) -> SyntaxFault:
    return SyntaxFault(Reply(code, enhanced, text))


class DeliverBy(NamedTuple):
    """RFC 2852: how many seconds are left, and what happens then (N: tell, R: return; T: tell of relaying too)."""

    seconds: int
    mode: str


def size(value: str | None) -> int:
    # size-value ::= 1*20DIGIT (RFC 1870 §3)
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 20:
        raise fault(501, "5.5.4", "SIZE takes a number")
    return int(value)


def body(value: str | None) -> Literal["7BIT", "8BITMIME", "BINARYMIME"]:
    kind = (value or "").upper()
    if kind == "7BIT":
        return "7BIT"
    if kind == "8BITMIME":
        return "8BITMIME"
    if kind == "BINARYMIME":
        return "BINARYMIME"
    raise fault(501, "5.5.4", "BODY is 7BIT, 8BITMIME or BINARYMIME")


def present(name: str, value: str | None) -> bool:
    """A parameter that is only a word: SMTPUTF8 (RFC 6531 §3.4), REQUIRETLS (RFC 8689 §2)."""
    if value is not None:
        raise fault(501, "5.5.4", f"{name} takes no value")
    return True


def ret(value: str | None) -> Literal["FULL", "HDRS"]:
    kind = (value or "").upper()
    if kind == "FULL":
        return "FULL"
    if kind == "HDRS":
        return "HDRS"
    raise fault(501, "5.5.4", "RET is FULL or HDRS")


def envelope_id(value: str | None) -> str:
    text = decode_xtext(value) if value else ""
    if not 0 < len(text) <= 100:  # RFC 3461 §4.4: before it is encoded
        raise fault(501, "5.5.4", "ENVID takes up to 100 characters")
    return text


def author(value: str | None) -> str:
    """Who submitted the message, says the client; "" for ``<>`` (RFC 4954 §5)."""
    text = value or ""
    if text.isascii():
        text = decode_xtext(text)
    if text == "<>":
        return ""
    try:
        return str(parse_address(text))
    except AddressFault:
        raise fault(501, "5.5.4", "AUTH takes a mailbox or <>") from None


def priority(value: str | None) -> int:
    if value is None or _PRIORITY.fullmatch(value) is None:
        raise fault(501, "5.5.2", "MT-PRIORITY is a number from -9 to 9")  # RFC 6710 §4.1: with this code
    return int(value)


def deliver_by(value: str | None) -> DeliverBy:
    match = _BY.fullmatch(value or "")
    if match is None:
        raise fault(501, "5.5.4", "BY takes seconds;N or seconds;R")
    seconds, mode = int(match[1]), match[2].upper()
    if mode.startswith("R") and seconds <= 0:  # RFC 2852 §4: only what is to be told of may be late already
        raise fault(501, "5.5.4", "BY with R takes a time to come")
    return DeliverBy(seconds, mode)


def hold_for(value: str | None) -> int:
    # future-release-interval = 1*9DIGIT, not 0 (RFC 4865 §4)
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 9 or not int(value):
        raise fault(501, "5.5.4", "HOLDFOR takes seconds")
    return int(value)


def hold_until(value: str | None) -> int:
    """Seconds since 1970."""
    match = _DATE_TIME.fullmatch(value or "")
    try:
        if match is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        if second > 60:
            raise ValueError
        zone = match[7].upper()
        shift = 0
        if zone != "Z":
            hours, minutes = int(zone[1:3]), int(zone[4:6])
            if hours > 23 or minutes > 59:
                raise ValueError
            shift = (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)
        return max(0, int(moment.timestamp()) - shift)
    except ValueError:
        raise fault(501, "5.5.4", "HOLDUNTIL takes a date and time, as 2030-01-31T07:00:00Z") from None


def notify(value: str | None) -> str:
    words = (value or "").upper().split(",")
    allowed = ["SUCCESS", "FAILURE", "DELAY"]
    if words == ["NEVER"]:
        return "NEVER"
    if all(word in allowed for word in words) and len(set(words)) == len(words):
        return ",".join(word for word in allowed if word in words)
    raise fault(501, "5.5.4", "NOTIFY is NEVER or a list of SUCCESS, FAILURE, DELAY")


def original_recipient(value: str | None, *, smtputf8: bool) -> str:
    match = _ORCPT.fullmatch(value or "")
    if match is None or len(value or "") > 500:
        raise fault(501, "5.5.4", "ORCPT takes type;address")
    kind, address = match.groups()
    if kind.lower() != "utf-8":
        return f"{kind};{decode_xtext(address)}"
    # RFC 6533 §3: as it is only where UTF-8 may be; xtext counts in any case.
    if _UTF8_ADDRESS.fullmatch(_from_hex(address)) is None or not (smtputf8 or address.isascii()):
        raise fault(501, "5.5.4", "Malformed address in ORCPT")
    return f"{kind};{_from_hex(address)}"


def decode_xtext(text: str) -> str:
    """xtext → text.  Raises SyntaxFault; the result never holds a control character, which could forge a
    header.
    """
    if _XTEXT.fullmatch(text) is None:
        raise fault(501, "5.5.4", "Malformed xtext")
    plain = _from_hex(text)
    if not plain.isascii() or not plain.isprintable():
        raise fault(501, "5.5.4", "Malformed xtext")
    return plain


def _from_hex(text: str) -> str:
    return re.sub(r"\+([0-9A-F]{2})", lambda hit: chr(int(hit[1], 16)), text)


def encode_xtext(text: str) -> str:
    """Text in ASCII → xtext (RFC 3461 §4)."""
    return re.sub(r"[^\x21-\x2a\x2c-\x3c\x3e-\x7e]", lambda hit: f"+{ord(hit[0]):02X}", text)
