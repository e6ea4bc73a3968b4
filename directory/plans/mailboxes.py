"""Mailboxes of units that end: handed over to what follows, or closed with their addresses redirected; and those that
are opened for new units.

An address that was given out stays given out: what a plan opened and was undone is closed, and only the same plan,
made again, opens it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Row, Table, select

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.mail.addresses import address_row, check_issuable
from directory.plans.resolution import REDIRECT, Founding, Outline
from directory.row_changes import Change, made
from directory.tables import (
    account,
    address,
    custody,
    group_account,
    group_poster,
    mailbox_post,
    mailbox_right,
    plan,
    plan_change,
)
from directory.words.names import collation_key

if TYPE_CHECKING:
    from directory.plans.effects import Effects

# Rows that name a mailbox, by which column.
_NAMES_MAILBOX = (
    group_account.c.account_id, group_poster.c.account_id, mailbox_right.c.account_id, mailbox_right.c.mailbox_id,
    custody.c.holder_id,
)  # fmt: skip

Boxes = dict[str, list[Row[Any]]]


def move_mailboxes(conn: Reading | Writing, outline: Outline, effects: Effects) -> None:
    boxes: Boxes = defaultdict(list)
    for row in conn.execute(
        select(account.c.id, account.c.login, account.c.name, account.c.status, account.c.closed_at,
               account.c.unit_id, account.c.unit_name)
        .where(account.c.kind == "unit", account.c.status != "closed")
        .order_by(account.c.login)
    ):  # fmt: skip
        boxes[row.unit_id].append(row)
    receivers = _receivers(conn, outline, effects, boxes)
    written: set[tuple[str, ...]] = set()
    heirs: dict[str, str] = {}  # mailboxes that close → those that follow them
    for ending in outline.endings.values():
        mine = boxes.get(ending.unit.id, [])
        rest = ending.rest
        if mine and rest is None:
            outline.wrong(ending.line, Fault("plan-nowhere", unit=ending.unit.name, count=len(mine)))
            continue
        for box in mine:
            assert rest is not None
            target = outline.after.by_id[rest.unit_id]
            if rest.mailbox != REDIRECT:
                before = {"unit_id": box.unit_id, "unit_name": box.unit_name}
                after = {"unit_id": target.id, "unit_name": target.name}
                effects.changes.append(Change("account", {"id": box.id}, before, after))
                effects.mailboxes.add(box.id)
                effects.tell("mailbox.hand-over", box.login, name=box.name, unit=ending.unit.name, to=target.name)
            elif target.id not in receivers:
                outline.wrong(rest.line, Fault("plan-mailbox-none", unit=target.name))
            else:
                heirs[box.id] = receivers[target.id][0]
                _redirect(conn, outline, effects, box, receivers[target.id], written)
    _follow_units(conn, outline, effects, heirs)


def _receivers(conn: Reading | Writing, outline: Outline, effects: Effects, boxes: Boxes) -> dict[str, tuple[str, str]]:
    """By unit of the day: account and address of the mailbox that takes what is redirected to it."""
    found: dict[str, tuple[str, str]] = {}
    for ending in outline.endings.values():
        rest = ending.rest
        if rest is not None and rest.mailbox != REDIRECT:
            for box in boxes.get(ending.unit.id, []):
                if rest.unit_id not in found or box.login < found[rest.unit_id][1]:
                    found[rest.unit_id] = box.id, box.login
    for unit_id, mine in boxes.items():
        if unit_id not in outline.endings and mine:
            found[unit_id] = mine[0].id, mine[0].login
    opened: dict[str, int] = {}
    for founding in outline.made.values():
        if not founding.mailbox:
            continue
        if founding.mailbox in opened:
            outline.wrong(founding.line, Fault("address-taken", address=founding.mailbox))
            continue
        opened[founding.mailbox] = founding.line
        account_id = outline.tried(founding.line, lambda f=founding: _open(conn, effects, f))  # type: ignore[misc]
        if account_id is not None:
            found[founding.unit.id] = account_id, founding.mailbox
    return found


def _open(conn: Reading | Writing, effects: Effects, founding: Founding) -> str:
    """A mailbox for a new unit.  Raises Fault."""
    wanted, unit = founding.mailbox, founding.unit
    check_issuable(conn, wanted, function=True)
    account_id = _left_by_an_undone_plan(conn, wanted, unit.name)
    if account_id is not None:
        row = conn.execute(select(account).where(account.c.id == account_id)).one()
        after = {"kind": "unit", "status": "active", "closed_at": None, "unit_id": unit.id, "unit_name": unit.name}
        before = {column: getattr(row, column) for column in after}
        effects.changes.append(Change("account", {"id": account_id}, before, after))
        effects.changes.append(Change("address", {"address": wanted}, {"state": "retired"}, {"state": "active"}))
    elif address_row(conn, wanted) is not None:
        raise Fault("address-taken", address=wanted)
    else:
        account_id = conn.new_id()
        effects.changes.append(made("account", ("id",), _account_row(conn, account_id, founding)))
        row_of_address = {
            "address": wanted,
            "state": "active",
            "account_id": account_id,
            "group_id": None,
            "forward_to": None,
            "until": None,
            "created_at": conn.now,
        }
        effects.changes.append(made("address", ("address",), row_of_address))
    effects.mailboxes.add(account_id)
    effects.tell("mailbox.add", wanted, name=unit.name, unit=unit.name)
    return account_id


def _account_row(conn: Reading | Writing, account_id: str, founding: Founding) -> dict[str, Any]:
    unit = founding.unit
    return {
        "id": account_id,
        "kind": "unit",
        "login": founding.mailbox,
        "status": "active",
        "name": unit.name,
        "title": "",
        "unit_name": unit.name,
        "sort_key": collation_key(unit.name),
        "person_id": None,
        "unit_id": unit.id,
        "password_hash": None,
        "password_set_at": None,
        "must_change_password": False,
        "quota_bytes": 0,
        "language": "vi",
        "is_admin": False,
        "created_at": conn.now,
        "closed_at": None,
    }


def _left_by_an_undone_plan(conn: Reading | Writing, wanted: str, name: str) -> str | None:
    row = address_row(conn, wanted)
    if row is None or row.state != "retired" or row.account_id is None:
        return None
    was_opened = (
        select(plan_change.c.number)
        .join(plan, plan.c.id == plan_change.c.plan_id)
        .join(account, account.c.id == row.account_id)
        .where(
            account.c.status == "closed",
            account.c.name == name,
            plan.c.state == "undone",
            plan_change.c.table_name == "address",
            plan_change.c.row_key == f'{{"address": "{wanted}"}}',
            plan_change.c.before.is_(None),
        )
    )
    return row.account_id if conn.execute(was_opened).first() is not None else None


def _redirect(
    conn: Reading | Writing,
    outline: Outline,
    effects: Effects,
    box: Row[Any],
    to: tuple[str, str],
    written: set[tuple[str, ...]],
) -> None:
    """The mailbox closes; what is written to its addresses goes to the receiver.  Its mail stays where it is, and
    whoever reads the receiver reads it there; whoever had a right over it has the same over the receiver.
    """
    (receiver_id, receiver), until = to, outline.plan.redirect_until
    closed = {"status": "closed", "closed_at": conn.now}
    before = {"status": box.status, "closed_at": box.closed_at}
    effects.changes.append(Change("account", {"id": box.id}, before, closed))
    held = select(address.c.address).where(address.c.account_id == box.id, address.c.state == "active")
    for (found,) in conn.execute(held.order_by(address.c.address)):
        was = {"state": "active", "forward_to": None, "until": None}
        now = {"state": "redirect", "forward_to": receiver, "until": until}
        effects.changes.append(Change("address", {"address": found}, was, now))
    for column in _NAMES_MAILBOX:
        _hand_on(conn, effects, column, box.id, receiver_id, written)
    care = {
        "mailbox_id": box.id,
        "holder_id": receiver_id,
        "unit_id": None,
        "valid_from": outline.plan.effective,
        "valid_until": None,
        "reason": outline.plan.title,
        "decision": outline.plan.decision,
    }
    effects.changes.append(made("custody", ("mailbox_id",), care))
    effects.mailboxes.add(box.id)
    effects.closed.append(box.id)
    effects.tell(
        "mailbox.close", box.login, name=box.name, unit=box.unit_name, redirect_to=receiver, redirect_until=until
    )


def _hand_on(
    conn: Reading | Writing,
    effects: Effects,
    column: Column[Any],
    box_id: str,
    receiver_id: str,
    written: set[tuple[str, ...]],
) -> None:
    """Rows that name the mailbox that closes name its receiver, unless others say the same of it already."""
    table = column.table
    assert isinstance(table, Table)
    keys = [key.name for key in table.primary_key]
    for row in conn.execute(select(table).where(column == box_id).order_by(*table.primary_key)).mappings().all():
        key = {name: row[name] for name in keys}
        if column.name not in keys:
            effects.changes.append(Change(table.name, key, {column.name: box_id}, {column.name: receiver_id}))
            continue
        if _is_new(written, table, *key.values()):
            effects.changes.append(Change(table.name, key, dict(row), None))
        heir = dict(row) | {column.name: receiver_id}
        is_of_itself = heir.get("mailbox_id") == heir.get("account_id")
        if is_of_itself or not _is_new(written, table, *(heir[name] for name in keys)):
            continue
        if conn.execute(select(table).where(*(table.c[name] == heir[name] for name in keys))).first() is None:
            effects.changes.append(made(table.name, tuple(keys), heir))


def _follow_units(conn: Reading | Writing, outline: Outline, effects: Effects, heirs: Mapping[str, str]) -> None:
    """Posts that go with a mailbox, and custody by the head of a unit, where the unit ends."""
    posts = {tuple(row) for row in conn.execute(select(mailbox_post))}
    keys = ("mailbox_id", "unit_id", "position_id")
    for old in sorted(posts):
        mailbox_id, unit_id, position_id = old
        ending = outline.endings.get(unit_id)
        follower = unit_id if ending is None else ending.rest.unit_id if ending.rest is not None else None
        new = (heirs.get(mailbox_id, mailbox_id), follower, position_id)
        if new == old:
            continue
        whole = dict(zip(keys, old, strict=True))
        effects.changes.append(Change("mailbox_post", whole, whole, None))
        if follower is not None and new not in posts:
            posts.add(new)
            effects.changes.append(made("mailbox_post", keys, dict(zip(keys, new, strict=True))))
    headed = select(custody.c.mailbox_id, custody.c.unit_id).where(custody.c.unit_id.is_not(None))
    for row in conn.execute(headed.order_by(custody.c.mailbox_id)).all():
        rest = outline.endings[row.unit_id].rest if row.unit_id in outline.endings else None
        if rest is not None:
            key, now = {"mailbox_id": row.mailbox_id}, {"unit_id": rest.unit_id}
            effects.changes.append(Change("custody", key, {"unit_id": row.unit_id}, now))


def _is_new(written: set[tuple[str, ...]], table: Table, *key: str) -> bool:
    """Whether this row is met for the first time."""
    known = len(written)
    written.add((table.name, *key))
    return len(written) > known
