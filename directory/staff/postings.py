"""Positions and appointments: who holds which post in which unit, from when to when.

A person may hold several posts at once; one is primary and is what the address book shows.  ``refresh``
carries the outcome into the account (name, title, unit) and the search index, where it is read a thousand
times as often.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import and_, bindparam, insert, or_, select, update

from directory.database import Question, Reading, Writing
from directory.dates import day_before
from directory.faults import Fault
from directory.record import record
from directory.tables import account, appointment, person, position, stale_person, unit_version
from directory.words import search_index
from directory.words.names import fold, tidy

AppointmentKind = Literal["substantive", "acting", "seconded"]
NO_RANK = 99


@dataclass(frozen=True, slots=True)
class Position:
    id: str
    code: str
    title: str
    title_en: str
    rank: int  # protocol order: 1 is first
    is_clerk: bool


@dataclass(frozen=True, slots=True)
class Appointment:
    id: str
    person_id: str
    unit_id: str
    position_id: str
    title: str  # as written in the decision; empty: the position's
    kind: AppointmentKind
    is_primary: bool
    rank: int
    valid_from: str
    valid_until: str | None
    decision: str


_APPOINTMENT_COLUMNS = (
    appointment.c.id,
    appointment.c.person_id,
    appointment.c.unit_id,
    appointment.c.position_id,
    appointment.c.title,
    appointment.c.kind,
    appointment.c.is_primary,
    appointment.c.rank,
    appointment.c.valid_from,
    appointment.c.valid_until,
    appointment.c.decision,
)
_OF_PERSON = Question(
    select(*_APPOINTMENT_COLUMNS)
    .where(appointment.c.person_id == bindparam("person"))
    .order_by(appointment.c.valid_from.desc(), appointment.c.is_primary.desc(), appointment.c.rank, appointment.c.id)
)
_POSITIONS = Question(
    select(
        position.c.id,
        position.c.code,
        position.c.title,
        position.c.title_en,
        position.c.rank,
        position.c.is_clerk,
    ).order_by(position.c.rank, position.c.code)
)

_SHOWN_BY_ACCOUNT = (
    update(account)
    .where(account.c.id == bindparam("account"))
    .values(
        name=bindparam("new_name"),
        sort_key=bindparam("new_sort_key"),
        title=bindparam("new_title"),
        unit_id=bindparam("new_unit"),
        unit_name=bindparam("new_unit_name"),
    )
)

# --- positions
# --------------------------------------------------------------------------------------------------------


def positions(conn: Reading | Writing) -> dict[str, Position]:
    """By id, in protocol order."""
    shelf = conn.memory.shelf("positions")
    found: dict[str, Position] | None = shelf.get("all")
    if found is None:
        found = shelf["all"] = {
            row[0]: Position(row[0], row[1], row[2], row[3], row[4], bool(row[5])) for row in conn.rows(_POSITIONS)
        }
    return found


def find_position(conn: Reading | Writing, key: str) -> Position:
    """By id, code or title (folded).  Raises Fault."""
    known = positions(conn)
    if key in known:
        return known[key]
    shelf = conn.memory.shelf("positions by key")
    if not shelf:
        # the first in protocol order wins where two positions share a title
        for found in reversed(known.values()):
            shelf[fold(found.title)] = found
            shelf[fold(found.title_en)] = found
        for found in known.values():
            shelf[fold(found.code)] = found
    wanted = shelf.get(fold(tidy(key)))
    if wanted is None:
        raise Fault("position-unknown", position=key)
    return cast("Position", wanted)


def add_position(
    conn: Writing, actor: str, *, code: str, title: str, title_en: str = "", rank: int = NO_RANK, is_clerk: bool = False
) -> Position:
    """A new position in the catalogue.  Raises Fault."""
    if any(fold(known.code) == fold(code) for known in positions(conn).values()):
        raise Fault("position-exists", position=code)
    made = Position(conn.new_id(), tidy(code), tidy(title), tidy(title_en), rank, is_clerk)
    if not made.code or not made.title:
        raise Fault("name-empty")
    conn.execute(
        insert(position),
        {
            "id": made.id,
            "code": made.code,
            "title": made.title,
            "title_en": made.title_en,
            "rank": made.rank,
            "is_clerk": made.is_clerk,
        },
    )
    record(conn, actor, "position.define", made.code, title=made.title, rank=made.rank, clerk=made.is_clerk)
    return made


# --- appointments
# -----------------------------------------------------------------------------------------------------


def appointments_of(conn: Reading | Writing, person_id: str) -> list[Appointment]:
    """Every post the person holds, held or will hold, newest first."""
    return [
        Appointment(*row[:6], bool(row[6]), *row[7:])  # type: ignore[call-arg]
        for row in conn.rows(_OF_PERSON, person=person_id)
    ]


def written_title(title: str, kind: str, position_title: str) -> str:
    """How the post is written in the address book."""
    text = title or position_title
    if kind == "acting" and not fold(text).startswith(("quyen ", "q. ")):
        return f"Quyền {text}"
    return text


def unit_label(name: str, body: str | None) -> str:
    """``Văn phòng Sở`` alone says nothing: a unit below a body of the city is named with it."""
    return (f"{name}, {body}" if body else name)[:300]


def row_of(made: Appointment) -> dict[str, Any]:
    return {
        "id": made.id,
        "person_id": made.person_id,
        "unit_id": made.unit_id,
        "position_id": made.position_id,
        "title": made.title,
        "kind": made.kind,
        "is_primary": made.is_primary,
        "rank": made.rank,
        "valid_from": made.valid_from,
        "valid_until": made.valid_until,
        "decision": made.decision,
    }


# --- what accounts repeat
# ---------------------------------------------------------------------------------------------


def refresh(conn: Writing, person_ids: Collection[str]) -> None:
    """Bring name, title and unit of these people's accounts, and the search index, in line with today."""
    for chunk in _chunks(person_ids):
        shown = _shown_posts(conn, chunk)
        people = conn.execute(
            select(
                account.c.id,
                account.c.login,
                account.c.status,
                person.c.id.label("person"),
                person.c.full_name,
                person.c.given_name,
                person.c.sort_key,
                person.c.phone,
            )
            .join(person, person.c.id == account.c.person_id)
            .where(account.c.person_id.in_(chunk))
        ).all()
        if not people:
            continue
        local_parts = search_index.local_parts_of(conn, [row.id for row in people])
        accounts: list[dict[str, Any]] = []
        entries: list[search_index.Entry] = []
        for row in people:
            post = shown.get(row.person)
            accounts.append(
                {
                    "account": row.id,
                    "new_name": row.full_name,
                    "new_sort_key": row.sort_key,
                    "new_title": post.title if post else "",
                    "new_unit": post.unit_id if post else None,
                    "new_unit_name": post.unit_name if post else "",
                }
            )
            if row.status == "closed":
                search_index.remove(conn, row.id)
                continue
            ranks = search_index.person_words(
                row.full_name,
                row.given_name,
                local_parts[row.id],
                rank=post.rank if post else NO_RANK,
                title=post.title if post else "",
                unit_name=post.unit_name if post else "",
                unit_short_name=post.unit_short_name if post else "",
                phone=row.phone,
            )
            entries.append(search_index.Entry(row.id, "person", row.login, ranks, row.full_name))
        conn.execute(_SHOWN_BY_ACCOUNT, accounts)
        if entries:
            search_index.put_many(conn, entries)


