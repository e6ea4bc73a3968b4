"""However an answer is found, by an index, by looking at everybody, or because it was given lately, it is the same."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.ldap import answers, look_ups, walking
from directory.ldap.entries import Entry
from directory.ldap.filling import FILLED_IN, fill_in
from directory.ldap.filters import (
    And,
    Approx,
    AtLeast,
    Equal,
    Extensible,
    Filter,
    Not,
    Or,
    Present,
    Substrings,
)
from directory.ldap.look_ups import Finder
from directory.ldap.messages import Code, Search
from directory.ldap.policy import Asker, Policy, attribute_keys
from directory.ldap.schema import ATTRIBUTES
from directory.ldap.seen import Selection
from directory.ldap.steps import Look
from directory.mail import account_changes, aliases
from directory.mail.account_changes import set_admin
from directory.mail.accounts import account_by_login
from directory.words.names import fold
from tests.directory.conftest import City, Clock
from tests.directory.ldap_city import PASSWORD, PEOPLE, TOP, make_client, make_gate
from tests.directory.ldap_client import Client, filter_text, services
from tests.directory.ldap_plainly import evaluate


def test_filters_that_are_too_much(member: Client) -> None:
    """Long values match nothing; a hundred different words are looked up one by one, not in the index."""
    assert member.search(TOP, f"(cn=*{'nguyen' * 1000}*)").entries == []
    words = "".join(f"(cn=*x{number}y*)" for number in range(99))
    assert member.search(TOP, f"(|{words}(cn=*hùng*))").names == ["Võ Hùng"]


def test_hints_find_whatever_a_filter_finds(staffed: City, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without an index the same is found, of any part of any name."""
    chance = random.Random(5)
    texts = []
    for name, _, _ in PEOPLE * 4:
        spelled = fold(name) if chance.random() < 0.5 else name
        start = chance.randrange(len(spelled))
        part = spelled[start : start + chance.randint(1, 6)]
        for attribute in ("cn", "givenName", "sn", "displayName", "mail"):
            value = chance.choice((f"*{part}*", f"{part}*", f"*{part}"))
            texts.append(f"({attribute}={value})")
    client = make_client(staffed, clock)
    client.bind("annv", PASSWORD)
    with_index = [client.search(TOP, text) for text in texts]
    monkeypatch.setattr(walking, "narrow", lambda wanted: None)
    for text, found in zip(texts, with_index, strict=True):
        assert sorted(found.dns) == sorted(client.search(TOP, text).dns), text
    assert sum(len(found.entries) for found in with_index) > 50


_ATTRIBUTES = st.sampled_from(
    ["cn", "CN", "sn", "givenName", "mail", "uid", "ou", "title", "objectClass", "member", "o", "telephoneNumber"]
)
_VALUES = st.sampled_from(
    [
        "a",
        "an",
        "Ân",
        "nguyen",
        "Nguyễn",
        "n v",
        "y te",
        "SYT",
        "annv@city.gov.vn",
        "@city",
        "vanthu",
        "toan",
        "person",
        "1000",
        "028 3829-1000",
        "x8291000",
    ]
).map(str.encode) | st.binary(min_size=1, max_size=4)
_ASSERTIONS = st.one_of(
    st.builds(Equal, _ATTRIBUTES, _VALUES),
    st.builds(Approx, _ATTRIBUTES, _VALUES),
    st.builds(AtLeast, _ATTRIBUTES, _VALUES),
    st.builds(Present, _ATTRIBUTES),
    st.builds(
        Substrings,
        _ATTRIBUTES,
        st.none() | _VALUES,
        st.lists(_VALUES, min_size=1, max_size=2).map(tuple),
        st.none() | _VALUES,
    ),
    st.builds(
        Extensible,
        st.sampled_from(["", "citymailFoldMatch", "caseIgnoreMatch", "2.5.13.1"]),
        _ATTRIBUTES,
        _VALUES,
        st.booleans(),
    ),
)


def _filters(least: int) -> st.SearchStrategy[Filter]:
    """``least``: parts of what is joined."""
    return st.recursive(
        _ASSERTIONS,
        lambda parts: st.one_of(
            st.builds(And, st.lists(parts, min_size=least, max_size=3).map(tuple)),
            st.builds(Or, st.lists(parts, min_size=least, max_size=3).map(tuple)),
            st.builds(Not, parts),
        ),
        max_leaves=6,
    )


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=_filters(0))
def test_any_filter_finds_the_same_with_and_without_an_index(staffed: City, wanted: Filter) -> None:
    asker = Asker(None, Policy(anonymous=frozenset(kind.key for kind in ATTRIBUTES)))
    search = Search(TOP, 2, 0, 0, False, wanted, ("*",))

    def found() -> list[str]:
        walk = walking.Walk(staffed.directory, Finder(), search, asker)
        entries = []
        while not walk.is_over:
            entries += walk.more(3)
        assert walk.is_whole
        return [entry.dn for entry in entries]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walking, "_FIRST", 2)
        with_index = found()
        assert len(set(with_index)) == len(with_index)
        patch.setattr(walking, "narrow", lambda wanted: None)
        patch.setattr(walking, "possible", lambda wanted, kind: True)
        assert sorted(with_index) == sorted(found())


