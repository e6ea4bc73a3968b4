"""What the sender asked for at MAIL, and in the header, as the spool keeps it for the relay.

Standards: RFC 3461 §4.3, §4.4 (RET, ENVID); RFC 3030 §3 (BINARYMIME); RFC 8689 §4.1 (REQUIRETLS, TLS-Required); RFC
6710 §4 and RFC 6758 §3 (priority); RFC 2852 §4 (deadline); RFC 4865 §4 (later release).
"""

from __future__ import annotations

import re

from directory.mail.accounts import Account
from mailserver.delivery import spool
from mailserver.delivery.post_office import PostOffice
from mailserver.message.headers import find_all, find_field
from mailserver.smtp.commands import MailCommand

# priority-header-field = "MT-Priority:" [CFWS] priority-value [CFWS] (RFC 6758 §3.1)
_PRIORITY = re.compile(r"(?:-?[1-9]|0)(?=\s|\(|$)")


def envelope_of(
    mail: MailCommand, text: bytes | None, header: bytes, *, now: int, submitter: str = "", priority: int | None = None
) -> spool.Envelope:
    """``text`` is the message if it is at hand, ``header`` its header block; ``priority`` is what was granted."""
    release_at = release_time(mail, now)
    deadline, mode = 0, ""
    if mail.deliver_by is not None:
        # The time for delivery runs from the release, which the sender asked for too.
        deadline, mode = (release_at or now) + mail.deliver_by.seconds, mail.deliver_by.mode
    return spool.Envelope(
        reverse_path=mail.reverse_path,
        submitter=submitter,
        envelope_id=mail.envelope_id,
        ret=mail.ret,
        smtputf8=mail.smtputf8,
        # A body in a file is not read for this: what the client said must do.
        eight_bit=mail.body != "7BIT" or (text is not None and not text.isascii()),
        is_binary=mail.body == "BINARYMIME",
        require_tls=mail.require_tls,
        tls_optional=not mail.require_tls and is_tls_optional(header),
        priority=(mail.priority or 0) if priority is None else priority,
        deliver_by=deadline,
        deliver_by_mode=mode,
        release_at=release_at,
    )


def may_raise_priority(office: PostOffice, account: Account) -> bool:
    """RFC 6710 §4.1: only those who are named send before others."""
    return account.login in office.config.reception.priority_logins


def submitted_priority(office: PostOffice, account: Account, mail: MailCommand, header: bytes) -> int:
    """What a submitted message gets: what MAIL said, or else the field that stands for it (RFC 6758 §3)."""
    asked = mail.priority
    if asked is None:
        field = find_field(header, "MT-Priority") or ""
        match = _PRIORITY.match(field.strip())
        asked = int(match[0]) if match is not None else 0
    return asked if asked <= 0 or may_raise_priority(office, account) else 0


def release_time(mail: MailCommand, now: int) -> int:
    """When the message may go; 0: at once, also where the moment has passed already."""
    moment = now + mail.hold_for if mail.hold_for else mail.hold_until
    return moment if moment > now else 0


def is_tls_optional(header: bytes) -> bool:
    """RFC 8689 §3: one field, and its one value.  Two fields say nothing."""
    if b"\ntls-required:" not in b"\n" + header.lower():
        return False
    values = find_all(header, "TLS-Required")
    return len(values) == 1 and values[0].strip().lower() == "no"
