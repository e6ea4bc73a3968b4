"""SORT: the search's messages in the order asked for.

Standards: RFC 5256 §3, §4; RFC 5267 §3 (ESORT), §4 (CONTEXT=SORT); RFC 6203 §6 (RELEVANCY).
"""

from __future__ import annotations

from collections.abc import Sequence

from mailserver.imap import contexts, searching
from mailserver.imap.finding import Scores, known_charset, names_numbers
from mailserver.imap.grammar.responses import UnknownCharset
from mailserver.imap.grammar.search import All
from mailserver.imap.grammar.sort import Sort
from mailserver.imap.message_commands import load
from mailserver.imap.session import Reply, Session
from mailserver.imap.sort_orders import ordered
from mailserver.imap.steps import Steps


def sort(session: Session, command: Sort, tag: bytes) -> Steps[Reply]:
    search = command.search
    if not known_charset(search.charset):
        if search.returns is not None and search.returns.saves:
            session.view.saved = ()  # RFC 9051 §6.4.4.1
        raise UnknownCharset
    contexts.refuse_reuse(session, search, tag)
    # No scores are wanted of what needs not be looked for.
    are_all = isinstance(search.key, All) and not search.fuzzy
    scores: Scores = {}
    if are_all:
        # No need to look for them first; what is gone already is left out by the order.
        found: Sequence[int] = load(session).uids
    else:
        found, scores = yield from searching.find(session, search, tag, scored=command.by_relevancy)
    services, view = session.services, session.view
    in_order = services.orders.pick(
        services.store,
        view.mailbox_id,
        command.criteria,
        found,
        count=view.count,
        below=view.uid_next if are_all else 0,
    )
    if in_order is None:
        in_order = ordered(services.store, view, command.criteria, found, are_all=are_all, scores=scores)
    yield from searching.answer(session, search, tag, in_order, b"SORT", scores)
    yield contexts.begin(session, search, tag, in_order, command.criteria)
    return Reply(keeps_numbers=names_numbers(search.key))
