"""App passwords: one for each mail program, made here, shown once, taken back here.

Making one asks for the person's own password again: whoever finds an open browser is not to leave with a key.
"""

from __future__ import annotations

from flask import Blueprint, make_response, request

from directory.faults import Fault
from directory.signing_in import app_passwords
from webmail import pages
from webmail.account.login import person
from webmail.account.proving import has_second_factor, prove
from webmail.languages import _, sentence
from webmail.pages import Answer
from webmail.services import services

blueprint = Blueprint("app_passwords", __name__)

HERE = "/settings/app-passwords"


@blueprint.get(HERE)
def show() -> Answer:
    return _page()


@blueprint.post(HERE)
def make() -> Answer:
    owner, client = person(), request.remote_addr or ""
    if wrong := prove(request.form.get("password", ""), request.form.get("code", "")):
        return wrong.slow(make_response(_page(fault=wrong.text), 422))
    name, scope = request.form.get("name", "")[:1000], request.form.get("scope", "both")
    try:
        with services().directory.write(origin=client) as conn:
            made, letters = app_passwords.add(conn, owner.login, owner.id, name, scope)
    except Fault as fault_found:
        return make_response(_page(fault=sentence(fault_found)), 422)
    # In the answer itself and nowhere else: what was shown cannot be asked for again.
    return _page(made=made, letters=letters)


@blueprint.post(HERE + "/revoke")
def revoke() -> Answer:
    owner = person()
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            gone = app_passwords.revoke(conn, owner.login, owner.id, request.form.get("id", ""))
    except Fault as fault:
        return pages.refused(sentence(fault), HERE)
    return pages.done(_("The app password “%(name)s” no longer works.", name=gone.name), HERE)


def _page(*, fault: str = "", made: app_passwords.AppPassword | None = None, letters: str = "") -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    with services().directory.read() as people:
        mine = app_passwords.listed(people, person().id)
    config = services().config
    return pages.render(
        "app_passwords.html",
        _("App passwords"),
        sidebar=side,
        current=None,
        mine=mine,
        most=app_passwords.MOST,
        asks_code=has_second_factor(),
        fault=fault,
        made=made,
        letters=letters,
        login=person().login,
        hostname=config.city.hostname,
        ports=config.listen,
    )
