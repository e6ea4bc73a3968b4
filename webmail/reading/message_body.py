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
from functools import cache
from html import escape
from urllib.parse import unquote

from flask import Blueprint, Response, abort, make_response, request

from mailserver.message.headers import find_field
from mailserver.message.media import parameter, parse_media_type
from mailserver.message.structure import Part
from mailserver.message.text import body_text
from mailserver.store import reading as store_reading
from security.cms import without_legacy_display
from webmail import pages
from webmail.assets import FOLDER, built
from webmail.contents.body_parts import MAX_PART, Layout
from webmail.contents.heads import read_head
from webmail.contents.plain_text import text_to_html
from webmail.contents.sanitize import CleanHtml, clean_message
from webmail.formatting import full_time
from webmail.languages import _, choose
from webmail.reading import listing, pictures
from webmail.services import services
from webmail.smime.contents import COLUMNS, Contents, contents_of
from webmail.smime.words import Saying, sayings

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
    is_remote: bool  # pictures from elsewhere may be asked for
    sayings: list[Saying]


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/body")
def show(mailbox_id: int, uid: int) -> Response:
    """``signed``: 1 for what was signed alone, 0 for all else, where the reading page shows them apart."""
    body = _body(mailbox_id, uid, show_remote=request.args.get("pictures") == "1", signed=request.args.get("signed"))
    here = _here(mailbox_id, uid)
    return frame(_title(body), body.out, body.styles, here, show_remote=body.is_remote, paper=body.is_paper)


@blueprint.get("/mail/<int:mailbox_id>/<int:uid>/print")
def to_print(mailbox_id: int, uid: int) -> Response:
    """For paper: who, to whom and when above the text, in a document that is as shut in as the text alone."""
    body = _body(mailbox_id, uid, show_remote=request.args.get("pictures") == "1")
    out = [_printed_head(body), "<main>", *body.out, "</main>"]
    return frame(_title(body), out, body.styles, _here(mailbox_id, uid), show_remote=body.is_remote, paper=True)


def _here(mailbox_id: int, uid: int) -> str:
    return f"/mail/{mailbox_id}/{uid}"


def _title(body: Body) -> str:
    return read_head(body.header).subject or _("(no subject)")


def _printed_head(body: Body) -> str:
    head = read_head(body.header)
    lines = [
        (_("From"), head.author.full),
        (_("To"), ", ".join(person.full for person in head.to)),
        (_("Cc"), ", ".join(person.full for person in head.cc)),
        (_("Date"), full_time(body.moment)),
        (_("Attachments"), ", ".join(each.name for each in body.layout.attachments if not each.inline)),
        *((_("Checked"), f"{each.title}. {each.reason}") for each in body.sayings),
    ]
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in lines if text)
    return f'<header class="printed"><h1>{escape(_title(body))}</h1><dl>{rows}</dl></header>'


def _body(mailbox_id: int, uid: int, *, show_remote: bool, signed: str | None = None) -> Body:
    with services().store.read() as conn:
        listing.own_mailbox(conn, mailbox_id)
        row = next(store_reading.fetch(conn, mailbox_id, [(uid, uid)], (*COLUMNS, "sent_at")), None)
        if row is None:
            abort(404)
        contents = contents_of(conn, row)
        layout = contents.layout
        shown = [part for part in layout.shown if signed is None or contents.is_signed(part) == (signed == "1")]
        texts = [(part, _text(contents, part)) for part in shown]
        headers = {
            id(part): contents.read(part.header_start, part.body_start)
            for part in shown
            if part.media_type == "text/plain"
        }
    here = _here(mailbox_id, uid)
    # what was encrypted never asks anybody for anything (RFC 8551 §6)
    show_remote = show_remote and pictures.are_possible() and not contents.is_encrypted
    out: list[str] = []
    styles: list[str] = []
    for part, text in texts:
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
        is_closed = contents.opened is not None and contents.opened.is_locked
        text = _("This message is encrypted.") if is_closed else _("This message has no text.")
        out.append(f'<p class="note">{escape(text)}</p>')
    only_text = all(part.media_type == "text/plain" for part in shown)
    moment = row.sent_at or row.internal_date
    return Body(out, styles, not only_text, layout, contents.header, moment, show_remote, sayings(contents))


def _text(contents: Contents, part: Part) -> str:
    text = body_text(part, contents.read(part.body_start, min(part.end, part.body_start + MAX_PART)))
    if contents.opened is None or contents.opened.header is None:
        return text
    header = contents.read(part.header_start, part.body_start)
    _, parameters = parse_media_type(find_field(header, "content-type"), "text/plain")
    if parameter(parameters, "hp-legacy-display") != "1":
        return text
    return without_legacy_display(text, is_html=part.media_type == "text/html")


def _clean(text: str, layout: Layout, here: str, show_remote: bool) -> CleanHtml:
    def inline_image(content_id: str) -> str | None:
        index = layout.inline.get(unquote(content_id).strip().strip("<>"))
        return None if index is None else f"{here}/part/{index}/inline"

    remote_image = pictures.address_of() if show_remote else None
    return clean_message(text, inline_image=inline_image, remote_image=remote_image)


def frame(title: str, out: list[str], styles: list[str], here: str, *, show_remote: bool, paper: bool) -> Response:
    """``paper``: HTML mail is written for white paper; plain text follows the reader's light or dark theme.

    In which language others wrote is not known: it is read out in the reader's.
    """
    kind = "paper" if paper else f"theme-{pages.theme()}"
    sheet = "\n".join([_own_style(), *styles])
    document = (
        f'<!doctype html><html lang="{choose()}" class="{kind}"><head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{sheet}</style><title>{escape(title)}</title></head><body>{''.join(out)}</body></html>"
    )
    response = make_response(document)
    response.headers["Content-Security-Policy"] = policy(here, show_remote=show_remote)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@cache
def _own_style() -> str:
    """Within the document: what a frame has to ask for first is a frame that shows nothing meanwhile."""
    return (FOLDER / built()["message.css"]).read_text(encoding="utf-8").strip()


@blueprint.app_template_global("sandbox")
def sandbox() -> str:
    """Of the frames for such documents."""
    return SANDBOX


def policy(here: str, *, show_remote: bool) -> str:
    origin = request.host_url.rstrip("/")
    shown = f"data: {origin}{here}/part/" + (f" {origin}{pictures.PATH}" if show_remote else "")
    return "; ".join(
        (
            f"sandbox {SANDBOX}",
            "default-src 'none'",
            "script-src 'none'",
            "style-src 'unsafe-inline'",
            f"img-src {shown}",
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
