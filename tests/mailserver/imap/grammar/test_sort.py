"""SORT, THREAD and RETURN: what they are read as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.imap.grammar.fetch import Attribute, Section
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.partial import Partial, parse_partial
from mailserver.imap.grammar.results import Returns, parse_returns
from mailserver.imap.grammar.search import All, Flagged, Search, Within
from mailserver.imap.grammar.sort import Algorithm, Sort, SortKey, Thread, parse_sort, parse_thread
from mailserver.imap.grammar.syntax import Cursor, SyntaxFault


def cursor(octets):
    return Cursor(Framed(octets, []))


@pytest.mark.parametrize(
    "octets, sort",
    [
        (b" (ARRIVAL) UTF-8 ALL", Sort(((SortKey.ARRIVAL, False),), Search(All(), True, b"UTF-8"))),
        (
            b' (reverse subject DisplayFrom) "us-ascii" seen',
            Sort(((SortKey.SUBJECT, True), (SortKey.DISPLAYFROM, False)), Search(Flagged("\\Seen"), True, b"US-ASCII")),
        ),
        (
            b" (DATE) UTF-8 RETURN (COUNT) ALL",  # as some programs write it
            Sort(((SortKey.DATE, False),), Search(All(), True, b"UTF-8", Returns(frozenset((b"COUNT",))))),
        ),
        (
            b" (RELEVANCY) UTF-8 FUZZY ALL",
            Sort(((SortKey.RELEVANCY, False),), Search(All(), True, b"UTF-8", fuzzy=True)),
        ),
        (
            b" RETURN (COUNT UPDATE PARTIAL -1:-9 CONTEXT) (DATE) UTF-8 OLDER 5",
            Sort(
                ((SortKey.DATE, False),),
                Search(Within(True, 5), True, b"UTF-8", Returns(frozenset((b"COUNT",)), Partial(-1, -9), True)),
            ),
        ),
    ],
)
def test_sorts(octets, sort):
    assert parse_sort(cursor(octets), by_uid=True) == sort


@pytest.mark.parametrize("name", [b"ORDEREDSUBJECT", b"references", b"Refs"])
def test_threads(name):
    found = parse_thread(cursor(b" " + name + b" UTF-8 ALL"), by_uid=False)
    assert found == Thread(Algorithm(name.upper()), Search(All(), False, b"UTF-8"))


@pytest.mark.parametrize(
    "octets",
    [
        b"", b" ", b" ()", b" () UTF-8 ALL", b" (DATE)", b" (DATE) UTF-8", b" (DATE) UTF-8 ", b" (DATE)  UTF-8 ALL",
        b" (REVERSE) UTF-8 ALL", b" (REVERSE REVERSE DATE) UTF-8 ALL", b" (DATE ) UTF-8 ALL", b" DATE UTF-8 ALL",
        b" (DATE) UTF-8 ALL ", b" (" + b"DATE " * 20 + b"DATE) UTF-8 ALL", b" RETURN(COUNT) (DATE) UTF-8 ALL",
        b" (RELEVANCY) UTF-8 ALL", b" RETURN (RELEVANCY) (DATE) UTF-8 ALL", b" RETURN (COUNT) UTF-8 ALL",
        b" RETURN (MEDIAN) (DATE) UTF-8 ALL", b" (DATE) RETURN (COUNT) UTF-8 ALL",
    ],
)  # fmt: skip
def test_what_is_no_sort(octets):
    with pytest.raises(SyntaxFault):
        parse_sort(cursor(octets), by_uid=False)


@pytest.mark.parametrize("octets", [b" UTF-8 ALL", b" REFS ALL", b" REFS", b" REFS UTF-8", b" (REFS) UTF-8 ALL"])
def test_what_is_no_thread(octets):
    with pytest.raises(SyntaxFault):
        parse_thread(cursor(octets), by_uid=False)


@given(st.integers(1, 30), st.integers(1, 30), st.booleans(), st.integers(0, 20))
def test_parts_are_counted_from_either_end(first, last, backwards, count):
    sign = -1 if backwards else 1
    written = f"{sign * first}:{sign * last}".encode()
    part = parse_partial(cursor(written))
    low, high = min(first, last), max(first, last)
    assert part.written == f"{sign * low}:{sign * high}".encode()
    found = list(range(1, count + 1))
    numbered = list(reversed(found)) if backwards else found
    wanted = sorted(each for place, each in enumerate(numbered, 1) if low <= place <= high)
    assert part.of(found) == wanted


def test_items_with_update():
    found = parse_returns(cursor(b"RETURN (COUNT UPDATE (UID BODY[]) CONTEXT) "))
    items = Attribute.UID, Section(b"BODY[]", peek=True)
    assert found == Returns(frozenset((b"COUNT",)), updates=True, fetches=items)
    assert parse_returns(cursor(b"RETURN (UPDATE) ")) == Returns(updates=True)
    for octets in (b"RETURN (UPDATE ()) ", b"RETURN (UPDATE  (UID)) ", b"RETURN (COUNT (UID)) "):
        with pytest.raises(SyntaxFault):
            parse_returns(cursor(octets))
