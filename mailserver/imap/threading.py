"""THREAD: the search's messages as trees of conversations.

Standards: RFC 5256 §3, §4 (THREAD=ORDEREDSUBJECT, THREAD=REFERENCES); draft-ietf-morg-inthread-01 §4 (THREAD=REFS).
Limits: 500,000 messages with four references each take about 250 MB while they are threaded.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailserver.imap import searching, thread_trees
from mailserver.imap.finding import known_charset, names_numbers
from mailserver.imap.grammar.responses import UnknownCharset
from mailserver.imap.grammar.search import All
from mailserver.imap.grammar.sort import Algorithm, Thread
from mailserver.imap.message_commands import load
from mailserver.imap.progress import Progress
from mailserver.imap.search_results import numbers_of
from mailserver.imap.session import Reply, Session
from mailserver.imap.steps import Steps
from mailserver.imap.thread_trees import Forest, Messages, References
from mailserver.store import ordering

# Messages that are read at a time: what is held of them for long is a few octets each.
STRETCH = 20_000


def thread(session: Session, command: Thread, tag: bytes) -> Steps[Reply]:
    search = command.search
    if not known_charset(search.charset):
        raise UnknownCharset
    are_all = isinstance(search.key, All)
    if are_all:
        found: Sequence[int] = load(session).uids
    else:
        found, _ = yield from searching.find(session, search, tag)
    uids, messages, forest = yield from _trees(session, command.algorithm, found, are_all, tag)
    numbers = uids if search.by_uid else numbers_of(load(session), uids)
    yield b"* THREAD " if uids else b"* THREAD"
    yield from thread_trees.render(forest, len(messages.dates), numbers.__getitem__)
    yield b"\r\n"
    return Reply(keeps_numbers=names_numbers(search.key))


def _trees(
    session: Session, algorithm: Algorithm, found: Sequence[int], are_all: bool, tag: bytes
) -> Steps[tuple[list[int], Messages, Forest]]:
    view = session.view
    links = None if algorithm is Algorithm.ORDEREDSUBJECT else References()
    wanted = None if are_all else set(found)
    progress = Progress(session.services, tag, len(found))
    uids: list[int] = []
    messages = Messages()
    for start in range(0, len(found), STRETCH):
        stretch = found[start : start + STRETCH]
        with session.services.store.read() as connection:
            rows = ordering.relations(connection, view.mailbox_id, stretch)
            if wanted is not None:
                rows = (row for row in rows if row[0] in wanted)
            thread_trees.gather(rows, uids, messages, links)
        yield from progress.step(len(stretch))
    if links is None:
        return uids, messages, thread_trees.ordered_subject(messages)
    forest = links.pruned()
    arrange = thread_trees.references if algorithm is Algorithm.REFERENCES else thread_trees.refs
    return uids, messages, arrange(messages, forest)