def refresh_units(conn: Writing, unit_ids: Collection[str]) -> None:
    """After units were renamed or moved: officials in them and directly below, and their own mailboxes."""
    refresh(conn, refresh_mailboxes(conn, unit_ids))


def refresh_mailboxes(conn: Writing, unit_ids: Collection[str]) -> set[str]:
    """Of ``refresh_units`` the part about the units' own mailboxes; the officials to be refreshed besides."""
    found: set[str] = set()
    for chunk in _chunks(unit_ids):
        below = select(unit_version.c.unit_id).where(unit_version.c.parent_id.in_(chunk))
        people = conn.execute(
            select(account.c.person_id).where(
                or_(account.c.unit_id.in_(chunk), account.c.unit_id.in_(below)), account.c.person_id.is_not(None)
            )
        )
        found.update(person_id for person_id in people.scalars() if person_id is not None)
        names = conn.execute(
            select(unit_version.c.unit_id, unit_version.c.name).where(
                unit_version.c.unit_id.in_(chunk), *_today(conn, unit_version)
            )
        ).all()
        for row in names:
            mailboxes = (account.c.unit_id == row.unit_id) & (account.c.kind == "unit")
            conn.execute(update(account).where(mailboxes).values(unit_name=row.name))
    return found


def refresh_preview(conn: Reading | Writing, limit: int) -> Iterator[str]:
    """Logins of accounts that ``refresh`` would change."""
    people = conn.execute(
        select(account.c.person_id, account.c.login, account.c.title, account.c.unit_id, account.c.unit_name)
        .where(
            account.c.person_id.is_not(None),
            account.c.status != "closed",
            account.c.person_id.not_in(select(stale_person.c.person_id)),
        )
        .order_by(account.c.person_id)
    ).all()
    found = 0
    for start in range(0, len(people), 500):
        part = people[start : start + 500]
        shown = _shown_posts(conn, [row.person_id for row in part])
        for row in part:
            post = shown.get(row.person_id)
            expected = (post.title, post.unit_id, post.unit_name) if post else ("", None, "")
            if (row.title, row.unit_id, row.unit_name) != expected:
                yield row.login
                found += 1
                if found == limit:
                    return


