"""Making, renaming and deleting mailboxes; emptying the trash."""

from __future__ import annotations

from flask import Blueprint, abort, request

from mailserver import access
from mailserver.refusals import CannotDo, LimitReached, MailboxExists, Refusal
from mailserver.store import mailboxes as store_mailboxes
from mailserver.store import messages
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import INBOX, SEPARATOR
from webmail import pages
from webmail.account.login import account
from webmail.errors import refusal_text
from webmail.languages import _
from webmail.pages import Answer
from webmail.reading.listing import find_own_mailbox
from webmail.services import services

blueprint = Blueprint("mailboxes", __name__)

PATIENCE = 60


@blueprint.get("/mailboxes")
def show() -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    return pages.render("mailboxes.html", _("Mailboxes"), sidebar=side, current=None)


@blueprint.post("/mailboxes")
def change() -> Answer:
    action = request.form.get("action", "")
    name = " ".join(request.form.get("name", "").split())
    owner = account().id
    here = "/mailboxes"
    try:
        if action == "create":
            full = _below(request.form.get("parent", ""), name)
            made = services().store.write(lambda tx: _create(tx, owner, full)).result(PATIENCE)
            return pages.done(_("The mailbox was made."), f"/mail/{made}")
        with services().store.read() as conn:
            mailbox = find_own_mailbox(conn, request.form.get("mailbox", 0, type=int))
        if mailbox is None:
            abort(404)
        if action == "empty" and mailbox.special_use in ("\\Trash", "\\Junk"):
            everything = [(1, max(mailbox.uid_next - 1, 1))]
            services().store.write(
                lambda tx: messages.remove(tx, mailbox.id, everything), [mailbox.id], heavy=True
            ).result(PATIENCE)
            return pages.done(_("Emptied."), f"/mail/{mailbox.id}")
        if mailbox.name == INBOX or mailbox.special_use:
            return pages.refused(_("This mailbox belongs to the system and stays."), here)
        if action == "rename":
            parent = mailbox.name.rpartition(SEPARATOR)[0]
            full = _below(parent, name)
            services().store.write(
                lambda tx: store_mailboxes.rename_mailbox(tx, owner, mailbox.name, full), [mailbox.id]
            ).result(PATIENCE)
            return pages.done(_("Renamed."), here)
        if action == "delete":
            services().store.write(lambda tx: _delete(tx, owner, mailbox.name), heavy=True).result(PATIENCE)
            return pages.done(_("The mailbox was deleted; its messages are in the trash."), here)
    except Refusal as refusal:
        return pages.refused(_why(refusal), here)
    return abort(400)


def _below(parent: str, name: str) -> str:
    if not name or SEPARATOR in name:
        raise CannotDo(_("A name is needed, without a slash."))
    if not parent and name in access.ROOTS:
        raise MailboxExists  # there others' mailboxes appear in mail programs
    return f"{parent}{SEPARATOR}{name}" if parent else name


def _create(tx: Transaction, owner: str, name: str) -> int:
    made = store_mailboxes.create_mailbox(tx, owner, name)
    store_mailboxes.set_subscribed(tx, owner, made.name, True)
    return made.id


def _delete(tx: Transaction, owner: str, name: str) -> None:
    """What was in it goes to the trash, where it can be found again."""
    doomed = store_mailboxes.find_mailbox(tx.connection, owner, name)
    trash = store_mailboxes.special_mailbox(tx.connection, owner, "\\Trash")
    if doomed is not None and trash is not None and doomed.messages:
        messages.move(tx, doomed.id, [(1, doomed.uid_next)], trash.id)
    store_mailboxes.delete_mailbox(tx, owner, name)


def _why(refusal: Refusal) -> str:
    if isinstance(refusal, MailboxExists):
        return _("A mailbox of this name exists already.")
    if isinstance(refusal, LimitReached):
        return _("The name is too long, or there are too many mailboxes.")
    return refusal_text(refusal)
