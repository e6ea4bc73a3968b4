"""A draft to the octets of a message.

Nothing here knows the clock or chance: Message-ID and date are arguments, and the same draft gives the same octets.
Whatever a draft holds, the result has only CRLF line ends, and no value can add a field or a part.

Standards: RFC 5322 §3.6; RFC 2046 §5.1.4; RFC 2387 (related); RFC 2047; RFC 2231; RFC 8098 §2.1 (asking for a
receipt); RFC 3834 §5 (Auto-Submitted).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mailserver.message.dates import format_date
from mailserver.message.entity import (
    Attachment,
    Correspondent,
    Entity,
    address_field,
    file_entity,
    fold_field,
    multipart_entity,
    text_entity,
    unstructured_field,
)
from mailserver.message.html_text import html_to_text

# RFC 5322 §3.6.4 sets no bound, a conversation of years would grow without one
REFERENCES_LIMIT = 50

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,990}>")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,70}")
_IMPORTANCE = {"high": ("High", "1 (Highest)"), "low": ("Low", "5 (Lowest)")}


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person wrote and to whom. `html` is clean HTML or empty; `text` may be empty when `html` is not."""

    author: Correspondent
    to: tuple[Correspondent, ...] = ()
    cc: tuple[Correspondent, ...] = ()
    bcc: tuple[Correspondent, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    inline: tuple[Attachment, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    reply_to: tuple[Correspondent, ...] = ()
    submitter: Correspondent | None = None  # who really writes, when the author is a unit (Sender, RFC 5322 §3.6.2)
    importance: str = "normal"  # "high" or "low"
    wants_receipt: bool = False
    extra_fields: tuple[tuple[str, str], ...] = field(default=())


def compose(draft: Draft, *, message_id: str, date: int, offset_minutes: int = 420, keep_bcc: bool = False) -> bytes:
    """The message. `date` is seconds since 1970, shown at `offset_minutes` from UTC; only a kept draft shows Bcc."""
    body = _body(draft, message_id)
    return b"".join(_fields(draft, message_id, date, offset_minutes, keep_bcc=keep_bcc)) + body.octets()


def _fields(draft: Draft, message_id: str, date: int, offset_minutes: int, *, keep_bcc: bool) -> list[bytes]:
    fields = [
        fold_field("Date", [format_date(date, offset_minutes)]),
        address_field("From", [draft.author]),
    ]
    if draft.submitter is not None and draft.submitter.address.lower() != draft.author.address.lower():
        fields.append(address_field("Sender", [draft.submitter]))
    fields.append(address_field("Reply-To", draft.reply_to))
    if draft.to or draft.cc or keep_bcc:
        fields.append(address_field("To", draft.to))
    else:  # RFC 5322 §3.4: a group without members, for a message that shows nobody
        fields.append(fold_field("To", ["undisclosed-recipients:;"]))
    fields.append(address_field("Cc", draft.cc))
    if keep_bcc:
        fields.append(address_field("Bcc", draft.bcc))
    fields.append(unstructured_field("Subject", draft.subject))
    fields.append(_identifiers("Message-ID", [message_id]))
    fields.append(_identifiers("In-Reply-To", draft.in_reply_to.split()))
    fields.append(_identifiers("References", shorten_references(draft.references)))
    if draft.importance in _IMPORTANCE:
        importance, priority = _IMPORTANCE[draft.importance]
        fields += [fold_field("Importance", [importance]), fold_field("X-Priority", [priority])]
    if draft.wants_receipt:
        fields.append(address_field("Disposition-Notification-To", [draft.submitter or draft.author]))
    fields.extend(unstructured_field(name, value) for name, value in draft.extra_fields if _FIELD_NAME.fullmatch(name))
    fields.append(fold_field("MIME-Version", ["1.0"]))
    return fields


def _identifiers(name: str, values: list[str]) -> bytes:
    tokens = [value for value in values if _MESSAGE_ID.fullmatch(value)]
    return fold_field(name, tokens) if tokens else b""


def shorten_references(references: tuple[str, ...]) -> list[str]:
    """The first one, which names the thread, and the latest."""
    if len(references) <= REFERENCES_LIMIT:
        return list(references)
    return [references[0], *references[1 - REFERENCES_LIMIT :]]


def _body(draft: Draft, seed: str) -> Entity:
    attachments = list(draft.attachments)
    if draft.html:
        shown = text_entity(draft.html, "html")
        if draft.inline:
            shown = multipart_entity("related", [shown, *map(file_entity, draft.inline)], seed, [("type", "text/html")])
        # RFC 2046 §5.1.4: the plainest first, the best last.
        text = draft.text or html_to_text(draft.html)
        body = multipart_entity("alternative", [text_entity(text), shown], seed)
    else:
        body = text_entity(draft.text)
        attachments = [Attachment(one.filename, one.media_type, one.content) for one in draft.inline] + attachments
    if attachments:
        body = multipart_entity("mixed", [body, *map(file_entity, attachments)], seed)
    return body
