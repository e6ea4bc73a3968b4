"""Delegations: given, taken back, listed; and the sign-in of somebody who acts as administrator."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select

from directory.administration.authority import refuse
from directory.administration.bounds import (
    DELEGATION_COLUMNS,
    delegation_from_row,
    delegations_of,
    own_rank,
    paths_of,
    whole_city,
)
from directory.administration.roles import ATTRIBUTE_NAMES, ROLES, Delegation, Role, has_operation, rank_of
from directory.database import Directory, Question, Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import Account, credentials_by_login, find_mailbox_owner
from directory.record import record
from directory.signing_in import second_factor
from directory.tables import account, delegation, group_moderator
from security.passwords import verify_password


@dataclass(frozen=True, slots=True)
class Granted:
    """A delegation with whose it is."""

    delegation: Delegation
    login: str
    name: str


_ALL = select(*DELEGATION_COLUMNS, account.c.login, account.c.name).join_from(
    delegation, account, account.c.id == delegation.c.account_id
)
_MARKED = (
    select(account.c.id, account.c.login, account.c.name)
    .where(account.c.is_admin.is_(True), account.c.status == "active")
    .order_by(account.c.login)
)
_MODERATES = Question(
    select(group_moderator.c.group_id).where(group_moderator.c.account_id == bindparam("account")).limit(1)
)


def list_delegations(conn: Reading | Writing, account_id: str = "") -> list[Granted]:
    """Of one or of all, by login; those that have ended too, and first whoever is marked as administrator."""
    statement, marked = _ALL.order_by(account.c.login, delegation.c.id), _MARKED
    if account_id:
        statement = statement.where(delegation.c.account_id == account_id)
        marked = marked.where(account.c.id == account_id)
    found = [Granted(whole_city(row.id), row.login, row.name) for row in conn.execute(marked)]
    found += [Granted(delegation_from_row(tuple(row[:-2])), row.login, row.name) for row in conn.execute(statement)]
    return found


def grant(
    conn: Writing,
    actor: str,
    account_key: str,
    role: Role,
    *,
    unit_id: str | None = None,
    attributes: Collection[str] = (),
    below_rank: int | None = None,
    until: str | None = None,
) -> Delegation:
    """Nobody gives more than he has himself.  Raises Fault."""
    holder = find_mailbox_owner(conn, account_key)
    if holder is None:
        raise Fault("account-unknown", account=account_key)
    if holder.status == "closed":
        raise Fault("account-closed", account=holder.login)
    if holder.kind != "person":  # administrators are told apart by their accounts
        raise Fault("official-unknown", official=holder.login)
    for attribute in attributes:
        if attribute not in ATTRIBUTE_NAMES:
            raise Fault("value-invalid", value=attribute, what=f"attribute ({', '.join(ATTRIBUTE_NAMES)})")
    if until is not None and until < conn.today:
        raise Fault("day-order", first=conn.today, second=until)
    made = Delegation(
        conn.new_id(), holder.id, role, unit_id, frozenset(attributes), below_rank, until, actor[:100], conn.now
    )
    held_by = delegations_of(conn, conn.administrator) if conn.is_delegated else []
    if conn.is_delegated and not any(_bounds(conn, held, made) for held in held_by):
        raise refuse(conn, actor, "delegation-beyond", "admin.grant", holder.login)
    conn.execute(
        insert(delegation),
        {
            "id": made.id,
            "account_id": holder.id,
            "role": role,
            "unit_id": unit_id,
            "attributes": " ".join(sorted(made.attributes)),
            "below_rank": below_rank,
            "valid_until": until,
            "granted_by": made.granted_by,
            "granted_at": made.granted_at,
        },
    )
    record(conn, actor, "admin.grant", holder.login, delegation=made.id, after=_told(made))
    return made


def revoke(conn: Writing, actor: str, delegation_id: str) -> Granted:
    """Raises Fault."""
    row = conn.execute(_ALL.where(delegation.c.id == delegation_id)).first()
    if row is None:
        raise Fault("delegation-unknown", delegation=delegation_id)
    gone = Granted(delegation_from_row(tuple(row[:-2])), row.login, row.name)
    conn.execute(delete(delegation).where(delegation.c.id == delegation_id))
    record(conn, actor, "admin.revoke", gone.login, delegation=delegation_id, before=_told(gone.delegation))
    return gone


def sign_in(
    directory: Directory, login: str, password: str, *, origin: str, ask_code: Callable[[], str] = lambda: ""
) -> Account:
    """The account that answers for what follows; ``ask_code`` where it has a second factor.

    Raises Fault; every attempt that fails is recorded.
    """
    with directory.read() as conn:
        found = credentials_by_login(conn, login)
        fault: Fault | None = None
        # a login that nobody has takes as long as a wrong password
        right = verify_password(found.password_hash if found else None, password)
        if not right or found is None or found.account.status != "active" or found.must_change_password:
            fault = Fault("admin-sign-in")
        elif not delegations_of(conn, found.account.id) and conn.row(_MODERATES, account=found.account.id) is None:
            fault = Fault("admin-none", login=found.account.login)
        asks_code = found is not None and second_factor.is_on(conn, found.account.id)
    if fault is None and found is not None and asks_code:
        code = ask_code()
        with directory.write(origin=origin) as writing:
            if second_factor.prove(writing, found.account.id, code) is None:
                fault = Fault("admin-sign-in")
    if fault is not None:
        with directory.write(origin=origin) as writing:
            record(writing, found.account.login if found else "", "admin.sign-in-refused", login[:254], why=fault.code)
        raise fault
    assert found is not None
    return found.account


def _bounds(conn: Writing, held: Delegation, made: Delegation) -> bool:
    """Whether what is held has all of what is made."""
    if held.valid_until is not None and held.valid_until < conn.today:
        return False
    if not has_operation(held.role, "admin.grant") or held.attributes or made.role not in ROLES[held.role].grants:
        return False
    if held.unit_id is not None and not (
        made.unit_id is not None and all(held.unit_id in path for path in paths_of(conn, made.unit_id))
    ):
        return False
    if held.valid_until is not None and (made.valid_until is None or made.valid_until > held.valid_until):
        return False
    ceiling = rank_of(held, own_rank(conn, held.account_id))
    return rank_of(made, own_rank(conn, made.account_id)) >= ceiling


def _told(made: Delegation) -> dict[str, object]:
    told = {
        "role": made.role,
        "unit": made.unit_id,
        "attributes": sorted(made.attributes),
        "below_rank": made.below_rank,
        "until": made.valid_until,
    }
    return {name: value for name, value in told.items() if value not in (None, [])}
