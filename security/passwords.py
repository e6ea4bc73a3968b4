"""Passwords: hashing with Argon2id, and what makes one weak.

No more are hashed at once than the machine has cores; others wait, so call from a thread that may.

Standards: RFC 9106 (Argon2id; parameters of OWASP's second profile), RFC 8265 §4.2.2 (one form of a password).
"""

from __future__ import annotations

import os
import secrets
import string
import threading
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

# 19 MiB, two passes, one lane; libsodium does it in half the time of the reference code.
_MEMORY, _PASSES = 19 * 1024 * 1024, 2
_PARAMETERS = f"$argon2id$v=19$m={_MEMORY // 1024},t={_PASSES},p=1$"
# The hash of 256 random bits that were kept nowhere: no password fits.  Verified for unknown logins, so that they take
# as long as known ones; made beforehand, because making it takes as long as the rest of a command's start.
_UNKNOWN = _PARAMETERS + "$/juR9DjaU4xl2jULksW6fw$jlk2WptEE0V0/hcLmCmtV4rMm5fub1GzWocfvTlFd/Q"

# A core each: more at once would take their 19 MiB and come to an end no sooner.
_cores = threading.BoundedSemaphore(os.cpu_count() or 1)

# Longer input is refused before it is hashed; nobody types a kilobyte.
MAX_PASSWORD = 1024
MIN_PASSWORD = 10
# Digits alone are a date or a telephone number, unless there are many.
_MANY_DIGITS = 16
# What is left of a common password once figures and signs around it are taken off.
_COMMON_WORDS = """
password p@ssw0rd passw0rd p@ssword matkhau vietnam hochiminh saigon tphcm hanoi admin administrator qwerty iloveyou
welcome letmein abc abcd abcabc test demo user anhyeuem emyeuanh xinchao thanhpho ubnd congan canbo
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_RUNS = ("01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")


def prepared(password: str) -> str:
    # one password whether the keyboard sent composed or decomposed letters (RFC 8265 §4.2.2)
    return unicodedata.normalize("NFC", password)


def hash_password(password: str) -> str:
    """The hash in PHC form; releases the GIL, so threads may hash side by side."""
    if not password or len(password) > MAX_PASSWORD:
        raise ValueError(f"a password has 1 to {MAX_PASSWORD} characters")
    with _cores:
        return argon2id.str(prepared(password).encode(), opslimit=_PASSES, memlimit=_MEMORY).decode("ascii")


def verify_password(stored_hash: str | None, password: str) -> bool:
    """Whether the password fits.  Without a hash it takes the same time and says no."""
    if len(password) > MAX_PASSWORD:
        return False
    try:
        octets = prepared(password).encode()
        with _cores:
            fits = argon2id.verify((stored_hash or _UNKNOWN).encode(), octets)
    except (CryptoError, UnicodeEncodeError):
        # UnicodeEncodeError: a lone surrogate, which no keyboard sends
        return False
    return fits and stored_hash is not None


@dataclass(frozen=True, slots=True)
class Derivation:
    """What a key costs to derive from a password, and so to guess; today's is what a hash costs."""

    memory: int = _MEMORY
    passes: int = _PASSES


def derive_key(password: str, salt: bytes, octets: int, how: Derivation) -> bytes:
    """A key from a password (Argon2id)."""
    with _cores:
        return argon2id.kdf(octets, prepared(password).encode(), salt, opslimit=how.passes, memlimit=how.memory)


def needs_rehash(stored_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return not stored_hash.startswith(_PARAMETERS)


def make_password(random_below: Callable[[int], int] = secrets.randbelow) -> str:
    """A password that can be read out over a telephone: 4 × 4 letters and digits, 79 bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(alphabet[random_below(len(alphabet))] for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def weakness(password: str, about: Iterable[str] = ()) -> str | None:
    """Why a password is not taken: ``empty``, ``short``, ``long``, ``plain`` or ``personal``; or None.

    ``about`` holds the owner's login and names; marks, case and spaces are passed over.
    """
    if not password:
        return "empty"
    if len(password) < MIN_PASSWORD:
        return "short"
    if len(password) > MAX_PASSWORD:
        return "long"
    bare = _bare(password)
    if len(set(bare)) < 4 or bare.strip(string.digits + string.punctuation) in _COMMON:
        return "plain"
    if (bare.isdigit() and len(bare) < _MANY_DIGITS) or any(bare in run for run in _RUNS):
        return "plain"
    for word in about:
        for core in (_bare(word), _bare(word.partition("@")[0])):
            if len(core) >= 4 and core in bare and len(bare) < len(core) + 5:
                return "personal"
    return None


def _bare(text: str) -> str:
    """As it is typed without marks: guessers try both."""
    letters = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter) and not letter.isspace())
