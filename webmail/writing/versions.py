"""Two versions of one draft: found, shown side by side, and the choice between them.

Nobody's words are overwritten: whoever saves from a version that is gone keeps his own as another draft
(``webmail.writing.letters``).  Here he sees both, what differs marked, and says which one goes on.  The one that does
not lies in the trash.

Limits: the newest 300 drafts are looked through; what differs within lines is marked in texts of up to 2,000 lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from flask import Blueprint, abort, flash, request
from sqlalchemy import Connection

from mailserver.message.headers import find_field
from mailserver.store import reading as store_reading
from webmail import pages
from webmail.languages import _
from webmail.pages import Answer
from webmail.services import services
from webmail.writing import letters
from webmail.writing.letters import WORK_FIELD, Letter

blueprint = Blueprint("versions", __name__)

MAX_DRAFTS = 300
MAX_LINES = 2000
FOLDED = 6  # so many equal lines are shown; of more, the first and the last

_EVERY = [(1, (1 << 32) - 1)]
_WORDS = re.compile(r"\s+|\w+|[^\w\s]+")

Piece = tuple[str, bool]  # words, and whether they are here alone


@dataclass(frozen=True, slots=True)
class Row:
    """A line of both, as far as they belong together; ``skipped``: so many lines are equal and not shown."""

    mine: tuple[Piece, ...] = ()
    other: tuple[Piece, ...] = ()
    name: str = ""
    skipped: int = 0

    @property
    def differs(self) -> bool:
        return any(alone for _words, alone in (*self.mine, *self.other))


def latest(conn: Connection, work: str) -> int:
    """The UID of the newest draft that is a version of this letter; 0 if there is none."""
    return next((uid for uid, header in newest(conn) if find_field(header, WORK_FIELD) == work), 0) if work else 0


def newest(conn: Connection) -> Iterator[tuple[int, bytes]]:
    """The newest drafts with their headers, the last one first."""
    drafts = letters.drafts_mailbox(conn)
    if drafts is None:
        return
    rows = list(store_reading.fetch(conn, drafts.id, _EVERY, ("uid", "message_id", "header_size")))
    for row in reversed(rows[-MAX_DRAFTS:]):
        yield int(row.uid), services().store.octets(conn, row.message_id, 0, row.header_size)


@blueprint.get("/compose/<int:mine>/beside/<work>")
def show(mine: int, work: str) -> Answer:
    here, there = _both(mine, work)
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    return pages.render(
        "versions.html",
        _("Two versions of one draft"),
        sidebar=side,
        current=side.special("\\Drafts"),
        mine=here,
        other=there,
        fields=[row for row in _fields(here, there) if row.differs],
        lines=list(_lines(here.text.split("\n"), there.text.split("\n"))),
    )


@blueprint.post("/compose/<int:mine>/beside/<work>")
def choose(mine: int, work: str) -> Answer:
    here, there = _both(mine, work)
    choice = request.form.get("choice", "")
    if choice == "both":
        return pages.done(_("Both are kept as drafts."), f"/compose/{here.draft}")
    if request.form.get("seen", 0, type=int) != there.draft:
        flash(_("The other version was changed again. Please look once more."), "error")
        return pages.see_other(f"/compose/{here.draft}/beside/{work}")
    kept, thrown = (here, there) if choice == "mine" else (there, here)
    letters.throw_away(thrown.draft)
    return pages.done(_("The other version was put into the trash."), f"/compose/{kept.draft}")


def _both(mine: int, work: str) -> tuple[Letter, Letter]:
    with services().store.read() as conn:
        here, uid = letters.load(conn, mine), latest(conn, work)
        there = letters.load(conn, uid) if uid and uid != mine else None
    if here is None or there is None:
        abort(404)
    return here, there


def _fields(mine: Letter, other: Letter) -> Iterator[Row]:
    def names(letter: Letter) -> str:
        return ", ".join(each.name for each in letter.enclosures)

    for name, here, there in (
        (_("From"), mine.author, other.author),
        (_("To"), mine.to, other.to),
        (_("Cc"), mine.cc, other.cc),
        (_("Bcc"), mine.bcc, other.bcc),
        (_("Subject"), mine.subject, other.subject),
        (_("Attachments"), names(mine), names(other)),
    ):
        yield Row(*_words(here, there), name)


def _lines(mine: Sequence[str], other: Sequence[str]) -> Iterator[Row]:
    matcher = SequenceMatcher(None, mine, other, autojunk=max(len(mine), len(other)) > MAX_LINES)
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind == "equal":
            yield from _equal(mine[start:end])
            continue
        here, there = mine[start:end], other[other_start:other_end]
        for place in range(max(len(here), len(there))):
            yield Row(*_words("".join(here[place : place + 1]), "".join(there[place : place + 1])))


def _equal(lines: Sequence[str]) -> Iterator[Row]:
    shown = [Row(((line, False),), ((line, False),)) for line in lines]
    if len(shown) <= FOLDED:
        yield from shown
        return
    yield from shown[:2]
    yield Row(skipped=len(shown) - 4)
    yield from shown[-2:]


def _words(mine: str, other: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    here, there = _WORDS.findall(mine), _WORDS.findall(other)
    left: list[Piece] = []
    right: list[Piece] = []
    for kind, start, end, other_start, other_end in SequenceMatcher(None, here, there).get_opcodes():
        for pieces, words in ((left, here[start:end]), (right, there[other_start:other_end])):
            if words:
                pieces.append(("".join(words), kind != "equal"))
    return tuple(left), tuple(right)
