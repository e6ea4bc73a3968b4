"""What others see of whoever writes: name, signature and address for answers, for each address that one writes from.

Those of the mailbox that is open: a unit's has its own, which everybody who writes for it uses.
"""

from __future__ import annotations

from flask import Blueprint, request

from directory.faults import Fault
from directory.mail import identities
from directory.mail.identities import LONGEST_NAME, LONGEST_SIGNATURE, Chosen
from webmail import pages
from webmail.account.login import account, may_send
from webmail.languages import _, sentence
from webmail.pages import Answer
from webmail.services import services
from webmail.writing.letters import own_identities

blueprint = Blueprint("identities", __name__)

HERE = "/settings/identities"


@blueprint.get(HERE)
def show() -> Answer:
    return _page()


@blueprint.post(HERE)
def choose() -> Answer:
    if not may_send():
        return pages.refused(_("You may read this mailbox, but not send for it."), HERE)
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            identities.keep(conn, account().id, _from_form())
    except Fault as fault:
        return _page(sentence(fault))
    return pages.done(_("Saved."), HERE)


def _from_form() -> Chosen:
    form = request.form
    kinds = {"none": "", "own": form.get("signature", "")}
    return Chosen(
        address=form.get("address", ""),
        name=form.get("name", ""),
        reply_to=form.get("reply_to", ""),
        signature=kinds.get(form.get("kind", "")),
        names_writer="names_writer" in form,
        is_default="is_default" in form,
    )


def _page(fault: str = "") -> Answer:
    """What was typed and could not be kept stays in its form."""
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    response = pages.render(
        "identities.html",
        _("Addresses and signatures"),
        sidebar=side,
        current=None,
        identities=own_identities(),
        fault=fault,
        given=_from_form() if fault else None,
        longest_name=LONGEST_NAME,
        longest_signature=LONGEST_SIGNATURE,
    )
    response.status_code = 422 if fault else 200
    return response
