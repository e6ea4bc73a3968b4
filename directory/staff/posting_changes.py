"""The steps of which joining, moving and leaving are made: ending posts and giving new ones.

They write appointments and nothing else; whoever calls them records the change and refreshes the account.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, or_, update

from directory.database import Writing
from directory.dates import holds
from directory.faults import Fault
from directory.staff.people import Official
from directory.staff.postings import Appointment, AppointmentKind, appointments_of, positions, row_of
from directory.staff.units import open_unit
from directory.tables import appointment


def open_posts(conn: Writing, official: Official, last_day: str) -> list[Appointment]:
    return [
        post
        for post in appointments_of(conn, official.person_id)
        if post.valid_until is None or post.valid_until > last_day
    ]


def end_posts(conn: Writing, posts: list[Appointment], last_day: str) -> None:
    for post in posts:
        if post.valid_from > last_day:
            # it never began
            conn.execute(delete(appointment).where(appointment.c.id == post.id))
        else:
            conn.execute(update(appointment).where(appointment.c.id == post.id).values(valid_until=last_day))


def new_post(
    conn: Writing,
    official: Official,
    unit_id: str,
    position_id: str,
    from_day: str,
    until_day: str | None,
    title: str,
    kind: AppointmentKind,
    rank: int | None,
    *,
    primary: bool,
    decision: str,
) -> Appointment:
    unit = open_unit(conn, unit_id)
    post = positions(conn).get(position_id)
    if post is None:
        raise Fault("position-unknown", position=position_id)
    if until_day is not None and until_day < from_day:
        raise Fault("day-order", first=from_day, second=until_day)
    for held in appointments_of(conn, official.person_id):
        same = (held.unit_id, held.position_id) == (unit.id, post.id)
        if same and holds(held.valid_from, held.valid_until, from_day):
            raise Fault("appointment-exists", official=official.full_name, unit=unit.name)
    if primary:
        # the others stay what they are but no longer name the person
        conn.execute(
            update(appointment)
            .where(
                appointment.c.person_id == official.person_id,
                or_(appointment.c.valid_until.is_(None), appointment.c.valid_until >= from_day),
            )
            .values(is_primary=False)
        )
    made = Appointment(
        conn.new_id(),
        official.person_id,
        unit.id,
        post.id,
        title,
        kind,
        primary,
        post.rank if rank is None else rank,
        from_day,
        until_day,
        decision,
    )
    conn.execute(insert(appointment), row_of(made))
    return made


def told(posts: list[Appointment]) -> list[dict[str, str]]:
    """Posts as the audit record tells of them."""
    return [{"unit": post.unit_id, "position": post.position_id, "from": post.valid_from} for post in posts]
