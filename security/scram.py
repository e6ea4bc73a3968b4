"""SCRAM: a login in which the password never crosses the line, and after which the client knows the server too.

The server keeps a verifier (salt, rounds, two keys) that was made when the password was at hand; from it nobody can
log in elsewhere, but who steals it can try passwords at the price of ``ROUNDS`` (decision 0007).

    exchange = Scram(begin's arguments)
    exchange.start(client_first)  -> VerifierWanted(login)
    exchange.know(verifier)       -> Challenge(server_first)
    exchange.respond(client_final)-> ScramProof, right or wrong, with what to tell the client if it is right

Standards: RFC 5802 (§3, §5, §6 channel binding, §7 grammar, §9), RFC 7677 (SHA-256), RFC 5803 (form of verifiers).
Limits: no extensions (``m=``) are known; a wrong proof cannot be told from another wrong proof, so that a client which
repeats last month's password costs the throttle one guess each time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from security.passwords import MAX_PASSWORD, prepared
from security.sasl import Challenge, SaslFault, SaslRefused
from security.saslprep import NotPreparable, saslprep

# RFC 7677 §4 asks for 4096 at least; Cyrus SASL, with it mbsync and others, refuses more than 65,536.  A client's
# telephone does them at each login, a thief for each guess.
ROUNDS = 60_000
_SALT = 16

# RFC 5802 §7; names after decoding are held to be sane by whoever looks them up
_NAME = rb"(?:[^\x00,=]|=2C|=3D)+"
_GS2 = rb"(?P<gs2>(?:(?P<flag>[ny])|p=(?P<binding>[A-Za-z0-9.-]+)),(?:a=(?P<authzid>" + _NAME + rb"))?,)"
_EXTENSIONS = rb"(?:,[A-Za-z]=[^\x00,]+)*"
_CLIENT_FIRST = re.compile(
    _GS2 + rb"(?P<bare>n=(?P<name>" + _NAME + rb"),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)" + _EXTENSIONS + rb")", re.DOTALL
)
_CLIENT_FINAL = re.compile(
    rb"(?P<unproven>c=(?P<channel>[A-Za-z0-9+/=]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)" + _EXTENSIONS + rb")"
    rb",p=(?P<proof>[A-Za-z0-9+/=]+)",
    re.DOTALL,
)
_VERIFIER = re.compile(r"SCRAM-SHA-256\$([1-9]\d{3,8}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")
_LONGEST_NONCE = 512


@dataclass(frozen=True, slots=True)
class Verifier:
    salt: bytes
    rounds: int
    stored_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        return f"Verifier(rounds={self.rounds})"

    def encode(self) -> str:
        salt, stored, server = (
            base64.b64encode(part).decode() for part in (self.salt, self.stored_key, self.server_key)
        )
        return f"SCRAM-SHA-256${self.rounds}:{salt}${stored}:{server}"


def make_verifier(password: str, salt: bytes, rounds: int = ROUNDS) -> Verifier:
    """Takes about as long as a password hash.  Raises ValueError for what cannot be a password."""
    if not password or len(password) > MAX_PASSWORD:
        raise ValueError(f"a password has 1 to {MAX_PASSWORD} characters")
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password), salt, rounds)
    return Verifier(salt, rounds, _sha256(_hmac(salted, b"Client Key")), _hmac(salted, b"Server Key"))


def new_verifier(password: str, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """For the database, beside the password's hash.  Raises ValueError for what cannot be a password."""
    return make_verifier(password, random_bytes(_SALT)).encode()


def false_verifier(secret: bytes, login: str, rounds: int = ROUNDS) -> Verifier:
    """What a stranger is asked to prove for a login that has no verifier: always the same, like a real one, and not
    to be proven (RFC 5802 §9: nobody learns which logins exist).
    """
    salt, stored, server = (
        hmac.digest(secret, what + login.lower().encode("utf-8", "surrogatepass"), "sha256")
        for what in (b"scram salt\0", b"scram stored key\0", b"scram server key\0")
    )
    return Verifier(salt[:_SALT], rounds, stored, server)


def parse_verifier(text: str) -> Verifier:
    """Raises ValueError."""
    match = _VERIFIER.fullmatch(text)
    if match is None:
        raise ValueError("not a SCRAM-SHA-256 verifier")
    salt, stored, server = (base64.b64decode(part, validate=True) for part in match.groups()[1:])
    if not salt or len(stored) != 32 or len(server) != 32:
        raise ValueError("not a SCRAM-SHA-256 verifier")
    return Verifier(salt, int(match[1]), stored, server)


