"""XCLIENT: what a filter in front of us says of the client that it speaks for.

Standards: Postfix XCLIENT Howto (2020); RFC 3461 §4 (xtext).
Limits: LOGIN is not offered: who is logged in is found by our own gate.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from mailserver.smtp.parameters import decode_xtext, fault

ATTRIBUTES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "DESTADDR", "DESTPORT")
_UNKNOWN = ("[UNAVAILABLE]", "[TEMPUNAVAIL]")


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """None: nothing was said; "": it is not known."""

    name: str | None = None
    address: str | None = None
    port: str | None = None
    protocol: str | None = None
    hello: str | None = None


def parse_xclient(argument: str) -> ClientFacts:
    """What follows ``XCLIENT ``.  Raises SyntaxFault."""
    values: dict[str, str] = {}
    for word in argument.split():
        name, given, text = word.partition("=")
        name = name.upper()
        if not given or name not in ATTRIBUTES or name in values:
            raise fault(501, "5.5.4", f"Syntax: XCLIENT attribute=value …; attributes: {' '.join(ATTRIBUTES)}")
        value = decode_xtext(text)
        values[name] = "" if value.upper() in _UNKNOWN else value
    if not values:
        raise fault(501, "5.5.4", "Syntax: XCLIENT attribute=value")
    for name in ("PORT", "DESTPORT"):
        port = values.get(name) or "0"
        if not port.isdigit() or int(port) > 65_535:
            raise fault(501, "5.5.4", f"{name} is a port")
    if values.get("PROTO", "SMTP").upper() not in ("SMTP", "ESMTP", ""):
        raise fault(501, "5.5.4", "PROTO is SMTP or ESMTP")
    for name in ("NAME", "HELO"):
        if len(values.get(name, "")) > 255:
            raise fault(501, "5.5.4", f"{name} is too long")
    _address(values.get("DESTADDR"))
    return ClientFacts(
        name=values.get("NAME"),
        address=_address(values.get("ADDR")),
        port=values.get("PORT"),
        protocol=values["PROTO"].upper() if "PROTO" in values else None,
        hello=values.get("HELO"),
    )


def _address(text: str | None) -> str | None:
    if not text:
        return text
    try:
        if text[:5].upper() == "IPV6:":
            return str(ipaddress.IPv6Address(text[5:]))
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise fault(501, "5.5.4", "ADDR is an address; one of IPv6 begins with IPV6:") from None
