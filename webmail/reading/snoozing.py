"""Putting messages off until a moment, and having them back before it."""

from __future__ import annotations

import secrets

from flask import Blueprint, request

from mailserver.refusals import CannotDo
from mailserver.store import snoozing as store_snoozing
from webmail import pages
from webmail.account.login import account
from webmail.days import moment_of
from webmail.formatting import city_zone, full_time
from webmail.languages import _, ngettext
from webmail.pages import Answer
from webmail.reading.choosing import Chosen
from webmail.services import services
from webmail.writing.postponed import offers

blueprint = Blueprint("snoozing", __name__)


@blueprint.app_template_global("snooze_offers")
def offered() -> list[tuple[str, int]]:
    return offers()


def put_off(chosen: Chosen, back: str) -> Answer:
    """``moment`` is one that was offered, ``until`` as somebody types it (25/11/2026 08:00)."""
    moment = _moment(request.form.get("moment", ""), request.form.get("until", ""))
    if not moment:
        return pages.refused(_("Choose the day and the hour at which it is to come back."), back, 400)
    token = secrets.token_urlsafe(12)
    unread = request.form.get("unread") == "1"
    try:
        count = store_snoozing.snooze(services().store, account().id, chosen.places, moment, unread=unread, token=token)
    except CannotDo:
        return pages.refused(_("Choose a later moment, within a year."), back, 400)
    text = ngettext(
        "Put off until %(when)s.", "%(num)s messages put off until %(when)s.", count, when=full_time(moment)
    )
    return pages.done(text, back, undo={"undo": token} if count else None)


def wake(chosen: Chosen, back: str) -> Answer:
    count = store_snoozing.wake(services().store, chosen.places)
    return pages.done(ngettext("It is back.", "%(num)s messages are back.", count), back)


def _moment(offered: str, written: str) -> int:
    """0 for what is none."""
    if written.strip():
        return moment_of(written, city_zone()) or 0
    return int(offered[:15]) if offered.isascii() and offered.isdecimal() else 0
