"""Reading: one message open, the others of its conversation above and below it, whichever mailbox they lie in.

The text itself is never in this page: each open message has a frame that asks ``webmail.reading.message_body`` for it.
Opening a message by GET changes nothing; the script layer, or a button, then marks it as read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, request
from sqlalchemy import Connection

from directory.mail import accounts
from directory.mail.labels import Label
from mailserver.message.text import body_text
from mailserver.store import flags as flag_bits
from mailserver.store import reading as store_reading
from mailserver.store import threads
from mailserver.store.mailboxes import Mailbox
from webmail import pages
from webmail.account.login import account
from webmail.contents.body_parts import MAX_PART, Attachment, Layout
from webmail.contents.doubts import Doubts, doubts_of
from webmail.contents.heads import Head, read_head
from webmail.formatting import mailbox_label
from webmail.pages import Answer
from webmail.reading import labels, listing, pictures, search
from webmail.reading.listing import MessageList
from webmail.services import services
from webmail.smime.contents import Contents, contents_of
from webmail.smime.words import Saying, sayings

blueprint = Blueprint("reading", __name__)

COLUMNS = (
    "uid", "flags", "internal_date", "sent_at", "message_id", "size", "header_size", "parts", "preview", "subject",
    "thread_key",
)  # fmt: skip
OPENED = 3  # unread messages of a conversation that are opened together with the one asked for
_REMOTE_PICTURE = re.compile(r"<img\b[^>]{0,2000}?\bsrc\s*=\s*[\"']?\s*(?:https?:)?//", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """One message of a conversation."""

    mailbox: Mailbox
    uid: int
    head: Head
    moment: int
    size: int
    seen: bool
    flagged: bool
    answered: bool
    draft: bool
    preview: str
    opened: bool
    is_main: bool
    place: str
    outside: bool
    role: str  # what the directory says of the author
    doubts: Doubts
    labels: tuple[Label, ...]
    attachments: list[Attachment]
    remote_pictures: bool
    show_pictures: bool
    trusts_pictures: bool  # the reader wants them from this sender whenever they are his
    lines: int  # about how tall the text is, for a frame that no script measures
    sayings: list[Saying]  # of its signature and encryption
    is_split: bool  # what was signed is shown apart from what was not
    unsigned: frozenset[int]  # attachments that the signature of a part leaves out

    @property
    def path(self) -> str:
        return f"/mail/{self.mailbox.id}/{self.uid}"

    @property
    def key(self) -> str:
        return f"{self.mailbox.id}:{self.uid}"

    @property
    def hanging(self) -> list[Attachment]:
        """What to list below the text: pictures that the text shows itself are not."""
        return [each for each in self.attachments if not each.inline]


@dataclass(frozen=True, slots=True)
class Thread:
    subject: str
    main: Reading
    readings: list[Reading]
    newer: str
    older: str


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>")
def show(mailbox_id: int, uid: int) -> Answer:
    sought = search.look_up() if request.args.get("q") else None
    with services().store.read() as conn:
        mailbox = listing.own_mailbox(conn, mailbox_id)
        row = next(store_reading.fetch(conn, mailbox_id, [(uid, uid)], COLUMNS), None)
        if row is None:
            abort(404)
        if mailbox.special_use == "\\Drafts":
            return pages.see_other(f"/compose/{uid}")
        shown = search.of_search(conn, sought) if sought is not None else listing.of_mailbox(conn, mailbox)
        side = pages.sidebar(conn)
        thread = _thread(conn, mailbox, row, shown, {each.id: each for each in side.mailboxes})
    return pages.render("mail.html", thread.subject, list=shown, sidebar=side, current=mailbox, thread=thread)


def _thread(conn: Connection, mailbox: Mailbox, main: Any, shown: MessageList, mine: dict[int, Mailbox]) -> Thread:
    outside = listing.is_outside()
    places = _places(conn, mailbox, main, mine)
    readings = []
    opened = 0
    for place_id, uid in places:
        is_main = (place_id, uid) == (mailbox.id, main.uid)
        row = main if is_main else next(store_reading.fetch(conn, place_id, [(uid, uid)], COLUMNS), None)
        if row is None:
            continue
        unread = not row.flags & flag_bits.SEEN
        is_open = is_main or (unread and opened < OPENED)
        opened += is_open and not is_main
        readings.append(_reading(conn, mine[place_id], row, outside, is_open=is_open, is_main=is_main))
    chosen = next(each for each in readings if each.is_main)
    newer, older = _neighbours(shown, mailbox.id, main.uid)
    subject = chosen.head.subject or main.subject
    return Thread(subject, chosen, readings, newer, older)


def _places(conn: Connection, mailbox: Mailbox, main: Any, mine: dict[int, Mailbox]) -> list[tuple[int, int]]:
    """Where the conversation's messages lie: each message once, thrown-away ones and drafts left out."""
    chosen: dict[str, tuple[int, int]] = {}
    for row in threads.members(conn, account().id, main.thread_key):
        where = mine.get(row.mailbox_id)
        if where is None:
            continue
        is_main = (row.mailbox_id, row.uid) == (mailbox.id, main.uid)
        aside = where.special_use in ("\\Trash", "\\Junk", "\\Drafts") and where.id != mailbox.id
        if aside and not is_main:
            continue
        name = row.message_id_header or f"#{row.message_id}"
        if is_main or name not in chosen:
            chosen[name] = (row.mailbox_id, row.uid)
    places = list(chosen.values())
    if (mailbox.id, main.uid) not in places:
        places.append((mailbox.id, main.uid))
    return places


