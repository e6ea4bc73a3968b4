"""What an answer begins with: recipients, subject, the quoted text, attachments and pictures of a forwarded message.

Standards: RFC 5322 §3.6.3, §3.6.4 (In-Reply-To, References); RFC 5256 §5 (what counts as "Re:").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html import escape
from typing import Literal
from urllib.parse import parse_qsl, unquote

from flask import abort
from sqlalchemy import Connection

from directory.mail import recipients
from directory.mail.identities import Identity, fitting
from mailserver.message.subject import forward_subject, reply_subject
from mailserver.message.text import body_text
from mailserver.store import reading as store_reading
from webmail.account.login import account
from webmail.contents.body_parts import MAX_PART, readable_text
from webmail.contents.composed import Picture, clean_composed
from webmail.contents.heads import Head, Person, read_head
from webmail.formatting import full_time
from webmail.languages import _
from webmail.reading import listing
from webmail.services import services
from webmail.smime.contents import COLUMNS, Contents, contents_of
from webmail.writing.enclosures import Enclosure, safe_type
from webmail.writing.inline_pictures import as_carried, carried_id, used_in
from webmail.writing.letters import Letter, own_identities, write_people

Kind = Literal["reply", "reply_all", "forward", "again"]
MAX_QUOTE = 200_000
MAX_REFERENCES = 50
MAX_NAMED = 300  # recipients that are looked up


@dataclass(frozen=True, slots=True)
class Original:
    """A message that is answered or forwarded, named ``mailbox:uid``; ``own``: from what its reader writes."""

    key: str
    moment: int
    contents: Contents
    head: Head
    own: list[Identity]


def original(conn: Connection, key: str) -> Original:
    """It is opened here, once, which for an encrypted one takes its time."""
    place = listing.parse_key(key)
    if place is None:
        abort(404)
    mailbox, uid = listing.own_mailbox(conn, place[0]), place[1]
    row = next(store_reading.fetch(conn, mailbox.id, [(uid, uid)], (*COLUMNS, "sent_at")), None)
    if row is None:
        abort(404)
    contents = contents_of(conn, row)
    return Original(key, row.sent_at or row.internal_date, contents, read_head(contents.header), own_identities())


def answer(message: Original, kind: Kind, *, quotes: bool = True) -> Letter:
    """What came encrypted is answered encrypted, and quoted in no other way; without quotation anybody may write
    anything.
    """
    key, contents, head, moment = message.key, message.contents, message.head, message.moment
    # An answer quotes words: its reader has the pictures
    text, html = _quoted_text(contents, None if kind.startswith("reply") else as_carried(contents.layout, key))
    if kind == "again":
        letter = _again(head, text, html, contents, key)
    elif kind == "forward":
        letter = _forward(head, moment, text, html, contents, key)
    else:
        letter = _reply(head, moment, text, html, message.own, key, everybody=kind == "reply_all")
    if contents.is_encrypted and not quotes:
        return replace(letter, subject=reply_subject(""), text="", html="", enclosures=())
    is_quoted = contents.opened is not None and contents.opened.is_encrypted
    return replace(letter, encrypt=contents.is_encrypted, secret=is_quoted)


def came_blind(message: Original) -> bool:
    """Whether it names nobody, neither person nor group, by whom its reader got it."""
    head = message.head
    if any(fitting(message.own, each.address) for each in (head.author, *head.to, *head.cc)):
        return False
    with services().directory.read() as people:
        named = (recipients.resolve(people, each.address) for each in (*head.to, *head.cc)[:MAX_NAMED])
        return not any(found is not None and account().id in found.accounts for found in named)


def from_mailto(link: str) -> Letter:
    """A mailto: link: recipients, subject and text, nothing else (RFC 6068 §4 warns of more)."""
    address, _mark, query = link.partition("?")
    fields = {name.lower(): value for name, value in parse_qsl(query, max_num_fields=20)}
    to = [unquote(address), fields.get("to", "")]
    return Letter(
        to=", ".join(_clean_line(each) for each in to if each),
        cc=_clean_line(fields.get("cc", "")),
        subject=_clean_line(fields.get("subject", "")),
        text=fields.get("body", "").replace("\r\n", "\n")[:20_000],
        rich=False,
    )


def _clean_line(text: str) -> str:
    return " ".join(text.split())[:2000]


def _reply(head: Head, moment: int, text: str, html: str, own: list[Identity], key: str, *, everybody: bool) -> Letter:
    sent_by_us = fitting(own, head.author.address) is not None
    to = head.to if sent_by_us else (head.reply_to or [head.author])
    cc: list[Person] = []
    if everybody:
        named = {each.address.lower() for each in to}
        others = [*head.to, *head.cc] if not sent_by_us else head.cc
        cc = [each for each in others if fitting(own, each.address) is None and each.address.lower() not in named]
    line = _("On %(when)s, %(who)s wrote:", when=full_time(moment), who=head.author.full)
    return Letter(
        author=_answer_from(head, own),
        to=write_people(to),
        cc=write_people(cc),
        subject=reply_subject(head.subject),
        text=f"\n\n{line}\n" + "\n".join(f">{'' if each.startswith('>') else ' '}{each}" for each in text.split("\n")),
        html=f'<p><br></p><p>{escape(line)}</p><blockquote type="cite">{html}</blockquote>',
        in_reply_to=head.message_id,
        references=_references(head),
        answers=f"reply {key}",
    )


def _forward(head: Head, moment: int, text: str, html: str, contents: Contents, key: str) -> Letter:
    rows = [
        (_("From"), head.author.full),
        (_("Date"), full_time(moment)),
        (_("Subject"), head.subject),
        (_("To"), ", ".join(each.full for each in head.to[:50])),
    ]
    if head.cc:
        rows.append((_("Cc"), ", ".join(each.full for each in head.cc[:50])))
    title = _("Forwarded message")
    listed = "\n".join(f"{name}: {value}" for name, value in rows)
    listed_html = "<br>".join(f"<b>{escape(name)}:</b> {escape(value)}" for name, value in rows)
    return Letter(
        subject=forward_subject(head.subject),
        text=f"\n\n---------- {title} ----------\n{listed}\n\n{text}",
        html=f"<p><br></p><p>---------- {escape(title)} ----------<br>{listed_html}</p>{html}",
        references=_references(head),
        answers=f"forward {key}",
        enclosures=_carried(contents, html, key),
    )


def _again(head: Head, text: str, html: str, contents: Contents, key: str) -> Letter:
    """The same letter, to be changed and sent as a new one."""
    return Letter(
        author=head.author.address,
        to=write_people(head.to),
        cc=write_people(head.cc),
        bcc=write_people(head.bcc),
        subject=head.subject,
        text=text,
        html=html,
        enclosures=_carried(contents, html, key),
    )


def _carried(contents: Contents, html: str, key: str) -> tuple[Enclosure, ...]:
    """What hangs on the message, and the pictures that the quoted text shows."""
    used = used_in(html)
    sources = ((each, f"{key}:{each.index}") for each in contents.layout.attachments)
    return tuple(
        Enclosure(
            each.name,
            safe_type(each.part),
            each.size,
            source=source,
            content_id=content_id if (content_id := carried_id(source)) in used else "",
        )
        for each, source in sources
    )


def _quoted_text(contents: Contents, picture: Picture | None) -> tuple[str, str]:
    """The message's words as plain text, and as the little HTML the editor knows."""
    text = readable_text(contents.root, contents.read)[:MAX_QUOTE].replace("\r\n", "\n").strip("\n")
    html = []
    for part in contents.layout.shown:
        words = body_text(part, contents.read(part.body_start, min(part.end, part.body_start + MAX_PART)))[:MAX_QUOTE]
        if part.media_type == "text/html":
            html.append(clean_composed(words, picture))
        else:
            html.append(text_as_html(words.replace("\r\n", "\n").strip("\n")))
    return text, "".join(html)


def text_as_html(text: str) -> str:
    paragraphs = re.split(r"\n{2,}", text)
    return "".join(f"<p>{escape(each).replace(chr(10), '<br>')}</p>" for each in paragraphs if each.strip())


def _answer_from(head: Head, own: list[Identity]) -> str:
    """The own address that the message was sent to, so that a unit's mail is answered by the unit; or that it was sent
    from.
    """
    named = (fitting(own, each.address) for each in (head.author, *head.to, *head.cc))
    found = next(filter(None, named), None) or next(iter(own), None)
    return found.address if found is not None else ""


def _references(head: Head) -> str:
    """RFC 5322 §3.6.4: the parent's References (or In-Reply-To) and then its Message-ID."""
    known = head.references or (head.in_reply_to if len(head.in_reply_to) == 1 else [])
    every = [*known, *([head.message_id] if head.message_id else [])]
    return " ".join(every[:1] + every[1:][-(MAX_REFERENCES - 1) :])
