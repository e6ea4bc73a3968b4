"""Acting on messages: read, star, move, archive, delete; one or many, and the way back.

Every action is a POST with the messages named as ``mailbox:uid``.  The answer to a form is a redirect with a notice;
to the script, what happened and the ``undo`` that takes it back.  An undo is only another request of the same kind,
checked like any other: it names own mailboxes or finds nothing.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from flask import Blueprint, abort, request

from mailserver.store import mailboxes as store_mailboxes
from mailserver.store import messages
from mailserver.store import reading as store_reading
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import Mailbox
from webmail import pages
from webmail.account.login import account, local_path
from webmail.formatting import mailbox_label
from webmail.languages import _, ngettext
from webmail.pages import Answer
from webmail.reading import labels
from webmail.reading.listing import parse_key
from webmail.services import services

blueprint = Blueprint("actions", __name__)

MOST = 5000  # messages in one request by name
PATIENCE = 60  # seconds to wait for the store
Ranges = list[tuple[int, int]]

_FLAGS: dict[str, tuple[Literal["add", "remove"], str]] = {
    "read": ("add", "\\Seen"),
    "unread": ("remove", "\\Seen"),
    "star": ("add", "\\Flagged"),
    "unstar": ("remove", "\\Flagged"),
}
_USES = {"archive": "\\Archive", "junk": "\\Junk", "trash": "\\Trash"}


@dataclass(slots=True)
class Chosen:
    """The messages of a request, by mailbox; only own mailboxes get in."""

    mine: dict[int, Mailbox]
    ranges: dict[int, Ranges] = field(default_factory=dict)
    count: int = 0


@blueprint.post("/actions")
def act() -> Answer:
    action, _space, single = request.form.get("action", "").partition(" ")
    back = local_path(request.form.get("next", ""))
    with services().store.read() as conn:
        mine = {each.id: each for each in store_mailboxes.list_mailboxes(conn, account().id)}
    chosen = Chosen(mine)
    if single:
        _choose(chosen, [single])
    elif everything := request.form.get("all"):
        _choose_whole(chosen, everything)
    else:
        _choose(chosen, request.form.getlist("item"))
    if not chosen.ranges:
        return pages.refused(_("Choose at least one message first."), back, 400)
    if action in _FLAGS:
        return _flag(chosen, action, back)
    if action in ("label", "unlabel"):
        return _label(chosen, action, request.form.get("label", ""), back)
    if action == "delete":
        return _delete(chosen, back)
    if action in _USES or action == "inbox":
        return _move(chosen, _destination(mine, action), back)
    if action == "move":
        target = mine.get(request.form.get("target", 0, type=int))
        if target is None:
            return pages.refused(_("Choose where to move it."), back, 400)
        return _move(chosen, target, back)
    return abort(400)


@blueprint.post("/actions/undo")
def undo() -> Answer:
    back = local_path(request.form.get("next", ""))
    with services().store.read() as conn:
        mine = {each.id: each for each in store_mailboxes.list_mailboxes(conn, account().id)}
    steps = _read_undo(request.form.get("undo", ""), mine)
    if not steps:
        abort(400)

    def job(tx: Transaction) -> None:
        for step in steps:
            step(tx)

    _commit(job, mine)
    return pages.done(_("Undone."), back)


def _choose(chosen: Chosen, items: Iterable[str]) -> None:
    for item in list(items)[:MOST]:
        place = parse_key(item)
        if place is None or place[0] not in chosen.mine:
            abort(404)
        chosen.ranges.setdefault(place[0], []).append((place[1], place[1]))
        chosen.count += 1


def _choose_whole(chosen: Chosen, upto: str) -> None:
    """A whole mailbox, up to the last message that was in it when it was chosen: nobody chose what came after."""
    place = parse_key(upto)
    if place is None or place[0] not in chosen.mine:
        abort(404)
    with services().store.read() as conn:
        uids = store_reading.uids(conn, place[0])
    chosen.ranges[place[0]] = [(1, max(place[1], 1))]
    chosen.count = bisect_right(uids, place[1])


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
    steps = _set_flag(chosen, *_FLAGS[action])
    texts = {
        "read": ngettext("Marked as read.", "%(num)s messages marked as read.", chosen.count),
        "unread": ngettext("Marked as unread.", "%(num)s messages marked as unread.", chosen.count),
        "star": ngettext("Starred.", "%(num)s messages starred.", chosen.count),
        "unstar": ngettext("Star removed.", "Star removed from %(num)s messages.", chosen.count),
    }
    quiet = request.form.get("quiet") == "1"
    return pages.done("" if quiet else texts[action], back, undo=None if quiet else _undo(steps))


def _label(chosen: Chosen, action: str, keyword: str, back: str) -> Answer:
    label = next((each for each in labels.mine() if each.keyword == keyword), None)
    if label is None:
        return pages.refused(_("Choose a label."), back, 400)
    steps = _set_flag(chosen, "add" if action == "label" else "remove", label.keyword)
    if action == "label":
        text = ngettext(
            "Labelled “%(label)s”.", "%(num)s messages labelled “%(label)s”.", chosen.count, label=label.name
        )
    else:
        text = ngettext(
            "“%(label)s” taken off.", "“%(label)s” taken off %(num)s messages.", chosen.count, label=label.name
        )
    return pages.done(text, back, undo=_undo(steps))


def _set_flag(chosen: Chosen, operation: Literal["add", "remove"], flag: str) -> list[dict[str, Any]]:
    """Put it on or take it off; the steps that undo it."""
    back_again = "remove" if operation == "add" else "add"

    def job(tx: Transaction) -> list[dict[str, Any]]:
        steps = []
        for mailbox_id, ranges in chosen.ranges.items():
            changed = messages.set_flags(tx, mailbox_id, ranges, operation, [flag]).changed
            if changed:
                uids = compress(uid for uid, _flags, _modseq in changed)
                steps.append({"do": back_again, "flag": flag, "in": mailbox_id, "uids": uids})
        return steps

    return cast("list[dict[str, Any]]", _commit(job, chosen.ranges))


def _move(chosen: Chosen, target: Mailbox, back: str) -> Answer:
    sources = {mailbox_id: ranges for mailbox_id, ranges in chosen.ranges.items() if mailbox_id != target.id}

    def job(tx: Transaction) -> list[dict[str, Any]]:
        steps = []
        for mailbox_id, ranges in sources.items():
            moved = messages.move(tx, mailbox_id, ranges, target.id)
            if moved:
                uids = compress(new for _old, new in moved)
                steps.append({"do": "move", "in": target.id, "uids": uids, "to": mailbox_id})
        return steps

    steps = _commit(job, [*sources, target.id])
    text = ngettext(
        "Moved to “%(mailbox)s”.",
        "%(num)s messages moved to “%(mailbox)s”.",
        chosen.count,
        mailbox=mailbox_label(target, whole=True),
    )
    return pages.done(text, back, undo=_undo(steps))


def _delete(chosen: Chosen, back: str) -> Answer:
    """To the trash; from the trash, for ever."""
    last_stop = ("\\Trash",)
    final = {at: ranges for at, ranges in chosen.ranges.items() if chosen.mine[at].special_use in last_stop}
    if len(final) < len(chosen.ranges):
        chosen.ranges = {at: ranges for at, ranges in chosen.ranges.items() if at not in final}
        return _move(chosen, _destination(chosen.mine, "trash"), back)

    def job(tx: Transaction) -> int:
        return sum(len(messages.remove(tx, mailbox_id, ranges)) for mailbox_id, ranges in final.items())

    gone = _commit(job, final)
    return pages.done(ngettext("Deleted for ever.", "%(num)s messages deleted for ever.", gone), back)


def _commit(job: Callable[[Transaction], Any], mailbox_ids: Iterable[int]) -> Any:
    ids = list(mailbox_ids)
    return services().store.write(job, ids, heavy=len(ids) > 3).result(PATIENCE)


def _undo(steps: list[dict[str, Any]]) -> dict[str, Any] | None:
    text = json.dumps(steps, separators=(",", ":"))
    return {"undo": text} if steps and len(text) <= 1500 else None  # it has to fit into the cookie of a notice


def _read_undo(text: str, mine: dict[int, Mailbox]) -> list[Callable[[Transaction], Any]]:
    try:
        given = json.loads(text[:20_000])
        return [_step(each, mine) for each in given[:100]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []


def _step(given: dict[str, Any], mine: dict[int, Mailbox]) -> Callable[[Transaction], Any]:
    source, ranges = mine[int(given["in"])].id, expand(str(given["uids"]))
    if given["do"] == "move":
        target = mine[int(given["to"])].id
        return lambda tx: messages.move(tx, source, ranges, target)
    operation: Literal["add", "remove"] = "add" if given["do"] == "add" else "remove"
    flag = str(given["flag"])
    if flag not in ("\\Seen", "\\Flagged", *(each.keyword for each in labels.mine())) or given["do"] not in (
        "add",
        "remove",
    ):
        raise ValueError(flag)
    return lambda tx: messages.set_flags(tx, source, ranges, operation, [flag])


def compress(uids: Iterable[int]) -> str:
    """UIDs as ``1-5,9``."""
    parts: list[list[int]] = []
    for uid in sorted(uids):
        if parts and parts[-1][1] == uid - 1:
            parts[-1][1] = uid
        else:
            parts.append([uid, uid])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def expand(text: str) -> Ranges:
    ranges = []
    for part in text.split(","):
        low, _dash, high = part.partition("-")
        ranges.append((int(low), int(high or low)))
    if any(not 0 < low <= high < 2**32 for low, high in ranges):
        raise ValueError(text)
    return ranges
