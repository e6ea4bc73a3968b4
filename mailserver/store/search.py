"""Finding messages of an account by words, newest first, as the webmail does.

The account's index tells where the words are (``wanted`` is what it is to be asked), and ``places`` where these
messages lie, however many.  Messages that the index does not know are looked into: first the columns (``search_text``
holds subject, names and addresses, folded), then the text.  ``in_columns`` is for who cannot wait for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, func, select
from sqlalchemy.sql import ColumnElement

from directory.words.names import fold
from mailserver.message.matching import exact_form, needle
from mailserver.store import flags as flag_bits
from mailserver.store.fulltext import Lookup, Wanted
from mailserver.store.tables import mailbox, mailbox_keyword, message, placement


@dataclass(frozen=True, slots=True)
class Query:
    """All conditions must hold.  Dates are epoch seconds, sizes octets."""

    words: Sequence[str] = ()
    subject: Sequence[str] = ()
    author: Sequence[str] = ()
    recipient: Sequence[str] = ()
    since: int | None = None
    before: int | None = None
    unseen: bool = False
    flagged: bool = False
    has_attachments: bool = False
    keywords: Sequence[str] = ()
    larger: int | None = None
    mailbox_ids: Sequence[int] = field(default=())


_PLACE = (placement.c.mailbox_id, placement.c.uid, placement.c.message_id, placement.c.internal_date)
_COLUMNS = (
    *_PLACE,
    message.c.subject,
    message.c.author_name,
    message.c.author_address,
    message.c.to_text,
    message.c.preview,
    message.c.search_text,
)
# Of a word so much is enough to pick out candidates; both engines bound the length of a pattern.
_LONGEST_PATTERN = 200
# How many rows are looked at for each that is wanted, where the folded words alone do not decide.
_CANDIDATES = 4
# Ids that a statement takes in its stride.
_SQL_IDS = 5000


def wanted(query: Query) -> list[Wanted]:
    """What an index is to be asked; nothing if the query names no words."""
    asked = (
        ("letter", query.words),
        ("subject", query.subject),
        ("from", query.author),
        ("recipient", query.recipient),
    )
    return [(field, sought) for field, words in asked for sought in map(needle, words) if sought.form]


# (internal_date, message_id, mailbox_id, uid): they sort from the oldest to the newest.
Place = tuple[int, int, int, int]


def places(connection: Connection, account_id: str, query: Query, lookup: Lookup | None) -> list[Place]:
    """Where all messages lie that are found without looking into any, newest first: by the index (what it does not
    know is left out), or by a query that names no words."""
    conditions = _conditions(account_id, query)
    hits: set[int] | None = None
    asked = wanted(query)
    if asked:
        hits = set() if lookup is None else set.intersection(*(lookup.hits[each] for each in asked))
        if len(hits) <= _SQL_IDS:
            conditions.append(placement.c.message_id.in_([*hits]))
    statement = (
        select(placement.c.internal_date, placement.c.message_id, placement.c.mailbox_id, placement.c.uid)
        .join_from(placement, mailbox, mailbox.c.id == placement.c.mailbox_id)
        .where(and_(*conditions))
        .order_by(placement.c.internal_date.desc(), placement.c.message_id.desc())
    )
    if query.has_attachments or query.larger is not None:
        statement = statement.join(message, message.c.id == placement.c.message_id)
    with connection.execute(statement) as result:
        assert result.cursor is not None
        found: list[Place] = [*result.cursor.fetchall()]  # as the driver gives them: there may be very many
    return found if hits is None else [each for each in found if each[1] in hits]


def in_columns(connection: Connection, account_id: str, query: Query, limit: int) -> list[Place]:
    """Some of the newest messages whose subject, names and addresses tell that they are looked for."""
    words = [*query.subject, *query.author, *query.recipient, *query.words]
    statement = (
        select(*_COLUMNS)
        .join_from(placement, mailbox, mailbox.c.id == placement.c.mailbox_id)
        .join(message, message.c.id == placement.c.message_id)
        .where(and_(*_conditions(account_id, query), *(_holds(message.c.search_text, word) for word in words)))
        .order_by(placement.c.internal_date.desc(), placement.c.message_id.desc())
        .limit(_CANDIDATES * limit)
    )
    rows = [row for row in connection.execute(statement) if _matches(row, query, None)]
    return [(row.internal_date, row.message_id, row.mailbox_id, row.uid) for row in rows[:limit]]


def find(
    connection: Connection,
    account_id: str,
    query: Query,
    *,
    lookup: Lookup | None = None,
    body_text: Callable[[int], str] | None = None,
    limit: int = 500,
) -> Iterator[Any]:
    """Rows (mailbox_id, uid, message_id, internal_date, …) newest first.

    ``lookup`` is what the index said to ``wanted``; without it all messages are looked into.  ``body_text`` gives a
    message's readable text; with it, ``words`` are also looked for there, message by message: the caller bounds how
    long it reads on.
    """
    conditions = _conditions(account_id, query)
    hits: set[int] = set()
    unread: frozenset[int] | None = None  # all of them
    asked = wanted(query)
    if lookup is not None and asked:
        hits, unread = set.intersection(*(lookup.hits[each] for each in asked)), lookup.unread
        if len(hits) + len(unread) <= _SQL_IDS:
            conditions.append(placement.c.message_id.in_([*hits, *unread]))
    else:
        in_headers = [*query.subject, *query.author, *query.recipient]
        if body_text is None:
            in_headers += query.words
        conditions += [_holds(message.c.search_text, word) for word in in_headers]
    statement = (
        select(*(_COLUMNS if unread is None or unread else _PLACE))
        .join_from(placement, mailbox, mailbox.c.id == placement.c.mailbox_id)
        .where(and_(*conditions))
        .order_by(placement.c.internal_date.desc(), placement.c.message_id.desc())
    )
    if unread is None or unread or query.has_attachments or query.larger is not None:
        statement = statement.join(message, message.c.id == placement.c.message_id)
    found = 0
    for row in connection.execute(statement):
        if row.message_id in hits or ((unread is None or row.message_id in unread) and _matches(row, query, body_text)):
            yield row
            found += 1
            if found >= limit:
                return


def _conditions(account_id: str, query: Query) -> list[ColumnElement[bool]]:
    """All that is not about words."""
    conditions: list[ColumnElement[bool]] = [
        mailbox.c.account_id == account_id,
        mailbox.c.removed_at.is_(None),
    ]
    if query.mailbox_ids:
        conditions.append(placement.c.mailbox_id.in_(list(query.mailbox_ids)))
    if query.since is not None:
        conditions.append(placement.c.internal_date >= query.since)
    if query.before is not None:
        conditions.append(placement.c.internal_date < query.before)
    if query.unseen:
        conditions.append(placement.c.flags.op("&")(flag_bits.SEEN) == 0)
    if query.flagged:
        conditions.append(placement.c.flags.op("&")(flag_bits.FLAGGED) != 0)
    for keyword in query.keywords:
        # Each mailbox has a bit of its own for it.
        bit = placement.c.flags.op(">>")(mailbox_keyword.c.bit + flag_bits.FIRST_KEYWORD_BIT).op("&")(1)
        conditions.append(
            select(mailbox_keyword.c.bit)
            .where(
                mailbox_keyword.c.mailbox_id == placement.c.mailbox_id,
                func.lower(mailbox_keyword.c.name) == keyword.lower(),
                bit == 1,
            )
            .exists()
        )
    if query.has_attachments:
        conditions.append(message.c.has_attachments)
    if query.larger is not None:
        conditions.append(message.c.size > query.larger)
    return conditions


def _holds(column: ColumnElement[str], word: str) -> ColumnElement[bool]:
    folded = fold(exact_form(word))[:_LONGEST_PATTERN].replace("\0", "\ufffd")  # as it is stored
    escaped = folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.like(f"%{escaped}%", escape="\\")


def _matches(row: Any, query: Query, body_text: Callable[[int], str] | None) -> bool:
    author = f"{row.author_name} <{row.author_address}>"
    if not all(needle(word).holds(row.subject) for word in query.subject):
        return False
    if not all(needle(word).holds(author) for word in query.author):
        return False
    if not all(needle(word).holds(row.to_text) for word in query.recipient):
        return False
    if not query.words:
        return True
    head = f"{row.subject} {author} {row.to_text} {row.preview}"
    missing = [
        sought
        for sought in map(needle, query.words)
        if not (sought.holds(head) or (not sought.marked and sought.form in row.search_text))
    ]
    if not missing:
        return True
    if body_text is None:
        return False
    text = body_text(row.message_id)
    return all(sought.holds(text) for sought in missing)
