"""A prepared message as rows of the tables, values in the order of their columns."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from directory.words.names import fold
from mailserver.message.summary import MessageSummary
from mailserver.message.trace import trace_end
from mailserver.store.content import Content
from mailserver.store.prepared import Rows
from mailserver.store.tables import message, message_header, message_listing, message_octets, message_order

_MESSAGES, _HEADERS, _OCTETS = Rows(message), Rows(message_header), Rows(message_octets)
_ORDERS, _LISTINGS = Rows(message_order), Rows(message_listing)


def insert(connection: Connection, now: int, numbered: Sequence[tuple[int, Content]]) -> None:
    """All that is known of new messages; of those whose scan was put off, their sizes and octets."""
    _MESSAGES.add(connection, [message_row(now, message_id, content.summary) for message_id, content in numbered])
    headers, octets = zip(*(octets_rows(*each) for each in numbered), strict=True)
    _HEADERS.add(connection, headers)
    _OCTETS.add(connection, octets)
    insert_scanned(
        connection, [(message_id, content.summary) for message_id, content in numbered if content.is_scanned]
    )


def insert_scanned(connection: Connection, summaries: Sequence[tuple[int, MessageSummary]]) -> None:
    """What lists and orders ask of messages."""
    _ORDERS.add(connection, [order_row(*each) for each in summaries])
    _LISTINGS.add(connection, [listing_row(*each) for each in summaries])


def message_row(now: int, message_id: int, summary: MessageSummary) -> tuple[object, ...]:
    return (
        message_id,
        summary.size,
        summary.header_size,
        now,
        summary.sent_at,
        summary.has_attachments,
        summary.body,
        summary.subject,
        summary.author_name,
        summary.author_address,
        summary.to_text,
        summary.message_id,
        summary.thread_key,
        summary.preview,
        f"{summary.search_text} {fold(summary.preview)}",
        summary.parts,
        summary.author_is_plain,
    )


def order_row(message_id: int, summary: MessageSummary) -> tuple[object, ...]:
    return (
        message_id,
        summary.sent_at,
        summary.base_subject,
        summary.sort_from,
        summary.sort_to,
        summary.sort_cc,
        summary.ancestry,
    )


def listing_row(message_id: int, summary: MessageSummary) -> tuple[object, ...]:
    return message_id, summary.envelope, summary.bodystructure


def octets_rows(message_id: int, content: Content) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """Of ``message_header`` and of ``message_octets``."""
    end = trace_end(content.header)
    trace, fields = content.header[:end], content.header[end:]
    return (
        (message_id, fields),
        (message_id, content.format, content.prefix_size, content.digest, trace, content.text),
    )


def placement_row(
    now: int,
    mailbox_id: int,
    uid: int,
    message_id: int,
    size: int,
    mask: int,
    modseq: int,
    internal_date: int | None,
    zone: int | None,
) -> tuple[object, ...]:
    """``internal_date`` None: now."""
    date = now if internal_date is None else internal_date
    return (int(mailbox_id), uid, message_id, mask, modseq, False, date, now, size, zone)
