"""NOTIFY: what happens in mailboxes that are not selected, told between commands, too.

A ``Watcher`` remembers what the client knows of each mailbox in its scope: its name, whether it is subscribed, and its
counters.  A wake-up of the store only says "look again"; what is told is the difference between what the client knows
and what is, so nothing can be lost, and nothing piles up while a client does not read.

Wake-ups come from every mailbox in scope.  Making, renaming and deleting mailboxes, and subscribing, are announced by
the INBOX of the account in which it happens, so that is watched in any case.

Standards: RFC 5465; RFC 5464 §4.4.2 (METADATA without values); RFC 4314 ("l" and "r" are needed).
Limits: 1,000 mailboxes in scope, 100 new messages or 1 MB fetched at once; beyond that NOTIFICATIONOVERFLOW.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from mailserver import access
from mailserver.access import Act, Place
from mailserver.imap import places
from mailserver.imap.grammar.fetch import Attribute, Fetch, Item
from mailserver.imap.grammar.metadata import metadata_names
from mailserver.imap.grammar.notify import MESSAGE_EVENTS, SUPPORTED, Event, Notify
from mailserver.imap.grammar.responses import ok
from mailserver.imap.grammar.syntax import SequenceSet
from mailserver.imap.listing import attributes_of, parents_of, status_line
from mailserver.imap.session import Reply, Session
from mailserver.imap.steps import Steps
from mailserver.refusals import CannotDo, LimitReached
from mailserver.store import mailboxes, metadata, reading
from mailserver.store.mailboxes import INBOX, SEPARATOR

MAX_SCOPE = 1000
MAX_FETCHED = 100
MAX_OCTETS = 1 << 20
_OVERFLOW = ok(b"*", "Too much happens; ask for less", b"NOTIFICATIONOVERFLOW")


def notify(session: Session, command: Notify, tag: bytes) -> Steps[Reply]:
    if command.unknown:
        return Reply("Some of these events cannot be told", b"BADEVENT (%b)" % SUPPORTED, is_no=True)
    # What gathered until now is told as it was wanted until now (RFC 5465 §3.1).
    yield session.news()
    if command.is_none:
        session.listen(Silence())
        return Reply()
    watcher = Watcher(session, command)
    with session.services.store.read() as connection:
        look = watcher.look(connection)
        if len(look.known) > MAX_SCOPE:
            watcher.close()
            return Reply("Too many mailboxes", b"NOTIFICATIONOVERFLOW", is_no=True)
        watcher.remember(connection, look)
        told = [*watcher.without_access(connection)]
        if command.status:
            told += watcher.statuses(connection)
    session.listen(watcher)
    yield b"".join(told)
    return Reply()


class Silence:
    """After NOTIFY NONE: nothing is told, not even while a command runs (§3.1)."""

    listens = looks_into = False

    def news(self, *, may_expunge: bool, between: bool) -> bytes:
        return b""

    def events(self) -> bytes:
        return b""

    def close(self) -> None:
        """There is nothing to end."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the client knows of one mailbox."""

    place: Place
    events: frozenset[Event]
    subscribed: bool

    @property
    def counts(self) -> tuple[int, int, int]:
        mailbox = self.place.mailbox
        return mailbox.uid_validity, mailbox.uid_next, mailbox.messages


@dataclass(frozen=True, slots=True)
class Look:
    """What is in scope: the mailboxes by their ids, and every subscribed name."""

    known: dict[int, Known]
    subscribed: set[str]


