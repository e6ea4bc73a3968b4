"""The orders that mailboxes were sorted in, remembered: one memory for all sessions of a process.

What a message is sorted by never changes, so an order stays right until messages come or go.  It is of the whole
mailbox as it is stored; what a search found is picked out of it.

Standards: RFC 5256 §3; RFC 6203 §6 (an order by relevancy is a search's own and never remembered).
Limits: 4 MB, a million messages; what was asked for longest ago goes first.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.imap import sort_orders
from mailserver.imap.grammar.sort import Criterion, SortKey
from mailserver.store import Store, changes

_ROOM = 4 << 20
# Octets of an order beside its messages, roughly.
_FRAME = 500
# Fewer messages are sorted in less time than an order is looked after.
_SMALL = 200
# For how many of a mailbox's messages one must be wanted: for the order of all to be made; for it to be looked through.
_TO_MAKE, _TO_USE = 4, 50


@dataclass(frozen=True, slots=True)
class _Order:
    """All messages of a mailbox by UID."""

    uids: array[int]
    uid_validity: int
    uid_next: int

    @property
    def octets(self) -> int:
        return len(self.uids) * self.uids.itemsize + _FRAME


class Orders:
    def __init__(self, room: int = _ROOM, small: int = _SMALL) -> None:
        self._room = room
        self._small = small
        self._lock = threading.Lock()  # sessions sort on several threads
        self._known: OrderedDict[tuple[int, tuple[Criterion, ...]], _Order] = OrderedDict()  # the last used at the end
        self.octets = 0

    def __len__(self) -> int:
        return len(self._known)

    def pick(
        self,
        store: Store,
        mailbox_id: int,
        criteria: Sequence[Criterion],
        found: Sequence[int],
        *,
        count: int,
        below: int = 0,
    ) -> list[int] | None:
        """``found``, which ascends, in the order asked for, without those that are gone; None if it is easier sorted by
        itself.  ``count``: the messages there are, as a session knows; ``below``: they are all below this UID.
        """
        if count <= self._small or len(found) * _TO_USE < count or any(key is SortKey.RELEVANCY for key, _ in criteria):
            return None
        # By the number alone: whoever reads it, it has the same messages (``store.readers``).
        order = self._order(store, int(mailbox_id), tuple(criteria), makes=len(found) * _TO_MAKE >= count)
        if order is None:
            return None
        if order.uid_next == below:
            return order.uids.tolist()
        wanted = set(found)
        return [uid for uid in order.uids if uid in wanted]

    def _order(self, store: Store, mailbox_id: int, criteria: tuple[Criterion, ...], *, makes: bool) -> _Order | None:
        key = (mailbox_id, criteria)
        with store.read() as connection:
            state = changes.state(connection, mailbox_id)
            if state is None:
                return None
            with self._lock:
                order = self._known.get(key)
                if order is not None and (order.uid_validity, order.uid_next, len(order.uids)) == (
                    state.uid_validity,
                    state.uid_next,
                    state.messages,
                ):  # messages come with new UIDs alone: none came, and so none went
                    self._known.move_to_end(key)
                    return order
            if not makes:
                return None
            uids = array("I", sort_orders.ordered_below(store, mailbox_id, criteria, state.uid_next))
        if len(uids) != state.messages:
            return None  # of some, nothing is known yet (``store.unscanned``)
        order = _Order(uids, state.uid_validity, state.uid_next)
        with self._lock:
            self._remember(key, order)
        return order

    def _remember(self, key: tuple[int, tuple[Criterion, ...]], order: _Order) -> None:
        former = self._known.pop(key, None)
        self.octets += order.octets - (former.octets if former is not None else 0)
        self._known[key] = order
        while self.octets > self._room:
            self.octets -= self._known.popitem(last=False)[1].octets
