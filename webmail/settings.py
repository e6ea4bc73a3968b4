"""What a person may choose: language, light or dark, and where he is signed in."""

from __future__ import annotations

from flask import Blueprint, flash, request, session
from flask_login import current_user, login_user

from directory import sessions
from directory.accounts import credentials_by_login
from directory.faults import Fault
from directory.provisioning import set_language, set_password
from security.passwords import hash_password
from webmail import languages, pages
from webmail.languages import _
from webmail.login import ANSWER_AFTER, MUST_CHANGE, SignedIn, local_path, person
from webmail.pages import Answer, see_other
from webmail.services import services

blueprint = Blueprint("settings", __name__)

YEAR = 365 * 86_400
SHORTEST_PASSWORD = 10
WRONG_PAUSE = 1.0  # seconds before the answer to a wrong present password


@blueprint.get("/settings")
def show() -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    with services().directory.read() as people:
        mine = sessions.sessions_of(people, person().id)
    this = current_user.session.token_hash
    return pages.render(
        "settings.html",
        _("Settings"),
        sidebar=side,
        current=None,
        sessions=mine,
        this=this,
        must_change=must_change_password(),
    )


@blueprint.post("/language")
def switch_language() -> Answer:
    wanted = request.form.get("language", "")
    response = see_other(local_path(request.form.get("next", "")) if current_user.is_authenticated else "/login")
    if wanted not in languages.LANGUAGES:
        return response
    if current_user.is_authenticated:
        with services().directory.write() as conn:
            set_language(conn, person().login, person().id, wanted)
    response.set_cookie(
        languages.COOKIE, wanted, max_age=YEAR, httponly=True, samesite="Strict", secure=request.is_secure
    )
    return response


@blueprint.post("/theme")
def switch_theme() -> Answer:
    wanted = request.form.get("theme", "")
    response = see_other(local_path(request.form.get("next", "")))
    if wanted in pages.THEMES:
        response.set_cookie("theme", wanted, max_age=YEAR, httponly=True, samesite="Strict", secure=request.is_secure)
    return response


def must_change_password() -> bool:
    with services().directory.read() as conn:
        found = credentials_by_login(conn, person().login)
    return found is not None and found.must_change_password


@blueprint.post("/password")
def change_password() -> Answer:
    old, new, again = (request.form.get(name, "")[:1000] for name in ("old", "new", "again"))
    here = "/settings#password-change"
    owner = person()
    pause = services().gate.pause(owner.login, request.remote_addr or "")
    fault = ""
    if not services().gate.check_password(owner.login, old):
        fault = _("The present password is not right.")
    elif new != again:
        fault = _("The new passwords are not the same.")
    elif len(new) < SHORTEST_PASSWORD:
        fault = _("The new password is too short.")
    elif new == old or owner.login.partition("@")[0] in new.lower():
        fault = _("The new password must be another one, and not contain the address.")
    if fault:
        response = pages.refused(fault, here, 422)
        response.headers[ANSWER_AFTER] = f"{pause + WRONG_PAUSE:.3f}"
        return response
    hashed = hash_password(new)  # outside of the transaction: it takes its time
    try:
        with services().directory.write() as conn:
            set_password(conn, owner.login, owner.id, hashed)
            # Every session ends with the old password; this one goes on under a new token.
            agent, ip = request.headers.get("User-Agent", ""), request.remote_addr or ""
            token = sessions.start(conn, owner.id, user_agent=agent, ip=ip)
    except Fault as refused:
        return pages.refused(str(refused), here)
    session.pop(MUST_CHANGE, None)
    login_user(SignedIn(owner, token))
    return pages.done(_("The password was changed; you are signed out everywhere else."), "/settings")


@blueprint.post("/sessions/end")
def end_others() -> Answer:
    with services().directory.write() as conn:
        sessions.end_all(conn, person().id, but=current_user.token)
    flash(_("You are signed out everywhere else."), "success")
    return see_other("/settings")
