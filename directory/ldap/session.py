"""One client's conversation, without a socket: octets in, operations as generators of steps out.

    session.feed(octets)
    while (steps := session.next()) is not None: …   # one operation after the other
    session.is_over: close

While an operation runs, further octets may be fed: an Abandon reaches it so.

Standards: RFC 4511 §4 (operations), §4.1.11 (controls), §4.2 (bind), §4.11 (abandon), §4.14 (StartTLS); RFC 4513 §5, §6
(who is who); RFC 4532 (Who am I); RFC 4616 (PLAIN), RFC 4422 appendix A (EXTERNAL).
Limits: operations of one connection are answered in their order; ``MOST_WAITING`` may wait.  Nothing is written.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from directory.database import Directory
from directory.ldap import dn, root
from directory.ldap.answers import Answers
from directory.ldap.ber import BerFault, Framer
from directory.ldap.comparing import compare
from directory.ldap.entries import NAMED_BY, leaf_text, suffix
from directory.ldap.look_ups import Finder
from directory.ldap.messages import (
    PASSWORD_MODIFY,
    START_TLS,
    SUCCESS,
    WHO_AM_I,
    Abandon,
    Answer,
    Bind,
    Code,
    Compare,
    Control,
    Extended,
    Message,
    Request,
    Result,
    Search,
    Unbind,
    Write,
    numbered,
    read_request,
    write_notice,
    write_result,
)
from directory.ldap.policy import Asker, Policy
from directory.ldap.searching import NOT_YOU, OVER, Operation, Searches
from directory.ldap.steps import Close, Look, Send, StartTls, Steps
from directory.mail.accounts import Account
from directory.signing_in.admission import Admission
from directory.signing_in.login import Gate, LoginRefused
from directory.signing_in.sasl_login import Conversation, admit, converse
from security.peer import Peer
from security.sasl import Challenge, Credentials, SaslFault

log = logging.getLogger("citymail.ldap")

MECHANISMS = ("PLAIN", "EXTERNAL")
MOST_WAITING = 100
# Octets of one message, before a login and after it.
STRANGERS_MESSAGE, MEMBERS_MESSAGE = 64 * 1024, 512 * 1024

_WRITES = {
    Answer.ADD: "add with: citymail official add, unit add, mailbox add, group add",
    Answer.DELETE: "remove with: citymail official remove, unit remove, mailbox remove, group remove",
    Answer.MODIFY: "change with: citymail official, unit, mailbox, alias, group",
    Answer.MODIFY_DN: "move with: citymail official move, unit move, unit rename",
}
_NO_PASSWORDS = Result(
    Code.UNWILLING_TO_PERFORM, "Passwords are changed in the webmail, or with: citymail official passwd"
)
_TLS_FIRST = Result(Code.CONFIDENTIALITY_REQUIRED, "Passwords are taken only under TLS")
_WRONG = Result(Code.INVALID_CREDENTIALS, "Wrong login or password")


@dataclass(frozen=True, slots=True)
class Services:
    """What the sessions of a process share."""

    directory: Directory
    gate: Gate
    policy: Policy
    offers_tls: bool = False  # StartTLS
    finder: Finder = field(default_factory=Finder)
    answers: Answers = field(default_factory=Answers)
    monotonic: Callable[[], float] = time.monotonic


class Session:
    """``peer`` is what the shell knows of the client; it gives another one once TLS has begun."""

    def __init__(self, services: Services, peer: Peer, *, takes_passwords: bool) -> None:
        self.peer = peer
        self.takes_passwords = takes_passwords or peer.tls is not None
        self.is_over = False
        self._services = services
        self._framer = Framer(STRANGERS_MESSAGE)
        self._waiting: deque[Message | Request] = deque()
        self._heard = 0  # octets of the messages that wait
        self._running: Operation | None = None
        self._broken: Steps | None = None
        self._admission: Admission | None = None
        self._known: tuple[tuple[int, float], Asker] | None = None  # who he is, in this state of the directory
        self._sasl: tuple[str, Conversation] | None = None
        self._searches = Searches(services.directory, services.finder, services.answers, services.monotonic)

    @property
    def account(self) -> Account | None:
        return self._admission.account if self._admission is not None else None

    @property
    def is_full(self) -> bool:
        """Read no more for now."""
        return len(self._waiting) >= MOST_WAITING or self._heard >= MEMBERS_MESSAGE

    @property
    def has_begun(self) -> bool:
        """A message of which the rest has not come."""
        return self._framer.has_unread

    @property
    def is_quiet(self) -> bool:
        """Nothing has been said that is not answered."""
        return not self._waiting and not self._framer.has_unread and self._broken is None

    # Octets

    def feed(self, octets: bytes) -> None:
        if self.is_over or self._broken is not None:
            return
        self._framer.feed(octets)
        self._read()

    def _read(self) -> None:
        try:
            while not self.is_full and (content := self._framer.next()) is not None:
                self._heard += len(content)
                self._take(read_request(content))
        except BerFault as fault:
            self._broken = self._break(fault)

    def _take(self, request: Request) -> None:
        if request.is_search:  # looked into in its turn, unless it was answered lately
            self._waiting.append(request)
            return
        message = request.read()
        operation = message.operation
        if isinstance(operation, Unbind):
            self.is_over = True
            self._waiting.clear()
            if self._running is not None:
                self._running.is_abandoned = True
        elif isinstance(operation, Abandon):  # never answered (RFC 4511 §4.11)
            if self._running is not None and self._running.id == operation.message_id:
                self._running.is_abandoned = True
            self._waiting = deque(
                each
                for each in self._waiting
                if each.id != operation.message_id
                or (isinstance(each, Message) and isinstance(each.operation, Bind | Extended))
            )
        else:
            self._waiting.append(message)

    def next(self) -> Steps | None:
        """The next operation, once the last one is finished."""
        self._running = None
        if not self._waiting and self._broken is None and not self.is_over:
            self._heard = 0
            self._read()
        if self.is_over:
            return None
        if self._waiting:
            message = self._waiting.popleft()
            self._running = Operation(message.id)
            if isinstance(message, Request):
                return self._search(message, self._running)
            return self._run(message)
        broken, self._broken = self._broken, None
        return broken

    def farewell(self, text: str) -> bytes:
        """The server ends the connection."""
        self.is_over = True
        return write_notice(Result(Code.UNAVAILABLE, text))

    def _break(self, fault: BerFault) -> Steps:
        log.info("client=%s broken message: %s", self.peer.client, fault)
        self._waiting.clear()
        yield from self._hang_up(Result(Code.PROTOCOL_ERROR, str(fault).capitalize()))

    def _hang_up(self, result: Result) -> Steps:
        self.is_over = True
        yield Close(write_notice(result))

    # Operations

    def _search(self, request: Request, operation: Operation) -> Steps:
        known = yield Look(partial(self._searches.recall, request.octets, self._asker), is_light=True)
        if known is not None:
            yield Send(numbered(request.id, known))
            return
        try:
            message = request.read()
        except BerFault as fault:
            yield from self._break(fault)
            return
        search = message.operation
        assert isinstance(search, Search)
        unknown = _unknown(message.controls, root.CONTROLS)
        if unknown is not None:
            yield Send(write_result(message.id, Answer.DONE, unknown))
            return
        public = self._searches.public(message, search, self._mechanisms, offers_tls=self._offers_tls)
        if public is not None:
            yield from public
        else:
            yield from self._searches.run(operation, request.octets, message, search, self._asker)

    def _run(self, message: Message) -> Steps:
        request = message.operation
        answer = _answer_to(request)
        unknown = _unknown(message.controls, ())
        if unknown is not None:
            yield Send(write_result(message.id, answer, unknown))
        elif isinstance(request, Bind):
            yield from self._bind(message.id, request)
        elif isinstance(request, Compare):
            yield from self._compare(message.id, request)
        elif isinstance(request, Extended):
            yield from self._extended(message.id, request)
        elif isinstance(request, Write):
            text = f"The directory is read-only here; {_WRITES[request.answer]}"
            yield Send(write_result(message.id, answer, Result(Code.UNWILLING_TO_PERFORM, text)))

    def _asker(self) -> Asker | None:
        """On a thread.  None: who was let in would not be let in again."""
        if self._admission is None:
            return Asker(None, self._services.policy)
        with self._services.directory.read() as conn:
            state = conn.memory.state
            if self._known is None or self._known[0] != state:
                account = self._services.gate.still_holds(self._admission)
                if account is None:
                    self._become(None)
                    return None
                self._known = state, Asker(account, self._services.policy)
            return self._known[1]

    def _compare(self, message_id: int, request: Compare) -> Steps:
        def judge() -> Result:
            asker = self._asker()
            if asker is None or not asker.may_search:
                return OVER if asker is None else NOT_YOU
            return compare(self._services.directory, self._services.finder, asker, request)

        result: Result = yield Look(judge)
        yield Send(write_result(message_id, Answer.COMPARE, result))

    def _extended(self, message_id: int, request: Extended) -> Steps:
        if request.oid == WHO_AM_I:
            name: bytes = yield Look(self._own_name)
            yield Send(write_result(message_id, Answer.EXTENDED, SUCCESS, value=name))
        elif request.oid == START_TLS and self._services.offers_tls and not (self._offers_tls and self._sasl is None):
            text = "TLS has begun already, or a bind is under way"  # RFC 4513 §3.1.1
            yield Send(write_result(message_id, Answer.EXTENDED, Result(Code.OPERATIONS_ERROR, text), oid=START_TLS))
        elif request.oid == START_TLS and self._offers_tls:
            if not self.is_quiet:
                # RFC 4511 §4.14.1: plain octets behind it; somebody put them there
                yield from self._hang_up(Result(Code.PROTOCOL_ERROR, "Nothing may follow before TLS has begun"))
                return
            self._become(None)
            yield StartTls(write_result(message_id, Answer.EXTENDED, SUCCESS, oid=START_TLS))
            self.takes_passwords = True
        elif request.oid == PASSWORD_MODIFY:
            yield Send(write_result(message_id, Answer.EXTENDED, _NO_PASSWORDS))
        else:  # RFC 4511 §4.12
            text = "This extended operation is not known here"
            yield Send(write_result(message_id, Answer.EXTENDED, Result(Code.PROTOCOL_ERROR, text)))

    @property
    def _offers_tls(self) -> bool:
        return self._services.offers_tls and self.peer.tls is None

    def _own_name(self) -> bytes:
        """RFC 4532 §2.2, RFC 4513 §5.2.1.8."""
        account = self.account
        if account is None:
            return b""
        with self._services.directory.read() as conn:
            return b"dn:" + leaf_text(conn, "account", account.login).encode("utf-8")

    # Bind

    def _mechanisms(self) -> tuple[str, ...]:
        offered = self._services.gate.mechanisms(self.peer)
        return tuple(each for each in MECHANISMS if each in offered and (self.takes_passwords or each == "EXTERNAL"))

    def _become(self, admission: Admission | None) -> None:
        self._admission, self._known = admission, None
        self._searches.forget()
        self._framer.limit = STRANGERS_MESSAGE if admission is None else MEMBERS_MESSAGE

    def _bind(self, message_id: int, bind: Bind) -> Steps:
        # RFC 4513 §4: whoever begins to bind is nobody until it is done
        self._become(None)
        going_on, self._sasl = self._sasl, None
        sasl: bytes | None = None
        try:
            if bind.version != 3:
                result = Result(Code.PROTOCOL_ERROR, "Only LDAPv3 is spoken here")
            elif bind.mechanism is None:
                result = yield from self._simple(bind)
            elif bind.mechanism.upper() not in self._mechanisms():
                is_plain = bind.mechanism.upper() == "PLAIN" and not self.takes_passwords
                text = "That mechanism is not offered; the root DSE tells which are"
                result = _TLS_FIRST if is_plain else Result(Code.AUTH_METHOD_NOT_SUPPORTED, text)
            else:
                result, sasl = yield from self._by_sasl(bind, going_on)
        except LoginRefused as refused:
            code = Code.BUSY if refused.reason == "throttled" else Code.INVALID_CREDENTIALS
            result = Result(code, refused.client_text)
        except SaslFault as fault:
            result = Result(Code.INVALID_CREDENTIALS, str(fault).capitalize())
        if self._admission is not None:
            log.info("client=%s login=%s bound", self.peer.client, self._admission.account.login)
        yield Send(write_result(message_id, Answer.BIND, result, sasl=sasl))

    def _simple(self, bind: Bind) -> Generator[Any, Any, Result]:
        secret = bind.secret or b""
        if not secret:
            if not bind.name:
                return SUCCESS  # RFC 4513 §5.1.1
            # RFC 4513 §5.1.2: a program that forgot the password must not think it had been right
            return Result(Code.UNWILLING_TO_PERFORM, "A name wants a password")
        if not self.takes_passwords:
            return _TLS_FIRST
        login: str = yield Look(partial(self._login_of, bind.name))
        try:
            password = secret.decode("utf-8")
        except UnicodeDecodeError:
            return _WRONG
        if not login:
            return _WRONG
        self._become((yield from admit(self._services.gate, Credentials("", login, password), self.peer)))
        return SUCCESS

    def _login_of(self, name: str) -> str:
        """From an entry's name; Outlook and others show a bare login."""
        if "=" not in name:
            return name.strip()
        try:
            parsed = dn.parse(name)
        except dn.DnFault:
            return ""
        if not parsed or len(parsed[0]) != 1:
            return ""
        ((kind, value),) = parsed[0]
        with self._services.directory.read() as conn:
            is_ours = dn.folded(parsed) == dn.key(leaf_text(conn, "account", value))
            is_below = dn.folded(parsed)[-len(suffix(conn)) :] == dn.folded(suffix(conn))
        by_mail = is_below and kind.lower() == "mail"
        by_uid = is_ours and kind.lower() == NAMED_BY["account"]
        return value if by_uid or by_mail else ""

    def _by_sasl(
        self, bind: Bind, going_on: tuple[str, Conversation] | None
    ) -> Generator[Any, Any, tuple[Result, bytes | None]]:
        assert bind.mechanism is not None
        mechanism = bind.mechanism.upper()
        gate = self._services.gate
        answer: Any = None
        if going_on is not None and going_on[0] == mechanism:
            conversation, answer = going_on[1], bind.secret or b""
        else:
            exchange = gate.begin(mechanism, self.peer)
            assert exchange is not None  # it is among ours
            conversation = converse(gate, exchange, bind.secret, self.peer)
        fault: BaseException | None = None
        while True:
            try:
                step = conversation.send(answer) if fault is None else conversation.throw(fault)
            except StopIteration as end:
                self._become(end.value)
                return SUCCESS, None
            answer = fault = None
            if isinstance(step, Challenge):
                self._sasl = mechanism, conversation
                return Result(Code.SASL_BIND_IN_PROGRESS), step.octets
            try:
                answer = yield step
            except LoginRefused as refused:
                fault = refused


def _unknown(controls: Sequence[Control], known: Collection[str]) -> Result | None:
    """RFC 4511 §4.1.11."""
    for control in controls:
        if control.critical and control.oid not in known:
            text = f"Critical control {control.oid[:80]} is not known here"
            return Result(Code.UNAVAILABLE_CRITICAL_EXTENSION, text)
    return None


def _answer_to(request: object) -> Answer:
    if isinstance(request, Write):
        return request.answer
    if isinstance(request, Bind):
        return Answer.BIND
    if isinstance(request, Compare):
        return Answer.COMPARE
    return Answer.EXTENDED if isinstance(request, Extended) else Answer.DONE
