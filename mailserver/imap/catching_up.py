"""Who asks what messages hold waits until those are scanned that came by the hundred (``store.unscanned``).

A view knows its messages by UID, and what was scanned stays so: once this has been waited for, every message that the
client was told of can be read, whatever comes meanwhile.
"""

from __future__ import annotations

from functools import partial

from mailserver.imap.progress import Progress
from mailserver.imap.selected import SelectedMailbox
from mailserver.imap.session import Session
from mailserver.imap.steps import InThread, Steps
from mailserver.store import unscanned


def scanned(session: Session, view: SelectedMailbox, progress: Progress) -> Steps[None]:
    """Go on when nothing that the view knows waits for its scan."""
    uid_next = view.uid_next
    store, where = session.services.store, unscanned.in_mailbox(view.mailbox_id)
    while not store.is_scanned(where):
        yield InThread(partial(store.scan_next, where))
        yield from progress.step(0)
    view.scanned_to = uid_next


def selected(session: Session, tag: bytes) -> Steps[None]:
    """The same for the selected mailbox, of which mostly nothing has been told since."""
    if session.view.scanned_to < session.view.uid_next:
        yield from scanned(session, session.view, Progress(session.services, tag))
