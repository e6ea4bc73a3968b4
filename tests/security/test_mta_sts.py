"""Records and policies as other domains write them, and which hosts these allow."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.mta_sts import (
    Known,
    Mode,
    Policy,
    PolicyFault,
    in_force,
    must_fetch,
    read_policy,
    read_record,
    write_policy,
)

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx1.ngoai.example\r\nmx: *.backup.example\r\nmax_age: 604800\r\n"
NOW = 1_795_000_000


@pytest.mark.parametrize(
    ("texts", "policy_id"),
    [
        ([b"v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        ([b"v=STSv1;id=1"], "1"),
        ([b"v=STSv1; x=y; id = abc ; z=1;"], "abc"),
        ([b"v=spf1 -all", b"v=STSv1; id=a;"], "a"),
        ([b"v=STSv1; id=a;", b"v=STSv1; id=b;"], None),
        ([b"v=STSv1"], None),
        ([b"v=STSv1; id=;"], None),
        ([b"v=STSv1; id=" + b"a" * 33], None),
        ([b"v=STSv1; id=not an id"], None),
        ([b"v=STSv2; id=a"], None),
        ([b" v=STSv1; id=a"], None),
        ([], None),
    ],
)
def test_records(texts: list[bytes], policy_id: str | None) -> None:
    assert read_record(texts) == policy_id


def test_a_policy() -> None:
    assert read_policy(POLICY) == Policy(Mode.ENFORCE, ("mx1.ngoai.example", "*.backup.example"), 604800)


@pytest.mark.parametrize(
    "octets",
    [
        POLICY.replace(b"\r\n", b"\n"),
        POLICY + b"\r\n",
        b"x-new: thing\r\n" + POLICY,
        POLICY.replace(b"mx1", b"MX1").replace(b": ", b" :  "),
        POLICY + b"mode: none\r\n",
        POLICY.replace(b"mx1.ngoai.example", b"mx1.ngoai.example."),
    ],
)
def test_ways_to_write_it(octets: bytes) -> None:
    assert read_policy(octets) == read_policy(POLICY)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<html></html>",
        b"\xff",
        POLICY.replace(b"STSv1", b"STSv2"),
        POLICY.replace(b"enforce", b"maybe"),
        POLICY.replace(b"604800", b"a week"),
        POLICY.replace(b"604800", b"-1"),
        POLICY.replace(b"604800", "٣".encode()),
        POLICY.replace(b"max_age: 604800\r\n", b""),
        POLICY.replace(b"*.backup.example", b"*.*.example"),
        POLICY.replace(b"*.backup.example", b"mx*.example"),
        POLICY.replace(b"*.backup.example", b"a b"),
        b"version: STSv1\nmode: enforce\nmax_age: 1\n",
        POLICY + b"mx: a.example\r\n" * 2000,
    ],
)
def test_what_is_no_policy(octets: bytes) -> None:
    with pytest.raises(PolicyFault):
        read_policy(octets)


def test_no_longer_than_a_year() -> None:
    assert read_policy(POLICY.replace(b"604800", b"9999999999")).max_age == 31_557_600


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mx1.ngoai.example", True),
        ("MX1.Ngoai.Example.", True),
        ("mx2.ngoai.example", False),
        ("a.backup.example", True),
        ("a.b.backup.example", False),
        ("backup.example", False),
        (".backup.example", True),  # no resolver gives such a name
        ("", False),
        ("*.backup.example", True),  # nor this
    ],
)
def test_hosts(host: str, allowed: bool) -> None:
    assert read_policy(POLICY).allows(host) is allowed


def test_what_we_write_can_be_read() -> None:
    policy = Policy(Mode.TESTING, ("mail.city.vn", "*.city.vn"), 86_400)
    assert read_policy(write_policy(policy).encode()) == policy


@given(octets=st.binary(max_size=200))
def test_nothing_else_is_raised(octets: bytes) -> None:
    with contextlib.suppress(PolicyFault):
        read_policy(b"version: STSv1\n" + octets)
    read_record([b"v=STSv1;" + octets])


def test_a_known_policy_stays_in_force() -> None:
    known = Known("a", replace(read_policy(POLICY), max_age=100), NOW + 100)
    assert in_force(known, NOW) == known.policy
    assert in_force(known, NOW + 100) is None
    assert in_force(None, NOW) is None
    assert in_force(Known("a", Policy(Mode.NONE, (), 100), NOW + 100), NOW) is None
    assert must_fetch(None, "a", NOW)
    assert not must_fetch(None, None, NOW)
    assert not must_fetch(known, None, NOW)  # an attacker who hides the record gains nothing
    assert not must_fetch(known, "a", NOW)
    assert must_fetch(known, "b", NOW)
    assert must_fetch(known, "a", NOW + 100)
    # In time, while the old one still binds.
    assert not must_fetch(known, "a", NOW + 49)
    assert must_fetch(known, "a", NOW + 50)
