"""One client's session: who it is, what it has enabled, which mailbox it looks at.  It owns no socket.

``dispatch.handle`` runs its commands; ``poll`` gives the news of a mailbox to a client that idles.

Standards: RFC 9051 §3 (states), §5.2, §7.1.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Protocol

from sqlalchemy import Connection

from directory.mail.accounts import Account
from directory.mail.hidden_capabilities import hidden_from, rules_of
from directory.signing_in.admission import Admission
from mailserver import access
from mailserver.access import Place
from mailserver.imap import capabilities
from mailserver.imap.grammar import mutf7
from mailserver.imap.grammar.framing import STRANGER, Excess, Limits, Rejected, member_limits
from mailserver.imap.grammar.responses import bad, bye, flag_list, mailbox_name, no, ok
from mailserver.imap.grammar.syntax import SyntaxFault
from mailserver.imap.rights import permanent_flags
from mailserver.imap.selected import MailboxGone, Manner, SelectedMailbox
from mailserver.imap.services import SessionServices
from mailserver.refusals import CannotDo, Refusal
from mailserver.store import mailboxes, readers
from mailserver.store.flags import SYSTEM_FLAGS
from mailserver.store.unscanned import in_mailbox
from mailserver.store.wakeups import Watch
from security.networks import is_within
from security.peer import Peer

# Faults of syntax after which a client is sent away: a stranger soon, a member late.
STRANGERS_FAULTS = 10
MEMBERS_FAULTS = 200
# How long a session trusts what it knows of its account: a locked one is out within this time.
ACCOUNT_TRUST = 60.0
# One for all: Python makes an empty frozenset anew each time, and there are thousands of sessions.
_NONE_ENABLED: frozenset[bytes] = frozenset()
_PLAIN = Manner()


class State(Enum):
    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


@dataclass(frozen=True, slots=True)
class Reply:
    """A tagged answer; an empty text becomes "… completed".  ``keeps_numbers``: no EXPUNGE may be told with it;
    ``is_current``: the command has seen that there are no news."""

    text: str = ""
    code: bytes = b""
    is_no: bool = False
    keeps_numbers: bool = False
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Idling:
    """An IDLE that waits for its DONE; ``watch`` is on the selected mailbox."""

    tag: bytes
    watch: Watch | None


class Listener(Protocol):
    """What NOTIFY set up: it tells news in place of the session (``imap.notify``)."""

    listens: bool

    @property
    def looks_into(self) -> bool: ...

    def news(self, *, may_expunge: bool, between: bool) -> bytes: ...
    def events(self) -> bytes: ...
    def close(self) -> None: ...


class Session:
    __slots__ = (
        "_faults",
        "_trusted_until",
        "account",
        "admission",
        "client",
        "client_id",
        "compressed",
        "enabled",
        "hidden",
        "idling",
        "manner",
        "on_wake",
        "place",
        "rev2",
        "secure",
        "selected",
        "services",
        "starts_tls",
        "state",
        "tls",
        "utf8",
        "watcher",
    )

    def __init__(self, services: SessionServices, client: str, secure: bool) -> None:
        self.services = services
        self.client = client  # IP address
        self.secure = secure  # TLS
        self.state = State.NOT_AUTHENTICATED
        self.account: Account | None = None
        self.admission: Admission | None = None
        self.selected: SelectedMailbox | None = None
        self.place: Place | None = None  # whose mailbox is selected, and what may be done in it
        self.watcher: Listener | None = None  # set by NOTIFY
        self.client_id = ""
        self.enabled = _NONE_ENABLED
        self.rev2 = self.utf8 = False
        self.manner = _PLAIN  # how news are told; CONDSTORE, QRESYNC and UIDONLY change it
        self.idling: Idling | None = None
        self.starts_tls = False
        self.compressed = False  # from the end of this command on (RFC 4978)
        self.tls: ssl.SSLObject | None = None  # set by the shell
        self.hidden = capabilities.NOTHING_HIDDEN  # capabilities that this client is not to see
        self.on_wake: Callable[[], None] | None = None  # set by the shell
        self._faults = 0
        self._trusted_until = 0.0

    # What the shell asks

    def greeting(self) -> bytes:
        return ok(b"*", "CityMail ready", b"CAPABILITY " + self.capabilities())

    @property
    def limits(self) -> Limits:
        """What the framer is to let through now."""
        if self.account is None:
            return STRANGER
        settings = self.services.config.imap
        return _limits(settings.append_limit, settings.literal_plus)

    def news(self, *, may_expunge: bool = True, between: bool = False) -> bytes:
        """What happened in the selected mailbox that the client has not been told; ``between`` its commands."""
        if self.watcher is not None:
            return self.watcher.news(may_expunge=may_expunge, between=between)
        if self.selected is None:
            return b""
        store = self.services.store
        with store.glance() as connection:
            if self.selected.is_current(connection):
                return b""
        with self.reading_news() as connection:
            return self.selected.catch_up(connection, may_expunge=may_expunge, manner=self.manner)

    def reading_news(self) -> AbstractContextManager[Connection]:
        """A snapshot for news of the selected mailbox, which may say what new messages hold."""
        store = self.services.store
        return store.read_scanned(in_mailbox(self.view.mailbox_id)) if self.looks_into_news else store.read()

    @property
    def looks_into_news(self) -> bool:
        return self.selected is not None and (
            self.selected.contexts is not None or (self.watcher is not None and self.watcher.looks_into)
        )

    @property
    def waits_for_news(self) -> bool:
        """Whether they cannot be told before new messages are scanned."""
        return self.looks_into_news and not self.services.store.is_scanned(in_mailbox(self.view.mailbox_id))

    def events(self) -> bytes:
        """What happened elsewhere that NOTIFY asked for."""
        return b"" if self.watcher is None else self.watcher.events()

    @property
    def listens(self) -> bool:
        """Whether the client wants to be told things between its commands (RFC 5465)."""
        return self.watcher is not None and self.watcher.listens

    def listen(self, watcher: Listener | None) -> None:
        """From now on ``watcher`` decides what is told."""
        if self.watcher is not None:
            self.watcher.close()
        self.watcher = watcher

    def poll(self, *, between: bool = False) -> bytes:
        """News for a client that idles, or one that listens ``between`` its commands."""
        try:
            self.verify_account()
            return self.verify_place() + self.news(between=between) + self.events()
        except MailboxGone:
            return self.mailbox_gone()
        except Refusal as refusal:
            return bye(refusal.client_text)

    def still_here(self) -> bytes:
        """Said now and then to one who idles, so that dead connections show and locked accounts leave."""
        try:
            self.verify_account()
            told = self.verify_place()
        except Refusal as refusal:
            return bye(refusal.client_text)
        except MailboxGone:
            return self.mailbox_gone()
        return told + ok(b"*", "Still here")

    def rejected(self, event: Rejected) -> bytes:
        """A command that the framer dropped, or a line that ends an IDLE wrongly."""
        idle_tag = self.end_idle()
        if idle_tag is not None:
            return self.fault(idle_tag, "Expected DONE")
        code = b"TOOBIG" if event.excess in (Excess.MESSAGE, Excess.LITERAL, Excess.UNASKED) else b""
        if event.excess is Excess.MESSAGE:
            return no(event.tag or b"*", event.excess.value, code)
        return self.fault(event.tag, event.excess.value, code)

    def begin_idle(self, tag: bytes) -> None:
        watch = None
        if self.selected is not None:
            watch = self.services.store.watch([self.selected.mailbox_id], self.woken)
        self.idling = Idling(tag, watch)

    def end_idle(self) -> bytes | None:
        """The tag of the IDLE that was under way; None if none was."""
        idling, self.idling = self.idling, None
        if idling is None:
            return None
        if idling.watch is not None:
            idling.watch.close()
        return idling.tag

    def fault(self, tag: bytes, text: str, code: bytes = b"") -> bytes:
        """BAD; after too many of them also BYE."""
        self._faults += 1
        if self._faults >= (STRANGERS_FAULTS if self.account is None else MEMBERS_FAULTS):
            self.state = State.LOGOUT
            return bad(tag, text, code) + bye("Too many faults")
        return bad(tag, text, code)

    def tls_started(self) -> None:
        """Nothing that was said in the clear counts any more (RFC 9051 §6.2.1)."""
        self.secure = True
        self.starts_tls = False
        self.client_id = ""
        self._faults = 0

    def woken(self) -> None:
        """The store calls this, from any thread, when the watched mailbox changed."""
        wake = self.on_wake
        if wake is not None:
            wake()

    def close(self) -> None:
        """The connection is gone.  Idempotent."""
        self._depart()
        self.state = State.LOGOUT

    def leave(self) -> None:
        """RFC 8437 §4.1: as if nobody had logged in yet; only TLS stays, and what the client says it is (ID)."""
        self._depart()
        self.state = State.NOT_AUTHENTICATED
        self.enabled = _NONE_ENABLED
        self.rev2 = self.utf8 = self.compressed = False
        self.manner = _PLAIN
        self.hidden = capabilities.NOTHING_HIDDEN
        self._faults = 0
        self._trusted_until = 0.0

    def _depart(self) -> None:
        account, self.account = self.account, None
        self.admission = None
        self.end_idle()
        self.listen(None)
        self.selected = None
        self.place = None
        if account is not None:
            self.services.presence.remove(presence_key(account.id))

    # What handlers ask

    @property
    def member(self) -> Account:
        """The account that is logged in."""
        assert self.account is not None
        return self.account

    @property
    def account_id(self) -> str:
        return self.member.id

    @property
    def may_log_in(self) -> bool:
        """Passwords in the clear only from networks that the configuration names (RFC 9051 §11.7)."""
        if self.secure:
            return True
        return is_within(self.client, self.services.plaintext_networks)

    def capabilities(self) -> bytes:
        names = self._capabilities()
        # RFC 7888 §5: one of the two, never both.
        return names if self.services.config.imap.literal_plus else names.replace(b"LITERAL+", b"LITERAL-")

    def _capabilities(self) -> bytes:
        if self.account is not None:
            settings = self.services.config.imap
            # RFC 8437 §8: there is to be a way of turning it off.
            hidden = self.hidden if settings.unauthenticate else self.hidden | {b"UNAUTHENTICATE"}
            return capabilities.after_login(settings, hidden)
        may_start_tls = not self.secure and self.services.tls_context is not None
        mechanisms = self.services.gate.mechanisms(self.peer) if self.may_log_in else ()
        return capabilities.before_login(may_start_tls=may_start_tls, mechanisms=mechanisms)

    @property
    def peer(self) -> Peer:
        """The client as the gate judges it."""
        return Peer(self.client, "imap", self.tls)

    def identified(self, client_id: str) -> None:
        """The client says what it is; what is hidden may depend on it."""
        self.client_id = client_id
        self._hide()

    def _hide(self) -> None:
        if self.account is None:
            return
        with self.services.directory.read() as directory:
            rules = rules_of(directory, self.account.id)
        if rules or self.hidden:
            self.hidden = frozenset(name.encode("ascii") for name in hidden_from(rules, self.client_id))

    def sees(self, command: bytes) -> bool:
        if command == b"UNAUTHENTICATE" and not self.services.config.imap.unauthenticate:
            return False
        return not (self.hidden and capabilities.hides_command(self.hidden, command))

    def enter(self, admission: Admission) -> None:
        """The client has proven who it is."""
        account = admission.account
        self.admission = admission
        self.services.presence.add(presence_key(account.id))
        self.account = account
        self.state = State.AUTHENTICATED
        self._faults = 0
        self._trusted_until = self.services.clock() + ACCOUNT_TRUST
        self._hide()

    def verify_account(self) -> None:
        """Now and then: would the client still be let in, and what is the account's quota?"""
        now = self.services.clock()
        if self.account is None or self.admission is None or now < self._trusted_until:
            return
        account = self.services.gate.still_holds(self.admission)
        if account is None or self.is_narrowed(self.admission):
            self.state = State.LOGOUT
            raise AccountClosed
        self.account = account
        self._trusted_until = now + ACCOUNT_TRUST

    def is_narrowed(self, admission: Admission) -> bool:
        """Whether one who would act for a unit's mailbox may do less in it than its owner (RFC 4314 §2)."""
        if admission.actor.id == admission.account.id:
            return False
        with self.services.store.read() as connection, self.services.directory.read() as directory:
            return access.is_narrowed(directory, connection, admission.actor.id, admission.account.id)

    def verify_place(self) -> bytes:
        """Somebody else's mailbox is selected: look whether what may be done in it changed, and tell so.

        Raises MailboxGone when it may no longer be read (RFC 4314 §5.1.1).
        """
        place, view = self.place, self.selected
        if place is None or view is None or place.owner.id == self.account_id:
            return b""
        with self.services.store.read() as connection, self.services.directory.read() as directory:
            mailbox = mailboxes.get_mailbox(connection, int(place.key))
            if mailbox is None:
                raise MailboxGone
            having = access.rights_in(directory, connection, self.account_id, mailbox)
            if not having.issuperset(access.Act.READ.value):
                raise MailboxGone
            view.mailbox_id = readers.key_of(connection, mailbox.id, self.account_id)
        if having == place.rights:
            return b""
        self.place = place = replace(place, rights=having)
        flags = flag_list((*SYSTEM_FLAGS, *view.flags.keywords))
        allowed = 0 if view.read_only else place.allowed_flags
        return b"* FLAGS %b\r\n%b" % (flags, permanent_flags(allowed, view.flags.keywords))

    def select(self, view: SelectedMailbox | None, place: Place | None = None) -> None:
        self.selected = view
        self.place = place
        self.state = State.AUTHENTICATED if view is None else State.SELECTED

    @property
    def view(self) -> SelectedMailbox:
        assert self.selected is not None
        return self.selected

    @property
    def condstore(self) -> bool:
        """Whether the client has shown that it understands MODSEQ."""
        return self.manner.modseq

    def enable_condstore(self) -> bytes:
        """A CONDSTORE enabling command: the first one tells HIGHESTMODSEQ (RFC 7162 §3.1)."""
        if self.condstore:
            return b""
        self.manner = replace(self.manner, modseq=True)
        if self.selected is None:
            return b""
        return ok(b"*", "Now told with every change", b"HIGHESTMODSEQ %d" % self.selected.modseq)

    def decode_name(self, octets: bytes) -> str:
        """A mailbox name as this session spells it.  Raises CannotDo for what spells no name."""
        name = None if self.utf8 else mutf7.decode(octets)
        if name is None and (self.utf8 or not octets.isascii()):
            # Clients that write UTF-8 without asking for it mean what they write.
            try:
                name = octets.decode("utf-8")
            except UnicodeDecodeError:
                if self.utf8:
                    raise SyntaxFault("The mailbox name is not UTF-8") from None  # RFC 6855 §3
                name = None
        if name is None:
            raise CannotDo("The mailbox name is not well spelt")
        return name

    def encode_name(self, name: str) -> bytes:
        return mailbox_name(name, self.utf8)

    def mailbox_gone(self) -> bytes:
        """RFC 2180 §3.4: the client cannot be kept in step with a mailbox that is no more."""
        self.select(None)
        self.state = State.LOGOUT
        return bye("The selected mailbox was removed; please connect again")

    def __str__(self) -> str:
        login = self.account.login if self.account else "-"
        return f"client={self.client} login={login}"


def presence_key(account_id: str) -> str:
    """What an account's connections are counted under."""
    return "imap account " + account_id


class AccountClosed(Refusal):
    default_text = "This account is locked, or its password was changed"


@lru_cache(maxsize=16)
def _limits(append_limit: int, literal_plus: bool) -> Limits:
    return member_limits(append_limit, literal_plus=literal_plus)
