"""Writing and sending: the form, autosave, attachments, and the one sending door.

The form works without script: saving, attaching and removing are buttons that come back to it.  With script the same
requests are made in the background and answered in JSON.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, Literal

from flask import Blueprint, abort, flash, jsonify, make_response, render_template, request

from directory.mail import recipients
from directory.mail.identities import fitting
from directory.mail.letter_templates import find_template
from mailserver.address import AddressFault, parse_address
from mailserver.delivery import postponing
from mailserver.delivery.protecting import CannotProtect
from mailserver.delivery.submission import Submission, Submitted
from mailserver.delivery.submission import submit as hand_in
from mailserver.message.html_text import html_to_text
from mailserver.refusals import OverQuota, Refusal
from mailserver.store import messages
from mailserver.store.database import Transaction
from webmail import pages
from webmail.account.login import account, may_send, person
from webmail.contents.composed import clean_composed
from webmail.contents.heads import parse_people
from webmail.errors import refusal_text
from webmail.formatting import full_time, local_time, readable_size
from webmail.languages import _, ngettext
from webmail.pages import Answer
from webmail.reading import listing
from webmail.services import services
from webmail.smime import choices
from webmail.writing import contacts, letters, links, picker, postponed, quoting
from webmail.writing.letters import Enclosure, Letter
from webmail.writing.remarks import remarks_on

blueprint = Blueprint("composing", __name__)
log = logging.getLogger(__name__)

PLACES = {"choose": picker.HERE, "link": links.PATH}  # where the letter waits as a draft meanwhile
MAX_ENCLOSURES = 200
PATIENCE = 120
MAX_FIELD = 50_000  # characters of one address field


@blueprint.get("/compose")
def show() -> Answer:
    with services().store.read() as conn:
        letter = Letter()
        kinds: tuple[Literal["reply", "reply_all", "forward"], ...] = ("reply", "reply_all", "forward")
        for kind in kinds:
            if key := request.args.get(kind):
                letter = quoting.answer(conn, key, kind, quotes="unquoted" not in request.args)
    if "mailto" in request.args:
        letter = quoting.from_mailto(request.args["mailto"])
    elif "to" in request.args:
        letter = replace(letter, to=" ".join(request.args["to"].split())[:2000])
    elif "group" in request.args:
        letter = replace(letter, to=contacts.everybody_in(request.args["group"]))
    letter = replace(letter, sign=services().config.smime.sign)
    if identity := letters.identity_for(letter.author):
        letter = letters.signed(replace(letter, author=identity.address), identity.signature)
    return form(letter)


@blueprint.get("/compose/<int:uid>")
def go_on(uid: int) -> Answer:
    with services().store.read() as conn:
        letter = letters.load(conn, uid)
    if letter is None:
        abort(404)
    return form(letter)


@blueprint.post("/compose")
def submit() -> Answer:
    action, _space, which = request.form.get("action", "send").partition(" ")
    if action == "discard":
        if (uid := request.form.get("draft", 0, type=int)) > 0:
            letters.throw_away(uid)
        return pages.done(_("The draft was put into the trash."), "/")
    letter, conflict = _from_form()
    if action == "remove" and which.isdecimal():
        kept = [each for index, each in enumerate(letter.enclosures) if index != int(which)]
        letter = replace(letter, enclosures=tuple(kept))
    try:
        if action == "send":
            return _send(letter, postponed.release_after_thought(), conflict=conflict)
        if action in PLACES:
            saved = letters.save(replace(letter, draft=0) if conflict else letter)
            return pages.see_other(f"{PLACES[action]}?draft={saved.uid}")
        if action == "template":
            return _begin_with(which, letter, conflict=conflict)
        if action == "check":
            return form(letter)
        if action == "author":
            return form(_signed_by_its_author(letter))
        if action == "later":
            moment, fault = postponed.chosen_moment(which, request.form.get("send_at", ""))
            return form(letter, fault=fault, status=422) if fault else _send(letter, moment, conflict=conflict)
        return _save(letter, conflict=conflict)
    except Refusal as refusal:
        text = refusal_text(refusal) if action == "save" else _why_not_sent(refusal)
        if pages.wants_json():
            return make_response({"error": text}, 409)
        return form(letter, fault=text, status=409)


def _begin_with(name: str, letter: Letter, *, conflict: bool) -> Answer:
    with services().directory.read() as conn:
        template = find_template(conn, account().id, name)
    if template is None:
        return form(letter, fault=_("This template is no longer there."), status=422)
    saved = letters.save(letters.begun_with(replace(letter, draft=0) if conflict else letter, template))
    return pages.see_other(f"/compose/{saved.uid}")


def _why_not_sent(refusal: Refusal) -> str:
    """Like ``refusal_text``; but what is full here is the recipient's mailbox."""
    return _("The mailbox of the recipient is full.") if isinstance(refusal, OverQuota) else refusal_text(refusal)


