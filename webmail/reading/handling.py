"""Who answers what in a unit's mailbox: beside the conversation, and a word to whoever begins to answer it too."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, request

from directory.mail import accounts
from directory.mail.mailboxes import rights_on
from mailserver import handling
from mailserver.handling import Conversation, Event, Handling
from mailserver.refusals import CannotDo, LimitReached, NotPermitted
from mailserver.store import reading as store_reading
from webmail import pages
from webmail.account.login import account, local_path, person
from webmail.languages import _
from webmail.pages import Answer
from webmail.reading import listing
from webmail.services import services

blueprint = Blueprint("handling", __name__)


@dataclass(frozen=True, slots=True)
class Panel:
    """``names``: of everybody who is named in it, by id; ``colleagues``: (id, name) of who may be given it."""

    now: Handling
    events: list[Event]
    names: dict[str, str]
    colleagues: list[tuple[str, str]]

    @property
    def assignee(self) -> str:
        return self.names.get(self.now.assignee, "")


@blueprint.app_template_global("handling_panel")
def panel(mailbox_id: int, uid: int) -> Panel | None:
    """None in a mailbox of one's own."""
    if account().kind == "person":
        return None
    with services().store.read() as conn:
        key = _thread_of(mailbox_id, uid)
        now = handling.of_threads(conn, account().id, [key]).get(key, Handling())
        events = handling.events_of(conn, account().id, key)
    with services().directory.read() as directory:
        colleagues = [
            (right.account.id, right.account.name)
            for right in rights_on(directory, account().id)
            if right.may_read and right.account.status == "active"
        ]
        people = {each for event in events for each in (event.actor, event.whom) if each}
        names = accounts.names_of(directory, people | {now.assignee} - {""})
    return Panel(now, events, {each: name for each, (name, _login) in names.items()}, colleagues)


@blueprint.app_template_global("answered_by")
def answered_by(answers: str) -> str:
    """Who else answers what a letter is an answer to ("reply 12:34"); empty for nobody."""
    kind, _space, key = answers.partition(" ")
    place = listing.parse_key(key)
    if account().kind == "person" or kind != "reply" or place is None:
        return ""
    found = panel(*place)
    is_taken = found is not None and found.now.assignee not in ("", person().id) and not found.now.is_done
    return found.assignee if found is not None and is_taken else ""


def _thread_of(mailbox_id: int, uid: int) -> str:
    with services().store.read() as conn:
        listing.own_mailbox(conn, mailbox_id)
        row = next(store_reading.fetch(conn, mailbox_id, [(uid, uid)], ("thread_key",)), None)
    if row is None:
        abort(404)
    return str(row.thread_key)


@blueprint.post("/handling")
def change() -> Answer:
    action, back = request.form.get("action", ""), local_path(request.form.get("next", ""))
    place = listing.parse_key(request.form.get("item", ""))
    if place is None:
        abort(404)
    what = Conversation(account().id, _thread_of(*place), person().id)
    directory, store = services().directory, services().store
    try:
        if action == "take":
            handling.assign(directory, store, what, person().id)
        elif action == "give":
            handling.assign(directory, store, what, request.form.get("to", ""))
        elif action == "note":
            handling.note(directory, store, what, request.form.get("text", ""))
        elif action == "done":
            handling.finish(directory, store, what)
        elif action == "reopen":
            handling.reopen(directory, store, what)
        else:
            abort(400)
    except NotPermitted:
        return pages.refused(_("Only who has this mailbox takes part in its work."), back, 403)
    except (CannotDo, LimitReached):
        return pages.refused(_("Write a note of at most %(num)s characters.", num=handling.LONGEST_NOTE), back, 422)
    return pages.done(_("Saved."), back)
