"""The city as a tree to choose people from: units with what lies below them, their people in protocol order, positions
and those who hold them, groups; and units found by a few letters.

Everybody who is signed in sees who works where.  Attributes that the policy keeps private (``[ldap]
private_attributes``: one policy for every way of looking) are seen by their owner and administrators alone, and nobody
is found by what he does not show.  Hidden members of groups are not told here at all.

Limits: ``HOLDERS`` of a position; who wants more names a unit.  Counts of people count posts, and may be a minute old.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select

from directory.database import Question, Reading
from directory.faults import Fault
from directory.finding.search import Suggestion, complete
from directory.ldap.policy import Asker
from directory.ldap.vocabulary import Vocabulary
from directory.mail.recipients import holds_on
from directory.staff import units
from directory.staff.postings import Position, positions, written_title
from directory.staff.units import Unit, UnitTree
from directory.tables import account, appointment, mail_group, person, position
from directory.words.names import fold, initials, tidy, words
from directory.words.search_index import written
from directory.words.syllables import retyped

HOLDERS = 5_000
_PHONE = "telephonenumber"


@dataclass(frozen=True, slots=True)
class Node:
    """A unit as the tree shows it."""

    id: str
    name: str
    label: str  # with the body it belongs to
    short_name: str
    type: str
    units: int  # directly below
    people: int  # posts in it
    people_below: int  # and in all below


@dataclass(frozen=True, slots=True)
class Branch:
    """A unit opened; of the whole city ``unit`` is None."""

    unit: Node | None
    path: tuple[Node, ...]  # from the top to the unit above
    children: tuple[Node, ...]
    mailboxes: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person at one post."""

    id: str  # of the account
    name: str
    address: str
    title: str
    unit: str
    phone: str  # empty where it is not shown


@dataclass(frozen=True, slots=True)
class Page:
    people: tuple[Colleague, ...]
    next: int | None  # from which one to go on


# --- the tree ---------------------------------------------------------------------------------------------------------

_POSTS = Question(
    select(appointment.c.unit_id, func.count())
    .where(holds_on(appointment.c.valid_from, appointment.c.valid_until))
    .group_by(appointment.c.unit_id)
)
_MAILBOXES = Question(
    select(account.c.id, account.c.login, account.c.name, account.c.unit_name)
    .where(account.c.unit_id == bindparam("unit"), account.c.kind == "unit", account.c.status != "closed")
    .order_by(account.c.sort_key, account.c.login)
)


def branch(conn: Reading, unit_id: str = "") -> Branch:
    """What lies below a unit, or at the top.  Raises Fault for a unit that is not of today."""
    tree = units.tree(conn)
    counts = _counts(conn, tree)
    if not unit_id:
        return Branch(None, (), _nodes(tree, counts, tree.children(None)), ())
    path = tree.path(unit_id)
    if not path:
        raise Fault("unit-unknown", unit=unit_id)
    found = conn.rows(_MAILBOXES, unit=unit_id)
    return Branch(
        _nodes(tree, counts, path[-1:])[0],
        _nodes(tree, counts, path[:-1]),
        _nodes(tree, counts, tree.children(unit_id)),
        tuple(Suggestion(name, login, "", unit_name, "unit", id_) for id_, login, name, unit_name in found),
    )


_Counts = dict[str, tuple[int, int]]


def _counts(conn: Reading, tree: UnitTree) -> _Counts:
    """(posts in it, posts in all below it) by unit."""

    def count() -> _Counts:
        posts: dict[str, int] = dict(conn.rows(_POSTS, today=conn.today))
        whole = dict.fromkeys(tree.by_id, 0)
        for unit_id in tree.by_id:
            for above in tree.path(unit_id):
                whole[above.id] += posts.get(unit_id, 0)
        return {unit_id: (posts.get(unit_id, 0), below) for unit_id, below in whole.items()}

    return conn.estimate(("staff", conn.today), count)


