"""The one sending door, for SMTP submission and for the webmail alike.

May this login use this sender?  Is everybody addressed allowed to get its mail?  Then one transaction holds
the copies for our own people, the submitter's copy in Sent, the rows of the spool for everybody elsewhere,
and the removal of the draft.

Standards: RFC 6409 §6 (what a submission server enforces), §8 (Date and Message-ID are added where they lack;
Bcc is taken out); RFC 5322 §3.6.6 (what holds for these fields holds for those of who sends a message once more).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from directory.database import Reading
from directory.mail.accounts import Account
from directory.mail.addresses import normalise, owner_row
from directory.mail.recipients import Recipients, closed_to, is_local_domain, may_post, may_send_as
from mailserver.address import AddressFault, parse_address
from mailserver.delivery import (
    allowance,
    answering,
    bounce,
    forwarding,
    local,
    moderation,
    postponing,
    scanning,
    signing,
)
from mailserver.delivery.envelopes import envelope_of, release_time, submitted_priority
from mailserver.delivery.inbound import (
    Addressee,
    Taken,
    check_room,
    fates_of,
    gather,
    held_back,
    held_by_moderators,
    look_up,
    may_wait,
    our_names,
)
from mailserver.delivery.post_office import Origin, PostOffice
from mailserver.delivery.trace import read_header, refuse_loops, trace_fields, without_claims
from mailserver.delivery.tracing import Fate, Trace, record
from mailserver.delivery.verdict import Action, Verdict
from mailserver.message.addresses import address_text, mailboxes, parse_addresses
from mailserver.message.dates import format_date
from mailserver.message.encoded_words import decode_words
from mailserver.message.headers import add_fields, find_all, find_field, remove_fields, unfold, utf8_text
from mailserver.refusals import (
    LimitReached,
    MalformedMessage,
    NoSuchRecipient,
    NotPermitted,
    Refusal,
    SendingLimit,
    TooLarge,
)
from mailserver.scanning.opinion import Opinion
from mailserver.smtp.commands import MailCommand, RcptCommand
from mailserver.store.content import Content
from mailserver.store.database import Transaction
from mailserver.store.mailboxes import special_mailbox
from mailserver.store.messages import Target, append, place, remove
from security.authresults import Result

if TYPE_CHECKING:
    from mailserver.delivery.protecting import Protection

log = logging.getLogger("citymail.delivery")

_ADDRESS_SHOWN = re.compile(r'([^\s<>()\[\],;:"\\@]+@([^\s<>()\[\],;:"\\@]+))')
_CRLF_COUNTS = (b"\r\n", b"\r", b"\n")
_BLIND = ("Bcc", "Resent-Bcc")


@dataclass(frozen=True, slots=True)
class Submission:
    submitter: Account
    reverse_path: str
    forward_paths: tuple[str, ...]
    octets: bytes | Path
    origin: Literal["smtp", "webmail"]
    client: str  # IP address
    keep_sent: bool = False
    replaces_draft: tuple[int, int] | None = None  # (mailbox id, UID)
    mail: MailCommand | None = None  # with the DSN and 8-bit parameters, when they came over SMTP
    rcpts: tuple[RcptCommand, ...] = ()
    trace: Origin | None = None
    opinions: tuple[Opinion, ...] | None = None  # the scanners', where they were asked already
    release_at: int = 0  # nobody is to have it before; 0: at once.  Over SMTP, ``mail`` says so
    protection: Protection | None = None  # what the webmail's writer wishes of S/MIME
    writer: Account | None = None  # the person who acts for the submitter, where these are two


@dataclass(frozen=True, slots=True)
class Submitted:
    reference: str
    refused: dict[str, Refusal]  # by forward-path; the others were taken
    message_id: int
    local: int
    remote: int
    postponed: int | None = None  # its number, while it may be taken back (delivery.postponing)


def check_sender(office: PostOffice, submitter: Account, reverse_path: str) -> None:
    """Raises NotPermitted when the login may not send from there.  The null path is for receipts (RFC 8098
    §2.1).
    """
    if not reverse_path:
        return
    with office.directory.read() as people:
        if not may_send_as(people, submitter.id, reverse_path):
            raise NotPermitted(
                "That sender address does not belong to your login",
                reason=f"{submitter.login} may not send as <{reverse_path}>",
            )


def offer_recipient(office: PostOffice, submitter: Account, size: int, rcpt: RcptCommand) -> Taken:
    """Decide about one recipient of a submitted message.  Raises Refusal."""
    with office.directory.read() as people:
        return _take(office, people, submitter, size, rcpt)


def _take(office: PostOffice, people: Reading, submitter: Account, size: int, rcpt: RcptCommand) -> Taken:
    path = rcpt.forward_path
    domain = path.rpartition("@")[2]
    if "@" in path and not is_local_domain(people, domain):
        if not office.config.relay.enabled:
            raise NotPermitted("Mail to other servers is turned off")
        return Taken(rcpt, Addressee(path, Recipients(frozenset(), frozenset((path,))), is_group=False))
    addressee = forwarding.only_permitted(
        office, look_up(people, path, office.config.city.domain, closed_to(people, submitter.id))
    )
    if addressee.is_group:
        if not may_post(people, addressee.address, submitter.id):
            raise NotPermitted("You may not write to this group", reason=f"{submitter.login} to <{addressee.address}>")
    else:
        check_room(office, people, addressee.recipients, size)
    return Taken(rcpt, addressee)


def submit(office: PostOffice, submission: Submission) -> Future[Submitted]:
    """Send a message.  Raises Refusal when nothing of it can be taken; single recipients are refused in the
    result.
    """
    check_sender(office, submission.submitter, submission.reverse_path)
    rcpts = submission.rcpts or tuple(_as_rcpt(path) for path in submission.forward_paths)
    size = _size_of(submission.octets)
    if size > office.config.smtp.max_message_size:
        raise TooLarge
    if len(rcpts) > office.config.smtp.max_recipients:
        raise LimitReached(f"More than {office.config.smtp.max_recipients} recipients")
    days = office.config.reception.hold_days
    if submission.release_at > office.now() + max(days * 86_400, postponing.LONGEST_THOUGHT):
        raise LimitReached(f"A message is held back for at most {days} days")
    taken: list[Taken] = []
    refused: dict[str, Refusal] = {}
    for rcpt in rcpts:
        try:
            taken.append(offer_recipient(office, submission.submitter, size, rcpt))
        except Refusal as refusal:
            refused[rcpt.forward_path] = refusal
    if not taken:
        raise next(iter(refused.values()), NoSuchRecipient("No recipient was given"))
    return send(office, submission, taken, refused)


def send(
    office: PostOffice,
    submission: Submission,
    taken: Sequence[Taken],
    refused: dict[str, Refusal] | None = None,
) -> Future[Submitted]:
    """Send to recipients that were accepted already.  Raises Refusal.

    Scanners are asked here, unless they were before; that takes its time.
    """
    submitter = submission.submitter
    header = read_header(submission.octets)
    if isinstance(submission.octets, bytes) and not (submission.mail and submission.mail.body == "BINARYMIME"):
        _refuse_bare_line_ends(submission.octets)
    refuse_loops(header, office.config.smtp.max_hops)
    _check_author(office, submitter, header)
    _check_sender_field(office, submission, header)
    reference = office.new_reference()
    mail = submission.mail or MailCommand(
        submission.reverse_path, smtputf8=not header.isascii(), hold_until=submission.release_at
    )
    origin = submission.trace or Origin(submission.client, "webmail", "HTTPS")
    paths = [each.rcpt.forward_path for each in taken]
    opinions = submission.opinions
    if opinions is None:
        opinions = scanning.ask(
            office,
            origin,
            submission.octets,
            reverse_path=mail.reverse_path,
            recipients=paths,
            reference=reference,
            login=submitter.login,
        )
    scanned = scanning.verdict_of(opinions)
    if scanned.refusal is not None:
        raise scanned.refusal
    trace = trace_fields(
        origin,
        hostname=office.config.city.hostname,
        reference=reference,
        reverse_path=mail.reverse_path,
        forward_path=taken[0].rcpt.forward_path if len(taken) == 1 else "",
        now=office.now(),
    )
    octets = scanning.apply(submission.octets, opinions)
    if submission.protection is not None or office.config.smime.demands:
        octets = _protected(office, submitter, submission.protection, mail.reverse_path, taken, octets)
    # Nor may one of ours say in our name what we have found out.
    octets = without_claims(octets, our_names(office))
    outgoing, own_copy = _complete(office, octets, header, reference)
    accounts, remote = gather(taken)
    later = release_time(mail, office.now())
    if remote or later:  # what stays here is not signed: nobody asks for a proof that we were we
        signed = signing.sign_ours(office, outgoing, at=later or office.now())
        outgoing, trace = signed.octets, signing.below_return_path(trace, signed.fields)
        if signed.is_encoded:
            mail = replace(mail, body="7BIT")
    sent = _sent_mailbox(office, submitter.id) if submission.keep_sent else None
    kept = None
    if sent is not None and own_copy is not None:
        kept = office.store.prepare(own_copy)
    content = office.store.prepare(outgoing, prefix=trace)
    seen = Target(sent, flags=("\\Seen",)) if sent is not None else None
    also = (seen,) if seen is not None and kept is None and not later else ()
    priority = submitted_priority(office, submitter, mail, header)
    envelope = envelope_of(
        mail, content.text, content.header, now=office.now(), submitter=submitter.id, priority=priority
    )
    reports = []
    answers: list[answering.Answer] = []
    if scanned.action is Action.QUARANTINE:
        who = local.Distribution(quarantined=held_back(taken), quarantine=scanned.reason, also=also)
    elif later:  # RFC 4865: everybody gets it then, and is reported on then
        who = local.Distribution(remote=held_back(taken), also=also)
    else:
        who = local.plan(
            office,
            accounts,
            remote,
            size=content.size,
            may_wait=may_wait(taken, remote) or submission.keep_sent,
            also=also,
            moderated=held_by_moderators(taken),
        )
        reports = moderation.notices_of(office, who.moderated, content)
        reports += bounce.report_success(office, mail, taken, content.header)
        answers = answering.answers_to(
            office,
            mail.reverse_path,
            (each.addressee for each in taken),
            lambda: content.header,
            is_colleague=True,
        )
    order = _order(office, submission) if later else None
    draft = submission.replaces_draft
    record_of_it = _trace(submission, reference, origin, content, fates_of(taken, who), scanned)

    def job(tx: Transaction) -> Submitted:
        allowance.spend(tx, office.config.sending, submitter, reference, paths)
        message_id = local.deliver(tx, content, who, envelope)
        copy = None
        if seen is not None and kept is not None:
            [copy] = append(tx, kept, [seen])
        elif seen is not None and later:
            copy = place(tx, message_id, content.size, seen)
        postponed = None
        if order is not None and not who.quarantined:
            postponed = postponing.note(tx, submitter.id, message_id, copy, order)
        if draft is not None:
            remove(tx, draft[0], [(draft[1], draft[1])])
        bounce.deliver(tx, reports)
        answering.deliver(tx, answers)
        record(tx, record_of_it, message_id)
        reached = len(who.accounts) + len(who.full)
        return Submitted(reference, refused or {}, message_id, reached, len(who.remote), postponed)

    touched = {
        office.inbox_of(submitter.id),
        *who.inboxes.values(),
        *([sent] if sent else []),
        *([draft[0]] if draft else []),
    }
    future = office.store.write(job, sorted(touched), heavy=len(who.accounts) > local.FEW)
    future.add_done_callback(lambda done: _note(office, done, submission, content.size))
    return future


def _order(office: PostOffice, submission: Submission) -> postponing.Order:
    signer = submission.protection.signer if submission.protection is not None else None
    with office.directory.read() as people:
        author = owner_row(people, normalise(submission.reverse_path)) if submission.reverse_path else None
    return postponing.Order(
        (submission.writer or submission.submitter).id,
        (author.account_id if author is not None else None) or "",
        sha256(signer.certificate).hexdigest() if signer is not None else "",
    )


def _protected(
    office: PostOffice,
    submitter: Account,
    wanted: Protection | None,
    reverse_path: str,
    taken: Sequence[Taken],
    octets: bytes | Path,
) -> bytes | Path:
    """As the writer wishes, and as the city demands.  Raises CannotProtect, TooLarge."""
    from mailserver.delivery import protecting  # megabytes that a process without either never needs

    if wanted is not None:
        octets = protecting.protect(office, submitter, wanted, taken, octets)
    protecting.require_encryption(office, submitter, reverse_path, taken, octets)
    return octets


def _trace(
    submission: Submission, reference: str, origin: Origin, content: Content, fates: tuple[Fate, ...], scanned: Verdict
) -> Trace:
    """The record of a message that one of ours sends."""
    authors = mailboxes(parse_addresses(find_field(content.header, "From") or ""))
    return Trace(
        reference=reference,
        origin=origin,
        reverse_path=submission.reverse_path,
        fates=fates,
        size=content.size,
        action=scanned.action.value,
        reason=scanned.reason,
        results=Result("auth", "pass", (("smtp.auth", submission.submitter.login),)).text,
        author=address_text(authors[0]) if authors else "",
        message_id_header=find_field(content.header, "Message-ID") or "",
    )


def _note(office: PostOffice, done: Future[Submitted], submission: Submission, size: int) -> None:
    """The line in the log, once it is true."""
    if not done.cancelled() and isinstance(done.exception(), SendingLimit):
        allowance.alarm(office, submission.submitter, submission.client)
    elif not done.cancelled() and done.exception() is None:
        sent = done.result()
        log.info(
            "reference=%s message=%d from=<%s> login=%s accounts=%d remote=%d size=%d client=%s submitted",
            *(sent.reference, sent.message_id, submission.reverse_path, submission.submitter.login),
            *(sent.local, sent.remote, size, submission.client),
        )


def _as_rcpt(path: str) -> RcptCommand:
    try:
        return RcptCommand(str(parse_address(path)))
    except AddressFault:
        return RcptCommand(path)  # refused by ``look_up`` with everything else that is nobody's address


def _size_of(octets: bytes | Path) -> int:
    return octets.stat().st_size if isinstance(octets, Path) else len(octets)


def _refuse_bare_line_ends(octets: bytes) -> None:
    """The wire refuses them before; what the webmail hands in is checked here (RFC 5321 §2.3.8)."""
    pairs, returns, feeds = (octets.count(mark) for mark in _CRLF_COUNTS)
    if not pairs == returns == feeds:
        raise MalformedMessage("Message has a bare CR or LF; lines end in CRLF")


def _check_author(office: PostOffice, submitter: Account, header: bytes) -> None:
    """From must be there once, and name only addresses of the login (RFC 6409 §6.1; RFC 5322 §3.6.2), and so must each
    Resent-From.
    """
    if header[:1] in (b" ", b"\t"):  # it would go on with the field that we put in front (RFC 5322 §2.2.3)
        raise MalformedMessage("Message begins in the middle of a field")
    fields = find_all(header, "From")
    if len(fields) != 1:
        raise MalformedMessage("Message must have one From field", reason=f"{len(fields)} From fields")
    for name, field in (("From", fields[0]), *(("Resent-From", each) for each in find_all(header, "Resent-From"))):
        _check_authors(office, submitter, name, field)


def _check_authors(office: PostOffice, submitter: Account, name: str, field: str) -> None:
    """What a reader would take for a colleague's address, in the name or a comment, counts too."""
    entries = [entry for entry in mailboxes(parse_addresses(field)) if entry.domain]
    authors = [utf8_text(f"{entry.local}@{entry.domain}") for entry in entries]
    if not authors:
        raise MalformedMessage(f"The {name} field names no address")
    with office.directory.read() as people:
        for author in authors:
            if not may_send_as(people, submitter.id, author):
                raise NotPermitted(
                    f"The {name} address does not belong to your login",
                    reason=f"{submitter.login} may not write as {author!r}",
                )
        for shown, domain in _ADDRESS_SHOWN.findall(decode_words(unfold(field))):
            if is_local_domain(people, domain.lower()) and not may_send_as(people, submitter.id, shown):
                raise NotPermitted(
                    f"The {name} field shows an address that does not belong to your login",
                    reason=f"{submitter.login} may not show {shown!r} as the author",
                )


