"""Decryption keys brought back, on a machine without network: the one where shares of the recovery key come together.

What is to be brought back comes in a file, sealed to the recovery key, and goes back in another, sealed to its owner's
pair: neither file is worth anything to who carries it, and the recovery key is nowhere but here, and only now.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TypeVar

from security.keys.sealing import Pair, new_pair, seal
from security.keys.shares import Share, ShareFault, combine, split

File = TypeVar("File", "Errand", "Answer")

ESCROW = "escrow"
_PURPOSE = "encryption"


@dataclass(frozen=True, slots=True)
class SealedKey:
    id: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Errand:
    """What is asked of the shares' holders, for them to read before they bring these."""

    request: str
    account_id: str
    login: str
    reason: str
    asked_by: str
    approved_by: str
    recovery_key: str  # its name
    to: bytes = field(repr=False)  # the owner's pair
    keys: tuple[SealedKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    request: str
    account_id: str
    to: bytes = field(repr=False)
    keys: tuple[SealedKey, ...] = ()


def name_of(public: bytes) -> str:
    """By which a recovery key is known to people."""
    return hashlib.sha256(public).hexdigest()[:16]


def found(shares: int, needed: int, random: Callable[[int], bytes]) -> tuple[bytes, list[Share]]:
    """A recovery key: its public half, and the shares of the other."""
    pair = new_pair()
    return pair.public, split(pair.octets, shares, needed, name_of(pair.public), random)


def bound_in_escrow(account_id: str, key_id: str) -> tuple[str, str, str]:
    return ESCROW, account_id, key_id


def bring_back(errand: Errand, shares: Sequence[Share]) -> Answer:
    """Raises ShareFault, WrappingFault."""
    pair = Pair(combine(shares))
    if name_of(pair.public) != errand.recovery_key:
        raise ShareFault(f"these are shares of the key {name_of(pair.public)}, not of {errand.recovery_key}")
    brought = []
    for each in errand.keys:
        opened = pair.open(each.sealed, *bound_in_escrow(errand.account_id, each.id))
        brought.append(SealedKey(each.id, seal(errand.to, opened, errand.account_id, each.id, _PURPOSE)))
    return Answer(errand.request, errand.account_id, errand.to, tuple(brought))


def write(what: Errand | Answer) -> str:
    """For a file."""
    return json.dumps(
        asdict(what), default=lambda octets: base64.b64encode(octets).decode(), ensure_ascii=False, indent=1
    )


def read_errand(text: str) -> Errand:
    """Raises ValueError."""
    return _read(text, Errand)


def read_answer(text: str) -> Answer:
    """Raises ValueError."""
    return _read(text, Answer)


def _read(text: str, kind: type[File]) -> File:
    try:
        fields = json.loads(text)
        keys = [SealedKey(str(each["id"]), _octets(each["sealed"])) for each in fields.pop("keys")]
        to = _octets(fields.pop("to"))
        return kind(**{name: str(value) for name, value in fields.items()}, to=to, keys=tuple(keys))
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"not a file of a recovery: {fault}") from None


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
