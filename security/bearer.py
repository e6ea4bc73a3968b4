"""OAUTHBEARER and XOAUTH2: one message with a token in it, which ``security.tokens`` judges.

A refused token is answered with a challenge in JSON; the client acknowledges it, and only then the refusal follows.

Standards: RFC 7628 §3.1, §3.2.3; RFC 5801 §4 (GS2 header); RFC 6750 §2.1 (Bearer); XOAUTH2 was never a standard, it is
the same message without the GS2 header.
Limits: ``host`` and ``port`` are not compared with ours, since a city's server goes by several names; that the token
was meant for us is what its audience says.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from security.sasl import Challenge, SaslFault

# RFC 5801 §4: the name's comma and equals sign are escaped.  No channel binding is possible.
_GS2 = re.compile(rb"[ny],(?:a=(?P<authzid>(?:[^\x00,=]|=2C|=3D)+))?,")
_PAIR = re.compile(rb"([A-Za-z]+)=([\x20-\x7e\t\r\n\x80-\xff]*)")
# RFC 6750 §2.1: b64token
_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")
_SEPARATOR = b"\x01"


@dataclass(frozen=True, slots=True)
class BearerToken:
    """``authzid``: whose mail is wanted; empty: that of whoever the token names."""

    authzid: str
    token: str

    def __repr__(self) -> str:
        return f"BearerToken(authzid={self.authzid!r}, token=…)"


class Bearer:
    """``with_header``: OAUTHBEARER; without: XOAUTH2, where the name is a pair like the others."""

    def __init__(self, *, with_header: bool) -> None:
        self._with_header = with_header

    def start(self, initial: bytes | None) -> Challenge | BearerToken:
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, response: bytes) -> BearerToken:
        if self._with_header:
            header, _, rest = response.partition(_SEPARATOR)
            match = _GS2.fullmatch(header)
            if match is None:
                raise SaslFault("not an OAUTHBEARER message")
            name = (match["authzid"] or b"").replace(b"=2C", b",").replace(b"=3D", b"=")
            pairs = _pairs(rest)
        else:
            pairs = _pairs(response)
            name = pairs.get(b"user", b"")
        bearer = _BEARER.fullmatch(pairs.get(b"auth", b""))
        if bearer is None:
            raise SaslFault("a Bearer token is wanted")
        try:
            return BearerToken(name.decode("utf-8"), bearer[1].decode("ascii"))
        except UnicodeDecodeError:
            raise SaslFault("not UTF-8") from None


def _pairs(octets: bytes) -> dict[bytes, bytes]:
    """RFC 7628 §3.1: each pair ends with a separator, and so does their list; unknown ones are passed over."""
    if not octets.endswith(_SEPARATOR * 2):
        raise SaslFault("not an OAuth message")
    pairs: dict[bytes, bytes] = {}
    for field in octets[:-2].split(_SEPARATOR):
        match = _PAIR.fullmatch(field)
        if match is None or match[1].lower() in pairs:
            raise SaslFault("not an OAuth message")
        pairs[match[1].lower()] = match[2]
    return pairs


def error_challenge(issuer: str) -> bytes:
    """RFC 7628 §3.2.2; the client finds where to get another token."""
    told = {"status": "invalid_token"}
    if issuer.startswith("https://"):
        told["openid-configuration"] = issuer.rstrip("/") + "/.well-known/openid-configuration"
    return json.dumps(told).encode()
