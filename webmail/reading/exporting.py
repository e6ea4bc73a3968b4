"""Taking mail along: what was chosen as one mbox file, or as a zip archive of messages.

More than one message is asked for with a proof: whoever finds an open browser shall not carry a mailbox away, nor page
by page.  Every export is on record.  What is encrypted stays so.

Standards: RFC 4155 (``mailserver.message.mbox``).
Limits: ``search.MOST_FOUND`` messages, ``LARGEST`` octets.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from flask import Blueprint, abort, request
from werkzeug.wsgi import FileWrapper

from directory.record import record
from mailserver.message.mbox import as_mbox
from mailserver.store import reading as store_reading
from mailserver.store.reading import as_ranges
from webmail import pages
from webmail.account.login import account, local_path, person
from webmail.account.proving import ask_first
from webmail.languages import _, ngettext
from webmail.pages import Answer
from webmail.reading import choosing
from webmail.reading.attachments import as_download, file_name
from webmail.reading.choosing import Chosen
from webmail.services import services

blueprint = Blueprint("exporting", __name__)

FORMATS = {"mbox": "application/mbox", "zip": "application/zip"}
LARGEST = 1 << 30
_COLUMNS = ("uid", "message_id", "internal_date", "author_address", "subject", "size")
_AT_A_TIME = 100


@blueprint.post("/export")
def export() -> Answer:
    back = local_path(request.form.get("next", ""))
    kind = request.form.get("format", "mbox")
    if kind not in FORMATS:
        abort(400)
    chosen = choosing.chosen()
    if not chosen.count:
        return pages.refused(_("Choose at least one message first."), back, 400)
    if chosen.count > 1:
        count = ngettext("%(num)s message in one file.", "%(num)s messages in one file.", chosen.count)
        if asked := ask_first(_("Take mail along"), count, back):
            return asked
    with services().store.read() as conn:
        size = sum(row.size for mailbox_id, uids in chosen.places.items()
                   for row in store_reading.fetch(conn, mailbox_id, as_ranges(uids), ("size",)))  # fmt: skip
    if size > LARGEST:
        return pages.refused(_("That is too much for one file. Search for a part of it, a year for example."), back)
    with services().directory.write(origin=request.remote_addr or "") as directory:
        record(directory, person().login, "mailbox.export", account().login, messages=chosen.count, format=kind)
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (the response closes it)
    write = _write_mbox if kind == "mbox" else _write_zip
    write(file, _messages(chosen))
    length = file.tell()
    file.seek(0)
    response = as_download(b"", f"{account().login}.{kind}", FORMATS[kind])
    response.response = FileWrapper(file, 256 * 1024)
    response.content_length = length
    return response


def _messages(chosen: Chosen) -> Iterator[tuple[Any, bytes]]:
    """Row and octets, read a little at a time: no snapshot is open for long."""
    store = services().store
    for mailbox_id, uids in chosen.places.items():
        ordered = sorted(set(uids))
        for start in range(0, len(ordered), _AT_A_TIME):
            some = as_ranges(ordered[start : start + _AT_A_TIME])
            with store.read() as conn:
                rows = list(store_reading.fetch(conn, mailbox_id, some, _COLUMNS))
                yield from ((row, store.octets(conn, row.message_id)) for row in rows)


def _write_mbox(file: IO[bytes], messages: Iterator[tuple[Any, bytes]]) -> None:
    for row, octets in messages:
        file.write(as_mbox(octets, row.author_address, row.internal_date))


def _write_zip(file: IO[bytes], messages: Iterator[tuple[Any, bytes]]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for number, (row, octets) in enumerate(messages, 1):
            packed.writestr(f"{number:05d} {file_name(row.subject)}.eml", octets)
