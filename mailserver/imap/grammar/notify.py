"""NOTIFY: octets → which events are wanted of which mailboxes.

Standards: RFC 5465 §3.1, §5, §6, §8.
Limits: 50 event groups, 500 mailbox names a command.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from mailserver.imap.grammar.fetch import Item, Section, parse_items
from mailserver.imap.grammar.syntax import Cursor, SyntaxFault

MAX_GROUPS = 50
MAX_NAMES = 500


class Event(Enum):
    MESSAGE_NEW = b"MessageNew"
    MESSAGE_EXPUNGE = b"MessageExpunge"
    FLAG_CHANGE = b"FlagChange"
    MAILBOX_NAME = b"MailboxName"
    SUBSCRIPTION_CHANGE = b"SubscriptionChange"
    MAILBOX_METADATA_CHANGE = b"MailboxMetadataChange"
    SERVER_METADATA_CHANGE = b"ServerMetadataChange"


MESSAGE_EVENTS = frozenset((Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE, Event.FLAG_CHANGE))
SUPPORTED = b" ".join(event.value for event in Event)
_EVENTS = {event.value.upper(): event for event in Event}
_SELECTED = {b"SELECTED": False, b"SELECTED-DELAYED": True}
_OTHERS = frozenset((b"INBOXES", b"PERSONAL", b"SUBSCRIBED", b"SUBTREE", b"MAILBOXES"))
_NAMED = frozenset((b"SUBTREE", b"MAILBOXES"))


class UnknownEvent(Exception):
    """An event that we cannot tell of: NO, not BAD (RFC 5465 §3.1), even where the command has other faults (§5).

    AnnotationChange is one: messages have no annotations here (RFC 5257).
    """


@dataclass(frozen=True, slots=True)
class Selected:
    """What is wanted of the selected mailbox.  ``delayed``: no expunges between commands; ``items`` of new messages."""

    delayed: bool
    events: frozenset[Event]
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Others:
    """What is wanted of mailboxes that are not selected; ``names`` for SUBTREE and MAILBOXES."""

    filter: bytes
    names: tuple[bytes, ...]
    events: frozenset[Event]


@dataclass(frozen=True, slots=True)
class Notify:
    """NOTIFY NONE has nothing.  ``unknown``: events are asked for that we cannot tell of."""

    status: bool = False
    selected: Selected | None = None
    groups: tuple[Others, ...] = ()
    unknown: bool = False

    @property
    def is_none(self) -> bool:
        return self.selected is None and not self.groups and not self.unknown


def parse_notify(cursor: Cursor) -> Notify:
    """notify = "NOTIFY" SP ("SET" [SP "STATUS"] SP event-group *(SP event-group) / "NONE")"""
    cursor.space()
    word = cursor.keyword()
    if word == b"NONE":
        cursor.end()
        return Notify()
    if word != b"SET":
        raise SyntaxFault("Expected SET or NONE")
    cursor.space()
    status = cursor.skip_word(b"STATUS")
    if status:
        cursor.space()
    selected: Selected | None = None
    groups: list[Others] = []
    unknown = False
    while True:
        try:
            group = _group(cursor)
        except UnknownEvent:
            unknown = True
            group = None
        if isinstance(group, Selected):
            if selected is not None:
                raise SyntaxFault("The selected mailbox is named twice")  # §6.1
            selected = group
        elif group is not None:
            groups.append(group)
        if len(groups) > MAX_GROUPS:
            raise SyntaxFault("Too many groups")
        if unknown:
            # What follows cannot be told apart from the unknown event's arguments.
            return Notify(unknown=True)
        if cursor.at_end():
            return Notify(status, selected, tuple(groups))
        cursor.space()


def _group(cursor: Cursor) -> Selected | Others:
    """event-group = "(" filter-mailboxes SP events ")" """
    cursor.need(b"(")
    word = cursor.keyword()
    if word not in _SELECTED and word not in _OTHERS:
        raise SyntaxFault("Unknown choice of mailboxes")
    cursor.space()
    names: tuple[bytes, ...] = ()
    if word in _NAMED:
        names = mailbox_names(cursor)
        cursor.space()
    events, items = _events(cursor)
    cursor.need(b")")
    _check(events)
    if word in _SELECTED:
        if not events <= MESSAGE_EVENTS:
            raise SyntaxFault("Of the selected mailbox only events of messages can be told")  # §6.1
        return Selected(_SELECTED[word], events, items)
    if items:
        raise SyntaxFault("Items are fetched of the selected mailbox only")  # §8, message-event
    return Others(word, names, events)


def mailbox_names(cursor: Cursor) -> tuple[bytes, ...]:
    """one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")" (RFC 5465 §8, which RFC 7377 §4 borrows)"""
    if not cursor.skip(b"("):
        return (cursor.astring(),)
    names = [cursor.astring()]
    while not cursor.skip(b")"):
        cursor.space()
        names.append(cursor.astring())
        if len(names) > MAX_NAMES:
            raise SyntaxFault("Too many names")
    return tuple(names)


def _events(cursor: Cursor) -> tuple[frozenset[Event], tuple[Item, ...]]:
    """events = ("(" event *(SP event) ")") / "NONE" """
    if not cursor.skip(b"("):
        # The RFC's own example leaves out the parentheses of a single event (§3.1): it would fail MessageNew's rule.
        if cursor.keyword() != b"NONE":
            raise SyntaxFault("Expected NONE or a list of events")
        return frozenset(), ()
    events: set[Event] = set()
    items: tuple[Item, ...] = ()
    while True:
        event = _EVENTS.get(cursor.keyword())
        if event is None:
            raise UnknownEvent
        events.add(event)
        if cursor.peek() == b" " and cursor.text[cursor.at + 1 : cursor.at + 2] == b"(":
            if event is not Event.MESSAGE_NEW:
                raise SyntaxFault("Items are for MessageNew")
            cursor.space()
            items = tuple(_peeked(item) for item in parse_items(cursor))
        if cursor.skip(b")"):
            return frozenset(events), items
        cursor.space()


def _peeked(item: Item) -> Item:
    """Telling of a message is not reading it (§5.2)."""
    return replace(item, peek=True) if isinstance(item, Section) else item


def _check(events: frozenset[Event]) -> None:
    """§5: what is told of messages is told wholly enough to count them."""
    both = (Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE)
    if events & MESSAGE_EVENTS and not events.issuperset(both):
        raise SyntaxFault("MessageNew and MessageExpunge go together, and with FlagChange")
