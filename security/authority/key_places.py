"""Where an authority's private key lies: in a file, encrypted, or in a token behind PKCS#11.

A place is a word: ``file:issuing.key``, in the authority's folder, or ``pkcs11:token=city;object=issuing``.  A ``Safe``
holds what opens them.  What signs with a key does not see where it lies.

Standards: RFC 5958 (encrypted PKCS#8), RFC 7512 §2.3 (of a token's URI: token and object).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from security.authority.key_kinds import KeyFault, from_pem, make_key, to_pem
from security.authority.local import write_whole

_FILE = re.compile(r"file:([A-Za-z0-9._-]{1,100})")
_TOKEN = re.compile(r"pkcs11:token=([^;]{1,100});object=([^;]{1,100})")


@dataclass(frozen=True, slots=True)
class Safe:
    """``passphrase`` opens the files in ``folder``; ``module`` is the token's library, ``pin`` opens it."""

    folder: Path
    passphrase: bytes = field(default=b"", repr=False)
    module: str = ""
    pin: str = field(default="", repr=False)


def is_place(place: str) -> bool:
    return bool(_FILE.fullmatch(place) or _TOKEN.fullmatch(place))


def in_token(place: str) -> tuple[str, str] | None:
    """Token and object, of a place that is in one."""
    found = _TOKEN.fullmatch(place)
    return (unquote(found[1]), unquote(found[2])) if found else None


def open_key(safe: Safe, place: str) -> CertificateIssuerPrivateKeyTypes:
    """Raises KeyFault."""
    if token := in_token(place):
        from security.authority.tokens import open_token_key

        return open_token_key(safe.module, safe.pin, *token)
    path = _path(safe, place)
    try:
        octets = path.read_bytes()
    except OSError as fault:
        raise KeyFault(f"{path}: {fault.strerror}") from None
    return from_pem(octets, safe.passphrase or None)


def make_key_at(safe: Safe, place: str, kind: str) -> CertificateIssuerPrivateKeyTypes:
    """A new key where none is.  Raises KeyFault."""
    if token := in_token(place):
        from security.authority.tokens import make_token_key

        return make_token_key(safe.module, safe.pin, *token, kind)
    path = _path(safe, place)
    if path.exists():
        raise KeyFault(f"{path} is there already")
    if not safe.passphrase:
        raise KeyFault("a key in a file needs a passphrase")
    key = make_key(kind)
    safe.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(path, to_pem(key, safe.passphrase), 0o600)
    return key


def _path(safe: Safe, place: str) -> Path:
    found = _FILE.fullmatch(place)
    if not found or os.path.basename(found[1]) != found[1] or found[1].startswith("."):
        raise KeyFault(f"{place!r} is no place of a key")
    return safe.folder / found[1]
