"""Who looks after mail that was left behind: a closed mailbox stays readable, for somebody, until a day, for a reason.

The mail of somebody who left is read by the custodian who was named, or by whoever is the head of his unit that day;
that of a unit's mailbox by whoever reads the mailbox that follows it.  They read, and change nothing
(``mailserver.access``).  That they read is on record, once on each day (``note_reading``), for whoever asks who opened
the mailbox (``directory.administration.openings``).

Limits: the head of a unit is who stands first in its protocol order today, if that is a leading post
(``LEADING_RANK``); a unit without one is looked after from the nearest above that has one on the day of the leaving.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import and_, bindparam, delete, insert, or_, select

from directory.database import CITY_TIME, Directory, Question, Reading, Writing
from directory.dates import days_after
from directory.faults import Fault
from directory.mail.accounts import Account, find_account
from directory.mail.recipients import holds_on, mailboxes_of
from directory.record import record
from directory.staff.units import tree
from directory.tables import account, appointment, audit_record, custody

# How long the mail of somebody who left is read by another, unless told otherwise.
CUSTODY_DAYS = 90
# Posts of this protocol rank and above lead a unit (a team's leader has it).
LEADING_RANK = 40


@dataclass(frozen=True, slots=True)
class Custody:
    mailbox_id: str
    holder_id: str | None  # an account; that of a mailbox stands for whoever reads it
    unit_id: str | None  # else its head
    valid_from: str
    valid_until: str | None
    reason: str
    decision: str


_COLUMNS = (
    custody.c.mailbox_id,
    custody.c.holder_id,
    custody.c.unit_id,
    custody.c.valid_from,
    custody.c.valid_until,
    custody.c.reason,
    custody.c.decision,
)
_HOLDS = holds_on(custody.c.valid_from, custody.c.valid_until)
_OF = Question(select(*_COLUMNS).where(custody.c.mailbox_id == bindparam("mailbox")))
_HELD = Question(select(custody.c.mailbox_id).where(custody.c.holder_id == bindparam("holder"), _HOLDS))
_other = appointment.alias("other")
_AS_HEAD = Question(
    select(custody.c.mailbox_id)
    .join(appointment, appointment.c.unit_id == custody.c.unit_id)
    .join(account, account.c.person_id == appointment.c.person_id)
    .where(
        account.c.id == bindparam("holder"),
        appointment.c.rank <= LEADING_RANK,
        holds_on(appointment.c.valid_from, appointment.c.valid_until),
        _HOLDS,
        # nobody stands before him
        ~select(_other.c.id)
        .where(
            _other.c.unit_id == appointment.c.unit_id,
            holds_on(_other.c.valid_from, _other.c.valid_until),
            or_(
                _other.c.rank < appointment.c.rank,
                and_(_other.c.rank == appointment.c.rank, _other.c.valid_from < appointment.c.valid_from),
                and_(
                    _other.c.rank == appointment.c.rank,
                    _other.c.valid_from == appointment.c.valid_from,
                    _other.c.id < appointment.c.id,
                ),
            ),
        )
        .exists(),
    )
)
_NOTED = Question(
    select(audit_record.c.number)
    .where(
        audit_record.c.subject == bindparam("subject"),
        audit_record.c.action == "mailbox.read",
        audit_record.c.actor == bindparam("actor"),
        audit_record.c.at >= bindparam("midnight"),
    )
    .limit(1)
)
_LEADERS = Question(
    select(appointment.c.person_id)
    .where(
        appointment.c.unit_id == bindparam("unit"),
        appointment.c.rank <= LEADING_RANK,
        holds_on(appointment.c.valid_from, appointment.c.valid_until),
    )
    .order_by(appointment.c.rank, appointment.c.valid_from, appointment.c.id)
)


def entrusted_to(conn: Reading | Writing, account_id: str) -> frozenset[str]:
    """Closed mailboxes that this account may read today."""
    shelf = conn.memory.shelf("custody")
    try:
        return cast("frozenset[str]", shelf[account_id])
    except KeyError:
        found: set[str] = set()
        waiting = [account_id, *mailboxes_of(conn, account_id)]
        while waiting:  # a mailbox that was followed may have followed another
            for (mailbox_id,) in conn.rows(_HELD, holder=waiting.pop(), today=conn.today):
                if mailbox_id not in found:
                    found.add(mailbox_id)
                    waiting.append(mailbox_id)
        found.update(mailbox for (mailbox,) in conn.rows(_AS_HEAD, holder=account_id, today=conn.today))
        shelf[account_id] = entrusted = frozenset(found - {account_id})
        return entrusted


def note_reading(directory: Directory, reader: Account, mailbox: Account, origin: str) -> None:
    """Put on record, before he sees any of it, that somebody reads a closed mailbox today."""
    with directory.read() as conn:
        if _is_noted(conn, reader, mailbox):
            return
    with directory.write(origin=origin) as conn:
        if not _is_noted(conn, reader, mailbox):
            why = custody_of(conn, mailbox.id)
            record(
                conn, reader.login, "mailbox.read", mailbox.login, why=why.reason if why else None,
                until=why.valid_until if why else None,
            )  # fmt: skip


def _is_noted(conn: Reading | Writing, reader: Account, mailbox: Account) -> bool:
    midnight = int(datetime.fromisoformat(conn.today).replace(tzinfo=CITY_TIME).timestamp())
    return conn.row(_NOTED, actor=reader.login, subject=mailbox.login, midnight=midnight) is not None


def unattended(conn: Reading | Writing, closed_before: int) -> list[tuple[str, str]]:
    """(id, login) of people's mailboxes that were closed before a moment and that nobody has custody of."""
    cared_for = select(custody.c.mailbox_id)
    found = conn.execute(
        select(account.c.id, account.c.login)
        .where(
            account.c.kind == "person",
            account.c.status == "closed",
            account.c.closed_at < closed_before,
            account.c.id.not_in(cared_for),
        )
        .order_by(account.c.id)
    )
    return [(row.id, row.login) for row in found]


