"""Mail of officials who left, removed some days after nobody looks after it any more (``directory.mail.custody``).

It goes as any removed mail: for ``[storage] recoverable_days`` it can be brought back, then it is forgotten.  Mail of
units and roles is never removed: others followed them.
"""

from __future__ import annotations

from functools import partial

from directory.database import Directory
from directory.mail.custody import unattended
from directory.record import record
from mailserver.store import Store, mailboxes, messages
from mailserver.store.reading import EVERYTHING

ACTOR = "housekeeper"


def remove(directory: Directory, store: Store, now: int, *, keep_days: int) -> int:
    """How many messages went; none with 0, which keeps them for ever."""
    if not keep_days:
        return 0
    with directory.read() as conn:
        accounts = unattended(conn, now - keep_days * 86_400)
    return sum(_empty(directory, store, account_id, login) for account_id, login in accounts)


def _empty(directory: Directory, store: Store, account_id: str, login: str) -> int:
    with store.read() as connection:
        full = [each for each in mailboxes.list_mailboxes(connection, account_id) if each.messages]
    if not full:
        return 0
    with directory.write() as conn:
        # on record before it is done, as everything that is done to somebody's mail
        record(conn, ACTOR, "mailbox.empty", login, messages=sum(each.messages for each in full))
    count = 0
    for each in full:
        job = partial(messages.remove, mailbox_id=each.id, ranges=EVERYTHING)
        count += len(store.write(job, [each.id], heavy=True).result())
    return count
