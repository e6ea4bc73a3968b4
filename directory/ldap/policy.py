"""Who may see what, and how much of it.

Someone anonymous always sees the root DSE and the subschema, by which clients learn what there is to ask.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from directory.ldap.schema import AttributeType, find_attribute
from directory.mail.accounts import Account

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

    def view(self, keys: Set[str]) -> tuple[bool, bool, str]:
        """Two askers with the same view see the same of these attributes, whosever they are."""
        is_his_own = not self.policy.private.isdisjoint(keys)
        return self.account is None, self.account is not None and self.account.is_admin, self.id if is_his_own else ""

    def sees_type(self, kind: AttributeType) -> bool:
        return self.sees(kind.key)
