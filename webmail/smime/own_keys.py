"""One's own certificates: what they are for, until when they hold; and the way in which a decryption key leaves, as a
file for another mail program.

Those of the mailbox that is open.  The key process judges by itself who asks for a key (``directory.keys.exporting``):
the page hands on what was typed, and learns nothing of it.
"""

from __future__ import annotations

from flask import Blueprint, request

from directory.pki.certificates import ENCRYPTION, certificates_of
from security.keys.wire import Refusal
from webmail import pages
from webmail.account.login import account, person
from webmail.account.proving import has_second_factor
from webmail.languages import _
from webmail.pages import Answer
from webmail.reading.attachments import as_download
from webmail.services import services
from webmail.smime.certificates import facts_of
from webmail.smime.refusals import refusal_text

blueprint = Blueprint("own_keys", __name__)

HERE = "/settings/keys"
_LONGEST = 1000


@blueprint.get(HERE)
def show() -> Answer:
    return _page()


@blueprint.post(HERE)
def take_along() -> Answer:
    wanted = request.form.get("certificate", "")
    password, code, passphrase, again = (
        request.form.get(name, "")[:_LONGEST] for name in ("password", "code", "passphrase", "again")
    )
    if passphrase != again:
        return _page(_("The new passwords are not the same."), wanted)
    keys = services().keys
    packed = keys.export(person().login, password, code, wanted, passphrase) if keys is not None else Refusal.AWAY
    if isinstance(packed, Refusal):
        return _page(_why(packed), wanted)
    return as_download(packed, f"{person().login}.p12", "application/x-pkcs12")


def _why(refusal: Refusal) -> str:
    return {
        Refusal.WRONG_PASSWORD: _("The present password is not right."),
        Refusal.WRONG_CODE: _("The code is not right."),
        Refusal.NOT_DONE: _("The password of the file is too short."),
    }.get(refusal) or refusal_text(refusal)


def _page(fault: str = "", failed: str = "") -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    with services().directory.read() as people:
        held = certificates_of(people, account().id)
    held.sort(key=lambda each: (each.state != "active", -each.not_before))
    response = pages.render(
        "own_keys.html",
        _("My certificates and keys"),
        sidebar=side,
        current=None,
        held=[(each, facts_of(each.der)) for each in held],
        exported=ENCRYPTION if account().id == person().id and services().keys is not None else "",
        states={
            "active": _("in use"),
            "superseded": _("replaced by a newer one; opens old mail"),
            "revoked": _("revoked"),
            "expired": _("expired"),
        },
        purposes={"signing": _("To sign"), "encryption": _("To encrypt")},
        fault=fault,
        failed=failed,
        asks_code=has_second_factor(),
    )
    response.status_code = 422 if fault else 200
    return response
