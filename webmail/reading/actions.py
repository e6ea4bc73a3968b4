"""Acting on messages: read, star, move, archive, delete; one or many, and the way back.

Every action is a POST that names its messages (``webmail.reading.choosing``).  The answer to a form is a redirect with
a notice; to the script, what happened and the ``undo`` that takes it back: a name under which the store remembers the
way (``mailserver.store.bulk``), for this account alone.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import Literal

from flask import Blueprint, abort, request

from mailserver.store import bulk, messages
from mailserver.store import mailboxes as store_mailboxes
from mailserver.store.bulk import Mark, Move
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import Mailbox
from mailserver.store.reading import as_ranges
from webmail import pages
from webmail.account.login import account, local_path
from webmail.formatting import mailbox_label
from webmail.languages import _, ngettext
from webmail.pages import Answer
from webmail.reading import choosing, labels, snoozing
from webmail.reading.choosing import Chosen
from webmail.services import services

blueprint = Blueprint("actions", __name__)

PATIENCE = 60  # seconds to wait for the store

_FLAGS: dict[str, tuple[Literal["add", "remove"], str]] = {
    "read": ("add", "\\Seen"),
    "unread": ("remove", "\\Seen"),
    "star": ("add", "\\Flagged"),
    "unstar": ("remove", "\\Flagged"),
}
_USES = {"archive": "\\Archive", "junk": "\\Junk", "trash": "\\Trash"}


@blueprint.post("/actions")
def act() -> Answer:
    action, _space, single = request.form.get("action", "").partition(" ")
    back = local_path(request.form.get("next", ""))
    chosen = choosing.chosen(single)
    if not chosen.count:
        return pages.refused(_("Choose at least one message first."), back, 400)
    if action in _FLAGS:
        return _flag(chosen, action, back)
    if action in ("label", "unlabel"):
        return _label(chosen, action, request.form.get("label", ""), back)
    if action == "delete":
        return _delete(chosen, back)
    if action in _USES or action == "inbox":
        return _move(chosen, _destination(chosen.mine, action), back)
    if action == "snooze":
        return snoozing.put_off(chosen, back)
    if action == "wake":
        return snoozing.wake(chosen, back)
    if action == "move":
        target = chosen.mine.get(request.form.get("target", 0, type=int))
        if target is None:
            return pages.refused(_("Choose where to move it."), back, 400)
        return _move(chosen, target, back)
    return abort(400)


@blueprint.post("/actions/undo")
def undo() -> Answer:
    back = local_path(request.form.get("next", ""))
    restored = bulk.take_back(services().store, account().id, request.form.get("undo", "")[:100])
    if not restored:
        return pages.refused(_("There is nothing to undo any more."), back)
    return pages.done(_("Undone."), back)


def _destination(mine: dict[int, Mailbox], action: str) -> Mailbox:
    found = next(
        (
            each
            for each in mine.values()
            if (each.name == store_mailboxes.INBOX if action == "inbox" else each.special_use == _USES[action])
        ),
        None,
    )
    if found is not None:
        return found
    # Deleted once, or made by a broadcast alone: given (back) when it is needed.
    use = _USES[action]
    name = use[1:]

    owner = account().id

    def run(tx: Transaction) -> Mailbox:
        store_mailboxes.ensure_maildrop(tx, owner)
        special = store_mailboxes.special_mailbox(tx.connection, owner, use)
        return special or store_mailboxes.create_mailbox(tx, owner, name, use)

    return services().store.write(run).result(PATIENCE)


def _flag(chosen: Chosen, action: str, back: str) -> Answer:
    _changed, way_back = _change(chosen, Mark(*_FLAGS[action]))
    texts = {
        "read": ngettext("Marked as read.", "%(num)s messages marked as read.", chosen.count),
        "unread": ngettext("Marked as unread.", "%(num)s messages marked as unread.", chosen.count),
        "star": ngettext("Starred.", "%(num)s messages starred.", chosen.count),
        "unstar": ngettext("Star removed.", "Star removed from %(num)s messages.", chosen.count),
    }
    quiet = request.form.get("quiet") == "1"
    return pages.done("" if quiet else texts[action], back, undo=None if quiet else way_back)


def _label(chosen: Chosen, action: str, keyword: str, back: str) -> Answer:
    label = next((each for each in labels.mine() if each.keyword == keyword), None)
    if label is None:
        return pages.refused(_("Choose a label."), back, 400)
    _changed, way_back = _change(chosen, Mark("add" if action == "label" else "remove", label.keyword))
    if action == "label":
        text = ngettext(
            "Labelled “%(label)s”.", "%(num)s messages labelled “%(label)s”.", chosen.count, label=label.name
        )
    else:
        text = ngettext(
            "“%(label)s” taken off.", "“%(label)s” taken off %(num)s messages.", chosen.count, label=label.name
        )
    return pages.done(text, back, undo=way_back)


def _move(chosen: Chosen, target: Mailbox, back: str) -> Answer:
    moved, way_back = _change(chosen, Move(target.id))
    text = ngettext(
        "Moved to “%(mailbox)s”.",
        "%(num)s messages moved to “%(mailbox)s”.",
        moved,
        mailbox=mailbox_label(target, whole=True),
    )
    return pages.done(text, back, undo=way_back)


def _change(chosen: Chosen, what: Mark | Move) -> tuple[int, dict[str, str] | None]:
    """How many messages changed, and the way back if any did."""
    token = secrets.token_urlsafe(12)
    changed = bulk.change(services().store, account().id, chosen.places, what, token)
    return changed, {"undo": token} if changed else None


def _delete(chosen: Chosen, back: str) -> Answer:
    """To the trash; from the trash, for ever."""
    in_trash = {at for at in chosen.places if chosen.mine[at].special_use == "\\Trash"}
    if len(in_trash) < len(chosen.places):
        for mailbox_id in in_trash:
            del chosen.places[mailbox_id]
        return _move(chosen, _destination(chosen.mine, "trash"), back)
    gone = 0
    for mailbox_id, uids in chosen.places.items():
        for start in range(0, len(uids), bulk.STEP):
            job = partial(messages.remove, mailbox_id=mailbox_id, ranges=as_ranges(uids[start : start + bulk.STEP]))
            gone += len(services().store.write(job, [mailbox_id], heavy=True).result(PATIENCE))
    return pages.done(ngettext("Deleted for ever.", "%(num)s messages deleted for ever.", gone), back)
