"""Pages for what goes wrong: in words that help, with a reference number where the fault is ours."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from flask import Flask, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from mailserver.delivery.protecting import CannotProtect
from mailserver.refusals import OverQuota, Refusal, SendingLimit, TooLarge, TryLater
from webmail.languages import _
from webmail.pages import Answer, wants_json
from webmail.smime.refusals import obstacle_text

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, show_http_error)
    app.register_error_handler(CSRFError, show_csrf_error)
    app.register_error_handler(Refusal, show_refusal)
    app.register_error_handler(Exception, show_fault)


def refusal_text(refusal: Refusal) -> str:
    """A refusal in the reader's language where it is a common one; the store's own words are English."""
    if isinstance(refusal, OverQuota):
        return _("The mailbox is full. Delete messages or empty the trash to make room.")
    if isinstance(refusal, TooLarge):
        return _("The message is too large to be sent or kept.")
    if isinstance(refusal, SendingLimit):
        return _("You have sent too much within the last hour. Try again later, or ask an administrator.")
    if isinstance(refusal, CannotProtect):
        return obstacle_text(refusal)
    if isinstance(refusal, TryLater):
        return _("This cannot be done right now. Please try again in a moment.")
    return refusal.client_text


def show_http_error(error: HTTPException) -> Any:
    if error.code is not None and error.code < 400:
        return error
    texts = {
        403: (_("This request is not allowed"), _("It did not come from a page of this mail system.")),
        404: (_("Nothing is here"), _("This message or mailbox does not exist (any more).")),
        405: (_("This request is not allowed"), ""),
        413: (_("Too large"), _("What you sent is larger than this system accepts.")),
        429: (_("Too many requests"), _("Please wait a moment and try again.")),
    }
    heading, text = texts.get(error.code or 500, (_("This request could not be understood"), ""))
    return _page(heading, text, error.code or 500)


def show_csrf_error(_error: CSRFError) -> Any:
    return _page(
        _("This page has become stale"),
        _("You may have signed in again elsewhere. Go back, reload the page and try again."),
        400,
    )


def show_refusal(refusal: Refusal) -> Any:
    return _page(_("This could not be done"), refusal_text(refusal), 409)


def show_fault(fault: Exception) -> Any:
    reference = secrets.token_hex(4)
    log.error("webmail fault %s at %s", reference, request.path, exc_info=fault)
    text = _("The fault is ours and has been recorded. Reference: %(reference)s", reference=reference)
    return _page(_("Something went wrong"), text, 500)


def _page(heading: str, text: str, status: int) -> Answer:
    if wants_json() or request.headers.get("X-Fragments") is not None:
        return make_response({"error": f"{heading}. {text}".strip()}, status)
    return make_response(render_template("error.html", title=heading, heading=heading, text=text), status)
