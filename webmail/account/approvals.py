"""Requests that wait for a second administrator: what each would change, and the decision; and one's own requests.

Who may decide is the directory's to say (``directory.administration.approvals``).  What is approved here is done by who
asked for it, once more and in his own name; he is told so by mail.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, g, request

from directory.administration import approvals
from directory.administration.approvals import Request
from directory.administration.bounds import delegations_of
from directory.faults import Fault
from webmail import pages
from webmail.account.login import person
from webmail.account.proving import has_second_factor, prove
from webmail.languages import _, sentence
from webmail.pages import Answer
from webmail.services import services

blueprint = Blueprint("approvals", __name__)

HERE = "/approvals"
OWN = 20  # of one's own requests, the latest
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that would change: from nothing, where it is new or said beside it."""

    name: str
    before: str
    after: str


@blueprint.app_template_global("waiting_approvals")
def waiting() -> list[Request]:
    """For the person who is signed in, whichever mailbox is open; looked up once a request."""
    if "waiting_approvals" not in g:
        with services().directory.read() as conn:
            g.waiting_approvals = approvals.waiting_for(conn, person().id)
    found: list[Request] = g.waiting_approvals
    return found


@blueprint.app_template_global("administers")
def administers() -> bool:
    with services().directory.read() as conn:
        return bool(delegations_of(conn, person().id))


@blueprint.app_template_filter("difference")
def difference(asked: Request) -> list[Line]:
    """What was and what is to be beside each other, then everything else that was said."""
    before, after = _named(asked.before), _named(asked.details.get("after"))
    lines = [Line(name, _shown(before.get(name)), _shown(after.get(name))) for name in sorted(before | after)]
    rest = {name: value for name, value in asked.details.items() if name != "after"}
    return lines + [Line(name, "", _shown(value)) for name, value in rest.items()]


def _named(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {} if value is None else {"": value}


def _shown(value: Any) -> str:
    """What somebody typed must not look like what we say."""
    text = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(each if each.isprintable() else " " for each in text)


@blueprint.app_template_filter("command")
def command(asked: Request) -> str:
    return _shown(shlex.join(asked.command))


@blueprint.get(HERE)
def show() -> Answer:
    return _page()


@blueprint.post(HERE)
def decide() -> Answer:
    wanted, reason = request.form.get("request", ""), request.form.get("reason", "").strip()[:LONGEST_REASON]
    action = request.form.get("action", "")
    if action != "approve" and not reason and any(each.id == wanted for each in waiting()):
        return _page(_("Say why you refuse it: whoever asked is told."), wanted)
    if action == "approve" and (wrong := prove(request.form.get("password", ""), request.form.get("code", ""))):
        return wrong.slow(_page(wrong.text, wanted))
    try:
        with services().directory.write(
            origin=request.remote_addr or "", reason=reason, administrator=person().id
        ) as conn:
            approvals.decide(conn, person().login, wanted, approved=action == "approve")
    except Fault as fault:
        return _page(sentence(fault))
    return pages.done(_("Approved. Whoever asked is told.") if action == "approve" else _("Refused."), HERE)


def _page(fault: str = "", failed: str = "") -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    with services().directory.read() as people:
        own = approvals.asked_by(people, person().id, OWN)
    states = {
        "asked": _("waits"),
        "approved": _("approved: do it again"),
        "done": _("done"),
        "declined": _("refused"),
        "expired": _("expired"),
    }
    response = pages.render(
        "approvals.html",
        _("Requests for approval"),
        sidebar=side,
        current=None,
        own=own,
        states=states,
        fault=fault,
        failed=failed,
        reason=request.form.get("reason", "")[:LONGEST_REASON],
        longest=LONGEST_REASON,
        asks_code=has_second_factor(),
    )
    response.status_code = 422 if fault else 200
    return response
