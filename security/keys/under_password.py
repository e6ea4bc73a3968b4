"""Wrapping under a password, by way of a key that is derived from it.

    form, memory (KiB, four octets), passes (one), salt (16), what is wrapped under the derived key

Today's parameters are those of password hashes (``security.passwords``); each wrapping says which were its own, so that
it opens when they have changed.

Standards: RFC 9106 §3.1 (Argon2id, salt); see ``security.keys.wrapping``.
"""

from __future__ import annotations

import secrets
import struct

from security.keys.wrapping import KEY_OCTETS, WrappingFault, WrappingKey
from security.passwords import MAX_PASSWORD, Derivation, derive_key

_HEAD = struct.Struct(">cIB16s")
_FORM = b"\x03"
_KIB = 1024
# Whoever can write a row is not to make us take all memory for it
_MOST_MEMORY, _MOST_PASSES = 1 << 30, 16


def wrap(password: str, secret: bytes, *bound: str) -> bytes:
    how, salt = Derivation(), secrets.token_bytes(16)
    key = WrappingKey(derive_key(password, salt, KEY_OCTETS, how))
    return _HEAD.pack(_FORM, how.memory // _KIB, how.passes, salt) + key.wrap(secret, *bound)


def unwrap(password: str, wrapped: bytes, *bound: str) -> bytes:
    """Raises WrappingFault."""
    try:
        form, memory, passes, salt = _HEAD.unpack_from(wrapped)
        how = Derivation(memory * _KIB, passes)
        is_known = form == _FORM and how.memory <= _MOST_MEMORY and 0 < passes <= _MOST_PASSES
        if not is_known or len(password) > MAX_PASSWORD:
            raise WrappingFault("not wrapped in a way that is known")
        key = WrappingKey(derive_key(password, salt, KEY_OCTETS, how))
    except (struct.error, ValueError, UnicodeEncodeError):
        raise WrappingFault("not wrapped in a way that is known") from None
    return key.unwrap(wrapped[_HEAD.size :], *bound)
