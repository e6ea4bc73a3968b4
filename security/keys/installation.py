"""The installation's key, opened when it is first needed: a process that lives without it says so, and goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

from security.authority.key_kinds import KeyFault
from security.keys.wrapping import Wrapper, WrappingFault


class Succession:
    """A Wrapper whose key took another's place: it opens what lies under either."""

    def __init__(self, new: Wrapper, former: Wrapper) -> None:
        self._new, self._former = new, former

    def wrap(self, secret: bytes, *bound: str) -> bytes:
        return self._new.wrap(secret, *bound)

    def unwrap(self, wrapped: bytes, *bound: str) -> bytes:
        """Raises WrappingFault."""
        try:
            return self._new.unwrap(wrapped, *bound)
        except WrappingFault:
            return self._former.unwrap(wrapped, *bound)

    def is_behind(self, wrapped: bytes, *bound: str) -> bool:
        """Whether it lies under the former one still."""
        try:
            self._new.unwrap(wrapped, *bound)
        except WrappingFault:
            return True
        return False


class InstallationKey:
    """A Wrapper, which ``open_it`` makes; what cannot be opened is tried again the next time.  Raises KeyFault."""

    def __init__(self, open_it: Callable[[], Wrapper]) -> None:
        self._open_it = open_it
        self._lock = threading.Lock()
        self._opened: Wrapper | None = None

    def wrap(self, secret: bytes, *bound: str) -> bytes:
        return self._wrapper().wrap(secret, *bound)

    def unwrap(self, wrapped: bytes, *bound: str) -> bytes:
        return self._wrapper().unwrap(wrapped, *bound)

    def former(self) -> Succession | None:
        """Where the key took another's place, and something may lie under that one still."""
        opened = self._wrapper()
        return opened if isinstance(opened, Succession) else None

    def _wrapper(self) -> Wrapper:
        with self._lock:
            if self._opened is None:
                try:
                    self._opened = self._open_it()
                except (OSError, WrappingFault) as fault:
                    raise KeyFault(f"the installation's key cannot be opened: {fault}") from None
            return self._opened
