"""Two-step sign-in: the telephone, security keys, and the paper for the day on which they are lost.

The secret is shown until a code of it was typed in, recovery codes in one answer and never again.  A security key is
asked by script (``front/security-key.ts``); no browser has another way.
"""

from __future__ import annotations

import io

import segno
from flask import Blueprint, make_response, request, session
from markupsafe import Markup

from directory.faults import Fault
from directory.signing_in import second_factor, security_keys
from security import totp
from webmail import pages
from webmail.account.login import here, person
from webmail.account.proving import has_second_factor, prove, prove_password
from webmail.languages import _, sentence
from webmail.pages import Answer
from webmail.services import services

blueprint = Blueprint("two_steps", __name__)

HERE = "/settings/two-steps"
OFFERED = "offered"  # in the cookie: when a secret was shown to who had proved everything
OFFER_SECONDS = 900


@blueprint.get(HERE)
def show() -> Answer:
    return _page()


@blueprint.post(HERE + "/begin")
def begin() -> Answer:
    """The secret, for who proves that the account is his."""
    if wrong := prove(request.form.get("password", ""), request.form.get("code", "")):
        return wrong.slow(make_response(_page(fault=wrong.text), 422))
    session[OFFERED] = int(services().clock())
    return _offer()


@blueprint.post(HERE + "/on")
def turn_on() -> Answer:
    owner, client = person(), request.remote_addr or ""
    try:
        # The password again: nobody else shall bind the account to a telephone of his.
        if services().clock() - session.get(OFFERED, 0) > OFFER_SECONDS:
            return make_response(_page(fault=_("That took too long. Please begin again.")), 422)
        if wrong := prove_password(request.form.get("password", "")):
            return wrong.slow(make_response(_page(fault=wrong.text), 422))
        with services().directory.write(origin=client) as conn:
            codes = second_factor.turn_on(conn, owner.login, owner.id, request.form.get("code", "")[:100])
    except Fault as fault:
        if fault.code == "second-factor-code":
            return make_response(_offer(fault=_("The code is not right.")), 422)
        return pages.refused(sentence(fault), HERE)
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
        return pages.refused(sentence(fault), HERE)
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


@blueprint.post(HERE + "/challenge")
def ask_key() -> Answer:
    """What the browser is to ask a security key, in place of a code in some form."""
    with services().directory.write(origin=request.remote_addr or "") as conn:
        return make_response({"publicKey": security_keys.ask_for_proof(conn, person().id, here())})


@blueprint.post(HERE + "/keys/begin")
def begin_key() -> Answer:
    """What the browser is to ask a new security key, for who proves that the account is his."""
    if wrong := prove(request.form.get("password", ""), request.form.get("code", "")):
        return wrong.slow(make_response({"error": wrong.text}, 422))
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            return make_response({"publicKey": security_keys.ask_for_new(conn, person().id, here())})
    except Fault as fault:
        return make_response({"error": sentence(fault)}, 422)


@blueprint.post(HERE + "/keys")
def add_key() -> Answer:
    """Its answer; there is something to answer only after ``begin_key``."""
    owner, form = person(), request.form
    name = form.get("name", "").strip() or _("Security key")
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            codes = second_factor.add_key(conn, owner.login, owner.id, name, form.get("answer", ""), here())
    except Fault as fault:
        return make_response(_page(fault=sentence(fault)), 422)
    return _page(codes=codes) if codes else pages.done(_("The security key was added."), HERE)


@blueprint.post(HERE + "/keys/remove")
def remove_key() -> Answer:
    if wrong := prove(request.form.get("password", ""), request.form.get("code", "")):
        return wrong.slow(make_response(_page(fault=wrong.text), 422))
    owner = person()
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            second_factor.remove_key(conn, owner.login, owner.id, request.form.get("key", ""))
    except Fault as fault:
        return pages.refused(sentence(fault), HERE)
    return pages.done(_("The security key was removed."), HERE)


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
        has_codes = second_factor.has_codes(people, person().id)
        keys = security_keys.keys_of(people, person().id)
        left = second_factor.recovery_codes_left(people, person().id) if is_on else 0
    return pages.render(
        "two_steps.html",
        _("Two-step sign-in"),
        sidebar=side,
        current=None,
        fault=fault,
        is_on=is_on,
        has_codes=has_codes,
        keys=keys,
        left=left,
        picture=picture,
        letters=letters,
        codes=codes,
    )
