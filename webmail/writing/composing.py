"""Writing and sending: the form, autosave, attachments, and the one sending door.

The form works without script: saving, attaching and removing are buttons that come back to it.  With script the same
requests are made in the background and answered in JSON.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from flask import Blueprint, abort, flash, jsonify, make_response, render_template, request

from directory.mail import recipients
from directory.mail.identities import fitting
from directory.mail.letter_templates import find_template
from mailserver.address import AddressFault, parse_address
from mailserver.delivery import postponing
from mailserver.delivery.protecting import CannotProtect
from mailserver.delivery.submission import Submission, Submitted
from mailserver.delivery.submission import submit as hand_in
from mailserver.refusals import OverQuota, Refusal
from mailserver.store import messages
from mailserver.store.database import Transaction
from webmail import pages
from webmail.account.login import account, may_send, person
from webmail.contents.heads import parse_people
from webmail.errors import refusal_text
from webmail.formatting import full_time, local_time, readable_size
from webmail.languages import _, ngettext
from webmail.pages import Answer
from webmail.reading import listing
from webmail.services import services
from webmail.smime import choices, vouching
from webmail.writing import contacts, letters, links, picker, postponed, quoting, versions
from webmail.writing.enclosures import fetched
from webmail.writing.form import letter_of, written
from webmail.writing.letters import Letter
from webmail.writing.remarks import crowd_answered, remarks_on

blueprint = Blueprint("composing", __name__)
log = logging.getLogger(__name__)

# Where the letter waits as a draft meanwhile
PLACES = {"choose": picker.HERE, "link": links.PATH, "elsewhere": "/compose/sign"}
PATIENCE = 120


@blueprint.get("/compose")
def show() -> Answer:
    with services().store.read() as conn:
        letter, blind = Letter(), ""
        for kind in get_args(quoting.Kind):
            if key := request.args.get(kind):
                message = quoting.original(conn, key)
                letter = quoting.answer(message, kind, quotes="unquoted" not in request.args)
                if kind == "reply_all" and quoting.came_blind(message):
                    blind = _(
                        "You got this letter as a blind copy: an answer to all tells the others that you have it."
                    )
    if "mailto" in request.args:
        letter = quoting.from_mailto(request.args["mailto"])
    elif "to" in request.args:
        letter = replace(letter, to=" ".join(request.args["to"].split())[:2000])
    elif "group" in request.args:
        letter = replace(letter, to=contacts.everybody_in(request.args["group"]))
    letter = replace(letter, sign=services().config.smime.sign)
    if "again" in request.args:
        return form(letter)
    if identity := letters.identity_for(letter.author):
        letter = letters.signed(replace(letter, author=identity.address), identity.signature)
    return form(letter, fault=blind)


@blueprint.get("/compose/<int:uid>")
def go_on(uid: int) -> Answer:
    with services().store.read() as conn:
        letter = letters.load(conn, uid)
    if letter is None:
        abort(404)
    return form(replace(letter, window=""))  # whatever window that was: this is another


@blueprint.post("/compose")
def submit() -> Answer:
    action, _space, which = request.form.get("action", "send").partition(" ")
    if action == "discard":
        if (uid := request.form.get("draft", 0, type=int)) > 0:
            letters.throw_away(uid)
        return pages.done(_("The draft was put into the trash."), "/")
    found = written()
    letter, conflict = found.letter, found.is_overtaken
    if found.is_refused:
        return _refused(letter, _("Only PNG, JPEG, GIF and WebP pictures can stand in the text."), 422)
    if action == "remove" and which.isdecimal():
        files = dict(enumerate(letter.files))
        letter = replace(letter, enclosures=tuple(e for e in letter.enclosures if e is not files.get(int(which))))
    try:
        if action in ("send", "later"):
            return _send_when(action, which, letter, conflict=conflict)
        if action in PLACES:
            saved = letters.save(letter.as_another if conflict else letter)
            return pages.see_other(f"{PLACES[action]}?draft={saved.uid}")
        if action == "template":
            return _begin_with(which, letter, conflict=conflict)
        if action == "check":
            return form(letter)
        if action == "add":
            return form(replace(letter, to=letters.write_people([*parse_people(letter.to), *parse_people(which)])))
        if action == "author":
            return form(_signed_by_its_author(letter))
        return _save(letter, conflict=conflict, pictures=found.pictures)
    except Refusal as refusal:
        return _refused(letter, refusal_text(refusal) if action == "save" else _why_not_sent(refusal), 409)


@blueprint.post("/compose/<int:uid>/prove")
def prove(uid: int) -> Answer:
    """A letter that is signed for a unit waits as a draft for the proof of who signs, and goes with it."""
    with services().store.read() as conn:
        letter = letters.load(conn, uid)
    if letter is None:
        text = _("This draft was changed or sent elsewhere. Check the folder of sent mail before you send it again.")
        return pages.refused(text, "/")
    action, _space, which = request.form.get("action", "send").partition(" ")
    if fault := vouching.prove():
        return vouching.page(letter, postponed.chosen_moment(which, "")[0] if action == "later" else 0, fault)
    try:
        return _send_when(action, which, letter, conflict=False)
    except Refusal as refusal:
        return _refused(letter, _why_not_sent(refusal), 409)


def _send_when(action: str, which: str, letter: Letter, *, conflict: bool) -> Answer:
    """At once, but for second thoughts; or ``later``, at the moment that was offered or written.  Raises Refusal."""
    moment = 0
    if action == "later":
        moment, fault = postponed.chosen_moment(which, request.form.get("send_at", ""))
        if fault:
            return form(letter, fault=fault, status=422)
    try:
        return send(letter, moment or postponed.release_after_thought(), conflict=conflict)
    except CannotProtect as refusal:
        if not vouching.wants_proof(refusal):
            raise
        return vouching.page(letters.save(letter).letter, moment)


def _refused(letter: Letter, text: str, status: int) -> Answer:
    return make_response({"error": text}, status) if pages.wants_json() else form(letter, fault=text, status=status)


def _begin_with(name: str, letter: Letter, *, conflict: bool) -> Answer:
    with services().directory.read() as conn:
        template = find_template(conn, account().id, name)
    if template is None:
        return form(letter, fault=_("This template is no longer there."), status=422)
    saved = letters.save(letters.begun_with(letter.as_another if conflict else letter, template))
    return pages.see_other(f"/compose/{saved.uid}")


def _why_not_sent(refusal: Refusal) -> str:
    """Like ``refusal_text``; but what is full here is the recipient's mailbox."""
    return _("The mailbox of the recipient is full.") if isinstance(refusal, OverQuota) else refusal_text(refusal)


