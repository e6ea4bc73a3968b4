"""News for open pages: what the event stream of ``mailserver.servers.web`` tells, and to whom.

A stream says only which mailboxes changed, whether mail arrived, and the state that all are in now; a page whose parts
show another state asks for them again.  So nothing is lost between a page and its stream, nor asked for twice.
The stream itself is served outside Flask, so that a waiting page holds no thread; these functions are its sober half.

Standards: HTML §9.2 (server-sent events).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from flask import Blueprint, Flask, Response, abort

from directory.mail import accounts
from mailserver.store import mailboxes as store_mailboxes
from mailserver.store.mailboxes import INBOX
from webmail.account.login import ACTING, acting_for, find_session
from webmail.cookies import TOKEN_KEY, read_cookies
from webmail.pages import digest, states_of, work_version
from webmail.services import WebmailServices

blueprint = Blueprint("events", __name__)

PATH = "/events"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an account's mailboxes, small enough to compare after every wake-up."""

    account_id: str
    inbox: int
    states: dict[int, tuple[int, int, int]]  # mailbox id -> (modseq, uid_next, unseen)
    state: str  # of all of them, as pages show it


@blueprint.get(PATH)
def not_here() -> Response:
    """Served by the event loop in front of this application; a server without one has no live news."""
    abort(404)


def look(app: Flask, services: WebmailServices, cookies: dict[str, str], *, secure: bool) -> Snapshot | None:
    """The state for the session in these cookies; None when it is not (or no longer) a session."""
    given = read_cookies(app, cookies, secure=secure)
    token = given.get(TOKEN_KEY)
    if not isinstance(token, str):
        return None
    with services.directory.read() as conn:
        session = find_session(services, conn, token)
        owner = accounts.find_account(conn, session.account_id) if session is not None else None
        if owner is None or owner.status != "active":
            return None
        owner = acting_for(services.store, conn, owner, given.get(ACTING)) or owner
    with services.store.read() as conn:
        found = store_mailboxes.list_mailboxes(conn, owner.id)
        work = work_version(conn, owner)
    states = states_of(found)
    inbox = next((each.id for each in found if each.name == INBOX), 0)
    return Snapshot(owner.id, inbox, states, digest(states, work))


def greeting(now: Snapshot) -> str:
    """The first event of a stream, as JSON: a page may be older than its stream."""
    return json.dumps({"state": now.state})


def news(before: Snapshot, now: Snapshot) -> str | None:
    """The event that tells a page what changed between two looks, as JSON; None when nothing did."""
    changed = [each for each, state in now.states.items() if before.states.get(each) != state]
    gone = [each for each in before.states if each not in now.states]
    if before.state == now.state:
        return None
    old, new = before.states.get(now.inbox, (0, 0, 0)), now.states.get(now.inbox, (0, 0, 0))
    arrived = max(new[1] - old[1], 0)
    return json.dumps({"mailboxes": changed + gone, "arrived": arrived, "unseen": new[2], "state": now.state})
