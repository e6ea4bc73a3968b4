"""Search keys that look for words: by the account's index, or by looking into the messages.

Both give the same (``message.matching``, ``message.searchable``).  BODY and TEXT always ask the index; fields of the
header only in large mailboxes, for the headers of small ones are read as soon.  Messages that the index does not know
are looked into.

Standards: RFC 9051 §6.4.4 (BCC, BODY, CC, FROM, HEADER, SUBJECT, TEXT, TO).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, func, or_

from directory.words.names import fold
from mailserver.imap.criterion import ByRow, Test, everything, unknown
from mailserver.imap.found import FoundMessage
from mailserver.imap.grammar.search import Contains, Header, Key, Where
from mailserver.message.matching import Needle, needle
from mailserver.message.summary import SEARCH_LIMIT, TEXT_LIMIT, author_text
from mailserver.store.fulltext import Lookup, Wanted
from mailserver.store.tables import message, placement

# From so many messages on, the index is quicker than the columns even for a field of the header.
LARGE = 1000
# Ids that a statement takes in its stride.
_SQL_IDS = 500


def wanted(keys: Iterable[Key], decode: Callable[[bytes], str], messages: int) -> set[Wanted]:
    """What the index is to be asked about a mailbox with that many messages; ``relevance`` adds what is fuzzy."""
    asked: set[Wanted] = set()
    for key in keys:
        if isinstance(key, Contains | Header) and not key.fuzzy:
            field = key.where.value if isinstance(key, Contains) else field_of(key)
            sought = needle(decode(key.octets))
            if sought.form and (field in ("body", "text") or messages > LARGE):
                asked.add((field if field in _FIELDS else "header", sought))
    return asked


def contains(where: Where, word: str, lookup: Lookup | None) -> Test:
    sought = needle(word)
    if not sought.form:
        return everything()  # the empty string is in every text
    scan = _SCANS[where](sought)
    hits = None if lookup is None else lookup.hits.get((where.value, sought))
    return scan if lookup is None or hits is None else by_index(hits, lookup.unread, scan)


def header(key: Header, word: str, lookup: Lookup | None) -> Test:
    """The index tells in which messages some field has the word, the message whether it is this field."""
    sought, name = needle(word), field_of(key)
    if name == "subject" and sought.form:
        return contains(Where.SUBJECT, word, lookup)
    scan = Test(None, False, unknown, lambda found: any(map(sought.holds, found.field(name))))
    hits = None if lookup is None else lookup.hits.get(("header", sought))
    if lookup is None or hits is None:
        return scan
    possible = hits | lookup.unread

    def by_row(row: Any) -> bool | None:
        return None if row.message_id in possible else False

    return Test(among(possible), False, by_row, scan.by_message, frozenset(("message_id",)))


_FIELDS = frozenset(where.value for where in Where)


def field_of(key: Header) -> str:
    return key.field.decode("latin-1").lower()


# By the index


def by_index(hits: set[int], unread: frozenset[int], scan: Test) -> Test:
    if not unread:
        condition = among(hits)
        return Test(
            condition,
            condition is not None,
            lambda row: row.message_id in hits,
            lambda found: found.row.message_id in hits,
            frozenset(("message_id",)),
        )

    def by_row(row: Any) -> bool | None:
        if row.message_id in hits:
            return True
        return scan.by_row(row) if row.message_id in unread else False

    def by_message(found: FoundMessage) -> bool:
        message_id = found.row.message_id
        return message_id in hits or (message_id in unread and scan.by_message(found))

    columns = scan.columns | {"message_id"}
    return Test(among(hits | unread), False, by_row, by_message, columns, scan.needs_body)


def among(ids: set[int] | frozenset[int]) -> ColumnElement[bool] | None:
    return placement.c.message_id.in_(sorted(ids)) if len(ids) <= _SQL_IDS else None


# By the messages


def _in_text(sought: Needle) -> Test:
    return Test(None, False, unknown, lambda found: found.has_text(sought), needs_body=True)


def _in_body(sought: Needle) -> Test:
    return Test(None, False, unknown, lambda found: found.has_body_text(sought), needs_body=True)


def _in_subject(sought: Needle) -> Test:
    return Test(
        may_hold(pattern(sought)),
        False,
        by_subject(sought),
        lambda found: any(map(sought.holds, found.field("subject"))),
        frozenset(("subject",)),
    )


def by_subject(sought: Needle) -> ByRow:
    return lambda row: None if len(row.subject) >= TEXT_LIMIT else sought.holds(row.subject)


def pattern(sought: Needle) -> str:
    escaped = fold(sought.form).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def may_hold(like: str | ColumnElement[str]) -> ColumnElement[bool]:
    """A necessary condition for a word in the subject; a column that was cut short proves nothing."""
    return or_(
        message.c.search_text.like(like, escape="\\"),
        func.length(message.c.search_text) >= SEARCH_LIMIT,
        func.length(message.c.subject) >= TEXT_LIMIT,
    )


def _in_author(sought: Needle) -> Test:
    scan = _in_field("from", sought, ("author_name", "author_address"), shown_author)
    if '"' in sought.form:
        return scan

    def by_row(row: Any) -> bool | None:
        return sought.holds(shown_author(row)) if row.author_is_plain else None

    return replace(scan, sql=_may_be_author(sought), by_row=by_row, columns=scan.columns | {"author_is_plain"})


def _may_be_author(sought: Needle) -> ColumnElement[bool] | None:
    """A necessary condition, where the columns know it: ``search_text`` has names and addresses without brackets."""
    if "<" in sought.form or ">" in sought.form:
        return None
    return or_(
        message.c.search_text.like(pattern(sought), escape="\\"),
        func.length(message.c.search_text) >= SEARCH_LIMIT,
        message.c.author_is_plain.is_(False),
    )


def _in_to(sought: Needle) -> Test:
    return _in_field("to", sought, ("to_text",), lambda row: str(row.to_text))


def _in_cc(sought: Needle) -> Test:
    return _in_field("cc", sought, (), lambda row: "")


def _in_bcc(sought: Needle) -> Test:
    return _in_field("bcc", sought, (), lambda row: "")


def _in_field(name: str, sought: Needle, columns: tuple[str, ...], shown: Callable[[Any], str]) -> Test:
    """As the field is written, or as people are shown it."""

    def by_message(found: FoundMessage) -> bool:
        values, text = found.field(name), shown(found.row)
        return any(map(sought.holds, values)) or (text not in values and sought.holds(text))

    # Asking the columns first would read every message twice.
    return Test(None, False, unknown, by_message, frozenset(columns))


def shown_author(row: Any) -> str:
    return author_text(row.author_name, row.author_address)


_SCANS: dict[Where, Callable[[Needle], Test]] = {
    Where.SUBJECT: _in_subject,
    Where.FROM: _in_author,
    Where.TO: _in_to,
    Where.CC: _in_cc,
    Where.BCC: _in_bcc,
    Where.BODY: _in_body,
    Where.TEXT: _in_text,
}


def asks_index(octets: bytes) -> bool:
    """Whether a command looks for words in bodies: a guess of its weight."""
    upper = octets.upper()
    return b"TEXT" in upper or b"BODY" in upper
