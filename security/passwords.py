"""Passwords: hashing with Argon2id, and what makes one weak.

Standards: RFC 9106 (Argon2id; parameters of OWASP's second profile), RFC 8265 §4.2.2 (one form of a password).
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

# 19 MiB, two passes, one lane; libsodium does it in half the time of the reference code.
_MEMORY, _PASSES = 19 * 1024 * 1024, 2
_PARAMETERS = f"$argon2id$v=19$m={_MEMORY // 1024},t={_PASSES},p=1$"
# A hash that no password fits: verified for unknown logins, so that they take as long as known ones.
_UNKNOWN = argon2id.str(secrets.token_bytes(32), opslimit=_PASSES, memlimit=_MEMORY).decode("ascii")

# Longer input is refused before it is hashed; nobody types a kilobyte.
MAX_PASSWORD = 1024
MIN_PASSWORD = 8
_COMMON_WORDS = """
12345678 123456789 1234567890 87654321 11111111 password password1 p@ssw0rd matkhau1 matkhau123 qwertyui
qwerty123 abcd1234 abc12345 vietnam1 vietnam123 hochiminh saigon123 admin123 iloveyou
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def prepared(password: str) -> str:
    # one password whether the keyboard sent composed or decomposed letters (RFC 8265 §4.2.2)
    return unicodedata.normalize("NFC", password)


def hash_password(password: str) -> str:
    """The hash in PHC form; releases the GIL, so threads may hash side by side."""
    if not password or len(password) > MAX_PASSWORD:
        raise ValueError(f"a password has 1 to {MAX_PASSWORD} characters")
    return argon2id.str(prepared(password).encode(), opslimit=_PASSES, memlimit=_MEMORY).decode("ascii")


def verify_password(stored_hash: str | None, password: str) -> bool:
    """Whether the password fits.  Without a hash it takes the same time and says no."""
    if len(password) > MAX_PASSWORD:
        return False
    try:
        fits = argon2id.verify((stored_hash or _UNKNOWN).encode(), prepared(password).encode())
    except (CryptoError, UnicodeEncodeError):
        # UnicodeEncodeError: a lone surrogate, which no keyboard sends
        return False
    return fits and stored_hash is not None


def needs_rehash(stored_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return not stored_hash.startswith(_PARAMETERS)


def make_password(random_below: Callable[[int], int] = secrets.randbelow) -> str:
    """A password that can be read out over a telephone: 4 × 4 letters and digits, 79 bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(alphabet[random_below(len(alphabet))] for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def weakness(password: str, about: tuple[str, ...] = ()) -> str | None:
    """Why a password that its owner chose is not taken: ``short``, ``long``, ``plain`` or ``personal``; or
    None.

    ``about`` holds the owner's login and names.
    """
    if len(password) < MIN_PASSWORD:
        return "short"
    if len(password) > MAX_PASSWORD:
        return "long"
    lowered = password.lower()
    if len(set(lowered)) < 4 or lowered in _COMMON:
        return "plain"
    for word in about:
        core = word.partition("@")[0].lower().replace(" ", "")
        if len(core) >= 4 and core in lowered and len(lowered) < len(core) + 5:
            return "personal"
    return None
