"""The private keys of whoever is signed in, as far as the key process uses them for this session."""

from __future__ import annotations

from collections.abc import Sequence

from flask_login import current_user

from security.cms import Decrypter, Signer
from security.keys.wire import Refusal
from webmail.services import services


def decrypters(account_id: str) -> tuple[Sequence[Decrypter], Refusal | None]:
    """What opens a mailbox's mail; or why there is nothing."""
    keys = services().keys
    if keys is None:
        return (), Refusal.AWAY
    found = keys.decrypters(current_user.token, account_id)
    return ((), found) if isinstance(found, Refusal) else (found, None)


def signer(account_id: str) -> Signer | Refusal:
    """What signs for a mailbox today; or why it does not."""
    keys = services().keys
    return keys.signer(current_user.token, account_id) if keys is not None else Refusal.AWAY
