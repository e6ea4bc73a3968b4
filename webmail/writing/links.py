"""Files too large for a letter: kept here, and fetched by whoever has the link that the letter gets instead.

A letter waits as a draft while its file comes in.  A link is a secret that may be passed on: it ends at its time, by
its owner's hand, or with his account; that the letter is taken back does not end it.  An encrypted letter takes none,
for the file lies here as it is.  Where it has a password, that is asked for, which the letter does not tell.

Standards: RFC 9110 §9.2.1 (a GET changes nothing but how often it was asked for), §13.1.2, §13.1.5, §14.2 (a download
that was broken off goes on); RFC 6266.
Limits: ``[webmail] link_size`` and ``link_days``; ``store.links.MOST`` of an account.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from html import escape
from typing import IO, Any

from flask import Blueprint, Flask, Response, abort, make_response, render_template, request, session
from werkzeug.datastructures import FileStorage
from werkzeug.wsgi import wrap_file

from directory.mail.accounts import find_account
from directory.record import record
from mailserver.delivery import linked_files
from mailserver.refusals import LimitReached, NotPermitted, OverQuota, Refusal, TooLarge, TryLater, Unwanted
from mailserver.store import links
from mailserver.store.links import Link
from security.passwords import MAX_PASSWORD
from webmail import pages
from webmail.account.login import account, may_send, person
from webmail.errors import refusal_text
from webmail.formatting import full_time, readable_size
from webmail.languages import _
from webmail.pages import Answer
from webmail.reading.attachments import as_download
from webmail.services import services
from webmail.writing import letters
from webmail.writing.enclosures import file_name
from webmail.writing.letters import Letter

blueprint = Blueprint("links", __name__)

PATH = "/links"
PATIENCE = 60
_FORM_OVERHEAD = 2 * 1024 * 1024
_PIECE = 256 * 1024
_OPENED = "files"  # in the cookie: links whose password this browser knew
_MOST_OPENED = 5
# Passwords tried for one link from one address
_TRIES, _TRIES_A_SECOND = 10, 0.05


def init_app(app: Flask) -> None:
    app.before_request(_take_more)


def _take_more() -> None:
    """Before anything reads the form."""
    if request.path == PATH:
        request.max_content_length = services().config.webmail.link_size + _FORM_OVERHEAD


@blueprint.app_template_global("links_are_offered")
def are_offered() -> bool:
    return services().config.webmail.link_size > 0


@blueprint.get(PATH)
def show() -> Answer:
    return _page(request.args.get("draft", 0, type=int))


@blueprint.post(PATH)
def change() -> Answer:
    if not may_send():
        return pages.refused(_("You may read this mailbox, but not change it."), PATH)
    if link := request.form.get("end"):
        owner = account().id
        if services().store.write(lambda tx: links.end(tx, owner, link)).result(PATIENCE):
            _record("link.end")
        return pages.done(_("The link has ended."), PATH)
    upload = request.files.get("file")
    draft = request.form.get("draft", 0, type=int)
    with services().store.read() as conn:
        letter = letters.load(conn, draft)
    if letter is None:
        abort(404)
    if letter.encrypt or letter.secret:
        return _page(draft, _("This letter is to be encrypted. A file behind a link would not be."), 422)
    if upload is None or not upload.filename:
        return _page(draft, _("Choose at least one file first."), 422)
    password = request.form.get("password", "")
    if password and not linked_files.SHORTEST_PASSWORD <= len(password) <= MAX_PASSWORD:
        least = linked_files.SHORTEST_PASSWORD
        return _page(draft, _("A password of a file has at least %(count)s characters.", count=least), 422)
    try:
        saved = letters.save(_with_link(letter, upload, password))
    except (LimitReached, NotPermitted, OverQuota, TooLarge, TryLater, Unwanted) as refusal:
        return _page(draft, _why(refusal), 409)
    return pages.see_other(f"/compose/{saved.uid}")


def _with_link(letter: Letter, upload: FileStorage, password: str) -> Letter:
    """Keep the file, and put its link below what was written.  Raises Refusal."""
    name = file_name(upload.filename or "")
    client = request.remote_addr or ""
    made = linked_files.take_in(services().office, account(), client, name, upload.stream, password)
    _record("link.make", size=made.size, with_password=bool(password))
    until = full_time(made.expires_at)
    address = f"{request.url_root}files/{made.token}"
    told = _("%(name)s (%(size)s, until %(when)s)", name=name, size=readable_size(made.size), when=until)
    if password:
        told += " " + _("with a password")
    html = f'<p>{escape(told)}:<br><a href="{escape(address)}">{escape(address)}</a></p>'
    return letters.with_paragraph(letter, f"{told}:\n{address}\n", html)


def _record(action: str, **details: int) -> None:
    with services().directory.write(origin=request.remote_addr or "") as directory:
        record(directory, person().login, action, account().login, **details)


def _why(refusal: Refusal) -> str:
    if isinstance(refusal, TooLarge):
        most = readable_size(services().config.webmail.link_size)
        return _("The file is too large: at most %(size)s.", size=most)
    if isinstance(refusal, LimitReached):
        return _("You have too many links. End some of them first.")
    if isinstance(refusal, Unwanted):
        return _("Something harmful was found in the file. It was not taken.")
    return refusal_text(refusal)


def _page(draft: int, fault: str = "", status: int = 200) -> Answer:
    now = int(services().clock())
    with services().store.read() as conn:
        side = pages.sidebar(conn)
        mine = [each for each in links.links_of(conn, account().id) if each.expires_at > now]
    rules = services().config.webmail
    response = pages.render(
        "links.html",
        _("Files sent as links"),
        sidebar=side,
        current=None,
        links=mine,
        draft=draft if rules.link_size else 0,
        fault=fault,
        most=rules.link_size,
        days=rules.link_days,
        shortest=linked_files.SHORTEST_PASSWORD,
    )
    response.status_code = status
    return response


@blueprint.get("/files/<token>")
def download(token: str) -> Answer:
    """For everybody who has the link, and the password: a file to keep, never one to look at in place."""
    link = _found(token)
    if link is None:
        return _ended()
    if link.password_hash and link.id not in session.get(_OPENED, ()):
        return _locked(link)
    response = as_download(b"", link.name, "application/octet-stream")
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the secret
    response.headers["Accept-Ranges"] = "bytes"
    response.set_etag(link.digest.hex())
    if request.method == "HEAD":
        response.content_length = link.size
        return response
    if request.if_none_match.contains(link.digest.hex()):
        response.status_code = 304
        return response
    return _with_octets(response, link)


@blueprint.post("/files/<token>")
def unlock(token: str) -> Answer:
    """The browser keeps for as long as it is open that it knew the password, so that a download can go on."""
    link = _found(token)
    if link is None:
        return _ended()
    tries = replace(services().look_ups, burst=_TRIES, per_second=_TRIES_A_SECOND)
    wait = linked_files.opens(tries, link, request.form.get("password", ""), request.remote_addr or "")
    if wait is None:
        session[_OPENED] = [link.id, *session.get(_OPENED, ())][:_MOST_OPENED]
        return pages.see_other(f"/files/{token}")
    return _locked(link, _("Too many wrong passwords. Please try again later.") if wait else _("Wrong password."))


def _found(token: str) -> Link | None:
    with services().store.read() as conn:
        link = links.find(conn, token[:100], int(services().clock()))
    if link is not None and _is_at_work(link.account_id):
        return link
    if services().look_ups.wait(f"files {request.remote_addr}"):
        abort(429)
    return None


def _locked(link: Link, fault: str = "") -> Answer:
    page = render_template("file_password.html", title=_("File with a password"), link=link, fault=fault)
    response = make_response(page, 403 if fault else 200)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _with_octets(response: Response, link: Link) -> Answer:
    """The file, or the part of it that was asked for; each that begins at the beginning counts."""
    first, after = _wanted(link)
    if first >= after and link.size:
        response.status_code = 416
        response.headers["Content-Range"] = f"bytes */{link.size}"
        return response
    try:
        file = open(services().store.blobs.path(link.digest), "rb")  # noqa: SIM115  (the response closes it)
    except FileNotFoundError:
        return _ended()
    file.seek(first)
    if after - first < link.size:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {first}-{after - 1}/{link.size}"
    response.content_length = after - first
    wanted: Any = file if after == link.size else Portion(file, after - first)
    response.response = wrap_file(request.environ, wanted, _PIECE)
    response.direct_passthrough = True
    if first == 0:
        with contextlib.suppress(Refusal):  # a full disk keeps nobody from reading
            services().store.write(lambda tx: links.count(tx, link.id)).result(PATIENCE)
    return response


def _wanted(link: Link) -> tuple[int, int]:
    """From where to where.  Several ranges, and those of a file that it is not any more, are the whole file
    (RFC 9110 §13.1.5, §14.2).
    """
    asked, known = request.range, request.if_range
    unchanged = "If-Range" not in request.headers or known.etag == link.digest.hex()
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or not unchanged:
        return 0, link.size
    return asked.range_for_length(link.size) or (link.size, link.size)


class Portion(io.RawIOBase):
    """So many octets of a file from where it stands; closing it closes the file."""

    def __init__(self, file: IO[bytes], left: int) -> None:
        self._file = file
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._file.read(min(len(buffer), self._left))
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()


def _is_at_work(account_id: str) -> bool:
    with services().directory.read() as people:
        owner = find_account(people, account_id)
    return owner is not None and owner.status == "active"


def _ended() -> Answer:
    heading = _("This link has ended")
    text = _("The file can no longer be fetched. Ask whoever sent it to you.")
    return make_response(render_template("error.html", title=heading, heading=heading, text=text), 404)
