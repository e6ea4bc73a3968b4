"""Codes of six digits that a telephone shows and that hold for half a minute; and codes for when it is lost.

Standards: RFC 4226 §5.3 (HOTP), §7.3–7.5; RFC 6238 §4, §5.2 (one step of tolerance, each code once).
Limits: HMAC-SHA-1, six digits, thirty seconds, because that is what every authenticator understands.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from urllib.parse import quote, urlencode

SECRET_OCTETS = 20  # RFC 4226 §4, R6
STEP_SECONDS = 30
DIGITS = 6
RECOVERY_CODES = 10

_TOLERANCE = 1  # steps; RFC 6238 §5.2
_CODE = re.compile(rf"[0-9]{{{DIGITS}}}")
# Without letters and digits that are taken for one another.
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_RECOVERY_LENGTH = 12  # of 31 letters: 59 bits


def code_at(secret: bytes, step: int) -> str:
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: bytes, code: str, now: float, used: int = -1) -> int | None:
    """The step that a code belongs to, if it is around now and after the last that was ``used``."""
    digits = "".join(code.split())
    if not _CODE.fullmatch(digits):
        return None
    present = int(now) // STEP_SECONDS
    found = None
    for step in range(present - _TOLERANCE, present + _TOLERANCE + 1):
        # all are looked at, so that the time taken tells nothing
        if hmac.compare_digest(code_at(secret, step), digits) and step > used:
            found = step
    return found


def shown_secret(secret: bytes) -> str:
    """As people type it: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def enrolment_uri(secret: bytes, issuer: str, login: str) -> str:
    """What an authenticator reads from a picture."""
    values = urlencode({"secret": base64.b32encode(secret).decode(), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer, safe='')}:{quote(login, safe='@')}?{values}"


def make_recovery_code(choose: Callable[[int], int]) -> str:
    """``choose`` gives a random number below its argument."""
    letters = "".join(_LETTERS[choose(len(_LETTERS))] for _ in range(_RECOVERY_LENGTH))
    return "-".join(letters[at : at + 4] for at in range(0, _RECOVERY_LENGTH, 4))


def recovery_digest(account_id: str, code: str) -> str | None:
    """What is kept of a recovery code, None for what cannot be one.  A plain hash does: no dictionary holds 59 bits."""
    letters = re.sub(r"[\s-]", "", code).lower()
    if len(letters) != _RECOVERY_LENGTH or any(each not in _LETTERS for each in letters):
        return None
    return hashlib.sha256(f"recovery\0{account_id}\0{letters}".encode()).hexdigest()
