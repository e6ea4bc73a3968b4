"""Which messages a request is about: some by name, or all that a mailbox, a filter or a search holds.

By name they are ``mailbox:uid``.  All of a list are named by its own address, with the newest message that was in it
when it was chosen: nobody chose what came after.  The mailbox of everything chosen is the account's, or there is none.

Limits: ``MOST_NAMED`` by name; of a search the newest ``search.MOST_FOUND``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from flask import abort, request

from mailserver.store import mailboxes as store_mailboxes
from mailserver.store import reading as store_reading
from mailserver.store.mailboxes import Mailbox
from webmail.account.login import account
from webmail.reading import listing, search
from webmail.services import services

MOST_NAMED = 5000


@dataclass(slots=True)
class Chosen:
    """UIDs by mailbox; ``mine`` are all mailboxes of the account."""

    mine: dict[int, Mailbox]
    places: dict[int, list[int]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(map(len, self.places.values()))

    def add(self, places: Iterable[tuple[int, int]]) -> None:
        for mailbox_id, uid in places:
            self.places.setdefault(mailbox_id, []).append(uid)


def chosen(single: str = "") -> Chosen:
    """What the form says; ``single``: the one message that its button names."""
    with services().store.read() as conn:
        found = Chosen({each.id: each for each in store_mailboxes.list_mailboxes(conn, account().id)})
    everything = request.form.get("all", "")
    if everything and not single:
        found.add(_everything(dict(parse_qsl(everything)), found.mine))
    else:
        items = [single] if single else request.form.getlist("item")[:MOST_NAMED]
        found.add(_named(each, found.mine) for each in dict.fromkeys(items))
    return found


def _named(item: str, mine: dict[int, Mailbox]) -> tuple[int, int]:
    place = listing.parse_key(item)
    if place is None or place[0] not in mine:
        abort(404)
    return place


def _everything(wanted: dict[str, str], mine: dict[int, Mailbox]) -> list[tuple[int, int]]:
    """As ``MessageList.everything`` writes it."""
    newest = _number(wanted.get("upto", ""))
    if "box" not in wanted:
        place = wanted.get("in", "")
        return search.places_of(wanted.get("q", ""), _number(place) if place else None, newest)
    mailbox = mine.get(_number(wanted["box"]))
    if mailbox is None:
        abort(404)
    show = wanted.get("show", "")
    with services().store.read() as conn:
        if show in listing.filters():
            uids = sorted(uid for _, uid in listing.filtered(conn, mailbox, show))
        else:
            uids = store_reading.uids(conn, mailbox.id)
    return [(mailbox.id, uid) for uid in uids[: bisect_right(uids, newest)]]


def _number(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 18:
        abort(404)
    return int(text)