def people_touched_between(conn: Reading | Writing, first: str, last: str) -> list[str]:
    """People for whom a post began on one of these days or ended on the eve of one."""
    found = conn.execute(
        select(appointment.c.person_id)
        .where(
            or_(
                and_(appointment.c.valid_from >= first, appointment.c.valid_from <= last),
                and_(appointment.c.valid_until >= day_before(first), appointment.c.valid_until < last),
            )
        )
        .distinct()
    )
    return list(found.scalars())


@dataclass(frozen=True, slots=True)
class _Post:
    unit_id: str
    title: str
    rank: int
    unit_name: str
    unit_short_name: str


def _shown_posts(conn: Reading | Writing, person_ids: list[str]) -> dict[str, _Post]:
    """The post by which each person is known today: the primary one, else the highest."""
    above = unit_version.alias("above")
    rows = conn.execute(
        select(
            appointment.c.person_id,
            appointment.c.unit_id,
            appointment.c.title,
            appointment.c.kind,
            appointment.c.rank,
            position.c.title.label("position_title"),
            unit_version.c.name,
            unit_version.c.short_name,
            above.c.name.label("body"),
        )
        .join(position, position.c.id == appointment.c.position_id)
        .outerjoin(unit_version, and_(unit_version.c.unit_id == appointment.c.unit_id, *_today(conn, unit_version)))
        .outerjoin(
            above,
            and_(above.c.unit_id == unit_version.c.parent_id, above.c.parent_id.is_not(None), *_today(conn, above)),
        )
        .where(appointment.c.person_id.in_(person_ids), *_today(conn, appointment))
        .order_by(appointment.c.is_primary.desc(), appointment.c.rank, appointment.c.valid_from)
    )
    shown: dict[str, _Post] = {}
    for row in rows:
        title = written_title(row.title, row.kind, row.position_title)
        label = unit_label(row.name, row.body) if row.name else ""
        shown.setdefault(row.person_id, _Post(row.unit_id, title, row.rank, label, row.short_name or ""))
    return shown


def _today(conn: Reading | Writing, table: Any) -> tuple[Any, Any]:
    today = conn.today
    return table.c.valid_from <= today, or_(table.c.valid_until.is_(None), table.c.valid_until >= today)


def _chunks(ids: Iterable[str], size: int = 500) -> Iterator[list[str]]:
    everything = list(dict.fromkeys(ids))
    for start in range(0, len(everything), size):
        yield everything[start : start + size]
