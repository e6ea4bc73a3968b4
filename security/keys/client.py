"""The key process, as those see it who have something signed or decrypted.

    keys = KeyProcess(path)
    keys.open(session, password)           at sign-in, and when a sealed key was shut meanwhile
    signer = keys.signer(session, account_id)          a cms.Signer, or a Refusal
    for key in keys.decrypters(session, account_id):   cms.Decrypters, or a Refusal
    keys.prove(session, password, code, site)          before a signature for another's mailbox
    keys.close(session)                    at sign-out

``session`` is the token of a web session, which the key process looks up itself: whose it is, whether it lasts, and
what its owner may do for the mailbox ``account_id``, his own or one that he works in.  Whoever has no such token gets
nothing signed.

What cannot be had is a ``Refusal``; only a key that was there when it was asked for and is not when it is used raises:
``KeyRefused``, a CmsFault.  Where the key process is away, every answer is ``Refusal.AWAY``.

An object serves many threads and may be made before forking: each thread has a connection of its own.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from security.authority.key_kinds import KeyFault
from security.cms.algorithms import OaepForm, SignatureScheme
from security.cms.keys import Decrypter, Signer, usual_scheme
from security.cms.reasons import CmsFault, Reason
from security.keys import wire
from security.keys.made import Brought, MadeKey, brought_from_fields, from_fields
from security.keys.wire import Refusal, WireFault
from security.webauthn import Site

# Longer than a token takes for a signature, and a password for its derivation.
_PATIENCE = 20.0


class KeyRefused(CmsFault):
    """Of a key that was promised: the session ended, the key was shut, revoked, or the key process is away."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(Reason.KEY_UNAVAILABLE, f"the key is not available: {refusal}")
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Opened:
    """How an account's keys stand after ``open``.  ``level``: sealed or managed.  ``usable``: whether the key process
    can use them now; if not, ``refusal`` says what is missing.
    """

    level: str
    refusal: Refusal | None = None

    @property
    def usable(self) -> bool:
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class RemoteKey:
    """One key that the key process uses for a session: a Signer and a Decrypter, as far as its kind goes."""

    process: KeyProcess
    session: str
    account_id: str
    key_id: str
    certificate: bytes

    @property
    def scheme(self) -> SignatureScheme:
        return usual_scheme(self.certificate)

    def sign(self, octets: bytes) -> bytes:
        """Raises KeyRefused, CmsFault."""
        return self._do("sign", octets)

    def unwrap(self, encrypted: bytes, form: OaepForm | None, length: int) -> bytes:
        """Raises KeyRefused, CmsFault."""
        oaep = (
            (b"", b"", b"") if form is None else (form.digest.name.encode(), form.mask_digest.name.encode(), form.label)
        )
        return self._do("unwrap", encrypted, *oaep, length.to_bytes(2))

    def agree(self, point: bytes) -> bytes:
        """Raises KeyRefused, CmsFault."""
        return self._do("agree", point)

    def _do(self, operation: str, *arguments: bytes) -> bytes:
        named = (each.encode() for each in (self.session, self.account_id, self.key_id))
        found = self.process.ask(operation, *named, *arguments)
        if isinstance(found, Refusal):
            if found is Refusal.NOT_DONE:
                raise CmsFault(Reason.NOT_DECRYPTED, "the key does not open this")
            raise KeyRefused(found)
        return found[0]


