"""The audit record in the directory's database: one row for every change, chained (``security.audit``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import bindparam, insert, select

from directory.database import Question, Reading, Writing
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
_ABOUT = Question(
    select(*_COLUMNS)
    .where(audit_record.c.subject == bindparam("subject"))
    .order_by(audit_record.c.number.desc())
    .limit(bindparam("limit", type_=audit_record.c.number.type))
)


class Recorder:
    """Writes the entries of one transaction; ``flush`` before anybody else records, and before it ends."""

    def __init__(self, conn: Writing, actor: str) -> None:
        self._conn = conn
        self._actor = actor[:100]
        self._last: AuditEntry | None = None
        self._waiting: list[AuditEntry] = []

    def add(self, action: str, subject: str, **details: Any) -> None:
        if not self._waiting:
            # others may have written since the last flush
            self._last = last_entry(self._conn)
        given = {"reason": self._conn.reason[:500], "origin": self._conn.origin[:200]} | details
        told = {name: value for name, value in given.items() if value not in (None, "", [], {})}
        self._last = append(
            self._last, at=self._conn.now, actor=self._actor, action=action, subject=subject, details=told
        )
        self._waiting.append(self._last)

    def flush(self) -> None:
        if self._waiting:
            rows = [
                {
                    "number": entry.number,
                    "at": entry.at,
                    "actor": entry.actor,
                    "action": entry.action,
                    "subject": entry.subject,
                    "details": entry.details,
                    "previous": entry.previous,
                    "digest": entry.digest,
                }
                for entry in self._waiting
            ]
            self._conn.execute(insert(audit_record), rows)
            self._waiting.clear()


def record(conn: Writing, actor: str, action: str, subject: str, **details: Any) -> None:
    """One entry, in the transaction of the change it tells of."""
    recorder = Recorder(conn, actor)
    recorder.add(action, subject, **details)
    recorder.flush()


def last_entry(conn: Reading | Writing) -> AuditEntry | None:
    row = conn.row(_LAST)
    return AuditEntry(*row) if row else None


def entries(conn: Reading | Writing, after: int = 0) -> Iterator[AuditEntry]:
    """All entries, oldest first."""
    while True:
        rows = conn.rows(_AFTER, after=after)
        for row in rows:
            yield AuditEntry(*row)
        if not rows:
            return
        after = rows[-1][0]


def entries_about(conn: Reading | Writing, subject: str, limit: int = 50) -> list[AuditEntry]:
    """Newest first."""
    return [AuditEntry(*row) for row in conn.rows(_ABOUT, subject=subject, limit=limit)]


def check(conn: Reading | Writing) -> ChainBreak | None:
    """Where the chain is broken, if it is."""
    return verify(entries(conn))
