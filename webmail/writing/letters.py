"""A letter being written: what the form holds, what a draft in the store holds, and the way between the two.

A draft is an ordinary message in the Drafts mailbox, so that every mail program can go on with it.  Each save makes a
new message and takes the old one away in the same transaction; the UID is therefore the draft's version.  Whoever
saves from a version that is gone (another window, another program went on with it) overwrites nothing: what he wrote
becomes a draft of its own.  A letter that is to be encrypted waits encrypted for its writer, and in no other way.

Standards: RFC 9051 §2.3.2 (\\Draft), RFC 5322 §3.6.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from html import escape

from sqlalchemy import Connection

from directory.mail import identities
from directory.mail.identities import Identity
from directory.mail.letter_templates import LetterTemplate
from mailserver.delivery.protecting import CannotProtect, Obstacle, seal_draft
from mailserver.message.compose import Draft, compose
from mailserver.message.entity import Correspondent
from mailserver.message.headers import find_field
from mailserver.message.html_text import html_to_text
from mailserver.message.pictures import picture_type
from mailserver.message.text import body_text
from mailserver.refusals import OverQuota, TooLarge
from mailserver.store import mailboxes as store_mailboxes
from mailserver.store import messages, quota
from mailserver.store import reading as store_reading
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import Mailbox
from webmail.account.login import account, person
from webmail.contents.body_parts import decoded
from webmail.contents.composed import clean_composed
from webmail.contents.heads import Person, parse_people, read_head
from webmail.services import services
from webmail.smime.contents import COLUMNS, contents_of
from webmail.writing.enclosures import Enclosure, fetched
from webmail.writing.inline_pictures import as_edited, as_kept, as_kept_among, used_in

PATIENCE = 60
ANSWERS_FIELD = "X-CityMail-Answers"  # in drafts only: which message this one answers
CHOICES_FIELD = "X-CityMail-Choices"  # in drafts only: words for what the writer chose
WORK_FIELD = "X-CityMail-Draft"  # in drafts only: of which letter this is a version
WINDOW_FIELD = "X-CityMail-Window"  # in drafts only: which window wrote it, and at the how manieth change


@dataclass(frozen=True, slots=True)
class Letter:
    author: str = ""
    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    in_reply_to: str = ""
    references: str = ""
    answers: str = ""  # "reply 12:34" or "forward 12:34"
    enclosures: tuple[Enclosure, ...] = ()
    draft: int = 0  # UID of the draft it was read from; 0 for none
    work: str = ""  # what all versions of one draft have in common
    window: str = ""  # the browser's, that it was last written in, and its number of changes there
    rich: bool = True
    sign: bool = True
    encrypt: bool = False
    secret: bool = False  # it quotes what was encrypted, and goes out in no other way

    @property
    def choices(self) -> str:
        return " ".join(word for word in ("sign", "secret") if getattr(self, word)) or "none"

    @property
    def is_blank(self) -> bool:
        words = self.to + self.cc + self.bcc + self.subject + self.text + html_to_text(self.html)
        return not words.strip() and not self.enclosures

    @property
    def size(self) -> int:
        return sum(each.size for each in self.enclosures)

    @property
    def is_too_large(self) -> bool:
        """Encoded, it would be more than is sent or kept."""
        return self.size * 4 // 3 > services().config.smtp.max_message_size

    @property
    def files(self) -> list[Enclosure]:
        return [each for each in self.enclosures if not each.content_id]

    @property
    def as_it_goes(self) -> Letter:
        """Without the pictures that were taken out of the text."""
        used = used_in(self.html)
        return replace(
            self, enclosures=tuple(each for each in self.enclosures if not each.content_id or each.content_id in used)
        )

    @property
    def as_another(self) -> Letter:
        """A draft of its own, and no version of the one it came from."""
        return replace(self, draft=0, work="")

    def editor_picture(self, address: str) -> str | None:
        return as_edited(self.enclosures, self.draft)(address)


@dataclass(frozen=True, slots=True)
class Saved:
    uid: int
    conflict: bool = False
    letter: Letter = field(default_factory=Letter)


def signed(letter: Letter, signature: str) -> Letter:
    """With the signature below one's own words and above what is quoted; its separator is the usual one (RFC 3676
    §4.3).
    """
    if not signature:
        return letter
    lines = "<br>".join(escape(line) for line in signature.split("\n"))
    return replace(
        letter,
        text=f"\n\n-- \n{signature}\n{letter.text}",
        html=f"<p><br></p><p>-- <br>{lines}</p>{letter.html}",
    )


def signed_anew(letter: Letter, known: Iterable[str], signature: str) -> Letter:
    """With another signature in the place of the one of ``known`` that it bears, or below what is written.

    In the plain text alone: formatted text is changed by the script that made it so.
    """
    for each in filter(None, known):
        written, mark, rest = letter.text.partition(f"-- \n{each}\n")
        if mark:
            return replace(letter, text=f"{written}-- \n{signature}\n{rest}" if signature else written + rest)
    if letter.text.strip() and not letter.text.startswith("\n"):
        return replace(letter, text=f"{letter.text}\n\n-- \n{signature}\n") if signature else letter
    return replace(letter, text=signed(letter, signature).text)


def begun_with(letter: Letter, template: LetterTemplate) -> Letter:
    """With a text of one's own above what is there; its subject where the letter has none."""
    paragraphs = "".join(
        f"<p>{'<br>'.join(escape(line) for line in each.split(chr(10)))}</p>" for each in template.text.split("\n\n")
    )
    return replace(
        letter,
        subject=letter.subject or template.subject,
        text=f"{template.text}\n{letter.text}",
        html=paragraphs + letter.html if letter.rich else letter.html,
    )


