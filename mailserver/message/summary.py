"""Everything a mailbox asks of a message, taken once when it arrives: the store's parse-once row.

Standards: RFC 9051 §7.5.2, RFC 5256 §2.1, §2.2, §3 (sort keys), RFC 8970, RFC 5322 §3.6.4 (threads).
Limits: decoded texts are cut (`LIMITS`), so that a row stays small whatever the header holds.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from mmap import mmap
from typing import NamedTuple

from directory.words.names import fold
from mailserver.message.ancestry import ancestry
from mailserver.message.bodystructure import structure_forms
from mailserver.message.dates import parse_date
from mailserver.message.encoded_words import decode_words
from mailserver.message.envelope import correspondents, envelope
from mailserver.message.headers import HEADER_LIMIT, Fields, first_message_id, unfold
from mailserver.message.matching import exact_form
from mailserver.message.preview import preview
from mailserver.message.structure import Part, encode_parts, header_end, scan
from mailserver.message.subject import base_subject, casemap

SUBJECT_LIMIT = 8192
TEXT_LIMIT = 1000
KEY_LIMIT = 255
SEARCH_LIMIT = 8000
_INLINE_TYPES = frozenset({"text/plain", "text/html"})
_NOT_ATTACHED = frozenset({
    "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
    "application/pgp-encrypted", "message/delivery-status", "message/global-delivery-status",
    "message/disposition-notification", "message/global-disposition-notification", "text/rfc822-headers",
    "message/global-headers", "text/calendar",
})  # fmt: skip


class MessageSummary(NamedTuple):  # a frozen dataclass of so many fields takes four times as long to make
    size: int
    header_size: int  # with the blank line
    envelope: bytes  # ready to send, 7-bit, parenthesised
    body: bytes
    bodystructure: bytes
    parts: bytes  # structure.decode_parts()
    preview: str
    subject: str
    base_subject: str  # RFC 5256, cased alike
    author_name: str
    author_address: str
    author_is_plain: bool  # From says no more than these two, but for quotation marks
    to_text: str  # "Name <a@b>, …"
    sort_from: str  # RFC 5256 §3: local part of the first address
    sort_to: str
    sort_cc: str
    sent_at: int | None
    message_id: str  # with angle brackets, as in References
    thread_key: str
    ancestry: bytes  # ancestry.read_ancestry()
    has_attachments: bool
    search_text: str  # folded subject, names and addresses


class _Subject(NamedTuple):
    """A subject in all the forms needed."""

    text: str
    base: str
    folded: str


def _subject(raw: str) -> _Subject:
    text = " ".join(decode_words(unfold(raw)[:SUBJECT_LIMIT]).split())[:TEXT_LIMIT]
    return _Subject(text, casemap(base_subject(text))[:KEY_LIMIT], fold(text))


# Answers have the subject of what they answer.  Longer ones are not remembered.
_KNOWN = 500
_known_subject = lru_cache(maxsize=2048)(_subject)
_NO_SUBJECT = _Subject("", "", "")


def summarize(octets: bytes | mmap) -> MessageSummary:
    """The row of a message. Never raises, whatever the octets."""
    root = scan(octets)
    fields: Fields = root.fields or {}
    get = fields.get
    named = correspondents(fields)
    author, to, cc = named.author, named.to, named.cc
    raw = get("subject")
    if raw is None:
        subject = _NO_SUBJECT
    else:
        subject = _known_subject(raw) if len(raw) <= _KNOWN else _subject(raw)
    body, bodystructure = structure_forms(root)
    author_name, author_address = author.name[:TEXT_LIMIT], author.address[:TEXT_LIMIT]
    message_id, thread_key = _thread(fields, octets, root)
    raw = get("date")
    return MessageSummary(
        size=root.end,
        header_size=root.body_start,
        envelope=envelope(fields, named).encode("ascii", "replace"),
        body=body.encode("ascii", "replace"),
        bodystructure=bodystructure.encode("ascii", "replace"),
        parts=encode_parts(root),
        preview=preview(root, octets),
        subject=subject.text,
        base_subject=subject.base,
        author_name=author_name,
        author_address=author_address,
        author_is_plain=_says_no_more(get("from", ""), author_name, author_address)
        and _stands_once(b"from", octets[: min(root.body_start, HEADER_LIMIT)]),
        to_text=to.text()[:TEXT_LIMIT],
        sort_from=author.sort_key[:KEY_LIMIT],
        sort_to=to.sort_key[:KEY_LIMIT],
        sort_cc=cc.sort_key[:KEY_LIMIT],
        sent_at=parse_date(unfold(raw)) if raw is not None else None,
        message_id=message_id,
        thread_key=thread_key,
        ancestry=ancestry(fields, subject.text),
        has_attachments=has_attachments(root),
        search_text=" ".join(filter(None, (subject.folded, author.folded, to.folded, cc.folded, named.bcc.folded)))[
            :SEARCH_LIMIT
        ],
    )


# What follows the two sizes, of a message that nobody has looked at.
_NOTHING_KNOWN = (b"", b"", b"", b"", "", "", "", "", "", False, "", "", "", "", None, "", "", b"", False, "")


def put_off(octets: bytes) -> MessageSummary:
    """The row of a message until it is scanned: its sizes alone."""
    return MessageSummary(len(octets), header_end(octets), *_NOTHING_KNOWN)


def _stands_once(name: bytes, header: bytes) -> bool:
    """Whether only one field has a name that begins so."""
    block = header.lower()
    return block.count(b"\n" + name) + block.startswith(name) == 1


@lru_cache(maxsize=2048)
def _says_no_more(raw: str, name: str, address: str) -> bool:
    """Whether words without quotation marks that a From field holds, the name and the address hold too."""
    if not raw.isascii() or name != " ".join(name.split()):
        return False  # of what charset it is, the rest of the header says; search_text has white space as it came
    written = (decode_words(unfold(raw)) if "=?" in raw else unfold(raw)).replace('"', "")
    shown = author_text(name, address)
    return written == shown or exact_form(written) in exact_form(shown)


def author_text(name: str, address: str) -> str:
    """An author as people are shown him, and as searches know him besides the field itself."""
    return f"{name} <{address}>"


def _thread(fields: Fields, octets: bytes | mmap, root: Part) -> tuple[str, str]:
    """(Message-ID, the id that the whole conversation shares: the first of References, In-Reply-To, or its
    own)
    """
    raw = fields.get("message-id")
    own = ""
    if raw is not None:
        raw = unfold(raw)
        own = _key(first_message_id(raw) or raw)
    for name in ("references", "in-reply-to"):
        raw = fields.get(name)
        if raw is not None and (found := first_message_id(unfold(raw))):
            return own, _key(found)
    if own:
        return own, own
    # Nothing to join it to anything: the same octets give the same key on every run.
    return "", hashlib.blake2b(octets[: root.body_start], digest_size=16).hexdigest()


def _key(identifier: str) -> str:
    if len(identifier) <= KEY_LIMIT and identifier.isascii() and identifier.isprintable():
        return identifier
    return hashlib.blake2b(identifier.encode("utf-8", "replace"), digest_size=16).hexdigest()


def has_attachments(root: Part) -> bool:
    """Whether a reader would see a paper clip: something to save that is not part of the text or its
    pictures.
    """
    if not root.parts:
        return _is_attachment(root)
    if root.media_type == "multipart/report":  # RFC 6522: the returned message illustrates the report
        return False
    return any(part.media_type.startswith("message/") if part.parts else _is_attachment(part) for part in root.walk())


def _is_attachment(part: Part) -> bool:
    media_type = part.media_type
    if media_type in _NOT_ATTACHED:
        return False
    if part.disposition == "attachment":
        return True
    if part.content_id and part.disposition != "attachment" and not media_type.startswith("application/"):
        return False
    return bool(part.filename) or (
        media_type not in _INLINE_TYPES and not media_type.startswith(("text/", "multipart/"))
    )
