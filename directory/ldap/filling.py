"""What is large, or dear to find out, of an entry: filled in where a filter looks at it, and again right before it is
written, so that entries which wait, or do not match, hold none of it.

Standards: RFC 4519 §2.17 (member); RFC 4523 §4.1 (userCertificate).
Limits: a group of more than ``MAX_MEMBERS`` shows none of them, and outside addresses are never members.  A group that
hides its members shows them to its administrators alone.  Photos in JPEG are shown, no others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from directory.database import Reading
from directory.ldap.entries import Entry, leaf_text
from directory.ldap.memberships import groups_reaching
from directory.mail.accounts import names_of
from directory.mail.group_rights import may_see_members
from directory.mail.recipients import members_of
from directory.pki.certificates import published
from directory.tables import account, person_photo

MAX_MEMBERS = 2000
# So many octets each that few entries are written at once.
LARGE = frozenset(("jpegphoto", "usercertificate"))
FILLED_IN = LARGE | {"member", "memberof"}


def fill_in(conn: Reading, entries: Sequence[Entry], keys: Collection[str], reader_id: str) -> None:
    """``keys``: of the attributes that are wanted; ``reader_id``: the account of who asks, or empty."""
    if FILLED_IN.isdisjoint(keys):
        return
    accounts = {entry.owner: entry for entry in entries if entry.kind == "account"}
    if accounts and "memberof" in keys:
        groups = groups_reaching(conn, list(accounts), reader_id)
        _put(accounts, "memberof", {owner: [name.encode() for name in names] for owner, names in groups.items()})
    if accounts and "usercertificate" in keys:
        # somebody else's may serve for two purposes, and stand there twice
        found = published(conn, accounts)
        _put(accounts, "usercertificate", {owner: list(dict.fromkeys(listed)) for owner, listed in found.items()})
    if accounts and "jpegphoto" in keys:
        _put(accounts, "jpegphoto", _photos(conn, accounts))
    if "member" in keys:
        for entry in entries:
            if entry.kind == "group":
                entry.put("member", _members(conn, entry.owner, reader_id))


def _put(accounts: Mapping[str, Entry], key: str, values: Mapping[str, Sequence[bytes]]) -> None:
    for owner, entry in accounts.items():
        entry.put(key, values.get(owner, ()))


def _photos(conn: Reading, account_ids: Collection[str]) -> dict[str, list[bytes]]:
    statement = (
        select(account.c.id, person_photo.c.octets)
        .join(person_photo, person_photo.c.person_id == account.c.person_id)
        .where(account.c.id.in_(list(account_ids)), person_photo.c.media_type == "image/jpeg")
    )
    return {row.id: [row.octets] for row in conn.execute(statement)}


def _members(conn: Reading, group_id: str, reader_id: str) -> list[bytes]:
    # which are too many is remembered, for finding that out is what takes long
    crowds = conn.memory.shelf("ldap crowds")
    if group_id in crowds or not may_see_members(conn, group_id, reader_id):
        return []
    found = members_of(conn, group_id)
    if len(found) > MAX_MEMBERS:
        crowds[group_id] = True
        return []
    logins = sorted(login for _, login in names_of(conn, found).values())
    return [leaf_text(conn, "account", login).encode("utf-8") for login in logins]