def _reading(
    conn: Connection, mailbox: Mailbox, row: Any, outside: Callable[[str], bool], *, is_open: bool, is_main: bool
) -> Reading:
    contents = contents_of(conn, row)
    head = read_head(contents.header)
    layout = contents.layout
    doubts = doubts_of(contents.header, head, outside)
    asks, lines = _look_at_text(contents, layout) if is_open else (False, 12)
    has_pictures = asks and pictures.are_possible() and not contents.is_encrypted
    trusts = has_pictures and doubts.is_proven and pictures.is_trusted(head.author.address)
    return Reading(
        mailbox,
        row.uid,
        head,
        row.sent_at or row.internal_date,
        row.size,
        bool(row.flags & flag_bits.SEEN),
        bool(row.flags & flag_bits.FLAGGED),
        bool(row.flags & flag_bits.ANSWERED),
        bool(row.flags & flag_bits.DRAFT),
        row.preview,
        is_open,
        is_main,
        mailbox_label(mailbox, whole=True),
        outside(head.author.address),
        _role(head.author.address),
        doubts,
        labels.among(flag_bits.flag_names(row.flags, mailbox.keywords)),
        layout.attachments,
        has_pictures,
        has_pictures and (trusts or (is_main and request.args.get("pictures") == "1")),
        trusts,
        lines,
        sayings(contents),
        any(map(contents.is_signed, layout.shown)) and not all(map(contents.is_signed, layout.shown)),
        frozenset(
            each.index for each in layout.attachments if contents.signed_place and not contents.is_signed(each.part)
        ),
    )


def _look_at_text(contents: Contents, layout: Layout) -> tuple[bool, int]:
    """Whether the text asks for pictures elsewhere, and about how many lines it will have."""
    asks, lines = False, 0
    for part in layout.shown:
        if part.media_type != "text/html":
            lines += part.lines + part.size // 400 + 2
            continue
        octets = contents.read(part.body_start, min(part.end, part.body_start + MAX_PART))
        asks = asks or bool(_REMOTE_PICTURE.search(body_text(part, octets)))
        lines += 10 + part.size // 120
    return asks, lines


def _role(address: str) -> str:
    """Title and unit of an official, as the directory has them."""
    with services().directory.read() as conn:
        found = accounts.account_by_login(conn, address) if "@" in address else None
    return " · ".join(part for part in (found.title, found.unit) if part) if found else ""


def _neighbours(shown: MessageList, mailbox_id: int, uid: int) -> tuple[str, str]:
    places = [(row.mailbox_id, row.uid) for row in shown.rows]
    if (mailbox_id, uid) not in places:
        return "", ""
    at = places.index((mailbox_id, uid))

    def link(index: int) -> str:
        place = shown.newer if index < 0 else shown.older if index == len(places) else places[index]
        return f"/mail/{place[0]}/{place[1]}{shown.suffix_of(index)}" if place is not None else ""

    return link(at - 1), link(at + 1)
