"""Pictures that stand in the text of a letter being written.

In the letter, in its draft and on its way each is a part of the message, called by its Content-ID (``cid:``).  In the
editor, which knows addresses only, it is called by an address of ours that ends in the same Content-ID; what comes
before it says where the octets lie meanwhile: in the draft, or in the message that is forwarded.

A picture that was taken out of the text stays with the draft as long as there is room, so that undoing finds it again;
it is left out when the letter goes.

Standards: RFC 2392 (cid:), RFC 2387 (multipart/related).
Limits: PNG, JPEG, GIF and WebP, by their octets; never SVG.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import replace
from hashlib import blake2b
from html import unescape
from urllib.parse import quote, unquote

from flask import Blueprint, Response, abort
from werkzeug.datastructures import FileStorage

from mailserver.message.pictures import picture_type
from mailserver.store import mailboxes as store_mailboxes
from mailserver.store import reading as store_reading
from webmail.account.login import account
from webmail.contents.body_parts import Layout, decoded, part_by_index
from webmail.contents.composed import Picture
from webmail.contents.metadata import without_metadata
from webmail.reading.attachments import as_picture, load_part
from webmail.services import services
from webmail.smime.contents import COLUMNS, contents_of
from webmail.writing.enclosures import Enclosure, uploaded

blueprint = Blueprint("inline_pictures", __name__)

PATH = "/compose/picture"
KINDS = ("image/png", "image/jpeg", "image/gif", "image/webp")  # what mail programs show

_REFERENCE = re.compile(r' src="cid:([^"]+)"')


def received(upload: FileStorage) -> Enclosure | None:
    """A picture that was pasted, dropped or chosen, without what a camera writes beside it; None for what not every
    mail program shows.
    """
    enclosure = uploaded(upload)
    kind = picture_type(enclosure.octets)
    if kind is None or kind not in KINDS:
        return None
    try:
        octets = without_metadata(kind, enclosure.octets)
    except ValueError:
        return None
    content_id = _content_id(secrets.token_hex(12))
    return replace(enclosure, media_type=kind, octets=octets, size=len(octets), content_id=content_id)


def carried_id(source: str) -> str:
    """What a picture of another message is called in this one: always the same, and never what strangers chose."""
    return _content_id(blake2b(source.encode(), digest_size=12).hexdigest())


def _content_id(token: str) -> str:
    return f"{token}@{services().config.city.hostname}"


def named_in(address: str) -> str:
    """The Content-ID that an address of a picture ends in, be it the letter's or the editor's; else nothing."""
    if address[:4].lower() == "cid:":
        return unquote(address[4:])
    path = address.partition("?")[0].split("/")
    return unquote(path[4]) if len(path) == 5 and address.startswith(f"{PATH}/") else ""


def as_kept(address: str) -> str | None:
    """How the letter calls a picture."""
    content_id = named_in(address)
    return f"cid:{quote(content_id, safe='@')}" if content_id else None


def as_kept_among(content_ids: Collection[str]) -> Picture:
    return lambda address: as_kept(address) if named_in(address) in content_ids else None


def as_edited(enclosures: Collection[Enclosure], draft: int) -> Picture:
    """How the editor calls a picture."""
    sources = {each.content_id: each.source or str(draft) for each in enclosures if each.content_id}

    def address_of(address: str) -> str | None:
        content_id = named_in(address)
        return f"{PATH}/{sources[content_id]}/{quote(content_id, safe='@')}" if content_id in sources else None

    return address_of


def as_carried(layout: Layout, key: str) -> Picture:
    """How a letter calls the pictures that stand in the text of the message named ``key``."""
    sources = {
        each.content_id: carried_id(f"{key}:{each.index}")
        for each in layout.attachments
        if each.inline and each.media_type in KINDS
    }
    sources |= {carried: carried for carried in sources.values()}

    def carried(address: str) -> str | None:
        return as_kept(f"cid:{sources.get(named_in(address), '')}")

    return carried


def used_in(html: str) -> set[str]:
    """The Content-IDs that a kept letter refers to."""
    return {unquote(unescape(each)) for each in _REFERENCE.findall(html)}


@blueprint.get(f"{PATH}/<source>/<content_id>")
def show(source: str, content_id: str) -> Response:
    """``source``: the UID of a draft, or mailbox:uid:index."""
    if source.isdecimal() and len(source) < 19:
        return _of_draft(int(source), content_id)
    numbers = source.split(":")
    if len(numbers) != 3 or not all(each.isdecimal() and len(each) < 19 for each in numbers):
        abort(404)
    return as_picture(*load_part(*map(int, numbers)))


def _of_draft(uid: int, content_id: str) -> Response:
    with services().store.read() as conn:
        drafts = store_mailboxes.special_mailbox(conn, account().id, "\\Drafts")
        row = next(store_reading.fetch(conn, drafts.id, [(uid, uid)], COLUMNS), None) if drafts is not None else None
        if row is None:
            abort(404)
        contents = contents_of(conn, row)
        index = contents.layout.inline.get(content_id)
        part = part_by_index(contents.root, index) if index is not None else None
        if part is None:
            abort(404)
        octets = decoded(part, contents.read(part.body_start, part.end))
    return as_picture(contents, part, octets)
