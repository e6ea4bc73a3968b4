"""What a reply or a forwarded message takes over from the one it answers.

Standards: RFC 5322 §3.6.3 (to whom), §3.6.4 (In-Reply-To, References), §3.6.5 (Subject); RFC 3676 §4.5 (quoting);
RFC 2369 and RFC 2919 lists are answered like people: their Reply-To decides.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from mmap import mmap

from mailserver.message.addresses import address_text, mailboxes, parse_addresses
from mailserver.message.compose import Draft
from mailserver.message.dates import parse_date
from mailserver.message.encoded_words import decode_words
from mailserver.message.entity import Attachment, Correspondent
from mailserver.message.headers import Fields, message_ids, unfold
from mailserver.message.structure import Part, scan
from mailserver.message.text import readable_text

_REPLY_PREFIX = re.compile(r"\s*(?:(?:re|tl|trả lời)(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_FORWARD_PREFIX = re.compile(r"\s*(?:(?:fwd?|ct|chuyển tiếp)\s*:\s*)+", re.IGNORECASE)
_SIGNATURE = re.compile(r"^-- $.*", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Phrases:
    """The words put around what is quoted; `{name}`, `{date}` and `{time}` are filled in."""

    wrote: str
    forwarded: str
    author: str
    date: str
    subject: str
    to: str
    cc: str
    days: tuple[str, str, str, str, str, str, str]
    date_form: str


VIETNAMESE = Phrases(
    wrote="Vào {date} lúc {time}, {name} đã viết:",
    forwarded="---------- Thư được chuyển tiếp ----------",
    author="Từ",
    date="Ngày",
    subject="Tiêu đề",
    to="Đến",
    cc="Đồng gửi",
    days=("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật"),
    date_form="{day}, {moment:%d/%m/%Y}",
)
ENGLISH = Phrases(
    wrote="On {date} at {time}, {name} wrote:",
    forwarded="---------- Forwarded message ----------",
    author="From",
    date="Date",
    subject="Subject",
    to="To",
    cc="Cc",
    days=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    date_form="{day}, {moment:%Y-%m-%d}",
)
PHRASES = {"vi": VIETNAMESE, "en": ENGLISH}


@dataclass(frozen=True, slots=True)
class Original:
    """The message that is answered, as far as an answer needs it."""

    author: Correspondent
    reply_to: tuple[Correspondent, ...]
    to: tuple[Correspondent, ...]
    cc: tuple[Correspondent, ...]
    subject: str
    date: int | None
    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    text: str


def read_original(octets: bytes | mmap, root: Part | None = None) -> Original:
    """What the octets of a message tell; `root` is their tree from `structure.scan`, if it is at hand."""
    if root is None or root.fields is None:
        root = scan(octets)
    fields: Fields = root.fields or {}
    authors = _people(fields, "from") or _people(fields, "sender")
    raw_date = fields.get("date")
    identifiers = message_ids(fields.get("message-id", ""))
    return Original(
        author=authors[0] if authors else Correspondent(""),
        reply_to=_people(fields, "reply-to"),
        to=_people(fields, "to"),
        cc=_people(fields, "cc"),
        subject=decode_words(unfold(fields.get("subject", ""))),
        date=parse_date(unfold(raw_date)) if raw_date is not None else None,
        message_id=identifiers[0] if identifiers else "",
        in_reply_to=tuple(message_ids(fields.get("in-reply-to", ""))),
        references=tuple(message_ids(fields.get("references", ""))),
        text=readable_text(root, octets),
    )


def _people(fields: Fields, name: str) -> tuple[Correspondent, ...]:
    return tuple(
        Correspondent(address_text(entry), decode_words(entry.name or ""))
        for entry in mailboxes(parse_addresses(fields.get(name, "")))
        if entry.local
    )


def reply_references(original: Original) -> tuple[str, ...]:
    """RFC 5322 §3.6.4: the parent's References and its Message-ID; without References a single In-Reply-To."""
    if not original.message_id:
        return ()
    if original.references:
        before = original.references
    else:
        before = original.in_reply_to if len(original.in_reply_to) == 1 else ()
    return (*[identifier for identifier in before if identifier != original.message_id], original.message_id)


def reply_subject(subject: str) -> str:
    """RFC 5322 §3.6.5: one "Re: " and not one for each reply."""
    return f"Re: {_REPLY_PREFIX.sub('', subject, count=1) if _REPLY_PREFIX.match(subject) else subject.strip()}"


