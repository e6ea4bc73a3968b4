"""Units, mailboxes and groups taken in.

What a record leaves empty stays as it is, and what it lists is added to what there is: nothing is closed and nobody
is taken out of a group because a file does not name him.  Above and below must be there first: a parent before its
children, an inner group before the outer one, as the export writes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from directory import account_changes, aliases, group_rights, groups, mailboxes, people, unit_changes, unit_types, units
from directory.addresses import owner_row, spelled_out
from directory.database import Writing
from directory.dates import parse_day
from directory.exchange.importing import Change, Difference, Intaking, Taker
from directory.exchange.kinds import GROUP, MAILBOX, UNIT, Row
from directory.exchange.lines import Item
from directory.faults import Fault
from directory.names import fold
from directory.postings import find_position
from directory.sizes import parse_size, written_size
from directory.units import Unit

_YES, _NO = ("yes", "true", "1", "co", "x"), ("no", "false", "0", "khong")
_ID = re.compile(r"[0-9a-z]{4,16}")


class _OneRow(Intaking):
    """A record is one row, and several steps of which none is done if one is refused."""

    def __init__(self, conn: Writing, actor: str) -> None:
        self.conn = conn
        self.actor = actor

    def take(self, item: Item) -> Change:
        try:
            with self.conn.connection.begin_nested():
                return self.take_row(item.record[0])
        except Fault:
            self.conn.memory.clear()
            raise

    def take_row(self, row: Row) -> Change:
        raise NotImplementedError

    def new_aliases(self, row: Row, owner_id: str, login: str) -> list[Difference]:
        """Aliases that lead to this account or group from now on."""
        found = []
        for alias in row.get("aliases", ()):
            wanted = spelled_out(self.conn, alias)
            owner = owner_row(self.conn, wanted)
            if owner is None or owner.state != "active" or owner_id not in (owner.account_id, owner.group_id):
                aliases.add_alias(self.conn, self.actor, wanted, login)
                found.append(Difference("aliases", "", wanted))
        return found


def _change(is_new: bool, subject: str, found: list[Difference]) -> Change:
    return Change("added" if is_new else "updated" if found else "unchanged", subject, tuple(found))


# --- units ------------------------------------------------------------------------------------------------------------


class UnitTaker(Taker):
    kind = UNIT

    def begin(self, conn: Writing, actor: str) -> Intaking:
        return _UnitIntaking(conn, actor)


class _UnitIntaking(_OneRow):
    def take_row(self, row: Row) -> Change:
        conn = self.conn
        wanted = {
            "name": row.get("name") or None,
            "short_name": row.get("short_name") or None,
            "type_code": unit_types.find_type(conn, row["type"]) if row.get("type") else None,
            "parent_id": units.tree(conn).find(row["parent"]).id if row.get("parent") else None,
            "agency_code": row.get("agency_code") or None,
            "sort_order": _order(row),
        }
        first = parse_day(row["valid_from"]) if row.get("valid_from") else conn.today
        known = self._known(row)
        if known is None:
            return self._add(row, first, wanted)
        held = {**_held(known), "type_code": known.type}
        found = [
            Difference(name, str(held[name] or ""), str(value))
            for name, value in wanted.items()
            if value is not None and value != held[name]
        ]
        if found:
            unit_changes.alter_unit(
                conn,
                self.actor,
                known.id,
                from_day=max(first, known.valid_from),
                decision=row.get("decision", ""),
                **wanted,  # type: ignore[arg-type]
            )
        return _change(False, known.short_name or known.name, found)

    def _known(self, row: Row) -> Unit | None:
        """By id, else by short name, else by name below the same unit."""
        tree = units.tree(self.conn)
        if row.get("id"):
            found = tree.by_id.get(row["id"])
            if found is None and units.versions(self.conn, row["id"]):
                raise Fault("unit-closed", unit=row["id"], day="")
            return found
        if row.get("short_name"):
            return next((each for each in tree.by_id.values() if each.short_name == row["short_name"]), None)
        above = tree.find(row["parent"]).id if row.get("parent") else None
        return next((each for each in tree.children(above) if each.name == row.get("name")), None)

    def _add(self, row: Row, first: str, wanted: dict[str, Any]) -> Change:
        if row.get("id") and _ID.fullmatch(row["id"]) is None:
            raise Fault("value-invalid", value=row["id"], what="id (lower case letters and digits, at most 16)")
        if wanted["type_code"] is None:
            raise Fault("unit-type-unknown", type="")
        made = unit_changes.add_unit(
            self.conn,
            self.actor,
            name=wanted["name"] or "",
            short_name=wanted["short_name"] or "",
            type_code=wanted["type_code"],
            valid_from=first,
            valid_until=parse_day(row["valid_until"]) if row.get("valid_until") else None,
            parent_id=wanted["parent_id"],
            agency_code=wanted["agency_code"] or "",
            sort_order=wanted["sort_order"] or 0,
            decision=row.get("decision", ""),
            unit_id=row.get("id") or None,
        )
        return Change("added", made.short_name or made.name, (Difference("name", "", made.name),))


def _held(known: Unit) -> dict[str, Any]:
    return {name: getattr(known, name) for name in ("name", "short_name", "parent_id", "agency_code", "sort_order")}


def _order(row: Row) -> int | None:
    given = row.get("order", "")
    if not given:
        return None
    try:
        order = int(given)
    except ValueError:
        raise Fault("value-invalid", value=given, what="order") from None
    if abs(order) >= 1 << 31:
        raise Fault("value-invalid", value=given, what="order")
    return order


# --- mailboxes --------------------------------------------------------------------------------------------------------


class MailboxTaker(Taker):
    kind = MAILBOX

    def begin(self, conn: Writing, actor: str) -> Intaking:
        return _MailboxIntaking(conn, actor)


class _MailboxIntaking(_OneRow):
    def take_row(self, row: Row) -> Change:
        conn = self.conn
        if not row.get("address"):
            raise Fault("line-nameless")
        wanted = spelled_out(conn, row["address"])
        owner = owner_row(conn, wanted)
        known = people.find_mailbox_owner(conn, wanted) if owner is not None and owner.account_id else None
        if known is not None and known.kind == "person":
            raise Fault("address-taken", address=wanted)
        quota = parse_size(row["quota"]) if row.get("quota") else None
        language = row.get("language") or None
        found: list[Difference] = []
        if known is None:
            made = mailboxes.open_mailbox(
                conn,
                self.actor,
                address_text=wanted,
                name=row.get("name", ""),
                unit_id=units.tree(conn).find(row["unit"]).id if row.get("unit") else None,
                quota_bytes=quota or 0,
            )
            found.append(Difference("name", "", made.name))
        else:
            made = known
            if quota is not None and quota != made.quota_bytes:
                account_changes.set_quota(conn, self.actor, made.id, quota)
                found.append(Difference("quota", written_size(made.quota_bytes), written_size(quota)))
        if language is not None and language != made.language:
            account_changes.set_language(conn, self.actor, made.id, language)
            found.append(Difference("language", made.language, language))
        found += self.new_aliases(row, made.id, made.login)
        found += self._rights(row, made.id)
        return _change(known is None, made.login, found)

    def _rights(self, row: Row, mailbox_id: str) -> list[Difference]:
        held = {
            right.account.id: (right.may_read, right.may_send) for right in mailboxes.rights_on(self.conn, mailbox_id)
        }
        wanted: dict[str, tuple[bool, bool]] = {}
        logins: dict[str, str] = {}
        for name, right in (("readers", (True, False)), ("senders", (False, True))):
            for login in row.get(name, ()):
                holder = people.find_mailbox_owner(self.conn, login)
                if holder is None:
                    raise Fault("account-unknown", account=login)
                may_read, may_send = wanted.get(holder.id, (False, False))
                wanted[holder.id] = (may_read or right[0], may_send or right[1])
                logins[holder.id] = holder.login
        found = []
        for account_id, (may_read, may_send) in wanted.items():
            had_read, had_send = held.get(account_id, (False, False))
            if (may_read and not had_read) or (may_send and not had_send):
                mailboxes.grant(
                    *(self.conn, self.actor, mailbox_id, account_id),
                    may_read=may_read or had_read,
                    may_send=may_send or had_send,
                )
                found.append(Difference("readers" if may_read else "senders", "", logins[account_id]))
        return found


# --- groups -----------------------------------------------------------------------------------------------------------


class GroupTaker(Taker):
    kind = GROUP

    def begin(self, conn: Writing, actor: str) -> Intaking:
        return _GroupIntaking(conn, actor)


class _GroupIntaking(_OneRow):
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
        return _change(is_new, group.address, found)

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
            holder = people.find_mailbox_owner(self.conn, login)
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
