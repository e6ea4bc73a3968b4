"""Searches that somebody keeps under a name: a query of the webmail as it was typed.

Limits: ``MOST`` for an account.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.mail.own_names import checked_name
from directory.tables import saved_search
from directory.words.names import fold, tidy

MOST = 30
LONGEST_NAME = 60
LONGEST_QUERY = 300


@dataclass(frozen=True, slots=True)
class SavedSearch:
    name: str
    query: str


def searches_of(conn: Reading | Writing, account_id: str) -> list[SavedSearch]:
    """By name."""
    rows = conn.execute(
        select(saved_search.c.name, saved_search.c.query).where(saved_search.c.account_id == account_id)
    )
    return sorted((SavedSearch(row.name, row.query) for row in rows), key=lambda each: fold(each.name))


def keep(conn: Writing, account_id: str, name: str, query: str) -> None:
    """Raises Fault."""
    name, query = checked_name(name, LONGEST_NAME), tidy(query)
    if not query:
        raise Fault("search-empty")
    if len(query) > LONGEST_QUERY:
        raise Fault("text-long", what="search", limit=LONGEST_QUERY)
    mine = searches_of(conn, account_id)
    _refuse_double(mine, name)
    if len(mine) >= MOST:
        raise Fault("searches-many", limit=MOST)
    conn.execute(insert(saved_search).values(account_id=account_id, name=name, query=query))


def rename(conn: Writing, account_id: str, old: str, name: str) -> None:
    """Raises Fault."""
    name = checked_name(name, LONGEST_NAME)
    _refuse_double([each for each in searches_of(conn, account_id) if each.name != old], name)
    mine = saved_search.c.account_id == account_id, saved_search.c.name == old
    if not conn.execute(update(saved_search).where(*mine).values(name=name)).rowcount:
        raise Fault("search-unknown", name=old)


def remove(conn: Writing, account_id: str, name: str) -> None:
    """Raises Fault."""
    mine = saved_search.c.account_id == account_id, saved_search.c.name == name
    if not conn.execute(delete(saved_search).where(*mine)).rowcount:
        raise Fault("search-unknown", name=name)


def _refuse_double(mine: list[SavedSearch], name: str) -> None:
    if any(each.name.casefold() == name.casefold() for each in mine):
        raise Fault("search-exists", name=name)
