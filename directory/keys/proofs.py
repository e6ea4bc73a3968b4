"""That somebody sits at a session himself, shown a moment ago: without it a session signs for its owner alone.

Whoever finds an open browser shall not write a department's letters under its signature.  So the key process asks for
everything that the person signs in with, judges it itself, and remembers it for this one session and for a while, in
its memory alone: nobody who can write to tables, or whom a session's token has reached, can make a proof.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from directory.signing_in import second_factor

HELD_FOR = 600.0
_MOST = 100_000

# The password alone, where there is no second factor; else what was shown beside it
Means = Literal["password"] | second_factor.Proof


@dataclass(frozen=True, slots=True)
class Proof:
    """``at``: seconds since 1970."""

    by: Means
    at: int


class Proofs:
    """By sessions, as the hash of their token names them."""

    def __init__(self, held_for: float, monotonic: Callable[[], float]) -> None:
        self._held_for = held_for
        self._monotonic = monotonic
        self._known: dict[str, tuple[Proof, float]] = {}
        self._lock = threading.Lock()

    def keep(self, token_hash: str, proof: Proof) -> None:
        now = self._monotonic()
        with self._lock:
            if len(self._known) >= _MOST:
                self._known = {token: each for token, each in self._known.items() if each[1] > now}
            self._known[token_hash] = proof, now + self._held_for

    def of(self, token_hash: str) -> Proof | None:
        """Using it makes it last no longer."""
        proof, until = self._known.get(token_hash, (None, 0.0))
        return proof if until > self._monotonic() else None

    def forget(self, token_hash: str) -> None:
        with self._lock:
            self._known.pop(token_hash, None)
