"""Texts that somebody writes again and again: kept under a name, and put into a letter from its toolbar."""

from __future__ import annotations

from flask import Blueprint, g, request

from directory.faults import Fault
from directory.mail import letter_templates
from directory.mail.letter_templates import LetterTemplate, templates_of
from webmail import pages
from webmail.account.login import account, may_send
from webmail.languages import _, sentence
from webmail.pages import Answer
from webmail.services import services

blueprint = Blueprint("templates", __name__)

HERE = "/templates"


@blueprint.app_template_global("letter_templates")
def mine() -> list[LetterTemplate]:
    """Those of the mailbox that is open, looked up once a request."""
    found: list[LetterTemplate] | None = g.get("letter_templates")
    if found is None:
        with services().directory.read() as conn:
            found = g.letter_templates = templates_of(conn, account().id)
    return found


@blueprint.get(HERE)
def show() -> Answer:
    return _page()


@blueprint.post(HERE)
def change() -> Answer:
    action, name, old, subject, text = (
        request.form.get(each, "") for each in ("action", "name", "old", "subject", "text")
    )
    if not may_send():
        return pages.refused(_("You may read this mailbox, but not change it."), HERE)
    given = LetterTemplate(name, subject, text.replace("\r\n", "\n").replace("\0", "").strip("\n"))
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            if action == "remove":
                letter_templates.remove(conn, account().id, old)
            else:
                letter_templates.keep(conn, account().id, given, old)
    except Fault as fault:
        return _page(fault=sentence(fault), given=given, old=old)
    return pages.done(_("The template was taken away.") if action == "remove" else _("Saved."), HERE)


def _page(*, fault: str = "", given: LetterTemplate | None = None, old: str = "") -> Answer:
    """What was typed and could not be kept stays in its form."""
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    response = pages.render(
        "templates.html", _("Letter templates"), sidebar=side, current=None, fault=fault, given=given, old=old
    )
    response.status_code = 422 if fault else 200
    return response