def forward_subject(subject: str) -> str:
    return f"Fwd: {_FORWARD_PREFIX.sub('', subject, count=1) if _FORWARD_PREFIX.match(subject) else subject.strip()}"


def reply_recipients(
    original: Original, own_addresses: Collection[str], *, to_all: bool
) -> tuple[tuple[Correspondent, ...], tuple[Correspondent, ...]]:
    """(To, Cc) of a reply. Own addresses are left out, unless there would be nobody else."""
    own = {address.casefold() for address in own_addresses}
    seen: set[str] = set()

    def others(people: tuple[Correspondent, ...]) -> tuple[Correspondent, ...]:
        kept = []
        for person in people:
            key = person.address.casefold()
            if key and key not in own and key not in seen:
                seen.add(key)
                kept.append(person)
        return tuple(kept)

    answered = original.reply_to or (original.author,)
    if original.author.address.casefold() in own and not original.reply_to:
        # A reply to what one has written oneself goes on to the same people.
        answered = original.to
    to = others(answered)
    cc: tuple[Correspondent, ...] = ()
    if to_all:
        cc = others(original.to + original.cc)
        if not to:
            to, cc = cc, ()
    if not to:
        to = tuple(person for person in answered if person.address)[:1]
    return to, cc


def quote_text(text: str) -> str:
    """Every line behind ``> ``; what is quoted already only gets a ``>`` more (RFC 3676 §4.5)."""
    text = _SIGNATURE.sub("", text).rstrip("\n")
    return "\n".join([f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in text.split("\n")])


def _named(person: Correspondent) -> str:
    return f"{person.name} <{person.address}>" if person.name else person.address


def _moment(date: int, phrases: Phrases, offset_minutes: int) -> tuple[str, str]:
    moment = datetime.fromtimestamp(date, UTC) + timedelta(minutes=offset_minutes)
    return phrases.date_form.format(day=phrases.days[moment.weekday()], moment=moment), f"{moment:%H:%M}"


def reply_text(original: Original, phrases: Phrases = VIETNAMESE, offset_minutes: int = 420) -> str:
    """The quoted original under the line that says who wrote it when."""
    name = _named(original.author)
    if original.date is None:
        lead = f"{name}:"
    else:
        date, time = _moment(original.date, phrases, offset_minutes)
        lead = phrases.wrote.format(name=name, date=date, time=time)
    return f"\n\n{lead}\n{quote_text(original.text)}\n"


def forward_text(original: Original, phrases: Phrases = VIETNAMESE, offset_minutes: int = 420) -> str:
    """The whole original under a short header of its own."""
    lines = [phrases.forwarded, f"{phrases.author}: {_named(original.author)}"]
    if original.date is not None:
        lines.append(f"{phrases.date}: {' '.join(_moment(original.date, phrases, offset_minutes))}")
    lines.append(f"{phrases.subject}: {original.subject}")
    for label, people in ((phrases.to, original.to), (phrases.cc, original.cc)):
        if people:
            lines.append(f"{label}: {', '.join(map(_named, people))}")
    return "\n\n" + "\n".join(lines) + f"\n\n{original.text}\n"


def reply(
    original: Original,
    author: Correspondent,
    *,
    own_addresses: Collection[str],
    to_all: bool = False,
    phrases: Phrases = VIETNAMESE,
    offset_minutes: int = 420,
) -> Draft:
    """A draft that answers, ready to be written in above the quotation."""
    to, cc = reply_recipients(original, {*own_addresses, author.address}, to_all=to_all)
    return Draft(
        author=author,
        to=to,
        cc=cc,
        subject=reply_subject(original.subject),
        text=reply_text(original, phrases, offset_minutes),
        in_reply_to=original.message_id,
        references=reply_references(original),
    )


def forward(
    original: Original,
    author: Correspondent,
    *,
    attachments: tuple[Attachment, ...] = (),
    phrases: Phrases = VIETNAMESE,
    offset_minutes: int = 420,
) -> Draft:
    """A draft that passes the message on inline; `attachments` are those of the original that go along.

    It belongs to the thread (References) but answers nobody (no In-Reply-To).
    """
    return Draft(
        author=author,
        subject=forward_subject(original.subject),
        text=forward_text(original, phrases, offset_minutes),
        attachments=attachments,
        references=reply_references(original),
    )
