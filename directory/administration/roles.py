"""What administrators may do: the policy as a table, and the decision as a function of values.

A delegation is a role in a part of the city, over people of lower protocol rank than it says, perhaps only in some
attributes, until a day.  Nobody administers himself, nor anybody who administers as much as he does or more, nor
anybody of equal or higher rank; who looks after people in several units needs a delegation that has all of them.

``directory.administration.authority`` finds out what is decided upon; an operation has the name under which it is
recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Role = Literal[
    "city-admin", "unit-admin", "auditor", "hr-clerk", "helpdesk", "list-moderator", "postmaster", "certifier"
]
# Why not; the later, the nearer it was to be allowed.
Reason = Literal["nobody", "himself", "ended", "role", "attribute", "subtree", "rank", "standing", ""]
_NEARNESS: tuple[Reason, ...] = ("nobody", "ended", "role", "attribute", "subtree", "rank", "standing")

# Standing of somebody who administers nothing; 1 is the highest.
NO_STANDING = 9
# Of officials without a post; the lowest that a post has is 99.
LOWEST_RANK = 99


@dataclass(frozen=True, slots=True)
class RoleRule:
    """``operations`` end in ``.*`` where all of a kind are meant; ``grants`` are roles that he may give to others."""

    standing: int
    operations: tuple[str, ...]
    grants: tuple[Role, ...] = ()


_PEOPLE = ("official.*", "mailbox.*", "app-password.*", "capability.*", "alias.*")
_LISTS = ("group.approve", "group.reject", "group.member.add", "group.member.remove", "group.see-members")

ROLES: dict[Role, RoleRule] = {
    "city-admin": RoleRule(
        1, ("*",), ("unit-admin", "auditor", "hr-clerk", "helpdesk", "list-moderator", "postmaster", "certifier")
    ),
    "unit-admin": RoleRule(
        2,
        (*_PEOPLE, "group.*", "unit.add", "unit.alter", "admin.grant", "admin.revoke", "admin.see", "trace.see"),
        ("hr-clerk", "helpdesk", "list-moderator"),
    ),
    "auditor": RoleRule(2, ("audit.read", "audit.export", "admin.see", "group.see-members")),
    "hr-clerk": RoleRule(3, ("official.*",)),
    "helpdesk": RoleRule(
        3,
        (
            *("mailbox.lock", "mailbox.unlock", "mailbox.passwd", "mailbox.second-factor"),
            *("app-password.revoke", "capability.*", "trace.see"),
        ),
    ),
    "list-moderator": RoleRule(4, _LISTS),
    # mail on its way, and what is known of it: the city's, but for traces and indexes of one mailbox
    "postmaster": RoleRule(3, ("queue.*", "quarantine.*", "trace.*", "index.*", "reports.*", "doctor.*")),
    # ``ca.act`` opens the authority's key; what is done with it is judged besides
    "certifier": RoleRule(3, ("ca.*", "issuer.*", "certificate.*", "trust.*")),
}

# What an operation touches, for delegations that are limited to some attributes.  The longest name that fits counts;
# what stands nowhere is touched only by whoever is not limited.
ATTRIBUTES: dict[str, str] = {
    "official.join": "posts",
    "official.appoint": "posts",
    "official.dismiss": "posts",
    "official.move": "posts",
    "official.leave": "posts",
    "official.return": "posts",
    "official.rename": "name",
    "official.update": "contact",
    "mailbox.lock": "status",
    "mailbox.unlock": "status",
    "mailbox.passwd": "password",
    "mailbox.second-factor": "password",
    "mailbox.quota": "quota",
    "mailbox.language": "contact",
    "mailbox.absence": "contact",
    "mailbox.grant": "rights",
    "mailbox.revoke": "rights",
    "mailbox.share": "rights",
    "mailbox.seen": "rights",
    "mailbox.entrust": "mail",
    "mailbox.withdraw": "mail",
    "mailbox.attach": "rights",
    "mailbox.detach": "rights",
    "mailbox.restore": "mail",
    "mailbox.import": "mail",
    "app-password": "password",
    "capability": "password",
    "alias": "addresses",
    "group.member": "members",
    "group.rule": "members",
    "group.nest": "members",
    "group.see-members": "members",
    "group.approve": "moderation",
    "group.reject": "moderation",
    "group": "groups",
    "unit": "units",
    "queue": "transport",
    "quarantine": "transport",
    "trace": "transport",
    "index": "transport",
    "reports": "transport",
    "doctor": "transport",
    "ca": "certificates",
    "issuer": "certificates",
    "certificate": "certificates",
    "trust": "certificates",
}
ATTRIBUTE_NAMES = tuple(sorted(set(ATTRIBUTES.values())))


@dataclass(frozen=True, slots=True)
class Delegation:
    id: str
    account_id: str
    role: Role
    unit_id: str | None  # with all below it; None: the whole city
    attributes: frozenset[str]  # empty: all
    below_rank: int | None  # None: his own rank
    valid_until: str | None
    granted_by: str = ""
    granted_at: int = 0


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom or what an operation concerns.  ``paths``: for each place it has, the unit and all above it; a subject
    without a place is the city's, unless its parts, which may be anywhere, are judged by themselves.  Only people
    have a rank.
    """

    account_id: str = ""
    rank: int | None = None
    standing: int = NO_STANDING
    paths: tuple[frozenset[str], ...] = ()
    is_anywhere: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    allowed: bool
    reason: Reason = ""
    by: Delegation | None = None


def attribute_of(operation: str) -> str:
    name = operation
    while name and name not in ATTRIBUTES:
        name = name.rpartition(".")[0]
    return ATTRIBUTES.get(name, "")


def has_operation(role: Role, operation: str) -> bool:
    return any(
        known in ("*", operation) or (known.endswith(".*") and operation.startswith(known[:-1]))
        for known in ROLES[role].operations
    )


def covers(unit_id: str | None, subject: Subject) -> bool:
    """Whether all places of a subject are in a subtree."""
    return (
        unit_id is None
        or subject.is_anywhere
        or (bool(subject.paths) and all(unit_id in path for path in subject.paths))
    )


def decide(
    actor_id: str, own_rank: int, held: Iterable[Delegation], operation: str, subject: Subject, day: str
) -> Decision:
    """Whether one of the delegations that somebody holds allows him an operation; the nearest reason why not."""
    if subject.account_id == actor_id:
        return Decision(False, "himself")
    nearest: Reason = "nobody"
    for delegation in held:
        reason = _refuses(delegation, own_rank, operation, subject, day)
        if not reason:
            return Decision(True, "", delegation)
        nearest = max(nearest, reason, key=_NEARNESS.index)
    return Decision(False, nearest)


def _refuses(delegation: Delegation, own_rank: int, operation: str, subject: Subject, day: str) -> Reason:
    if delegation.valid_until is not None and delegation.valid_until < day:
        return "ended"
    if not has_operation(delegation.role, operation):
        return "role"
    if delegation.attributes and attribute_of(operation) not in delegation.attributes:
        return "attribute"
    if not covers(delegation.unit_id, subject):
        return "subtree"
    if subject.rank is not None and subject.rank <= rank_of(delegation, own_rank):
        return "rank"
    if subject.standing <= ROLES[delegation.role].standing:
        return "standing"
    return ""


def rank_of(delegation: Delegation, own_rank: int) -> int:
    return own_rank if delegation.below_rank is None else delegation.below_rank
