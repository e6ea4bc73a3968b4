"""Searches kept under a name: in the sidebar, renamed, taken away."""

from __future__ import annotations

from flask import Blueprint, g, request

from directory.faults import Fault
from directory.mail import saved_searches as directory_searches
from directory.mail.saved_searches import SavedSearch, searches_of
from webmail import pages
from webmail.account.login import account, local_path, may_send
from webmail.languages import _, sentence
from webmail.pages import Answer
from webmail.services import services

blueprint = Blueprint("saved_searches", __name__)

HERE = "/searches"


@blueprint.app_template_global("saved_searches")
def mine() -> list[SavedSearch]:
    """Those of the mailbox that is open, looked up once a request."""
    found: list[SavedSearch] | None = g.get("saved_searches")
    if found is None:
        with services().directory.read() as conn:
            found = g.saved_searches = searches_of(conn, account().id)
    return found


@blueprint.get(HERE)
def show() -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    return pages.render("searches.html", _("Saved searches"), sidebar=side, current=None)


@blueprint.post(HERE)
def change() -> Answer:
    action, name, old = (request.form.get(each, "") for each in ("action", "name", "old"))
    back = local_path(request.form.get("next", HERE))
    if not may_send():
        return pages.refused(_("You may read this mailbox, but not change it."), back)
    owner = account().id
    try:
        with services().directory.write(origin=request.remote_addr or "") as conn:
            if action == "keep":
                directory_searches.keep(conn, owner, name, request.form.get("query", ""))
            elif action == "remove":
                directory_searches.remove(conn, owner, old)
            else:
                directory_searches.rename(conn, owner, old, name)
    except Fault as fault:
        return pages.refused(sentence(fault), back, 422)
    return pages.done(_("The search was taken away.") if action == "remove" else _("Saved."), back)