# Nobody; an official; another one; an administrator.  Codes are private.
_WHO = ["", "annv", "hungv", "anhpd"]
_SELECTIONS = [["*"], ["cn", "mail"], ["employeeNumber", "ou"], ["1.1"], ["*", "+", "member"], ["memberOf", "title"]]


@pytest.fixture
def asking(staffed: City, clock: Clock) -> dict[str, Client]:
    """A client for each, in one process."""
    with staffed.directory.write() as conn:
        chief = account_by_login(conn, "anhpd")
        assert chief is not None
        set_admin(conn, "test", chief.id, True)
    policy = {"anonymous": ("cn", "mail", "objectClass"), "private": ("employeeNumber", "telephoneNumber")}
    shared = services(
        staffed.directory, make_gate(staffed, clock), **{key: attribute_keys(names) for key, names in policy.items()}
    )
    clients = {login: Client(shared) for login in _WHO}
    for login, client in clients.items():
        assert not login or client.bind(login, PASSWORD) is Code.SUCCESS
    return clients


def _asker(city: City, client: Client) -> Asker:
    account = client.session.account
    with city.directory.read() as conn:
        now = account_by_login(conn, account.login) if account is not None else None
    return Asker(now, client.session._services.policy)


def _whole(city: City) -> list[Entry]:
    """Every entry with all that it holds, as an administrator has it."""
    with city.directory.read() as conn:
        chief = account_by_login(conn, "anhpd")
        walk = walking.Walk(city.directory, Finder(), Search(TOP, 2, 0, 0, False, And(()), ()), Asker(chief, Policy()))
        entries = walk.more(1000)
        assert chief is not None
        fill_in(conn, entries, FILLED_IN, chief.id)
    return entries


def _plainly(
    wanted: Filter, selection: list[str], entries: list[Entry], asker: Asker
) -> dict[str, dict[str, list[str]]]:
    """Names of entries with what of them is shown, found by looking at every one."""
    found = {}
    for entry in entries:

        def seen(key: str, entry: Entry = entry) -> Sequence[bytes]:
            return entry.values(key) if asker.sees(key, entry.owner) else ()

        if evaluate(wanted, entry.dn, seen) is True:
            kinds = [kind for kind in ATTRIBUTES if kind.key in Selection.of(tuple(selection)).keys and seen(kind.key)]
            found[entry.dn] = {kind.name: [value.decode() for value in seen(kind.key)] for kind in kinds}
    return found


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=_filters(1), who=st.sampled_from(_WHO), selection=st.sampled_from(_SELECTIONS))
def test_any_search_gives_what_looking_at_everybody_gives(
    staffed: City, asking: dict[str, Client], wanted: Filter, who: str, selection: list[str]
) -> None:
    """To whoever asks, the first time and when the answer is remembered."""
    text, client = filter_text(wanted), asking[who]
    plain = _plainly(wanted, selection, _whole(staffed), _asker(staffed, client))
    for _ in range(2):
        found = client.search(TOP, text, attributes=selection)
        assert found.code is Code.SUCCESS
        assert len(found.entries) == len(plain)
        assert dict(found.entries) == plain


def test_each_is_given_his_own(asking: dict[str, Client], staffed: City) -> None:
    """What is remembered for one is not given to another who sees less; and it is forgotten with the next change."""
    text = "(cn=*n*)"
    for _ in range(2):
        codes = {
            login: sorted(
                code for _, values in client.search(TOP, text).entries for code in values.get("employeeNumber", [])
            )
            for login, client in asking.items()
        }
        assert codes == {"": [], "annv": ["CB0"], "hungv": ["CB6"], "anhpd": [f"CB{number}" for number in range(7)]}
    # filters do not tell what is not seen
    for _ in range(2):
        found = {login: client.search(TOP, "(employeeNumber=CB0)").names for login, client in asking.items()}
        assert found == {"": [], "annv": ["Nguyễn Văn An"], "hungv": [], "anhpd": ["Nguyễn Văn An"]}
    with staffed.directory.write() as conn:
        someone = account_by_login(conn, "hungv")
        assert someone is not None
        account_changes.lock(conn, "test", someone.id)
        aliases.add_alias(conn, "test", "chanhvp", "annv")
    assert asking["hungv"].search(TOP, text).code is Code.INSUFFICIENT_ACCESS_RIGHTS
    assert asking["annv"].search(TOP, "(mail=chanhvp@city.gov.vn)").names == ["Nguyễn Văn An"]
    mails = [
        each for _, values in asking["annv"].search(TOP, text, attributes=["mail"]).entries for each in values["mail"]
    ]
    assert "chanhvp@city.gov.vn" in mails


_EVERYBODYS = Asker(None, Policy()).view(frozenset())


