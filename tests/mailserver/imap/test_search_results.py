"""What is told of a result, and what "$" means after it: the tables of RFC 5182 §2.4, RFC 4731 §3.2 and RFC 9394 §3.2,
in the form of RFC 4466 §2.6.2."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.imap.grammar.partial import Partial
from mailserver.imap.grammar.results import ALL, Returns
from mailserver.imap.search_results import extended, numbers_of, plain, saved, told_of

FOUND = [10, 11, 12, 15, 20]
SORTED = [15, 20, 10, 12, 11]
PART = Partial(2, 3)


def returns(*items, partial=None):
    return Returns(frozenset(item.encode() for item in items), partial)


@pytest.mark.parametrize(
    "wanted, mark",
    [
        (returns("SAVE"), FOUND),
        (returns("SAVE", "MIN"), [10]),
        (returns("SAVE", "MAX"), [20]),
        (returns("SAVE", "MIN", "MAX"), [10, 20]),
        (returns("SAVE", "ALL"), FOUND),
        (returns("SAVE", "COUNT"), FOUND),
        (returns("SAVE", "MIN", "COUNT"), FOUND),
        (returns("SAVE", "MAX", "ALL"), FOUND),
        (returns("SAVE", partial=PART), [11, 12]),
        (returns("SAVE", "MIN", partial=PART), [10, 11, 12]),
        (returns("SAVE", "MAX", partial=PART), [11, 12, 20]),
        (returns("SAVE", "MIN", "MAX", partial=PART), [10, 11, 12, 20]),
        (returns("SAVE", "COUNT", partial=PART), FOUND),
        (returns("SAVE", "MIN", "COUNT", partial=PART), FOUND),
    ],
)
def test_what_is_saved(wanted, mark):
    assert list(saved(wanted, FOUND)) == mark
    assert list(saved(wanted, [])) == []
    # Of a sorted result the ends are those of its order (RFC 5267 §3.1); "$" is a set, and ascends.
    assert list(saved(wanted, SORTED)) == sorted(saved(wanted, SORTED))
    if mark == [10, 20]:
        assert saved(wanted, SORTED) == [11, 15]


def test_modseq_is_of_what_is_told():
    assert told_of(None, FOUND) is FOUND
    assert told_of(ALL, FOUND) is FOUND
    assert told_of(returns("MIN"), SORTED) == [15]


@pytest.mark.parametrize(
    "wanted, found, answer",
    [
        (ALL, FOUND, b"ALL 10:12,15,20"),
        (ALL, SORTED, b"ALL 15,20,10,12,11"),
        (ALL, [], b""),
        (returns("MIN", "MAX", "COUNT"), SORTED, b"MIN 15 MAX 11 COUNT 5"),
        (returns("MIN", "COUNT"), [], b"COUNT 0"),
        (returns("COUNT", partial=PART), SORTED, b"COUNT 5 PARTIAL (2:3 20,10)"),
        (returns(partial=PART), [], b"PARTIAL (2:3 NIL)"),
        (returns("SAVE", "COUNT"), FOUND, b"COUNT 5"),
        (returns(), FOUND, b""),
    ],
)
def test_answers(wanted, found, answer):
    told = b" " + answer if answer else b""
    assert extended(b"a", wanted, found, by_uid=False) == b'* ESEARCH (TAG "a")' + told + b"\r\n"
    source = b" MAILBOX INBOX UIDVALIDITY 7"
    by_uid = extended(b'a"', wanted, found, by_uid=True, modseq=9, source=source)
    modseq = b" MODSEQ 9" if found else b""
    assert by_uid == b'* ESEARCH (TAG "a\\"" MAILBOX INBOX UIDVALIDITY 7) UID' + told + modseq + b"\r\n"


def test_nothing_is_told_of_what_is_only_saved():
    assert extended(b"a", returns("SAVE"), FOUND, by_uid=True) == b""


def test_plain_answers():
    assert plain(b"SORT", SORTED, 0) == b"* SORT 15 20 10 12 11\r\n"
    assert plain(b"SEARCH", [], 7) == b"* SEARCH (MODSEQ 7)\r\n"


class View:
    """A view's UIDs, for those who look for numbers."""

    def __init__(self, uids):
        self.uids = array("I", uids)
        self.count = len(uids)

    def msn_of(self, uid):
        return self.uids.index(uid) + 1


@given(st.sets(st.integers(1, 60), max_size=40).flatmap(lambda uids: st.tuples(st.just(sorted(uids)), st.data())))
def test_numbers_are_places_among_the_uids(drawn):
    uids, data = drawn
    found = data.draw(st.lists(st.sampled_from(uids), unique=True)) if uids else []
    assert list(numbers_of(View(uids), found)) == [uids.index(uid) + 1 for uid in found]
