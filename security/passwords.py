"""Passwords: hashing with Argon2id, and a short-lived memory of logins that were proven.

A phone that signs in every minute must not cost 20 ms of hashing each time.  ``ProvenLogins`` remembers for
some minutes that this password fitted this stored hash, as an HMAC under a key that lives only in this
process: neither the memory of the process nor a dump of it contains a password.  A changed password, a lock
or a new hash makes the old entry worthless by itself, for the stored hash is part of what was authenticated.

Standards: RFC 9106 (Argon2id; parameters of OWASP's second profile), RFC 2104 (HMAC).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)
# A hash that no password fits: verified for unknown logins, so that they take as long as known ones.
_UNKNOWN = _HASHER.hash(secrets.token_urlsafe(32))

# Longer input is refused before it is hashed; nobody types a kilobyte.
MAX_PASSWORD = 1024
MIN_PASSWORD = 8
_COMMON_WORDS = """
12345678 123456789 1234567890 87654321 11111111 password password1 p@ssw0rd matkhau1 matkhau123 qwertyui
qwerty123 abcd1234 abc12345 vietnam1 vietnam123 hochiminh saigon123 admin123 iloveyou
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def _prepared(password: str) -> str:
    # one password whether the keyboard sent composed or decomposed letters (RFC 8265 §4.2.2)
    return unicodedata.normalize("NFC", password)


def hash_password(password: str) -> str:
    """The hash in PHC form; releases the GIL, so threads may hash side by side."""
    if not password or len(password) > MAX_PASSWORD:
        raise ValueError(f"a password has 1 to {MAX_PASSWORD} characters")
    return _HASHER.hash(_prepared(password))


def verify_password(stored_hash: str | None, password: str) -> bool:
    """Whether the password fits.  Without a hash it takes the same time and says no."""
    if len(password) > MAX_PASSWORD:
        return False
    try:
        fits = _HASHER.verify(stored_hash or _UNKNOWN, _prepared(password))
    except (VerificationError, InvalidHashError):
        return False
    return fits and stored_hash is not None


def needs_rehash(stored_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    try:
        return _HASHER.check_needs_rehash(stored_hash)
    except InvalidHashError:
        return True


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


class ProvenLogins:
    """(account, stored hash, password) that were proven less than ``ttl`` seconds ago."""

    def __init__(
        self,
        ttl: float = 600.0,
        *,
        monotonic: Callable[[], float],
        capacity: int = 100_000,
        key: bytes | None = None,
    ) -> None:
        self._ttl = ttl
        self._monotonic = monotonic
        self._capacity = capacity
        self._key = key or secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def _mark(self, account_id: str, stored_hash: str, password: str) -> bytes:
        # each field with its length, so that no two different triples make the same text
        fields = [
            text.encode("utf-8", "surrogatepass") for text in (account_id, stored_hash, _prepared(password))
        ]
        octets = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
        return hmac.digest(self._key, octets, hashlib.sha256)

    def remember(self, account_id: str, stored_hash: str, password: str) -> None:
        if self._ttl <= 0:
            return
        mark = self._mark(account_id, stored_hash, password)
        with self._lock:
            self._until[mark] = self._monotonic() + self._ttl
            self._until.move_to_end(mark)
            while len(self._until) > self._capacity:
                self._until.popitem(last=False)

    def holds(self, account_id: str, stored_hash: str, password: str) -> bool:
        """Whether this was proven lately.  Asking does not prolong it."""
        if len(password) > MAX_PASSWORD:
            return False
        mark = self._mark(account_id, stored_hash, password)
        until = self._until.get(mark)
        if until is None:
            return False
        if until <= self._monotonic():
            with self._lock:
                self._until.pop(mark, None)
            return False
        return True

    def guess(self, login: str, password: str) -> bytes:
        """A mark by which the same wrong password is recognised when it comes again."""
        return self._mark("guess", login, password[:MAX_PASSWORD])

    def forget_all(self) -> None:
        with self._lock:
            self._until.clear()
