"""Absences: from when until when somebody is away, what is told to who writes meanwhile, and who stands in.

Colleagues are told all of it, while they address a letter and by an automatic answer (``mailserver.delivery.absent``).
Everybody else is told only what was written for him, and without that nothing: when an official is away, and who does
his work, is not the world's to know.

Limits: one absence for an account, over at once or to come; ``LONGEST`` days.  The record of changes has days and
substitute, and not the words, which may be of an illness.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select

from directory.database import Question, Reading, Writing
from directory.dates import days_after, holds, parse_day
from directory.faults import Fault
from directory.mail.accounts import Account, account_by_login, find_account
from directory.record import record
from directory.tables import absence

LONGEST = 366
LONGEST_TEXT = 2000

_OF = Question(
    select(
        absence.c.since,
        absence.c.until,
        absence.c.text,
        absence.c.outside,
        absence.c.substitute_id,
        absence.c.id,
    ).where(absence.c.account_id == bindparam("account"))
)


@dataclass(frozen=True, slots=True)
class Absence:
    """``until``: the last day.  ``text`` is for colleagues, ``outside`` for everybody else.  ``id``: another one for
    each that is kept.
    """

    since: str
    until: str
    text: str = ""
    outside: str = ""
    substitute: Account | None = None
    id: str = ""


def absence_of(conn: Reading | Writing, account_id: str) -> Absence | None:
    """What was kept last, whether or not it is over."""
    row = conn.row(_OF, account=account_id)
    if row is None:
        return None
    since, until, text, outside, substitute_id, id_ = row
    substitute = find_account(conn, substitute_id) if substitute_id else None
    if substitute is not None and substitute.status == "closed":
        substitute = None
    return Absence(since, until, text, outside, substitute, id_)


def absent(conn: Reading | Writing, account_id: str) -> Absence | None:
    """That of who is away today."""
    shelf = conn.memory.shelf("absences")
    if account_id not in shelf:
        shelf[account_id] = absence_of(conn, account_id)
    found: Absence | None = shelf[account_id]
    return found if found is not None and holds(found.since, found.until, conn.today) else None


def keep(
    conn: Writing,
    actor: str,
    owner: Account,
    *,
    since: str,
    until: str,
    text: str = "",
    outside: str = "",
    substitute: str = "",
) -> None:
    """In the place of what was kept before; ``substitute`` is an address.  Raises Fault."""
    since, until = parse_day(since), parse_day(until)
    if owner.status == "closed":
        raise Fault("account-closed", account=owner.login)
    if until < max(since, conn.today):
        raise Fault("absence-over", day=until)
    if until >= days_after(since, LONGEST):
        raise Fault("absence-long", limit=LONGEST)
    stands_in = _checked_substitute(conn, owner, substitute)
    row = {
        "id": conn.new_id(),
        "account_id": owner.id,
        "since": since,
        "until": until,
        "text": _words(text),
        "outside": _words(outside),
        "substitute_id": stands_in.id if stands_in else None,
    }
    conn.execute(delete(absence).where(absence.c.account_id == owner.id))
    conn.execute(insert(absence).values(**row))
    told = {"since": since, "until": until, "substitute": stands_in.login if stands_in else ""}
    record(conn, actor, "mailbox.absence", owner.login, after=told)


def end(conn: Writing, actor: str, owner: Account) -> None:
    """He is back, or does not go.  Raises Fault."""
    before = absence_of(conn, owner.id)
    if before is None:
        raise Fault("absence-unknown", account=owner.login)
    conn.execute(delete(absence).where(absence.c.account_id == owner.id))
    record(conn, actor, "mailbox.absence", owner.login, before={"since": before.since, "until": before.until})


def _checked_substitute(conn: Writing, owner: Account, text: str) -> Account | None:
    """Somebody of the city, another one."""
    if not text.strip():
        return None
    found = account_by_login(conn, text.strip())
    if found is None or found.id == owner.id or found.status == "closed":
        raise Fault("absence-substitute", address=text.strip()[:254])
    return found


def _words(text: str) -> str:
    """Raises Fault."""
    tidy = text.replace("\r\n", "\n").replace("\0", "").strip()
    if len(tidy) > LONGEST_TEXT:
        raise Fault("text-long", what="text", limit=LONGEST_TEXT)
    return tidy
