"""Who asks what messages hold waits until those are scanned that came by the hundred (``store.unscanned``).

A view knows its messages by UID, and what was scanned stays so: once this has been waited for, every message that the
client was told of can be read, whatever comes meanwhile.  A FETCH waits for each portion of its messages when it comes
to them, so that the steward goes on scanning while the answers are sent.
"""

from __future__ import annotations

from functools import partial

from mailserver.imap.progress import Progress
from mailserver.imap.selected import SelectedMailbox
from mailserver.imap.session import Session
from mailserver.imap.steps import InThread, Steps
from mailserver.store import unscanned


def scanned(
    session: Session, view: SelectedMailbox, progress: Progress, first: int = 1, last: int = 0, end: int = 0
) -> Steps[None]:
    """Go on when no message that the view knows, of these UIDs or of all, waits for its scan.  Meanwhile those up to
    ``end`` are scanned here, the last ones first: the others are in the steward's hands."""
    uid_next = view.uid_next
    last = last or uid_next - 1
    if last < view.scanned_to:
        return
    store, where = session.services.store, unscanned.among(view.mailbox_id, first, end or last)
    while (waits := store.first_unscanned(view.mailbox_id, first) or uid_next) <= last:
        yield InThread(partial(store.scan_next, where))
        yield from progress.step(0)
    if first <= max(view.scanned_to, 1):
        view.scanned_to = min(waits, uid_next)


def selected(session: Session, tag: bytes) -> Steps[None]:
    """The same for the selected mailbox, of which mostly nothing has been told since."""
    if session.view.scanned_to < session.view.uid_next:
        yield from scanned(session, session.view, Progress(session.services, tag))
