"""Whoever writes to an address that redirects is told, once in a while, where its mail goes now.

The mail itself is delivered.  The notice is prepared beside it and counted in its transaction, so that nobody is told
twice by two messages that come at once; it goes back to the reverse-path, has none itself, and is never made for mail
that a machine sent or a list, nor for one that its sender's own domain disowns (``inbound``).

Standards: RFC 3834 §2 (when), §3.1 (fields), §3.3 (null reverse-path), §4 (to the reverse-path), §5 (Auto-Submitted).
Limits: a sender is told again after ``AGAIN_DAYS``; what was told is forgotten then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from directory.mail.addresses import domain_to_ascii
from mailserver.delivery import bounce
from mailserver.delivery.bounce import Report
from mailserver.delivery.post_office import PostOffice
from mailserver.message.automatic import may_be_answered
from mailserver.message.compose import Draft, compose
from mailserver.message.entity import Correspondent
from mailserver.message.headers import find_field, message_ids
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared

if TYPE_CHECKING:
    from mailserver.delivery.inbound import Taken

AGAIN_DAYS = 30
# One message causes no more notices, to however many addresses it was sent.
_AT_MOST = 5

_TOLD = Prepared(
    text("SELECT told_at FROM moved_notice WHERE address = :address AND sender = :sender AND told_at > :since")
)
_TELL = Prepared(
    text(
        "INSERT INTO moved_notice (address, sender, told_at) VALUES (:address, :sender, :now)"
        " ON CONFLICT (address, sender) DO UPDATE SET told_at = excluded.told_at WHERE moved_notice.told_at <= :since"
    )
)
_SWEEP = Prepared(text("DELETE FROM moved_notice WHERE told_at <= :since"))


@dataclass(frozen=True, slots=True)
class Move:
    """What has become of an address."""

    address: str
    to: str
    until: str | None  # the last day on which the old one is good


@dataclass(frozen=True, slots=True)
class Notice:
    move: Move
    sender: str
    at: int
    report: Report


def notices_of(office: PostOffice, reverse_path: str, taken: Sequence[Taken], header: bytes) -> list[Notice]:
    """What the sender of a message is to be told of the addresses that he wrote to."""
    moves = {each.addressee.move.address: each.addressee.move for each in taken if each.addressee.move is not None}
    if not moves:
        return []
    local, _, domain = reverse_path.rpartition("@")
    sender = f"{local.lower()}@{domain_to_ascii(domain)}"
    notices = []
    for move in list(moves.values())[:_AT_MOST]:
        if not may_be_answered(header, reverse_path, {move.address}) or _is_told(office, move, sender):
            continue
        who = bounce.whom_to_tell(office, reverse_path)
        if who is not None:
            report = bounce.ready(office, _letter(office, move, reverse_path, header), who)
            notices.append(Notice(move, sender, office.now(), report))
    return notices


def deliver(tx: Transaction, notices: Sequence[Notice]) -> None:
    """In the transaction of the message: those of which the sender was not told meanwhile."""
    for each in notices:
        row = {"address": each.move.address, "sender": each.sender, "now": each.at, "since": _since(each.at)}
        if _TELL.run(tx.connection, row):
            bounce.deliver(tx, [each.report])


def sweep(tx: Transaction, now: int) -> int:
    """Forget who may be told again."""
    return _SWEEP.run(tx.connection, {"since": _since(now)})


def _since(now: int) -> int:
    return now - AGAIN_DAYS * 86_400


def _is_told(office: PostOffice, move: Move, sender: str) -> bool:
    with office.store.read() as connection:
        row = {"address": move.address, "sender": sender, "since": _since(office.now())}
        return _TOLD.row(connection, row) is not None


def _letter(office: PostOffice, move: Move, reverse_path: str, header: bytes) -> bytes:
    answered = message_ids(find_field(header, "Message-ID") or "")[:1]
    earlier = message_ids(find_field(header, "References") or "")
    day = "/".join(reversed(move.until.split("-"))) if move.until else ""
    values = {"old": move.address, "new": move.to}
    vietnamese, english = (
        words.format(**values) + (until.format(day=day) if day else ".")
        for words, until in ((_VIETNAMESE, _UNTIL_VI), (_ENGLISH, _UNTIL_EN))
    )
    return compose(
        Draft(
            # RFC 3834 §3.1.1: as the address that was written to, so that the sender knows what this is about
            author=Correspondent(move.address),
            reply_to=(Correspondent(move.to),),
            to=(Correspondent(reverse_path),),
            subject=f"Auto: {move.address} → {move.to}",
            text=f"{vietnamese}\n\n{english}\n",
            in_reply_to=" ".join(answered),
            references=(*earlier, *answered),
            extra_fields=(("Auto-Submitted", "auto-replied"),),
        ),
        message_id=f"<{office.new_reference()}.{office.now()}@{office.config.city.hostname}>",
        date=office.now(),
    )


_VIETNAMESE = """\
Đây là thư trả lời tự động.

Địa chỉ {old} đã được thay bằng {new}. Thư của quý vị đã được chuyển đến địa chỉ mới. Từ nay xin gửi thư đến \
địa chỉ mới"""
_UNTIL_VI = "; sau ngày {day} địa chỉ cũ không còn nhận thư."
_ENGLISH = """\
This is an automatic reply.

The address {old} was replaced by {new}. Your message was passed on to the new address. From now on please write to \
the new address"""
_UNTIL_EN = "; after {day} (day/month/year) nothing is taken for the old one."
