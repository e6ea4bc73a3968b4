"""One migration at a time in a process.

Alembic hands its context to ``env.py`` through names of a module: two threads that migrate at once, be it two
databases, would run in each other's.  Between processes the database's own lock is enough.
"""

from __future__ import annotations

import threading

# Taken before the database's lock, by whoever migrates whatever.
ALEMBIC = threading.Lock()