def _nodes(tree: UnitTree, counts: _Counts, found: Iterable[Unit]) -> tuple[Node, ...]:
    return tuple(
        Node(
            each.id,
            each.name,
            tree.label(each.id),
            each.short_name,
            each.type,
            len(tree.children(each.id)),
            *counts.get(each.id, (0, 0)),  # one that is younger than the count
        )
        for each in found
    )


# --- people -----------------------------------------------------------------------------------------------------------

_COLUMNS = (
    account.c.id,
    account.c.name,
    account.c.login,
    appointment.c.title,
    appointment.c.kind,
    position.c.title.label("position_title"),
    appointment.c.unit_id,
    person.c.phone,
)
_earlier = appointment.alias("earlier")


def _holding(*conditions: Any) -> Any:
    return (
        select(*_COLUMNS)
        .join(position, position.c.id == appointment.c.position_id)
        .join(account, account.c.person_id == appointment.c.person_id)
        .join(person, person.c.id == appointment.c.person_id)
        .where(
            *conditions,
            holds_on(appointment.c.valid_from, appointment.c.valid_until),
            account.c.status != "closed",
        )
        .order_by(appointment.c.rank, account.c.sort_key, appointment.c.id)
        .limit(bindparam("limit", type_=appointment.c.rank.type))
        .offset(bindparam("offset", type_=appointment.c.rank.type))
    )


# who holds two posts in one unit stands there once, by the higher
_is_higher_of_two = ~(
    select(_earlier.c.id)
    .where(
        _earlier.c.person_id == appointment.c.person_id,
        _earlier.c.unit_id == appointment.c.unit_id,
        holds_on(_earlier.c.valid_from, _earlier.c.valid_until),
        (_earlier.c.rank < appointment.c.rank)
        | ((_earlier.c.rank == appointment.c.rank) & (_earlier.c.id < appointment.c.id)),
    )
    .exists()
)
_IN_UNIT = Question(_holding(appointment.c.unit_id == bindparam("unit"), _is_higher_of_two))
_AT_POSITION = Question(_holding(appointment.c.position_id == bindparam("position")))


def people_of(conn: Reading, asker: Asker, unit_id: str, *, start: int = 0, limit: int = 50) -> Page:
    """Who holds a post in the unit, by protocol rank, then in the order of a Vietnamese list.  Raises Fault."""
    if unit_id not in units.tree(conn).by_id:
        raise Fault("unit-unknown", unit=unit_id)
    return _page(conn, asker, _IN_UNIT, start, limit, unit=unit_id)


def holders(
    conn: Reading, asker: Asker, position_id: str, unit_id: str = "", *, start: int = 0, limit: int = 50
) -> Page:
    """Who holds a position, in the whole city or in a unit and below it.  Raises Fault."""
    if position_id not in positions(conn):
        raise Fault("position-unknown", position=position_id)
    if not unit_id:
        if position_counts(conn).get(position_id, 0) > HOLDERS:
            raise Fault("position-common", position=positions(conn)[position_id].title, limit=HOLDERS)
        return _page(conn, asker, _AT_POSITION, start, limit, position=position_id)
    tree = units.tree(conn)
    if unit_id not in tree.by_id:
        raise Fault("unit-unknown", unit=unit_id)
    within = [each.id for each in tree.subtree(unit_id)]
    statement = _holding(
        appointment.c.unit_id.in_(within), appointment.c.position_id == bindparam("position", type_=position.c.id.type)
    )
    values = {"position": position_id, "today": conn.today, "limit": limit + 1, "offset": start}
    return _shown(conn, asker, conn.execute(statement, values).all(), start, limit)


def _page(conn: Reading, asker: Asker, question: Question, start: int, limit: int, **values: str) -> Page:
    rows = conn.rows(question, today=conn.today, limit=limit + 1, offset=start, **values)
    return _shown(conn, asker, rows, start, limit)


