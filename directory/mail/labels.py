"""Labels: names and colours for keywords that somebody puts on messages.

On the message is an IMAP keyword, which every mail program keeps; what it is called, with its marks, and in which
colour, is here.  Taking a label away leaves the keywords where they are: another label of that name finds them again.

Standards: RFC 9051 §2.3.2 (keywords are atoms).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.mail.own_names import checked_name
from directory.tables import label
from directory.words.names import fold

COLOURS = 8
MOST = 40
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Label:
    keyword: str
    name: str
    colour: int


def labels_of(conn: Reading | Writing, account_id: str) -> list[Label]:
    """By name."""
    rows = conn.execute(select(label.c.keyword, label.c.name, label.c.colour).where(label.c.account_id == account_id))
    return sorted((Label(row.keyword, row.name, row.colour) for row in rows), key=lambda each: fold(each.name))


def add(conn: Writing, account_id: str, name: str, colour: int) -> Label:
    """Raises Fault."""
    name = checked_name(name, LONGEST_NAME)
    mine = labels_of(conn, account_id)
    if any(each.name.casefold() == name.casefold() for each in mine):
        raise Fault("label-exists", name=name)
    if len(mine) >= MOST:
        raise Fault("labels-many", limit=MOST)
    made = Label(_keyword(name, {each.keyword for each in mine}), name, colour % COLOURS)
    conn.execute(insert(label).values(account_id=account_id, keyword=made.keyword, name=made.name, colour=made.colour))
    return made


def change(conn: Writing, account_id: str, keyword: str, name: str, colour: int) -> None:
    """Another name or colour; the keyword stays.  Raises Fault."""
    name = checked_name(name, LONGEST_NAME)
    if any(each.name.casefold() == name.casefold() and each.keyword != keyword for each in labels_of(conn, account_id)):
        raise Fault("label-exists", name=name)
    mine = label.c.account_id == account_id, label.c.keyword == keyword
    if not conn.execute(update(label).where(*mine).values(name=name, colour=colour % COLOURS)).rowcount:
        raise Fault("label-unknown", name=keyword)


def remove(conn: Writing, account_id: str, keyword: str) -> None:
    """Raises Fault."""
    if not conn.execute(delete(label).where(label.c.account_id == account_id, label.c.keyword == keyword)).rowcount:
        raise Fault("label-unknown", name=keyword)


def _keyword(name: str, taken: set[str]) -> str:
    """An atom that other mail programs can show: the name without its marks."""
    stem = re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")[:40] or "label"
    found, count = stem, 1
    while found in taken:
        count += 1
        found = f"{stem}-{count}"
    return found