def _check_sender_field(office: PostOffice, submission: Submission, header: bytes) -> None:
    """Sender names who really sent it (RFC 5322 §3.6.2): the login, or the person who acts for it; RFC 6409 §8.1.  So
    does each Resent-Sender.
    """
    known = [each for each in (submission.submitter, submission.writer) if each is not None]
    fields = [("Resent-Sender", each) for each in find_all(header, "Resent-Sender")]
    if senders := find_all(header, "Sender"):
        fields.append(("Sender", ", ".join(senders)))  # of which there may be one
    with office.directory.read() as people:
        for name, field in fields:
            entries = [utf8_text(address_text(entry)) for entry in mailboxes(parse_addresses(field))]
            if len(entries) != 1 or not any(may_send_as(people, each.id, entries[0]) for each in known):
                raise NotPermitted(
                    f"The {name} address does not belong to your login",
                    reason=f"{submission.submitter.login} may not name {entries!r} as the sender",
                )


def _complete(
    office: PostOffice, octets: bytes | Path, header: bytes, reference: str
) -> tuple[bytes | Path, bytes | None]:
    """The message as it goes out, and the submitter's own copy if that differs (it keeps its Bcc, and Resent-Bcc)."""
    missing = []
    if find_field(header, "Date") is None:
        missing.append(("Date", format_date(office.now())))
    if find_field(header, "Message-ID") is None:
        missing.append(("Message-ID", f"<{reference}.{office.now()}@{office.config.city.hostname}>"))
    has_bcc = any(find_field(header, name) is not None for name in _BLIND)
    if not missing and not has_bcc:
        return octets, None
    if isinstance(octets, Path):
        path, octets = octets, octets.read_bytes()
        path.unlink()
    completed = add_fields(octets, missing) if missing else octets
    if not has_bcc:
        return completed, None
    return remove_fields(completed, _BLIND), completed


def _sent_mailbox(office: PostOffice, account_id: str) -> int | None:
    """The account's mailbox for \\Sent; made if this account never had one."""
    office.inbox_of(account_id)
    with office.store.read() as connection:
        sent = special_mailbox(connection, account_id, "\\Sent")
    return sent.id if sent is not None else None
