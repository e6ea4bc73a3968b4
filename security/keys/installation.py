"""The installation's key, opened when it is first needed: a process that lives without it says so, and goes on."""

from __future__ import annotations

import threading
from pathlib import Path

from security.authority.key_kinds import KeyFault
from security.keys.wrapping import Wrapper, WrappingFault, installation_key


class InstallationKey:
    """A Wrapper.  What cannot be opened is tried again the next time.  Raises KeyFault where it cannot."""

    def __init__(self, path: Path) -> None:
        self._path = path
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
                    self._opened = installation_key(self._path)
                except (OSError, WrappingFault) as fault:
                    raise KeyFault(f"the installation's key cannot be opened: {fault}") from None
            return self._opened
