"""DMARC: policies, the tree, alignment, several authors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.dmarc import (
    LONGEST_WALK,
    Dmarc,
    Identifiers,
    Policy,
    check_author,
    check_authors,
    names_to_walk,
    parse_policy,
)
from security.dns import Status
from tests.dns_table import DnsTable


def check(records: dict[str, Any], author: str, *, spf: str = "", dkim: tuple[str, ...] = (), chance: float = 0.0):
    table = DnsTable(
        {(f"_dmarc.{name}", "TXT"): [text] if isinstance(text, bytes) else text for name, text in records.items()}
    )
    return table.run(check_author(author, Identifiers(spf, dkim), chance))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"v=DMARC1; p=reject", Policy.REJECT),
        (b" v = DMARC1 ;p = QUARANTINE ; ", Policy.QUARANTINE),
        (b"v=DMARC1", Policy.NONE),
        (b"v=DMARC1; p=burn; rua=mailto:x@a.example", Policy.NONE),
        (b"v=DMARC1; x=y; =; p=reject; p=none", Policy.REJECT),
        (b"v=DMARC2; p=reject", None),
        (b"v=dmarc1; p=reject", None),
        (b"p=reject; v=DMARC1", None),
        (b"", None),
    ],
)
def test_policies(text: bytes, expected: Policy | None) -> None:
    record = parse_policy(text, "a.example")
    assert (record and record.policy) == expected


def test_every_tag() -> None:
    record = parse_policy(
        b"v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=S; pct=20; t=y; psd=n; fo=1:d;"
        b" rua=mailto:a@x.example, mailto:b@x.example!10m; ruf=mailto:c@x.example",
        "a.example",
    )
    assert record is not None
    assert (record.subdomains, record.missing) == (Policy.QUARANTINE, Policy.NONE)
    assert (record.strict_dkim, record.strict_spf, record.percent, record.testing) == (True, True, 20, True)
    assert (record.public_suffix, record.failure_options) == ("n", "1:d")
    assert record.aggregate_to == ("mailto:a@x.example", "mailto:b@x.example!10m")
    assert record.failures_to == ("mailto:c@x.example",)


@given(st.binary(max_size=100))
def test_any_octets_may_be_a_policy(octets: bytes) -> None:
    record = parse_policy(b"v=DMARC1;" + octets, "a.example")
    assert record is not None
    assert 0 <= record.percent <= 100


REJECT = {"a.example": b"v=DMARC1; p=reject"}
STRICT = {"a.example": b"v=DMARC1; p=reject; adkim=s; aspf=s"}


@pytest.mark.parametrize(
    ("records", "author", "spf", "dkim", "status"),
    [
        (REJECT, "a.example", "a.example", (), Dmarc.PASS),
        (REJECT, "a.example", "", ("a.example",), Dmarc.PASS),
        (REJECT, "a.example", "bounce.a.example", (), Dmarc.PASS),
        (REJECT, "a.example", "", ("x.example", "mail.a.example"), Dmarc.PASS),
        (REJECT, "mail.a.example", "", ("a.example",), Dmarc.PASS),
        (REJECT, "mail.a.example", "other.a.example", (), Dmarc.PASS),
        (REJECT, "a.example", "b.example", ("c.example",), Dmarc.FAIL),
        (REJECT, "a.example", "bad-a.example", (), Dmarc.FAIL),
        (REJECT, "a.example", "", (), Dmarc.FAIL),
        (STRICT, "a.example", "a.example", (), Dmarc.PASS),
        (STRICT, "a.example", "mail.a.example", ("mail.a.example",), Dmarc.FAIL),
        (STRICT, "mail.a.example", "a.example", (), Dmarc.FAIL),
        ({}, "a.example", "b.example", (), Dmarc.NONE),
        ({}, "a.example", "a.example", (), Dmarc.NONE),
        ({"a.example": Status.FAILED}, "a.example", "a.example", (), Dmarc.TEMPERROR),
        ({"a.example": Status.BOGUS}, "mail.a.example", "a.example", (), Dmarc.TEMPERROR),
        ({"a.example": [b"v=DMARC1; p=reject", b"v=DMARC1; p=none"]}, "a.example", "", (), Dmarc.NONE),
        ({"a.example": [b"v=spf1 -all", b"v=DMARC1; p=reject"]}, "a.example", "", (), Dmarc.FAIL),
        (REJECT, "localhost", "", (), Dmarc.PERMERROR),
        (REJECT, "[192.0.2.1]", "", (), Dmarc.PERMERROR),
        (REJECT, "a.example\x01", "", (), Dmarc.PERMERROR),
        (REJECT, "a .example", "", (), Dmarc.PERMERROR),
        (REJECT, "a..example", "", (), Dmarc.PERMERROR),
        (REJECT, "bücher.example", "", (), Dmarc.PERMERROR),
    ],
)
def test_alignment(records: dict[str, Any], author: str, spf: str, dkim: tuple[str, ...], status: Dmarc) -> None:
    assert check(records, author, spf=spf, dkim=dkim).status is status


def test_modes_are_of_each_method() -> None:
    result = check({"a.example": b"v=DMARC1; p=reject; adkim=s"}, "a.example", spf="m.a.example", dkim=("m.a.example",))
    assert (result.status, result.aligned_spf, result.aligned_dkim) == (Dmarc.PASS, True, False)


@pytest.mark.parametrize(
    ("text", "author", "exists", "policy"),
    [
        (b"v=DMARC1; p=reject; sp=none", "a.example", True, Policy.REJECT),
        (b"v=DMARC1; p=reject; sp=none", "m.a.example", True, Policy.NONE),
        (b"v=DMARC1; p=none; np=reject", "m.a.example", True, Policy.NONE),
        (b"v=DMARC1; p=none; np=reject", "m.a.example", False, Policy.REJECT),
        (b"v=DMARC1; p=none; sp=quarantine", "m.a.example", False, Policy.QUARANTINE),
        (b"v=DMARC1; p=reject", "m.a.example", False, Policy.REJECT),
    ],
)
def test_subdomains(text: bytes, author: str, exists: bool, policy: Policy) -> None:
    records: dict[Any, Any] = {("_dmarc.a.example", "TXT"): [text]}
    if exists:
        records["m.a.example", "A"] = ["192.0.2.1"]
    result = DnsTable(records).run(check_author(author, Identifiers(), 0.0))
    assert (result.status, result.policy) == (Dmarc.FAIL, policy)


@pytest.mark.parametrize(
    ("text", "chance", "policy", "milder"),
    [
        (b"v=DMARC1; p=reject; pct=30", 0.29, Policy.REJECT, False),
        (b"v=DMARC1; p=reject; pct=30", 0.30, Policy.QUARANTINE, True),
        (b"v=DMARC1; p=quarantine; pct=0", 0.0, Policy.NONE, True),
        (b"v=DMARC1; p=reject; pct=100", 0.999, Policy.REJECT, False),
        (b"v=DMARC1; p=reject; pct=1000", 0.999, Policy.REJECT, False),
        (b"v=DMARC1; p=reject; t=y", 0.0, Policy.QUARANTINE, True),
    ],
)
def test_samples_and_tests(text: bytes, chance: float, policy: Policy, milder: bool) -> None:
    result = check({"a.example": text}, "a.example", chance=chance)
    assert (result.policy, result.sampled_out) == (policy, milder)


# -- the tree


def test_names_to_walk() -> None:
    assert names_to_walk("a.mail.example.com") == ["a.mail.example.com", "mail.example.com", "example.com", "com"]
    # RFC 9989 §4.10: of a long name only the last seven labels are walked
    walk = names_to_walk("a.b.c.d.e.f.g.h.i.j.mail.example.com")
    assert walk[:3] == ["a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com", "h.i.j.mail.example.com"]
    assert (len(walk), walk[-1]) == (LONGEST_WALK, "com")


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60).map(".".join))
def test_a_walk_has_an_end(domain: str) -> None:
    walk = names_to_walk(domain)
    assert walk[0] == domain
    assert len(walk) <= LONGEST_WALK
    assert walk[-1] == domain.rpartition(".")[2]


def test_the_shortest_name_with_a_policy_is_the_organization() -> None:
    records = {"b.a.example": b"v=DMARC1; p=none", "a.example": b"v=DMARC1; p=reject"}
    result = check(records, "c.b.a.example", spf="x.a.example")
    assert result.status is Dmarc.PASS
    result = check(records, "c.b.a.example")
    assert (result.policy, result.record and result.record.domain) == (Policy.REJECT, "a.example")


def test_psd_n_ends_the_walk() -> None:
    records = {"b.a.example": b"v=DMARC1; p=quarantine; psd=n", "a.example": b"v=DMARC1; p=reject"}
    result = check(records, "c.b.a.example", spf="x.a.example")
    assert (result.status, result.policy) == (Dmarc.FAIL, Policy.QUARANTINE)


def test_below_a_public_suffix() -> None:
    records = {"gov.vn": b"v=DMARC1; p=reject; psd=y"}
    assert check(records, "mail.so.gov.vn", spf="so.gov.vn").status is Dmarc.PASS
    stranger = check(records, "so.gov.vn", spf="other.gov.vn")
    assert (stranger.status, stranger.policy) == (Dmarc.FAIL, Policy.REJECT)
    assert stranger.record is not None
    assert stranger.record.domain == "gov.vn"


@pytest.mark.parametrize("suffix", ["vn", "gov.vn", "co.uk"])
def test_a_public_suffix_with_a_policy_unites_nobody(suffix: str) -> None:
    """Strangers under one suffix are no kin because it has published a record without ``psd``."""
    records = {suffix: b"v=DMARC1; p=none", f"a.{suffix}": b"v=DMARC1; p=reject"}
    assert check(records, f"a.{suffix}", spf=f"b.{suffix}", dkim=(f"c.{suffix}",)).status is Dmarc.FAIL


@pytest.mark.parametrize(
    ("records", "unsure", "status"),
    [
        (REJECT, ("spf", "a.example"), Dmarc.TEMPERROR),
        (REJECT, ("spf", "m.a.example"), Dmarc.TEMPERROR),
        (REJECT, ("dkim", "a.example"), Dmarc.TEMPERROR),
        (STRICT, ("spf", "m.a.example"), Dmarc.FAIL),
        (REJECT, ("dkim", "stranger.example"), Dmarc.FAIL),
        (REJECT, ("spf", ""), Dmarc.FAIL),
    ],
)
def test_what_could_not_be_checked_counts_where_it_would_be_aligned(records, unsure, status) -> None:
    table = DnsTable({(f"_dmarc.{name}", "TXT"): [text] for name, text in records.items()})
    assert table.run(check_author("a.example", Identifiers(unsure=(unsure,)), 0.0)).status is status
    sure = Identifiers("a.example", unsure=(unsure,))
    assert table.run(check_author("a.example", sure, 0.0)).status is Dmarc.PASS


def test_strangers_are_not_walked_for() -> None:
    """Many signatures of many domains cost no questions each."""
    table = DnsTable({("_dmarc.a.example", "TXT"): [b"v=DMARC1; p=reject"]})
    dkim = tuple(f"s{number}.b.example" for number in range(20))
    assert table.run(check_author("a.example", Identifiers("c.example", dkim), 0.0)).status is Dmarc.FAIL
    assert [question.name for question in table.asked] == ["_dmarc.a.example"]


def test_nobody_needs_the_tree_who_has_a_policy_and_no_kin() -> None:
    table = DnsTable({("_dmarc.a.vn", "TXT"): [b"v=DMARC1; p=reject"], ("_dmarc.vn", "TXT"): Status.FAILED})
    assert table.run(check_author("a.vn", Identifiers("b.vn"), 0.0)).status is Dmarc.FAIL
    assert table.run(check_author("a.vn", Identifiers("b.a.vn"), 0.0)).status is Dmarc.TEMPERROR


# -- several authors


def check_all(records: dict[str, bytes], authors: list[str], **more: Any):
    table = DnsTable({(f"_dmarc.{name}", "TXT"): [text] for name, text in records.items()})
    return table.run(check_authors(authors, Identifiers(**more), 0.0))


def test_one_vouched_author_does_not_cover_for_another() -> None:
    records = {"a.example": b"v=DMARC1; p=reject", "b.example": b"v=DMARC1; p=none"}
    result = check_all(records, ["b.example", "a.example"], spf="b.example")
    assert (result.status, result.domain, result.policy) == (Dmarc.FAIL, "a.example", Policy.REJECT)
    result = check_all(records, ["a.example", "b.example"], spf="a.example")
    assert (result.status, result.domain) == (Dmarc.FAIL, "b.example")


def test_authors_of_one_domain_are_one() -> None:
    assert (
        check_all({"a.example": b"v=DMARC1; p=reject"}, ["A.example", "a.example."], spf="a.example").status
        is Dmarc.PASS
    )


@pytest.mark.parametrize("authors", [[], [""], [f"a{number}.example" for number in range(6)]])
def test_none_and_too_many(authors: list[str]) -> None:
    assert check_all({}, authors).status is Dmarc.PERMERROR
