"""What the checks read of a message: its authors, however they are written, and whether they are ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailserver.delivery import checks
from mailserver.delivery.checks import Findings, envelope_subject, look_at_envelope, look_at_octets, read_letter
from mailserver.delivery.post_office import Origin
from mailserver.refusals import MalformedMessage
from security.dmarc import Dmarc
from security.spf import Spf
from tests.dns_table import DnsTable


def letter(office, *fields: str):
    header = "".join(f"{field}\r\n" for field in fields)
    return read_letter(office, f"{header}Subject: x\r\n\r\nFrom: an@city.vn\r\n".encode())


@pytest.mark.parametrize(
    ("field", "authors", "claimed"),
    [
        ("From: x@a.example", ("a.example",), ()),
        ("From: X <x@A.Example>", ("a.example",), ()),
        ("From: an@city.vn", ("city.vn",), ("city.vn",)),
        ("FROM :\r\n An\r\n <an@CITY.VN>", ("city.vn",), ("city.vn",)),
        ("From: an@city.vn.", ("city.vn",), ("city.vn",)),
        ("From: an@city\uff0evn", ("city.vn",), ("city.vn",)),  # a full stop as wide as a letter
        ("From: an@phong.city.vn", ("phong.city.vn",), ("city.vn",)),
        ("From: an@notcity.vn", ("notcity.vn",), ()),
        ("From: an@city.vn.evil.example", ("city.vn.evil.example",), ()),
        ("From: x@a.example, An <an@city.vn>", ("a.example", "city.vn"), ("city.vn",)),
        ("From: Nhóm: x@a.example, an@city.vn;", ("a.example", "city.vn"), ("city.vn",)),
        ("From: <@relay.example:an@city.vn>", ("city.vn",), ("city.vn",)),
        ("From: an@city.vn (Ông An)", ("city.vn",), ("city.vn",)),
        ("From: an(x)@(y)city.vn", ("city.vn",), ("city.vn",)),
        # a name is a name, whatever it looks like
        ('From: "an@city.vn" <x@a.example>', ("a.example",), ()),
        ("From: x@a.example (an@city.vn)", ("a.example",), ()),
        # but what another program might take for the address counts
        ("From: an@city.vn <x@a.example>", ("a.example",), ("city.vn",)),
        ("From: <an@city.vn> <x@a.example>", ("a.example",), ("city.vn",)),
        ("From: <x@a.example> <an@city.vn>", ("city.vn",), ("city.vn",)),
        ("From: an@city.vn\tx@a.example", None, ("city.vn",)),
        ("From: an@ city.vn", None, ("city.vn",)),
        ("From: <an@city.vn", None, ("city.vn",)),
        ('From: "x <an@city.vn> <x@a.example>', None, ("city.vn",)),
        ("From: (x <an@city.vn> <x@a.example>", None, ("city.vn",)),
        ('From: "a\\" <an@city.vn>" <x@a.example>', ("a.example",), ()),
        ("From: x@a.example (a (an@city.vn) b)", ("a.example",), ()),
        ('From: "(" an@city.vn ")" <x@a.example>', ("a.example",), ("city.vn",)),
        ("From: x@xn--city-.vn", None, ()),
        ("From: x@bücher.example", ("xn--bcher-kva.example",), ()),
        ("From: somebody", ("",), ()),
        ("From: ", (), ()),
    ],
)
def test_authors(office, field: str, authors: tuple[str, ...] | None, claimed: tuple[str, ...]) -> None:
    found = letter(office, field)
    if authors is not None:
        assert found.authors == authors
    assert found.claimed == claimed
    assert found.author_fields == 1


def test_every_from_field_is_counted(office) -> None:
    assert letter(office, "From: a@a.example", "from:b@b.example").author_fields == 2
    assert letter(office, "To: a@a.example", "X-From: x@y.example").author_fields == 0


def test_domains_of_the_directory_are_ours_too(make_office) -> None:
    office = make_office(city={"domains": ("thành-phố.vn",)})
    assert letter(office, "From: an@thành-phố.vn").claimed == (checks._ascii_domain("thành-phố.vn"),)
    assert letter(office, "From: an@city.vn").claimed == ("city.vn",)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=120))
def test_any_octets_may_be_an_author(office, octets: bytes) -> None:
    found = read_letter(office, b"From: " + octets.replace(b"\n", b"") + b" <an@city.vn>\r\n\r\n")
    assert isinstance(found.claimed, tuple)


def test_a_header_without_an_end(office, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"X: y\r\n" * 200_000 + b"From: an@city.vn\r\n\r\n")
    with pytest.raises(MalformedMessage):
        read_letter(office, path)


def test_a_domain_that_is_too_long_costs_no_more_than_a_name(office, monkeypatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(checks, "is_local_domain", lambda _, name: asked.append(name))
    found = letter(office, "From: x@" + "a." * 30_000 + "a.example, <y@" + "ü." * 9_000 + "b.example>")
    assert all(len(author) <= 1000 for author in found.authors)
    assert sum(map(len, asked)) < 100_000
    assert letter(office, "From: x@" + "a." * 20_000 + "city.vn").claimed == ("city.vn",)


def test_lists_are_not_asked_about_a_crowd_of_authors(office) -> None:
    crowd = ", ".join(f"x@{number}.example" for number in range(500))
    trust = replace(office.config.trust, domain_lists={"one.list.example": "1", "two.list.example": "1"})
    subject = envelope_subject(office, ORIGIN, "x@a.example")
    assert subject is not None
    asking = checks._domains(replace(subject, letter=letter(office, f"From: {crowd}")), trust, Findings())
    assert len(next(asking)) <= 12


# -- the checks as a whole


ORIGIN = Origin("192.0.2.1", "mx.a.example", "ESMTP")
MESSAGE = b"From: x@a.example\r\nTo: an@city.vn\r\nSubject: x\r\n\r\nbody\r\n"


def look(office, table: DnsTable, octets: bytes = MESSAGE) -> Findings:
    subject = envelope_subject(office, ORIGIN, "x@a.example")
    assert subject is not None
    found = table.run(look_at_envelope(subject, office.config.trust))
    return table.run(look_at_octets(office, subject, octets, found))


def test_the_checks_of_an_envelope_are_made_side_by_side(office) -> None:
    table = DnsTable(
        {
            ("1.2.0.192.in-addr.arpa", "PTR"): ["mx.a.example"],
            ("mx.a.example", "A"): ["192.0.2.1"],
            ("a.example", "TXT"): [b"v=spf1 ip4:192.0.2.1 -all"],
            ("_dmarc.a.example", "TXT"): [b"v=DMARC1; p=reject"],
        }
    )
    found = look(office, table)
    assert found.mail_from is not None
    assert found.mail_from.status is Spf.PASS
    assert found.dmarc is not None
    assert found.dmarc.status is Dmarc.PASS
    # names and records at once, then the name's address; then the policy
    assert table.rounds == 3


@pytest.mark.parametrize("client", ["", "unix", "999.1.1.1"])
def test_a_client_without_an_address_is_not_checked(office, client: str) -> None:
    assert envelope_subject(office, Origin(client, "x", "SMTP"), "x@a.example") is None


def test_an_address_with_a_zone_or_in_ipv6_clothing(office) -> None:
    for client, plain in (("fe80::1%eth0", "fe80::1"), ("::ffff:192.0.2.1", "192.0.2.1")):
        subject = envelope_subject(office, Origin(client, "x", "SMTP"), "")
        assert subject is not None
        assert str(subject.client) == plain
