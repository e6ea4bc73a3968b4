"""Somebody leaves: ordered, carried out after the last day, taken back if it was a mistake; and comes back.

One operation ends everything: posts, sign-in with all sessions and app passwords, memberships, rights over mailboxes,
administration.  The addresses redirect or go out of use, and are never anybody else's; the mail stays, closed, and is
read by whoever has custody of it (``custody``).  An order whose last day has not passed waits for the housekeeper.

Taking a leaving back restores every row that it changed, while each still stands as it left it: for a mistake found
soon.  Coming back is for whoever returns later: the same person, mailbox and addresses, nothing of the old rights.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, insert, select, update

from directory.administration.authority import settled
from directory.database import Directory, Writing
from directory.faults import Fault
from directory.mail import custody
from directory.mail.account_changes import known_account
from directory.mail.accounts import Account
from directory.mail.addresses import address_row, is_local_domain, spelled_out
from directory.mail.custody import CUSTODY_DAYS
from directory.mail.mailboxes import index
from directory.pki import certificates
from directory.record import record
from directory.row_changes import Change, as_text, carry_out, from_text
from directory.signing_in import app_passwords, scram_verifiers
from directory.signing_in.sessions import end_all
from directory.staff.departures import (
    DEPARTURE_COLUMNS,
    Departure,
    custody_after,
    effects_of,
    leavings,
    planned_leaving,
)
from directory.staff.people import Official, find_official
from directory.staff.posting_changes import new_post, open_posts, told
from directory.staff.postings import AppointmentKind, refresh
from directory.staff.units import tree
from directory.tables import account, address, appointment, departure, person
from directory.tables import custody as custody_table
from directory.words import search_index

# --- orders -------------------------------------------------------------------------------------------------


def leave(
    conn: Writing,
    actor: str,
    account_id: str,
    *,
    last_day: str,
    redirect_to: str = "",
    redirect_until: str | None = None,
    custodian_id: str | None = None,
    custody_days: int = CUSTODY_DAYS,
    decision: str = "",
) -> Departure:
    """Somebody leaves, or a mailbox is closed; at once if the last day has passed.  Raises Fault."""
    found = known_account(conn, account_id)
    if found.status == "closed":
        raise Fault("account-closed", account=found.login)
    known = planned_leaving(conn, account_id)
    if known is not None:
        raise Fault("leave-ordered", account=found.login, day=known.last_day)
    target = spelled_out(conn, redirect_to) if redirect_to else None
    if target is not None:
        _check_redirect(conn, found, target)
    if redirect_until is not None and redirect_until <= last_day:
        raise Fault("day-order", first=last_day, second=redirect_until)
    if custody_days < 0:
        raise Fault("value-invalid", value=custody_days, what="days")
    if custodian_id:
        _appoint_custodian(conn, actor, found, custodian_id, custody_days, decision)
    order = Departure(
        conn.new_id(),
        account_id,
        last_day,
        "planned",
        target,
        redirect_until if target else None,
        custodian_id or None,
        custody_days if found.kind == "person" or custodian_id else 0,
        conn.reason,
        decision,
        actor,
        conn.now,
        "",
    )
    conn.execute(
        insert(departure),
        {column.name: getattr(order, column.name) for column in DEPARTURE_COLUMNS} | {"changes": ""},
    )
    if last_day < conn.today:
        return _carry_out(conn, actor, order)
    record(
        *(conn, actor, f"{_action(found)}.order", found.login),
        name=found.name,
        last_day=last_day,
        redirect_to=order.redirect_to,
        decision=decision,
    )
    return order


def _appoint_custodian(conn: Writing, actor: str, found: Account, custodian_id: str, days: int, decision: str) -> None:
    """Who may make somebody leave may not therefore choose who reads his mail: that is judged by itself."""
    custodian = custody.check_custodian(conn, found.id, custodian_id)
    if not conn.reason.strip():
        raise Fault("reason-missing", operation="mailbox.entrust", subject=found.login)
    record(conn, actor, "mailbox.entrust", found.login, after={"to": custodian.login, "days": days}, decision=decision)


def carry_out_due(directory: Directory, actor: str) -> list[str]:
    """The housekeeper's part: orders whose last day has passed; whose accounts that were."""
    with directory.read() as conn:
        due = leavings(conn, before=conn.today)
    for order in due:
        with directory.write(reason=order.reason) as writing:
            still = planned_leaving(writing, order.account_id)
            if still is None or still.id != order.id:
                continue  # another process was quicker
            owner = known_account(writing, order.account_id)
            if owner.status == "closed":  # a plan has closed it meanwhile
                _withdraw(writing, actor, owner, order, "")
            else:
                _carry_out(writing, actor, _as_it_can_be(writing, order))
    return [order.account_id for order in due]


