"""What accounts repeat of posts, brought in line afterwards and in small steps, where thousands change at once.

Whoever changes so many names them in his transaction (``put_off``), which is short therefore.  ``catch_up`` goes
through them a few hundred at a time, so that other writers have their turn in between; if its process dies, the next
one goes on.  Until then the address book shows a title of yesterday; mail goes by the posts themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator

from sqlalchemy import and_, delete, insert, or_, select

from directory.database import Directory, Reading, Writing
from directory.staff.postings import refresh
from directory.tables import account, appointment, stale_person, unit, unit_version

_STEP = 500
# Long enough for a writer of another process, who asks SQLite again every few milliseconds, to come in between.
_PAUSE = 0.1


def put_off(conn: Writing, person_ids: Collection[str]) -> None:
    """These people's accounts are to be brought in line later.  Whoever begins or ceases to hold any post is brought
    in line at once: the group of everybody who does goes by what the account repeats.
    """
    for chunk in in_chunks(person_ids):
        refresh(conn, _begun_or_ceased(conn, chunk))
        waiting = set(
            conn.execute(select(stale_person.c.person_id).where(stale_person.c.person_id.in_(chunk))).scalars()
        )
        rows = [{"person_id": person_id} for person_id in chunk if person_id not in waiting]
        if rows:
            conn.execute(insert(stale_person), rows)


def catch_up(directory: Directory, pause: Callable[[float], None] = time.sleep) -> int:
    """Bring in line whoever was put off; how many people that were."""
    done = 0
    with directory.read() as conn:
        behind = _is_behind(conn)
    while behind:
        with directory.write() as writing:
            writing.is_settled = True  # repeats what a plan that was judged has changed
            people = list(writing.execute(select(stale_person.c.person_id).limit(_STEP)).scalars())
            refresh(writing, people)
            writing.execute(delete(stale_person).where(stale_person.c.person_id.in_(people)))
            if len(people) < _STEP:
                # what an undone plan had made, and accounts showed until now
                writing.execute(delete(unit).where(_has_no_version))
            behind = _is_behind(writing)
        done += len(people)
        if behind:
            pause(_PAUSE)
    return done


_has_no_version = unit.c.id.not_in(select(unit_version.c.unit_id))


def _is_behind(conn: Reading | Writing) -> bool:
    waiting = conn.execute(select(stale_person.c.person_id).limit(1)).first()
    return waiting is not None or conn.execute(select(unit.c.id).where(_has_no_version).limit(1)).first() is not None


def _begun_or_ceased(conn: Writing, person_ids: list[str]) -> list[str]:
    today = conn.today
    serves = (
        select(appointment.c.id)
        .where(
            appointment.c.person_id == account.c.person_id,
            appointment.c.valid_from <= today,
            or_(appointment.c.valid_until.is_(None), appointment.c.valid_until >= today),
        )
        .exists()
    )
    shown = account.c.unit_id.is_not(None)
    found = conn.execute(
        select(account.c.person_id).where(
            account.c.person_id.in_(person_ids), or_(and_(shown, ~serves), and_(~shown, serves))
        )
    )
    return [person_id for person_id in found.scalars() if person_id is not None]


def in_chunks(ids: Iterable[str], size: int = 500) -> Iterator[list[str]]:
    everything = sorted(set(ids))
    for start in range(0, len(everything), size):
        yield everything[start : start + size]
