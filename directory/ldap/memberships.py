"""Which groups reach an account: named in them, described by a rule, or through a group within.

What ``recipients.resolve`` answers the other way round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select

from directory.database import Reading
from directory.ldap.entries import leaf_text
from directory.mail.group_rights import may_see_members
from directory.questions import Question
from directory.staff.units import tree
from directory.tables import account, appointment, group_account, group_nested, group_rule, mail_group

_RULES = Question(select(group_rule.c.group_id, group_rule.c.unit_id, group_rule.c.unit_type, group_rule.c.position_id))
_NESTED = Question(select(group_nested.c.member_id, group_nested.c.group_id))


def groups_reaching(conn: Reading, account_ids: Sequence[str], reader_id: str) -> dict[str, list[str]]:
    """Account id → names of entries of groups, of those whose members the reader may see."""
    reached = reaching(conn, account_ids)
    wanted = set().union(*reached.values())
    listed = select(mail_group.c.id, mail_group.c.address).where(
        mail_group.c.id.in_(list(wanted)), mail_group.c.closed_at.is_(None)
    )
    names = {
        row.id: leaf_text(conn, "group", row.address)
        for row in conn.execute(listed)
        if may_see_members(conn, row.id, reader_id)
    }
    return {
        account_id: sorted(names[each] for each in groups if each in names) for account_id, groups in reached.items()
    }


def reaching(conn: Reading, account_ids: Sequence[str]) -> dict[str, set[str]]:
    """Account id → ids of groups."""
    reached: dict[str, set[str]] = {each: set() for each in account_ids}
    named = select(group_account.c.account_id, group_account.c.group_id).where(
        group_account.c.account_id.in_(list(reached))
    )
    for row in conn.execute(named):
        reached[row.account_id].add(row.group_id)
    _by_rules(conn, reached)
    above: dict[str, set[str]] = defaultdict(set)
    for member_id, group_id in conn.rows(_NESTED):
        above[member_id].add(group_id)
    for groups in reached.values():
        waiting = list(groups)
        while waiting:
            further = above[waiting.pop()] - groups
            groups |= further
            waiting += further
    return reached


def _by_rules(conn: Reading, reached: dict[str, set[str]]) -> None:
    rules: dict[str | None, list[tuple[str, str | None, str | None]]] = defaultdict(list)
    for group_id, unit_id, unit_type, position_id in conn.rows(_RULES):
        rules[unit_id].append((group_id, unit_type, position_id))
    if not rules:
        return
    today, units = conn.today, tree(conn)
    posts = (
        select(account.c.id, appointment.c.unit_id, appointment.c.position_id)
        .join(appointment, appointment.c.person_id == account.c.person_id)
        .where(
            account.c.id.in_(list(reached)),
            appointment.c.valid_from <= today,
            appointment.c.valid_until.is_(None) | (appointment.c.valid_until >= today),
        )
    )
    for row in conn.execute(posts):
        path = units.path(row.unit_id)
        own_type = path[-1].type if path else None
        for unit in (None, *(each.id for each in path)):
            reached[row.id].update(
                group_id
                for group_id, unit_type, wanted in rules.get(unit, ())
                if unit_type in (None, own_type) and wanted in (None, row.position_id)
            )
