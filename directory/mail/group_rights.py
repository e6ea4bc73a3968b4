"""Who decides about mail to a moderated group, and who sees the members of one that hides them.

Who may write to a group is ``recipients.may_post``; whose mail waits for moderators, ``recipients.closed_to``.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, delete, insert, select

from directory.administration.authority import may
from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import Account, admin_ids, find_account
from directory.record import record
from directory.tables import account, delegation, group_moderator, mail_group

_GROUP = Question(
    select(mail_group.c.address, mail_group.c.unit_id, mail_group.c.hides_members).where(
        mail_group.c.id == bindparam("group")
    )
)
_NAMED = Question(
    select(group_moderator.c.account_id)
    .join(account, account.c.id == group_moderator.c.account_id)
    .where(group_moderator.c.group_id == bindparam("group"), account.c.status == "active")
    .order_by(account.c.login)
)
_LIST_MODERATORS = Question(
    select(delegation.c.account_id).where(delegation.c.role == "list-moderator").order_by(delegation.c.id)
)


def moderators(conn: Reading | Writing, group_id: str) -> list[Account]:
    """Who is told of what waits: those named; without any, list moderators of its part of the city; without any, the
    administrators.  Others who may decide (``group.approve``) are not told.
    """
    found = [account_id for (account_id,) in conn.rows(_NAMED, group=group_id)]
    if not found:
        everywhere = dict.fromkeys(account_id for (account_id,) in conn.rows(_LIST_MODERATORS))
        found = [account_id for account_id in everywhere if may(conn, account_id, "group.approve", group_id).allowed]
    if not found:
        found = sorted(admin_ids(conn))
    return [known for account_id in found if (known := find_account(conn, account_id)) is not None]


def named_moderators(conn: Reading | Writing, group_id: str) -> list[str]:
    """Their logins."""
    known = (find_account(conn, account_id) for (account_id,) in conn.rows(_NAMED, group=group_id))
    return [found.login for found in known if found is not None]


def set_moderators(conn: Writing, actor: str, group_id: str, account_ids: Collection[str]) -> None:
    """Raises Fault."""
    row = conn.row(_GROUP, group=group_id)
    if row is None:
        raise Fault("group-unknown", group=group_id)
    for account_id in account_ids:
        known = find_account(conn, account_id)
        if known is None or known.status == "closed":
            raise Fault("account-unknown", account=account_id)
    before = named_moderators(conn, group_id)
    conn.execute(delete(group_moderator).where(group_moderator.c.group_id == group_id))
    rows = [{"group_id": group_id, "account_id": account_id} for account_id in sorted(set(account_ids))]
    if rows:
        conn.execute(insert(group_moderator), rows)
    record(conn, actor, "group.moderators", row[0], before=before, after=named_moderators(conn, group_id))


def may_see_members(conn: Reading | Writing, group_id: str, reader_id: str) -> bool:
    """Whether somebody sees whom a group reaches; "" is anybody.  Of a hidden one only its administrators do."""
    row = conn.row(_GROUP, group=group_id)
    if row is None or not row[2]:
        return True
    return bool(reader_id) and may(conn, reader_id, "group.see-members", group_id).allowed