def with_paragraph(letter: Letter, text: str, html: str) -> Letter:
    """With some words more, above the signature if there is one."""

    def put(whole: str, words: str, signature: str) -> str:
        written, mark, rest = whole.partition(signature)
        return written + words + mark + rest

    return replace(
        letter,
        text=put(letter.text, f"\n\n{text}", "\n-- \n"),
        html=put(letter.html, html, "<p>-- <br>") if letter.rich else letter.html,
    )


def drafts_mailbox(conn: Connection) -> Mailbox | None:
    return store_mailboxes.special_mailbox(conn, account().id, "\\Drafts")


def load(conn: Connection, uid: int) -> Letter | None:
    """The draft with that UID, ready for the form; None if it is gone.  Raises CannotProtect for one that is encrypted,
    and cannot be opened.
    """
    drafts = drafts_mailbox(conn)
    if drafts is None:
        return None
    row = next(store_reading.fetch(conn, drafts.id, [(uid, uid)], COLUMNS), None)
    if row is None:
        return None
    contents = contents_of(conn, row)
    if contents.opened is not None and contents.opened.is_locked:
        raise CannotProtect(Obstacle.KEY, str(contents.opened.fault), fault=contents.fault)
    root, read, layout = contents.root, contents.read, contents.layout
    head = read_head(contents.header)
    texts = {part.media_type: body_text(part, read(part.body_start, part.end)) for part in layout.shown}
    plain = next((part for part in root.walk() if part.media_type == "text/plain" and not part.filename), None)
    html = clean_composed(texts["text/html"], as_kept) if "text/html" in texts else ""
    text = body_text(plain, read(plain.body_start, plain.end)) if plain is not None else html_to_text(html)
    enclosures = tuple(
        Enclosure(
            each.name,
            each.media_type,
            len(content),
            content,
            content_id=each.content_id if each.inline and picture_type(content) else "",
        )
        for each in layout.attachments
        for content in [decoded(each.part, read(each.part.body_start, each.part.end))]
    )
    chosen = find_field(contents.header, CHOICES_FIELD)
    return Letter(
        author=head.author.address,
        to=write_people(head.to),
        cc=write_people(head.cc),
        bcc=write_people(head.bcc),
        subject=head.subject,
        text=text.replace("\r\n", "\n").rstrip("\n"),
        html=html,
        in_reply_to=" ".join(head.in_reply_to),
        references=" ".join(head.references),
        answers=find_field(contents.header, ANSWERS_FIELD) or "",
        work=find_field(contents.header, WORK_FIELD) or "",
        window=find_field(contents.header, WINDOW_FIELD) or "",
        enclosures=enclosures,
        draft=uid,
        rich=bool(html),
        sign=chosen is None or "sign" in chosen.split(),
        encrypt=contents.is_encrypted,
        # one that was sent and taken back says nothing of it: an answer may quote what it answers
        secret="secret" in chosen.split() if chosen is not None else contents.is_encrypted and bool(head.references),
    )


