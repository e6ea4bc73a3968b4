"""SQLite's write-ahead log, which every database of ours has."""

from __future__ import annotations

import time
from typing import Any

from apsw import BusyError

_PATIENCE = 30.0


def use_log(raw: Any, patience: float = _PATIENCE) -> None:
    """Switch to WAL.  Processes that open a new database at once do so at once, and SQLite waits for none of them;
    ``patience``: seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
        except BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