def show_kept(kept: dict[str, str]) -> Answer:
    """After signing in again: the letter as it was when the session ended."""
    letter = _letter_of(kept)
    with services().store.read() as conn:
        try:
            stored = letters.load(conn, letter.draft) if letter.draft else None
        except CannotProtect:  # its keys are shut: what was written goes on as a letter of its own
            stored = None
    if stored is not None:
        letter = replace(letter, enclosures=stored.enclosures)
    return form(replace(letter, draft=letter.draft if stored else 0))


def form(letter: Letter, *, fault: str = "", faults: dict[str, str] | None = None, status: int = 200) -> Answer:
    with services().store.read() as conn:
        side = pages.sidebar(conn)
        current = side.special("\\Drafts") if letter.draft else None
    title = letter.subject or _("New message")
    response = pages.render(
        "compose.html",
        title,
        letter=letter,
        sidebar=side,
        current=current,
        fault=fault,
        faults=faults or {},
        remarks=remarks_on(letter),
        senders=letters.own_identities(),
        later=postponed.offers() if postponed.may_send_later() else None,
        limit=services().config.smtp.max_message_size,
        protecting=choices.choices_for(letter),
    )
    response.status_code = status
    return response


def _signed_by_its_author(letter: Letter) -> Letter:
    """With the signature that goes with the address that was chosen, instead of another one's."""
    own = letters.own_identities()
    chosen = fitting(own, letter.author)
    return letters.signed_anew(letter, [each.signature for each in own], chosen.signature) if chosen else letter


def _from_form() -> tuple[Letter, bool]:
    """The letter in the form, with the files of its draft and those just chosen; and whether the draft is gone."""
    letter = _letter_of(request.form)
    stored: Letter | None = None
    if letter.draft:
        with services().store.read() as conn:
            stored = letters.load(conn, letter.draft)
    enclosures = list(stored.enclosures) if stored is not None else []
    for source in request.form.getlist("carry")[:MAX_ENCLOSURES]:
        carried = letters.find_source(source)
        if carried is not None:
            enclosures.append(replace(carried, source=""))
    for upload in request.files.getlist("files")[:MAX_ENCLOSURES]:
        if upload.filename:
            octets = upload.stream.read()
            enclosures.append(
                Enclosure(letters.file_name(upload.filename), _file_type(upload.mimetype), len(octets), octets)
            )
    return replace(letter, enclosures=tuple(enclosures[:MAX_ENCLOSURES])), bool(letter.draft) and stored is None


def _letter_of(form: Any) -> Letter:
    def line(name: str, longest: int = MAX_FIELD) -> str:
        return " ".join(form.get(name, "").split())[:longest]

    rich = form.get("mode") == "rich"
    html = clean_composed(form.get("html", "")) if rich else ""
    text = html_to_text(html) if rich else form.get("text", "")
    draft = form.get("draft", "")
    return Letter(
        author=line("author", 320),
        to=line("to"),
        cc=line("cc"),
        bcc=line("bcc"),
        subject=line("subject", 2000),
        text=text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", ""),
        html=html,
        in_reply_to=line("in_reply_to", 1000),
        references=line("references", 20_000),
        answers=line("answers", 60),
        draft=int(draft) if draft.isdecimal() and len(draft) < 19 else 0,
        rich=rich,
        # a box that is not ticked is not sent
        sign="sign" in form if "choices" in form else services().config.smime.sign,
        encrypt="encrypt" in form,
        secret=form.get("secret", "") == "1",
    )


def _file_type(given: str) -> str:
    known = given and given.isascii() and given.count("/") == 1 and not given.startswith(("multipart/", "message/"))
    return given if known else "application/octet-stream"


def _save(letter: Letter, *, conflict: bool) -> Answer:
    """Keep the letter.  A blank one without a draft is not worth one."""
    if letter.is_blank and not letter.draft:
        return jsonify(draft=0, saved="") if pages.wants_json() else form(letter)
    if conflict:
        letter = replace(letter, draft=0)
    saved = letters.save(letter)
    lost = conflict or saved.conflict
    notice = _("This draft was changed or sent elsewhere. What you wrote here was kept as a draft of its own.")
    if pages.wants_json():
        at = local_time(services().clock())
        return jsonify(
            draft=saved.uid,
            saved=_("Saved at %(time)s", time=f"{at:%H:%M}"),
            notice=notice if lost else "",
            enclosures=render_template("_enclosures.html", letter=saved.letter),
        )
    if lost:
        flash(notice, "error")
    else:
        flash(_("Draft saved."), "success")
    return pages.see_other(f"/compose/{saved.uid}")


