"""Attachments looked at in place: pictures, text, web pages, and what PDF and office documents say.

A preview is a page of ours with a frame, and in the frame a response of its own under the same header policy and
sandbox as the text of a message (``webmail.reading.message_body``): no script of a stranger's runs, and nothing is
asked of anybody.

PDF is shown as its text: browsers give their PDF viewer to no sandboxed frame, and outside of one a stranger's file
would be a document of this very site.  Its text, and that of office documents, is taken out by the index's reader, and
pictures are drawn anew, in a process of its own under limits (``mailserver.message.attachments.child``).

Standards: CSP Level 3 §6.3 (sandbox).
Limits: ``LARGEST`` octets; ``SHOWN`` characters; those of ``mailserver.message.attachments.readers``.
"""

from __future__ import annotations

from html import escape

from flask import Blueprint, Response

from mailserver.message import charsets
from mailserver.message.attachments.text import FILE_LIMIT, kind_of
from mailserver.message.structure import Part
from mailserver.message.text import TEXT_LIMIT
from webmail import pages
from webmail.contents.body_parts import Attachment, part_name
from webmail.contents.plain_text import text_to_html
from webmail.contents.sanitize import clean_message
from webmail.languages import _
from webmail.pages import Answer
from webmail.reading import listing, message_body
from webmail.reading.attachments import load_part
from webmail.services import services

blueprint = Blueprint("previews", __name__)

LARGEST = FILE_LIMIT
SHOWN = 500_000
_NARROW = "(max-width: 900px)"  # where a large picture is but octets to load
_PICTURES = frozenset({"png", "jpg", "jpeg", "gif", "webp", "bmp", "avif"})
_TEXTS = frozenset({"txt", "csv", "tsv", "log", "md", "json", "xml", "yml", "yaml", "ini", "ics", "vcf", "eml"})


@blueprint.app_template_test("previewed")
def is_previewed(attachment: Attachment) -> bool:
    """Whether a preview is worth a try; what comes of it, the octets decide."""
    part = attachment.part
    return attachment.size <= LARGEST and (
        _looks_like(part, "image/", _PICTURES) or _is_text(part) or bool(kind_of(part))
    )


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/part/<int:index>/view")
def show(mailbox_id: int, uid: int, index: int) -> Answer:
    """The page round the frame."""
    _contents, part, octets = load_part(mailbox_id, uid, index)
    with services().store.read() as conn:
        side = pages.sidebar(conn)
        mailbox = listing.own_mailbox(conn, mailbox_id)
    return pages.render(
        "preview.html",
        part_name(part),
        sidebar=side,
        current=mailbox,
        path=f"/mail/{mailbox_id}/{uid}",
        index=index,
        size=len(octets),
    )


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/part/<int:index>/shown")
def frame(mailbox_id: int, uid: int, index: int) -> Response:
    contents, part, octets = load_part(mailbox_id, uid, index)
    here = f"/mail/{mailbox_id}/{uid}"
    out, styles, paper = _rendered(part, octets, f"{here}/part/{index}/inline", is_secret=contents.is_encrypted)
    if not out:
        none = _("There is no preview of this file. Download it to look at it.")
        out = [f'<p class="note">{escape(none)}</p>']
    return message_body.frame(part_name(part), out, styles, here, show_remote=False, paper=paper)


def _rendered(part: Part, octets: bytes, picture: str, *, is_secret: bool) -> tuple[list[str], list[str], bool]:
    """What stands in the frame, its sheets of style, and whether it is for white paper; nothing without a preview."""
    if len(octets) > LARGEST:
        return [], [], False
    if services().attachments.picture(octets, is_secret=is_secret):
        small = f'<source media="{_NARROW}" srcset="{escape(picture)}">'
        large = f'<img src="{escape(picture)}?large=1" alt="{escape(part_name(part))}">'
        return [f"<picture>{small}{large}</picture>"], [], False
    if part.media_type == "text/html":
        clean = clean_message(charsets.decode(octets[:TEXT_LIMIT], part.charset), inline_image=lambda _cid: None)
        return [f'<div class="html">{clean.html}</div>'], [clean.styles], True
    text = _text(part, octets)
    if not text.strip():
        return [], [], False
    cut = escape(_("The file is very long; its end is not shown here."))
    return [text_to_html(text[:SHOWN]), f'<p class="note">{cut}</p>' if len(text) > SHOWN else ""], [], False


def _text(part: Part, octets: bytes) -> str:
    kind = kind_of(part)
    if kind is None:
        return charsets.decode(octets[:TEXT_LIMIT], part.charset) if _is_text(part) else ""
    return services().attachments.text(kind, octets)


def _is_text(part: Part) -> bool:
    return _looks_like(part, "text/", _TEXTS)


def _looks_like(part: Part, kind: str, endings: frozenset[str]) -> bool:
    ending = part.filename.lower().rpartition(".")[2]
    return part.media_type.startswith(kind) or (part.media_type == "application/octet-stream" and ending in endings)
