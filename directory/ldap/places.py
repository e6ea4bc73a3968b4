"""Where in the tree a name points, and which entries a search from there has to look at.

Standards: RFC 4511 §4.5.1.1, §4.5.1.2; RFC 4512 §5.1 (the root DSE is no part of a naming context).
Limits: a search of the root's subtree is one of the whole context, for Apple's address book begins so.
"""

from __future__ import annotations

from dataclasses import dataclass

from directory.database import Reading
from directory.ldap import dn
from directory.ldap.entries import BRANCHES, LEAVES, NAMED_BY, Entry, Kind, branch_entry, branch_text, suffix, top_entry
from directory.ldap.messages import Code, Result

BASE, ONE_LEVEL, SUBTREE = 0, 1, 2


_BRANCHES = {dn.folded(((("ou", label),),)): kind for kind, label in BRANCHES.items()}


class NoSuchPlace(Exception):
    def __init__(self, result: Result) -> None:
        super().__init__(result.text)
        self.result = result


@dataclass(frozen=True, slots=True)
class Place:
    """``branch`` None: the top; ``key``: of a leaf, its login, id or address."""

    branch: Kind | None = None
    key: str = ""


def locate(conn: Reading, text: str) -> Place:
    """Raises NoSuchPlace."""
    try:
        asked = dn.key(text)
    except dn.DnFault as fault:
        raise NoSuchPlace(Result(Code.INVALID_DN_SYNTAX, str(fault))) from None
    top = dn.folded(suffix(conn))
    if not asked or asked == top:
        return Place()
    if len(asked) <= len(top) or asked[-len(top) :] != top:
        raise NoSuchPlace(Result(Code.NO_SUCH_OBJECT))
    below = asked[: -len(top)]
    branch = _BRANCHES.get(below[-1:])
    if branch is None:
        raise NoSuchPlace(Result(Code.NO_SUCH_OBJECT, matched=dn.write(suffix(conn))))
    if len(below) == 1:
        return Place(branch)
    if len(below) == 2 and len(below[0]) == 1 and below[0][0][0] == NAMED_BY[branch]:
        return Place(branch, below[0][0][1])
    raise NoSuchPlace(missing(branch_text(conn, branch)))


def missing(above: str) -> Result:
    return Result(Code.NO_SUCH_OBJECT, matched=above)


@dataclass(frozen=True, slots=True)
class Reach:
    """Entries above the leaves, the kinds of leaves, and the one leaf where there is only one."""

    fixed: tuple[Entry, ...] = ()
    kinds: tuple[Kind, ...] = ()
    leaf: Place | None = None


def reach(conn: Reading, place: Place, scope: int) -> Reach:
    if place.key:
        return Reach(leaf=place) if scope != ONE_LEVEL else Reach()
    shelf = conn.memory.shelf("ldap reaches")
    found: Reach | None = shelf.get((place, scope))
    if found is None:
        found = shelf[place, scope] = _reach(conn, place, scope)
    return found


def _reach(conn: Reading, place: Place, scope: int) -> Reach:
    if place.branch is not None:
        own = (branch_entry(conn, place.branch),) if scope != ONE_LEVEL else ()
        return Reach(own, (place.branch,) if scope != BASE else ())
    branches = tuple(branch_entry(conn, kind) for kind in LEAVES)
    if scope == BASE:
        return Reach((top_entry(conn),))
    if scope == ONE_LEVEL:
        return Reach(branches)
    return Reach((top_entry(conn), *branches), LEAVES)
