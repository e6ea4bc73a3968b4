"""One record of each message: where it came from, what was found out, what became of it for whom.

What is taken is written in the transaction that delivers it; what is not taken, in one of its own that nobody waits
for.  What other servers said at last comes with the relay's own results (``delivery.settling``).  The housekeeper
forgets all of it after ``[trust] trace_days``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, text

from mailserver.delivery.post_office import Origin, PostOffice
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared, Rows
from mailserver.store.tables import message_trace, recipient_trace, relay_trace
from security.authresults import parse_results

log = logging.getLogger("citymail.delivery")

LONGEST_TEXT = 1000

_MESSAGES = Rows(message_trace)
_RECIPIENTS = Rows(recipient_trace)
_BATCH = 2000
_OLD = Prepared(text("SELECT reference FROM message_trace WHERE at < :before ORDER BY at LIMIT :count"))
_LAST_WORD = Prepared(
    text(
        "INSERT INTO relay_trace (message_id, forward_path, at, state, host, reply)"
        " VALUES (:message_id, :forward_path, :at, :state, :host, :reply)"
        " ON CONFLICT (message_id, forward_path)"
        " DO UPDATE SET at = excluded.at, state = excluded.state, host = excluded.host, reply = excluded.reply"
    )
)
_FORGET_WORDS = Prepared(
    text(
        "DELETE FROM relay_trace WHERE (message_id, forward_path) IN"
        " (SELECT message_id, forward_path FROM relay_trace WHERE at < :before LIMIT :count)"
    )
)
_FORGET = tuple(
    Prepared(text(f"DELETE FROM {table} WHERE reference = :reference"))  # noqa: S608 (names of ours)
    for table in ("recipient_trace", "message_trace")
)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a message for one forward-path.

    ``outcome``: inbox, junk, waiting (no room now), relay (on its way elsewhere), or what the message as a whole got.
    """

    forward_path: str
    outcome: str
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class LastWord:
    """What another server said about a recipient, or we when none would; ``state`` is sent or failed."""

    forward_path: str
    state: str
    host: str
    reply: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """``action``, ``reason`` and ``results`` as the verdict has them; ``message_id`` is the store's, 0 for none."""

    reference: str
    origin: Origin
    reverse_path: str
    fates: tuple[Fate, ...]
    size: int
    action: str
    reason: str = ""
    results: str = ""
    author: str = ""
    message_id_header: str = ""


def record(tx: Transaction, trace: Trace, message_id: int = 0) -> None:
    origin = trace.origin
    _MESSAGES.add(
        tx.connection,
        [
            (
                trace.reference,
                tx.now,
                origin.client,
                _fit(origin.hello),
                origin.protocol,
                trace.reverse_path,
                _fit(trace.author),
                _fit(trace.message_id_header),
                message_id,
                trace.size,
                trace.action,
                _fit(trace.reason),
                _fit(trace.results),
            )
        ],
    )
    # In lower case: who asks does not know how the sender wrote it.
    once = {fate.forward_path.lower(): fate for fate in trace.fates}
    rows = [(trace.reference, path, fate.account_id, fate.outcome) for path, fate in once.items()]
    _RECIPIENTS.add(tx.connection, rows)


def is_vouched_for(connection: Connection, message_id: int, reverse_path: str) -> bool:
    """Whether SPF proved that the domain of a message's sender sent it, when it was taken."""
    found = connection.execute(
        select(message_trace.c.results).where(
            message_trace.c.reverse_path == reverse_path, message_trace.c.message_id == message_id
        )
    ).scalar()
    told = parse_results(f"here; {found}")
    return told is not None and any(
        each.method == "spf" and each.status == "pass" and each.value_of("smtp.mailfrom") for each in told.results
    )


def record_last_words(tx: Transaction, words: Iterable[tuple[int, LastWord]]) -> None:
    """By the store's id of the message."""
    _LAST_WORD.run_many(
        tx.connection,
        [
            {
                "message_id": message_id,
                "forward_path": word.forward_path,
                "at": tx.now,
                "state": word.state,
                "host": word.host,
                "reply": _fit(word.reply),
            }
            for message_id, word in words
        ],
    )


