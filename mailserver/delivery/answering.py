"""Answers that a machine gives (``delivery.occasions``), once in a while to each sender.

An answer is made ready beside the message that it answers, and counted in the transaction that delivers that, so that
two messages which come at once are answered once.  It goes back to the reverse-path, has none itself, and is never made
for mail that a machine sent or a list, for junk, nor for what its sender's own domain disowns (``inbound``).  Mail of
strangers that was held back is not answered (``relay``): what was found out about its sender is no longer known then.

Standards: RFC 3834 §2 (when), §3.1 (fields), §3.3 (null reverse-path), §4 (to the reverse-path), §5 (Auto-Submitted);
RFC 5230 §4.2 (who was answered is remembered; another text is another answer).
Limits: ``_AT_MOST`` answers to one message; who was answered is forgotten after ``_REMEMBERED_DAYS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import text

from directory.mail.addresses import domain_to_ascii
from mailserver.delivery import bounce
from mailserver.delivery.bounce import Report
from mailserver.delivery.occasions import ABSENT_AGAIN_DAYS, MOVED_AGAIN_DAYS, Occasion, occasions_of
from mailserver.delivery.post_office import PostOffice
from mailserver.message.automatic import may_be_answered
from mailserver.message.compose import Draft, compose
from mailserver.message.encoded_words import decode_words
from mailserver.message.entity import Correspondent
from mailserver.message.headers import find_field, message_ids
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared

if TYPE_CHECKING:
    from mailserver.delivery.inbound import Addressee

_AT_MOST = 5  # to one message, to however many addresses it was sent
_REMEMBERED_DAYS = max(ABSENT_AGAIN_DAYS, MOVED_AGAIN_DAYS)
_LONGEST_SUBJECT = 200

_TOLD = Prepared(
    text(
        "SELECT answered_at FROM automatic_answer"
        " WHERE occasion = :occasion AND sender = :sender AND answered_at > :since"
    )
)
_TELL = Prepared(
    text(
        "INSERT INTO automatic_answer (occasion, sender, answered_at) VALUES (:occasion, :sender, :now)"
        " ON CONFLICT (occasion, sender) DO UPDATE SET answered_at = excluded.answered_at"
        " WHERE automatic_answer.answered_at <= :since"
    )
)
_SWEEP = Prepared(text("DELETE FROM automatic_answer WHERE answered_at <= :since"))


@dataclass(frozen=True, slots=True)
class Answer:
    """Ready to be delivered, and what it is remembered by."""

    occasion: Occasion
    sender: str
    at: int
    report: Report

    @property
    def row(self) -> dict[str, str | int]:
        return _row(self.occasion, self.sender, self.at)


def answers_to(
    office: PostOffice,
    reverse_path: str,
    addressees: Iterable[Addressee],
    header: Callable[[], bytes],
    *,
    is_colleague: bool,
) -> list[Answer]:
    """What the sender of a message is answered; its header is asked for only where there is something to say."""
    with office.directory.read() as people:
        occasions = list(islice(occasions_of(people, addressees, is_colleague=is_colleague), _AT_MOST))
    if not occasions:
        return []
    local, _, domain = reverse_path.rpartition("@")
    sender = f"{local.lower()}@{domain_to_ascii(domain)}"
    fields, answers = header(), []
    for occasion in occasions:
        if not may_be_answered(fields, reverse_path, occasion.addresses) or _is_told(office, occasion, sender):
            continue
        who = bounce.whom_to_tell(office, reverse_path)
        if who is not None and occasion.account_id not in who[0]:
            report = bounce.ready(office, _letter(office, occasion, reverse_path, fields), who)
            answers.append(Answer(occasion, sender, office.now(), report))
    return answers


def deliver(tx: Transaction, answers: Sequence[Answer]) -> None:
    """In the transaction of the message: those that its sender was not given meanwhile."""
    for each in answers:
        if _TELL.run(tx.connection, each.row):
            bounce.deliver(tx, [each.report])


def sweep(tx: Transaction, now: int) -> int:
    """Forget who may be answered again."""
    return _SWEEP.run(tx.connection, {"since": now - _REMEMBERED_DAYS * 86_400})


def _row(occasion: Occasion, sender: str, now: int) -> dict[str, str | int]:
    return {
        "occasion": occasion.key,
        "sender": sender,
        "now": now,
        "since": now - occasion.again_days * 86_400,
    }


def _is_told(office: PostOffice, occasion: Occasion, sender: str) -> bool:
    with office.store.read() as connection:
        return _TOLD.row(connection, _row(occasion, sender, office.now())) is not None


def _letter(office: PostOffice, occasion: Occasion, reverse_path: str, header: bytes) -> bytes:
    answered = message_ids(find_field(header, "Message-ID") or "")[:1]
    earlier = message_ids(find_field(header, "References") or "")
    return compose(
        Draft(
            # RFC 3834 §3.1.1: as the address that was written to, so that the sender knows what this is about
            author=occasion.author,
            reply_to=occasion.reply_to,
            to=(Correspondent(reverse_path),),
            subject=occasion.subject or f"Auto: {_subject_of(header)}",
            text=occasion.text,
            in_reply_to=" ".join(answered),
            references=(*earlier, *answered),
            extra_fields=(("Auto-Submitted", "auto-replied"),),
        ),
        message_id=f"<{office.new_reference()}.{office.now()}@{office.config.city.hostname}>",
        date=office.now(),
    )


def _subject_of(header: bytes) -> str:
    """RFC 3834 §3.1.5, on one line."""
    words = "".join(each if each.isprintable() else " " for each in decode_words(find_field(header, "Subject") or ""))
    return " ".join(words.split())[:_LONGEST_SUBJECT]
