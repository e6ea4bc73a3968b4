"""Files that letters have links to: taken in within the rules, looked at by the scanners before anybody can fetch them,
and given out only for the password where one was set.

Limits: rspamd and milters judge messages, so only ClamAV is asked; it is not shown what ``[scanners] max_size`` is too
small for, and the log says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import IO

from directory.mail.accounts import Account
from mailserver.delivery import scanning
from mailserver.delivery.post_office import PostOffice
from mailserver.refusals import NotPermitted
from mailserver.store import links
from mailserver.store.links import Link
from security.pace import Pace
from security.passwords import MAX_PASSWORD, hash_password, verify_password

log = logging.getLogger("citymail.delivery")

PATIENCE = 60
SHORTEST_PASSWORD = 8


@dataclass(frozen=True, slots=True)
class Made:
    """``token``: the secret that stands in the link, known to nobody else from here on."""

    token: str
    size: int
    expires_at: int


def take_in(office: PostOffice, owner: Account, client: str, name: str, source: IO[bytes], password: str = "") -> Made:
    """Raises Refusal; a file that is refused has no link, and goes with the next sweeping."""
    rules = office.config.webmail
    if not rules.link_size or (password and not SHORTEST_PASSWORD <= len(password) <= MAX_PASSWORD):
        raise NotPermitted
    password_hash = hash_password(password) if password else ""
    digest, size = links.keep(office.store, source, rules.link_size)
    scanning.look_at_file(office, office.store.blobs.path(digest), client=client, login=owner.login)
    seconds = rules.link_days * 86_400
    token, job = links.make(
        owner.id, name, digest, size, seconds=seconds, allowed=owner.quota_bytes, password_hash=password_hash
    )
    office.store.write(job).result(PATIENCE)
    return Made(token, size, office.now() + seconds)


def opens(tries: Pace, link: Link, password: str, client: str) -> float | None:
    """None where the password is right; else the seconds after which this client may try again, 0 for at once."""
    if wait := tries.wait(f"link {link.id} {client}"):
        return wait
    if link.password_hash and not verify_password(link.password_hash, password):
        log.warning("link=%s client=%s a wrong password", link.id[:16], client)
        return 0.0
    return None
