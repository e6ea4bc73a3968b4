"""One round of everything before the processes are forked, so that they share what it leaves behind in memory.

The first use of a thing makes more than its import: statements are compiled, columns and types looked up, tables of
OpenSSL read, and Python rewrites the code it has run a few times.  Done in each process, that is memory of each; done
once before the fork, it is shared.  Measured in docs/performance.md.

A message is delivered into a new mailbox, listed, flagged and taken back: the transaction is rolled back, nothing of
it is ever seen.  All connections and threads have ended when ``rehearse`` returns, so forking is as safe as before.
"""

from __future__ import annotations

import gc
import logging

from directory.mail.accounts import credentials_by_login
from directory.mail.recipients import resolve
from mailserver.config import Config
from mailserver.imap import finding
from mailserver.imap.grammar.search import Flagged, Not
from mailserver.refusals import Refusal
from mailserver.store import changes, mailboxes, reading
from mailserver.store.content import Content
from mailserver.store.database import Transaction
from mailserver.store.messages import Target, append, set_flags
from mailserver.wiring import System, build, tls_context

log = logging.getLogger("citymail.rehearsal")

# Nobody's: an account's id is never spelt so.
_NOBODY = "rehearsal"
_ADDRESS = "rehearsal@invalid"  # RFC 6761 §6.4: belongs to nobody for ever
_MESSAGE = (
    b"From: Rehearsal <rehearsal@invalid>\r\nTo: rehearsal@invalid\r\nSubject: Th\xe1\xbb\xad\r\n"
    b"Date: Thu, 01 Jan 2026 00:00:00 +0700\r\nMessage-ID: <rehearsal@invalid>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="-"\r\n\r\n'
    b"---\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Ch=C3=A0o\r\n---\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+Q2g8L3A+\r\n-----\r\n"
)
_COLUMNS = ("uid", "flags", "modseq", "internal_date", "size", "envelope", "bodystructure", "preview")
_UNSEEN = Not(Flagged("\\Seen"))


class _TakenBack(Refusal):
    default_text = "Nothing was meant"


def share_memory(config: Config) -> None:
    """Import what the mail workers and the relay need, and try it out."""
    import mailserver.servers.imap
    import mailserver.servers.lmtp
    import mailserver.servers.mx
    import mailserver.servers.relay
    import mailserver.servers.submission
    from security.dmarc import load_suffixes

    if config.workers.web:
        import mailserver.delivery.protecting  # S/MIME, which is the webmail's above all
    if config.listen.ldap or config.listen.ldaps:
        import mailserver.servers.ldap  # noqa: F401

    load_suffixes()
    rehearse(config)
    # What is here now stays: no child looks through it for garbage, which would also copy its pages.
    gc.collect()
    gc.freeze()


def rehearse(config: Config) -> None:
    """Never fails: what is really wrong shows in the processes, each of which says so itself."""
    try:
        tls_context(config)
        system = build(config)
        try:
            for _ in range(2):  # Python looks at code only when it comes again
                _rehearse_mail(system)
        finally:
            system.close()
    except Exception:
        log.warning("the rehearsal was broken off; the processes will share less memory", exc_info=True)


def _rehearse_mail(system: System) -> None:
    with system.directory.read() as people:
        credentials_by_login(people, _ADDRESS)
        resolve(people, _ADDRESS)
    content = system.store.prepare(_MESSAGE, prefix=b"Received: by rehearsal.invalid\r\n")
    taken_back = system.store.write(lambda tx: _deliver(tx, content)).exception()
    if not isinstance(taken_back, _TakenBack):
        raise RuntimeError("the rehearsal's delivery did not go as meant") from taken_back


def _deliver(tx: Transaction, content: Content) -> None:
    inbox = mailboxes.ensure_maildrop(tx, _NOBODY)
    uid = append(tx, content, [Target(inbox.id)])[0].uid
    everything = [(1, uid)]
    connection = tx.connection
    mailboxes.list_mailboxes(connection, _NOBODY)
    reading.uids(connection, inbox.id)
    list(reading.fetch(connection, inbox.id, everything, _COLUMNS))
    reading.texts(connection, inbox.id, everything, ("uid", "flags"))
    finding.written(connection, inbox.id, uid + 1, _UNSEEN)
    set_flags(tx, inbox.id, everything, "add", ["\\Seen"])
    changes.changed_since(connection, inbox.id, 0)
    changes.vanished_since(connection, inbox.id, 0)
    raise _TakenBack
