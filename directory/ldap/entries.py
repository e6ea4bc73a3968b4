"""Entries: what units, accounts and groups look like in LDAP, and how they are named.

    dc=thanhpho,dc=example
      ou=people    uid=<login>        inetOrgPerson: officials, and the mailboxes of units and roles
      ou=units     uid=<unit's id>    organizationalUnit; seeAlso leads to the unit above
      ou=groups    mail=<address>     groupOfNames

Names hold nothing that a reorganisation changes: a unit that is renamed or moved keeps its name here.  What an entry
holds is written when it is asked for: a search looks at more entries, and at less of each, than it gives.

Standards: RFC 2798, RFC 4519 §3, RFC 2247, RFC 5020 (entryDN).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from directory.database import Reading
from directory.ldap import dn
from directory.ldap.dn import Dn
from directory.mail.addresses import primary_domain

Kind = Literal["top", "branch", "unit", "account", "group"]
LEAVES: tuple[Kind, ...] = ("unit", "account", "group")
BRANCHES: dict[Kind, str] = {"account": "people", "unit": "units", "group": "groups"}
NAMED_BY: dict[Kind, str] = {"account": "uid", "unit": "uid", "group": "mail"}
SUBSCHEMA = "cn=subschema"

CLASSES: dict[Kind, tuple[str, ...]] = {
    "top": ("top", "organization", "dcObject"),
    "branch": ("top", "organizationalUnit"),
    "unit": ("top", "organizationalUnit", "uidObject"),
    "account": ("top", "person", "organizationalPerson", "inetOrgPerson"),
    "group": ("top", "groupOfNames", "extensibleObject"),
}
_STRUCTURAL = {"top": "organization", "account": "inetOrgPerson", "group": "groupOfNames"}
# What every entry has, but for its name.
_COMMON: dict[Kind, dict[str, Sequence[bytes]]] = {
    kind: {
        "objectclass": [name.encode() for name in classes],
        "structuralobjectclass": [_STRUCTURAL.get(kind, "organizationalUnit").encode()],
        "subschemasubentry": [SUBSCHEMA.encode()],
        "hassubordinates": [b"TRUE" if kind in ("top", "branch") else b"FALSE"],
    }
    for kind, classes in CLASSES.items()
}
COMMON_KEYS = ("objectclass", "structuralobjectclass", "entrydn", "subschemasubentry", "hassubordinates")
# Attributes, beside those, that an entry of a kind may have, in the order in which they are written.
HELD: dict[Kind, tuple[str, ...]] = {
    "top": ("o", "dc", *COMMON_KEYS),
    "branch": ("ou", *COMMON_KEYS),
    "unit": ("ou", "uid", "description", "businesscategory", "seealso", *COMMON_KEYS),
    "account": (
        *("uid", "cn", "displayname", "sn", "givenname", "mail", "title", "ou", "departmentnumber", "seealso"),
        *("telephonenumber", "employeenumber", "preferredlanguage", "jpegphoto", "usercertificate"),
        *("createtimestamp", "memberof"),
        *COMMON_KEYS,
    ),
    "group": ("cn", "mail", "member", "createtimestamp", *COMMON_KEYS),
}

# From what an entry is made of to the one value of an attribute, or to all of them, none where it is empty.
Makers = Mapping[str, Callable[[Any], str | Sequence[str | None] | None]]


class Entry:
    """One entry.  ``key``: what it is named by; ``owner``: the id of the account or group, where it is one's;
    ``order``: where it stands in a list by name.
    """

    __slots__ = ("_made", "_makers", "_source", "dn", "key", "kind", "order", "owner")

    def __init__(
        self, dn: str, kind: Kind, makers: Makers, source: Any, *, key: str = "", owner: str = "", order: bytes = b""
    ) -> None:
        self.dn = dn
        self.kind = kind
        self.key = key
        self.owner = owner
        self.order = order
        self._makers = makers
        self._source = source
        self._made: dict[str, Sequence[bytes]] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the attributes that it may have."""
        return HELD[self.kind] if self._makers else tuple(self._made)

    @classmethod
    def of(cls, dn: str, kind: Kind, values: Mapping[str, Sequence[bytes]]) -> Entry:
        """One that is known as a whole; ``values`` by the attributes' keys."""
        entry = cls(dn, kind, {}, None)
        entry._made = dict(values)
        return entry

    @property
    def name(self) -> Dn:
        return dn.parse(self.dn)

    def values(self, key: str) -> Sequence[bytes]:
        """Of the attribute with this key, which is its name in lower case; none where it has none."""
        made = self._made.get(key)
        if made is None:
            make = self._makers.get(key)
            if make is not None:
                found = make(self._source)
                made = ((found.encode("utf-8"),) if found else ()) if isinstance(found, str) else _octets(found or ())
            elif key == "entrydn":
                made = [self.dn.encode("utf-8")]
            else:
                made = _COMMON[self.kind].get(key, ())
            self._made[key] = made
        return made

    def put(self, key: str, values: Sequence[bytes]) -> None:
        """Of an attribute that is filled in (``filling``)."""
        self._made[key] = values

    def forget(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._made.pop(key, None)


def _octets(values: Sequence[str | None]) -> Sequence[bytes]:
    """Each once, without those that are empty."""
    return tuple(dict.fromkeys(value.encode("utf-8") for value in values if value))


def time_value(moment: int) -> str:
    """RFC 4517 §3.3.13."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%d%H%M%SZ")


# Names


def suffix(conn: Reading) -> Dn:
    return dn.suffix_of(primary_domain(conn))


def branch_text(conn: Reading, kind: Kind) -> str:
    shelf = conn.memory.shelf("ldap branches")
    branch: str | None = shelf.get(kind)
    if branch is None:
        branch = shelf[kind] = dn.write(((("ou", BRANCHES[kind]),), *suffix(conn)))
    return branch


def leaf_text(conn: Reading, kind: Kind, key: str) -> str:
    """``key``: an account's login, a unit's id, a group's address."""
    return f"{NAMED_BY[kind]}={dn.escape(key)},{branch_text(conn, kind)}"


# The entries above


def top_entry(conn: Reading) -> Entry:
    domain = primary_domain(conn)
    makers: Makers = {"o": str, "dc": lambda whole: whole.partition(".")[0]}
    return Entry(dn.write(suffix(conn)), "top", makers, domain)


def branch_entry(conn: Reading, kind: Kind) -> Entry:
    return Entry(branch_text(conn, kind), "branch", {"ou": str}, BRANCHES[kind])