def test_answers_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_OCTETS", 3600)
    monkeypatch.setattr(answers, "LARGEST", 1500)
    kept, state, anybody = answers.Answers(), (3, 0.5), Asker(None, Policy())

    def known() -> list[int]:
        return [number for number in range(5) if kept.recall(state, anybody, b"%d" % number) is not None]

    kept.keep(state, _EVERYBODYS, b"large", [b"x" * 2000])
    kept.keep(state, _EVERYBODYS, b"asked at length" * 100, [])
    for request in (b"large", b"asked at length" * 100):
        assert kept.recall(state, anybody, request) is None
    for number in range(4):
        for _ in range(2):
            kept.keep(state, _EVERYBODYS, b"%d" % number, [b"x" * 100])
            assert kept.recall(state, anybody, b"0") == [b"x" * 100]
    assert known() == [0, 1, 2, 3]
    kept.recall(state, anybody, b"0")
    kept.keep(state, _EVERYBODYS, b"4", [b"x" * 500, b"y" * 100])
    assert known() == [0, 3, 4]


def test_answers_are_of_the_newest_state() -> None:
    kept, anybody = answers.Answers(), Asker(None, Policy())
    for old, new in (((3, 0.5), (4, 0.2)), ((5, 0.2), (5, 60.3))):
        kept.keep(old, _EVERYBODYS, b"key", [b"old"])
        assert kept.recall(old, anybody, b"key") == [b"old"]
        assert kept.recall(new, anybody, b"key") is None
        kept.keep(old, _EVERYBODYS, b"key", [b"old"])  # by a thread that had begun before
        assert kept.recall(new, anybody, b"key") is kept.recall(old, anybody, b"key") is None
        kept.keep(new, _EVERYBODYS, b"key", [b"new"])
        assert kept.recall(new, anybody, b"key") == [b"new"]


def test_what_is_asked_at_length_is_not_remembered(member: Client) -> None:
    for text, count in ((f"(|(cn=*hùng*)(cn={'x' * 1200}))", 0), ("(cn=*hùng*)", 1)):
        for _ in range(2):
            assert member.search(TOP, text, attributes=["cn"]).names == ["Võ Hùng"]
        assert len(member.session._services.answers._kept) == count


@pytest.mark.parametrize(
    ("text", "attributes", "is_light"),
    [
        ("(mail=toan.syt@city.gov.vn)", ["cn", "mail"], True),
        ("(|(uid=annv@city.gov.vn)(employeeNumber=CB0))", ["1.1"], True),
        # the words have been read; of two words the rarer may have to be looked through
        ("(cn=*an*)", ["cn"], True),
        ("(cn=*an*in*)", ["cn"], False),
        ("(ou=Sở Y tế)", ["cn"], False),
        # the members of a group may be a whole city, and whose groups somebody is in is a long question too
        ("(mail=toan.syt@city.gov.vn)", ["member"], False),
        ("(mail=toan.syt@city.gov.vn)", [], False),
        (f"(&(mail=annv@city.gov.vn)(!(memberOf=mail=x,ou=groups,{TOP})))", ["cn"], False),
        ("(&(mail=annv@city.gov.vn)(:caseIgnoreMatch:=x))", ["cn"], False),
    ],
)
def test_only_what_takes_no_time_is_done_in_place(
    member: Client, text: str, attributes: list[str], is_light: bool
) -> None:
    seen: list[bool] = []
    member.on_step = lambda step: seen.append(step.is_light) if isinstance(step, Look) else None
    member.search(TOP, "(cn=*before*)", attributes=["cn"])
    assert seen[:2] == [True, False]
    seen.clear()
    member.search(TOP, text, attributes=attributes)
    assert seen[:2] == [True, is_light]  # what was answered lately is looked for first
    seen.clear()
    member.search(TOP, text, attributes=attributes)
    is_everybodys = FILLED_IN.isdisjoint(Selection.of(tuple(attributes)).keys) and "memberOf" not in text
    assert (len(seen) == 1) is (is_everybodys and ":caseIgnoreMatch:" not in text)


def test_two_words_are_found_in_place_once_they_were_counted(member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them, if it is rare: names with both are told from those with one without a look at each."""
    seen: list[bool] = []
    member.on_step = lambda step: seen.append(step.is_light) if isinstance(step, Look) else None
    for text, steps, names in (
        ("(cn=*an*ì*)", [True, False], ["Đỗ An Bình"]),
        ("(cn=*ă*an*)", [True, True], ["Nguyễn Văn An"]),
        ("(mail=*an*@city*)", [True, True], ["Nguyễn Văn An"]),
        ("(&(cn=*ha*)(ou=*y*))", [True, True], []),
    ):
        seen.clear()
        found = member.search(TOP, text, attributes=["cn"])
        assert (seen[:2], sorted(set(found.names) & set(names))) == (steps, sorted(names))
    monkeypatch.setattr(look_ups, "_COUNTED", 0)  # all are common
    for size_limit in (1, 2):
        seen.clear()
        member.search(TOP, "(cn=*đỗ*hà*)", attributes=["cn"], size_limit=size_limit)
        assert seen[:2] == [True, False]
