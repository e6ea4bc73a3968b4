"""Where the first unseen message of a mailbox is, if that is cheap to say.

In most mailboxes what is unseen came last, and the mailbox's own count tells when all of it has been met; in others,
what is unseen began long ago.  So the ``FEW`` newest messages are looked at, then as many of the oldest, and then
``WINDOW`` of both.

Standards: RFC 3501 §7.1 (UNSEEN may be left out; who needs it then searches).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from mailserver.store.flags import SEEN
from mailserver.store.mailboxes import Mailbox
from mailserver.store.prepared import Prepared
from mailserver.store.readers import ReadersMailbox, as_read
from mailserver.store.tables import placement

FEW, WINDOW = 50, 500
_REMEMBERED = 10_000


class Memory:
    """What was found in mailboxes that have not changed since; one for each process."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[int, int | None]] = OrderedDict()

    def first(self, connection: Connection, key: int, mailbox: Mailbox) -> int | None:
        """As ``first_unseen``; ``key`` is the mailbox's for its reader."""
        if isinstance(key, ReadersMailbox):
            return first_unseen(connection, key, messages=mailbox.messages, unseen=mailbox.unseen)
        known = self._known.get(key)
        if known is not None and known[0] == mailbox.highest_modseq:
            return known[1]
        found = first_unseen(connection, key, messages=mailbox.messages, unseen=mailbox.unseen)
        self._known[key] = (mailbox.highest_modseq, found)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found


def first_unseen(connection: Connection, mailbox_id: int, *, messages: int, unseen: int) -> int | None:
    """The number of the oldest message without \\Seen; None if there is none, or if it is among neither end's.

    ``messages`` and ``unseen`` are the mailbox's own counts at the same moment.
    """
    if not unseen:
        return None
    for window in (min(FEW, WINDOW), WINDOW):
        if unseen <= window:
            count, uid = _row(connection, _NEWEST, mailbox_id, {"window": window})
            if count == unseen:
                (after,) = _row(connection, _FROM, mailbox_id, {"uid": uid})
                return messages - int(after) + 1
        if messages > window:
            _, uid = _row(connection, _OLDEST, mailbox_id, {"window": window})
            if uid is not None:
                (before,) = _row(connection, _UNTIL, mailbox_id, {"uid": uid})
                return int(before)
    return None


def _at_end(*, newest: bool) -> Select[Any, Any]:
    """How many of a mailbox's newest or oldest messages are unseen, and which is the first of them."""
    order = placement.c.uid.desc() if newest else placement.c.uid
    window = (
        select(placement.c.uid, placement.c.flags)
        .where(placement.c.mailbox_id == bindparam("mailbox_id"))
        .order_by(order)
        .limit(bindparam("window"))
        .subquery()
    )
    return select(func.count(), func.min(window.c.uid)).where(window.c.flags.op("&")(SEEN) == 0)


_COUNT = select(func.count()).where(placement.c.mailbox_id == bindparam("mailbox_id"))
_NEWEST, _OLDEST = _at_end(newest=True), _at_end(newest=False)
_FROM, _UNTIL = _COUNT.where(placement.c.uid >= bindparam("uid")), _COUNT.where(placement.c.uid <= bindparam("uid"))
_PREPARED = {id(each): Prepared(each) for each in (_NEWEST, _OLDEST, _FROM, _UNTIL)}


def _row(connection: Connection, statement: Select[Any], mailbox_id: int, values: dict[str, int]) -> Any:
    values = {"mailbox_id": int(mailbox_id), **values}
    if isinstance(mailbox_id, ReadersMailbox):
        return connection.execute(as_read(statement, mailbox_id), values).one()
    return _PREPARED[id(statement)].row(connection, values)
