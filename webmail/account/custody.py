"""Mail that was left behind, beside one's own: read by whoever has custody of it, and changed by nobody.

Who may is the directory's to say (``directory.mail.custody``); that he does is on record before he sees any of it.
Only what is named here answers while such a mailbox is open: a page that is forgotten shows and does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Flask, request
from flask_login import current_user

from directory.mail import accounts, custody
from directory.mail.accounts import Account
from webmail import pages
from webmail.account.login import account, person
from webmail.languages import _
from webmail.services import services

# Parts of the mailbox that are looked at, and what leads away from it.
_READING = frozenset({"listing", "reading", "message_body", "attachments", "previews", "search", "search_form"})
_ANYWHERE = frozenset(
    {
        *("login.open_mailbox", "login.sign_out", "login.status", "settings.switch_language"),
        *("assets.show", "events.not_here"),
    }
)


@dataclass(frozen=True, slots=True)
class Left:
    """A mailbox in somebody's custody."""

    account: Account
    reason: str
    until: date | None


def init_app(app: Flask) -> None:
    app.before_request(keep_to_reading)
    app.jinja_env.globals.update(left_mailboxes=left_mailboxes, left_here=left_here)


def keep_to_reading() -> Any:
    if not current_user.is_authenticated or account().status != "closed" or request.endpoint in _ANYWHERE:
        return None
    if request.method not in ("GET", "HEAD") or (request.endpoint or "").partition(".")[0] not in _READING:
        return pages.refused(_("This mailbox is closed: it can be read, and nothing in it changed."), "/")
    custody.note_reading(services().directory, person(), account(), request.remote_addr or "")
    return None


def left_mailboxes() -> list[Left]:
    """What the person has custody of, by name."""
    with services().directory.read() as conn:
        held = (accounts.find_account(conn, each) for each in custody.entrusted_to(conn, person().id))
        found = [_left(each) for each in held if each is not None]
    return sorted(found, key=lambda each: (each.account.name, each.account.login))


def left_here() -> Left | None:
    """The one that is open."""
    return _left(account()) if account().status == "closed" else None


def _left(mailbox: Account) -> Left:
    with services().directory.read() as conn:
        why = custody.custody_of(conn, mailbox.id)
    until = date.fromisoformat(why.valid_until) if why is not None and why.valid_until else None
    return Left(mailbox, why.reason if why is not None else "", until)
