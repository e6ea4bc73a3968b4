"""Bringing back deleted mail: what the owner lost while it is still kept, and the way back for what he chooses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import Blueprint, request

from mailserver.refusals import OverQuota, Refusal
from mailserver.store import quota
from mailserver.store.database import Transaction
from mailserver.store.recovery import Description, Lost, bring_back, describe, lost_messages
from webmail import pages
from webmail.account.login import account
from webmail.errors import refusal_text
from webmail.formatting import mailbox_label
from webmail.languages import _, ngettext
from webmail.pages import Answer, Sidebar
from webmail.services import services

blueprint = Blueprint("recovering", __name__)

PAGE = 100
PATIENCE = 60
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Row:
    description: Description
    home: str  # as the reader calls it
    home_is_gone: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the lost messages the page is about."""

    earliest: int
    drafts: bool

    def holds(self, each: Lost) -> bool:
        # Each state in which a draft was kept for a while is a message of its own: they have a page of theirs.
        return each.removed_at >= self.earliest and each.is_draft == self.drafts


@blueprint.get("/recover")
def show() -> Answer:
    choice = _choice(request.args.get("show", ""))
    number = max(1, request.args.get("page", 1, type=int))
    with services().store.read() as conn:
        side = pages.sidebar(conn)
        found = [each for each in lost_messages(conn, account().id) if choice.holds(each)]
        shown = describe(conn, found[(number - 1) * PAGE : number * PAGE])
    return pages.render(
        "recover.html",
        _("Restore deleted mail"),
        sidebar=side,
        current=None,
        rows=[_row(side, each) for each in shown],
        total=len(found),
        number=number,
        more=len(found) > number * PAGE,
        drafts=choice.drafts,
        days=services().config.storage.recoverable_days,
    )


@blueprint.post("/recover")
def restore() -> Answer:
    shown = "drafts" if request.form.get("show") == "drafts" else ""
    here = f"/recover?show={shown}" if shown else "/recover"
    choice = _choice(shown)
    everything = request.form.get("action") == "all"
    chosen = {int(item) for item in request.form.getlist("item") if item.isdecimal() and len(item) < 19}
    if not chosen and not everything:
        return pages.refused(_("Choose at least one message first."), here, 400)
    owner = account()
    with services().store.read() as conn:
        lost = lost_messages(conn, owner.id, None if everything else chosen)
    wanted = [each.message_id for each in lost if choice.holds(each)]

    def job(tx: Transaction) -> Counter[str]:
        coming = describe(tx.connection, lost_messages(tx.connection, owner.id, wanted))
        size = sum(each.size for each in coming)
        if coming and not quota.room_for(tx.connection, owner.id, owner.quota_bytes, size):
            raise OverQuota
        return bring_back(tx, owner.id, wanted)

    try:
        came = services().store.write(job, heavy=True).result(PATIENCE)
    except Refusal as refusal:
        return pages.refused(refusal_text(refusal), here)
    count = sum(came.values())
    if not count:
        return pages.refused(_("These messages are back already, or can no longer be restored."), here, 409)
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    places = ", ".join(_called(side, name)[0] for name in sorted(came))
    return pages.done(
        ngettext("Restored to “%(places)s”.", "%(num)s messages restored to “%(places)s”.", count, places=places),
        here,
    )


def _choice(shown: str) -> Choice:
    kept = services().config.storage.recoverable_days * DAY
    return Choice(int(services().clock()) - kept, shown == "drafts")


def _row(side: Sidebar, description: Description) -> Row:
    name, is_gone = _called(side, description.lost.home)
    return Row(description, name, is_gone)


def _called(side: Sidebar, name: str) -> tuple[str, bool]:
    """A mailbox by its label, and whether there is none of that name any more."""
    for mailbox in side.mailboxes:
        if mailbox.name == name:
            return mailbox_label(mailbox, whole=True), False
    return name, True
