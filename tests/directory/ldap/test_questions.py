"""What a search asks of the database is answered from an index: no table is looked through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from directory.database import Directory
from directory.ldap import look_ups, people_entries, viewing, walking
from directory.ldap.filters import And, Equal, Filter, Or, Present, Substrings
from directory.ldap.finding import ByWords, Fragment, narrow
from directory.questions import Question

_SHAPES = [(), (0,), (4,), (300,), (0, 0), (4, 300), (0, 20, 75)]


def questions() -> Iterator[tuple[str, Question]]:
    for module in (look_ups, people_entries, viewing, walking):
        for name, found in vars(module).items():
            for each in found.values() if isinstance(found, dict) else [found]:
                if isinstance(each, Question):
                    yield f"{module.__name__}.{name}", each
    for leading in (None, 4, 20, 75, 300):
        for shape in _SHAPES:
            yield f"matching {leading} {shape}", look_ups._matching(leading, shape, by_name=False)
        yield f"matching {leading}", look_ups._matching(leading, (), by_name=True)
    for places in (0, 4, 300):
        yield f"counting {places}", look_ups._counting(places)


def test_no_table_is_looked_through(directory: Directory) -> None:
    """An index is gone through from its beginning only where everybody is counted, or passed over to a place."""
    through: set[str] = set()
    asked = 0
    with directory.read() as conn:
        for name, question in questions():
            sql, values = question.prepare(directory.engine.dialect, {"most": 1, "passed": 1})
            raw = conn._open().exec_driver_sql("EXPLAIN QUERY PLAN " + sql, tuple(values))
            steps = [str(row[3]) for row in raw]
            asked += 1
            for step in steps:
                if step.startswith("SCAN ") and step.split()[1] not in ("(subquery-1)", "anon_1"):
                    assert " USING " in step, (name, steps)
                    assert "INDEX" in step, (name, steps)
                    through.add(name)
                assert "TEMP B-TREE FOR ORDER BY" not in step or "people_entries" in name, (name, steps)
    assert asked > 50
    assert through == {"directory.ldap.viewing._COUNT", "directory.ldap.viewing._PART"}


@pytest.mark.parametrize(
    ("word", "is_whole", "high"), [("an", True, "an\x01"), ("an", False, "an\U0010ffff"), ("", False, "\U0010ffff")]
)
def test_ranges_hold_a_word_or_what_begins_with_it(word: str, is_whole: bool, high: str) -> None:
    found = look_ups._range(0, word, is_whole=is_whole)
    assert found == {"low0": word, "high0": high}
    assert (word + "h" < high) is not is_whole
    assert word <= word < high


@pytest.mark.parametrize("typed", ["an", "ấn", "Nguyễn Văn", "annv", "đ", "nguyen v", "giam.sat"])
def test_what_address_books_type_is_looked_up(typed: str) -> None:
    """Whatever it is, and in all attributes at once: a look-up for each, never everybody."""
    value = typed.encode()
    for attributes in (("cn", "mail", "givenName", "sn"), ("cn", "displayName", "uid"), ("sn", "givenName")):
        for parts in ((None, (value,), None), (value, (), None), (None, (), value)):
            wanted = Or(tuple(Substrings(each, *parts) for each in attributes))
            hint = narrow(And((Present("mail"), wanted)))
            assert hint
            assert len(hint) <= 4


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        (Substrings("telephoneNumber", None, (), b"1000"), "#0001"),
        (Substrings("telephoneNumber", b"028", (b"3",), b"829-10 00"), "#0001928"),
        (Equal("telephoneNumber", b"(028) 3829.1000"), "#00019283"),
        (Substrings("telephoneNumber", None, (), b"000"), ""),
        (Substrings("telephoneNumber", None, (), "١٠٠٠".encode()), ""),
        (Substrings("telephoneNumber", b"028", (b"1000",), None), ""),
        (Present("telephoneNumber"), ""),
    ],
)
def test_numbers_are_looked_up_by_their_ends(wanted: Filter, word: str) -> None:
    expected = frozenset((ByWords(frozenset((Fragment(word, starts=True),))),)) if word else None
    assert narrow(wanted) == expected
