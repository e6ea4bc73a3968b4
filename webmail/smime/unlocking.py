"""Opening one's own keys where only a password does (``sealed``): at sign-in, and on a page when that did not or has
lapsed.

Who signs in with a second step, or by something else than a password, opens them on the page when they are needed.  The
key process judges the password, and bounds how often one may be tried.
"""

from __future__ import annotations

from flask import Blueprint, make_response, request
from flask_login import current_user

from security.keys.wire import Refusal
from webmail import pages
from webmail.account.login import local_path
from webmail.languages import _
from webmail.pages import Answer
from webmail.services import services
from webmail.smime.refusals import refusal_text

blueprint = Blueprint("unlocking", __name__)

HERE = "/keys"
# What a password helps against
OPENED_BY_PASSWORD = (Refusal.LOCKED, Refusal.FORMER_PASSWORD)


@blueprint.get(HERE)
def show() -> Answer:
    return _page(_missing())


@blueprint.post(HERE)
def unlock() -> Answer:
    keys = services().keys
    password, former = (request.form.get(name, "")[:1000] for name in ("password", "former"))
    found = keys.open(current_user.token, password, former) if keys is not None and password else Refusal.WRONG_PASSWORD
    refusal = found if isinstance(found, Refusal) else found.refusal
    if refusal is None:
        return pages.done(_("Your keys are open."), local_path(request.form.get("next", "")))
    wrong = _("The password is not right.") if refusal is Refusal.WRONG_PASSWORD else refusal_text(refusal)
    shown = refusal if refusal in OPENED_BY_PASSWORD else _missing()
    return make_response(_page(shown, fault=wrong), 422)


def _missing() -> Refusal | None:
    """What keeps one's own keys from being used now."""
    keys = services().keys
    found = keys.open(current_user.token) if keys is not None else Refusal.AWAY
    return found if isinstance(found, Refusal) else found.refusal


def _page(refusal: Refusal | None, *, fault: str = "") -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    return pages.render(
        "unlocking.html",
        _("Your keys"),
        sidebar=side,
        current=None,
        next=local_path(request.values.get("next", "")),
        opened_by_password=refusal in OPENED_BY_PASSWORD,
        wants_former=refusal is Refusal.FORMER_PASSWORD,
        told=refusal_text(refusal) if refusal is not None else "",
        fault=fault,
    )