def take_back(conn: Writing, actor: str, account_id: str, *, decision: str = "") -> Departure:
    """An order that waits is withdrawn; one that was carried out is undone.  Raises Fault."""
    found = known_account(conn, account_id)
    order = planned_leaving(conn, account_id)
    if order is not None:
        return _withdraw(conn, actor, found, order, decision)
    row = conn.execute(
        select(*DEPARTURE_COLUMNS, departure.c.changes)
        .where(departure.c.account_id == account_id, departure.c.state == "done")
        .order_by(departure.c.ordered_at.desc(), departure.c.id.desc())
    ).first()
    if row is None or found.status != "closed":
        raise Fault("leave-unknown", account=found.login)
    return _undo(conn, actor, found, Departure(*tuple(row)[:-1]), from_text(row.changes), decision)


def come_back(
    conn: Writing,
    actor: str,
    official_key: str,
    *,
    unit_id: str,
    position_id: str,
    from_day: str,
    title: str = "",
    kind: AppointmentKind = "substantive",
    decision: str = "",
) -> None:
    """Somebody who left returns to the same mailbox and addresses; the password must be set anew.  Raises
    Fault.
    """
    official = find_official(conn, official_key)
    if official.account.status != "closed":
        raise Fault("account-not-closed", account=official.account.login)
    account_id = official.account.id
    later = from_day > conn.today
    conn.execute(
        update(account)
        .where(account.c.id == account_id)
        .values(
            status="locked" if later else "active",
            opens_on=from_day if later else None,
            closed_at=None,
            password_hash=None,
            password_set_at=None,
            is_admin=False,
        )
    )
    conn.execute(
        update(address)
        .where(address.c.address.in_(_addresses_left(conn, official)))
        .values(state="active", forward_to=None, until=None)
    )
    conn.execute(delete(custody_table).where(custody_table.c.mailbox_id == account_id))
    conn.execute(update(person).where(person.c.id == official.person_id).values(left_on=None))
    new_post(
        conn, official, unit_id, position_id, from_day, None, title, kind, None, primary=True, decision=decision
    )  # fmt: skip
    record(conn, actor, "official.return", official.account.login, unit=unit_id, from_day=from_day, decision=decision)
    refresh(conn, [official.person_id])


# --- carrying out -------------------------------------------------------------------------------------------


def _carry_out(conn: Writing, actor: str, order: Departure) -> Departure:
    found = known_account(conn, order.account_id)
    official = find_official(conn, found.id) if found.kind == "person" else None
    ending = open_posts(conn, official, order.last_day) if official is not None else []
    care = custody_after(conn, order, official)
    changes = effects_of(conn, order, found, official, ending, care)
    carry_out(conn, changes)
    conn.execute(
        update(departure)
        .where(departure.c.id == order.id)
        .values(state="done", changes=as_text(changes), problem=order.problem)
    )
    end_all(conn, found.id)
    app_passwords.revoke_all(conn, found.id)
    scram_verifiers.forget(conn, found.id)
    search_index.remove(conn, found.id)
    if official is not None:
        refresh(conn, [official.person_id])
    record(
        conn,
        actor,
        _action(found),
        found.login,
        name=found.name,
        before={"status": found.status, "posts": told(ending)},
        last_day=order.last_day,
        redirect_to=order.redirect_to,
        redirect_until=order.redirect_until,
        custody=custody.told(conn, care) if care else None,
        decision=order.decision,
        problem=order.problem,
    )
    with settled(conn):  # from this moment nobody signs as him, and nobody encrypts to him
        certificates.revoke(conn, actor, certificates.certificates_of(conn, found.id), certificates.LEFT)
    return replace(order, state="done")


