"""The list of messages of a mailbox: fifty at a time, newest first, marks and preview, without parsing any mail.

Rows come ready from the store's columns, so a page costs the same in a mailbox of fifty thousand as in one of fifty.
The script layer scrolls through the whole mailbox and asks for the rows at any place (``from`` and ``rows``).
A search shows in the same list (``webmail.reading.search``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, abort, request
from sqlalchemy import Connection

from directory.mail import recipients
from directory.mail.labels import Label
from mailserver import handling
from mailserver.store import flags as flag_bits
from mailserver.store import mailboxes as store_mailboxes
from mailserver.store import reading as store_reading
from mailserver.store import search
from mailserver.store.mailboxes import Mailbox
from webmail import pages
from webmail.account.login import account, person
from webmail.formatting import mailbox_label
from webmail.languages import _
from webmail.pages import Answer
from webmail.reading import labels
from webmail.reading.found import Places
from webmail.reading.remarks import remarks
from webmail.services import services
from webmail.smime.marks import mark_of

blueprint = Blueprint("listing", __name__)

PAGE = 50
MOST_ROWS = 200  # that are asked for at once, by their place in the mailbox
COLUMNS = (
    "uid", "flags", "internal_date", "subject", "author_name", "author_address", "to_text", "preview",
    "has_attachments", "bodystructure",
)  # fmt: skip
FILTERS = ("unread", "starred", "attachments")


@dataclass(frozen=True, slots=True)
class Row:
    mailbox_id: int
    uid: int
    seen: bool
    flagged: bool
    answered: bool
    forwarded: bool
    who: str
    address: str
    outside: bool
    subject: str
    preview: str
    moment: int
    has_attachments: bool
    protected: str  # signed, encrypted, or nothing
    labels: tuple[Label, ...]
    place: str = ""  # the mailbox's name, where rows of several are shown


@dataclass(frozen=True, slots=True)
class MessageList:
    """What the list pane shows, and the query string that brings it back."""

    mailbox: Mailbox | None
    heading: str
    rows: list[Row]
    total: int | None  # None: not counted
    page: int
    more: bool
    parameters: dict[str, str]
    filter: str = ""
    query: str = ""
    note: str = ""
    newest: int = 0  # the id of the newest message when a search was made
    chosen: int = 0  # how many messages the whole list has, where all of them were chosen by a link
    start: int | None = None  # the place of the first row, where it was asked for instead of a page
    newer: tuple[int, int] | None = None  # (mailbox, uid) of the message before the first row
    older: tuple[int, int] | None = None  # and of the one after the last
    unfinished: str = ""  # a search that goes on: "first" when it was answered in a hurry, "later" after that

    @property
    def everything(self) -> str:
        """What all messages of this list are called (``webmail.reading.choosing``)."""
        named = {"box": str(self.mailbox.id)} if self.mailbox else {}
        upto = self.mailbox.uid_next - 1 if self.mailbox else self.newest
        return urlencode({**named, **self.parameters, "upto": str(upto)})

    @property
    def first(self) -> int:
        return ((self.page - 1) * PAGE if self.start is None else self.start) + 1

    @property
    def last(self) -> int:
        return self.first - 1 + len(self.rows)

    @property
    def scrolls(self) -> bool:
        """The rows at any place can be asked for, and how many there are is known."""
        return self.total is not None

    @property
    def name(self) -> str:
        """Its address, whichever of its rows are shown."""
        return f"{self.base}?{urlencode(self.parameters)}" if self.parameters else self.base

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE)) if self.total is not None else self.page + self.more

    @property
    def base(self) -> str:
        return f"/mail/{self.mailbox.id}" if self.mailbox else "/search"

    def link(self, page: int | None = None, **changes: str) -> str:
        """This list's address at another page, or with another filter."""
        wanted = {**self.parameters, "page": str(page or 1), **changes}
        wanted = {name: value for name, value in wanted.items() if value and (name, value) != ("page", "1")}
        return self.base + (f"?{urlencode(wanted)}" if wanted else "")

    @property
    def suffix(self) -> str:
        """What a message's address carries, so that this list stays beside it."""
        wanted = {**self.parameters, "page": str(self.page)} if self.page > 1 else dict(self.parameters)
        return f"?{urlencode(wanted)}" if wanted else ""

    def suffix_of(self, index: int) -> str:
        """The same for the row with this index, which may be of another page than the list's first."""
        return replace(self, page=(self.first - 1 + index) // PAGE + 1).suffix

    @property
    def here(self) -> str:
        return self.base + self.suffix


@blueprint.get("/")
def start() -> Answer:
    return pages.see_other(f"/mail/{services().store.maildrop(account().id).id}")


@blueprint.get("/mail/<int:mailbox_id>")
def show(mailbox_id: int) -> Answer:
    with services().store.read() as conn:
        mailbox = own_mailbox(conn, mailbox_id)
        shown = of_mailbox(conn, mailbox)
        if everything_is_chosen():
            shown = replace(shown, chosen=shown.total or 0)
        side = pages.sidebar(conn)
    return pages.render("mail.html", shown.heading, list=shown, sidebar=side, current=mailbox, thread=None)


def own_mailbox(conn: Connection, mailbox_id: int) -> Mailbox:
    """The mailbox if it is this account's; of others' mailboxes not even their existence is told."""
    mailbox = find_own_mailbox(conn, mailbox_id)
    if mailbox is None:
        abort(404)
    return mailbox


def find_own_mailbox(conn: Connection, mailbox_id: int) -> Mailbox | None:
    mailbox = store_mailboxes.get_mailbox(conn, mailbox_id) if mailbox_id < 2**63 else None
    return mailbox if mailbox is not None and mailbox.account_id == account().id else None


def parse_key(text: str) -> tuple[int, int] | None:
    """``mailbox:uid``, as forms and addresses name a message."""
    found = re.fullmatch(r"([0-9]{1,18}):([0-9]{1,18})", text)
    return (int(found[1]), int(found[2])) if found else None


def page_number() -> int:
    return min(max(request.args.get("page", 1, type=int), 1), 1_000_000)


def everything_is_chosen() -> bool:
    """By a link, for whoever has no script; a page that is open already keeps its own choice."""
    return request.args.get("choose") == "all" and request.headers.get("X-Fragments") is None


def of_mailbox(conn: Connection, mailbox: Mailbox) -> MessageList:
    chosen = request.args.get("show", "")
    number = page_number()
    if chosen in filters():
        return _filtered(conn, mailbox, chosen, number)
    start, offset, count = part_of(mailbox.messages, number)
    before = min(offset, 1)
    found = store_reading.page(conn, mailbox.id, COLUMNS, offset=offset - before, limit=before + count + 1)
    rows = make_rows(((mailbox, row) for row in found[before : before + count]), is_outside())
    rows = _with_remarks(conn, mailbox, rows)
    return MessageList(
        mailbox,
        mailbox_label(mailbox),
        rows,
        mailbox.messages,
        offset // PAGE + 1,
        mailbox.messages > offset + count,
        {},
        start=start,
        newer=(mailbox.id, found[0].uid) if before and found else None,
        older=(mailbox.id, found[before + count].uid) if len(found) > before + count else None,
    )


def _with_remarks(conn: Connection, mailbox: Mailbox, rows: list[Row]) -> list[Row]:
    found = remarks(conn, mailbox, [row.uid for row in rows])
    return [replace(row, place=found.get(row.uid, "")) for row in rows] if found else rows


def _window(total: int) -> tuple[int, int] | None:
    """Where the rows begin that are asked for by their place, and how many they are; the last ones, past the end."""
    start = request.args.get("from", type=int)
    if start is None:
        return None
    count = min(max(request.args.get("rows", PAGE, type=int), 1), MOST_ROWS)
    return max(min(start, total - count), 0), count


def part_of(total: int, number: int) -> tuple[int | None, int, int]:
    """Of a list that is known whole: the place that was asked for, if any was; the first row; and how many."""
    window = _window(total)
    if window is not None:
        return window[0], *window
    return page_of(min(number, max(1, -(-total // PAGE))))


def page_of(number: int) -> tuple[None, int, int]:
    return None, (number - 1) * PAGE, PAGE


def _filtered(conn: Connection, mailbox: Mailbox, chosen: str, number: int) -> MessageList:
    found = filtered(conn, mailbox, chosen)
    total = len(found)
    start, offset, count = part_of(total, number)
    rows = _with_remarks(conn, mailbox, rows_at(conn, found[offset : offset + count], {mailbox.id: mailbox}))
    newer, older = beside(found, offset, count)
    return MessageList(
        mailbox,
        mailbox_label(mailbox),
        rows,
        total,
        offset // PAGE + 1,
        total > offset + count,
        {"show": chosen},
        filter=chosen,
        start=start,
        newer=newer,
        older=older,
    )


def beside(
    places: Sequence[tuple[int, int]], offset: int, count: int
) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """Of a list that is known whole: what comes before the rows that are shown, and after them."""
    end = offset + count
    return places[offset - 1] if 0 < offset <= len(places) else None, places[end] if end < len(places) else None


def filters() -> tuple[str, ...]:
    """What a list may be narrowed to; in a mailbox that several answer, by who answers."""
    return FILTERS if account().kind == "person" else (*FILTERS, handling.MINE, handling.OPEN_TO_ALL, handling.DONE)


def filtered(conn: Connection, mailbox: Mailbox, chosen: str) -> Places:
    """All of them, the newest first."""
    owner, reader = account(), person()
    key = (reader.id, chosen, mailbox, pages.work_version(conn, owner))
    known = services().found.get(key)
    return services().found.keep(key, _filter(conn, mailbox, chosen)) if known is None else known


def _filter(conn: Connection, mailbox: Mailbox, chosen: str) -> Places:
    if chosen not in FILTERS:
        uids = handling.uids(conn, account().id, mailbox.id, chosen, person().id, max(mailbox.messages, 1))
        return Places((mailbox.id, uid) for uid in uids)
    query = search.Query(
        unseen=chosen == "unread",
        flagged=chosen == "starred",
        has_attachments=chosen == "attachments",
        mailbox_ids=(mailbox.id,),
    )
    return Places(place[2:] for place in search.places(conn, account().id, query, None))


def rows_at(
    conn: Connection, places: Sequence[tuple[int, int]], mailboxes: dict[int, Mailbox], *, name_places: bool = False
) -> list[Row]:
    """The rows of messages named by (mailbox, uid), in that order."""
    wanted: dict[int, list[tuple[int, int]]] = {}
    for mailbox_id, uid in places:
        wanted.setdefault(mailbox_id, []).append((uid, uid))
    found: dict[tuple[int, int], Any] = {}
    for mailbox_id, ranges in wanted.items():
        for row in store_reading.fetch(conn, mailbox_id, ranges, COLUMNS):
            found[mailbox_id, row.uid] = row
    ordered = ((mailboxes[place[0]], found[place]) for place in places if place in found)
    return make_rows(ordered, is_outside(), name_places=name_places)


def make_rows(
    found: Iterable[tuple[Mailbox, Any]], outside: Callable[[str], bool], *, name_places: bool = False
) -> list[Row]:
    rows = []
    for mailbox, row in found:
        sent = mailbox.special_use in ("\\Sent", "\\Drafts")
        flags = row.flags
        names = flag_bits.flag_names(flags, mailbox.keywords)
        protected = mark_of(row.bodystructure)
        closed = protected == "encrypted"
        rows.append(
            Row(
                mailbox.id,
                row.uid,
                bool(flags & flag_bits.SEEN),
                bool(flags & flag_bits.FLAGGED),
                bool(flags & flag_bits.ANSWERED),
                "$Forwarded" in names,
                (_without_addresses(row.to_text) or _("(no recipient)"))
                if sent
                else (row.author_name or row.author_address or _("(no sender)")),
                "" if sent else row.author_address,
                not sent and outside(row.author_address),
                _("Encrypted message") if closed and row.subject in ("", "[...]") else row.subject or _("(no subject)"),
                row.preview,
                row.internal_date,
                bool(row.has_attachments) and not closed,
                protected,
                labels.among(names),
                mailbox_label(mailbox, whole=True) if name_places else "",
            )
        )
    return rows


def _without_addresses(to_text: str) -> str:
    """``An <an@x>, Bình <binh@x>`` as ``An, Bình``, for the list."""
    names = []
    for entry in to_text.split(", ")[:6]:
        name, bracket, _rest = entry.partition(" <")
        names.append(name.strip('"') if bracket else entry.strip("<>"))
    return ", ".join(name for name in names if name)


def is_outside() -> Callable[[str], bool]:
    """A question asked for every row: does this address belong to another house?"""
    known: dict[str, bool] = {}

    def answer(address: str) -> bool:
        domain = address.rpartition("@")[2].lower()
        if not domain:
            return False
        if domain not in known:
            with services().directory.read() as conn:
                known[domain] = not recipients.is_local_domain(conn, domain)
        return known[domain]

    return answer
