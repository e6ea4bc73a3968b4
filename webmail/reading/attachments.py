"""Attachments out: as downloads, or, for a few kinds of picture, to look at in place.

A stranger's file never gets to decide how a browser treats it: only raster pictures are given inline, and those drawn
anew (``mailserver.message.attachments.drawing``), so that no octet of the file itself is among what is shown;
everything else is a download of an inert type, octet for octet.  Both carry nosniff and a policy that forbids
everything and sandboxes.

Standards: RFC 6266 (Content-Disposition), RFC 8187; RFC 2183.
"""

from __future__ import annotations

import io
import re
import zipfile
from urllib.parse import quote

from flask import Blueprint, Response, abort, make_response, request

from mailserver.message.attachments.readers import LARGE_SIDE, SIDE
from mailserver.message.pictures import picture_type
from mailserver.message.structure import Part
from mailserver.store import reading as store_reading
from webmail.contents.body_parts import decoded, part_by_index, part_name
from webmail.reading import listing
from webmail.services import services
from webmail.smime.contents import COLUMNS, Contents, contents_of

blueprint = Blueprint("attachments", __name__)

POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"


_LOOKED_INTO = re.compile(r"/mail/\d+/\d+/part/\d+/(?:inline|shown)|/compose/picture/.*")


def is_looked_into(path: str) -> bool:
    """Whether the answer waits until a stranger's file was looked into."""
    return _LOOKED_INTO.fullmatch(path) is not None


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/part/<int:index>")
def download(mailbox_id: int, uid: int, index: int) -> Response:
    _, part, octets = load_part(mailbox_id, uid, index)
    return as_download(octets, part_name(part), part.media_type)


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/part/<int:index>/inline")
def inline(mailbox_id: int, uid: int, index: int) -> Response:
    """``large``: 1 to look closer."""
    side = LARGE_SIDE if request.args.get("large") == "1" else SIDE
    return as_picture(*load_part(mailbox_id, uid, index), side)


def as_picture(contents: Contents, part: Part, octets: bytes, side: int = SIDE) -> Response:
    """To look at in place, if that is what the octets are; else a download."""
    drawn = services().attachments.picture(octets, side, is_secret=contents.is_encrypted)
    kind = picture_type(drawn)
    if kind is None:
        return as_download(octets, part_name(part), part.media_type)
    name = f"{part_name(part).rpartition('.')[0] or 'picture'}.{kind.removeprefix('image/')}"
    response = _guarded(drawn, kind, "inline", name)
    if not contents.is_encrypted:
        response.headers["Cache-Control"] = "private, max-age=3600"
    return response


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/attachments.zip")
def all_in_one(mailbox_id: int, uid: int) -> Response:
    """Everything that hangs on a message, packed; names that are there twice get a number."""
    with services().store.read() as conn:
        listing.own_mailbox(conn, mailbox_id)
        row = next(store_reading.fetch(conn, mailbox_id, [(uid, uid)], (*COLUMNS, "subject")), None)
        if row is None:
            abort(404)
        contents = contents_of(conn, row)
        hanging = [each for each in contents.layout.attachments if not each.inline]
        packed = io.BytesIO()
        taken: set[str] = set()
        # Stored, not deflated: nearly all that people attach is packed already.
        with zipfile.ZipFile(packed, "w") as archive:
            for each in hanging:
                octets = decoded(each.part, contents.read(each.part.body_start, each.part.end))
                archive.writestr(_free_name(each.name, taken), octets)
    if not hanging:
        abort(404)
    return as_download(packed.getvalue(), f"{file_name(row.subject)}.zip", "application/zip")


def _free_name(name: str, taken: set[str]) -> str:
    """A name for a file in an archive: no path, and none that is there already."""
    name = name.replace("\\", "/").rpartition("/")[2].lstrip(".") or "file"
    stem, dot, ending = name.rpartition(".") if "." in name else (name, "", "")
    found, count = name, 1
    while found.lower() in taken:
        count += 1
        found = f"{stem} ({count}){dot}{ending}"
    taken.add(found.lower())
    return found


def file_name(subject: str) -> str:
    return "".join(c for c in subject if c.isalnum() or c in " -_.,()").strip()[:80] or "message"


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/original")
def original(mailbox_id: int, uid: int) -> Response:
    """The whole message as it was received: to keep, or to show to whoever looks after the mail system."""
    with services().store.read() as conn:
        listing.own_mailbox(conn, mailbox_id)
        row = next(store_reading.fetch(conn, mailbox_id, [(uid, uid)], ("message_id", "subject")), None)
        if row is None:
            abort(404)
        octets = services().store.octets(conn, row.message_id)
    if request.args.get("view") == "1":
        return _guarded(octets[:500_000], "text/plain; charset=utf-8", "inline", "message.txt")
    return as_download(octets, f"{file_name(row.subject)}.eml", "message/rfc822")


def load_part(mailbox_id: int, uid: int, index: int) -> tuple[Contents, Part, bytes]:
    with services().store.read() as conn:
        listing.own_mailbox(conn, mailbox_id)
        row = next(store_reading.fetch(conn, mailbox_id, [(uid, uid)], COLUMNS), None)
        if row is None:
            abort(404)
        contents = contents_of(conn, row)
        part = part_by_index(contents.root, index)
        if part is None:
            abort(404)
        octets = contents.read(part.body_start, part.end)
    return contents, part, decoded(part, octets)


def as_download(octets: bytes, name: str, media_type: str) -> Response:
    # A type that a browser would open by itself is not named; the name's ending tells programs what it is.
    harmless = not media_type.startswith(("text/", "image/svg", "application/xhtml", "application/xml", "multipart/"))
    kind = media_type if harmless and media_type.isascii() else "application/octet-stream"
    return _guarded(octets, kind, "attachment", name)


def _guarded(octets: bytes, kind: str, disposition: str, name: str) -> Response:
    response = make_response(octets)
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_. ()") else "_" for c in name)
    headers = response.headers
    headers["Content-Type"] = kind
    headers["Content-Disposition"] = f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    headers["Content-Security-Policy"] = POLICY
    headers["Cache-Control"] = "private, no-store"
    return response