def _as_it_can_be(conn: Writing, order: Departure) -> Departure:
    """Who leaves must leave, though meanwhile his successor or his custodian has gone."""
    problems = []
    if order.redirect_to is not None:
        try:
            _check_redirect(conn, known_account(conn, order.account_id), order.redirect_to)
        except Fault as fault:
            problems.append(fault.text("vi"))
            order = replace(order, redirect_to=None, redirect_until=None)
    if order.custodian_id is not None:
        try:
            custody.check_custodian(conn, order.account_id, order.custodian_id)
        except Fault as fault:
            problems.append(fault.text("vi"))
            order = replace(order, custodian_id=None)
    return replace(order, problem="\n".join(problems))


def _check_redirect(conn: Writing, leaver: Account, target: str) -> None:
    domain_name = target.rpartition("@")[2]
    if not is_local_domain(conn, domain_name):
        # mail of a public office does not follow a person out of it
        raise Fault("domain-unknown", domain=domain_name or target)
    row = address_row(conn, target)
    if row is None or row.state != "active":
        raise Fault("address-unknown", address=target)
    if row.account_id == leaver.id:
        raise Fault("alias-loop", address=target)


# --- taking back --------------------------------------------------------------------------------------------


def _withdraw(conn: Writing, actor: str, found: Account, order: Departure, decision: str) -> Departure:
    conn.execute(update(departure).where(departure.c.id == order.id).values(state="withdrawn"))
    record(conn, actor, f"{_action(found)}.withdraw", found.login, last_day=order.last_day, decision=decision)
    return replace(order, state="withdrawn")


def _undo(
    conn: Writing, actor: str, found: Account, order: Departure, changes: list[Change], decision: str
) -> Departure:
    official = find_official(conn, found.id) if found.kind == "person" else None
    for change in changes:
        if change.table == "appointment" and official is not None:
            _refuse_closed_unit(conn, change)
    carry_out(conn, [change.reversed() for change in reversed(changes)], overtaken="leave-overtaken")
    conn.execute(update(departure).where(departure.c.id == order.id).values(state="undone"))
    if official is not None:
        refresh(conn, [official.person_id])
    else:
        index(conn, [found.id])
    record(conn, actor, f"{_action(found)}.undo", found.login, last_day=order.last_day, decision=decision)
    return replace(order, state="undone")


def _refuse_closed_unit(conn: Writing, change: Change) -> None:
    """A post is restored only where its unit goes on.  Raises Fault."""
    unit_id = (change.before or {}).get("unit_id") or conn.execute(
        select(appointment.c.unit_id).where(appointment.c.id == change.key["id"])
    ).scalar_one_or_none()
    until = (change.before or {}).get("valid_until")
    if unit_id not in tree(conn).by_id and (until is None or until >= conn.today):
        raise Fault("leave-overtaken", what=f"unit {unit_id}")


def _addresses_left(conn: Writing, official: Official) -> set[str]:
    """What the last leaving took from him; never an alias that he had lost before."""
    changes = conn.execute(
        select(departure.c.changes)
        .where(departure.c.account_id == official.account.id, departure.c.state == "done")
        .order_by(departure.c.ordered_at.desc(), departure.c.id.desc())
    ).scalar()
    taken = {change.key["address"] for change in from_text(changes or "") if change.table == "address"}
    return taken | {official.account.login}


def _action(found: Account) -> str:
    return "official.leave" if found.kind == "person" else "mailbox.close"
