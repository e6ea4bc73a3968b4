"""Second thoughts and appointed times: what was sent and has not gone, and the way back.

A message that is sent waits a few seconds, as its sender chose in the settings, and for days if he names a moment.
Meanwhile it is here: to be taken back as a draft, or to go at once.  The waiting is the server's (delivery.postponing):
closing the browser changes nothing.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from flask import Blueprint, flash, request

from directory.mail.preferences import CHOICES, UNDO_SEND, prefer, preferences_of
from mailserver.delivery import postponing
from mailserver.refusals import NoSuchMessage
from webmail import pages
from webmail.account.login import account, may_send, person
from webmail.days import moment_of
from webmail.formatting import city_zone, full_time, local_time
from webmail.languages import _
from webmail.pages import Answer, see_other
from webmail.services import services

blueprint = Blueprint("postponed", __name__)

PATIENCE = 60
_MORNING = time(8)
_AFTERNOON = time(13, 30)


def seconds_to_think() -> int:
    """For how long what the person sends may be taken back."""
    if not services().config.relay.enabled:  # nobody would send it afterwards
        return 0
    with services().directory.read() as conn:
        chosen = preferences_of(conn, person().id).get(UNDO_SEND)
    return services().config.webmail.undo_seconds if chosen is None else int(chosen)


def release_after_thought() -> int:
    """When a message that is sent now is to go; 0: at once."""
    seconds = seconds_to_think()
    return int(services().clock()) + seconds + postponing.TOO_LATE if seconds else 0


def may_send_later() -> bool:
    return services().config.relay.enabled and services().config.reception.hold_days > 0


def offers() -> list[tuple[str, int]]:
    """Moments that people often choose, each with what it is called."""
    now = local_time(services().clock())
    monday = now.date() + timedelta(days=7 - now.weekday())
    moments = [
        (_("This afternoon"), datetime.combine(now.date(), _AFTERNOON, city_zone())),
        (_("Tomorrow morning"), datetime.combine(now.date() + timedelta(days=1), _MORNING, city_zone())),
        (_("Monday morning"), datetime.combine(monday, _MORNING, city_zone())),
    ]
    found: dict[int, str] = {}
    for name, moment in moments:
        if moment > now + timedelta(hours=1):
            found.setdefault(int(moment.timestamp()), name)
    return [(f"{name} · {full_time(moment)}", moment) for moment, name in found.items()]


def chosen_moment(offered: str, written: str) -> tuple[int, str]:
    """A moment that was offered, or as somebody types it (25/11/2026 08:00); or what is wrong with it."""
    now, longest = int(services().clock()), services().config.reception.hold_days
    moment = int(offered[:15]) if offered.isascii() and offered.isdecimal() else moment_of(written, city_zone())
    if moment is None:
        return 0, _("Choose the day and the hour at which it is to be sent.")
    if moment <= now + postponing.TOO_LATE:
        return 0, _("That moment has passed. Choose a later one.")
    if moment > now + longest * 86_400:
        return 0, _("A message can wait for at most %(days)s days.", days=longest)
    return moment, ""


@blueprint.get("/scheduled")
def show() -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
        waiting = postponing.waiting_of(conn, account().id, int(services().clock()))
    return pages.render(
        "scheduled.html", _("Waiting to be sent"), sidebar=side, current=None, waiting=waiting, may_send=may_send()
    )


@blueprint.post("/scheduled/<int:item>/take-back")
def take_back(item: int) -> Answer:
    owner = account().id
    try:
        _allowed()
        draft = services().store.write(lambda tx: postponing.take_back(tx, owner, item)).result(PATIENCE)
    except NoSuchMessage:
        return pages.refused(_("It is too late: the message has gone."), "/scheduled")
    return pages.done(_("The message was not sent."), f"/compose/{draft}" if draft else "/")


@blueprint.post("/scheduled/<int:item>/send")
def send_now(item: int) -> Answer:
    owner = account().id
    try:
        _allowed()
        services().store.write(lambda tx: postponing.let_go(tx, owner, item)).result(PATIENCE)
    except NoSuchMessage:
        return pages.refused(_("The message has gone already."), "/scheduled")
    return pages.done(_("Message sent."), "/scheduled")


def _allowed() -> None:
    """Who may only read a mailbox finds nothing here that he could change."""
    if not may_send():
        raise NoSuchMessage


@blueprint.post("/settings/undo-send")
def choose_undo() -> Answer:
    wanted = request.form.get("seconds", "")
    if wanted in CHOICES[UNDO_SEND]:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            prefer(conn, person().id, UNDO_SEND, wanted)
        flash(_("Saved."), "success")
    return see_other("/settings#undo-send")
