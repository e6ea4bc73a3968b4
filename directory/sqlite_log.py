"""SQLite's write-ahead log, which every database of ours has."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

_PATIENCE = 30.0


def use_log(raw: Any, patience: float = _PATIENCE) -> None:
    """Switch to WAL.  Processes that open a new database at once do so at once, and SQLite waits for none of them;
    ``patience``: seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
