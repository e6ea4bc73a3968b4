"""ESEARCH: one search over many mailboxes, and the one that is selected among them; CANCELUPDATE.

Standards: RFC 7377 (MULTISEARCH), RFC 5465 §6 (which mailboxes are meant), RFC 5267 §4.3.5 (CANCELUPDATE).
Limits: 2,000 mailboxes a search; more are refused with LIMIT (RFC 7377 §2.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from mailserver.access import Act, Place
from mailserver.imap import catching_up, contexts, finding, places, search_results
from mailserver.imap.finding import known_charset, names_modseq, names_numbers
from mailserver.imap.grammar.multisearch import CancelUpdate, MultiSearch, Source, SourceKind
from mailserver.imap.grammar.responses import UnknownCharset
from mailserver.imap.grammar.syntax import NumbersRefused, SyntaxFault
from mailserver.imap.progress import Progress
from mailserver.imap.selected import MailboxGone, SelectedMailbox
from mailserver.imap.session import Reply, Session
from mailserver.imap.steps import Steps
from mailserver.refusals import CannotDo, LimitReached
from mailserver.store import mailboxes
from mailserver.store.mailboxes import SEPARATOR

MAX_MAILBOXES = 2000
_ONLY_SELECTED = {SourceKind.SELECTED}


class TooManyMailboxes(LimitReached):
    default_text = "Too many mailboxes to be searched at once"


def esearch(session: Session, command: MultiSearch, tag: bytes) -> Steps[Reply]:
    search, returns = command.search, command.search.returns
    assert returns is not None
    kinds = {source.kind for source in command.sources}
    if session.selected is None and (SourceKind.SELECTED in kinds or returns.updates):
        raise SyntaxFault("No mailbox is selected")  # RFC 7377 §2.2
    if returns.saves and kinds != _ONLY_SELECTED:
        raise SyntaxFault("SAVE is for the selected mailbox only")  # RFC 7377 §2.2
    if names_numbers(search.key) and session.manner.uid_only:
        raise NumbersRefused
    contexts.refuse_reuse(session, search, tag)
    if names_modseq(search.key):
        yield session.enable_condstore()
    if session.selected is not None:
        yield finding.learn_keywords(session, search.key)
    if not known_charset(search.charset):
        if returns.saves:
            session.view.saved = ()  # RFC 9051 §6.4.4.1
        raise UnknownCharset
    others: list[Place] = []
    searched = _views(session, command.sources, others)
    for place in others:
        yield from places.note_reading(session, place)
    progress = Progress(session.services, tag, sum(view.count for _, view in searched))
    refused = contexts.no_update(tag, "The selected mailbox is not searched") if returns.updates else b""
    for name, view in searched:
        yield from catching_up.scanned(session, view, progress)
        try:
            found, scores = yield from finding.find_with_scores(
                session, view, search.key, search.charset, progress, scored=returns.relevancy
            )
        except MailboxGone:
            if view is session.selected:
                raise
            continue
        source = b" MAILBOX %b UIDVALIDITY %d" % (session.encode_name(name), view.uid_validity)
        if view is session.selected:
            if returns.saves:
                view.saved = search_results.saved(returns, found)
            refused = contexts.begin(session, search, tag, found, source=source)
        if found:
            modseq = 0
            if names_modseq(search.key):
                modseq = search_results.highest_modseq(session, view, search_results.told_of(returns, found))
            relevancy = search_results.relevancy(returns, found, scores)
            yield search_results.extended(
                tag, returns, found, by_uid=True, modseq=modseq, source=source, relevancy=relevancy
            )
    yield refused
    return Reply(keeps_numbers=names_numbers(search.key))


def cancel_update(session: Session, command: CancelUpdate, tag: bytes) -> Steps[None]:
    """A tag that stands for nothing any more needs no cancelling."""
    if session.view.contexts is not None:
        for each in command.tags:
            session.view.contexts.cancel(each)
    yield b""


# Which mailboxes


def _views(session: Session, sources: Iterable[Source], others: list[Place]) -> list[tuple[str, SelectedMailbox]]:
    """Names and views, each mailbox once, in the order in which they are named; ``others`` gets those of others."""
    chosen: dict[int, tuple[str, SelectedMailbox]] = {}
    with session.services.store.read() as connection:
        resolver = _Resolver(session, connection)
        for source in sources:
            if source.kind is SourceKind.SELECTED:
                view = session.view
                chosen[int(view.mailbox_id)] = (resolver.selected_name(), view)
                continue
            for place in resolver.places(source):
                # Rights that lack are passed over in silence, as what is not there is (RFC 7377 §2.2, §5).
                if place.may(Act.READ) and place.mailbox.id not in chosen:
                    view = SelectedMailbox(place.mailbox, read_only=True)
                    view.mailbox_id = place.key
                    chosen[place.mailbox.id] = (place.mailbox.name, view)
                    if place.owner.id != session.account_id:
                        others.append(place)
            if len(chosen) > MAX_MAILBOXES:
                raise TooManyMailboxes
    return list(chosen.values())


class _Resolver:
    def __init__(self, session: Session, connection: Connection) -> None:
        self._session = session
        self._connection = connection
        self._visible: list[Place] | None = None

    @property
    def visible(self) -> list[Place]:
        if self._visible is None:
            self._visible = places.visible(self._session, self._connection)
        return self._visible

    def selected_name(self) -> str:
        mailbox_id = int(self._session.view.mailbox_id)
        place = self._session.place
        if place is not None and place.owner.id != self._session.account_id:
            return place.mailbox.name
        mailbox = mailboxes.get_mailbox(self._connection, mailbox_id)
        if mailbox is None:
            raise MailboxGone
        return mailbox.name

    def places(self, source: Source) -> Iterator[Place]:
        kind, account_id = source.kind, self._session.account_id
        if kind is SourceKind.MAILBOXES:
            for octets in source.names:
                name = self._canonical(octets)
                place = places.find_name(self._session, self._connection, name) if name else None
                if place is not None:
                    yield place
        elif kind is SourceKind.SUBSCRIBED:
            yield from (place for place in self.visible if place.mailbox.subscribed)
        elif kind in (SourceKind.SUBTREE, SourceKind.SUBTREE_ONE):
            for name in filter(None, map(self._canonical, source.names)):
                yield from (place for place in self.visible if _is_below(place.mailbox.name, name, kind))
        else:
            # Rules may deliver into any mailbox, so all personal ones are inboxes (RFC 5465 §6.3).
            yield from (place for place in self.visible if place.owner.id == account_id)

    def _canonical(self, octets: bytes) -> str:
        """Empty for what can be no mailbox's name."""
        try:
            return places.canonical(self._session, octets)
        except (CannotDo, LimitReached):
            return ""


def _is_below(name: str, top: str, kind: SourceKind) -> bool:
    """Names are flat here: there is no hierarchy to run in circles in."""
    if name == top:
        return True
    below = name.removeprefix(top + SEPARATOR)
    return below != name and (kind is SourceKind.SUBTREE or SEPARATOR not in below)
