"""How an address ends: active, redirected until a day, quarantined until another, retired for good.

In quarantine whoever writes is told that the address is no longer in use (RFC 3463 §3.2, X.1.6), long enough for
letterheads and other people's address books to forget it; afterwards it is as unknown as any other.  It is never
given to anybody else, only to its last owner again.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, bindparam, select, update

from directory.database import Writing
from directory.dates import days_after
from directory.record import Recorder
from directory.tables import address

# How long mail to somebody who left goes to his successor, unless told otherwise; and how long mail is refused with
# the reason after that.
REDIRECT_DAYS = 365
QUARANTINE_DAYS = 730


def quarantine(conn: Writing, which: ColumnElement[bool]) -> None:
    """From now on nothing comes to these addresses.  Where they led stays on record: it decides who may have them
    again.
    """
    until = days_after(conn.today, QUARANTINE_DAYS)
    conn.execute(update(address).where(which).values(state="quarantined", until=until))


def turn(conn: Writing, actor: str) -> None:
    """What the date alone ends: redirects, then quarantines."""
    recorder = Recorder(conn, actor)
    over = select(address.c.address, address.c.until).where(address.c.until < conn.today).order_by(address.c.address)
    redirects = conn.execute(over.where(address.c.state == "redirect")).all()
    if redirects:
        # counted from the day itself: a machine that stood still for a month lengthens nothing
        ended = [{"ended": row.address, "last": days_after(row.until, QUARANTINE_DAYS)} for row in redirects]
        this = address.c.address == bindparam("ended")
        conn.execute(update(address).where(this).values(state="quarantined", until=bindparam("last")), ended)
        for row in redirects:
            recorder.add("alias.expire", row.address, last_day=row.until)
    for row in conn.execute(over.where(address.c.state == "quarantined")).all():
        conn.execute(update(address).where(address.c.address == row.address).values(state="retired", until=None))
        recorder.add("alias.retire", row.address, last_day=row.until)
    recorder.flush()
