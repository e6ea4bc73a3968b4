"""Authentication-Results: written, read, and told from those of others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.authresults import Result, claims_to_be, field_octets, parse_results, render_results

OURS = frozenset({"mail.city.vn", "city.vn"})


def test_a_field() -> None:
    results = [
        Result("spf", "pass", (("smtp.mailfrom", "a.example"),)),
        Result("dkim", "fail", (("header.d", "b.example"), ("header.b", "ab/c+d")), reason='body "hash"'),
        Result("dmarc", "pass", (("header.from", "a.example"),), remark="p=reject (all)"),
    ]
    assert field_octets("mail.city.vn", [result.text for result in results]) == (
        b"Authentication-Results: mail.city.vn;\r\n"
        b"\tspf=pass smtp.mailfrom=a.example;\r\n"
        b'\tdkim=fail reason="body \\"hash\\"" header.d=b.example header.b="ab/c+d";\r\n'
        b"\tdmarc=pass (p=reject \\(all\\)) header.from=a.example\r\n"
    )


def test_no_result() -> None:
    assert field_octets("mail.city.vn", []) == b"Authentication-Results: mail.city.vn;\r\n\tnone\r\n"
    found = parse_results("mail.city.vn;\r\n\tnone")
    assert found is not None
    assert found.results == ()


TEXT = st.text(max_size=30)
NAMES = st.sampled_from(["header.d", "smtp.mailfrom", "header.b", "policy.iprev"])
RESULTS = st.builds(
    Result,
    st.sampled_from(["spf", "dkim", "dmarc", "x-own"]),
    st.sampled_from(["pass", "fail"]),
    st.lists(st.tuples(NAMES, TEXT.filter(bool)), max_size=3).map(tuple),
    TEXT,
    TEXT,
)


@given(st.lists(RESULTS, max_size=4))
def test_what_is_written_is_read_again(results: list[Result]) -> None:
    text = render_results("mail.city.vn", [result.text for result in results])
    assert text.isascii()
    assert "\n" not in text.replace("\r\n\t", "")
    found = parse_results(text.replace("\r\n\t", " "))
    assert found is not None
    assert found.service == "mail.city.vn"
    assert [(each.method, each.status) for each in found.results] == [(each.method, each.status) for each in results]
    for read, written in zip(found.results, results, strict=True):
        assert len(read.properties) == len(written.properties)
        if all(value.isascii() and value.isprintable() for _, value in written.properties):
            assert read.properties == written.properties


def test_a_field_full_of_comments() -> None:
    """RFC 8601 Appendix B.7."""
    found = parse_results(
        "foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
        "  policy (A dot can go here) . (like that) expired (this surprised me) = (as I wasn't expecting it) 1362471462"
    )
    assert found is not None
    assert (found.service, found.version) == ("foo.example.net", 1)
    (result,) = found.results
    assert (result.method, result.status) == ("dkim", "fail")
    assert result.value_of("policy.expired") == "1362471462"


@pytest.mark.parametrize(
    "value",
    [
        "mail.city.vn; spf=pass smtp.mailfrom=a.example",
        " MAIL.City.VN ; none",
        '"mail.city.vn"; dkim=pass',
        "(hidden (nested)) mail.city.vn (x) 1; dkim=pass",
        "relay.city.vn; dkim=pass",
        "mail.city.vn.; dkim=pass",
        "city.vn; dkim=pass",
        "other.example 2; dkim=pass",  # a version that we do not know
        "; dkim=pass",
        "mail.city.vn dkim=pass",
        "x y z",
        "a.example; dkim=pass =",
        "",
        "a" * 40_000,
    ],
)
def test_fields_that_claim_to_be_ours_or_cannot_be_read(value: str) -> None:
    assert claims_to_be(value, OURS)


@pytest.mark.parametrize(
    "value",
    [
        "mx.other.example; spf=pass smtp.mailfrom=a.example",
        "mail.city.vn.other.example; dkim=pass header.d=city.vn",
        "notcity.vn; dkim=pass",
        'mx.other.example; dkim=pass reason="; mail.city.vn" header.d=a.example',
        "mx.other.example (mail.city.vn); none",
    ],
)
def test_fields_of_others(value: str) -> None:
    assert not claims_to_be(value, OURS)


@given(st.text(max_size=300))
def test_anything_may_be_read(value: str) -> None:
    statement = parse_results(value)
    assert statement is None or statement.service == statement.service.lower()
