"""Keeps the full-text indexes up: a process of its own, so that making one is felt by nobody.

Reading a mailbox of 50,000 messages takes half a minute of a processor.  The thread that does it stands back behind
everybody who wants to run (Linux SCHED_IDLE, whose reads and writes stand back too where the disk's scheduler knows
such a class), rests while people are answered beside it (``servers.giving_way``), and shares no interpreter with mail.
So it may be stopped for long at any point, and holds nothing meanwhile that another waits for
(``store.fulltext.filling``).

It comes when the steward has seen new mail, or a search an index that is far behind, and goes when there has been
nothing to do for a while: its memory is nobody's then.

Limits: what SIGTERM finds under way is broken off after ``PATIENCE``; it is read again at the next call.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable

from mailserver.servers.giving_way import GivingWay, stand_back
from mailserver.servers.supervisor import Bell
from mailserver.store import Store

log = logging.getLogger("citymail.indexing")

# Seconds between looks whether somebody calls; without anything to do, after which the process ends; for which the end
# waits for a round.
_CALLED = 0.5
_REST = 600.0
PATIENCE = 5.0


def run_indexer(store: Store, bell: Bell, on_ready: Callable[[], None]) -> None:
    """Until SIGTERM, which the caller has blocked, or until there is nothing more to do."""
    ending = threading.Event()
    thread = threading.Thread(target=keep_indexes, args=(store, bell, ending), name="indexer", daemon=True)
    thread.start()
    on_ready()
    while thread.is_alive() and signal.sigtimedwait({signal.SIGTERM}, _CALLED) is None:
        pass
    ending.set()
    thread.join(PATIENCE)
    if not thread.is_alive():
        store.close()


def keep_indexes(store: Store, bell: Bell, ending: threading.Event) -> None:
    """Read what there is whenever somebody calls.  The thread stands back."""
    stand_back()
    giving_way = GivingWay(ending.wait)
    busy_at = time.monotonic()
    while time.monotonic() - busy_at < _REST:
        if bell.is_waiting and _answer(store, bell, ending, giving_way):
            busy_at = time.monotonic()
        if ending.wait(_CALLED):
            return


def _answer(store: Store, bell: Bell, ending: threading.Event, pause: Callable[[], None]) -> bool:
    """Whether there was anything to do."""
    rung = bell.rung
    try:
        return store.fulltext.tend(ending.is_set, lambda: bell.rung != rung, pause)
    except Exception:
        log.exception("the indexes could not be kept up; trying again at the next call")
        return False
    finally:
        bell.answered(rung)
