"""SEARCH: find, and answer in the form that was asked for.

Standards: RFC 9051 §6.4.4; RFC 3501 §6.4.4; RFC 4731 (ESEARCH), RFC 5182 (SAVE), RFC 7162 §3.1.5 (MODSEQ),
RFC 5267 §4 (CONTEXT=SEARCH), RFC 9394 (PARTIAL), RFC 6855 §3 (no CHARSET), RFC 6203 (FUZZY, RELEVANCY).
"""

from __future__ import annotations

from dataclasses import replace

from mailserver.imap import contexts, finding, message_limit, search_results
from mailserver.imap.finding import names_modseq, names_numbers
from mailserver.imap.grammar.responses import UnknownCharset
from mailserver.imap.grammar.results import ALL
from mailserver.imap.grammar.search import Search
from mailserver.imap.grammar.syntax import NumbersRefused, SyntaxFault
from mailserver.imap.message_commands import load
from mailserver.imap.progress import Progress
from mailserver.imap.session import Reply, Session
from mailserver.imap.steps import Steps


def search(session: Session, command: Search, tag: bytes) -> Steps[Reply]:
    contexts.refuse_reuse(session, command, tag)
    uses_numbers = names_numbers(command.key)
    limited = b""
    if session.services.config.imap.message_limit and not (uses_numbers and session.manner.uid_only):
        key, limited = message_limit.narrowed(session, load(session), command.key)
        command = replace(command, key=key)
    written = _find_written(session, command)
    if written is not None:
        yield b"* SEARCH%b\r\n" % (b" " + written.encode("ascii") if written else b"")
        return Reply(message_limit.TEXT if limited else "", limited, keeps_numbers=uses_numbers)
    found, scores = yield from find(session, command, tag)
    yield from answer(session, command, tag, found, b"SEARCH", scores)
    yield contexts.begin(session, command, tag, found)
    # UID SEARCH may tell expunges, but not when it names messages by number (RFC 9051 §7.5.1).
    return Reply(message_limit.TEXT if limited else "", limited, keeps_numbers=uses_numbers)


def looks_into(command: Search) -> bool:
    """Whether it asks more than flags and sizes."""
    return not finding.is_lasting(command.key)


def _find_written(session: Session, command: Search) -> str | None:
    """The numbers of a plain answer as the database writes them, where they need no look."""
    view = session.view
    is_plain = command.returns is None and command.charset is None and not session.rev2
    # Where nothing was ever expunged, UIDs are numbers.  Of a keyword the view may have to hear first.
    if not is_plain or finding.names_keyword(command.key) or not (command.by_uid or view.count == view.uid_next - 1):
        return None
    return finding.find_written(session, view, command.key)


def find(
    session: Session, command: Search, tag: bytes, *, scored: bool = False
) -> Steps[tuple[list[int], finding.Scores]]:
    """What a search of the selected mailbox finds, by UID, ascending; and how relevant it is, if that is wanted."""
    if names_numbers(command.key) and session.manner.uid_only:
        raise NumbersRefused
    if command.charset is not None and b"UTF8=ACCEPT" in session.enabled:
        raise SyntaxFault("After UTF8=ACCEPT a search names no charset")  # RFC 6855 §3
    view = session.view
    if names_modseq(command.key):
        yield session.enable_condstore()
    yield finding.learn_keywords(session, command.key)
    try:
        return (
            yield from finding.find_with_scores(
                session,
                view,
                command.key,
                command.charset,
                Progress(session.services, tag, view.count),
                scored=scored or command.wants_relevancy,
            )
        )
    except UnknownCharset:
        if command.returns is not None and command.returns.saves:
            view.saved = ()  # RFC 9051 §6.4.4.1
        raise


def answer(
    session: Session, command: Search, tag: bytes, found: list[int], name: bytes, scores: finding.Scores
) -> Steps[None]:
    """Tell of what was found, in its order, and remember it where that was asked for."""
    view, returns = session.view, command.returns
    modseq = 0
    if names_modseq(command.key):
        modseq = search_results.highest_modseq(session, view, search_results.told_of(returns, found))
    if returns is not None and returns.saves:
        view.saved = search_results.saved(returns, found)
    numbers = found if command.by_uid else search_results.numbers_of(load(session), found)
    if returns is None and (name != b"SEARCH" or not session.rev2):
        yield search_results.plain(name, numbers, modseq)
    else:
        # IMAP4rev2 knows no SEARCH response (RFC 9051 §7.3.4).
        relevancy = search_results.relevancy(returns, found, scores)
        yield search_results.extended(
            tag, returns or ALL, numbers, by_uid=command.by_uid, modseq=modseq, relevancy=relevancy
        )
