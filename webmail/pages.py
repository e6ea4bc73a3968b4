"""Whole pages, and parts of pages for the script layer, from the same templates.

The script asks for an address it also could have opened, with ``X-Fragments: list,reading``; the answer is JSON with
those parts rendered, so that there is one renderer and one catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from flask import Flask, Response, flash, g, jsonify, make_response, redirect, render_template, request
from flask_login import current_user
from sqlalchemy import Connection

from directory.mail import accounts, recipients
from directory.mail.accounts import Account
from directory.mail.labels import Label
from directory.mail.preferences import LIST_WIDTH, SHORTCUTS, SIDEBAR_WIDTH, preferences_of
from mailserver import access, handling
from mailserver.store import mailboxes as store_mailboxes
from mailserver.store import quota
from mailserver.store.mailboxes import Mailbox
from webmail.services import services

Answer = Response

FRAGMENTS = {
    "list": "_list.html",
    "rows": "_rows.html",
    "reading": "_reading.html",
    "sidebar": "_sidebar.html",
    "notices": "_notices.html",
    "searching": "_search_form.html",
}
WIDTHS = {LIST_WIDTH: "37", SIDEBAR_WIDTH: "238"}  # of panes, as long as nobody moved the line between them
USUAL = {**WIDTHS, SHORTCUTS: "on"}  # what holds of a page for whoever chose nothing
THEMES = ("auto", "light", "dark")
_ORDER = ("\\Flagged", "\\Snoozed", "\\Drafts", "\\Sent", "\\Archive", "\\Junk", "\\Trash", "\\All")
_HIDDEN_USES = frozenset({"\\Drafts", "\\Sent", "\\Snoozed", "\\Junk", "\\Trash"})


def states_of(mailboxes: Iterable[Mailbox]) -> dict[int, tuple[int, int, int]]:
    return {each.id: (each.highest_modseq, each.uid_next, each.unseen) for each in mailboxes}


def digest(states: dict[int, tuple[int, int, int]], work: int) -> str:
    """``work``: the version of who answers what (``mailserver.handling``)."""
    return blake2b(repr((sorted(states.items()), work)).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Sidebar:
    mailboxes: list[Mailbox]
    used: int
    allowed: int  # 0: no limit
    work: int = 0  # version of who answers what in a mailbox that several read

    @property
    def percent(self) -> int:
        return min(100, self.used * 100 // self.allowed) if self.allowed else 0

    @property
    def state(self) -> str:
        """What the page's event stream tells, too: where they differ, the page is not of today."""
        return digest(states_of(self.mailboxes), self.work)

    def special(self, use: str) -> Mailbox | None:
        return next((each for each in self.mailboxes if each.special_use == use), None)

    @property
    def inbox(self) -> Mailbox:
        return self.mailboxes[0]

    def badge(self, mailbox: Mailbox) -> int | None:
        """The number beside a mailbox: drafts are counted whole, elsewhere what is unread, where that matters."""
        if mailbox.special_use == "\\Drafts":
            return mailbox.messages
        return None if mailbox.special_use in _HIDDEN_USES - {"\\Junk"} else mailbox.unseen


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        theme=theme,
        signed_in=lambda: current_user,
        other_mailboxes=other_mailboxes,
        own_labels=own_labels,
        chosen=chosen,
    )


def chosen(name: str) -> str:
    """How the person likes his pages."""
    if "chosen" not in g:
        with services().directory.read() as conn:
            g.chosen = USUAL | preferences_of(conn, current_user.person.id)
    return str(g.chosen[name])


def own_labels() -> list[Label]:
    from webmail.reading import labels

    return labels.mine()


def theme() -> str:
    chosen = request.cookies.get("theme", "auto")
    return chosen if chosen in THEMES else "auto"


def other_mailboxes() -> list[tuple[str, str, str]]:
    """What else the person may open: (id, name, address), one's own first when a unit's mailbox is open."""
    owner = current_user.person
    with services().directory.read() as conn:
        with services().store.read() as connection:
            ids = {
                each
                for each in recipients.mailboxes_of(conn, owner.id, "read")
                if not access.is_narrowed(conn, connection, owner.id, each)
            }
        named = accounts.names_of(conn, ids)
    found = sorted((name, address, each) for each, (name, address) in named.items())
    listed = [(each, name, address) for name, address, each in found]
    return [each for each in ((owner.id, owner.name, owner.login), *listed) if each[0] != current_user.account.id]


def see_other(path: str) -> Answer:
    """POST, redirect, GET (RFC 9110 §15.4.4)."""
    return make_response(redirect(path, 303))


def wants_json() -> bool:
    """The script layer asks for a result instead of a page."""
    return request.headers.get("X-Requested-With") == "citymail"


def sidebar(conn: Connection) -> Sidebar:
    owner = current_user.account
    found = sorted(store_mailboxes.list_mailboxes(conn, owner.id), key=_place)
    return Sidebar(found, quota.usage(conn, owner.id).size, owner.quota_bytes, work_version(conn, owner))


def work_version(conn: Connection, owner: Account) -> int:
    return 0 if owner.kind == "person" else handling.version(conn, owner.id)


def _place(mailbox: Mailbox) -> tuple[int, list[str]]:
    """The standard mailboxes in the order of their use, then the person's own by name."""
    if mailbox.name == store_mailboxes.INBOX:
        return -1, []
    use = mailbox.special_use or ""
    return (_ORDER.index(use) if use in _ORDER else len(_ORDER)), mailbox.name.split("/")


def render(template: str, title: str, **context: Any) -> Answer:
    """A page, or the parts of it that the script asked for."""
    wanted = request.headers.get("X-Fragments")
    if wanted is None:
        response = make_response(render_template(template, title=title, **context))
    else:
        parts = {
            name: render_template(FRAGMENTS[name], title=title, **context)
            for name in wanted.split(",")
            if name in FRAGMENTS
        }
        response = jsonify(title=title, fragments=parts)
    response.vary.add("X-Fragments")
    return response


def done(message: str, then: str, *, undo: dict[str, Any] | None = None) -> Answer:
    """After a change: to a script what happened and how to undo it; to a form the next page, with a notice."""
    if wants_json():
        return jsonify(message=message, undo=undo, next=then)
    if message:
        notice: Any = {"text": message, "undo": undo} if undo else message
        flash(notice, "undo" if undo else "success")
    return see_other(then)


def refused(message: str, then: str, status: int = 409) -> Answer:
    if wants_json():
        return make_response({"error": message}, status)
    flash(message, "error")
    return see_other(then)
