"""The webmail: CityMail's mail in a browser.

``create_app`` puts it together from one module for each topic.  Every page and every part of a page is rendered
here; the small script layer in ``static/`` only asks for parts again and adds keys, completion and live news.
Forms work without it: POST, redirect, GET.  No GET changes anything.

It uses ``mailserver.store`` directly and sends through ``mailserver.delivery.submission.submit`` alone.
"""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter, ValidationError

from webmail import assets, errors, events, formatting, help_pages, languages, pages, security_headers
from webmail.account import absence, app_passwords, approvals, custody, identities, login, openings, settings, two_steps
from webmail.cookies import ServerSideSessions
from webmail.published import mta_sts, pki
from webmail.reading import (
    actions,
    attachments,
    exporting,
    handling,
    importing,
    labels,
    listing,
    mailboxes,
    message_body,
    opened,
    pictures,
    previews,
    recovering,
    saved_searches,
    search,
    search_form,
    snoozing,
)
from webmail.services import EXTENSION, WebmailServices
from webmail.smime import choices, details, own_keys, unlocking
from webmail.templating import Environment
from webmail.writing import (
    composing,
    contacts,
    inline_pictures,
    left_over,
    links,
    people,
    picker,
    postponed,
    remarks,
    signing_elsewhere,
    templates,
    versions,
)

__all__ = ["WebmailServices", "create_app"]

FORM_OVERHEAD = 2 * 1024 * 1024


class StoredNumber(IntegerConverter):
    """A number in an address; one that no database could hold names nothing."""

    def to_python(self, value: str) -> int:
        if len(value) > 18:
            raise ValidationError
        return int(super().to_python(value))


def create_app(services: WebmailServices) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.jinja_environment = Environment  # type: ignore[assignment]  # which is one of Flask's
    app.extensions[EXTENSION] = services
    app.session_interface = ServerSideSessions()
    app.url_map.converters["int"] = StoredNumber
    app.config.update(
        SECRET_KEY=services.secret_key,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a letter may take an afternoon
        WTF_CSRF_SSL_STRICT=False,  # Origin and Sec-Fetch-Site are checked instead of the Referer
        MAX_CONTENT_LENGTH=services.config.smtp.max_message_size + FORM_OVERHEAD,
        MAX_FORM_MEMORY_SIZE=4 * 1024 * 1024,
        MAX_FORM_PARTS=2000,
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    for topic in (links, left_over, security_headers, languages, formatting, login, absence, custody, errors, pages):
        topic.init_app(app)
    for topic in (
        assets, login, mailboxes, listing, opened, message_body, attachments, composing, actions, search, people,
        search_form, saved_searches, pictures, previews, snoozing, handling, exporting, importing,
        events, recovering, picker, remarks, templates, contacts, postponed, settings, identities, labels, two_steps,
        absence, app_passwords, approvals, openings, mta_sts,
        choices, details, unlocking, own_keys, help_pages, links, versions, inline_pictures, left_over,
        signing_elsewhere,
    ):  # fmt: skip
        app.register_blueprint(topic.blueprint)
    pki.init_app(app, services)
    return app
