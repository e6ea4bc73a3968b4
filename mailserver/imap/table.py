"""The commands: how each is read, who runs it, when it is allowed, and what it may have announced.

``announces``: news of the selected mailbox follow it.  ``uses_msn``: it is FETCH, STORE or SEARCH by message number,
while which no EXPUNGE may be told, for numbers must not shift under it (RFC 9051 §7.5.1).  ``by_number``: it has a
form by UID beside it, and only that is for clients of UIDONLY (RFC 9586 §3.2).  ``is_heavy``: a guess from
the command's text whether it is better run away from the event loop.  ``looks_into``: whether the command asks what the
selected mailbox's messages hold, so that all of them must have been scanned (``imap.catching_up``); FETCH sees to that
itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from mailserver.imap import (
    acl,
    appending,
    authenticating,
    batches,
    connection,
    fetching,
    finding,
    listing,
    login,
    mailbox_commands,
    message_commands,
    metadata,
    multisearch,
    notify,
    quotas,
    searching,
    sorting,
    text_criteria,
    threading,
)
from mailserver.imap.grammar import commands as parse
from mailserver.imap.grammar.acl import parse_delete_acl, parse_list_rights, parse_set_acl
from mailserver.imap.grammar.appending import parse_append, parse_replace
from mailserver.imap.grammar.batches import parse_batches
from mailserver.imap.grammar.connection import parse_compress
from mailserver.imap.grammar.fetch import parse_fetch
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.listing import parse_list, parse_lsub, parse_status
from mailserver.imap.grammar.metadata import parse_get_metadata, parse_set_metadata
from mailserver.imap.grammar.multisearch import parse_cancel_update, parse_esearch
from mailserver.imap.grammar.notify import parse_notify
from mailserver.imap.grammar.quota import parse_set_quota
from mailserver.imap.grammar.search import parse_search
from mailserver.imap.grammar.selecting import parse_select
from mailserver.imap.grammar.sort import parse_sort, parse_thread
from mailserver.imap.grammar.syntax import Cursor
from mailserver.imap.selected import SelectedMailbox
from mailserver.imap.session import Session, State
from mailserver.imap.steps import Steps

NOT_AUTHENTICATED = frozenset((State.NOT_AUTHENTICATED,))
AUTHENTICATED = frozenset((State.AUTHENTICATED, State.SELECTED))
SELECTED = frozenset((State.SELECTED,))
ANY = frozenset((State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED))


@dataclass(frozen=True, slots=True)
class Spec:
    parse: Callable[[Cursor], Any]
    run: Callable[[Session, Any, bytes], Steps[Any]]
    states: frozenset[State]
    rfc: str
    uses_msn: bool = False
    by_number: bool = False
    announces: bool = True
    is_heavy: Callable[[Session, Framed], bool] | None = None
    looks_into: Callable[[Any], bool] | None = None

    @property
    def may_expunge(self) -> bool:
        return not self.uses_msn


# More messages than this are more than a moment's work.
_MANY = 1000


def _many(session: Session, framed: Framed) -> bool:
    view = session.selected
    return view is not None and view.count > _MANY and (b":" in framed.text or b"$" in framed.text)


def _stores_much(session: Session, framed: Framed) -> bool:
    """To change the flags of some thousand messages takes two milliseconds if they are not told."""
    view = session.selected
    return (
        view is not None
        and _many(session, framed)
        and (view.count > 5 * _MANY or b".SILENT" not in framed.text.upper())
    )


# FETCH of one range; items whose octets may be many; items that are some hundred octets of each message.
_ONE_RANGE = re.compile(rb"[^ ]+ (UID )?FETCH (\d{1,10}):(?:(\d{1,10})|\*) ", re.IGNORECASE)
_OCTETS = re.compile(rb"BODY(?:\.PEEK)?\[|BINARY|RFC822(?!\.SIZE)", re.IGNORECASE)
_LARGE_ITEMS = re.compile(rb"BODY|ENVELOPE|ALL|FULL|PREVIEW", re.IGNORECASE)
_SOME = 100


def _fetches_much(session: Session, framed: Framed) -> bool:
    """Ranges may be long; bodies may be large."""
    view, text = session.selected, framed.text
    if view is None or (b":" not in text and b"$" not in text):
        return False
    if _OCTETS.search(text):
        return True
    return _most(view, text) > (_SOME if _LARGE_ITEMS.search(text) else _MANY)


def _most(view: SelectedMailbox, text: bytes) -> int:
    """How many messages it names at the most."""
    match = _ONE_RANGE.match(text)
    if match is None:
        return view.count
    last = view.uid_next - 1 if match[1] else view.count
    first, end = int(match[2]), last if match[3] is None else int(match[3])
    return min(view.count, abs(end - first) + 1)


def _searches_much(session: Session, framed: Framed) -> bool:
    view = session.selected
    if view is None:
        return False
    if text_criteria.asks_index(framed.text):  # which may have to read what came since, and files sent along
        return True
    subjects = finding.names_subject(framed.text)
    if finding.names_text(framed.text) or subjects > 1:
        return view.count > 100
    # To look for a word in some hundred subjects takes a quarter of a millisecond: on a busy machine a thread has not
    # begun by then.
    return view.count > (text_criteria.LARGE if subjects else 5 * _MANY)


def _orders_much(session: Session, framed: Framed) -> bool:
    view = session.selected
    return (view is not None and view.count > _MANY) or _searches_much(session, framed)


def _always(session: Session, framed: Framed) -> bool:
    return True


def _into_all(command: object) -> bool:
    return True


def _appends_much(session: Session, framed: Framed) -> bool:
    return (
        len(framed.literals) > 4
        or b"CATENATE" in framed.text.upper()
        or any(not isinstance(literal, bytes) or len(literal) > 100_000 for literal in framed.literals)
    )


def _many_wildcards(session: Session, framed: Framed) -> bool:
    return framed.text.count(b"*") + framed.text.count(b"%") > 3


def _resyncs(session: Session, framed: Framed) -> bool:
    """What a client missed may be a whole mailbox."""
    return b"QRESYNC" in framed.text.upper()


def _sums_up(session: Session, framed: Framed) -> bool:
    return b"DELETED-STORAGE" in framed.text.upper()


COMMANDS: dict[bytes, Spec] = {
    # Any state
    b"CAPABILITY": Spec(parse.parse_bare, login.capability, ANY, "9051 §6.1.1"),
    b"NOOP": Spec(parse.parse_bare, login.noop, ANY, "9051 §6.1.2"),
    b"LOGOUT": Spec(parse.parse_bare, login.logout, ANY, "9051 §6.1.3", announces=False),
    b"ID": Spec(parse.parse_id, login.identify, ANY, "2971 §3.1"),
    # Not authenticated
    b"STARTTLS": Spec(parse.parse_bare, login.start_tls, NOT_AUTHENTICATED, "9051 §6.2.1"),
    b"AUTHENTICATE": Spec(parse.parse_authenticate, authenticating.authenticate, NOT_AUTHENTICATED, "9051 §6.2.2"),
    b"LOGIN": Spec(parse.parse_login, authenticating.login, NOT_AUTHENTICATED, "9051 §6.2.3"),
    # Authenticated
    b"ENABLE": Spec(parse.parse_enable, login.enable, AUTHENTICATED, "5161 §3.1"),
    b"COMPRESS": Spec(parse_compress, connection.compress, AUTHENTICATED, "4978 §3"),
    b"UNAUTHENTICATE": Spec(parse.parse_bare, connection.unauthenticate, AUTHENTICATED, "8437 §3", announces=False),
    b"SELECT": Spec(
        partial(parse_select, read_only=False), mailbox_commands.select, AUTHENTICATED, "9051 §6.3.2",
        announces=False, is_heavy=_resyncs,
    ),
    b"EXAMINE": Spec(
        partial(parse_select, read_only=True), mailbox_commands.select, AUTHENTICATED, "9051 §6.3.3",
        announces=False, is_heavy=_resyncs,
    ),
    b"CREATE": Spec(parse.parse_create, mailbox_commands.create, AUTHENTICATED, "9051 §6.3.4"),
    b"DELETE": Spec(parse.parse_one_mailbox, mailbox_commands.delete, AUTHENTICATED, "9051 §6.3.5"),
    b"RENAME": Spec(parse.parse_rename, mailbox_commands.rename, AUTHENTICATED, "9051 §6.3.6"),
    b"SUBSCRIBE": Spec(parse.parse_one_mailbox, mailbox_commands.subscribe, AUTHENTICATED, "9051 §6.3.7"),
    b"UNSUBSCRIBE": Spec(parse.parse_one_mailbox, mailbox_commands.unsubscribe, AUTHENTICATED, "9051 §6.3.8"),
    b"LIST": Spec(parse_list, listing.list_, AUTHENTICATED, "9051 §6.3.9", is_heavy=_many_wildcards),
    b"LSUB": Spec(parse_lsub, listing.lsub, AUTHENTICATED, "3501 §6.3.9"),
    b"NAMESPACE": Spec(parse.parse_bare, listing.namespace, AUTHENTICATED, "9051 §6.3.10"),
    b"STATUS": Spec(parse_status, listing.status, AUTHENTICATED, "9051 §6.3.11", is_heavy=_sums_up),
    b"APPEND": Spec(
        parse_append, appending.append, AUTHENTICATED, "9051 §6.3.12", is_heavy=_appends_much
    ),
    b"IDLE": Spec(parse.parse_bare, login.idle, AUTHENTICATED, "9051 §6.3.13", announces=False),
    b"GETQUOTA": Spec(parse.parse_get_quota, quotas.get_quota, AUTHENTICATED, "9208 §4.1.1"),
    b"GETQUOTAROOT": Spec(parse.parse_one_mailbox, quotas.get_quota_root, AUTHENTICATED, "9208 §4.1.2"),
    b"SETQUOTA": Spec(parse_set_quota, quotas.set_quota, AUTHENTICATED, "9208 §4.1.3"),
    b"SETACL": Spec(parse_set_acl, acl.set_acl, AUTHENTICATED, "4314 §3.1"),
    b"DELETEACL": Spec(parse_delete_acl, acl.delete_acl, AUTHENTICATED, "4314 §3.2"),
    b"GETACL": Spec(parse.parse_one_mailbox, acl.get_acl, AUTHENTICATED, "4314 §3.3"),
    b"LISTRIGHTS": Spec(parse_list_rights, acl.list_rights, AUTHENTICATED, "4314 §3.4"),
    b"MYRIGHTS": Spec(parse.parse_one_mailbox, acl.my_rights, AUTHENTICATED, "4314 §3.5"),
    b"NOTIFY": Spec(parse_notify, notify.notify, AUTHENTICATED, "5465 §3.1"),
    b"GETMETADATA": Spec(parse_get_metadata, metadata.get_metadata, AUTHENTICATED, "5464 §4.2"),
    b"SETMETADATA": Spec(parse_set_metadata, metadata.set_metadata, AUTHENTICATED, "5464 §4.3"),
    # Selected
    b"CHECK": Spec(parse.parse_bare, mailbox_commands.check, SELECTED, "3501 §6.4.1"),
    b"CLOSE": Spec(parse.parse_bare, mailbox_commands.close, SELECTED, "9051 §6.4.1"),
    b"UNSELECT": Spec(parse.parse_bare, mailbox_commands.unselect, SELECTED, "9051 §6.4.2"),
    b"EXPUNGE": Spec(
        partial(parse.parse_expunge, by_uid=False), message_commands.expunge, SELECTED, "9051 §6.4.3"
    ),
    b"UID EXPUNGE": Spec(
        partial(parse.parse_expunge, by_uid=True), message_commands.expunge, SELECTED, "4315 §2.1"
    ),
    b"SEARCH": Spec(
        partial(parse_search, by_uid=False), searching.search, SELECTED, "9051 §6.4.4",
        uses_msn=True, by_number=True, is_heavy=_searches_much, looks_into=searching.looks_into,
    ),
    b"UID SEARCH": Spec(
        partial(parse_search, by_uid=True), searching.search, SELECTED, "9051 §6.4.9",
        is_heavy=_searches_much, looks_into=searching.looks_into,
    ),
    b"SORT": Spec(
        partial(parse_sort, by_uid=False), sorting.sort, SELECTED, "5256 §3",
        uses_msn=True, by_number=True, is_heavy=_orders_much, looks_into=_into_all,
    ),
    b"UID SORT": Spec(
        partial(parse_sort, by_uid=True), sorting.sort, SELECTED, "5256 §3",
        is_heavy=_orders_much, looks_into=_into_all,
    ),
    b"THREAD": Spec(
        partial(parse_thread, by_uid=False), threading.thread, SELECTED, "5256 §3",
        uses_msn=True, by_number=True, is_heavy=_orders_much, looks_into=_into_all,
    ),
    b"UID THREAD": Spec(
        partial(parse_thread, by_uid=True), threading.thread, SELECTED, "5256 §3",
        is_heavy=_orders_much, looks_into=_into_all,
    ),
    b"ESEARCH": Spec(parse_esearch, multisearch.esearch, AUTHENTICATED, "7377 §2", is_heavy=_always),
    b"CANCELUPDATE": Spec(parse_cancel_update, multisearch.cancel_update, SELECTED, "5267 §4.3.5"),
    b"FETCH": Spec(
        partial(parse_fetch, by_uid=False), fetching.fetch, SELECTED, "9051 §6.4.5",
        uses_msn=True, by_number=True, is_heavy=_fetches_much,
    ),
    b"UID FETCH": Spec(
        partial(parse_fetch, by_uid=True), fetching.fetch, SELECTED, "9051 §6.4.9",
        is_heavy=_fetches_much,
    ),
    b"STORE": Spec(
        partial(parse.parse_store, by_uid=False), message_commands.store, SELECTED, "9051 §6.4.6",
        uses_msn=True, by_number=True, is_heavy=_stores_much,
    ),
    b"UID STORE": Spec(
        partial(parse.parse_store, by_uid=True), message_commands.store, SELECTED, "9051 §6.4.9",
        is_heavy=_stores_much,
    ),
    b"REPLACE": Spec(
        partial(parse_replace, by_uid=False), appending.replace, SELECTED, "8508 §3.2",
        by_number=True, is_heavy=_appends_much,
    ),
    b"UID REPLACE": Spec(
        partial(parse_replace, by_uid=True), appending.replace, SELECTED, "8508 §3.3", is_heavy=_appends_much
    ),
    b"UIDBATCHES": Spec(parse_batches, batches.batches, SELECTED, "10022"),
    b"COPY": Spec(
        partial(parse.parse_copy, by_uid=False), message_commands.copy, SELECTED, "9051 §6.4.7",
        by_number=True, is_heavy=_many,
    ),
    b"UID COPY": Spec(
        partial(parse.parse_copy, by_uid=True), message_commands.copy, SELECTED, "9051 §6.4.9", is_heavy=_many
    ),
    b"MOVE": Spec(
        partial(parse.parse_copy, by_uid=False), message_commands.move, SELECTED, "6851 §3.1",
        by_number=True, is_heavy=_many,
    ),
    b"UID MOVE": Spec(
        partial(parse.parse_copy, by_uid=True), message_commands.move, SELECTED, "6851 §3.2", is_heavy=_many
    ),
}  # fmt: skip
