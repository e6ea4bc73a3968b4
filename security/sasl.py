"""SASL as state machines without a socket: octets of a challenge out, octets of a response in, and at the end what
the client claims, for ``directory.signing_in.login.Gate`` to judge.

    exchange = Plain()
    step = exchange.start(initial_response)      # None if the client sent none
    while isinstance(step, Challenge): step = exchange.respond(decode_response(line))
    step is now Credentials

Here are the mechanisms that carry a password or nothing; ``scram`` and ``bearer`` have theirs.

Standards: RFC 4422 (appendix A: EXTERNAL), RFC 4616 (PLAIN), RFC 4648 §4 (base64, strictly), RFC 4954 §4 and
RFC 9051 §6.2.2 (``=`` and ``*``); LOGIN was never a standard (draft-murchison-sasl-login), Outlook still needs it.
Limits: PLAIN and LOGIN carry the password in the clear and belong inside TLS; the shells see to that.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass

# RFC 4954 §4: 12,288 octets of base64; tokens are long.  A shell may allow less.
_MAX_RESPONSE = 12_288
# RFC 4616 §2: each part up to 255 octets in UTF-8; passwords of ours may be longer.
_MAX_PLAIN = 3072


class SaslFault(Exception):
    """The client broke the rules of the exchange; the text is safe to show."""


class SaslCancelled(SaslFault):
    """The client sent ``*`` (RFC 4954 §4)."""


class SaslRefused(Exception):
    """The client kept the rules, and cannot be let in this way; the text is safe to show."""


@dataclass(frozen=True, slots=True)
class Challenge:
    octets: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who proves (authcid), for whom (authzid; empty: for himself), with what."""

    authzid: str
    authcid: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(authzid={self.authzid!r}, authcid={self.authcid!r}, password=…)"


@dataclass(frozen=True, slots=True)
class ExternalClaim:
    """What TLS has proven of the client is to count; ``authzid`` as in Credentials."""

    authzid: str


class Plain:
    """RFC 4616 §2: ``message = [authzid] UTF8NUL authcid UTF8NUL passwd``"""

    def start(self, initial: bytes | None) -> Challenge | Credentials:
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, response: bytes) -> Credentials:
        if len(response) > _MAX_PLAIN:
            raise SaslFault("response too long")
        parts = response.split(b"\x00")
        if len(parts) != 3:
            raise SaslFault("PLAIN wants three parts")
        authzid, authcid, password = (_text(part) for part in parts)
        if not authcid or not password:
            raise SaslFault("PLAIN wants a login and a password")
        return Credentials(authzid, authcid, password)


class Login:
    """Two prompts, two answers; the initial response, if there is one, is the login."""

    def __init__(self) -> None:
        self._login: str | None = None

    def start(self, initial: bytes | None) -> Challenge | Credentials:
        return Challenge(b"Username:") if initial is None else self.respond(initial)

    def respond(self, response: bytes) -> Challenge | Credentials:
        if b"\x00" in response or len(response) > _MAX_PLAIN:
            raise SaslFault("not a login nor a password")
        text = _text(response)
        if not text:
            raise SaslFault("LOGIN wants a login and a password")
        if self._login is None:
            self._login = text
            return Challenge(b"Password:")
        return Credentials("", self._login, text)


class External:
    """RFC 4422 appendix A: the response is the authzid, or empty."""

    def start(self, initial: bytes | None) -> Challenge | ExternalClaim:
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, response: bytes) -> ExternalClaim:
        if b"\x00" in response or len(response) > _MAX_PLAIN:
            raise SaslFault("not a name")
        return ExternalClaim(_text(response))


def decode_response(line: bytes) -> bytes:
    """A line of the client without its CRLF → the response's octets."""
    if line == b"*":
        raise SaslCancelled("authentication cancelled")
    if len(line) > _MAX_RESPONSE:
        raise SaslFault("response too long")
    try:
        # strict: no characters outside the alphabet, no missing padding (RFC 4648 §3.3)
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error as fault:
        raise SaslFault("not base64") from fault


def decode_initial(text: bytes) -> bytes:
    """The initial response; ``=`` stands for an empty one (RFC 4954 §4, RFC 9051 §6.2.2)."""
    return b"" if text == b"=" else decode_response(text)


def encode_challenge(challenge: Challenge) -> bytes:
    return binascii.b2a_base64(challenge.octets, newline=False)


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise SaslFault("not UTF-8") from fault
