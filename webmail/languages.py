"""Vietnamese first, English second.

A person's choice is kept with the account; before anybody has signed in, in a cookie; before any choice, the
installation's setting decides.  What the browser asks for decides nothing: this is a Vietnamese city's system.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel.support import NullTranslations, Translations
from flask import Flask, request
from flask_login import current_user
from markupsafe import Markup

from directory.faults import Fault
from webmail.services import services

LANGUAGES = ("vi", "en")
COOKIE = "language"
CATALOGUES = Path(__file__).parent / "translations"


def init_app(app: Flask) -> None:
    # In templates a text of ours is markup, and what is put into it is not.
    app.jinja_env.globals.update(
        language=choose,
        _=lambda message, **values: Markup(_(message)) % values,  # noqa: S704
        ngettext=lambda singular, plural, num, **values: (
            Markup(catalogue(choose()).ngettext(singular, plural, num)) % {"num": num, **values}  # noqa: S704
        ),
    )


@cache
def catalogue(language: str) -> NullTranslations:
    return Translations.load(str(CATALOGUES), [language])


def choose() -> str:
    if current_user and current_user.is_authenticated and current_user.person.language in LANGUAGES:
        return str(current_user.person.language)
    wanted = request.cookies.get(COOKIE, "")
    return wanted if wanted in LANGUAGES else services().config.webmail.language


def _(message: str, **values: object) -> str:
    """The message in the reader's language."""
    text: str = catalogue(choose()).gettext(message)
    return text % values if values else text


def ngettext(singular: str, plural: str, num: int, **values: object) -> str:
    text: str = catalogue(choose()).ngettext(singular, plural, num)
    return text % {"num": num, **values}


def sentence(fault: Fault) -> str:
    """Why the directory refuses, in the reader's language."""
    text = fault.text(choose())
    return text[:1].upper() + text[1:] + "."
