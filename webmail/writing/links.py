"""Files too large for a letter: kept here, and fetched by whoever has the link that the letter gets instead.

A letter waits as a draft while its file comes in.  A link is a secret that may be passed on: it ends at its time, by
its owner's hand, or with his account; that the letter is taken back does not end it.  An encrypted letter takes none,
for the file lies here as it is.

Standards: RFC 9110 §9.2.1 (a GET changes nothing but how often it was asked for), RFC 6266.
Limits: ``[webmail] link_size`` and ``link_days``; ``store.links.MOST`` of an account.
"""

from __future__ import annotations

import contextlib
from html import escape

from flask import Blueprint, Flask, abort, make_response, render_template, request
from werkzeug.datastructures import FileStorage
from werkzeug.wsgi import wrap_file

from directory.mail.accounts import find_account
from directory.record import record
from mailserver.refusals import LimitReached, NotPermitted, OverQuota, Refusal, TooLarge
from mailserver.store import links
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
    try:
        saved = letters.save(_with_link(letter, upload))
    except (LimitReached, NotPermitted, OverQuota, TooLarge) as refusal:
        return _page(draft, _why(refusal), 409)
    return pages.see_other(f"/compose/{saved.uid}")


def _with_link(letter: Letter, upload: FileStorage) -> Letter:
    """Keep the file, and put its link below what was written.  Raises Refusal."""
    rules = services().config.webmail
    if not rules.link_size:
        raise NotPermitted
    owner, name = account(), file_name(upload.filename or "")
    digest, size = links.keep(services().store, upload.stream, rules.link_size)
    token, job = links.make(owner.id, name, digest, size, seconds=rules.link_days * 86_400, allowed=owner.quota_bytes)
    services().store.write(job).result(PATIENCE)
    _record("link.make", size=size)
    until = full_time(services().clock() + rules.link_days * 86_400)
    address = f"{request.url_root}files/{token}"
    told = _("%(name)s (%(size)s, until %(when)s)", name=name, size=readable_size(size), when=until)
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
    )
    response.status_code = status
    return response


@blueprint.get("/files/<token>")
def download(token: str) -> Answer:
    """For everybody who has the link: a file to keep, never one to look at in place."""
    with services().store.read() as conn:
        link = links.find(conn, token[:100], int(services().clock()))
    if link is None or not _is_at_work(link.account_id):
        return _ended()
    response = as_download(b"", link.name, "application/octet-stream")
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the secret
    if request.method == "GET":
        try:
            file = open(services().store.blobs.path(link.digest), "rb")  # noqa: SIM115  (the response closes it)
        except FileNotFoundError:
            return _ended()
        response.response = wrap_file(request.environ, file, 256 * 1024)
        response.direct_passthrough = True
        with contextlib.suppress(Refusal):  # a full disk keeps nobody from reading
            services().store.write(lambda tx: links.count(tx, link.id)).result(PATIENCE)
    response.content_length = link.size
    return response


def _is_at_work(account_id: str) -> bool:
    with services().directory.read() as people:
        owner = find_account(people, account_id)
    return owner is not None and owner.status == "active"


def _ended() -> Answer:
    heading = _("This link has ended")
    text = _("The file can no longer be fetched. Ask whoever sent it to you.")
    return make_response(render_template("error.html", title=heading, heading=heading, text=text), 404)
