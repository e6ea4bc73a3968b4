"""Signing on a device of one's own: the letter goes out as a file, its signature comes back, and then it is sent.

The letter waits as a draft, of which the file is made: the same each time it is asked for, as long as nobody changes
the draft (then it is another).  What the signature has to be, the core says (``mailserver.delivery.signed_elsewhere``).
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from flask import Blueprint, request

from mailserver.delivery import signed_elsewhere
from mailserver.delivery.protecting import CannotProtect, Obstacle
from mailserver.refusals import Refusal
from mailserver.store import reading
from security.cms import Reason
from webmail import pages
from webmail.account.login import account, person
from webmail.errors import refusal_text
from webmail.languages import _
from webmail.pages import Answer
from webmail.reading.attachments import as_download
from webmail.services import services
from webmail.smime import choices, words
from webmail.writing import composing, letters, postponed
from webmail.writing.letters import Letter
from webmail.writing.remarks import crowd_answered

blueprint = Blueprint("signing_elsewhere", __name__)

HERE = "/compose/sign"


@blueprint.get(HERE)
def show() -> Answer:
    waiting = _waiting(request.args.get("draft", 0, type=int))
    return _gone() if waiting is None else _page(*waiting)


@blueprint.get(f"{HERE}/<int:uid>")
def take(uid: int) -> Answer:
    waiting = _waiting(uid)
    if waiting is None:
        return _gone()
    letter, octets = waiting
    name = _("letter to be signed %(number)s.eml", number=uid)
    try:
        return as_download(signed_elsewhere.to_be_signed(octets), name, "message/rfc822")
    except CannotProtect as refused:
        return _page(letter, octets, _why(refused))


@blueprint.post(f"{HERE}/<int:uid>")
def bring(uid: int) -> Answer:
    waiting = _waiting(uid)
    if waiting is None:
        return _gone()
    letter, octets = waiting
    file = request.files.get("signature")
    most = services().config.smtp.max_message_size  # a whole signed message may be brought
    brought = file.read(most + 1)[:most] if file is not None else b""
    if obstacle := _obstacle(letter):
        return _page(letter, octets, obstacle)
    if crowd_answered(letter) and "everybody" not in request.form:
        return _page(letter, octets, _("Confirm that it is to go to all of them."))
    try:
        signed = signed_elsewhere.with_signature(
            services().office, person(), letter.author or account().login, octets, brought, request.remote_addr or ""
        )
        return composing.send(letter, postponed.release_after_thought(), conflict=False, signed=signed)
    except CannotProtect as refused:
        return _page(letter, octets, _why(refused))
    except Refusal as refusal:
        return _page(letter, octets, refusal_text(refusal))


def _waiting(uid: int) -> tuple[Letter, bytes] | None:
    """The letter in a draft, and as it goes out: word for word the same whenever it is asked for."""
    with services().store.read() as conn:
        drafts = letters.drafts_mailbox(conn)
        letter = letters.load(conn, uid) if uid > 0 else None
        if letter is None or drafts is None:
            return None
        [row] = reading.fetch(conn, drafts.id, [(uid, uid)], ("internal_date",))
    letter = replace(letter, sign=False).as_it_goes
    saved_at = int(row.internal_date)
    return letter, letters.write(letter, date=saved_at, name=f"{drafts.id}.{uid}.{saved_at}")


def _obstacle(letter: Letter) -> str:
    if letter.encrypt or letter.secret or choices.must_encrypt(letter):
        return _("A letter that goes out encrypted cannot be signed on a device of one's own here.")
    return ""


def _why(refused: CannotProtect) -> str:
    if refused.obstacle is not Obstacle.BROUGHT or refused.fault is None:
        return refusal_text(refused)
    reason = refused.fault.reason
    again = _(
        "The signature is not of this letter. Was it changed since you took the file, or did a program "
        "change the file? Take it once more, and sign it as it is."
    )
    told = {
        Reason.MALFORMED: _("The file is no signature. Bring what your program made: most often it ends in .p7s."),
        Reason.CONTENT_TWICE: _("The file holds the letter once more. Have your program make a detached signature."),
        Reason.NOT_CANONICAL: _(
            "This letter cannot be signed so that it arrives unchanged. Take messages off that are attached to it."
        ),
        Reason.CONTENT_CHANGED: again,
        Reason.SIGNATURE_WRONG: again,
    }
    return told.get(reason) or _("The signature is not taken. %(why)s", why=words.reason_text(reason))


def _gone() -> Answer:
    text = _("This draft was changed or sent elsewhere. Check the folder of sent mail before you send it again.")
    return pages.refused(text, "/")


def _page(letter: Letter, octets: bytes, fault: str = "") -> Answer:
    fault = fault or _obstacle(letter)
    try:
        digest = sha256(signed_elsewhere.to_be_signed(octets)).hexdigest()
    except CannotProtect as refused:
        digest, fault = "", _why(refused)
    with services().store.read() as conn:
        side = pages.sidebar(conn)
    page = pages.render(
        "signing_elsewhere.html",
        _("Sign on a device of your own"),
        sidebar=side,
        current=side.special("\\Drafts"),
        letter=letter,
        author=letter.author or account().login,
        digest=digest,
        crowd=crowd_answered(letter),
        fault=fault,
    )
    page.status_code = 422 if fault else 200
    return page
