"""Mail in the demo city: more than a year of office life for the first account, something to read for everybody else.

Conversations run over months between the first account and colleagues, in whose mailboxes they are too; there are
letters with attachments, HTML mail with pictures from far away, junk, drafts, flags and unread mail.  All of it is
written with the store's own functions, the same ones that delivery uses.
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

from directory.database import CITY_TIME
from directory.mail.accounts import Account, account_by_login
from mailserver.demo import letters
from mailserver.demo.city import DemoAccount
from mailserver.demo.documents import make_chart, make_docx, make_pdf
from mailserver.demo.letters import Topic
from mailserver.message.compose import Draft, compose
from mailserver.message.entity import Attachment, Correspondent
from mailserver.store.broadcast import deliver_to_accounts
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import create_mailbox, ensure_maildrop, find_mailbox, list_mailboxes
from mailserver.store.messages import Target, append

if TYPE_CHECKING:
    from mailserver.wiring import System

SEED = 2025
CONVERSATIONS = 1150
DAYS = 430
COLLEAGUES = 60
# Letters put away in one transaction.
_BATCH = 200
_DAY = 86_400


@dataclass(slots=True)
class _Letter:
    """Octets, and where they lie: account, mailbox, flags."""

    octets: bytes
    date: int
    copies: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)


def fill_mailboxes(system: System, accounts: Sequence[DemoAccount]) -> int:
    """Fill empty mailboxes; how many letters there are."""
    with system.directory.read() as conn:
        people = [found for each in accounts if (found := account_by_login(conn, each.address)) is not None]
    writer = _Writer(people, int(system.office.clock()))
    made = sorted(writer.letters(), key=lambda letter: letter.date)
    folders = {account.id: list(letters.FOLDERS) for account in people[:1]}
    mailbox_ids: dict[tuple[str, str], int] = {}

    def make_room(tx: Transaction) -> None:
        for account in people:
            ensure_maildrop(tx, account.id)
            for name in folders.get(account.id, ()):
                if find_mailbox(tx.connection, account.id, name) is None:
                    create_mailbox(tx, account.id, name)
            mailbox_ids.update(
                {(account.id, mailbox.name): mailbox.id for mailbox in list_mailboxes(tx.connection, account.id)}
            )

    system.store.write(make_room, heavy=True).result()
    for start in range(0, len(made), _BATCH):
        part = made[start : start + _BATCH]
        contents = [system.store.prepare(letter.octets) for letter in part]

        def put_away(tx: Transaction, part: list[_Letter] = part, contents: list = contents) -> None:  # type: ignore[type-arg]
            for letter, content in zip(part, contents, strict=True):
                append(
                    tx,
                    content,
                    [
                        Target(mailbox_ids[account_id, name], flags, letter.date)
                        for account_id, name, flags in letter.copies
                    ],
                )

        system.store.write(put_away, heavy=True).result()
    for octets in writer.announcements():
        content = system.store.prepare(octets)
        everybody = [account.id for account in people]
        system.store.write(lambda tx, c=content, e=everybody: deliver_to_accounts(tx, c, e)).result()  # type: ignore[misc]
    return len(made)


class _Writer:
    """Makes letters; knows nothing of the store."""

    def __init__(self, people: Sequence[Account], now: int) -> None:
        self._random = random.Random(SEED)  # noqa: S311 - the same mail each time
        self._now = now
        self._me = people[0]
        officials = [account for account in people[1:] if account.kind == "person"]
        self._colleagues = officials[:COLLEAGUES]
        self._offices = [account for account in people if account.kind == "unit"]
        self._domain = self._me.login.rpartition("@")[2]
        self._count = 0

    # --- kinds of letters ---------------------------------------------------------------------------------------------

    def letters(self) -> list[_Letter]:
        made: list[_Letter] = []
        for number in range(CONVERSATIONS):
            # denser towards today
            age = int(DAYS * _DAY * (1 - (number / CONVERSATIONS) ** 0.7))
            made += self._conversation(self._now - age - self._random.randrange(_DAY))
        for number in range(60):
            made.append(self._from_outside(self._now - number * 5 * _DAY - self._random.randrange(_DAY)))
        for number in range(24):
            made.append(self._junk(self._now - number * _DAY - self._random.randrange(_DAY)))
        made += self._drafts()
        return [letter for letter in made if letter.date <= self._now]

    def _conversation(self, began: int) -> list[_Letter]:
        pick = self._random.choice
        topic = pick(letters.TOPICS)
        partner = pick(self._colleagues)
        others = self._random.sample(self._colleagues, self._random.choice((0, 0, 1, 2, 4)))
        others = [other for other in others if other.id != partner.id]
        date = self._office_hours(began)
        facts = self._facts(date)
        subject = pick(topic.subjects).format(**facts)
        mine = self._random.random() < 0.4
        made: list[_Letter] = []
        references: list[str] = []
        earlier: tuple[str, str] | None = None  # who, what
        for turn in range(self._random.choice((1, 1, 2, 2, 3, 4, 5, 7))):
            if date > self._now:
                break
            author, reader = (self._me, partner) if mine else (partner, self._me)
            text = self._opening(topic, reader, facts) if turn == 0 else self._answer(topic, reader, facts)
            message_id = self._message_id()
            draft = Draft(
                author=_person(author),
                to=(_person(reader),),
                cc=tuple(map(_person, others)),
                subject=subject if turn == 0 else f"Re: {subject}",
                text=text + self._signature(author) + (_quote(*earlier) if earlier else ""),
                html=self._as_html(text, author) if self._random.random() < 0.25 else "",
                attachments=self._attachments(topic, subject, text) if topic.document and turn in (0, 2) else (),
                in_reply_to=references[-1] if references else "",
                references=tuple(references),
                importance="high" if self._random.random() < 0.04 else "normal",
            )
            letter = _Letter(compose(draft, message_id=message_id, date=date), date)
            self._distribute(letter, topic, author, [reader, *others], answered=turn > 0)
            made.append(letter)
            references.append(message_id)
            earlier = (f"{datetime.fromtimestamp(date, CITY_TIME):%d/%m/%Y %H:%M}, {author.name}", text)
            mine = not mine
            date = self._office_hours(date + self._random.randrange(1800, 3 * _DAY))
        return made

    def _distribute(
        self, letter: _Letter, topic: Topic, author: Account, readers: Sequence[Account], *, answered: bool
    ) -> None:
        """One body: the author's copy in Sent, the readers' where they keep it."""
        letter.copies.append((author.id, "Sent", ("\\Seen",)))
        fresh = self._now - letter.date < 5 * _DAY
        for reader in readers:
            if reader.id == author.id:
                continue
            if reader.id != self._me.id:
                seen = () if fresh and self._random.random() < 0.5 else ("\\Seen",)
                letter.copies.append((reader.id, "INBOX", seen))
                continue
            place = "INBOX" if self._now - letter.date < 45 * _DAY else self._filed(topic, letter.date)
            flags = [] if fresh and self._random.random() < 0.55 else ["\\Seen"]
            if flags and answered:
                flags.append("\\Answered")
            if self._random.random() < 0.03:
                flags.append("\\Flagged")
            letter.copies.append((reader.id, place, tuple(flags)))

    def _filed(self, topic: Topic, date: int) -> str:
        if topic.folder.startswith(letters.INCOMING):
            return f"{letters.INCOMING}/{2026 if datetime.fromtimestamp(date, CITY_TIME).year > 2025 else 2025}"
        return "Archive" if topic.folder == "INBOX" else topic.folder

    def _from_outside(self, began: int) -> _Letter:
        name, address, subject, paragraphs = self._random.choice(letters.OUTSIDE)
        date = self._office_hours(began)
        facts = self._facts(date)
        html = self._newsletter(name, subject.format(**facts), [text.format(**facts) for text in paragraphs])
        draft = Draft(
            author=Correspondent(address, name),
            to=(_person(self._me),),
            subject=subject.format(**facts),
            html=html,
            inline=(Attachment("bieudo.png", "image/png", make_chart(self._numbers(7)), content_id="bieudo@ban.tin"),),
        )
        octets = self._arrived(address, date) + compose(draft, message_id=self._message_id(address), date=date)
        seen = () if self._now - date < 4 * _DAY else ("\\Seen",)
        return _Letter(octets, date, [(self._me.id, "INBOX" if self._now - date < 60 * _DAY else "Archive", seen)])

    def _junk(self, date: int) -> _Letter:
        name, address, subject, text = self._random.choice(letters.JUNK)
        domain = address.rpartition("@")[2]
        draft = Draft(
            author=Correspondent(address, name),
            to=(_person(self._me),),
            subject=subject,
            html=(
                f'<p><b>{escape(text)}</b></p><p><a href="http://{domain}/dang-nhap">Bấm vào đây</a></p>'
                f'<img src="http://anh.{domain}/theo-doi.gif" width="1" height="1">'
            ),
        )
        octets = self._arrived(address, date) + compose(draft, message_id=self._message_id(address), date=date)
        place = self._random.choice(("Junk", "Junk", "Trash"))
        return _Letter(octets, date, [(self._me.id, place, ("\\Seen",) if place == "Trash" else ())])

    def _drafts(self) -> list[_Letter]:
        made = []
        for number, topic in enumerate(letters.TOPICS[:3]):
            date = self._now - number * _DAY - 3600
            facts = self._facts(date)
            partner = self._colleagues[number]
            draft = Draft(
                author=_person(self._me),
                to=(_person(partner),),
                subject=topic.subjects[0].format(**facts),
                text=self._opening(topic, partner, facts),
            )
            octets = compose(draft, message_id=self._message_id(), date=date, keep_bcc=True)
            made.append(_Letter(octets, date, [(self._me.id, "Drafts", ("\\Draft", "\\Seen"))]))
        return made

    def announcements(self) -> list[bytes]:
        """To everybody: one body each."""
        made = []
        office = next((each for each in self._offices if each.login.startswith("vanthu.vpub@")), self._me)
        for number, (subject, paragraphs) in enumerate(letters.ANNOUNCEMENTS):
            text = "Kính gửi toàn thể cán bộ, công chức, viên chức,\n\n" + "\n\n".join(paragraphs) + "\n\nTrân trọng."
            draft = Draft(
                author=_person(office),
                to=(Correspondent(f"toanthe@{self._domain}", "Toàn thể cán bộ, công chức, viên chức"),),
                subject=subject,
                text=text + self._signature(office),
            )
            made.append(compose(draft, message_id=self._message_id(), date=self._now - (3 - number) * 3600))
        return made

    # --- words --------------------------------------------------------------------------------------------------------

    def _opening(self, topic: Topic, reader: Account, facts: dict[str, str]) -> str:
        pick = self._random.choice
        wanted = self._random.randint(1, min(2, len(topic.requests)))
        parts = [pick(letters.GREETINGS).format(ten=_called(reader)), pick(topic.openings).format(**facts)]
        parts += [text.format(**facts) for text in self._random.sample(topic.requests, wanted)]
        return "\n\n".join([*parts, pick(letters.CLOSINGS)])

    def _answer(self, topic: Topic, reader: Account, facts: dict[str, str]) -> str:
        pick = self._random.choice
        parts = [pick(letters.GREETINGS).format(ten=_called(reader))]
        if self._random.random() < 0.4:
            parts.append(pick(letters.THANKS).format(ten=_called(reader)))
        parts.append(pick(topic.answers).format(**facts))
        return "\n\n".join([*parts, pick(letters.CLOSINGS)])

    def _facts(self, date: int) -> dict[str, str]:
        moment = datetime.fromtimestamp(date, CITY_TIME)
        later = moment + timedelta(days=self._random.randint(2, 12))
        return {
            "so": str(self._random.randint(100, 4800)),
            "ngay": f"{moment + timedelta(days=self._random.randint(1, 6)):%d/%m/%Y}",
            "han": f"16 giờ 30 ngày {later:%d/%m/%Y}",
            "donvi": self._random.choice(self._colleagues).unit,
            "thang": f"{moment:%m/%Y}",
            "quy": f"quý {(moment.month + 2) // 3}/{moment.year}",
        }

    def _signature(self, author: Account) -> str:
        lines = [author.name, ", ".join(part for part in (author.title, author.unit) if part), author.login]
        return "\n\n-- \n" + "\n".join(line for line in lines if line)

    def _as_html(self, text: str, author: Account) -> str:
        paragraphs = "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n"))
        return (
            f'<div style="font-family: sans-serif">{paragraphs}<hr><p><b>{escape(author.name)}</b><br>'
            f'{escape(author.title)}<br><span style="color: #555">{escape(author.unit)}</span></p></div>'
        )

    def _newsletter(self, name: str, subject: str, paragraphs: Sequence[str]) -> str:
        rows = "".join(
            f"<tr><td>{escape(unit.unit)}</td><td align='right'>{value}%</td></tr>"
            for unit, value in zip(self._random.sample(self._colleagues, 4), self._numbers(4), strict=True)
        )
        return (
            f"<h2 style='color:#005a9c'>{escape(subject)}</h2>"
            + "".join(f"<p>{escape(text)}</p>" for text in paragraphs)
            + "<p><img src='cid:bieudo@ban.tin' alt='Biểu đồ'></p>"
            + f"<table border='1' cellpadding='6'><tr><th>Đơn vị</th><th>Tỷ lệ</th></tr>{rows}</table>"
            + f"<p><small>{escape(name)}</small></p>"
            # a picture that tells the sender who has read: not to be fetched unasked
            + "<img src='http://theodoi.chinhphuso.example/mo.png' width='1' height='1' alt=''>"
        )

    def _attachments(self, topic: Topic, subject: str, text: str) -> tuple[Attachment, ...]:
        if self._random.random() < 0.5:
            return ()
        kind = self._random.choice(("pdf", "docx", "png", "pdf"))
        name = f"{topic.document} {self._random.randint(1, 999)}.{kind}"
        paragraphs = text.split("\n\n")[1:]
        if kind == "pdf":
            head = ["ỦY BAN NHÂN DÂN              CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"]
            head += ["THÀNH PHỐ HỒ CHÍ MINH             Độc lập - Tự do - Hạnh phúc", "", subject.upper(), ""]
            body = [line for text in paragraphs for line in [*textwrap.wrap(text, 74), ""]]
            return (Attachment(name, "application/pdf", make_pdf(subject, head + body)),)
        if kind == "docx":
            media_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
            return (Attachment(name, media_type, make_docx(subject, paragraphs)),)
        return (Attachment(name, "image/png", make_chart(self._numbers(12))),)

    def _numbers(self, count: int) -> list[int]:
        return [self._random.randint(35, 99) for _ in range(count)]

    # --- envelope -----------------------------------------------------------------------------------------------------

    def _office_hours(self, moment: int) -> int:
        """The same or a later time, between 07:30 and 17:00 of a working day."""
        day = datetime.fromtimestamp(moment, CITY_TIME)
        while day.weekday() >= 5:
            day += timedelta(days=1)
        second = self._random.randint(7 * 3600 + 1800, 17 * 3600)
        return int(day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) + second

    def _message_id(self, address: str = "") -> str:
        self._count += 1
        domain = address.rpartition("@")[2] or self._domain
        return f"<{self._count:06d}.{self._random.getrandbits(64):016x}@{domain}>"

    def _arrived(self, sender: str, date: int) -> bytes:
        """Trace fields of mail from outside."""
        stamp = datetime.fromtimestamp(date, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
        domain = sender.rpartition("@")[2]
        return (
            f"Return-Path: <{sender}>\r\n"
            f"Received: from mail.{domain} (mail.{domain} [192.0.2.25])\r\n"
            f"\tby mail.{self._domain} with ESMTPS; {stamp}\r\n"
        ).encode()


def _person(account: Account) -> Correspondent:
    return Correspondent(account.login, account.name)


def _called(account: Account) -> str:
    """As Vietnamese call each other: by the given name."""
    return account.name.split()[-1]


def _quote(who: str, text: str) -> str:
    return f"\n\n{who} viết:\n" + "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
