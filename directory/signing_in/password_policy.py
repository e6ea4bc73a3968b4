"""What a password must be before it is hashed: refused in the reader's language, whoever chose it."""

from __future__ import annotations

from collections.abc import Iterable

from directory.faults import Fault
from security.passwords import MAX_PASSWORD, MIN_PASSWORD, weakness


def refuse_weak(password: str, about: Iterable[str] = ()) -> None:
    """Raises Fault for a password that is easy to guess; ``about``: the owner's addresses and names."""
    why = weakness(password, about)
    if why is not None:
        raise Fault(f"password-{why}", least=MIN_PASSWORD)


def refuse_impossible(password: str) -> None:
    """Raises Fault for what cannot be a password at all; for one that is known to be weak and wanted."""
    if not password:
        raise Fault("password-empty")
    if len(password) > MAX_PASSWORD:
        raise Fault("password-long")