def record_refusal(office: PostOffice, trace: Trace, also: Callable[[Transaction], None]) -> None:
    """Of a message that is not taken; a store that cannot write now costs the record and nothing else.

    ``also``: what else is written down.
    """
    log.info(
        "reference=%s from=<%s> recipients=%d size=%d client=%s %s: %s",
        trace.reference, trace.reverse_path, len(trace.fates), trace.size, trace.origin.client, trace.action,
        trace.reason,
    )  # fmt: skip

    def job(tx: Transaction) -> None:
        record(tx, trace)
        also(tx)

    future = office.store.write(job)
    future.add_done_callback(_complain)


def _complain(done: Future[None]) -> None:
    if not done.cancelled() and (fault := done.exception()) is not None:
        log.warning("a trace could not be written: %s", fault)


def _fit(raw: str) -> str:
    """A text that any database takes."""
    return raw[:LONGEST_TEXT].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records; what is empty does not matter.  ``alone``: nothing of others, who may be blind copies."""

    reference: str = ""
    forward_path: str = ""
    reverse_path: str | None = None  # empty for reports
    since: int = 0
    action: str = ""
    alone: bool = False


def find(connection: Connection, wanted: Wanted, limit: int) -> list[dict[str, Any]]:
    """Records, newest first; each with its ``fates``, and with what other servers said in ``relayed``."""
    columns = message_trace.c
    statement = select(message_trace).where(columns.at >= wanted.since).order_by(columns.at.desc()).limit(limit)
    if wanted.reference:
        statement = statement.where(columns.reference == wanted.reference)
    if wanted.reverse_path is not None:
        statement = statement.where(columns.reverse_path == wanted.reverse_path)
    if wanted.action:
        statement = statement.where(columns.action == wanted.action)
    if wanted.forward_path:
        whose = select(recipient_trace.c.reference).where(recipient_trace.c.forward_path == wanted.forward_path.lower())
        statement = statement.where(columns.reference.in_(whose))
    found = [dict(row) for row in connection.execute(statement).mappings()]
    fates = _fates(connection, [row["reference"] for row in found])
    words = _last_words(connection, [row["message_id"] for row in found if row["message_id"]])
    return [
        {
            **row,
            "fates": [each for each in fates.get(row["reference"], []) if _is_told(wanted, each)],
            "relayed": [each for each in words.get(row["message_id"], []) if _is_told(wanted, each)],
        }
        for row in found
    ]


def _is_told(wanted: Wanted, about: Fate | LastWord) -> bool:
    return not wanted.alone or about.forward_path.lower() == wanted.forward_path.lower()


def _fates(connection: Connection, references: Sequence[str]) -> dict[str, list[Fate]]:
    fates: dict[str, list[Fate]] = {}
    rows = connection.execute(select(recipient_trace).where(recipient_trace.c.reference.in_(references)))
    for row in rows:
        fates.setdefault(row.reference, []).append(Fate(row.forward_path, row.outcome, row.account_id))
    return fates


def _last_words(connection: Connection, message_ids: Sequence[int]) -> dict[int, list[LastWord]]:
    words: dict[int, list[LastWord]] = {}
    for row in connection.execute(select(relay_trace).where(relay_trace.c.message_id.in_(message_ids))):
        words.setdefault(row.message_id, []).append(LastWord(row.forward_path, row.state, row.host, row.reply, row.at))
    return words


def sweep(tx: Transaction, before: int) -> int:
    """Forget some of what is older; how many."""
    old: Sequence[tuple[str]] = _OLD.tuples(tx.connection, {"before": before, "count": _BATCH})
    for statement in _FORGET:
        statement.run_many(tx.connection, [{"reference": reference} for (reference,) in old])
    return len(old) + _FORGET_WORDS.run(tx.connection, {"before": before, "count": _BATCH})
