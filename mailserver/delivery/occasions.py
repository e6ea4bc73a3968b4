"""What a machine answers a letter with: the address that was written to leads elsewhere now, or its owner is away.

Who is away has said for how long, in which words, and who stands in (``directory.mail.absences``): colleagues, who
came through the sending door, are told all of it, strangers only what was written for them.

Standards: RFC 3834 §3.1.1 (as whose address it is answered), §3.1.6 (text); RFC 5230 §4.5 (by which addresses one is
meant).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from directory.database import Reading
from directory.mail.absences import Absence, absent
from directory.mail.accounts import Account, find_account
from directory.mail.addresses import addresses_ever
from mailserver.message.entity import Correspondent

if TYPE_CHECKING:
    from mailserver.delivery.inbound import Addressee

MOVED_AGAIN_DAYS = 30
ABSENT_AGAIN_DAYS = 7  # RFC 5230 §4.1: what is usual


@dataclass(frozen=True, slots=True)
class Move:
    """What has become of an address."""

    address: str
    to: str
    until: str | None  # the last day on which the old one is good


@dataclass(frozen=True, slots=True)
class Occasion:
    """``key``: what who was answered is remembered under; ``addresses``: one of these must have been meant."""

    key: str
    again_days: int
    addresses: frozenset[str]
    author: Correspondent
    text: str
    subject: str = ""  # empty: that of the letter
    reply_to: tuple[Correspondent, ...] = ()
    account_id: str = ""  # for whom it is answered, who is not answered himself


def occasions_of(people: Reading, addressees: Iterable[Addressee], *, is_colleague: bool) -> Iterator[Occasion]:
    """Each once.  Nobody is answered for by a group that he is in."""
    moves: set[Move] = set()
    away: set[str] = set()
    for each in addressees:
        if each.move is not None and each.move not in moves:
            moves.add(each.move)
            yield _of_move(each.move)
        accounts = each.recipients.accounts
        if each.is_group or len(accounts) != 1 or accounts <= away:
            continue
        away |= accounts
        [account_id] = accounts
        absence = absent(people, account_id)
        owner = find_account(people, account_id) if absence is not None else None
        if absence is not None and owner is not None and (is_colleague or absence.outside):
            own = {each.address.lower(), *addresses_ever(people, account_id)}
            yield _of_absence(owner, absence, frozenset(own), is_colleague=is_colleague)


def _of_move(move: Move) -> Occasion:
    values = {"old": move.address, "new": move.to}
    vietnamese, english = _MOVED_VI.format(**values), _MOVED_EN.format(**values)
    if move.until:
        day = _day(move.until)
        vietnamese, english = vietnamese + _MOVED_UNTIL_VI.format(day=day), english + _MOVED_UNTIL_EN.format(day=day)
    return Occasion(
        key=move.address,
        again_days=MOVED_AGAIN_DAYS,
        addresses=frozenset((move.address,)),
        author=Correspondent(move.address),
        reply_to=(Correspondent(move.to),),
        subject=f"Auto: {move.address} → {move.to}",
        text=f"{_AUTOMATIC_VI}\n\n{vietnamese}.\n\n{_AUTOMATIC_EN}\n\n{english}.\n",
    )


def _of_absence(owner: Account, absence: Absence, addresses: frozenset[str], *, is_colleague: bool) -> Occasion:
    parts = [absence.outside]
    if is_colleague:
        known = {"name": owner.name, "since": _day(absence.since), "until": _day(absence.until)}
        facts = [_AWAY_VI.format(**known), _AWAY_EN.format(**known)]
        if absence.substitute is not None:
            stands_in = f"{absence.substitute.name} <{absence.substitute.login}>"
            facts = [facts[0], f"Người làm thay: {stands_in}", facts[1], f"In the meantime: {stands_in}"]
        parts = [absence.text, "\n".join(facts)]
    text = "\n\n".join(part for part in parts if part)
    return Occasion(
        key=absence.id,
        again_days=ABSENT_AGAIN_DAYS,
        addresses=addresses,
        author=Correspondent(owner.login, owner.name),
        text=f"{text}\n\n{_AUTOMATIC_VI}\n{_AUTOMATIC_EN}\n",
        account_id=owner.id,
    )


def _day(day: str) -> str:
    return "/".join(reversed(day.split("-")))


_AUTOMATIC_VI = "Đây là thư trả lời tự động."
_AUTOMATIC_EN = "This is an automatic reply."
_MOVED_VI = (
    "Địa chỉ {old} đã được thay bằng {new}. Thư của quý vị đã được chuyển đến địa chỉ mới. Từ nay xin gửi thư đến"
    " địa chỉ mới"
)
_MOVED_UNTIL_VI = "; sau ngày {day} địa chỉ cũ không còn nhận thư"
_MOVED_EN = (
    "The address {old} was replaced by {new}. Your message was passed on to the new address. From now on please write"
    " to the new address"
)
_MOVED_UNTIL_EN = "; after {day} (day/month/year) nothing is taken for the old one"
_AWAY_VI = "{name} vắng mặt từ ngày {since} đến hết ngày {until}."
_AWAY_EN = "{name} is away from {since} until {until} (day/month/year)."
