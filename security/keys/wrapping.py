"""Wrapping keys under keys.

What is wrapped is bound to what it is (``bound``: whose it is, and what for), so that nobody who can write to a table
can give one's key to another, or pass a decryption key for one that signs.

    installation's key (a file, 0600, or in a token) → an account's pair → its private keys

Standards: AES-256-GCM, NIST SP 800-38D, by way of RFC 5116 §5.2 (AEAD_AES_256_GCM).
Limits: a random nonce of 96 bits for each wrapping; 2^32 wrappings under one key (SP 800-38D §8.3).
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_OCTETS = 32
_NONCE = 12
_FORM = b"\x01"  # the first octet of what is wrapped says how


class WrappingFault(Exception):
    """It was wrapped under another key, or for another use, or was altered."""


class Wrapper(Protocol):
    """What an installation's key does, wherever it lies."""

    def wrap(self, secret: bytes, *bound: str) -> bytes: ...

    def unwrap(self, wrapped: bytes, *bound: str) -> bytes:
        """Raises WrappingFault."""


@dataclass(frozen=True, slots=True)
class WrappingKey:
    octets: bytes = field(repr=False)

    def wrap(self, secret: bytes, *bound: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return _FORM + nonce + AESGCM(self.octets).encrypt(nonce, secret, context(bound))

    def unwrap(self, wrapped: bytes, *bound: str) -> bytes:
        """Raises WrappingFault."""
        if wrapped[:1] != _FORM or len(wrapped) < 1 + _NONCE + 16:
            raise WrappingFault("not wrapped in a way that is known")
        nonce, sealed = wrapped[1 : 1 + _NONCE], wrapped[1 + _NONCE :]
        try:
            return AESGCM(self.octets).decrypt(nonce, sealed, context(bound))
        except InvalidTag:
            raise WrappingFault("wrapped under another key, or for another use") from None


def new_key() -> WrappingKey:
    return WrappingKey(secrets.token_bytes(KEY_OCTETS))


def context(bound: tuple[str, ...]) -> bytes:
    """Unambiguous: no two lists of words give the same octets."""
    return b"".join(len(word.encode()).to_bytes(4) + word.encode() for word in bound)


def installation_key(path: Path) -> WrappingKey:
    """An installation's key, from its file.  Raises OSError, WrappingFault."""
    return key_of_octets(path.read_bytes(), str(path))


def key_of_octets(octets: bytes, source: str) -> WrappingKey:
    """Raises WrappingFault."""
    if len(octets) != KEY_OCTETS:
        raise WrappingFault(f"{source} is no key of {KEY_OCTETS} octets")
    return WrappingKey(octets)


def make_installation_key(path: Path) -> WrappingKey:
    """The same, made if there is none: by whoever founds something new, for whom nothing was wrapped before."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # whole or not at all: whoever comes second finds the first one's
        partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_OCTETS))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(partial, path)
        partial.unlink()
    return installation_key(path)
