"""The installation's key, opened when it is first needed: a process that lives without it says so, and goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

from security.authority.key_kinds import KeyFault
from security.keys.wrapping import Wrapper, WrappingFault


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

    def _wrapper(self) -> Wrapper:
        with self._lock:
            if self._opened is None:
                try:
                    self._opened = self._open_it()
                except (OSError, WrappingFault) as fault:
                    raise KeyFault(f"the installation's key cannot be opened: {fault}") from None
            return self._opened
