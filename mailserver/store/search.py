"""Finding messages of an account by words: candidates from the folded columns, exactness decided in Python.

``search_text`` holds subject, names, addresses and the first words of the text, folded (``directory.names.fold``):
lower case, no marks, đ as d.  A word without marks finds every
spelling; a word with marks finds candidates by its folded form and keeps those that hold it as written.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, select
from sqlalchemy.sql import ColumnElement

from directory.names import fold
from mailserver.store import flags as flag_bits
from mailserver.store.tables import mailbox, message, placement


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
    larger: int | None = None
    mailbox_ids: Sequence[int] = field(default=())


_COLUMNS = (
    placement.c.mailbox_id,
    placement.c.uid,
    placement.c.message_id,
    placement.c.internal_date,
    message.c.subject,
    message.c.author_name,
    message.c.author_address,
    message.c.to_text,
    message.c.preview,
    message.c.search_text,
)
# Of a word so much is enough to pick out candidates; both engines bound the length of a pattern.
_LONGEST_PATTERN = 200


def find(
    connection: Connection,
    account_id: str,
    query: Query,
    *,
    body_text: Callable[[int], str] | None = None,
    limit: int = 500,
) -> Iterator[Any]:
    """Rows (mailbox_id, uid, message_id, internal_date, …) newest first.

    ``body_text`` gives a message's readable text; with it, ``words`` are also looked for there, message by message:
    the caller bounds how long it reads on.
    """
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
    if query.has_attachments:
        conditions.append(message.c.has_attachments)
    if query.larger is not None:
        conditions.append(message.c.size > query.larger)
    in_headers = [*query.subject, *query.author, *query.recipient]
    if body_text is None:
        in_headers += query.words
    conditions += [_holds(message.c.search_text, word) for word in in_headers]
    statement = (
        select(*_COLUMNS)
        .select_from(
            placement.join(message, message.c.id == placement.c.message_id).join(
                mailbox, mailbox.c.id == placement.c.mailbox_id
            )
        )
        .where(and_(*conditions))
        .order_by(placement.c.internal_date.desc(), placement.c.message_id.desc())
    )
    found = 0
    for row in connection.execute(statement):
        if _matches(row, query, body_text):
            yield row
            found += 1
            if found >= limit:
                return


def holds_word(text: str, word: str) -> bool:
    """Whether a text holds a word: as folded if the word has no marks, else as written in any case."""
    if _is_plain(word):
        return fold(word) in fold(text)
    return unicodedata.normalize("NFC", word).casefold() in unicodedata.normalize("NFC", text).casefold()


def _is_plain(word: str) -> bool:
    return fold(word) == word.casefold()


def _holds(column: ColumnElement[str], word: str) -> ColumnElement[bool]:
    folded = fold(word)[:_LONGEST_PATTERN].replace("\0", "\ufffd")  # as it is stored
    escaped = folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.like(f"%{escaped}%", escape="\\")


def _matches(row: Any, query: Query, body_text: Callable[[int], str] | None) -> bool:
    author = f"{row.author_name} {row.author_address}"
    if not all(holds_word(row.subject, word) for word in query.subject):
        return False
    if not all(holds_word(author, word) for word in query.author):
        return False
    if not all(holds_word(row.to_text, word) for word in query.recipient):
        return False
    if not query.words:
        return True
    head = f"{row.subject} {author} {row.to_text} {row.preview}"
    missing = [
        word
        for word in query.words
        if not (holds_word(head, word) or (_is_plain(word) and fold(word) in row.search_text))
    ]
    if not missing:
        return True
    if body_text is None:
        return False
    text = body_text(row.message_id)
    return all(holds_word(text, word) for word in missing)
