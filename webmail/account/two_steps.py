"""Two-step sign-in: turning it on and off, and the paper for the day on which the telephone is lost.

The secret is shown until a code of it was typed in, recovery codes in one answer and never again.
"""

from __future__ import annotations

import io

import segno
from flask import Blueprint, make_response, request
from markupsafe import Markup

from directory.faults import Fault
from directory.signing_in import second_factor
from security import totp
from webmail import languages, pages
from webmail.account.login import person
from webmail.account.proving import has_second_factor, prove
from webmail.languages import _
from webmail.pages import Answer
from webmail.services import services

blueprint = Blueprint("two_steps", __name__)

HERE = "/settings/two-steps"


@blueprint.get(HERE)
def show() -> Answer:
    return _page()


@blueprint.post(HERE + "/begin")
def begin() -> Answer:
    """The secret, for who proves that the account is his."""
    if wrong := prove(request.form.get("password", ""), ""):
        return wrong.slow(make_response(_page(fault=wrong.text), 422))
    return _offer()


@blueprint.post(HERE + "/on")
def turn_on() -> Answer:
    owner, client = person(), request.remote_addr or ""
    try:
        # The password again: nobody else shall bind the account to a telephone of his.
        if wrong := prove(request.form.get("password", ""), ""):
            return wrong.slow(make_response(_page(fault=wrong.text), 422))
        with services().directory.write(origin=client) as conn:
            codes = second_factor.turn_on(conn, owner.login, owner.id, request.form.get("code", "")[:100])
    except Fault as fault:
        if fault.code == "second-factor-code":
            return make_response(_offer(fault=_("The code is not right.")), 422)
        return pages.refused(fault.text(languages.choose()), HERE)
    return _page(codes=codes)


@blueprint.post(HERE + "/off")
def turn_off() -> Answer:
    if wrong := prove(request.form.get("password", ""), request.form.get("code", "")):
        return wrong.slow(make_response(_page(fault=wrong.text), 422))
    owner = person()
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            second_factor.turn_off(conn, owner.login, owner.id)
    except Fault as fault:
        return pages.refused(fault.text(languages.choose()), HERE)
    return pages.done(_("Two-step sign-in is off."), HERE)


@blueprint.post(HERE + "/codes")
def renew() -> Answer:
    if not has_second_factor():
        return _page()
    if wrong := prove(request.form.get("password", ""), request.form.get("code", "")):
        return wrong.slow(make_response(_page(fault=wrong.text), 422))
    with services().directory.write(origin=request.remote_addr or "") as conn:
        codes = second_factor.renew_recovery_codes(conn, person().id)
    return _page(codes=codes)


def _offer(fault: str = "") -> Answer:
    """The picture and the letters of the secret."""
    with services().directory.write(origin=request.remote_addr or "") as conn:
        secret = second_factor.propose(conn, person().id)
    uri = totp.enrolment_uri(secret, services().config.city.name, person().login)
    return _page(fault=fault, picture=_picture(uri), letters=totp.shown_secret(secret))


def _picture(uri: str) -> Markup:
    out = io.BytesIO()
    segno.make_qr(uri).save(out, kind="svg", xmldecl=False, svgns=False, svgclass="qr", lineclass=None, omitsize=True)
    return Markup(out.getvalue().decode())  # noqa: S704  (what the library drew)


def _page(
    *, fault: str = "", picture: Markup | None = None, letters: str = "", codes: list[str] | None = None
) -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    with services().directory.read() as people:
        is_on = second_factor.is_on(people, person().id)
        left = second_factor.recovery_codes_left(people, person().id) if is_on else 0
    return pages.render(
        "two_steps.html",
        _("Two-step sign-in"),
        sidebar=side,
        current=None,
        fault=fault,
        is_on=is_on,
        left=left,
        picture=picture,
        letters=letters,
        codes=codes,
    )
