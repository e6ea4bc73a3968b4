"""Being away: from when until when, what who writes meanwhile is told, and who stands in.

That of the mailbox that is open: a unit's has its own.  Whoever is away is reminded of it on every page, so that nobody
comes back and goes on being answered for.
"""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Flask, request

from directory.database import Reading
from directory.faults import Fault
from directory.mail import absences
from directory.mail.absences import LONGEST_TEXT, Absence
from webmail import pages
from webmail.account.login import account, may_send, person
from webmail.days import day_of, typed_day
from webmail.formatting import full_day
from webmail.languages import _, choose, sentence
from webmail.pages import Answer
from webmail.services import services

blueprint = Blueprint("absence", __name__)

HERE = "/settings/absence"


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(away_until=away_until)


def away_until() -> str:
    """The last day, where the mailbox's owner is away today."""
    with services().directory.read() as conn:
        found = absences.absent(conn, account().id)
    return spelled(found.until) if found is not None else ""


def mark_of(conn: Reading, account_id: str) -> str:
    """For a list of people, of who is away today."""
    found = absences.absent(conn, account_id)
    return _("away until %(day)s", day=spelled(found.until)) if found is not None else ""


def spelled(day: str) -> str:
    return full_day(date.fromisoformat(day))


@blueprint.get(HERE)
def show() -> Answer:
    return _page()


@blueprint.post(HERE)
def change() -> Answer:
    if not may_send():
        return pages.refused(_("You may read this mailbox, but not change it."), HERE)
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            if request.form.get("action") == "end":
                absences.end(conn, person().login, account())
            else:
                absences.keep(conn, person().login, account(), **_given())
    except Fault as fault:
        return _page(sentence(fault))
    return pages.done(_("Saved."), HERE)


def _given() -> dict[str, str]:
    """Days as they are kept, where they are any."""
    given = {name: request.form.get(name, "") for name in ("since", "until", "text", "outside", "substitute")}
    days = {name: day.isoformat() for name in ("since", "until") if (day := day_of(given[name]))}
    return given | days


def _page(fault: str = "") -> Answer:
    """What was typed and could not be kept stays in its form; the words of an absence that is over serve again."""
    with services().directory.read() as conn:
        today = conn.today
        known = absences.absence_of(conn, account().id)
    given = _given() if fault else _as_given(known, today)
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    response = pages.render(
        "absence.html",
        _("Absence"),
        sidebar=side,
        current=None,
        fault=fault,
        given=given | {name: _typed(given.get(name, "")) for name in ("since", "until")},
        is_set=known is not None and known.until >= today,
        longest_text=LONGEST_TEXT,
    )
    response.status_code = 422 if fault else 200
    return response


def _typed(text: str) -> str:
    day = day_of(text)
    return typed_day(day, choose()) if day else text


def _as_given(known: Absence | None, today: str) -> dict[str, str]:
    if known is None:
        return {"since": today}
    is_over = known.until < today
    return {
        "since": today if is_over else known.since,
        "until": "" if is_over else known.until,
        "text": known.text,
        "outside": known.outside,
        "substitute": known.substitute.login if known.substitute else "",
    }
