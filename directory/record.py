"""The audit record in the directory's database: one row for every change, chained (``security.audit``).

Nothing is recorded, and so nothing is changed, by an administrator who may not
(``directory.administration.authority``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict
from typing import Any

from sqlalchemy import bindparam, insert, or_, select

from directory.administration import authority
from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.tables import audit_record
from security.audit import AuditEntry, ChainBreak, append, verify

_COLUMNS = (
    audit_record.c.number,
    audit_record.c.at,
    audit_record.c.actor,
    audit_record.c.action,
    audit_record.c.subject,
    audit_record.c.details,
    audit_record.c.previous,
    audit_record.c.digest,
)
_LAST = Question(select(*_COLUMNS).order_by(audit_record.c.number.desc()).limit(1))
_AFTER = Question(
    select(*_COLUMNS).where(audit_record.c.number > bindparam("after")).order_by(audit_record.c.number).limit(1000)
)


class Recorder:
    """Writes the entries of one transaction; ``flush`` when what they tell of is in the tables, and before it ends."""

    def __init__(self, conn: Writing, actor: str) -> None:
        self._conn = conn
        self._actor = actor[:100]
        self._waiting: list[tuple[str, str, dict[str, Any]]] = []

    def add(self, action: str, subject: str, **details: Any) -> None:
        self._waiting.append((action, subject, details))

    def flush(self) -> None:
        """Raises Refused where whoever answers for it may not do it."""
        if not self._waiting:
            return
        last = last_entry(self._conn)
        rows = []
        for action, subject, details in self._waiting:
            details |= authority.check(self._conn, self._actor, action, subject, details)
            given = {"reason": self._conn.reason[:500], "origin": self._conn.origin[:200]} | details
            told = {name: value for name, value in given.items() if value not in (None, "", [], {})}
            last = append(last, at=self._conn.now, actor=self._actor, action=action, subject=subject, details=told)
            rows.append(asdict(last))
        self._conn.execute(insert(audit_record), rows)
        self._conn.is_recorded = True
        self._waiting.clear()


def record(conn: Writing, actor: str, action: str, subject: str, **details: Any) -> None:
    """One entry, in the transaction of the change it tells of."""
    recorder = Recorder(conn, actor)
    recorder.add(action, subject, **details)
    recorder.flush()


def last_entry(conn: Reading | Writing) -> AuditEntry | None:
    row = conn.row(_LAST)
    return AuditEntry(*row) if row else None


def last_number(conn: Reading | Writing) -> int:
    last = last_entry(conn)
    return last.number if last else 0


def entries(conn: Reading | Writing, after: int = 0) -> Iterator[AuditEntry]:
    """All entries, oldest first."""
    while True:
        rows = conn.rows(_AFTER, after=after)
        for row in rows:
            yield AuditEntry(*tuple(row))
        if not rows:
            return
        after = rows[-1][0]


def search(
    conn: Reading | Writing,
    *,
    subjects: Collection[str] = (),
    text: str = "",
    actor: str = "",
    action: str = "",
    actions: Collection[str] = (),
    emergency: bool = False,
    first: int | None = None,
    last: int | None = None,
    limit: int | None = None,
) -> Iterator[AuditEntry]:
    """Newest first.  ``text`` is looked for in subject and details; ``action`` may be the first word of several,
    ``actions`` are whole ones; ``emergency`` leaves only what the machine's owner did without an administrator;
    ``first`` and ``last`` are epoch seconds.
    """
    statement = select(*_COLUMNS).order_by(audit_record.c.number.desc())
    if subjects:
        statement = statement.where(audit_record.c.subject.in_(sorted(set(subjects))))
    if text:
        statement = statement.where(
            or_(
                audit_record.c.subject.contains(text.lower(), autoescape=True),
                audit_record.c.details.contains(text, autoescape=True),
            )
        )
    if actor:
        statement = statement.where(audit_record.c.actor == actor)
    if action:
        inside = audit_record.c.action.startswith(f"{action}.", autoescape=True)
        statement = statement.where(or_(audit_record.c.action == action, inside))
    if actions:
        statement = statement.where(audit_record.c.action.in_(sorted(actions)))
    if emergency:
        statement = statement.where(audit_record.c.details.contains('"emergency":true', autoescape=True))
    if first is not None:
        statement = statement.where(audit_record.c.at >= first)
    if last is not None:
        statement = statement.where(audit_record.c.at <= last)
    for row in conn.execute(statement.limit(limit)):
        yield AuditEntry(*tuple(row))


def seal(conn: Reading | Writing) -> str:
    """Number and digest of the newest entry: kept elsewhere, it proves that nothing before it was changed since."""
    last = last_entry(conn)
    return f"{last.number}:{last.digest}" if last else "0:"


def check(conn: Reading | Writing, sealed: str = "") -> ChainBreak | None:
    """Where the chain is broken, if it is; or where it does not continue what was ``sealed``.  Raises Fault."""
    number, _, digest = sealed.strip().partition(":")
    if sealed and not (number.isdecimal() and len(number) < 19):
        raise Fault("value-invalid", value=sealed, what="seal")
    broken = verify(entries(conn))
    if broken is not None or not sealed or int(number) == 0:
        return broken
    found = next(entries(conn, int(number) - 1), None)
    if found is None or found.digest != digest:
        return ChainBreak(int(number), "is not the one that was sealed")
    return None