def show_kept(kept: dict[str, str]) -> Answer:
    """After signing in again: the letter as it was when the session ended."""
    letter = letter_of(kept)
    with services().store.read() as conn:
        try:
            stored = letters.load(conn, letter.draft) if letter.draft else None
        except CannotProtect:  # its keys are shut: what was written goes on as a letter of its own
            stored = None
    if stored is not None:
        letter = replace(letter, enclosures=stored.enclosures)
    return form(replace(letter, draft=letter.draft if stored else 0))


def form(
    letter: Letter, *, fault: str = "", faults: dict[str, str] | None = None, crowd: int = 0, status: int = 200
) -> Answer:
    """``crowd``: how many an answer would reach, which is asked about before it goes."""
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
        crowd=crowd,
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


def _save(letter: Letter, *, conflict: bool, pictures: Sequence[str] = ()) -> Answer:
    """Keep the letter.  A blank one without a draft is not worth one."""
    if letter.is_blank and not letter.draft:
        return jsonify(draft=0, saved="") if pages.wants_json() else form(letter)
    work = letter.work
    saved = letters.save(letter.as_another if conflict else letter)
    beside = _beside(saved.uid, work) if conflict or saved.conflict else ""
    notice = _("This draft was changed or sent elsewhere. What you wrote here was kept as a draft of its own.")
    if pages.wants_json():
        at = local_time(services().clock())
        return jsonify(
            draft=saved.uid,
            work=saved.letter.work,
            saved=_("Saved at %(time)s", time=f"{at:%H:%M}"),
            notice=notice if conflict or saved.conflict else "",
            beside=work if beside else "",
            pictures=pictures,
            enclosures=render_template("_enclosures.html", letter=saved.letter),
        )
    if conflict or saved.conflict:
        flash(notice, "error")
    else:
        flash(_("Draft saved."), "success")
    return pages.see_other(beside or f"/compose/{saved.uid}")


def _beside(mine: int, work: str) -> str:
    """Where the draft is compared with the version that somebody else went on with, if there still is one."""
    with services().store.read() as conn:
        other = versions.latest(conn, work)
    return f"/compose/{mine}/beside/{work}" if other and other != mine else ""


def send(letter: Letter, release_at: int, *, conflict: bool, signed: bytes = b"") -> Answer:
    """``signed``: the letter as its author has signed it elsewhere.  Raises Refusal."""
    if conflict:
        # Sent already (a second click, another window), or changed elsewhere: sending it once more must be a choice.
        if _beside(0, letter.work):
            return _save(letter, conflict=True)
        text = _("This draft was changed or sent elsewhere. Check the folder of sent mail before you send it again.")
        return form(letter.as_another, fault=text, status=409)
    letter = letter.as_it_goes
    if not letter.encrypt and choices.must_encrypt(letter):
        letter = replace(letter, encrypt=True)
    faults = _check(letter) or choices.faults_of(letter)
    if faults:
        return form(letter, faults=faults, status=422)
    if (crowd := crowd_answered(letter)) and "everybody" not in request.form:
        return form(letter, crowd=crowd, status=422)
    services().store.maildrop(account().id)
    letter = replace(letter, enclosures=fetched(letter.enclosures))
    octets = signed or letters.write(letter, date=release_at)
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
        return pages.see_other(f"/mail/{place[0]}/{place[1]}{_has_gone()}")
    return pages.see_other(f"/{_has_gone()}")


def _has_gone() -> str:
    """Told to the browser, which keeps what was written until it hears that."""
    window, _space, _changes = letter_of(request.form).window.partition(" ")
    return f"#sent={window}" if window else ""


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
    if letter.is_too_large:
        most = services().config.smtp.max_message_size
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
