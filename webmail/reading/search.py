"""Searching one's mail, and the list of what was found.

What was typed is read by ``webmail.reading.query``; the form beside the box only writes such a text.  Words are looked
for in subject, names, addresses and text by the account's index.  Should there be none (its disk is full), they are
looked for in subject, names, addresses and preview, and as long as the time allows in the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from time import monotonic

from flask import Blueprint, request
from sqlalchemy import Connection

from directory.words.names import fold
from mailserver.message.structure import decode_parts
from mailserver.store import mailboxes as store_mailboxes
from mailserver.store import reading as store_reading
from mailserver.store import search as store_search
from mailserver.store import threads
from mailserver.store.fulltext import Lookup
from mailserver.store.mailboxes import Mailbox
from webmail import pages
from webmail.account.login import account
from webmail.contents.body_parts import readable_text
from webmail.formatting import city_zone, mailbox_label
from webmail.languages import _
from webmail.pages import Answer
from webmail.reading import labels, listing
from webmail.reading.listing import PAGE, MessageList
from webmail.reading.query import EVERYWHERE, MAX_QUERY, WORD, Term, day_of, octets_of, parse
from webmail.services import services

blueprint = Blueprint("search", __name__)

MOST_FOUND = 50_000  # messages that may be chosen at once
READING_TIME = 1.5  # seconds spent on reading texts that no index knows


@blueprint.get("/search")
def show() -> Answer:
    sought = look_up()
    with services().store.read() as conn:
        side = pages.sidebar(conn)
        found = of_search(conn, sought)
    if listing.everything_is_chosen():
        places = places_of(sought.text, sought.only.id if sought.only else None, found.newest)
        found = replace(found, chosen=len(places))
    current = next((each for each in side.mailboxes if str(each.id) == request.args.get("in")), None)
    return pages.render("mail.html", found.heading, list=found, sidebar=side, current=current, thread=None)


@dataclass(frozen=True, slots=True)
class Sought:
    """What ``?q=…&in=…`` of a request means, and what the index says to it."""

    text: str
    query: store_search.Query | None
    mailboxes: dict[int, Mailbox]
    only: Mailbox | None
    lookup: Lookup | None


def look_up() -> Sought:
    """To be called before the store is read: the index may learn of newer messages on the way."""
    return look_up_text(request.args.get("q", ""), request.args.get("in", type=int))


def look_up_text(text: str, place: int | None) -> Sought:
    text = text.strip()[:MAX_QUERY]
    store = services().store
    with store.read() as conn:
        mine = {each.id: each for each in store_mailboxes.list_mailboxes(conn, account().id)}
    only = mine.get(place) if place is not None else None
    terms = parse(text)
    if not terms:
        return Sought(text, None, mine, only, None)
    query = _query(terms, mine, only)
    asked = store_search.wanted(query)
    lookup = store.fulltext.find(account().id, query.mailbox_ids, asked) if asked else None
    return Sought(text, query, mine, only, lookup)


def _query(terms: Iterable[Term], mine: dict[int, Mailbox], only: Mailbox | None) -> store_search.Query:
    values: dict[str, list[str]] = {}
    for each in terms:
        values.setdefault(each.name, []).append(each.value)
    # Strictly before the first moment of a day, and from the first moment of the day after another.
    before = [_midnight(each, 0) for each in values.get("before", ())]
    since = [_midnight(each, 1) for each in values.get("after", ())]
    larger = [size for each in values.get("larger", ()) if (size := octets_of(each)) is not None]
    return store_search.Query(
        words=values.get(WORD, ()),
        subject=values.get("subject", ()),
        author=values.get("from", ()),
        recipient=values.get("to", ()),
        since=max(since, default=None),
        before=min(before, default=None),
        unseen="unread" in values.get("is", ()),
        flagged="starred" in values.get("is", ()),
        has_attachments="has" in values,
        keywords=tuple(labels.keyword_of(each) for each in values.get("label", ())),
        larger=max(larger, default=None),
        mailbox_ids=tuple(_searched(mine, only, values.get("in", ()))) or (0,),
    )


def _midnight(value: str, days: int) -> int:
    day = day_of(value)
    assert day is not None  # the parser has looked
    return int(datetime.combine(day + timedelta(days=days), time(), city_zone()).timestamp())


def _searched(mine: dict[int, Mailbox], only: Mailbox | None, places: Iterable[str]) -> list[int]:
    """Where it is looked for: what is named; else everything but the trash and junk."""
    if only is not None:
        return [only.id]
    named = list(places)
    if EVERYWHERE in named:
        return list(mine)
    if named:
        return [each.id for each in mine.values() if any(_is_called(each, name) for name in named)]
    return [each.id for each in mine.values() if each.special_use not in ("\\Trash", "\\Junk")]


def _is_called(mailbox: Mailbox, name: str) -> bool:
    """By its name or what the reader calls it; hyphens may stand for blanks, so that no quotes need be typed."""
    wanted = fold(name).replace("-", " ")
    names = (mailbox.name, mailbox_label(mailbox, whole=True), (mailbox.special_use or "")[1:])
    return any(wanted == fold(each).replace("-", " ") for each in names if each)


def of_search(conn: Connection, sought: Sought) -> MessageList:
    """The list for it."""
    number = min(listing.page_number(), 20)
    text, query, mine, only = sought.text, sought.query, sought.mailboxes, sought.only
    parameters = {"q": text} | ({"in": str(only.id)} if only else {})
    heading = _("Search")
    if query is None:
        return MessageList(None, heading, [], 0, 1, False, parameters, query=text)
    reader = _Reader(conn, monotonic)
    limit = number * PAGE + 1
    body_text = reader.text if query.words else None
    found = list(store_search.find(conn, account().id, query, lookup=sought.lookup, body_text=body_text, limit=limit))
    places = [(row.mailbox_id, row.uid) for row in found[(number - 1) * PAGE : number * PAGE]]
    rows = listing.rows_at(conn, places, mine, name_places=only is None)
    more = len(found) > number * PAGE
    note = _("Older messages were searched by subject, names and preview only.") if reader.stopped else ""
    total = None if more or number > 1 else len(found)
    newest = store_reading.newest_id(conn)
    return MessageList(None, heading, rows, total, number, more, parameters, query=text, note=note, newest=newest)


def places_of(text: str, place: int | None, newest: int) -> list[tuple[int, int]]:
    """(mailbox, uid) of everything that a search finds up to the message ``newest``, the newest first."""
    sought = look_up_text(text, place)
    if sought.query is None:
        return []
    with services().store.read() as conn:
        reader = _Reader(conn, monotonic)
        body_text = reader.text if sought.query.words else None
        found = store_search.find(
            conn, account().id, sought.query, lookup=sought.lookup, body_text=body_text, limit=MOST_FOUND
        )
        return [(row.mailbox_id, row.uid) for row in found if row.message_id <= newest]


class _Reader:
    """Reads messages' texts for the search until its time is up."""

    def __init__(self, conn: Connection, clock: Callable[[], float]) -> None:
        self._conn = conn
        self._clock = clock
        self._until = clock() + READING_TIME
        self.stopped = False

    def text(self, message_id: int) -> str:
        if self._clock() > self._until:
            self.stopped = True
            return ""
        parts = threads.parts_of(self._conn, message_id)
        if parts is None:
            return ""
        return readable_text(
            decode_parts(parts), lambda start, stop: services().store.octets(self._conn, message_id, start, stop)
        )
