"""A prepared message as rows of the tables."""

from __future__ import annotations

from directory.names import fold
from mailserver.store.content import Content


def message_row(now: int, message_id: int, content: Content) -> dict[str, object]:
    summary = content.summary
    return {
        "id": message_id,
        "size": summary.size,
        "header_size": summary.header_size,
        "received_at": now,
        "sent_at": summary.sent_at,
        "has_attachments": summary.has_attachments,
        "envelope": summary.envelope,
        "body": summary.body,
        "bodystructure": summary.bodystructure,
        "subject": summary.subject,
        "author_name": summary.author_name,
        "author_address": summary.author_address,
        "to_text": summary.to_text,
        "message_id_header": summary.message_id,
        "thread_key": summary.thread_key,
        "preview": summary.preview,
        "search_text": f"{summary.search_text} {fold(summary.preview)}",
        "parts": summary.parts,
    }


def order_row(message_id: int, content: Content) -> dict[str, object]:
    summary = content.summary
    return {
        "message_id": message_id,
        "sent_at": summary.sent_at,
        "base_subject": summary.base_subject,
        "sort_from": summary.sort_from,
        "sort_to": summary.sort_to,
        "sort_cc": summary.sort_cc,
        "ancestry": summary.ancestry,
    }


def octets_row(message_id: int, content: Content) -> dict[str, object]:
    return {
        "message_id": message_id,
        "format": content.format,
        "prefix_size": content.prefix_size,
        "digest": content.digest,
        "header": content.header,
        "text": content.text,
    }
