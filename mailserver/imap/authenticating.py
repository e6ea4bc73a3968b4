"""LOGIN and AUTHENTICATE: who are you, and for whom do you act?

The conversation itself is ``directory.signing_in.sasl_login``, the same as SMTP's; here its steps become those of IMAP.

Standards: RFC 9051 §6.2.2, §6.2.3; RFC 4959 (SASL-IR), RFC 5530 (response codes).
"""

from __future__ import annotations

import logging
from typing import Any

from directory.signing_in.admission import Admission
from directory.signing_in.login import LoginRefused
from directory.signing_in.sasl_login import Away, Conversation, Wait, admit, converse
from mailserver.imap.grammar.commands import Authenticate, Login
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.responses import PrivacyRequired
from mailserver.imap.grammar.syntax import SyntaxFault
from mailserver.imap.session import Reply, Session, presence_key
from mailserver.imap.steps import InThread, Pause, Prompt, Steps
from mailserver.refusals import CannotDo, LimitReached
from mailserver.store import mailboxes
from security import sasl

log = logging.getLogger("citymail.imap")

# RFC 9051 §7.1, RFC 5530
_REFUSED_CODES = {
    "credentials": b"AUTHENTICATIONFAILED",
    "throttled": b"LIMIT",
    "locked": b"CONTACTADMIN",
    "must-change": b"EXPIRED",
    "second-factor": b"AUTHENTICATIONFAILED",
}


def login(session: Session, command: Login, tag: bytes) -> Steps[Reply]:
    if not session.may_log_in:
        raise PrivacyRequired
    try:
        user, password = command.user.decode("utf-8"), command.password.decode("utf-8")
    except UnicodeDecodeError:
        raise SyntaxFault("Login and password must be UTF-8") from None
    shown = sasl.Credentials("", user, password)
    return (yield from _enter(session, admit(session.services.gate, shown, session.peer)))


def authenticate(session: Session, command: Authenticate, tag: bytes) -> Steps[Reply]:
    """RFC 9051 §6.2.2; a client that breaks the exchange is answered BAD."""
    gate = session.services.gate
    exchange = gate.begin(command.mechanism.decode("ascii"), session.peer)
    if exchange is None:
        raise CannotDo("Unknown mechanism")
    if not session.may_log_in:
        raise PrivacyRequired
    try:
        initial = None if command.initial is None else sasl.decode_initial(command.initial)
        return (yield from _enter(session, converse(gate, exchange, initial, session.peer)))
    except sasl.SaslFault as fault:
        raise SyntaxFault(str(fault)) from None


def _enter(session: Session, conversation: Conversation) -> Steps[Reply]:
    try:
        admission = yield from _talk(conversation)
    except LoginRefused as refused:
        return Reply(refused.client_text, _REFUSED_CODES[refused.reason], is_no=True)
    account = admission.account
    if session.is_narrowed(admission):
        # Some rights in it were taken from this colleague: as its owner he would have them all.
        return Reply("Open that mailbox from your own account", b"AUTHORIZATIONFAILED", is_no=True)
    limit = session.services.config.imap.max_connections_per_account
    if session.services.presence.count(presence_key(account.id)) >= limit:
        raise LimitReached("Too many connections of this account")
    yield from _open_maildrop(session, account.id)
    session.enter(admission)
    log.info("logged in by %s; %s", admission.means, session)
    return Reply("Logged in", b"CAPABILITY " + session.capabilities())


def _talk(conversation: Conversation) -> Steps[Admission]:
    answer: Any = None
    fault: BaseException | None = None
    while True:
        try:
            step = conversation.throw(fault) if fault is not None else conversation.send(answer)
        except StopIteration as end:
            admission: Admission = end.value
            return admission
        answer = fault = None
        if isinstance(step, sasl.Challenge):
            line = yield Prompt(b"+ " + sasl.encode_challenge(step) + b"\r\n")
            if not isinstance(line, Framed) or line.literals:
                raise SyntaxFault("Response is too long")
            answer = sasl.decode_response(line.text)
        elif isinstance(step, Wait):
            yield Pause(step.seconds)
        else:
            assert isinstance(step, Away)
            try:
                answer = yield InThread(step.call, judges=True)
            except LoginRefused as refused:
                fault = refused


def _open_maildrop(session: Session, account_id: str) -> Steps[None]:
    """At the first login an account gets its mailboxes."""
    store = session.services.store
    with store.glance() as connection:
        if mailboxes.has_standard(connection, account_id):
            return
    yield store.write(lambda tx: mailboxes.ensure_maildrop(tx, account_id))
