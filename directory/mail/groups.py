"""Groups: addresses that reach many.  Members are accounts, groups, outside addresses, and rules.

A rule describes its members (everybody with a post in this unit or below, in units of this type, at this
position), so that the group follows every move by itself.  Who may write to a group is its posting rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast

from sqlalchemy import bindparam, delete, insert, or_, select, update

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import find_account
from directory.mail.address_life import quarantine
from directory.mail.addresses import address_row, check_issuable, is_local_domain, owner_row, spelled_out
from directory.mail.group_rights import may_see_members
from directory.record import record
from directory.staff.postings import positions
from directory.staff.units import find_unit
from directory.tables import (
    account,
    address,
    group_account,
    group_moderator,
    group_nested,
    group_outside,
    group_poster,
    group_poster_group,
    group_poster_unit,
    group_rule,
    mail_group,
    unit_type,
)
from directory.words import search_index
from directory.words.names import fold, tidy

Posting = Literal["anyone", "internal", "members", "named"]
POSTING_RULES: tuple[Posting, ...] = ("anyone", "internal", "members", "named")


@dataclass(frozen=True, slots=True)
class Group:
    id: str
    address: str
    name: str
    posting: Posting
    unit_id: str | None = None  # whose administrators look after it; None: the city's
    is_moderated: bool = False
    hides_members: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    unit_id: str | None
    unit_type: str | None
    position_id: str | None


@dataclass(frozen=True, slots=True)
class Members:
    """What was entered, not whom it reaches (recipients.resolve)."""

    accounts: tuple[tuple[str, str], ...]  # (login, name)
    groups: tuple[str, ...]  # addresses
    outside: tuple[str, ...]
    rules: tuple[Rule, ...]
    posters: tuple[tuple[str, str], ...]
    poster_groups: tuple[str, ...] = ()  # addresses
    poster_units: tuple[str, ...] = ()  # ids


_COLUMNS = (
    mail_group.c.id,
    mail_group.c.address,
    mail_group.c.name,
    mail_group.c.posting,
    mail_group.c.unit_id,
    mail_group.c.is_moderated,
    mail_group.c.hides_members,
)
_BY_ID = Question(select(*_COLUMNS).where(mail_group.c.id == bindparam("group"), mail_group.c.closed_at.is_(None)))
_below = (
    select(group_nested.c.member_id.label("id"))
    .where(group_nested.c.group_id == bindparam("group"))
    .cte("below", recursive=True)
)
_below = _below.union(select(group_nested.c.member_id).where(group_nested.c.group_id == _below.c.id))
_BELOW = Question(select(_below.c.id))


def find_group(conn: Reading | Writing, key: str) -> Group:
    """By address (aliases too), bare local part or id.  Raises Fault."""
    row = owner_row(conn, spelled_out(conn, key))
    group_id = row.group_id if row is not None and row.state == "active" else key
    found = conn.row(_BY_ID, group=group_id) if group_id else None
    if found is None:
        raise Fault("group-unknown", group=key)
    return _group(found)


def _group(row: Any) -> Group:
    """From _COLUMNS, in that order."""
    group_id, address_text, name, posting, unit_id, is_moderated, hides_members = row
    return Group(group_id, address_text, name, posting, unit_id, bool(is_moderated), bool(hides_members))


def list_groups(conn: Reading | Writing, text: str = "") -> Iterator[Group]:
    """Those whose name or address contains the text, marks or not."""
    statement = select(*_COLUMNS).where(mail_group.c.closed_at.is_(None)).order_by(mail_group.c.address)
    wanted = fold(tidy(text))
    for row in conn.execute(statement):
        found = _group(row)
        if wanted in fold(found.name) or wanted in found.address:
            yield found


def members(conn: Reading | Writing, group_id: str, limit: int = 1000) -> Members:
    """At most ``limit`` accounts are listed; none of any kind to an administrator who may not see them."""
    if not _sees_members(conn, group_id):
        return Members((), (), (), (), ())

    def people(table: Any) -> tuple[tuple[str, str], ...]:
        rows = conn.execute(
            select(account.c.login, account.c.name)
            .join(table, table.c.account_id == account.c.id)
            .where(table.c.group_id == group_id)
            .order_by(account.c.sort_key, account.c.login)
            .limit(limit)
        )
        return tuple((row.login, row.name) for row in rows)

    nested = conn.execute(
        select(mail_group.c.address)
        .join(group_nested, group_nested.c.member_id == mail_group.c.id)
        .where(group_nested.c.group_id == group_id)
        .order_by(mail_group.c.address)
    ).scalars()
    outside = conn.execute(
        select(group_outside.c.address).where(group_outside.c.group_id == group_id).order_by(group_outside.c.address)
    ).scalars()
    poster_groups = conn.execute(
        select(mail_group.c.address)
        .join(group_poster_group, group_poster_group.c.poster_id == mail_group.c.id)
        .where(group_poster_group.c.group_id == group_id)
        .order_by(mail_group.c.address)
    ).scalars()
    poster_units = conn.execute(
        select(group_poster_unit.c.unit_id)
        .where(group_poster_unit.c.group_id == group_id)
        .order_by(group_poster_unit.c.unit_id)
    ).scalars()
    rules = conn.execute(
        select(group_rule.c.id, group_rule.c.unit_id, group_rule.c.unit_type, group_rule.c.position_id)
        .where(group_rule.c.group_id == group_id)
        .order_by(group_rule.c.id)
    )
    return Members(
        people(group_account),
        tuple(nested),
        tuple(outside),
        tuple(Rule(*tuple(row)) for row in rules),
        people(group_poster),
        tuple(poster_groups),
        tuple(poster_units),
    )


# --- changes
# ----------------------------------------------------------------------------------------------------------


def add_group(
    conn: Writing,
    actor: str,
    *,
    address_text: str,
    name: str,
    posting: str = "internal",
    unit_id: str | None = None,
    is_moderated: bool = False,
    hides_members: bool = False,
) -> Group:
    """An empty group.  Raises Fault."""
    name = tidy(name)
    if not name:
        raise Fault("name-empty")
    if len(name) > 300:
        raise Fault("text-long", what="name", limit=300)
    _check_posting(posting)
    wanted = spelled_out(conn, address_text)
    check_issuable(conn, wanted, function=True)
    if address_row(conn, wanted) is not None:
        raise Fault("address-taken", address=wanted)
    made = Group(conn.new_id(), wanted, name, cast("Posting", posting), unit_id, is_moderated, hides_members)
    conn.execute(insert(mail_group), asdict(made) | {"created_at": conn.now, "closed_at": None})
    conn.execute(insert(address), {"address": wanted, "state": "active", "group_id": made.id, "created_at": conn.now})
    ranks = search_index.name_words(name, [wanted.rpartition("@")[0]])
    search_index.put(conn, made.id, "group", wanted, name, ranks)
    record(conn, actor, "group.add", wanted, **_told(made))
    return made


def alter_group(
    conn: Writing,
    actor: str,
    group_id: str,
    *,
    name: str | None = None,
    posting: str | None = None,
    unit_id: str | None = None,
    is_moderated: bool | None = None,
    hides_members: bool | None = None,
) -> Group:
    """What is None stays; ``unit_id`` "" gives it to the city.  Raises Fault."""
    found = find_group(conn, group_id)
    if posting is not None:
        _check_posting(posting)
    altered = replace(
        found,
        name=tidy(name) if name is not None else found.name,
        posting=cast("Posting", posting or found.posting),
        unit_id=found.unit_id if unit_id is None else unit_id or None,
        is_moderated=found.is_moderated if is_moderated is None else is_moderated,
        hides_members=found.hides_members if hides_members is None else hides_members,
    )
    if not altered.name:
        raise Fault("name-empty")
    changed = {field: value for field, value in asdict(altered).items() if value != getattr(found, field)}
    if changed:
        conn.execute(update(mail_group).where(mail_group.c.id == group_id).values(**changed))
    if altered.name != found.name:
        ranks = search_index.name_words(altered.name, [found.address.rpartition("@")[0]])
        search_index.put(conn, group_id, "group", found.address, altered.name, ranks)
    record(conn, actor, "group.alter", found.address, before=_told(found), after=_told(altered))
    return altered


def _told(group: Group) -> dict[str, Any]:
    """What the record says of it."""
    told: dict[str, Any] = {"name": group.name, "posting": group.posting}
    if group.unit_id is not None:
        told["unit"] = group.unit_id
    flags = {"moderated": group.is_moderated, "hidden": group.hides_members}
    return told | {name: True for name, is_set in flags.items() if is_set}


def remove_group(conn: Writing, actor: str, group_id: str) -> None:
    """Its addresses go out of use; it leaves every group that contains it.  Raises Fault."""
    found = find_group(conn, group_id)
    had = members(conn, group_id)
    for table in (
        *(group_account, group_outside, group_rule, group_poster, group_poster_group, group_poster_unit),
        group_moderator,
    ):
        conn.execute(delete(table).where(table.c.group_id == group_id))
    conn.execute(delete(group_poster_group).where(group_poster_group.c.poster_id == group_id))
    conn.execute(
        delete(group_nested).where(or_(group_nested.c.group_id == group_id, group_nested.c.member_id == group_id))
    )
    conn.execute(update(mail_group).where(mail_group.c.id == group_id).values(closed_at=conn.now))
    quarantine(conn, address.c.group_id == group_id)
    search_index.remove(conn, group_id)
    record(
        conn,
        actor,
        "group.remove",
        found.address,
        before={
            "name": found.name,
            "posting": found.posting,
            "accounts": len(had.accounts),
            "groups": list(had.groups),
            "outside": list(had.outside),
            "rules": [[rule.unit_id, rule.unit_type, rule.position_id] for rule in had.rules],
        },
    )


def add_member(conn: Writing, actor: str, group_id: str, text: str) -> str:
    """An address: of an account, a group, or outside.  What it turned out to be.  Raises Fault."""
    group = find_group(conn, group_id)
    wanted = spelled_out(conn, text)
    local, _, domain = wanted.rpartition("@")
    if not is_local_domain(conn, domain):
        if not local or "." not in domain or " " in wanted:
            raise Fault("address-malformed", address=text)
        kind, table, values = "outside", group_outside, {"group_id": group_id, "address": wanted}
    else:
        row = owner_row(conn, wanted)
        if row is None or row.state != "active":
            raise Fault("address-unknown", address=wanted)
        if row.group_id is not None:
            _check_cycle(conn, group, row.group_id)
            kind, table, values = "group", group_nested, {"group_id": group_id, "member_id": row.group_id}
        elif row.account_id is not None:
            kind, table, values = "account", group_account, {"group_id": group_id, "account_id": row.account_id}
        else:
            kind, table, values = "outside", group_outside, {"group_id": group_id, "address": wanted}
    if not _exists(conn, table, values):
        conn.execute(insert(table), values)
        # who nests a group lets its own writers reach the other's members
        action = "group.nest" if kind == "group" else "group.member.add"
        record(conn, actor, action, group.address, member=wanted, kind=kind)
    return kind


def add_accounts(conn: Writing, actor: str, group_id: str, account_ids: list[str]) -> int:
    """Many at once; those who are members already are passed over.  How many were new."""
    group = find_group(conn, group_id)
    present = set(
        conn.execute(select(group_account.c.account_id).where(group_account.c.group_id == group_id)).scalars()
    )
    new = sorted(set(account_ids) - present)
    if new:
        conn.execute(insert(group_account), [{"group_id": group_id, "account_id": found} for found in new])
        record(conn, actor, "group.member.add", group.address, count=len(new))
    return len(new)


def add_rule(
    conn: Writing,
    actor: str,
    group_id: str,
    *,
    unit_id: str | None = None,
    unit_type_code: str | None = None,
    position_id: str | None = None,
) -> Rule:
    """Members by description.  Raises Fault."""
    group = find_group(conn, group_id)
    if unit_id is not None:
        unit_id = find_unit(conn, unit_id).id
    if unit_type_code is not None:
        known = conn.execute(select(unit_type.c.code).where(unit_type.c.code == unit_type_code)).first()
        if known is None:
            raise Fault("unit-type-unknown", type=unit_type_code)
    if position_id is not None and position_id not in positions(conn):
        raise Fault("position-unknown", position=position_id)
    rule = Rule(conn.new_id(), unit_id, unit_type_code, position_id)
    conn.execute(
        insert(group_rule),
        {
            "id": rule.id,
            "group_id": group_id,
            "unit_id": unit_id,
            "unit_type": unit_type_code,
            "position_id": position_id,
        },
    )
    record(conn, actor, "group.rule.add", group.address, unit=unit_id, unit_type=unit_type_code, position=position_id)
    return rule


def remove_member(conn: Writing, actor: str, group_id: str, text: str) -> None:
    """A member by address, or a rule by its id.  Raises Fault."""
    group = find_group(conn, group_id)
    wanted = spelled_out(conn, text)
    row = owner_row(conn, wanted)
    gone = conn.execute(
        delete(group_outside).where(group_outside.c.group_id == group_id, group_outside.c.address == wanted)
    ).rowcount
    gone += conn.execute(delete(group_rule).where(group_rule.c.group_id == group_id, group_rule.c.id == text)).rowcount
    if row is not None and row.account_id is not None:
        gone += conn.execute(
            delete(group_account).where(
                group_account.c.group_id == group_id, group_account.c.account_id == row.account_id
            )
        ).rowcount
    if row is not None and row.group_id is not None:
        gone += conn.execute(
            delete(group_nested).where(group_nested.c.group_id == group_id, group_nested.c.member_id == row.group_id)
        ).rowcount
    if not gone:
        raise Fault("member-unknown", member=text, group=group.address)
    record(conn, actor, "group.member.remove", group.address, member=text)


def set_posters(
    conn: Writing,
    actor: str,
    group_id: str,
    account_ids: Collection[str] | None = None,
    *,
    group_ids: Collection[str] | None = None,
    unit_ids: Collection[str] | None = None,
) -> None:
    """Who may write where the posting rule is ``named``: accounts, whoever groups reach, whoever holds a post in units
    or below.  What is None stays.  Raises Fault.
    """
    group = find_group(conn, group_id)
    for account_id in account_ids or ():
        if find_account(conn, account_id) is None:
            raise Fault("account-unknown", account=account_id)
    before = _posters(conn, group_id)
    for table, column, ids in (
        (group_poster, group_poster.c.account_id, account_ids),
        (group_poster_group, group_poster_group.c.poster_id, group_ids),
        (group_poster_unit, group_poster_unit.c.unit_id, unit_ids),
    ):
        if ids is not None:
            conn.execute(delete(table).where(table.c.group_id == group_id))
            rows = [{"group_id": group_id, column.name: found} for found in sorted(set(ids))]
            if rows:
                conn.execute(insert(table), rows)
    record(conn, actor, "group.posters", group.address, before=before, after=_posters(conn, group_id))


def _posters(conn: Writing, group_id: str) -> list[str]:
    found = members(conn, group_id)
    return [*(login for login, _ in found.posters), *found.poster_groups, *found.poster_units]


def groups_of(conn: Reading | Writing, account_id: str) -> list[Group]:
    """Groups that name the account themselves; to an administrator, those whose members he may see."""
    rows = conn.execute(
        select(*_COLUMNS)
        .join(group_account, group_account.c.group_id == mail_group.c.id)
        .where(group_account.c.account_id == account_id)
        .order_by(mail_group.c.address)
    ).all()
    return [found for found in map(_group, rows) if _sees_members(conn, found.id)]


def _sees_members(conn: Reading | Writing, group_id: str) -> bool:
    """Whether who answers for what is done may see the members."""
    return not conn.is_delegated or may_see_members(conn, group_id, conn.administrator)


def _check_posting(posting: str) -> None:
    if posting not in POSTING_RULES:
        raise Fault("value-invalid", value=posting, what="posting rule")


def _check_cycle(conn: Writing, group: Group, member_id: str) -> None:
    if member_id == group.id or (group.id,) in conn.rows(_BELOW, group=member_id):
        raise Fault("group-cycle", group=group.address)


def _exists(conn: Writing, table: Any, values: dict[str, str]) -> bool:
    conditions = [table.c[name] == value for name, value in values.items()]
    return conn.execute(select(table.c.group_id).where(*conditions)).first() is not None
