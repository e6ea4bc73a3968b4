"""Aliases: further addresses of an account or a group, and addresses of ours that lead outside.

An alias leads to exactly one place; an address that reaches several is a group.  A removed alias is
quarantined and at last retired, not deleted: only its last owner can have it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import insert, or_, select, update

from directory.database import Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import find_account
from directory.mail.address_life import quarantine
from directory.mail.addresses import address_row, check_issuable, is_local_domain, owner_row, spelled_out
from directory.record import record
from directory.staff.people import like_pattern
from directory.tables import account, address, mail_group
from directory.words import search_index

ENDED = ("quarantined", "retired")


@dataclass(frozen=True, slots=True)
class Alias:
    address: str
    state: str
    leads_to: str
    until: str | None


_SELECT = (
    select(
        address.c.address,
        address.c.state,
        address.c.until,
        address.c.forward_to,
        account.c.login,
        mail_group.c.address.label("group_address"),
    )
    .outerjoin(account, account.c.id == address.c.account_id)
    .outerjoin(mail_group, mail_group.c.id == address.c.group_id)
    .where(
        # primary addresses of the living are no aliases
        or_(account.c.login.is_(None), account.c.login != address.c.address, address.c.state != "active"),
        or_(mail_group.c.address.is_(None), mail_group.c.address != address.c.address, address.c.state != "active"),
    )
    .order_by(address.c.address)
)


def add_alias(conn: Writing, actor: str, alias_text: str, target_text: str) -> Alias:
    """A new address that leads to an existing one of ours, or outside.  Raises Fault."""
    wanted, target = spelled_out(conn, alias_text), spelled_out(conn, target_text)
    check_issuable(conn, wanted, function=True)
    if wanted == target:
        raise Fault("alias-loop", address=wanted)
    owner: dict[str, str | None] = {"account_id": None, "group_id": None, "forward_to": None}
    if is_local_domain(conn, target.rpartition("@")[2]):
        row = owner_row(conn, target)
        if row is None or row.state != "active":
            raise Fault("address-unknown", address=target)
        owner = {"account_id": row.account_id, "group_id": row.group_id, "forward_to": row.forward_to}
    else:
        local, _, domain = target.rpartition("@")
        if not local or "." not in domain or " " in target:
            raise Fault("address-malformed", address=target)
        owner["forward_to"] = target
    known = address_row(conn, wanted)
    if known is None:
        conn.execute(
            insert(address), {"address": wanted, "state": "active", "until": None, "created_at": conn.now, **owner}
        )
    elif known.state in ENDED and (known.account_id, known.group_id, known.forward_to) == (
        owner["account_id"],
        owner["group_id"],
        owner["forward_to"],
    ):
        conn.execute(update(address).where(address.c.address == wanted).values(state="active", until=None))
    else:
        raise Fault("address-taken", address=wanted)
    record(conn, actor, "alias.add", wanted, leads_to=target)
    if owner["account_id"] is not None:
        search_index.add_local_parts(conn, owner["account_id"])
    return find_alias(conn, wanted)


def remove_alias(conn: Writing, actor: str, alias_text: str) -> None:
    """Take an alias out of use, or end a redirect before its day.  Raises Fault."""
    wanted = spelled_out(conn, alias_text)
    found = find_alias(conn, wanted)
    if found.state in ENDED:
        raise Fault("alias-unknown", address=wanted)
    quarantine(conn, address.c.address == wanted)
    record(conn, actor, "alias.remove", wanted, leads_to=found.leads_to)


def find_alias(conn: Reading | Writing, alias_text: str) -> Alias:
    """Raises Fault, also for a primary address."""
    wanted = spelled_out(conn, alias_text)
    row = conn.execute(_SELECT.where(address.c.address == wanted)).first()
    if row is None:
        known = address_row(conn, wanted)
        if known is not None:
            owner = find_account(conn, known.account_id) if known.account_id else None
            raise Fault("address-primary", address=wanted, account=owner.name if owner else wanted)
        raise Fault("alias-unknown", address=wanted)
    return Alias(row.address, row.state, row.forward_to or row.login or row.group_address or "", row.until)


def list_aliases(conn: Reading | Writing, text: str = "", *, retired: bool = False) -> Iterator[Alias]:
    """Aliases and redirects whose address or target contains the text."""
    statement = _SELECT
    if not retired:
        statement = statement.where(address.c.state.not_in(ENDED))
    if text:
        pattern = like_pattern(text.lower())
        statement = statement.where(
            or_(
                address.c.address.like(pattern, escape="\\"),
                address.c.forward_to.like(pattern, escape="\\"),
                account.c.login.like(pattern, escape="\\"),
                mail_group.c.address.like(pattern, escape="\\"),
            )
        )
    for row in conn.execute(statement):
        yield Alias(row.address, row.state, row.forward_to or row.login or row.group_address or "", row.until)
