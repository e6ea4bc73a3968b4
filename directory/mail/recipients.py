"""From an address to the people behind it: aliases, groups within groups, redirects of those who left.

The mail server asks here for every RCPT, so answers are remembered until the directory changes.  A group of
the whole city (200,000) is one indexed query per kind of member, never a loop over people.

Limits: a chain of forwards is followed ten times.
Standards: RFC 5321 §4.5.1 (postmaster), RFC 2142 (abuse), RFC 5233 (sub-addressing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, literal_column, or_, select, union

from directory.database import Question, Reading, Writing
from directory.mail.accounts import admin_ids, find_account, names_of
from directory.mail.addresses import AddressRow, is_local_domain, normalise, owner_row
from directory.tables import (
    account,
    address,
    appointment,
    group_account,
    group_moderator,
    group_nested,
    group_outside,
    group_poster,
    group_poster_group,
    group_poster_unit,
    group_rule,
    mail_group,
    mailbox_post,
    mailbox_right,
    position,
    unit_version,
)

__all__ = [
    "Recipients",
    "addresses_of",
    "closed_to",
    "count",
    "is_local_domain",
    "is_reached",
    "mailboxes_of",
    "may_post",
    "may_send_as",
    "members_of",
    "names_of",
    "resolve",
]

_MAX_FORWARDS = 10
# RFC 5321 §4.5.1 and RFC 2142 want somebody to read these even where nobody thought of it: the
# administrators.
_ALWAYS_READ = ("postmaster", "abuse")


@dataclass(frozen=True, slots=True)
class Recipients:
    """Whom an address reaches, each once."""

    accounts: frozenset[str]
    external: frozenset[str]
    held: frozenset[str] = frozenset()  # addresses of moderated groups, whose members get it later or never


_NOBODY: frozenset[str] = frozenset()

# --- questions ----------------------------------------------------------------------------------------------

_reached = select(mail_group.c.id).where(mail_group.c.id == bindparam("group")).cte("reached", recursive=True)
# ids of groups that are not entered, in one text: they have neither spaces nor signs
_closed: BindParameter[str] = bindparam("closed", "")
_named: ColumnElement[str] = literal_column("'%'") + group_nested.c.member_id + literal_column("'%'")
_reached = _reached.union(  # UNION, not UNION ALL: a cycle ends by itself
    select(group_nested.c.member_id).where(group_nested.c.group_id == _reached.c.id, _closed.not_like(_named))
)
# Closed groups to which this leads; what is behind them is asked when they have opened.
_GROUP_HELD = Question(
    select(mail_group.c.address)
    .join(group_nested, group_nested.c.member_id == mail_group.c.id)
    .where(group_nested.c.group_id.in_(select(_reached.c.id)), _closed.like(_named))
)
_GROUP_ACCOUNTS = Question(
    select(group_account.c.account_id).where(group_account.c.group_id.in_(select(_reached.c.id)))
)
_GROUP_OUTSIDE = Question(select(group_outside.c.address).where(group_outside.c.group_id.in_(select(_reached.c.id))))
_GROUP_RULES = Question(
    select(group_rule.c.unit_id, group_rule.c.unit_type, group_rule.c.position_id).where(
        group_rule.c.group_id.in_(select(_reached.c.id))
    )
)


def holds_on(valid_from: ColumnElement[str], valid_until: ColumnElement[str | None]) -> ColumnElement[bool]:
    """Whether a dated row holds on the day given as parameter ``today``."""
    today: BindParameter[str] = bindparam("today")
    return (valid_from <= today) & or_(valid_until.is_(None), valid_until >= today)


def _rule_question(with_unit: bool, with_type: bool, with_position: bool) -> Question:
    if not (with_unit or with_type or with_position):
        # whoever holds any post today: the account repeats its unit (postings.refresh)
        return Question(
            select(account.c.id).where(
                account.c.kind == "person",
                # a literal list would have to be spelled out for each asking
                or_(account.c.status == "active", account.c.status == "locked"),
                account.c.unit_id.is_not(None),
            )
        )
    statement = (
        select(account.c.id)
        .join(appointment, appointment.c.person_id == account.c.person_id)
        .where(account.c.status != "closed", holds_on(appointment.c.valid_from, appointment.c.valid_until))
    )
    if with_unit:
        below = select(bindparam("unit", type_=unit_version.c.unit_id.type).label("id")).cte("below", recursive=True)
        below = below.union(
            select(unit_version.c.unit_id).where(
                unit_version.c.parent_id == below.c.id,
                holds_on(unit_version.c.valid_from, unit_version.c.valid_until),
            )
        )
        statement = statement.where(appointment.c.unit_id.in_(select(below.c.id)))
    if with_type:
        of_type = select(unit_version.c.unit_id).where(
            unit_version.c.type == bindparam("type"),
            holds_on(unit_version.c.valid_from, unit_version.c.valid_until),
        )
        statement = statement.where(appointment.c.unit_id.in_(of_type))
    if with_position:
        statement = statement.where(appointment.c.position_id == bindparam("position"))
    return Question(statement)


_RULES = {
    (with_unit, with_type, with_position): _rule_question(with_unit, with_type, with_position)
    for with_unit in (False, True)
    for with_type in (False, True)
    for with_position in (False, True)
}

_ADDRESS_OF = Question(select(mail_group.c.address).where(mail_group.c.id == bindparam("group")))
_POSTING = Question(select(mail_group.c.posting).where(mail_group.c.id == bindparam("group")))
_POSTERS = Question(select(group_poster.c.account_id).where(group_poster.c.group_id == bindparam("group")))
_POSTER_GROUPS = Question(
    select(group_poster_group.c.poster_id).where(group_poster_group.c.group_id == bindparam("group"))
)
_POSTER_UNITS = Question(select(group_poster_unit.c.unit_id).where(group_poster_unit.c.group_id == bindparam("group")))
_MODERATED = Question(
    select(mail_group.c.id).where(mail_group.c.is_moderated.is_(True), mail_group.c.closed_at.is_(None))
)
_MODERATED_BY = Question(select(group_moderator.c.group_id).where(group_moderator.c.account_id == bindparam("account")))
_OWN_ADDRESSES = Question(
    select(address.c.address)
    .where(address.c.account_id == bindparam("account"), address.c.state == "active")
    .order_by(address.c.address)
)


def _mailbox_question(right: ColumnElement[bool]) -> Question:
    """Mailboxes of units and roles: by a right given, or by an appointment of today, as clerk of the unit or at a post
    that goes with the mailbox.
    """
    by_right = (
        select(account.c.id)
        .join(mailbox_right, mailbox_right.c.mailbox_id == account.c.id)
        .where(
            mailbox_right.c.account_id == bindparam("account"),
            right,
            account.c.status != "closed",
            or_(mailbox_right.c.valid_until.is_(None), mailbox_right.c.valid_until >= bindparam("today")),
        )
    )
    holder = account.alias("holder")
    as_clerk = (
        select(account.c.id)
        .join(appointment, appointment.c.unit_id == account.c.unit_id)
        .join(position, position.c.id == appointment.c.position_id)
        .join(holder, holder.c.person_id == appointment.c.person_id)
        .where(
            account.c.kind == "unit",
            account.c.status != "closed",
            holder.c.id == bindparam("account"),
            position.c.is_clerk.is_(True),
            holds_on(appointment.c.valid_from, appointment.c.valid_until),
        )
    )
    by_post = (
        select(account.c.id)
        .join(mailbox_post, mailbox_post.c.mailbox_id == account.c.id)
        .join(
            appointment,
            and_(
                appointment.c.unit_id == mailbox_post.c.unit_id,
                appointment.c.position_id == mailbox_post.c.position_id,
            ),
        )
        .join(holder, holder.c.person_id == appointment.c.person_id)
        .where(
            account.c.status != "closed",
            holder.c.id == bindparam("account"),
            holds_on(appointment.c.valid_from, appointment.c.valid_until),
        )
    )
    return Question(union(by_right, as_clerk, by_post))


_SENDABLE = _mailbox_question(mailbox_right.c.may_send.is_(True))
_READABLE = _mailbox_question(mailbox_right.c.may_read.is_(True))

# --- whom an address reaches --------------------------------------------------------------------------------


def resolve(conn: Reading | Writing, address: str, closed: frozenset[str] = _NOBODY) -> Recipients | None:
    """Everybody behind an address.  None: a local address that nobody has.  An outside address is itself.

    ``closed``: ids of groups that are not entered, but named as ``held`` (``closed_to``).
    """
    shelf = conn.memory.shelf("recipients")
    key = (address, closed) if closed else address
    try:
        return cast("Recipients | None", shelf[key])
    except KeyError:
        found = shelf[key] = _resolve(conn, normalise(address), 0, closed)
        return found


def closed_to(conn: Reading | Writing, account_id: str | None) -> frozenset[str]:
    """Moderated groups whose moderators must let mail of this account pass first; None is a stranger.  What a moderator
    writes to his own groups is not held.
    """
    shelf = conn.memory.shelf("closed groups")
    found: frozenset[str] | None = shelf.get(account_id)
    if found is None:
        found = frozenset(group for (group,) in conn.rows(_MODERATED))
        if found and account_id is not None:
            found -= {group for (group,) in conn.rows(_MODERATED_BY, account=account_id)}
        shelf[account_id] = found
    return found


def _resolve(conn: Reading | Writing, wanted: str, forwards: int, closed: frozenset[str]) -> Recipients | None:
    local, _, domain = wanted.rpartition("@")
    if not is_local_domain(conn, domain):
        return Recipients(_NOBODY, frozenset((wanted,))) if local else None
    row = owner_row(conn, wanted)
    if row is None:
        admins = admin_ids(conn) if local in _ALWAYS_READ else _NOBODY
        return Recipients(admins, _NOBODY) if admins else None
    if row.state == "retired" or row.is_quarantined(conn.today):
        return None
    if row.account_id is not None and row.state == "active":
        owner = find_account(conn, row.account_id)
        if owner is None or owner.status == "closed":
            return None
        return Recipients(frozenset((row.account_id,)), _NOBODY)
    if row.group_id is not None:
        return _expand(conn, row.group_id, forwards, closed)
    if row.forward_to is not None and forwards < _MAX_FORWARDS:
        return _resolve(conn, row.forward_to, forwards + 1, closed)
    return None


def _expand(conn: Reading | Writing, group_id: str, forwards: int = 0, closed: frozenset[str] = _NOBODY) -> Recipients:
    if group_id in closed:
        row = conn.row(_ADDRESS_OF, group=group_id)
        return Recipients(_NOBODY, _NOBODY, frozenset(row[:1] if row else ()))
    shut = " ".join(sorted(closed))
    accounts = {account_id for (account_id,) in conn.rows(_GROUP_ACCOUNTS, group=group_id, closed=shut)}
    for unit_id, unit_type, position_id in conn.rows(_GROUP_RULES, group=group_id, closed=shut):
        question = _RULES[unit_id is not None, unit_type is not None, position_id is not None]
        holders = conn.rows(question, today=conn.today, unit=unit_id, type=unit_type, position=position_id)
        accounts.update(account_id for (account_id,) in holders)
    external: set[str] = set()
    held = {found for (found,) in conn.rows(_GROUP_HELD, group=group_id, closed=shut)} if shut else set()
    for (outside,) in conn.rows(_GROUP_OUTSIDE, group=group_id, closed=shut):
        # a domain may have become ours since the address was entered
        further = _resolve(conn, outside, forwards + 1, closed) if forwards < _MAX_FORWARDS else None
        if further is not None:
            accounts |= further.accounts
            external |= further.external
            held |= further.held
    return Recipients(frozenset(accounts), frozenset(external), frozenset(held))


def members_of(conn: Reading | Writing, group_id: str) -> frozenset[str]:
    """The accounts that mail to a group reaches, which may be the whole city, and are not remembered."""
    return _expand(conn, group_id).accounts


def is_reached(conn: Reading | Writing, group_id: str, account_id: str) -> bool:
    """Whether mail to a group reaches the account, itself or through groups within."""
    shelf = conn.memory.shelf("reached by group")
    accounts: frozenset[str] | None = shelf.get(group_id)
    if accounts is None:
        accounts = shelf[group_id] = _expand(conn, group_id).accounts
    return account_id in accounts


def count(conn: Reading | Writing, address: str) -> int:
    """How many an address reaches."""
    recipients = resolve(conn, address)
    return len(recipients.accounts) + len(recipients.external) if recipients else 0


def may_post(conn: Reading | Writing, address: str, account_id: str | None) -> bool:
    """Whether this account may write to this address; None is a stranger, whatever his reverse path claims.

    Only groups restrict.  The rule is that of the group written to, not of the groups inside it.
    """
    row = owner_row(conn, normalise(address))
    if row is None or row.group_id is None:
        return True
    found = conn.row(_POSTING, group=row.group_id)
    posting = found[0] if found else "named"
    if posting == "anyone":
        return True
    if account_id is None:
        return False
    if posting == "internal":
        return True
    if posting == "members":
        recipients = resolve(conn, address)
        return recipients is not None and account_id in recipients.accounts
    return account_id in _posters(conn, row.group_id)


def _posters(conn: Reading | Writing, group_id: str) -> frozenset[str]:
    """Those who are named, whom the groups named reach, and who hold a post in the units named or below."""
    shelf = conn.memory.shelf("posters")
    found: frozenset[str] | None = shelf.get(group_id)
    if found is None:
        accounts = {account_id for (account_id,) in conn.rows(_POSTERS, group=group_id)}
        for (poster,) in conn.rows(_POSTER_GROUPS, group=group_id):
            accounts |= _expand(conn, poster).accounts
        for (unit_id,) in conn.rows(_POSTER_UNITS, group=group_id):
            holders = conn.rows(_RULES[True, False, False], today=conn.today, unit=unit_id)
            accounts.update(account_id for (account_id,) in holders)
        found = shelf[group_id] = frozenset(accounts)
    return found


# --- what an account may do with addresses ------------------------------------------------------------------


def mailboxes_of(conn: Reading | Writing, account_id: str, right: str = "read") -> frozenset[str]:
    """Unit and role mailboxes that this account may ``read``, or ``send`` for; not its own."""
    shelf = conn.memory.shelf("mailboxes of " + right)
    found: frozenset[str] | None = shelf.get(account_id)
    if found is None:
        question = _SENDABLE if right == "send" else _READABLE
        rows = conn.rows(question, account=account_id, today=conn.today)
        found = shelf[account_id] = frozenset(mailbox for (mailbox,) in rows) - {account_id}
    return found


def addresses_of(conn: Reading | Writing, account_id: str) -> list[str]:
    """Every address the account may put into From: its own, primary first, then those it sends for."""
    owner = find_account(conn, account_id)
    if owner is None or owner.status == "closed":
        return []
    own = [found for (found,) in conn.rows(_OWN_ADDRESSES, account=account_id) if found != owner.login]
    others = names_of(conn, mailboxes_of(conn, account_id, "send")).values()
    return [owner.login, *own, *sorted(login for _, login in others)]


def may_send_as(conn: Reading | Writing, account_id: str, address: str) -> bool:
    """Own addresses, with any detail, and those of the mailboxes the account sends for."""
    shelf = conn.memory.shelf("may send as")
    key = (account_id, address)
    allowed: bool | None = shelf.get(key)
    if allowed is None:
        row: AddressRow | None = owner_row(conn, normalise(address))
        allowed = (
            row is not None
            and row.account_id is not None
            and row.state == "active"
            and (row.account_id == account_id or row.account_id in mailboxes_of(conn, account_id, "send"))
        )
        shelf[key] = allowed
    return allowed
