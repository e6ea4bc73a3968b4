"""Searching one's mail, and the list of what was found.

What was typed is read by ``webmail.reading.query``; the form beside the box only writes such a text.  Words are looked
for in subject, names, addresses and text by the account's index, which tells of all messages at once.

Nobody waits for an index that is still being made, or for files that have just come: what it knows is shown at once,
with what subjects and names tell of the other messages, and the list says that the search goes on.  The script layer
asks again (``whole=1``) until it is at its end; without script there is a link.  Should there be no index (its disk is
full), texts are read for as long as the time allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from mailserver.store.search import Place
from webmail import pages
from webmail.account.login import account
from webmail.contents.body_parts import readable_text
from webmail.days import day_of
from webmail.formatting import city_zone, mailbox_label
from webmail.languages import _
from webmail.pages import Answer
from webmail.reading import labels, listing
from webmail.reading.found import Places
from webmail.reading.listing import MessageList
from webmail.reading.query import EVERYWHERE, MAX_QUERY, WORD, Term, octets_of, parse
from webmail.services import services

blueprint = Blueprint("search", __name__)

READING_TIME = 1.5  # seconds spent on reading texts that no index knows
_MOST_LOOKED_INTO = 50_000  # messages found by looking into them, where there is no index
_MOST_SEEN = 200  # messages found by subject and names, as long as the index is not whole


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
    """What ``?q=…&in=…`` of a request means, and where the messages lie that it finds."""

    text: str
    mailboxes: dict[int, Mailbox]
    only: Mailbox | None
    places: Sequence[tuple[int, int]] | None  # none: nothing was asked for
    newest: int = 0  # the id of the newest message when it was looked for
    goes_on: bool = False  # there may be more
    stopped: bool = False  # not all texts could be read

    @property
    def is_whole(self) -> bool:
        return not self.goes_on


def look_up() -> Sought:
    """To be called before the store is read: the index may learn of newer messages on the way."""
    patient = bool(request.args.get("whole") or request.args.get("from"))
    return look_up_text(request.args.get("q", ""), request.args.get("in", type=int), hurry=not patient)


def look_up_text(text: str, place: int | None, *, hurry: bool) -> Sought:
    text, mine, only, query = _asked(text, place)
    if query is None:
        return Sought(text, mine, only, None)
    with services().store.read() as conn:
        newest = store_reading.newest_id(conn)
    key = (text, place, tuple(mine.values()))
    known = services().found.get(key)
    if known is not None:
        return Sought(text, mine, only, known, newest)
    places, goes_on, stopped = _look(query, hurry=hurry)
    found = Places(each[2:] for each in places)
    if not goes_on and not stopped:
        services().found.keep(key, found)
    return Sought(text, mine, only, found, newest, goes_on, stopped)


def _asked(text: str, place: int | None) -> tuple[str, dict[int, Mailbox], Mailbox | None, store_search.Query | None]:
    """The text as it is used; one's mailboxes; the one that is named; what is asked of the store, if anything is."""
    text = text.strip()[:MAX_QUERY]
    with services().store.read() as conn:
        mine = {each.id: each for each in store_mailboxes.list_mailboxes(conn, account().id)}
    only = mine.get(place) if place is not None else None
    terms = parse(text)
    return text, mine, only, _query(terms, mine, only) if terms else None


def _look(query: store_search.Query, *, hurry: bool) -> tuple[list[Place], bool, bool]:
    """What is found, the newest first; whether there may be more; whether not all texts could be read."""
    store, owner = services().store, account().id
    asked = store_search.wanted(query)
    lookup = store.fulltext.glance(owner, query.mailbox_ids, asked, hurry=hurry) if asked else None
    with store.read() as conn:
        if lookup is None and asked and not hurry:
            places, stopped = _looked_into(conn, query, None)
            return places, False, stopped
        places = store_search.places(conn, owner, query, lookup)
        if not asked or (lookup is not None and lookup.is_whole):
            return places, False, False
        seen = store_search.in_columns(conn, owner, query, _MOST_SEEN)
    return sorted({*places, *seen}, reverse=True), True, False


def _looked_into(conn: Connection, query: store_search.Query, lookup: Lookup | None) -> tuple[list[Place], bool]:
    """By looking into what no index knows: the columns, and the texts as long as the time allows (or not all)."""
    reader = _Reader(conn, monotonic)
    body_text = reader.text if query.words else None
    rows = store_search.find(conn, account().id, query, lookup=lookup, body_text=body_text, limit=_MOST_LOOKED_INTO)
    return [(row.internal_date, row.message_id, row.mailbox_id, row.uid) for row in rows], reader.stopped


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
    parameters = {"q": sought.text} | ({"in": str(sought.only.id)} if sought.only else {})
    heading, places = _("Search"), sought.places
    if places is None:
        return MessageList(None, heading, [], 0, 1, False, parameters, query=sought.text)
    number = listing.page_number()
    start, offset, count = listing.part_of(len(places), number) if sought.is_whole else listing.page_of(number)
    rows = listing.rows_at(conn, places[offset : offset + count], sought.mailboxes, name_places=sought.only is None)
    newer, older = listing.beside(places, offset, count)
    return MessageList(
        None,
        heading,
        rows,
        len(places) if sought.is_whole else None,
        offset // listing.PAGE + 1,
        len(places) > offset + count,
        parameters,
        query=sought.text,
        note=_("Older messages were searched by subject, names and preview only.") if sought.stopped else "",
        newest=sought.newest,
        start=start,
        newer=newer,
        older=older,
        unfinished="" if sought.is_whole else "later" if request.args.get("whole") else "first",
    )


def places_of(text: str, place: int | None, newest: int) -> list[tuple[int, int]]:
    """(mailbox, uid) of everything that a search finds up to the message ``newest``, the newest first."""
    _text, _mine, _only, query = _asked(text, place)
    if query is None:
        return []
    store = services().store
    asked = store_search.wanted(query)
    lookup = store.fulltext.find(account().id, query.mailbox_ids, asked) if asked else None
    with store.read() as conn:
        if not asked or (lookup is not None and not lookup.unread):
            places = store_search.places(conn, account().id, query, lookup)
        else:
            places, _stopped = _looked_into(conn, query, lookup)
    return [(mailbox_id, uid) for _, message_id, mailbox_id, uid in places if message_id <= newest]


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
