"""Texts that an account writes again and again: a name, and perhaps a subject, to begin a letter with.

A unit's mailbox has its own, which everybody who writes for it uses.

Limits: ``MOST`` for an account, ``LONGEST_TEXT`` characters each.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.tables import letter_template
from directory.words.names import fold, tidy

MOST = 100
LONGEST_NAME = 60
LONGEST_SUBJECT = 300
LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class LetterTemplate:
    name: str
    subject: str
    text: str


def templates_of(conn: Reading | Writing, account_id: str) -> list[LetterTemplate]:
    """By name."""
    columns = letter_template.c.name, letter_template.c.subject, letter_template.c.text
    rows = conn.execute(select(*columns).where(letter_template.c.account_id == account_id))
    return sorted((LetterTemplate(row.name, row.subject, row.text) for row in rows), key=lambda each: fold(each.name))


def find_template(conn: Reading | Writing, account_id: str, name: str) -> LetterTemplate | None:
    return next((each for each in templates_of(conn, account_id) if each.name == name), None)


def keep(conn: Writing, account_id: str, given: LetterTemplate, old: str = "") -> None:
    """A new one, or in the place of the one that was called ``old``.  Raises Fault."""
    name, subject = tidy(given.name), tidy(given.subject)
    for what, text, limit in (("name", name, LONGEST_NAME), ("subject", subject, LONGEST_SUBJECT)):
        if len(text) > limit:
            raise Fault("text-long", what=what, limit=limit)
    if len(given.text) > LONGEST_TEXT:
        raise Fault("text-long", what="text", limit=LONGEST_TEXT)
    if not name:
        raise Fault("name-empty")
    if old:
        remove(conn, account_id, old)
    mine = templates_of(conn, account_id)
    if any(each.name.casefold() == name.casefold() for each in mine):
        raise Fault("template-exists", name=name)
    if len(mine) >= MOST:
        raise Fault("templates-many", limit=MOST)
    conn.execute(insert(letter_template).values(account_id=account_id, name=name, subject=subject, text=given.text))


def remove(conn: Writing, account_id: str, name: str) -> None:
    """Raises Fault."""
    mine = letter_template.c.account_id == account_id, letter_template.c.name == name
    if not conn.execute(delete(letter_template).where(*mine)).rowcount:
        raise Fault("template-unknown", name=name)
