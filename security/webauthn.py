"""Security keys (FIDO2): what a browser is to ask one, and the judge of what the key answered.

A key signs with what it made for this site alone, so that a look-alike site learns nothing that is of use here.  Any
make of key will do: attestation is not asked for.  The key's owner has shown a password before, so a touch is enough.

Standards: W3C Web Authentication Level 2, §5.8.1 (what is signed), §6.1.1 (signature counter), §7.1 and §7.2 (judging).
Limits: ``MAX_ANSWER`` characters of an answer are looked at.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fido2.server import Fido2Server
    from fido2.webauthn import AttestedCredentialData

CHALLENGE_OCTETS = 32
MAX_ANSWER = 16_384
# What a key's answer holds, once made and once proving (§5.2.1, §5.2.2).
_RESPONSE = frozenset(("clientDataJSON", "attestationObject", "authenticatorData", "signature"))
# What a parser of strangers' JSON and CBOR raises.
_MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error, OverflowError, RecursionError)


class KeyRefused(Exception):
    """The answer proves nothing; the text is for the log."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where the browser is: ``https://mail.example``, as it names the page that asks."""

    host: str  # without port
    origin: str
    name: str


@dataclass(frozen=True, slots=True)
class SecurityKey:
    """``credential``: the public half, as the key told it (§6.5.1); ``uses``: its signature counter when last seen."""

    credential: bytes
    uses: int

    @property
    def credential_id(self) -> bytes:
        return _credentials([self])[0].credential_id


def creation_request(site: Site, login: str, user: bytes, known: Sequence[SecurityKey], challenge: bytes) -> Any:
    """For ``navigator.credentials.create``, octets in base64url.  A key that is ``known`` refuses."""
    from fido2.webauthn import PublicKeyCredentialUserEntity

    owner = PublicKeyCredentialUserEntity(id=user, name=login, display_name=login)
    options, _ = _server(site).register_begin(owner, _credentials(known), challenge=challenge)
    return dict(options)["publicKey"]


def proof_request(site: Site, known: Sequence[SecurityKey], challenge: bytes) -> Any:
    """For ``navigator.credentials.get``."""
    options, _ = _server(site).authenticate_begin(_credentials(known), challenge=challenge)
    return dict(options)["publicKey"]


def judge_creation(site: Site, challenge: bytes, answer: str) -> SecurityKey:
    """A new key.  Raises KeyRefused."""
    try:
        data = _server(site).register_complete(_state(challenge), _read(answer))
    except _MALFORMED as fault:
        raise KeyRefused(str(fault)) from fault
    assert data.credential_data is not None
    return SecurityKey(bytes(data.credential_data), data.counter)


def judge_proof(site: Site, challenge: bytes, known: Sequence[SecurityKey], answer: str) -> SecurityKey:
    """Which of the ``known`` answered, with its counter of now.  Raises KeyRefused."""
    from fido2.webauthn import AuthenticationResponse

    try:
        given = AuthenticationResponse.from_dict(_read(answer))
        found = _server(site).authenticate_complete(_state(challenge), _credentials(known), given)
        uses = given.response.authenticator_data.counter
    except _MALFORMED as fault:
        raise KeyRefused(str(fault)) from fault
    before = next(each for each in known if each.credential == bytes(found))
    if uses <= before.uses and (uses or before.uses):
        raise KeyRefused("the signature counter went back: the key may have been copied")  # §6.1.1
    return SecurityKey(before.credential, uses)


# The library is loaded where somebody has a key: it takes 0.2 s, and most processes never need it.


def _server(site: Site) -> Fido2Server:
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity

    return Fido2Server(PublicKeyCredentialRpEntity(name=site.name, id=site.host), verify_origin=site.origin.__eq__)


def _credentials(known: Sequence[SecurityKey]) -> list[AttestedCredentialData]:
    from fido2.webauthn import AttestedCredentialData

    return [AttestedCredentialData(each.credential) for each in known]


def _state(challenge: bytes) -> dict[str, Any]:
    from fido2.utils import websafe_encode

    return {"challenge": websafe_encode(challenge), "user_verification": None}


def _read(answer: str) -> dict[str, Any]:
    """Nothing but texts goes on to the library, which would make as many octets of a number as it says."""
    if len(answer) > MAX_ANSWER:
        raise ValueError("too long")
    given = json.loads(answer)
    response = {name: _text(given["response"], name) for name in given["response"] if name in _RESPONSE}
    return {**{name: _text(given, name) for name in ("id", "rawId", "type")}, "response": response}


def _text(given: Any, name: str) -> str:
    found = given[name]
    if not isinstance(found, str):
        raise TypeError(f"{name} is no text")
    return found
