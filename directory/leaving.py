"""Somebody leaves, and comes back."""

from __future__ import annotations

from sqlalchemy import delete, or_, update

from directory import app_passwords, delegations, scram_verifiers, search_index
from directory.account_changes import known_account
from directory.accounts import Account
from directory.address_life import quarantine
from directory.addresses import address_row, is_local_domain, spelled_out
from directory.database import Writing
from directory.faults import Fault
from directory.people import find_official
from directory.posting_changes import end_posts, new_post, open_posts, told
from directory.postings import AppointmentKind, refresh
from directory.record import record
from directory.sessions import end_all
from directory.tables import account, address, group_account, group_poster, mailbox_right, person


def leave(
    conn: Writing,
    actor: str,
    account_id: str,
    *,
    last_day: str,
    redirect_to: str = "",
    redirect_until: str | None = None,
    decision: str = "",
) -> None:
    """Somebody leaves, or a mailbox is closed: posts end, sign-in ends, addresses redirect or go out of use.

    The mail stays where it is.  The addresses are never given to anybody else.  Raises Fault.
    """
    found = known_account(conn, account_id)
    if found.status == "closed":
        raise Fault("account-closed", account=found.login)
    target = spelled_out(conn, redirect_to) if redirect_to else None
    if target is not None:
        _check_redirect(conn, found, target)
    official = find_official(conn, account_id) if found.kind == "person" else None
    ending = open_posts(conn, official, last_day) if official is not None else []
    if official is not None:
        end_posts(conn, ending, last_day)
        conn.execute(update(person).where(person.c.id == official.person_id).values(left_on=last_day))
    conn.execute(update(account).where(account.c.id == account_id).values(status="closed", closed_at=conn.now))
    mine = (address.c.account_id == account_id) & (address.c.state == "active")
    if target is None:
        quarantine(conn, mine)
    else:
        conn.execute(update(address).where(mine).values(state="redirect", forward_to=target, until=redirect_until))
    conn.execute(delete(group_account).where(group_account.c.account_id == account_id))
    conn.execute(delete(group_poster).where(group_poster.c.account_id == account_id))
    conn.execute(
        delete(mailbox_right).where(
            or_(mailbox_right.c.account_id == account_id, mailbox_right.c.mailbox_id == account_id)
        )
    )
    delegations.forget(conn, account_id)
    end_all(conn, account_id)
    app_passwords.revoke_all(conn, account_id)
    scram_verifiers.forget(conn, account_id)
    search_index.remove(conn, account_id)
    if official is not None:
        refresh(conn, [official.person_id])
    action = "official.leave" if official else "mailbox.close"
    record(
        conn,
        actor,
        action,
        found.login,
        name=found.name,
        before={"status": found.status, "posts": told(ending)},
        last_day=last_day,
        redirect_to=target,
        redirect_until=redirect_until if target else None,
        decision=decision,
    )


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
    conn.execute(
        update(account)
        .where(account.c.id == account_id)
        .values(status="active", closed_at=None, password_hash=None, password_set_at=None)
    )
    conn.execute(
        update(address).where(address.c.account_id == account_id).values(state="active", forward_to=None, until=None)
    )
    conn.execute(update(person).where(person.c.id == official.person_id).values(left_on=None))
    new_post(
        conn,
        official,
        unit_id,
        position_id,
        from_day,
        None,
        title,
        kind,
        None,
        primary=True,
        decision=decision,
    )
    record(conn, actor, "official.return", official.account.login, unit=unit_id, from_day=from_day, decision=decision)
    refresh(conn, [official.person_id])


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
