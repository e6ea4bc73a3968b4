"""Entries: what units, accounts and groups look like in LDAP, and how they are named.

    dc=thanhpho,dc=example
      ou=people    uid=<login>        inetOrgPerson: officials, and the mailboxes of units and roles
      ou=units     uid=<unit's id>    organizationalUnit; seeAlso leads to the unit above
      ou=groups    mail=<address>     groupOfNames

Names hold nothing that a reorganisation changes: a unit that is renamed or moved keeps its name here.

Standards: RFC 2798, RFC 4519 §3, RFC 2247, RFC 5020 (entryDN).
Limits: a group of more than ``MAX_MEMBERS`` shows none of them, and outside addresses are never members.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import select

from directory.accounts import names_of
from directory.addresses import primary_domain
from directory.database import Reading
from directory.group_rights import may_see_members
from directory.ldap import dn
from directory.ldap.dn import Dn
from directory.recipients import resolve
from directory.tables import account, address, mail_group, person
from directory.units import Unit, UnitTree, tree

Kind = Literal["top", "branch", "unit", "account", "group"]
LEAVES: tuple[Kind, ...] = ("unit", "account", "group")
BRANCHES: dict[Kind, str] = {"account": "people", "unit": "units", "group": "groups"}
NAMED_BY: dict[Kind, str] = {"account": "uid", "unit": "uid", "group": "mail"}
SUBSCHEMA = "cn=subschema"
MAX_MEMBERS = 2000

CLASSES: dict[Kind, tuple[str, ...]] = {
    "top": ("top", "organization", "dcObject"),
    "branch": ("top", "organizationalUnit"),
    "unit": ("top", "organizationalUnit", "uidObject"),
    "account": ("top", "person", "organizationalPerson", "inetOrgPerson"),
    "group": ("top", "groupOfNames", "extensibleObject"),
}
_OPERATIONAL = ("objectclass", "structuralobjectclass", "entrydn", "subschemasubentry", "hassubordinates")
# Attributes, beside those, that an entry of a kind may have.
HELD: dict[Kind, frozenset[str]] = {
    "top": frozenset(("o", "dc", *_OPERATIONAL)),
    "branch": frozenset(("ou", *_OPERATIONAL)),
    "unit": frozenset(("ou", "uid", "description", "businesscategory", "seealso", *_OPERATIONAL)),
    "account": frozenset(
        (
            *("cn", "displayname", "sn", "givenname", "uid", "mail", "title", "ou", "telephonenumber"),
            *("employeenumber", "preferredlanguage", "departmentnumber", "seealso", "createtimestamp", *_OPERATIONAL),
        )
    ),
    "group": frozenset(("cn", "mail", "member", "createtimestamp", *_OPERATIONAL)),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """``values`` by the attribute's key, in lower case; ``owner``: the account's id, where it is one's."""

    name: Dn
    kind: Kind
    values: Mapping[str, Sequence[bytes]]
    owner: str = ""

    @property
    def dn(self) -> str:
        written = self.values.get("entrydn")
        return written[0].decode("utf-8") if written else dn.write(self.name)


def suffix(conn: Reading) -> Dn:
    return dn.suffix_of(primary_domain(conn))


def branch_name(conn: Reading, kind: Kind) -> Dn:
    return ((("ou", BRANCHES[kind]),), *suffix(conn))


def leaf_name(conn: Reading, kind: Kind, key: str) -> Dn:
    """``key``: an account's login, a unit's id, a group's address."""
    shelf = conn.memory.shelf("ldap branches")
    branch: Dn | None = shelf.get(kind)
    if branch is None:
        branch = shelf[kind] = branch_name(conn, kind)
    return (((NAMED_BY[kind], key),), *branch)


def leaf_text(conn: Reading, kind: Kind, key: str) -> str:
    """The same, written."""
    shelf = conn.memory.shelf("ldap branches, written")
    branch: str | None = shelf.get(kind)
    if branch is None:
        branch = shelf[kind] = dn.write(branch_name(conn, kind))
    return f"{NAMED_BY[kind]}={dn.escape(key)},{branch}"


def _entry(
    name: Dn, kind: Kind, values: Mapping[str, Iterable[str | None]], owner: str = "", written: str = ""
) -> Entry:
    kept = {key: [text.encode("utf-8") for text in dict.fromkeys(texts) if text] for key, texts in values.items()}
    whole = {key: texts for key, texts in kept.items() if texts}
    classes = CLASSES[kind]
    structural = {"top": "organization", "account": "inetOrgPerson", "group": "groupOfNames"}
    whole["objectclass"] = [each.encode() for each in classes]
    whole["structuralobjectclass"] = [structural.get(kind, "organizationalUnit").encode()]
    whole["entrydn"] = [(written or dn.write(name)).encode("utf-8")]
    whole["subschemasubentry"] = [SUBSCHEMA.encode()]
    whole["hassubordinates"] = [b"TRUE" if kind in ("top", "branch") else b"FALSE"]
    return Entry(name, kind, whole, owner)


