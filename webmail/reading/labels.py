"""Labels: made, renamed, taken away; which of them a message has; which one a search means."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, g, request

from directory.faults import Fault
from directory.mail import labels as directory_labels
from directory.mail.labels import COLOURS, Label, labels_of
from directory.words.names import fold
from webmail import pages
from webmail.account.login import account, may_send
from webmail.languages import _, sentence
from webmail.pages import Answer
from webmail.services import services

blueprint = Blueprint("labels", __name__)

HERE = "/labels"


def mine() -> list[Label]:
    """Those of the mailbox that is open, looked up once a request."""
    found: list[Label] | None = g.get("labels")
    if found is None:
        with services().directory.read() as conn:
            found = g.labels = labels_of(conn, account().id)
    return found


def among(flags: Iterable[str]) -> tuple[Label, ...]:
    """Those that flags and keywords of a message stand for."""
    names = {flag.lower() for flag in flags}
    return tuple(each for each in mine() if each.keyword.lower() in names)


def keyword_of(text: str) -> str:
    """What somebody typed for a label: its name, with hyphens for blanks and with or without marks, or its keyword; for
    what is none, something that no message has.
    """
    wanted = fold(text).replace("-", " ")
    for each in mine():
        if wanted in (fold(each.name).replace("-", " "), each.keyword.replace("-", " ")):
            return each.keyword
    return "\\none"


@blueprint.get(HERE)
def show() -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    return pages.render("labels.html", _("Labels"), sidebar=side, current=None, labels=mine(), colours=range(COLOURS))


@blueprint.post(HERE)
def change() -> Answer:
    action, keyword = request.form.get("action", ""), request.form.get("keyword", "")
    name, colour = request.form.get("name", ""), request.form.get("colour", 0, type=int)
    if not may_send():  # who may only read a mailbox puts nothing on its messages either
        return pages.refused(_("You may read this mailbox, but not change it."), HERE)
    owner = account().id
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            if action == "add":
                directory_labels.add(conn, owner, name, colour)
            elif action == "remove":
                directory_labels.remove(conn, owner, keyword)
            else:
                directory_labels.change(conn, owner, keyword, name, colour)
    except Fault as fault:
        return pages.refused(sentence(fault), HERE, 422)
    g.pop("labels", None)
    return pages.done(_("The label was taken away; the messages stay.") if action == "remove" else _("Saved."), HERE)
