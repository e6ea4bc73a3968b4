"""A prepared message as rows of the tables, values in the order of their columns."""

from __future__ import annotations

from directory.words.names import fold
from mailserver.message.trace import trace_end
from mailserver.store.content import Content


def message_row(now: int, message_id: int, content: Content) -> tuple[object, ...]:
    summary = content.summary
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


def order_row(message_id: int, content: Content) -> tuple[object, ...]:
    summary = content.summary
    return (
        message_id,
        summary.sent_at,
        summary.base_subject,
        summary.sort_from,
        summary.sort_to,
        summary.sort_cc,
        summary.ancestry,
    )


def listing_row(message_id: int, content: Content) -> tuple[object, ...]:
    return message_id, content.summary.envelope, content.summary.bodystructure


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