def top_entry(conn: Reading) -> Entry:
    domain = primary_domain(conn)
    return _entry(suffix(conn), "top", {"o": [domain], "dc": [domain.partition(".")[0]]})


def branch_entry(conn: Reading, kind: Kind) -> Entry:
    return _entry(branch_name(conn, kind), "branch", {"ou": [BRANCHES[kind]]})


# Units


def unit_entries(conn: Reading) -> dict[str, Entry]:
    """All units of today, by id; remembered, for they are few."""
    shelf = conn.memory.shelf("ldap units")
    found: dict[str, Entry] | None = shelf.get(conn.today)
    if found is None:
        whole = tree(conn)
        found = shelf[conn.today] = {each.id: _unit_entry(conn, whole, each) for each in whole.by_id.values()}
    return found


def _unit_entry(conn: Reading, whole: UnitTree, unit: Unit) -> Entry:
    above = leaf_text(conn, "unit", unit.parent_id) if unit.parent_id in whole.by_id else None
    return _entry(
        leaf_name(conn, "unit", unit.id),
        "unit",
        {
            "uid": [unit.id],
            "ou": [unit.name, unit.short_name, unit.agency_code],
            "description": [whole.label(unit.id)],
            "businesscategory": [unit.type],
            "seealso": [above],
        },
    )


# Accounts


_ACCOUNTS = (
    select(
        account.c.id,
        account.c.login,
        account.c.name,
        account.c.title,
        account.c.unit_name,
        account.c.unit_id,
        account.c.language,
        account.c.created_at,
        person.c.full_name,
        person.c.family_name,
        person.c.given_name,
        person.c.phone,
        person.c.employee_code,
    )
    .outerjoin(person, person.c.id == account.c.person_id)
    .where(account.c.status != "closed")
)


def account_entries(conn: Reading, ids: Collection[str]) -> list[Entry]:
    """In the order of ``ids``; accounts that are closed are left out."""
    if not ids:
        return []
    rows = {row.id: row for row in conn.execute(_ACCOUNTS.where(account.c.id.in_(ids)))}
    others = _addresses(conn, address.c.account_id, list(rows))
    units = tree(conn)
    return [_account_entry(conn, units, rows[each], others.get(each, ())) for each in ids if each in rows]


def _addresses(conn: Reading, owner: Any, ids: Collection[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    statement = (
        select(owner.label("owner"), address.c.address)
        .where(owner.in_(ids), address.c.state == "active")
        .order_by(owner, address.c.address)
    )
    for row in conn.execute(statement):
        found.setdefault(row.owner, []).append(row.address)
    return found


def _account_entry(conn: Reading, units: UnitTree, row: Any, addresses: Iterable[str]) -> Entry:
    unit = units.by_id.get(row.unit_id) if row.unit_id else None
    name = row.full_name or row.name
    return _entry(
        leaf_name(conn, "account", row.login),
        "account",
        {
            "uid": [row.login],
            "cn": [name],
            "displayname": [name],
            "sn": [row.family_name or name],  # inetOrgPerson wants one, and a single word is a given name
            "givenname": [row.given_name],
            "mail": [row.login, *addresses],
            "title": [row.title],
            "ou": [row.unit_name, unit.name if unit else None],
            "departmentnumber": [unit.agency_code if unit else None],
            "seealso": [leaf_text(conn, "unit", unit.id) if unit else None],
            "telephonenumber": [row.phone],
            "employeenumber": [row.employee_code],
            "preferredlanguage": [row.language],
            "createtimestamp": [_time(row.created_at)],
        },
        row.id,
        leaf_text(conn, "account", row.login),
    )


def _time(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%d%H%M%SZ")


# Groups


def group_entries(conn: Reading, ids: Collection[str], *, with_members: bool) -> list[Entry]:
    """In the order of ``ids``; members are looked for only where somebody wants them."""
    if not ids:
        return []
    statement = select(mail_group.c.id, mail_group.c.address, mail_group.c.name, mail_group.c.created_at).where(
        mail_group.c.id.in_(ids), mail_group.c.closed_at.is_(None)
    )
    rows = {row.id: row for row in conn.execute(statement)}
    others = _addresses(conn, address.c.group_id, list(rows))
    found = []
    for row in (rows[each] for each in ids if each in rows):
        values: dict[str, Iterable[str | None]] = {
            "cn": [row.name or row.address],
            "mail": [row.address, *others.get(row.id, ())],
            "createtimestamp": [_time(row.created_at)],
        }
        if with_members and may_see_members(conn, row.id, ""):
            values["member"] = _members(conn, row.address)
        found.append(_entry(leaf_name(conn, "group", row.address), "group", values))
    return found


def _members(conn: Reading, group_address: str) -> list[str]:
    recipients = resolve(conn, group_address)
    if recipients is None or len(recipients.accounts) > MAX_MEMBERS:
        return []
    logins = sorted(login for _, login in names_of(conn, recipients.accounts).values())
    return [leaf_text(conn, "account", login) for login in logins]