def save(letter: Letter) -> Saved:
    """Keep the letter as a draft.  Raises Refusal."""
    owner = account().id
    services().store.maildrop(owner)
    letter = replace(letter, enclosures=fetched(letter.enclosures), work=letter.work or secrets.token_hex(8))
    octets = write(letter, as_draft=True)
    if letter.encrypt or letter.secret:
        octets = seal_draft(services().office, account(), octets)
    if letter.enclosures:  # words alone are kept even in a full mailbox: they would be lost else
        with services().store.read() as conn:
            if not quota.room_for(conn, owner, account().quota_bytes, len(octets)):
                raise OverQuota
    content = services().store.prepare(octets)

    def job(tx: Transaction) -> Saved:
        drafts = store_mailboxes.special_mailbox(tx.connection, owner, "\\Drafts")
        if drafts is None:
            drafts = store_mailboxes.create_mailbox(tx, owner, "Drafts", "\\Drafts")
        old = [(letter.draft, letter.draft)]
        conflict = letter.draft > 0 and not store_reading.placements(tx.connection, drafts.id, old)
        [kept] = messages.append(tx, content, [messages.Target(drafts.id, ("\\Draft", "\\Seen"))])
        if letter.draft and not conflict:
            messages.remove(tx, drafts.id, old)
        return Saved(kept.uid, conflict)

    saved = services().store.write(job).result(PATIENCE)
    return replace(saved, letter=replace(letter, draft=saved.uid))


def throw_away(uid: int) -> None:
    """To the trash, from where it can be taken back."""
    owner = account().id

    def job(tx: Transaction) -> None:
        drafts = store_mailboxes.special_mailbox(tx.connection, owner, "\\Drafts")
        trash = store_mailboxes.special_mailbox(tx.connection, owner, "\\Trash")
        if drafts is None:
            return
        if trash is None:
            trash = store_mailboxes.create_mailbox(tx, owner, "Trash", "\\Trash")
        messages.move(tx, drafts.id, [(uid, uid)], trash.id)

    services().store.write(job).result(PATIENCE)


def write(letter: Letter, *, as_draft: bool = False, date: int = 0, name: str = "") -> bytes:
    """The letter as a message, Bcc included: the sending door takes it out.  ``date`` is now unless given, ``name``, by
    which its Message-ID begins, a new one.

    Raises TooLarge.
    """
    if letter.is_too_large:
        raise TooLarge
    shown = identity_for(letter.author)
    draft = Draft(
        author=Correspondent(letter.author or account().login, shown.name if shown else account().name),
        reply_to=(Correspondent(shown.chosen.reply_to),) if shown and shown.chosen.reply_to else (),
        submitter=Correspondent(person().login, person().name) if shown and shown.names_writer else None,
        to=_correspondents(letter.to),
        cc=_correspondents(letter.cc),
        bcc=_correspondents(letter.bcc),
        subject=letter.subject,
        text=letter.text,
        html=clean_composed(letter.html, as_kept_among({each.content_id for each in letter.enclosures})),
        attachments=tuple(each.attachment for each in letter.enclosures if not each.content_id),
        inline=tuple(each.attachment for each in letter.enclosures if each.content_id),
        in_reply_to=letter.in_reply_to,
        references=tuple(letter.references.split()),
        extra_fields=_kept_in_drafts(letter) if as_draft else (),
    )
    message_id = f"<{name or secrets.token_hex(12)}@{services().config.city.hostname}>"
    return compose(draft, message_id=message_id, date=date or int(services().clock()), keep_bcc=True)


def _kept_in_drafts(letter: Letter) -> tuple[tuple[str, str], ...]:
    known = ((ANSWERS_FIELD, letter.answers), (WINDOW_FIELD, letter.window))
    return (*(each for each in known if each[1]), (CHOICES_FIELD, letter.choices), (WORK_FIELD, letter.work))


def write_people(people: Sequence[Person]) -> str:
    """Names and addresses as a person would type them into the field."""
    return ", ".join(f"{_quoted(each.name)} <{each.address}>" if each.name else each.address for each in people)


def _quoted(name: str) -> str:
    special = set('()<>[]:;@\\,."')
    return '"' + name.replace("\\", "").replace('"', "") + '"' if special & set(name) else name


def _correspondents(text: str) -> tuple[Correspondent, ...]:
    return tuple(Correspondent(each.address, each.name) for each in parse_people(text) if each.address)


def own_identities() -> list[Identity]:
    """Those of the mailbox that is open, what new letters are written from first."""
    with services().directory.read() as people:
        return identities.identities_of(people, account().id)


def identity_for(author: str) -> Identity | None:
    """What goes with an address, or with what new letters are written from."""
    own = own_identities()
    return identities.fitting(own, author) if author else next(iter(own), None)
