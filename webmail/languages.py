"""Vietnamese first, English second.

A person's choice is kept with the account; before anybody has signed in, in a cookie; before any choice, the
installation's setting decides.  What the browser asks for decides nothing: this is a Vietnamese city's system.
"""

from __future__ import annotations

from flask import Flask, request
from flask_babel import Babel  # type: ignore[import-untyped]
from flask_babel import gettext as _gettext
from flask_babel import ngettext as _ngettext
from flask_login import current_user

from webmail.services import services

LANGUAGES = ("vi", "en")
COOKIE = "language"


def init_app(app: Flask) -> None:
    app.config["BABEL_DEFAULT_LOCALE"] = "vi"
    Babel(app, locale_selector=choose, default_domain="messages")
    app.jinja_env.globals["language"] = choose
    app.jinja_env.add_extension("jinja2.ext.i18n")


def choose() -> str:
    if current_user and current_user.is_authenticated and current_user.person.language in LANGUAGES:
        return str(current_user.person.language)
    wanted = request.cookies.get(COOKIE, "")
    return wanted if wanted in LANGUAGES else services().config.webmail.language


def _(message: str, **values: object) -> str:
    """The message in the reader's language."""
    return str(_gettext(message, **values))


def ngettext(singular: str, plural: str, num: int, **values: object) -> str:
    return str(_ngettext(singular, plural, num, **values))
