"""Files that letters have links to: taken in within the rules, and looked at by the scanners before anybody can fetch
them.

Limits: rspamd and milters judge messages, so only ClamAV is asked; it is not shown what ``[scanners] max_size`` is too
small for, and the log says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from directory.mail.accounts import Account
from mailserver.delivery import scanning
from mailserver.delivery.post_office import PostOffice
from mailserver.refusals import NotPermitted
from mailserver.store import links

PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Made:
    """``token``: the secret that stands in the link, known to nobody else from here on."""

    token: str
    size: int
    expires_at: int


def take_in(office: PostOffice, owner: Account, client: str, name: str, source: IO[bytes]) -> Made:
    """Raises Refusal; a file that is refused has no link, and goes with the next sweeping."""
    rules = office.config.webmail
    if not rules.link_size:
        raise NotPermitted
    digest, size = links.keep(office.store, source, rules.link_size)
    scanning.look_at_file(office, office.store.blobs.path(digest), client=client, login=owner.login)
    seconds = rules.link_days * 86_400
    token, job = links.make(owner.id, name, digest, size, seconds=seconds, allowed=owner.quota_bytes)
    office.store.write(job).result(PATIENCE)
    return Made(token, size, office.now() + seconds)
