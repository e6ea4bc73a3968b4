"""Requests to the key process and their answers, as lists of fields: one function for each operation.

Whatever is asked, it is answered with fields or with a Refusal; what an operation does not take for its arguments is
``NOT_UNDERSTOOD``.

Standards: RFC 5652 §5.4 (what is signed is a SET of attributes, with content-type and message-digest), RFC 3218 §2.3.2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from directory.faults import Fault
from directory.keys.exporting import export
from directory.keys.making import Maker
from directory.keys.vault import Vault
from directory.pki.certificates import PURPOSES
from security.authority.key_kinds import KeyFault
from security.cms.algorithms import DIGEST_BY_NAME, OaepForm
from security.cms.attributes import message_digest
from security.cms.reasons import CmsFault
from security.keys.wire import Refusal
from security.keys.wrapping import WrappingFault
from security.webauthn import Site

log = logging.getLogger("citymail.keys")

Answer = list[bytes] | Refusal
Operation = Callable[..., Answer]
# Of an AES key, the longest that mail has; and no secret of any other kind
_MOST_LENGTH = 64


class Answering:
    """What a vault does, by the operation's name."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._maker = Maker(vault.directory, vault.installation)
        self._operations: dict[str, tuple[int, Operation]] = {
            "open": (3, self._open),
            "close": (1, self._close),
            "rewrap": (3, self._rewrap),
            "prove": (5, self._prove),
            "keys": (3, self._keys),
            "sign": (4, self._sign),
            "unwrap": (8, self._unwrap),
            "agree": (4, self._agree),
            "make": (3, self._make),
            "take": (3, self._take),
            "export": (5, self._export),
        }
        self._lists: dict[str, Operation] = {"prepare": self._prepare}

    def answer(self, fields: list[bytes]) -> Answer:
        """Never raises."""
        try:
            name, *arguments = fields
            wanted = name.decode("ascii")
            if wanted in self._lists:
                return self._lists[wanted](*arguments)
            count, operation = self._operations[wanted]
            if len(arguments) != count:
                return Refusal.NOT_UNDERSTOOD
            return operation(*arguments)
        except (KeyError, ValueError) as fault:
            # not its octets: they may be a password
            log.warning("a request is not understood: %s", type(fault).__name__)
            return Refusal.NOT_UNDERSTOOD
        except CmsFault:
            return Refusal.NOT_DONE
        except (Fault, KeyFault, WrappingFault) as fault:
            log.error("%s", fault)
            return Refusal.FAILED
        except Exception:
            log.exception("an operation failed")
            return Refusal.FAILED

    def _open(self, token: bytes, password: bytes, former: bytes) -> Answer:
        found = self._vault.open(token.decode(), password.decode(), former.decode())
        return found if isinstance(found, Refusal) else [found.level.encode(), (found.refusal or "").encode()]

    def _close(self, token: bytes) -> Answer:
        self._vault.close(token.decode())
        return []

    def _rewrap(self, token: bytes, old: bytes, new: bytes) -> Answer:
        found = self._vault.rewrap(token.decode(), old.decode(), new.decode())
        return found if isinstance(found, Refusal) else [found]

    def _prove(self, token: bytes, password: bytes, code: bytes, host: bytes, origin: bytes) -> Answer:
        site = Site(host.decode(), origin.decode(), "")
        found = self._vault.prove(token.decode(), password.decode(), code.decode(), site)
        return found if isinstance(found, Refusal) else [found.encode()]

    def _keys(self, token: bytes, account_id: bytes, purpose: bytes) -> Answer:
        found = self._vault.keys(token.decode(), account_id.decode(), purpose.decode())
        if isinstance(found, Refusal):
            return found
        return [field for key_id, der in found for field in (key_id.encode(), der)]

    def _sign(self, token: bytes, account_id: bytes, key_id: bytes, octets: bytes) -> Answer:
        digest = message_digest(octets)  # mail is signed here, and nothing else
        found = self._vault.sign(token.decode(), account_id.decode(), key_id.decode(), digest, octets)
        return found if isinstance(found, Refusal) else [found]

    def _unwrap(
        self,
        token: bytes,
        account_id: bytes,
        key_id: bytes,
        encrypted: bytes,
        digest: bytes,
        mask_digest: bytes,
        label: bytes,
        length: bytes,
    ) -> Answer:
        wanted = int.from_bytes(length)
        if not 0 < wanted <= _MOST_LENGTH:
            return Refusal.NOT_DONE
        form = None
        if digest:
            form = OaepForm(DIGEST_BY_NAME[digest.decode()], DIGEST_BY_NAME[mask_digest.decode()], label)
        key = self._vault.decrypter(token.decode(), account_id.decode(), key_id.decode())
        return key if isinstance(key, Refusal) else [key.unwrap(encrypted, form, wanted)]

    def _agree(self, token: bytes, account_id: bytes, key_id: bytes, point: bytes) -> Answer:
        key = self._vault.decrypter(token.decode(), account_id.decode(), key_id.decode())
        return key if isinstance(key, Refusal) else [key.agree(point)]

    def _make(self, account_id: bytes, purpose: bytes, kind: bytes) -> Answer:
        wanted = purpose.decode()
        if wanted not in PURPOSES:
            return Refusal.NOT_UNDERSTOOD
        return self._maker.make(account_id.decode(), wanted, kind.decode()).to_fields()

    def _take(self, account_id: bytes, octets: bytes, passphrase: bytes) -> Answer:
        try:
            return self._maker.take(account_id.decode(), octets, passphrase.decode()).to_fields()
        except KeyFault:
            return Refusal.NOT_DONE

    def _export(self, *arguments: bytes) -> Answer:
        login, password, code, certificate_id, passphrase = (each.decode() for each in arguments)
        try:
            found = export(self._vault, login, password, code, certificate_id, passphrase)
        except KeyFault:
            return Refusal.NOT_DONE
        return found if isinstance(found, Refusal) else [found]

    def _prepare(self, *account_ids: bytes) -> Answer:
        self._maker.prepare([each.decode() for each in account_ids])
        return []
