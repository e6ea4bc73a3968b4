"""Orders to leave, and what leaving changes, row by row (``leaving`` carries it out and takes it back)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from directory.database import Reading, Writing
from directory.dates import days_after, holds
from directory.mail import custody
from directory.mail.accounts import Account, find_account
from directory.mail.address_life import QUARANTINE_DAYS
from directory.mail.addresses import address_row
from directory.row_changes import Change, made
from directory.staff.people import Official
from directory.staff.postings import Appointment, appointments_of, row_of
from directory.staff.units import tree
from directory.tables import (
    account,
    address,
    delegation,
    departure,
    group_account,
    group_moderator,
    group_poster,
    mailbox_post,
    mailbox_right,
)
from directory.tables import custody as custody_table


@dataclass(frozen=True, slots=True)
class Departure:
    """An order to leave."""

    id: str
    account_id: str
    last_day: str
    state: str
    redirect_to: str | None
    redirect_until: str | None
    custodian_id: str | None  # none: the head of the unit
    custody_days: int  # 0: nobody reads what is left
    reason: str
    decision: str
    actor: str
    ordered_at: int
    problem: str


DEPARTURE_COLUMNS = (
    departure.c.id,
    departure.c.account_id,
    departure.c.last_day,
    departure.c.state,
    departure.c.redirect_to,
    departure.c.redirect_until,
    departure.c.custodian_id,
    departure.c.custody_days,
    departure.c.reason,
    departure.c.decision,
    departure.c.actor,
    departure.c.ordered_at,
    departure.c.problem,
)
# What names the leaver, and ends with him.
NAMING = (
    (group_account, group_account.c.account_id),
    (group_poster, group_poster.c.account_id),
    (group_moderator, group_moderator.c.account_id),
    (mailbox_right, mailbox_right.c.account_id),
    (mailbox_right, mailbox_right.c.mailbox_id),
    (mailbox_post, mailbox_post.c.mailbox_id),
    (delegation, delegation.c.account_id),
)


def planned_leaving(conn: Reading | Writing, account_id: str) -> Departure | None:
    row = conn.execute(
        select(*DEPARTURE_COLUMNS).where(departure.c.account_id == account_id, departure.c.state == "planned")
    ).first()
    return Departure(*tuple(row)) if row else None


def leavings(conn: Reading | Writing, *, before: str | None = None) -> list[Departure]:
    """Orders that wait, by day; only those whose last day lies ``before`` one."""
    statement = select(*DEPARTURE_COLUMNS).where(departure.c.state == "planned")
    if before is not None:
        statement = statement.where(departure.c.last_day < before)
    found = conn.execute(statement.order_by(departure.c.last_day, departure.c.ordered_at, departure.c.id))
    return [Departure(*tuple(row)) for row in found]


# --- what changes -------------------------------------------------------------------------------------------


def effects_of(
    conn: Writing,
    order: Departure,
    found: Account,
    official: Official | None,
    ending: list[Appointment],
    care: custody.Custody | None,
) -> list[Change]:
    """Every row that a leaving changes: of the person, the account, whoever names it, and mail in his custody."""
    changes = [*_of_person(official, ending, order), *_of_account(conn, found, order), *_of_others(conn, found.id)]
    changes += _of_wards(conn, found.id, official, order.last_day)
    if care is not None:
        changes.append(made("custody", ("mailbox_id",), custody.row_of(care)))
    return changes


def custody_after(conn: Writing, order: Departure, official: Official | None) -> custody.Custody | None:
    """Who reads what is left behind; None: nobody.  What a unit's or a role's mailbox holds is read with the mailbox
    that follows it, for good.
    """
    if official is None and order.custodian_id is None:
        follower = _follower(conn, order)
        if follower is None:
            return None
        return custody.Custody(
            order.account_id, follower.id, None, conn.today, None, order.reason, order.decision
        )  # fmt: skip
    if not order.custody_days:
        return None
    unit_id = None
    if order.custodian_id is None and official is not None:
        unit_id = custody.unit_with_head(conn, _unit_of(conn, official, order.last_day), official.person_id)
        if unit_id is None:
            return None
    return custody.Custody(
        order.account_id, order.custodian_id, unit_id, conn.today, days_after(conn.today, order.custody_days),
        order.reason, order.decision,
    )  # fmt: skip


def _follower(conn: Writing, order: Departure) -> Account | None:
    row = address_row(conn, order.redirect_to) if order.redirect_to is not None else None
    target = find_account(conn, row.account_id) if row is not None and row.account_id is not None else None
    return target if target is not None and target.kind != "person" else None


def _unit_of(conn: Writing, official: Official, day: str) -> str | None:
    """Where somebody worked on his last day, by the post that named him."""
    posts = appointments_of(conn, official.person_id)
    held = [post for post in posts if holds(post.valid_from, post.valid_until, day)] or posts
    unit_id = min(held, key=lambda post: (not post.is_primary, post.rank)).unit_id if held else None
    return unit_id if unit_id in tree(conn).by_id else None


def _of_person(official: Official | None, ending: list[Appointment], order: Departure) -> Iterator[Change]:
    if official is None:
        return
    for post in ending:
        key = {"id": post.id}
        if post.valid_from > order.last_day:  # it never began
            yield Change("appointment", key, row_of(post), None)
        else:
            yield Change("appointment", key, {"valid_until": post.valid_until}, {"valid_until": order.last_day})
    yield Change("person", {"id": official.person_id}, {"left_on": official.left_on}, {"left_on": order.last_day})


def _of_account(conn: Writing, found: Account, order: Departure) -> Iterator[Change]:
    now = conn.execute(select(account.c.opens_on, account.c.is_admin).where(account.c.id == found.id)).one()
    yield Change(
        "account",
        {"id": found.id},
        {"status": found.status, "closed_at": None, "opens_on": now.opens_on, "is_admin": bool(now.is_admin)},
        {"status": "closed", "closed_at": conn.now, "opens_on": None, "is_admin": False},
    )
    ended = {"state": "quarantined", "forward_to": None, "until": days_after(conn.today, QUARANTINE_DAYS)}
    if order.redirect_to is not None:
        ended = {"state": "redirect", "forward_to": order.redirect_to, "until": order.redirect_until}
    mine = select(address.c.address).where(address.c.account_id == found.id, address.c.state == "active")
    for text in conn.execute(mine.order_by(address.c.address)).scalars():
        was = {"state": "active", "forward_to": None, "until": None}
        yield Change("address", {"address": text}, was, ended)


def _of_others(conn: Writing, account_id: str) -> Iterator[Change]:
    for table, column in NAMING:
        for row in conn.execute(select(table).where(column == account_id).order_by(*table.primary_key)).mappings():
            yield Change(table.name, {key.name: row[key.name] for key in table.primary_key}, dict(row), None)


def _of_wards(conn: Writing, account_id: str, official: Official | None, last_day: str) -> Iterator[Change]:
    """What he had custody of goes to the head of his unit; mail that nobody could read then, to nobody.  What a mailbox
    had custody of stays with it, for whoever reads that one.
    """
    if official is None:
        return
    mine = select(custody_table).where(custody_table.c.holder_id == account_id)
    for row in conn.execute(mine.order_by(custody_table.c.mailbox_id)).mappings():
        unit_id = custody.unit_with_head(conn, _unit_of(conn, official, last_day), official.person_id)
        key = {"mailbox_id": row["mailbox_id"]}
        if unit_id is None:
            yield Change("custody", key, dict(row), None)
        else:
            yield Change(
                "custody", key, {"holder_id": account_id, "unit_id": None}, {"holder_id": None, "unit_id": unit_id}
            )