class KeyProcess:
    """``path`` is where its socket lies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()

    # Sessions

    def open(self, session: str, password: str = "", former: str = "") -> Opened | Refusal:
        """Make a session's own keys usable.  With the password, at sign-in: sealed keys need it, and managed ones are
        wrapped under it too.  With a former one as well where that was refused: keys that were sealed under it go over
        to today's.  Without any, it tells how they stand.
        """
        found = self.ask("open", *(each.encode() for each in (session, password, former)))
        if isinstance(found, Refusal):
            return found
        level, refusal = (each.decode() for each in found)
        return Opened(level, Refusal(refusal) if refusal else None)

    def close(self, session: str) -> None:
        """Forget what was opened for a session; it is forgotten without this too, later."""
        self.ask("close", session.encode())

    def rewrap(self, session: str, old: str, new: str) -> bytes | Refusal:
        """The session's owner's keys wrapped under another password: for ``account_changes.set_password`` to write down
        with it.
        """
        found = self.ask("rewrap", *(each.encode() for each in (session, old, new)))
        return found if isinstance(found, Refusal) else found[0]

    def prove(self, session: str, password: str, code: str, site: Site) -> str | Refusal:
        """Whoever sits at a session shows what he signs in with, at the ``site`` where his browser is: from then on it
        signs for others' mailboxes too, for a while.  What it was besides the password.
        """
        found = self.ask("prove", *(each.encode() for each in (session, password, code, site.host, site.origin)))
        return found if isinstance(found, Refusal) else found[0].decode()

    # Keys

    def signer(self, session: str, account_id: str) -> Signer | Refusal:
        """What signs for a mailbox today; for another's than the session's owner's, only if he has proven who he is."""
        found = self._keys(session, account_id, "signing")
        return found if isinstance(found, Refusal) else found[0]

    def decrypters(self, session: str, account_id: str) -> list[Decrypter] | Refusal:
        """Everything that opens a mailbox's mail, of all times; the newest first."""
        found = self._keys(session, account_id, "encryption")
        return found if isinstance(found, Refusal) else list(found)

    def _keys(self, session: str, account_id: str, purpose: str) -> Sequence[RemoteKey] | Refusal:
        found = self.ask("keys", session.encode(), account_id.encode(), purpose.encode())
        if isinstance(found, Refusal):
            return found
        pairs = zip(found[::2], found[1::2], strict=True)
        return [RemoteKey(self, session, account_id, key_id.decode(), der) for key_id, der in pairs]

    def prepare(self, account_ids: Sequence[str]) -> None:
        """Give accounts that have none the pair that their keys are sealed to.  Raises KeyFault."""
        found = self.ask("prepare", *(each.encode() for each in account_ids))
        if isinstance(found, Refusal):
            raise KeyFault(f"the key process makes no keys: {found}")

    def make(self, account_id: str, purpose: str, kind: str) -> MadeKey:
        """A key for a certificate of this account, ``purpose`` signing or encryption.  Raises KeyFault."""
        found = self.ask("make", account_id.encode(), purpose.encode(), kind.encode())
        if isinstance(found, Refusal):
            raise KeyFault(f"the key process makes no key: {found}")
        return from_fields(found)

    def take(self, account_id: str, octets: bytes, passphrase: str) -> Brought:
        """The key in a PKCS#12 file, for an account.  Raises KeyFault."""
        found = self.ask("take", account_id.encode(), octets, passphrase.encode())
        if found is Refusal.NOT_DONE:
            raise KeyFault("the file, with this passphrase, holds no RSA or elliptic-curve key with its certificate")
        if isinstance(found, Refusal):
            raise KeyFault(f"the key process takes no key: {found}")
        return brought_from_fields(found)

    def export(self, login: str, password: str, code: str, certificate_id: str, passphrase: str) -> bytes | Refusal:
        """A PKCS#12 file with one of its owner's decryption keys; ``NOT_DONE`` for a passphrase that is too short."""
        fields = (login, password, code, certificate_id, passphrase)
        found = self.ask("export", *(each.encode() for each in fields))
        return found if isinstance(found, Refusal) else found[0]

    # The line

    def is_there(self) -> bool:
        return not isinstance(self.ask("close", b""), Refusal)

    def ask(self, operation: str, *arguments: bytes) -> list[bytes] | Refusal:
        """One request and its answer.  An answer that did not come is not asked for twice, but a line that had broken
        before the request was sent is drawn anew.
        """
        message = wire.pack([operation.encode(), *arguments])
        line: _Line | None = getattr(self._own, "line", None)
        try:
            if line is None or not line.is_good() or not line.send(message):
                self._own.line = line = _Line(self._path)
                if not line.send(message):
                    return Refusal.AWAY
            status, *values = line.receive()
            return values if not status else Refusal(status.decode())
        except (OSError, WireFault, ValueError):
            self._own.line = None
            return Refusal.AWAY


class _Line:
    """A connection, which ends with the thread that drew it.  Raises OSError, WireFault."""

    def __init__(self, path: Path) -> None:
        self._drawn_by = os.getpid()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_PATIENCE)
        self._socket.connect(str(path))

    def __del__(self) -> None:
        self._socket.close()

    def is_good(self) -> bool:
        """Whether it is this process's own, not that of one it was forked from, and the other end has not gone."""
        asked = select.poll()
        asked.register(self._socket, select.POLLIN)
        # what can be read now is its end, or what nobody asked for
        return self._drawn_by == os.getpid() and not asked.poll(0)

    def send(self, message: bytes) -> bool:
        try:
            self._socket.sendall(message)
        except OSError:
            return False
        return True

    def receive(self) -> list[bytes]:
        return wire.unpack(wire.exactly(self._socket, wire.body_length(wire.exactly(self._socket, wire.LENGTH))))
