"""What is said around a login: STARTTLS, ID, ENABLE, IDLE, and the commands of any state.

Standards: RFC 9051 §6.1, §6.2.1, §6.3.1; RFC 2971 (ID), RFC 5161 (ENABLE).
"""

from __future__ import annotations

import logging
from dataclasses import replace

from mailserver.imap import capabilities
from mailserver.imap.grammar.commands import Bare, Enable, Identify
from mailserver.imap.grammar.responses import bye
from mailserver.imap.grammar.syntax import SyntaxFault
from mailserver.imap.session import Reply, Session, State
from mailserver.imap.steps import Steps
from mailserver.refusals import CannotDo

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
    session.identified(b" ".join(words)[:_LONGEST_CLIENT_ID].decode("utf-8", "replace"))
    if session.client_id:
        log.info("client is %r; %s", session.client_id, session)
    yield _SERVER_ID


def enable(session: Session, command: Enable, tag: bytes) -> Steps[None]:
    """RFC 5161 §3.1: what is unknown is passed over."""
    wanted = [name for name in command.capabilities if name in capabilities.ENABLEABLE]
    wanted = [name for name in wanted if not capabilities.hides(session.hidden, name)]
    fresh = [name for name in dict.fromkeys(wanted) if name not in session.enabled]
    session.enabled |= frozenset(fresh)
    if b"IMAP4REV2" in fresh:
        session.rev2 = session.utf8 = True
        if session.selected is not None:
            session.selected.recents = None
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


def idle(session: Session, command: Bare, tag: bytes) -> Steps[None]:
    """RFC 9051 §6.3.13.  The watch begins before the first look, so nothing falls between."""
    session.begin_idle(tag)
    yield b"+ idling\r\n" + session.news()
