"""The text of a message as a response of its own, for a sandboxed frame.

Walls, each of which holds alone (tests/browser/test_hostile_mail.py tries them one by one):

1. the sanitiser (``webmail.contents.sanitize``), or escaping for plain text (``webmail.contents.plain_text``);
2. the header policy of this response: no scripts, no frames, no forms, no connection but to pictures of this very
   message, or, when the reader asked, to pictures anywhere;
3. ``sandbox`` without ``allow-scripts``, in the header and on the frame, so that nothing in here can run, whatever
   the first two missed.

``allow-same-origin`` is there so that the page round the frame can measure its height.  It gives the content nothing
while scripts are off; a frame of its own scroll bars in every message of a conversation would be the alternative.
Links open in a new tab, without opener and without referrer.

Standards: CSP Level 3 §6.3 (sandbox), HTML §7.1.5; RFC 2392 (cid:).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from html import escape
from urllib.parse import unquote

from flask import Blueprint, Response, abort, make_response, request

from mailserver.message.headers import find_field
from mailserver.message.media import parameter, parse_media_type
from mailserver.message.structure import decode_parts
from mailserver.message.text import body_text
from mailserver.store import reading as store_reading
from webmail import pages
from webmail.assets import asset
from webmail.contents.body_parts import MAX_PART, Layout, lay_out
from webmail.contents.heads import read_head
from webmail.contents.plain_text import text_to_html
from webmail.contents.sanitize import CleanHtml, clean_message
from webmail.formatting import full_time
from webmail.languages import _
from webmail.reading import listing
from webmail.services import services

blueprint = Blueprint("message_body", __name__)

SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"


@dataclass(frozen=True, slots=True)
class Body:
    """A message as it is shown: what stands in the document, cleaned, and its sheets of style."""

    out: list[str]
    styles: list[str]
    is_paper: bool
    layout: Layout
    header: bytes
    moment: int


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/body")
def show(mailbox_id: int, uid: int) -> Response:
    show_remote = request.args.get("pictures") == "1"
    body = _body(mailbox_id, uid, show_remote=show_remote)
    here = f"/mail/{mailbox_id}/{uid}"
    return frame(body.out, body.styles, here, show_remote=show_remote, paper=body.is_paper)


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/print")
def to_print(mailbox_id: int, uid: int) -> Response:
    """For paper: who, to whom and when above the text, in a document that is as shut in as the text alone."""
    show_remote = request.args.get("pictures") == "1"
    body = _body(mailbox_id, uid, show_remote=show_remote)
    out = [_printed_head(body), *body.out]
    return frame(out, body.styles, f"/mail/{mailbox_id}/{uid}", show_remote=show_remote, paper=True)


def _printed_head(body: Body) -> str:
    head = read_head(body.header)
    lines = [
        (_("From"), head.author.full),
        (_("To"), ", ".join(person.full for person in head.to)),
        (_("Cc"), ", ".join(person.full for person in head.cc)),
        (_("Date"), full_time(body.moment)),
        (_("Attachments"), ", ".join(each.name for each in body.layout.attachments if not each.inline)),
    ]
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in lines if text)
    subject = head.subject or _("(no subject)")
    return f'<header class="printed"><h1>{escape(subject)}</h1><dl>{rows}</dl></header>'


def _body(mailbox_id: int, uid: int, *, show_remote: bool) -> Body:
    columns = ("message_id", "parts", "header_size", "sent_at", "internal_date")
    with services().store.read() as conn:
        listing.own_mailbox(conn, mailbox_id)
        row = next(store_reading.fetch(conn, mailbox_id, [(uid, uid)], columns), None)
        if row is None:
            abort(404)
        root = decode_parts(row.parts)
        layout = lay_out(root)
        read = partial(services().store.octets, conn, row.message_id)
        header = read(0, row.header_size)
        texts = [(part, read(part.body_start, min(part.end, part.body_start + MAX_PART))) for part in layout.shown]
        headers = {
            id(part): read(part.header_start, part.body_start)
            for part in layout.shown
            if part.media_type == "text/plain"
        }
    here = f"/mail/{mailbox_id}/{uid}"
    out: list[str] = []
    styles: list[str] = []
    for part, octets in texts:
        text = body_text(part, octets)
        if part.media_type == "text/html":
            clean = _clean(text, layout, here, show_remote)
            out.append(f'<div class="html">{clean.html}</div>')
            styles.append(clean.styles)
            if clean.truncated:
                out.append(f'<p class="note">{escape(_("The message is very long; its end is not shown here."))}</p>')
        else:
            flowed, delete_space = _format(headers[id(part)])
            out.append(text_to_html(text, flowed=flowed, delete_space=delete_space))
    if not out:
        out.append(f'<p class="note">{escape(_("This message has no text."))}</p>')
    only_text = all(part.media_type == "text/plain" for part in layout.shown)
    return Body(out, styles, not only_text, layout, header, row.sent_at or row.internal_date)


def _clean(text: str, layout: Layout, here: str, show_remote: bool) -> CleanHtml:
    def inline_image(content_id: str) -> str | None:
        index = layout.inline.get(unquote(content_id).strip().strip("<>"))
        return None if index is None else f"{here}/part/{index}/inline"

    return clean_message(text, inline_image=inline_image, show_remote=show_remote)


def frame(out: list[str], styles: list[str], here: str, *, show_remote: bool, paper: bool) -> Response:
    """``paper``: HTML mail is written for white paper; plain text follows the reader's light or dark theme."""
    sheet = "\n".join(styles)
    document = (
        f'<!doctype html><html lang="" class="{"paper" if paper else "theme-" + pages.theme()}"><head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{escape(asset("message.css"))}">'
        f"<style>{sheet}</style><title></title></head><body>{''.join(out)}</body></html>"
    )
    response = make_response(document)
    response.headers["Content-Security-Policy"] = policy(here, show_remote=show_remote)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def policy(here: str, *, show_remote: bool) -> str:
    origin = request.host_url.rstrip("/")
    pictures = f"data: {origin}{here}/part/" + (" https: http:" if show_remote else "")
    return "; ".join(
        (
            f"sandbox {SANDBOX}",
            "default-src 'none'",
            "script-src 'none'",
            f"style-src {origin}{asset('message.css')} 'unsafe-inline'",
            f"img-src {pictures}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        )
    )


def _format(header: bytes) -> tuple[bool, bool]:
    """RFC 3676: is the text flowed, and with DelSp?"""
    _, parameters = parse_media_type(find_field(header, "content-type"), "text/plain")
    flowed = parameter(parameters, "format").lower() == "flowed"
    return flowed, parameter(parameters, "delsp").lower() == "yes"