def _prepared(password: str) -> bytes:
    try:
        return saslprep(password).encode("utf-8", "surrogatepass")
    except NotPreparable:
        # As other servers do: a client that sends it at all sends it as typed.
        return prepared(password).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class VerifierWanted:
    login: str


@dataclass(frozen=True, slots=True)
class ScramProof:
    """Whether the client knows the password.  ``final`` is for the client, if so and if he may come in."""

    authzid: str
    authcid: str
    verifier: Verifier
    is_right: bool
    final: bytes

    def __repr__(self) -> str:
        return f"ScramProof(authzid={self.authzid!r}, authcid={self.authcid!r}, is_right={self.is_right})"


class Scram:
    """One exchange.  ``binding`` gives a channel binding's data by its type, None for one that this connection cannot
    have; ``offers_plus``: whether the client was offered SCRAM-SHA-256-PLUS; ``nonce`` gives printable octets.
    """

    def __init__(
        self, *, plus: bool, offers_plus: bool, binding: Callable[[str], bytes | None], nonce: Callable[[], bytes]
    ) -> None:
        self._plus = plus
        self._offers_plus = offers_plus
        self._binding = binding
        self._make_nonce = nonce
        self._first: re.Match[bytes] | None = None
        self._channel = b""
        self._nonce = b""
        self._server_first = b""
        self._verifier: Verifier | None = None
        self._names = ("", "")

    def start(self, initial: bytes | None) -> Challenge | VerifierWanted:
        return Challenge(b"") if initial is None else self._take_first(initial)

    def respond(self, response: bytes) -> VerifierWanted | ScramProof:
        return self._take_first(response) if self._first is None else self._take_final(response)

    def know(self, verifier: Verifier) -> Challenge:
        assert self._first is not None
        self._verifier = verifier
        self._nonce = self._first["nonce"] + self._make_nonce()
        salt = base64.b64encode(verifier.salt)
        self._server_first = b"r=%b,s=%b,i=%d" % (self._nonce, salt, verifier.rounds)
        return Challenge(self._server_first)

    def _take_first(self, message: bytes) -> VerifierWanted:
        match = _CLIENT_FIRST.fullmatch(message)
        if match is None or len(match["nonce"]) > _LONGEST_NONCE:
            raise SaslFault("not a SCRAM message")
        data = b""
        if match["binding"] is not None:
            if not self._plus:
                raise SaslFault("channel binding belongs to SCRAM-SHA-256-PLUS")
            found = self._binding(match["binding"].decode("ascii"))
            if found is None:
                raise SaslRefused("That type of channel binding is not possible here")
            data = found
        elif self._plus:
            raise SaslFault("SCRAM-SHA-256-PLUS needs a channel binding")
        elif match["flag"] == b"y" and self._offers_plus:
            # RFC 5802 §6: somebody between us took the PLUS out of the list.
            raise SaslRefused("The server does support channel binding")
        self._first = match
        self._channel = match["gs2"] + data
        self._names = (_name(match["authzid"] or b""), _name(match["name"]))
        return VerifierWanted(self._names[1])

    def _take_final(self, message: bytes) -> ScramProof:
        assert self._first is not None
        assert self._verifier is not None
        match = _CLIENT_FINAL.fullmatch(message)
        if match is None:
            raise SaslFault("not a SCRAM message")
        channel, proof = _decode(match["channel"]), _decode(match["proof"])
        if len(proof) != 32:
            raise SaslFault("not a SCRAM message")
        verifier = self._verifier
        talk = b",".join((self._first["bare"], self._server_first, match["unproven"]))
        signature = _hmac(verifier.stored_key, talk)
        client_key = bytes(left ^ right for left, right in zip(proof, signature, strict=True))
        # All three are looked at, whatever the first says.
        agreed = (
            hmac.compare_digest(channel, self._channel)
            & hmac.compare_digest(match["nonce"], self._nonce)
            & hmac.compare_digest(_sha256(client_key), verifier.stored_key)
        )
        final = b"v=" + base64.b64encode(_hmac(verifier.server_key, talk))
        return ScramProof(*self._names, verifier, agreed, final)


def _name(octets: bytes) -> str:
    try:
        return saslprep(octets.replace(b"=2C", b",").replace(b"=3D", b"=").decode("utf-8"))
    except (UnicodeDecodeError, NotPreparable):
        raise SaslFault("not a name") from None


def _decode(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise SaslFault("not base64") from None


def _hmac(key: bytes, octets: bytes) -> bytes:
    return hmac.digest(key, octets, "sha256")


def _sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()