def custody_of(conn: Reading | Writing, mailbox_id: str) -> Custody | None:
    row = conn.row(_OF, mailbox=mailbox_id)
    return Custody(*row) if row else None


def unit_with_head(conn: Reading | Writing, unit_id: str | None, without: str) -> str | None:
    """The unit, or the nearest above it, that has a head other than this person."""
    for unit in reversed(tree(conn).path(unit_id)) if unit_id else ():
        if any(person != without for (person,) in conn.rows(_LEADERS, unit=unit.id, today=conn.today)):
            return unit.id
    return None


def check_custodian(conn: Reading | Writing, mailbox_id: str, holder_id: str) -> Account:
    """Raises Fault for whom mail cannot be entrusted to."""
    holder = find_account(conn, holder_id)
    if holder is None or holder.status == "closed" or holder.id == mailbox_id:
        raise Fault("custodian-invalid", account=holder.login if holder else holder_id)
    return holder


def entrust(
    conn: Writing,
    actor: str,
    mailbox_id: str,
    *,
    holder_id: str | None = None,
    unit_id: str | None = None,
    days: int = CUSTODY_DAYS,
    decision: str = "",
) -> Custody:
    """Let somebody, or the head of a unit, read a closed mailbox; in place of who did before.  Raises Fault."""
    mailbox = _closed(conn, mailbox_id)
    if not conn.reason.strip():
        raise Fault("reason-missing", operation="mailbox.entrust", subject=mailbox.login)
    if days < 1:
        raise Fault("value-invalid", value=days, what="days")
    holder = check_custodian(conn, mailbox_id, holder_id) if holder_id else None
    if holder is None and unit_with_head(conn, unit_id, "") != unit_id:
        raise Fault("head-unknown", unit=unit_id or "?")
    before = custody_of(conn, mailbox_id)
    made = Custody(
        mailbox_id, holder_id or None, None if holder else unit_id, conn.today, days_after(conn.today, days),
        conn.reason.strip(), decision,
    )  # fmt: skip
    conn.execute(delete(custody).where(custody.c.mailbox_id == mailbox_id))
    conn.execute(insert(custody), row_of(made))
    record(
        conn, actor, "mailbox.entrust", mailbox.login, before=told(conn, before) if before else None,
        after=told(conn, made), decision=decision,
    )  # fmt: skip
    return made


def withdraw(conn: Writing, actor: str, mailbox_id: str) -> None:
    """Nobody reads it any longer.  Raises Fault."""
    mailbox, before = _closed(conn, mailbox_id), custody_of(conn, mailbox_id)
    if before is None:
        raise Fault("custody-unknown", mailbox=mailbox.login)
    conn.execute(delete(custody).where(custody.c.mailbox_id == mailbox_id))
    record(conn, actor, "mailbox.withdraw", mailbox.login, before=told(conn, before))


def expire(conn: Writing, actor: str) -> None:
    """What the date alone ends."""
    for row in conn.execute(select(*_COLUMNS).where(custody.c.valid_until < conn.today)).all():
        over = Custody(*tuple(row))
        mailbox = find_account(conn, over.mailbox_id)
        conn.execute(delete(custody).where(custody.c.mailbox_id == over.mailbox_id))
        record(conn, actor, "mailbox.withdraw", mailbox.login if mailbox else over.mailbox_id, before=told(conn, over))


def row_of(made: Custody) -> dict[str, str | None]:
    return {column.name: getattr(made, column.name) for column in _COLUMNS}


def told(conn: Reading | Writing, about: Custody) -> dict[str, str | None]:
    """As the audit record tells of it."""
    holder = find_account(conn, about.holder_id) if about.holder_id else None
    return {
        "to": holder.login if holder else None,
        "head_of": about.unit_id,
        "until": about.valid_until,
        "reason": about.reason,
    }


def _closed(conn: Writing, mailbox_id: str) -> Account:
    found = find_account(conn, mailbox_id)
    if found is None:
        raise Fault("account-unknown", account=mailbox_id)
    if found.status != "closed":
        raise Fault("account-not-closed", account=found.login)
    return found
