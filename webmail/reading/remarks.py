"""What stands beside the rows of one mailbox: when a message comes back, who answers it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from directory.mail import accounts
from mailserver import handling
from mailserver.store import snoozing
from mailserver.store.mailboxes import Mailbox
from webmail.account.login import account
from webmail.formatting import full_time
from webmail.languages import _
from webmail.services import services


def remarks(conn: Connection, mailbox: Mailbox, uids: Sequence[int]) -> dict[int, str]:
    """By UID; most messages have none."""
    if mailbox.special_use == snoozing.USE:
        moments = snoozing.moments_of(conn, mailbox.id)
        return {uid: _("back %(when)s", when=full_time(moment)) for uid, moment in moments.items()}
    if account().kind == "person":
        return {}
    known = handling.of_messages(conn, account().id, mailbox.id, uids)
    with services().directory.read() as directory:
        names = accounts.names_of(directory, {each.assignee for each in known.values() if each.assignee})
    found = {uid: _("Done") if each.is_done else names.get(each.assignee, ("", ""))[0] for uid, each in known.items()}
    return {uid: text for uid, text in found.items() if text}
