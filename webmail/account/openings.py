"""Who opened one's mailbox: administrators, colleagues, whoever was let in (``directory.administration.openings``)."""

from __future__ import annotations

from flask import Blueprint

from directory.administration.openings import openings
from webmail import pages
from webmail.account.login import person
from webmail.languages import _
from webmail.pages import Answer
from webmail.services import services

blueprint = Blueprint("openings", __name__)

MOST = 200


@blueprint.get("/settings/openings")
def show() -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    with services().directory.read() as people:
        found = list(openings(people, person(), limit=MOST))
    what = {
        "mailbox.act": _("Worked in the mailbox"),
        "mailbox.grant": _("Gave somebody a right to the mailbox"),
        "mailbox.share": _("Shared a folder with somebody"),
        "mailbox.entrust": _("Entrusted the mail to somebody"),
        "mailbox.read": _("Read the closed mailbox as custodian"),
        "mailbox.attach": _("Gave the holders of a position a right to the mailbox"),
        "mailbox.absence": _("Said that the owner is away, or back"),
        "mailbox.restore": _("Looked for deleted mail, or brought it back"),
        "mailbox.import": _("Brought mail in"),
        "mailbox.export": _("Took mail along"),
        "contacts.export": _("Took contacts along"),
        "mailbox.passwd": _("Set another password"),
        "app-password.add": _("Made an app password"),
    }
    return pages.render(
        "openings.html", _("Who opened my mailbox"), sidebar=side, current=None, found=found, what=what, most=MOST
    )
