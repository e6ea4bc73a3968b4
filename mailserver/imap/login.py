"""Who are you: LOGIN, AUTHENTICATE, STARTTLS, and the commands of any state.

A login proven a few minutes ago is recognised in place; any other is judged on a thread, since a password hash
takes its time.  What the throttle tells to wait is waited without holding anything.

Standards: RFC 9051 §6.1, §6.2, §6.3.1; RFC 4959 (SASL-IR), RFC 4616 (PLAIN), RFC 2971 (ID), RFC 5161 (ENABLE).
"""

from __future__ import annotations

import logging
from dataclasses import replace

from directory.accounts import Account
from directory.login import LoginRefused
from mailserver.imap import capabilities
from mailserver.imap.grammar.commands import Authenticate, Bare, Enable, Identify, Login
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.responses import PrivacyRequired, bye
from mailserver.imap.grammar.syntax import SyntaxFault
from mailserver.imap.session import Reply, Session, State
from mailserver.imap.steps import InThread, Pause, Prompt, Steps
from mailserver.refusals import CannotDo, LimitReached
from mailserver.store import mailboxes
from security import sasl

log = logging.getLogger("citymail.imap")

_SERVER_ID = b'* ID ("name" "CityMail" "vendor" "CityMail")\r\n'
_LONGEST_CLIENT_ID = 200


def capability(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    yield b"* CAPABILITY " + session.capabilities() + b"\r\n"


def noop(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    """News are announced after every command; this one is only that."""
    yield b""


def logout(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    session.select(None)
    session.state = State.LOGOUT
    yield bye("Logging out")


def identify(session: Session, command: Identify, tag: bytes) -> Steps[None]:
    named = {name.lower(): value for name, value in command.fields if value}
    words = [named[name] for name in (b"name", b"version", b"os") if name in named]
    session.client_id = b" ".join(words)[:_LONGEST_CLIENT_ID].decode("utf-8", "replace")
    if session.client_id:
        log.info("client is %r; %s", session.client_id, session)
    yield _SERVER_ID


def enable(session: Session, command: Enable, tag: bytes) -> Steps[None]:
    """RFC 5161 §3.1: what is unknown is passed over."""
    wanted = [name for name in command.capabilities if name in capabilities.ENABLEABLE]
    fresh = [name for name in dict.fromkeys(wanted) if name not in session.enabled]
    session.enabled |= frozenset(fresh)
    if b"IMAP4REV2" in fresh:
        session.rev2 = session.utf8 = True
    if b"UTF8=ACCEPT" in fresh:
        session.utf8 = True
    if b"QRESYNC" in fresh:
        session.manner = replace(session.manner, vanished=True)
    if b"UIDONLY" in fresh:
        session.manner = replace(session.manner, uid_only=True)
    yield b" ".join([b"* ENABLED", *(capabilities.ENABLED_NAMES[name] for name in fresh)]) + b"\r\n"
    if b"CONDSTORE" in fresh or b"QRESYNC" in fresh:  # RFC 7162 §3.2.3
        yield session.enable_condstore()


def start_tls(session: Session, command: Bare, tag: bytes) -> Steps[Reply]:
    yield b""
    if session.secure:
        raise SyntaxFault("TLS is in use already")
    if session.services.tls_context is None:
        raise CannotDo("TLS is not available")
    session.starts_tls = True
    return Reply("Begin TLS negotiation now")


def login(session: Session, command: Login, tag: bytes) -> Steps[Reply]:
    if not session.may_log_in:
        raise PrivacyRequired
    try:
        user, password = command.user.decode("utf-8"), command.password.decode("utf-8")
    except UnicodeDecodeError:
        raise SyntaxFault("Login and password must be UTF-8") from None
    return (yield from _admit(session, user, password, ""))


def authenticate(session: Session, command: Authenticate, tag: bytes) -> Steps[Reply]:
    """RFC 9051 §6.2.2; a client that breaks the exchange is answered BAD."""
    exchange = sasl.begin(command.mechanism.decode("ascii"))
    if exchange is None:
        raise CannotDo("Unknown mechanism")
    if not session.may_log_in:
        raise PrivacyRequired
    try:
        step = exchange.start(None if command.initial is None else sasl.decode_initial(command.initial))
        while isinstance(step, sasl.Challenge):
            line = yield Prompt(b"+ " + sasl.encode_challenge(step) + b"\r\n")
            if not isinstance(line, Framed) or line.literals:
                raise SyntaxFault("Response is too long")
            step = exchange.respond(sasl.decode_response(line.text))
    except sasl.SaslFault as fault:
        raise SyntaxFault(str(fault)) from None
    return (yield from _admit(session, step.authcid, step.password, step.authzid))


def _admit(session: Session, user: str, password: str, authzid: str) -> Steps[Reply]:
    gate = session.services.gate
    account: Account | None = None
    if not authzid or authzid == user:
        account = gate.recall(user, password, session.client)
    if account is None:
        pause = gate.pause(user, session.client)
        if pause > 0:
            yield Pause(pause)
        try:
            account = yield InThread(lambda: gate.authenticate(user, password, session.client, "imap", authzid))
        except LoginRefused as refused:
            if refused.delay > 0:
                yield Pause(refused.delay)
            return Reply(refused.client_text, _REFUSED_CODES.get(refused.reason, b"AUTHENTICATIONFAILED"), is_no=True)
        assert account is not None
    limit = session.services.config.imap.max_connections_per_account
    if session.services.presence.get(account.id, 0) >= limit:
        raise LimitReached("Too many connections of this account")
    yield from _open_maildrop(session, account.id)
    session.enter(account)
    log.info("logged in; %s", session)
    return Reply("Logged in", b"CAPABILITY " + session.capabilities())


def _open_maildrop(session: Session, account_id: str) -> Steps[None]:
    """At the first login an account gets its mailboxes."""
    store = session.services.store
    with store.read() as connection:
        if mailboxes.has_standard(connection, account_id):
            return
    yield InThread(lambda: store.maildrop(account_id))


# RFC 9051 §7.1, RFC 5530
_REFUSED_CODES = {
    "credentials": b"AUTHENTICATIONFAILED",
    "throttled": b"LIMIT",
    "locked": b"CONTACTADMIN",
    "must-change": b"EXPIRED",
    "not-delegated": b"AUTHORIZATIONFAILED",
}


def namespace(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    """RFC 9051 §6.3.10: everything is personal, for now."""
    yield b'* NAMESPACE (("" "/")) NIL NIL\r\n'


def idle(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    """RFC 9051 §6.3.13.  The watch begins before the first look, so nothing falls between."""
    watch = None
    if session.selected is not None:
        watch = session.services.store.watch([session.selected.mailbox_id], session.woken)
    try:
        line = yield Prompt(b"+ idling\r\n" + session.news(), idle=True)
    finally:
        if watch is not None:
            watch.close()
    if not isinstance(line, Framed) or line.text.upper() != b"DONE":
        raise SyntaxFault("Expected DONE")
