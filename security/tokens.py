"""Access tokens of one issuer: signed JSON (JWT), judged with the issuer's public keys.

The algorithm is chosen by the key, never by the token: no ``none``, no HMAC with a public key.  The keys are a JWK set
that ``read_keys`` gives; it is asked again now and then, and soon where a token names a key that is not known (the
issuer has rotated).

Standards: RFC 7519 §4.1, §7.2; RFC 7515 §4.1.11 (crit), RFC 7517 (JWK sets), RFC 7518 §3.1, RFC 8037 (EdDSA),
RFC 8725 (best practices), RFC 9068 §4.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

log = logging.getLogger("citymail.login")

# Seconds by which the issuer's clock and ours may differ.
LEEWAY = 60.0
# Seconds after which the keys are read anew; and where a key is not known.
KEYS_LIFE = 300.0
KEYS_PAUSE = 5.0
_LONGEST = 9000
_SMALLEST_RSA = 2048
# RFC 8725 §3.1: an algorithm for each kind of key.
_ALGORITHMS: dict[tuple[str, str], tuple[str, ...]] = {
    ("RSA", ""): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA",),
}


class TokenRefused(Exception):
    """Why, for the log."""


@dataclass(frozen=True, slots=True)
class Token:
    address: str
    expires: float


@dataclass(frozen=True, slots=True)
class _Key:
    key: jwt.PyJWK
    algorithms: tuple[str, ...]


class TokenJudge:
    """One per process.  ``claim`` names the claim that holds the mail address."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        claim: str,
        read_keys: Callable[[], bytes],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.issuer = issuer
        self._audience = audience
        self._claim = claim
        self._read_keys = read_keys
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: dict[str, _Key] = {}
        self._read_at = float("-inf")

    def judge(self, token: str) -> Token:
        """Raises TokenRefused."""
        if len(token) > _LONGEST:
            raise TokenRefused("too long")
        try:
            header = jwt.get_unverified_header(token)
            if "crit" in header:
                raise TokenRefused("has critical headers that are not known")
            chosen = self._key(str(header.get("kid", "")))
            if header.get("alg") not in chosen.algorithms:
                raise TokenRefused(f"algorithm {header.get('alg')!r} does not fit the key")
            claims = jwt.decode(
                token,
                chosen.key.key,
                algorithms=list(chosen.algorithms),
                audience=self._audience,
                issuer=self.issuer,
                options={
                    "require": ["exp", "iss", "aud"],
                    # the time is ours to tell
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError) as fault:
            raise TokenRefused(str(fault) or type(fault).__name__) from None
        return self._look(claims)

    def _look(self, claims: dict[str, Any]) -> Token:
        now = self._clock()
        expires, begins = _moment(claims, "exp"), _moment(claims, "nbf")
        assert expires is not None  # required above
        if now >= expires + LEEWAY:
            raise TokenRefused("has expired")
        if begins is not None and now < begins - LEEWAY:
            raise TokenRefused("is not valid yet")
        address = claims.get(self._claim)
        if not isinstance(address, str) or not address:
            raise TokenRefused(f"has no claim {self._claim!r}")
        if self._claim == "email" and claims.get("email_verified") is False:
            raise TokenRefused("its address is not verified")
        return Token(address, expires)

    def _key(self, name: str) -> _Key:
        with self._lock:
            age = self._monotonic() - self._read_at
            if age > KEYS_LIFE or (age > KEYS_PAUSE and self._find(name) is None):
                self._read_at = self._monotonic()
                try:
                    self._keys = _parse_keys(self._read_keys())
                except (OSError, ValueError) as fault:
                    log.error("the issuer's keys cannot be read, those known stay: %s", fault)
            found = self._find(name)
        if found is None:
            raise TokenRefused(f"no key {name!r} of the issuer is known")
        return found

    def _find(self, name: str) -> _Key | None:
        if not name and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(name)


def _moment(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise TokenRefused(f"{name} is not a moment")
    return float(value)


def _parse_keys(octets: bytes) -> dict[str, _Key]:
    """The usable signing keys of a JWK set.  Raises ValueError."""
    document = json.loads(octets)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a JWK set")
    keys: dict[str, _Key] = {}
    for each in listed:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig":
            continue
        kind = str(each.get("kty"))
        fitting = _ALGORITHMS.get((kind, "" if kind == "RSA" else str(each.get("crv"))))
        if fitting is None:  # symmetric keys among them: nobody may know what we judge by
            continue
        algorithms = tuple(name for name in fitting if each.get("alg", name) == name)
        if not algorithms:
            continue
        try:
            key = jwt.PyJWK.from_dict(each, algorithm=algorithms[0])
        except (jwt.PyJWTError, ValueError, KeyError, TypeError) as fault:
            log.warning("a key of the issuer cannot be used: %s", fault)
            continue
        public = key.key.public_key() if hasattr(key.key, "public_key") else key.key
        if isinstance(public, rsa.RSAPublicKey) and public.key_size < _SMALLEST_RSA:
            log.warning("a key of the issuer is too short: %d bits", public.key_size)
            continue
        keys[str(each.get("kid", ""))] = _Key(key, algorithms)
    return keys
