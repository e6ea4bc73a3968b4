"""App passwords: made by us for one mail program, typed once, never chosen by a person.

24 letters out of 32 are 120 bits of chance.  Nobody guesses that, however fast the guess is, so a plain keyed digest
keeps it as well as Argon2id would, and a login with it costs microseconds instead of 16 ms.  The key is the account's
id: the digest of one account is no use for another.

Standards: RFC 4086 (randomness), RFC 2104 (HMAC), NIST SP 800-63B §5.1.2.2 (look-up secrets of 112 bits and more need
no slow hash).
"""

from __future__ import annotations

import hmac

# No 0, 1, l, o: they are read out over telephones.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_LETTERS = 24
_GROUP = 4


def make_app_password(number: int) -> str:
    """As it is shown: six groups of four letters, from the lowest 120 bits of a random number."""
    letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in range(_LETTERS))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))


def canonical(text: str) -> str | None:
    """The letters alone, or None for what was never an app password.  Groups may be written in any way."""
    if len(text) > 2 * _LETTERS:
        return None
    letters = text.replace("-", "").replace(" ", "").lower()
    return letters if len(letters) == _LETTERS and set(letters) <= set(_ALPHABET) else None


def digest(account_id: str, letters: str) -> str:
    return hmac.digest(account_id.encode(), b"app password\0" + letters.encode(), "sha256").hex()
