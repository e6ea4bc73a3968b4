"""Searching one's mail: plain words, and a few fields with a name and a colon.

Words without marks find every spelling, words with marks only their own (``mailserver.store.search``); all words must
be there, "words in quotes" together.  Field names are understood in both languages::

    từ:hương  đến:"văn thư"  tiêu đề:ngân-sách  có:tệp  là:chưa-đọc  trước:31/12/2025  sau:01/01/2025  nhãn:dự-án
    from:…    to:…           subject:…          has:attachment  is:unread  before:…         after:…         label:…

Words are looked for in subject, names, addresses and text by the account's index.  Should there be none (its disk is
full), they are looked for in subject, names, addresses and preview, and as long as the time allows in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from flask import Blueprint, request
from sqlalchemy import Connection

from directory.words.names import fold
from mailserver.message.structure import decode_parts
from mailserver.store import mailboxes as store_mailboxes
from mailserver.store import search as store_search
from mailserver.store import threads
from mailserver.store.fulltext import Lookup
from mailserver.store.mailboxes import Mailbox
from webmail import pages
from webmail.account.login import account
from webmail.contents.body_parts import readable_text
from webmail.formatting import city_zone
from webmail.languages import _
from webmail.pages import Answer
from webmail.reading import labels, listing
from webmail.reading.listing import PAGE, MessageList
from webmail.services import services

blueprint = Blueprint("search", __name__)

READING_TIME = 1.5  # seconds spent on reading texts that no index knows
MAX_QUERY = 300
MAX_WORDS = 12
_FIELDS = {
    "tu": "author", "from": "author", "den": "recipient", "to": "recipient", "tieu de": "subject", "tieude": "subject",
    "subject": "subject", "truoc": "before", "before": "before", "sau": "after", "after": "after", "co": "has",
    "has": "has", "la": "is", "is": "is", "nhan": "label", "label": "label",
}  # fmt: skip
_FIELD = re.compile(
    r"(?P<name>từ|tu|from|đến|den|to|tiêu đề|tieu de|tieude|subject|trước|truoc|before|sau|after|có|co|has|là|la|is"
    r"|nhãn|nhan|label):",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Wanted:
    words: list[str] = field(default_factory=list)
    subject: list[str] = field(default_factory=list)
    author: list[str] = field(default_factory=list)
    recipient: list[str] = field(default_factory=list)
    since: int | None = None
    before: int | None = None
    unseen: bool = False
    flagged: bool = False
    has_attachments: bool = False
    label: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (
            self.words or self.subject or self.author or self.recipient or self.since or self.before
            or self.unseen or self.flagged or self.has_attachments or self.label
        )  # fmt: skip


@blueprint.get("/search")
def show() -> Answer:
    sought = look_up()
    with services().store.read() as conn:
        side = pages.sidebar(conn)
        found = of_search(conn, sought)
    current = next((each for each in side.mailboxes if str(each.id) == request.args.get("in")), None)
    return pages.render("mail.html", found.heading, list=found, sidebar=side, current=current, thread=None)


def parse(text: str) -> Wanted:
    """What a person typed, as conditions.  Whatever is not understood as a field is a word to look for."""
    wanted = Wanted()
    position = 0
    text = text[:MAX_QUERY]
    count = 0
    while position < len(text) and count < MAX_WORDS:
        if text[position].isspace():
            position += 1
            continue
        named = _FIELD.match(text, position)
        start = named.end() if named else position
        value, position = _value(text, start)
        if value:
            count += 1
            _add(wanted, _FIELDS[fold(named["name"])] if named else "words", value, named)
    return wanted


def _value(text: str, start: int) -> tuple[str, int]:
    if start < len(text) and text[start] == '"':
        end = text.find('"', start + 1)
        end = len(text) if end < 0 else end
        return " ".join(text[start + 1 : end].split()), end + 1
    end = start
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[start:end].strip('"'), end


def _add(wanted: Wanted, name: str, value: str, named: re.Match[str] | None) -> None:
    folded = fold(value)
    if name == "has":
        wanted.has_attachments = wanted.has_attachments or folded.startswith(("tep", "attach", "file", "dinh"))
    elif name == "is":
        wanted.unseen = wanted.unseen or folded in ("unread", "unseen", "chua-doc", "chuadoc", "moi")
        wanted.flagged = wanted.flagged or folded in ("starred", "flagged", "sao", "danh-dau")
    elif name in ("before", "after"):
        day = _day(value)
        if day is None:
            wanted.words.append(value)
        elif name == "before":
            wanted.before = int(day.timestamp())
        else:
            wanted.since = int((day + timedelta(days=1)).timestamp())
    else:
        # Inside a field, hyphens may stand for spaces, so that no quotes need be typed.
        getattr(wanted, name).append(value)


def _day(value: str) -> datetime | None:
    for form in ("%d/%m/%Y", "%d-%m-%Y", "%Y-%m-%d", "%d/%m/%y"):
        try:
            return datetime.strptime(value, form).replace(tzinfo=city_zone())
        except ValueError:
            continue
    return None


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
    text = request.args.get("q", "").strip()[:MAX_QUERY]
    place = request.args.get("in", type=int)
    store = services().store
    with store.read() as conn:
        mine = {each.id: each for each in store_mailboxes.list_mailboxes(conn, account().id)}
    only = mine.get(place) if place is not None else None
    wanted = parse(text)
    if wanted.is_empty:
        return Sought(text, None, mine, only, None)
    query = store_search.Query(
        words=wanted.words,
        subject=wanted.subject,
        author=wanted.author,
        recipient=wanted.recipient,
        since=wanted.since,
        before=wanted.before,
        unseen=wanted.unseen,
        flagged=wanted.flagged,
        has_attachments=wanted.has_attachments,
        keyword=labels.keyword_of(wanted.label[-1]) if wanted.label else "",
        mailbox_ids=(only.id,) if only else tuple(_searched(mine)),
    )
    asked = store_search.wanted(query)
    lookup = store.fulltext.find(account().id, query.mailbox_ids, asked) if asked else None
    return Sought(text, query, mine, only, lookup)


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
    return MessageList(None, heading, rows, total, number, more, parameters, query=text, note=note)


def _searched(mine: dict[int, Mailbox]) -> list[int]:
    """Everything but the trash and junk, which are searched only when named."""
    return [each.id for each in mine.values() if each.special_use not in ("\\Trash", "\\Junk")] or [0]


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
