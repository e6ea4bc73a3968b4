"""Who may see what, and how much of it.

Someone anonymous always sees the root DSE and the subschema, by which clients learn what there is to ask.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from directory.ldap.schema import AttributeType, find_attribute
from directory.mail.accounts import Account

# Whether somebody is anonymous, whether an administrator, and who he is, where that matters.
View = tuple[bool, bool, str]
# An entry without these would be none.
_ALWAYS = frozenset(("objectclass", "structuralobjectclass", "entrydn", "subschemasubentry", "hassubordinates"))


@dataclass(frozen=True, slots=True)
class Policy:
    """``anonymous``: attributes that are seen without a login; none: nothing is.  ``private``: those that only
    the person himself and administrators see.  Limits are entries and seconds.
    """

    members_see: bool = True
    anonymous: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()
    size_limit: int = 500
    anonymous_size_limit: int = 50
    paged_limit: int = 5000
    time_limit: int = 10


def attribute_keys(names: tuple[str, ...]) -> frozenset[str]:
    """Names of attributes as the configuration has them.  Raises ValueError naming one that is unknown."""
    found = []
    for name in names:
        kind = find_attribute(name)
        if kind is None:
            raise ValueError(f"the directory has no attribute {name!r}")
        found.append(kind.key)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody with his rights; ``account`` None: anonymous."""

    account: Account | None
    policy: Policy

    @property
    def may_search(self) -> bool:
        return bool(self.policy.anonymous) if self.account is None else self.policy.members_see

    @property
    def size_limit(self) -> int:
        return self.policy.anonymous_size_limit if self.account is None else self.policy.size_limit

    def sees(self, key: str, owner_id: str = "") -> bool:
        """Whether he sees an attribute, of his own entry or of another's."""
        if key in _ALWAYS:
            return True
        if self.account is None:
            return key in self.policy.anonymous
        return key not in self.policy.private or self.account.is_admin or self.account.id == owner_id

    @property
    def id(self) -> str:
        """His account's; empty: anybody."""
        return self.account.id if self.account is not None else ""

    def view(self, keys: Set[str]) -> View:
        """Two askers with the same view see the same of these attributes, whosever they are."""
        everybodys, his_own = self.views
        return everybodys if self.policy.private.isdisjoint(keys) else his_own

    @property
    def views(self) -> tuple[View, View]:
        """Of what he sees as others do, and of what he sees of himself alone."""
        is_admin = self.account is not None and self.account.is_admin
        return (self.account is None, is_admin, ""), (self.account is None, is_admin, self.id)

    def sees_type(self, kind: AttributeType) -> bool:
        return self.sees(kind.key)
