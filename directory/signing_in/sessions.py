"""Web sessions: an opaque token of 256 bits in the browser, its SHA-256 in the table.

A session ends after half an hour without use and after twelve hours in any case.  ``touch`` is to
write at most once a minute, so that a page view seldom costs a commit.

Standards: RFC 4086 (randomness), OWASP ASVS 4.0 §3 (timeouts, storage of tokens).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select, update

from directory.database import Question, Reading, Writing
from directory.tables import account as account_table
from directory.tables import web_session

IDLE_SECONDS = 30 * 60
ABSOLUTE_SECONDS = 12 * 3600
TOUCH_EVERY = 60


@dataclass(frozen=True, slots=True)
class Session:
    token_hash: str
    account_id: str
    started_at: int
    seen_at: int
    user_agent: str
    client: str


_COLUMNS = (
    web_session.c.token_hash,
    web_session.c.account_id,
    web_session.c.started_at,
    web_session.c.seen_at,
    web_session.c.user_agent,
    web_session.c.client,
)
# the account is looked at in the same question: a lock ends its sessions at once
_FIND = Question(
    select(*_COLUMNS)
    .join(account_table, account_table.c.id == web_session.c.account_id)
    .where(web_session.c.token_hash == bindparam("token_hash"), account_table.c.status == "active")
)
_OF_ACCOUNT = Question(
    select(*_COLUMNS)
    .where(web_session.c.account_id == bindparam("account"))
    .order_by(web_session.c.seen_at.desc(), web_session.c.token_hash)
)


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def start(conn: Writing, account_id: str, user_agent: str, ip: str) -> str:
    """Begin a session; the token to give to the browser."""
    token = conn.new_token()
    now = conn.now
    conn.execute(
        insert(web_session),
        {
            "token_hash": hash_of(token),
            "account_id": account_id,
            "started_at": now,
            "seen_at": now,
            "user_agent": user_agent[:300],
            "client": ip[:45],
        },
    )
    return token


def find(
    conn: Reading | Writing, token: str, *, idle: int = IDLE_SECONDS, absolute: int = ABSOLUTE_SECONDS
) -> Session | None:
    """The live session behind a token."""
    row = conn.row(_FIND, token_hash=hash_of(token))
    if row is None:
        return None
    session = Session(*row)
    now = conn.now
    if now - session.seen_at > idle or now - session.started_at > absolute:
        return None
    return session


def needs_touch(session: Session, now: int) -> bool:
    return now - session.seen_at >= TOUCH_EVERY


def touch(conn: Writing, session: Session) -> None:
    """Note that the session is in use.  Worth a commit only where ``needs_touch`` says so."""
    conn.execute(update(web_session).where(web_session.c.token_hash == session.token_hash).values(seen_at=conn.now))


def end(conn: Writing, token: str) -> None:
    conn.execute(delete(web_session).where(web_session.c.token_hash == hash_of(token)))


def end_one(conn: Writing, account_id: str, token_hash: str) -> bool:
    """End one of an account's sessions, as ``sessions_of`` names it; whether there was one."""
    mine = web_session.c.account_id == account_id, web_session.c.token_hash == token_hash
    return bool(conn.execute(delete(web_session).where(*mine)).rowcount)


def end_all(conn: Writing, account_id: str, *, but: str | None = None) -> int:
    """End an account's sessions, but for the one with this token; how many there were."""
    doomed = delete(web_session).where(web_session.c.account_id == account_id)
    if but is not None:
        doomed = doomed.where(web_session.c.token_hash != hash_of(but))
    return conn.execute(doomed).rowcount


def sessions_of(conn: Reading | Writing, account_id: str) -> list[Session]:
    """Latest use first: what a person sees under 'where am I signed in'."""
    return [Session(*row) for row in conn.rows(_OF_ACCOUNT, account=account_id)]


def sweep(conn: Writing, *, idle: int = IDLE_SECONDS, absolute: int = ABSOLUTE_SECONDS) -> int:
    """Remove the dead ones; how many there were."""
    now = conn.now
    dead = (web_session.c.seen_at < now - idle) | (web_session.c.started_at < now - absolute)
    return conn.execute(delete(web_session).where(dead)).rowcount
