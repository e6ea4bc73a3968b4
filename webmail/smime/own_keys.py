"""One's own certificates: what they are for, until when they hold; the way in which a decryption key leaves, as a file
for another mail program, and the one in which a key comes that another authority has given.

Those of the mailbox that is open.  The key process judges by itself who asks for a key (``directory.keys.exporting``),
and opens the file that brings one: the page hands on what was typed, and learns nothing of it.  Whether the certificate
is good, and for this address, is judged as it is entered (``directory.pki.trust``).
"""

from __future__ import annotations

from flask import Blueprint, request

from directory.faults import Fault
from directory.pki.certificates import ENCRYPTION, certificates_of
from directory.pki.key_files import import_brought
from security.authority.key_kinds import KeyFault
from security.keys.wire import Refusal
from webmail import pages
from webmail.account.login import account, person
from webmail.account.proving import has_second_factor, prove
from webmail.languages import _, sentence
from webmail.pages import Answer
from webmail.reading.attachments import as_download
from webmail.services import services
from webmail.smime.certificates import facts_of
from webmail.smime.refusals import refusal_text

blueprint = Blueprint("own_keys", __name__)

HERE = "/settings/keys"
_LONGEST = 1000
_LARGEST = 256 << 10  # so much of a form stays in memory; a file with a key has some kilobytes


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


@blueprint.post(f"{HERE}/bring")
def bring() -> Answer:
    keys, file = services().keys, request.files.get("file")
    if keys is None or account().id != person().id:
        return _page(refusal_text(Refusal.NOT_ALLOWED))
    octets = file.read(_LARGEST + 1) if file is not None else b""
    if wrong := prove(request.form.get("password", ""), request.form.get("code", "")):
        return wrong.slow(_page(wrong.text))
    if len(octets) > _LARGEST:
        return _page(_("The file is too large to hold a key."))
    try:
        brought = keys.take(account().id, octets, request.form.get("passphrase", "")[:_LONGEST])
    except KeyFault:
        return _page(_("The file cannot be opened with this password, or holds no key with its certificate."))
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            taken = import_brought(conn, person().login, account(), brought)
    except Fault as fault:
        return _page(sentence(fault))
    purposes = ", ".join(_purposes()[each.purpose] for each in taken)
    return pages.done(_("Taken up: %(purposes)s.", purposes=purposes), HERE)


def _purposes() -> dict[str, str]:
    return {"signing": _("To sign"), "encryption": _("To encrypt")}


def _why(refusal: Refusal) -> str:
    short = _("The password of the file is too short.")
    return short if refusal is Refusal.NOT_DONE else refusal_text(refusal)


def _page(fault: str = "", failed: str = "") -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    with services().directory.read() as people:
        held = certificates_of(people, account().id)
    is_own = account().id == person().id
    held.sort(key=lambda each: (each.state != "active", -each.not_before))
    response = pages.render(
        "own_keys.html",
        _("My certificates and keys"),
        sidebar=side,
        current=None,
        held=[(each, facts_of(each.der)) for each in held],
        exported=ENCRYPTION if is_own and services().keys is not None else "",
        may_bring=is_own and services().keys is not None,
        states={
            "active": _("in use"),
            "superseded": _("replaced by a newer one; opens old mail"),
            "revoked": _("revoked"),
            "expired": _("expired"),
        },
        purposes=_purposes(),
        fault=fault,
        failed=failed,
        asks_code=has_second_factor(),
    )
    response.status_code = 422 if fault else 200
    return response