def _send(letter: Letter, release_at: int, *, conflict: bool) -> Answer:
    if conflict:
        # Sent already (a second click, another window), or changed elsewhere: sending it once more must be a choice.
        text = _("This draft was changed or sent elsewhere. Check the folder of sent mail before you send it again.")
        return form(replace(letter, draft=0), fault=text, status=409)
    if not letter.encrypt and choices.must_encrypt(letter):
        letter = replace(letter, encrypt=True)
    faults = _check(letter) or choices.faults_of(letter)
    if faults:
        return form(letter, faults=faults, status=422)
    services().store.maildrop(account().id)
    letter = replace(letter, enclosures=letters.fetched(letter.enclosures))
    octets = letters.write(letter, date=release_at)
    with services().store.read() as conn:
        drafts = letters.drafts_mailbox(conn)
    paths = tuple(
        dict.fromkeys(each.address for field in (letter.to, letter.cc, letter.bcc) for each in parse_people(field))
    )
    submission = Submission(
        submitter=account(),
        reverse_path=letter.author or account().login,
        forward_paths=paths,
        octets=octets,
        origin="webmail",
        client=request.remote_addr or "",
        keep_sent=True,
        release_at=release_at,
        protection=choices.protection_of(letter),
        replaces_draft=(drafts.id, letter.draft) if letter.draft and drafts is not None else None,
        writer=person(),
    )
    submitted = hand_in(services().office, submission).result(PATIENCE)
    if account().id != person().id:
        log.info("reference=%s sent for %s by %s", submitted.reference, account().login, person().login)
    _mark_answered(letter.answers)
    return _after_sending(letter, submitted, release_at)


def _after_sending(letter: Letter, submitted: Submitted, release_at: int) -> Answer:
    for path, refusal in submitted.refused.items():
        flash(_("Not sent to %(address)s: %(reason)s", address=path, reason=_why_not_sent(refusal)), "error")
    text = _("Message sent, encrypted.") if letter.encrypt else _("Message sent.")
    if submitted.postponed is None:
        flash(text, "success")
    else:
        if release_at > services().clock() + postponing.LONGEST_THOUGHT:
            text = _("The message will be sent on %(when)s.", when=full_time(release_at))
        back = f"/scheduled/{submitted.postponed}/take-back"
        notice: Any = {"text": text, "undo": {"undo": ""}, "action": back, "until": release_at}
        flash(notice, "undo")
    kind, _space, key = letter.answers.partition(" ")
    place = listing.parse_key(key)
    if kind == "reply" and place is not None:
        return pages.see_other(f"/mail/{place[0]}/{place[1]}")
    return pages.see_other("/")


def _check(letter: Letter) -> dict[str, str]:
    """What is wrong with the addresses, field by field, before anything is sent to anybody."""
    faults: dict[str, str] = {}
    if not may_send():
        faults["author"] = _("You may read this mailbox, but not send for it.")
        return faults
    count = 0
    with services().directory.read() as conn:
        for name in ("to", "cc", "bcc"):
            wrong, unknown = [], []
            for person in parse_people(getattr(letter, name)):
                count += 1
                try:
                    address = str(parse_address(person.address))
                except AddressFault:
                    wrong.append(person.address or person.name)
                    continue
                local, _at, domain = address.rpartition("@")
                if "." not in domain or "@" in local:  # grammatical, and yet nobody's
                    wrong.append(person.address)
                    continue
                if recipients.is_local_domain(conn, domain) and recipients.resolve(conn, address) is None:
                    unknown.append(address)
            if wrong:
                faults[name] = _("Not an address: %(addresses)s", addresses=", ".join(wrong[:5]))
            elif unknown:
                faults[name] = ngettext(
                    "There is no such mailbox: %(addresses)s",
                    "There are no such mailboxes: %(addresses)s",
                    len(unknown),
                    addresses=", ".join(unknown[:5]),
                )
        if letter.author and not recipients.may_send_as(conn, account().id, letter.author):
            faults["author"] = _("You may not write from this address.")
    if not count and not faults:
        faults["to"] = _("Name at least one recipient.")
    most = services().config.smtp.max_message_size
    if letter.size * 4 // 3 > most:
        faults["files"] = _("The attachments are too large: at most %(size)s.", size=readable_size(most * 3 // 4))
    return faults


def _mark_answered(answers: str) -> None:
    """Note on the original that it was answered or passed on; a letter that is out does not fail for it."""
    kind, _space, key = answers.partition(" ")
    place = listing.parse_key(key)
    if kind not in ("reply", "forward") or place is None:
        return
    with services().store.read() as conn:
        mailbox = listing.find_own_mailbox(conn, place[0])
    if mailbox is None:
        return
    flag = "\\Answered" if kind == "reply" else "$Forwarded"
    at = (place[1], place[1])

    def job(tx: Transaction) -> None:
        messages.set_flags(tx, mailbox.id, [at], "add", [flag])

    try:
        services().store.write(job, [mailbox.id]).result(PATIENCE)
    except Refusal as refusal:
        log.warning("could not mark %s as answered: %s", key, refusal.reason)
