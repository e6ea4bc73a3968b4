"""From a framed command to its tagged answer.

What a command may do is in ``table.COMMANDS``.  Handlers answer only what was asked: what else happened in the
mailbox is announced here, after each command, as far as the command allows it (RFC 9051 §7.5.1).

Failures are of three kinds: ``SyntaxFault`` is answered BAD; a ``Refusal`` NO, with the code of
``responses.REFUSALS``; anything else is a bug, answered NO [SERVERBUG] with a reference that is also in the log.

Standards: RFC 9051 §2.2.1, §5.2, §5.5, §7.1.
"""

from __future__ import annotations

import logging

from mailserver.imap import catching_up, message_limit, rights
from mailserver.imap.grammar.framing import TAG, Framed, discard
from mailserver.imap.grammar.responses import bye, no, ok, refusal_code
from mailserver.imap.grammar.syntax import Cursor, NumbersRefused, SyntaxFault
from mailserver.imap.selected import MailboxGone
from mailserver.imap.session import Reply, Session, State
from mailserver.imap.steps import AnswerBroken, Steps
from mailserver.imap.table import COMMANDS, Spec
from mailserver.refusals import Refusal

log = logging.getLogger("citymail.imap")


def handle(session: Session, framed: Framed) -> Steps[None]:
    """One command; its steps end with exactly one tagged answer.  IDLE is answered by those of its DONE: thousands
    wait between the two for hours, and hold no generator meanwhile."""
    idle_tag = session.end_idle()
    tag_match = TAG.match(framed.text)
    if idle_tag is None and tag_match is None:
        discard(framed.literals)
        yield session.fault(b"", "Expected a tag and a command")
        return
    tag = idle_tag or (tag_match[0] if tag_match else b"")
    name = b"IDLE"
    try:
        if idle_tag is None:
            cursor = Cursor(framed, len(tag) + 1)
            cursor.trim()
            name = cursor.command_name()
            spec = find(session, name)
            try:
                reply = yield from _run(session, spec, name, spec.parse(cursor), tag)
            except BaseException:
                session.end_idle()  # what failed is answered at once
                raise
            if session.idling is not None:
                return  # answered when the client says DONE
        else:
            reply = yield from _leave_idle(session, framed, tag)
        text = reply.text or f"{name.decode('ascii')} completed"
        yield (no if reply.is_no else ok)(tag, text, reply.code)
    except SyntaxFault as fault:
        yield session.fault(tag, str(fault), fault.code)
    except Refusal as refusal:
        if refusal.reason != refusal.client_text:
            log.info("refused: %s; %s", refusal.reason, session)
        yield no(tag, refusal.client_text, refusal_code(refusal))
        if session.state is State.LOGOUT:
            yield bye(refusal.client_text)
    except MailboxGone:
        yield session.mailbox_gone()
    except AnswerBroken:
        log.exception("an answer broke off; %s", session)
        session.state = State.LOGOUT
    except Exception:
        reference = session.services.new_reference()
        log.exception("fault %s in %s; %s", reference, name.decode("ascii", "replace"), session)
        yield no(tag, f"Internal fault, reference {reference}", b"SERVERBUG")
    finally:
        discard(framed.literals)


def find(session: Session, name: bytes) -> Spec:
    spec = COMMANDS.get(name)
    if spec is None:
        raise SyntaxFault("Unknown command")
    if not session.sees(name):
        raise SyntaxFault("Unknown command")
    if session.state not in spec.states:
        raise SyntaxFault(f"Not allowed when {session.state.value}")
    if spec.by_number and session.manner.uid_only:
        raise NumbersRefused
    return spec


def is_heavy(session: Session, framed: Framed) -> bool:
    """Whether the command is better run away from the event loop; a guess that is never wrong, only sometimes slow."""
    if session.services.reads_block:
        return True
    words = framed.text[:200].upper().split(b" ", 4)
    name = words[1] if len(words) > 1 else b""
    if name == b"UID" and len(words) > 2:
        name = b"UID " + words[2]
    spec = COMMANDS.get(name)
    return spec is not None and spec.is_heavy is not None and spec.is_heavy(session, framed)


def _leave_idle(session: Session, framed: Framed, tag: bytes) -> Steps[Reply]:
    """RFC 9051 §6.3.13: nothing but DONE ends it."""
    if framed.text.upper() != b"DONE" or framed.literals:
        raise SyntaxFault("Expected DONE")
    yield from _news(session, tag)
    yield session.events()
    return Reply()


def _news(session: Session, tag: bytes, *, may_expunge: bool = True) -> Steps[None]:
    if session.waits_for_news:
        yield from catching_up.selected(session, tag)
    news = session.news(may_expunge=may_expunge)
    if news:
        yield news


def _run(session: Session, spec: Spec, name: bytes, command: object, tag: bytes) -> Steps[Reply]:
    session.verify_account()
    yield session.verify_place()
    rights.check(session.place, name)
    message_limit.check(session, name)
    if spec.looks_into is not None and spec.looks_into(command):
        yield from catching_up.selected(session, tag)
    try:
        reply = yield from spec.run(session, command, tag)
    except Refusal:
        # Also then: it may have told MODSEQs already, which mean nothing without the rest (RFC 7162 §6).
        if spec.announces and session.selected is not None:
            yield from _news(session, tag, may_expunge=spec.may_expunge)
        raise
    if spec.announces and session.selected is not None and not (reply and reply.is_current):
        may_expunge = spec.may_expunge and not (reply and reply.keeps_numbers)
        yield from _news(session, tag, may_expunge=may_expunge)
    if session.watcher is not None and session.state is not State.LOGOUT:
        yield session.events()
    return reply or Reply()