class Watcher:
    """The wishes of one NOTIFY, and what the client was told."""

    listens = True

    def __init__(self, session: Session, wishes: Notify) -> None:
        self._session = session
        self._wishes = wishes
        self._known: dict[int, Known] = {}
        self._subscribed: set[str] = set()
        self._annotated = 0
        self._names = [self._canonical(group.names) for group in wishes.groups]
        self.watch = session.services.store.watch([], session.woken)

    # What the session asks

    @property
    def looks_into(self) -> bool:
        """Whether the news of the selected mailbox say what messages hold."""
        return self._wishes.selected is not None and bool(self._wishes.selected.items)

    def news(self, *, may_expunge: bool, between: bool) -> bytes:
        """Of the selected mailbox; ``between`` commands, when expunges may have to wait (§6.1.2)."""
        session, wish = self._session, self._wishes.selected
        if session.selected is None or wish is None or not wish.events:
            return b""  # SELECTED NONE: not even while a command runs (§3.1)
        view = session.selected
        first_new = view.uid_next
        may_expunge = may_expunge and not (between and wish.delayed)
        manner = replace(session.manner, flags=Event.FLAG_CHANGE in wish.events)
        with session.reading_news() as connection:
            told = view.catch_up(connection, may_expunge=may_expunge, manner=manner)
        if wish.items and view.uid_next > first_new:
            told += self._fetch(first_new, view.uid_next, wish.items)
        return told

    def events(self) -> bytes:
        """Of everything else."""
        with self._session.services.store.read() as connection:
            look = self.look(connection)
            if len(look.known) > MAX_SCOPE:
                self._session.listen(Silence())
                return _OVERFLOW
            told = [*self._changes(connection, look)]
            self.remember(connection, look)
        return b"".join(told)

    def close(self) -> None:
        self.watch.close()

    # Looking

    def look(self, connection: Connection) -> Look:
        """Everything in scope, as it is now."""
        found = places.visible(self._session, connection)
        subscribed = access.subscribed_names(connection, self._session.member, found)
        known = {}
        for place in found:
            if not place.may(Act.READ):
                continue
            is_subscribed = place.mailbox.name in subscribed
            events = self._events_of(place, is_subscribed)
            if events:
                known[place.mailbox.id] = Known(place, events, is_subscribed)
        return Look(known, subscribed)

    def _events_of(self, place: Place, is_subscribed: bool) -> frozenset[Event]:
        """The union of what all groups that mean the mailbox want (§6)."""
        events: frozenset[Event] = frozenset()
        name = place.mailbox.name
        for group, names in zip(self._wishes.groups, self._names, strict=True):
            if group.filter == b"SUBSCRIBED":
                is_meant = is_subscribed
            elif group.filter == b"MAILBOXES":
                is_meant = name in names
            elif group.filter == b"SUBTREE":
                is_meant = name in names or any(name.startswith(each + SEPARATOR) for each in names)
            else:
                # INBOXES are all personal ones: rules may deliver into any (§6.3).
                is_meant = place.owner.id == self._session.account_id
            if is_meant:
                events |= group.events
        return events

    def remember(self, connection: Connection, look: Look) -> None:
        known = look.known
        self._known, self._subscribed = known, look.subscribed
        self._annotated = metadata.latest(connection)
        watched = {*known, metadata.SERVER_CHANGES}
        for owner_id in {self._session.account_id, *(each.place.owner.id for each in known.values())}:
            inbox = mailboxes.find_mailbox(connection, owner_id, INBOX)
            if inbox is not None:
                watched.add(inbox.id)
        if self._session.selected is not None:
            watched.add(int(self._session.selected.mailbox_id))
        before = set(self.watch.mailboxes)
        for gone in before - watched:
            self.watch.remove(gone)
        for new in watched - before:
            self.watch.add(new)

    def _canonical(self, names: Iterable[bytes]) -> frozenset[str]:
        """Names as they are listed; one that no mailbox may have is passed over (§3.1)."""
        found = set()
        for name in names:
            try:
                found.add(places.canonical(self._session, name))
            except (CannotDo, LimitReached):
                continue
        return frozenset(found)

    # Telling

    def without_access(self, connection: Connection) -> Iterator[bytes]:
        r"""Mailboxes that are named, and may be seen but not read: \NoAccess (§3.1)."""
        named = frozenset().union(*self._names)
        for place in places.visible(self._session, connection):
            if place.mailbox.name in named and not place.may(Act.READ):
                yield b'* LIST (\\NoAccess) "/" %b\r\n' % self._session.encode_name(place.mailbox.name)

    def statuses(self, connection: Connection) -> Iterator[bytes]:
        """NOTIFY SET STATUS: where the client's knowledge begins (§3.1)."""
        for each in self._others():
            if each.events & MESSAGE_EVENTS:
                items = [b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY"]
                if Event.FLAG_CHANGE in each.events:
                    items.append(b"HIGHESTMODSEQ")
                yield status_line(self._session, connection, each.place, items)

    def _others(self) -> Iterator[Known]:
        selected = self._session.selected
        for mailbox_id, each in self._known.items():
            if selected is None or selected.mailbox_id != mailbox_id:
                yield each

    def _changes(self, connection: Connection, look: Look) -> Iterator[bytes]:
        now = look.known
        yield from self._names_changed(now)
        yield from self._subscriptions_changed(look)
        yield from self._annotations_changed(connection, now)
        selected = self._session.selected
        for mailbox_id, after in now.items():
            before = self._known.get(mailbox_id)
            if before is None or (selected is not None and selected.mailbox_id == mailbox_id):
                continue
            items = self._items(before, after)
            if items:
                yield status_line(self._session, connection, after.place, items)

    def _items(self, before: Known, after: Known) -> list[bytes]:
        """What STATUS is to tell of a mailbox that is not selected; nothing if nothing of interest changed."""
        old, new = before.place.mailbox, after.place.mailbox
        has_modseq = self._session.condstore
        if after.events & MESSAGE_EVENTS and before.counts != after.counts:
            items = [b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY"]  # §5.2, §5.3
        elif Event.FLAG_CHANGE in after.events and (
            old.unseen != new.unseen or (has_modseq and old.highest_modseq != new.highest_modseq)
        ):
            items = [b"UIDVALIDITY"]  # §5.1
        else:
            return []
        if Event.FLAG_CHANGE in after.events and old.unseen != new.unseen:
            items.append(b"UNSEEN")
        if has_modseq:
            items.append(b"HIGHESTMODSEQ")
        return items

    def _names_changed(self, now: dict[int, Known]) -> Iterator[bytes]:
        """MailboxName (§5.4): a right to see that was given or taken is as if the mailbox were made or removed."""
        parents = parents_of(each.place.mailbox.name for each in now.values())
        old_names = {each.place.mailbox.name: mailbox_id for mailbox_id, each in self._known.items()}
        touched: set[str] = set()
        renamed: list[tuple[str, str]] = []
        for mailbox_id, after in now.items():
            if Event.MAILBOX_NAME not in after.events:
                continue
            name, before = after.place.mailbox.name, self._known.get(mailbox_id)
            old_name = None if before is None else before.place.mailbox.name
            if old_name == name:
                continue
            if old_name is not None:
                renamed.append((old_name, name))
                if not _went_along(renamed[:-1], old_name, name):
                    yield self._list_line(after, parents, old_name)
            elif name not in old_names or old_names[name] != mailbox_id:
                yield self._list_line(after, parents)
                touched.add(name.rpartition(SEPARATOR)[0])
        for mailbox_id, before in self._known.items():
            if mailbox_id not in now and Event.MAILBOX_NAME in before.events and self._is_gone(before):
                name = before.place.mailbox.name
                yield b'* LIST (\\NonExistent) "/" %b\r\n' % self._session.encode_name(name)
                touched.add(name.rpartition(SEPARATOR)[0])
        # The parent is affected, too: it may have mailboxes below it now, or no longer.
        for mailbox_id, after in now.items():
            if after.place.mailbox.name in touched and mailbox_id in self._known:
                yield self._list_line(after, parents)

    def _is_gone(self, known: Known) -> bool:
        """Not merely out of scope, as one that is no longer subscribed."""
        with self._session.services.store.read() as connection:
            found = places.find_name(self._session, connection, known.place.mailbox.name)
        return found is None or found.mailbox.id != known.place.mailbox.id or not found.may(Act.SEE)

    def _subscriptions_changed(self, look: Look) -> Iterator[bytes]:
        """SubscriptionChange (§5.5)."""
        now, subscribed = look.known, look.subscribed
        changed = subscribed ^ self._subscribed
        if not changed:
            return
        parents = parents_of(each.place.mailbox.name for each in now.values())
        for each in {**self._known, **now}.values():
            if each.place.mailbox.name in changed and Event.SUBSCRIPTION_CHANGE in each.events:
                yield self._list_line(replace(each, subscribed=each.place.mailbox.name in subscribed), parents)

    def _annotations_changed(self, connection: Connection, now: dict[int, Known]) -> Iterator[bytes]:
        """MailboxMetadataChange, ServerMetadataChange (§5.6, §5.7)."""
        if metadata.latest(connection) == self._annotated:
            return
        of_server = any(Event.SERVER_METADATA_CHANGE in group.events for group in self._wishes.groups)
        changed: dict[int, list[str]] = {}
        for mailbox_id, entry in metadata.changed_since(
            connection, self._annotated, self._session.account_id, MAX_SCOPE
        ):
            changed.setdefault(mailbox_id, []).append(entry)
        for mailbox_id, entries in changed.items():
            if mailbox_id == metadata.SERVER:
                if of_server:
                    yield metadata_names(b'""', entries)
            elif mailbox_id in now and Event.MAILBOX_METADATA_CHANGE in now[mailbox_id].events:
                name = now[mailbox_id].place.mailbox.name
                yield metadata_names(self._session.encode_name(name), entries)

    def _list_line(self, known: Known, parents: set[str], old_name: str | None = None) -> bytes:
        session, name = self._session, known.place.mailbox.name
        attributes = attributes_of(name, known.place, parents)
        if known.subscribed:
            attributes.append(b"\\Subscribed")
        old = b"" if old_name is None else b' ("OLDNAME" (%b))' % session.encode_name(old_name)
        return b'* LIST (%b) "/" %b%b\r\n' % (b" ".join(attributes), session.encode_name(name), old)

    def _fetch(self, first: int, end: int, items: tuple[Item, ...]) -> bytes:
        """Of messages that are new in the selected mailbox (§5.2)."""
        from mailserver.imap.fetching import fetch  # which stands on the session, as this does

        session = self._session
        if self._is_too_much(first, end, items):
            session.listen(Silence())
            return _OVERFLOW
        wanted = Fetch(SequenceSet(((first, end - 1),)), items, by_uid=True)
        pieces: list[bytes] = []
        for step in fetch(session, wanted, b""):
            assert isinstance(step, bytes), "nothing is marked seen"
            pieces.append(step)
        return b"".join(pieces)

    def _is_too_much(self, first: int, end: int, items: tuple[Item, ...]) -> bool:
        if end - first > MAX_FETCHED:
            return True
        session = self._session
        if all(isinstance(item, Attribute) for item in items):
            return False
        with session.services.store.read() as connection:
            rows = reading.fetch(connection, session.view.mailbox_id, [(first, end - 1)], ("size",))
            return sum(int(row[0]) for row in rows) > MAX_OCTETS


def _went_along(renamed: Iterable[tuple[str, str]], old_name: str, name: str) -> bool:
    """Whether a mailbox has another name because one above it was renamed (§5.4: not told)."""
    return any(old_name.startswith(old + SEPARATOR) and name == new + old_name[len(old) :] for old, new in renamed)
