"""Groups taken in: nobody is taken out because a file does not name him; an inner group stands before the outer one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from directory.database import Writing
from directory.exchange.importing import Change, Difference, Intaking, Taker
from directory.exchange.kinds import GROUP, Row
from directory.exchange.one_row import OneRow, change
from directory.faults import Fault
from directory.mail import accounts, group_rights, groups
from directory.mail.addresses import owner_row, spelled_out
from directory.staff import unit_types, units
from directory.staff.postings import find_position
from directory.words.names import fold

_YES, _NO = ("yes", "true", "1", "co", "x"), ("no", "false", "0", "khong")


class GroupTaker(Taker):
    kind = GROUP

    def begin(self, conn: Writing, actor: str) -> Intaking:
        return _GroupIntaking(conn, actor)


class _GroupIntaking(OneRow):
    def take_row(self, row: Row) -> Change:
        conn = self.conn
        if not row.get("address"):
            raise Fault("line-nameless")
        wanted = spelled_out(conn, row["address"])
        owner = owner_row(conn, wanted)
        is_new = owner is None or owner.group_id is None
        given: dict[str, Any] = {
            "name": row.get("name") or None,
            "posting": row.get("posting") or None,
            "unit_id": units.tree(conn).find(row["unit"]).id if row.get("unit") else None,
            "is_moderated": _yes_or_no(row, "moderated"),
            "hides_members": _yes_or_no(row, "hidden"),
        }
        given = {name: value for name, value in given.items() if value is not None}
        if is_new:
            group = groups.add_group(conn, self.actor, address_text=wanted, **{"name": "", **given})
            found = [Difference("name", "", group.name)]
        else:
            group = groups.find_group(conn, wanted)
            found = [
                Difference(name, str(getattr(group, name) or ""), str(value))
                for name, value in given.items()
                if value != getattr(group, name)
            ]
            if found:
                groups.alter_group(conn, self.actor, group.id, **given)
        found += self.new_aliases(row, group.id, group.address)
        found += self._members(row, group.id)
        found += self._rules(row, group.id)
        found += self._posters(row, group.id)
        found += self._moderators(row, group.id)
        return change(is_new, group.address, found)

    def _members(self, row: Row, group_id: str) -> list[Difference]:
        listed = [spelled_out(self.conn, member) for member in row.get("members", ())]
        if not listed:
            return []
        had = groups.members(self.conn, group_id, limit=1 << 30)
        known = {login for login, _ in had.accounts} | set(had.groups) | set(had.outside)
        new = [member for member in dict.fromkeys(listed) if member not in known]
        many: list[str] = []
        found = []
        for member in new:
            owner = owner_row(self.conn, member)
            if owner is not None and owner.account_id is not None and owner.state == "active":
                many.append(owner.account_id)
            else:
                groups.add_member(self.conn, self.actor, group_id, member)
            found.append(Difference("members", "", member))
        return found if not many or groups.add_accounts(self.conn, self.actor, group_id, many) else found[len(many) :]

    def _rules(self, row: Row, group_id: str) -> list[Difference]:
        conn = self.conn
        held = {
            (rule.unit_id, rule.unit_type, rule.position_id) for rule in groups.members(conn, group_id, limit=1).rules
        }
        found = []
        for text in row.get("rules", ()):
            rule = _rule(text)
            wanted = (
                units.tree(conn).find(rule["unit"]).id if rule.get("unit") else None,
                unit_types.find_type(conn, rule["unit_type"]) if rule.get("unit_type") else None,
                find_position(conn, rule["position"]).id if rule.get("position") else None,
            )
            if wanted not in held:
                groups.add_rule(
                    *(conn, self.actor, group_id), unit_id=wanted[0], unit_type_code=wanted[1], position_id=wanted[2]
                )
                held.add(wanted)
                found.append(Difference("rules", "", text))
        return found

    def _posters(self, row: Row, group_id: str) -> list[Difference]:
        had = groups.members(self.conn, group_id, limit=1 << 30)
        accounts = self._accounts([*(login for login, _ in had.posters), *row.get("posters", ())])
        inner = {
            group.address: group.id
            for group in (
                groups.find_group(self.conn, each) for each in (*had.poster_groups, *row.get("poster_groups", ()))
            )
        }
        tree = units.tree(self.conn)
        within = {tree.find(each).id: each for each in (*had.poster_units, *row.get("poster_units", ()))}
        found = [
            *(Difference("posters", "", each) for each in accounts.keys() - {login for login, _ in had.posters}),
            *(Difference("poster_groups", "", each) for each in inner.keys() - set(had.poster_groups)),
            *(Difference("poster_units", "", within[each]) for each in within.keys() - set(had.poster_units)),
        ]
        if found:
            groups.set_posters(
                *(self.conn, self.actor, group_id, list(accounts.values())),
                group_ids=list(inner.values()),
                unit_ids=list(within),
            )
        return found

    def _moderators(self, row: Row, group_id: str) -> list[Difference]:
        had = group_rights.named_moderators(self.conn, group_id)
        accounts = self._accounts([*had, *row.get("moderators", ())])
        new = [login for login in accounts if login not in had]
        if new:
            group_rights.set_moderators(self.conn, self.actor, group_id, list(accounts.values()))
        return [Difference("moderators", "", login) for login in new]

    def _accounts(self, logins: Iterable[str]) -> dict[str, str]:
        """Ids by login.  Raises Fault."""
        found = {}
        for login in logins:
            holder = accounts.find_mailbox_owner(self.conn, login)
            if holder is None:
                raise Fault("account-unknown", account=login)
            found[holder.login] = holder.id
        return found


def _yes_or_no(row: Row, column: str) -> bool | None:
    """None: nothing is said."""
    given = fold(row.get(column, ""))
    if not given:
        return None
    if given not in _YES and given not in _NO:
        raise Fault("value-invalid", value=given, what=f"{column} (yes, no)")
    return given in _YES


def _rule(text: str) -> dict[str, str]:
    """Raises Fault."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(
        name in ("unit", "unit_type", "position") and isinstance(value, str) for name, value in found.items()
    ):
        raise Fault("value-invalid", value=text[:100], what="rule (unit, unit_type, position)")
    return found
