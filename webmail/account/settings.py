"""What a person may choose: language, light or dark, letters as shortcuts, and where he is signed in."""

from __future__ import annotations

from flask import Blueprint, abort, flash, make_response, request, session
from flask_login import current_user, login_user

from directory.faults import Fault
from directory.mail import picture_senders
from directory.mail.account_changes import set_language, set_password
from directory.mail.accounts import Account, credentials_by_login
from directory.mail.preferences import CHOICES, SHORTCUTS, UNDO_SEND, prefer
from directory.signing_in import sessions
from directory.signing_in.password_policy import refuse_weak
from security.passwords import MAX_PASSWORD, MIN_PASSWORD, hash_password
from security.scram import new_verifier
from webmail import languages, pages
from webmail.account.login import MUST_CHANGE, SignedIn, local_path, person
from webmail.account.proving import has_second_factor, prove
from webmail.languages import _, sentence
from webmail.pages import Answer, see_other
from webmail.services import services
from webmail.writing import postponed

blueprint = Blueprint("settings", __name__)

YEAR = 365 * 86_400


@blueprint.get("/settings")
def show() -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    with services().directory.read() as people:
        mine = sessions.sessions_of(people, person().id)
        trusted = picture_senders.senders_of(people, person().id)
    this = current_user.session.token_hash
    return pages.render(
        "settings.html",
        _("Settings"),
        sidebar=side,
        current=None,
        sessions=mine,
        picture_senders=trusted,
        this=this,
        must_change=must_change_password(),
        asks_code=has_second_factor(),
        undo_choices=CHOICES[UNDO_SEND],
        undo_seconds=postponed.seconds_to_think(),
        shortest=MIN_PASSWORD,
    )


@blueprint.post("/settings/widths")
def choose_width() -> Answer:
    """How wide somebody likes a pane: asked by the line between them, as it is moved."""
    name, width = request.form.get("name", ""), request.form.get("width", "")
    if name not in pages.WIDTHS or width not in CHOICES[name]:
        abort(400)
    with services().directory.write(origin=request.remote_addr or "") as conn:
        prefer(conn, person().id, name, width)
    return make_response("", 204)


@blueprint.post("/settings/shortcuts")
def choose_shortcuts() -> Answer:
    wanted = request.form.get("shortcuts", "")
    if wanted not in CHOICES[SHORTCUTS]:
        abort(400)
    with services().directory.write(origin=request.remote_addr or "") as conn:
        prefer(conn, person().id, SHORTCUTS, wanted)
    return pages.done(_("Saved."), "/settings#shortcuts")


@blueprint.post("/language")
def switch_language() -> Answer:
    wanted = request.form.get("language", "")
    response = see_other(local_path(request.form.get("next", "")) if current_user.is_authenticated else "/login")
    if wanted not in languages.LANGUAGES:
        return response
    if current_user.is_authenticated:
        with services().directory.write(origin=request.remote_addr or "") as conn:
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
    old, new, again = (request.form.get(name, "")[: MAX_PASSWORD + 1] for name in ("old", "new", "again"))
    here = "/settings#password-change"
    owner, client = person(), request.remote_addr or ""
    # First what is wrong with the new one: a code is used up by being right.
    if fault := _fault_of(owner, old, new, again):
        return pages.refused(fault, here, 422)
    if wrong := prove(old, request.form.get("code", "")):
        return wrong.slow(pages.refused(wrong.text, here, 422))
    hashed = hash_password(new)  # outside of the transaction: it takes its time
    verifier = new_verifier(new) if services().config.login.scram else None
    keys = services().keys
    # where the key process is away, a sealed key stays under the old password, which opens it later
    wrapped = keys.rewrap(current_user.token, old, new) if keys is not None else None
    key_wrap = wrapped if isinstance(wrapped, bytes) else None
    try:
        with services().directory.write(origin=client) as conn:
            set_password(conn, owner.login, owner.id, hashed, scram_verifier=verifier, key_wrap=key_wrap)
            # Every session ends with the old password; this one goes on under a new token.
            token = sessions.start(conn, owner.id, user_agent=request.headers.get("User-Agent", ""), ip=client)
    except Fault as closed:
        return pages.refused(closed.text(languages.choose()), here)
    session.pop(MUST_CHANGE, None)
    login_user(SignedIn(owner, token))
    if keys is not None:
        keys.open(token, new)
    return pages.done(_("The password was changed; you are signed out everywhere else."), "/settings")


def _fault_of(owner: Account, old: str, new: str, again: str) -> str:
    """Why the new password is not taken; empty where it is."""
    if new != again:
        return _("The new passwords are not the same.")
    if new == old:
        return _("The new password must be another one.")
    try:
        refuse_weak(new, (owner.login, owner.name))
    except Fault as weak:
        return sentence(weak)
    return ""


@blueprint.post("/sessions/end")
def end_others() -> Answer:
    """One of them, or all but this."""
    which = request.form.get("session", "")
    with services().directory.write() as conn:
        if which:
            sessions.end_one(conn, person().id, which)
        else:
            sessions.end_all(conn, person().id, but=current_user.token)
    flash(_("You are signed out there.") if which else _("You are signed out everywhere else."), "success")
    return see_other("/settings")
