"""Bringing mail in from files: .eml, mbox, or a zip archive of messages, into one mailbox.

A file that was broken off is handed in again: what is here already is passed over (``mailserver.importing.journal``).

Limits: a request's size (``MAX_CONTENT_LENGTH``); more is brought over by an administrator (``citymail mailbox
import``).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from flask import Blueprint, abort, request

from directory.record import record
from mailserver.importing.files import FilesSource
from mailserver.importing.importer import Importer, Report
from mailserver.refusals import OverQuota
from webmail import pages
from webmail.account.login import account, may_send, person
from webmail.errors import refusal_text
from webmail.languages import _, ngettext
from webmail.pages import Answer
from webmail.reading.listing import find_own_mailbox
from webmail.services import services

blueprint = Blueprint("importing", __name__)

HERE = "/import"
MOST_FILES = 200


@blueprint.get(HERE)
def show() -> Answer:
    return _page(None)


@blueprint.post(HERE)
def bring() -> Answer:
    if not may_send():  # who may only read a mailbox puts nothing into it either
        return pages.refused(_("You may read this mailbox, but not change it."), HERE)
    with services().store.read() as conn:
        mailbox = find_own_mailbox(conn, request.form.get("mailbox", 0, type=int))
    if mailbox is None:
        abort(404)
    given = [each for each in request.files.getlist("files") if each.filename][:MOST_FILES]
    if not given:
        return pages.refused(_("Choose at least one file first."), HERE, 400)
    owner = account()
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, each in enumerate(given):
            path = Path(folder) / str(number)
            each.save(path)
            files.append((each.filename or "", path))
        source = FilesSource(files, mailbox.name, largest=services().config.smtp.max_message_size)
        report = Importer(services().store, owner.id, quota=owner.quota_bytes).run(source)
    with services().directory.write(origin=request.remote_addr or "") as directory:
        record(directory, person().login, "mailbox.import", owner.login, messages=report.brought)
    return _page(report)


def _in_words(reason: str) -> str:
    """The commonest reasons in the reader's language."""
    known = {
        "it is no message": _("it is no message"),
        "the message is too large": _("the message is too large"),
        "the message is empty": _("the message is empty"),
        OverQuota().client_text: refusal_text(OverQuota()),
    }
    return known.get(reason, reason)


def _page(report: Report | None) -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    count = report.brought if report else 0
    return pages.render(
        "import.html",
        _("Bring mail in"),
        sidebar=side,
        current=None,
        report=report,
        brought=ngettext("%(num)s message is here now.", "%(num)s messages are here now.", count),
        in_words=_in_words,
        most=services().config.smtp.max_message_size,
    )
