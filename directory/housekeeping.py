"""What time alone changes: posts begin and end, people start and leave, redirects and rights run out, sessions die,
plans take effect.  To be run every few minutes.

Cheap when there is nothing to do, and safe to run from several processes.
"""

from __future__ import annotations

from sqlalchemy import select, update

from directory.database import Directory
from directory.dates import days_after
from directory.mail import account_changes, address_life, custody, mailboxes
from directory.plans.life import apply_due
from directory.signing_in import scram_verifiers, sessions
from directory.staff.catching_up import catch_up
from directory.staff.leaving import carry_out_due
from directory.staff.postings import people_touched_between, refresh
from directory.tables import state

ACTOR = "housekeeper"


def tidy_up(
    directory: Directory,
    *,
    idle: int = sessions.IDLE_SECONDS,
    absolute: int = sessions.ABSOLUTE_SECONDS,
    keeps_scram: bool = True,
) -> None:
    with directory.read() as conn:
        done_until = conn.execute(select(state.c.day)).scalar_one()
        today = conn.today
    if done_until != today:
        turn_day(directory)
    carry_out_due(directory, ACTOR)
    with directory.write() as conn:
        sessions.sweep(conn, idle=idle, absolute=absolute)
        if not keeps_scram and scram_verifiers.any_kept(conn):
            scram_verifiers.forget_all(conn)
    apply_due(directory, ACTOR)
    catch_up(directory)


def turn_day(directory: Directory) -> int:
    """Bring accounts in line with the appointments of today; how many people were looked at."""
    with directory.write() as conn:
        done_until = conn.execute(select(state.c.day)).scalar_one()
        today = conn.today
        if done_until == today:
            return 0
        # a clock that went back makes everything be looked at again
        first = days_after(done_until, 1) if done_until and done_until < today else "0001-01-01"
        people = people_touched_between(conn, first, today)
        refresh(conn, people)
        address_life.turn(conn, ACTOR)
        account_changes.open_due(conn, ACTOR)
        mailboxes.expire_rights(conn, ACTOR)
        custody.expire(conn, ACTOR)
        conn.execute(update(state).values(day=today))
        return len(people)