def _shown(conn: Reading, asker: Asker, rows: Iterable[Any], start: int, limit: int) -> Page:
    tree = units.tree(conn)
    people = [
        Colleague(
            id_,
            name,
            login,
            written_title(title, kind, position_title),
            tree.label(unit_id),
            phone if asker.sees(_PHONE, id_) else "",
        )
        for id_, name, login, title, kind, position_title, unit_id, phone in rows
    ]
    return Page(tuple(people[:limit]), start + limit if len(people) > limit else None)


_BY_POSITION = Question(
    select(appointment.c.position_id, func.count())
    .where(holds_on(appointment.c.valid_from, appointment.c.valid_until))
    .group_by(appointment.c.position_id)
)


def position_counts(conn: Reading) -> dict[str, int]:
    """Posts of today by position."""
    return conn.estimate(("positions", conn.today), lambda: dict(conn.rows(_BY_POSITION, today=conn.today)))


def held_positions(conn: Reading) -> list[tuple[Position, int]]:
    """Positions that somebody holds today, in protocol order, with how many posts."""
    counts = position_counts(conn)
    return [(each, counts[each.id]) for each in positions(conn).values() if counts.get(each.id)]


# --- groups -----------------------------------------------------------------------------------------------------------

_GROUPS = Question(
    select(mail_group.c.id, mail_group.c.address, mail_group.c.name)
    .where(mail_group.c.address > bindparam("after"), mail_group.c.closed_at.is_(None))
    .order_by(mail_group.c.address)
    .limit(bindparam("limit", type_=appointment.c.rank.type))
)


def groups_after(conn: Reading, after: str = "", limit: int = 50) -> list[Suggestion]:
    """Groups in the order of their addresses, from behind one on."""
    found = conn.rows(_GROUPS, after=tidy(after), limit=limit)
    return [Suggestion(name, address, "", "", "group", id_) for id_, address, name in found]


# --- found by a few letters -------------------------------------------------------------------------------------------


def find_people(
    conn: Reading, asker: Asker, text: str, limit: int = 10, vocabulary: Vocabulary | None = None
) -> list[Suggestion]:
    """Completion, as far as the asker may see."""
    return complete(conn, text, limit, by_phone=asker.sees(_PHONE), vocabulary=vocabulary)


@dataclass(frozen=True, slots=True)
class _Names:
    """By what a unit is found."""

    short: str
    initials: str
    name: str
    words: tuple[str, ...]
    written: str


def _names(unit: Unit) -> _Names:
    folded, short = fold(unit.name), fold(unit.short_name)
    return _Names(short, initials(unit.name), folded, (*words(folded), *words(short)), written(unit.name))


def find_units(conn: Reading, text: str, limit: int = 10) -> list[Node]:
    """Units of today by abbreviation (``sxd``), initials or words, marks or not, best first."""
    tree = units.tree(conn)
    shelf = conn.memory.shelf("names of units")
    if not shelf:
        shelf.update((each.id, _names(each)) for each in tree.by_id.values())
    typed = words(written(tidy(text[:200])))
    for reading in (typed, [retyped(word) or word for word in typed]):
        scored = [(score, unit_id) for unit_id, names in shelf.items() if (score := _score(names, reading)) is not None]
        if scored:
            scored.sort(key=lambda found: (found[0], tree.by_id[found[1]].sort_order, shelf[found[1]].name))
            return list(_nodes(tree, _counts(conn, tree), [tree.by_id[unit_id] for _, unit_id in scored[:limit]]))
    return []


def _score(names: _Names, typed: list[str]) -> tuple[int, int] | None:
    """Less is better; None: not found.  What is written exactly so comes first among equals."""
    folded = [fold(word) for word in typed]
    whole, joined = " ".join(folded), "".join(folded)
    if not joined:
        return None
    if joined in (names.short, names.initials) or whole == names.name:
        level = 0
    elif names.short.startswith(whole) or names.name.startswith(whole):
        level = 1
    elif all(any(word.startswith(part) for word in names.words) for part in folded):
        level = 2
    elif len(joined) > 1 and names.initials.startswith(joined):
        level = 3
    else:
        return None
    return level, 0 if all(word in names.written for word in typed) else 1
