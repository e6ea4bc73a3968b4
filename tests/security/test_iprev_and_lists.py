"""Names of addresses, and lists in the DNS."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from security.blocklists import look_up_address, look_up_domains
from security.dns import Status, reverse_name
from security.iprev import Iprev, check_reverse
from tests.dns_table import DnsTable

FOUR = ipaddress.ip_address("192.0.2.1")
SIX = ipaddress.ip_address("2001:db8:1:2:3:4:567:89ab")
PTR = ("1.2.0.192.in-addr.arpa", "PTR")


def test_names_of_addresses() -> None:
    assert reverse_name(FOUR) == "1.2.0.192.in-addr.arpa"
    assert reverse_name(FOUR, "bl.example") == "1.2.0.192.bl.example"
    # RFC 5782 §2.4
    assert reverse_name(SIX, "ugly.example.com") == (
        "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ugly.example.com"
    )


@pytest.mark.parametrize(
    ("records", "status", "name"),
    [
        ({PTR: ["mx.a.example"], ("mx.a.example", "A"): ["192.0.2.9", "192.0.2.1"]}, Iprev.PASS, "mx.a.example"),
        ({PTR: ["x.example", "mx.a.example"], ("mx.a.example", "A"): ["192.0.2.1"]}, Iprev.PASS, "mx.a.example"),
        ({PTR: ["mx.a.example"], ("mx.a.example", "A"): ["192.0.2.9"]}, Iprev.FAIL, "mx.a.example"),
        ({PTR: ["mx.a.example"]}, Iprev.FAIL, "mx.a.example"),
        ({PTR: ["mx.a.example"], ("mx.a.example", "A"): Status.FAILED}, Iprev.TEMPERROR, "mx.a.example"),
        ({PTR: Status.FAILED}, Iprev.TEMPERROR, ""),
        ({}, Iprev.PERMERROR, ""),
        ({PTR: [f"n{n}.example" for n in range(9)], ("n8.example", "A"): ["192.0.2.1"]}, Iprev.FAIL, "n0.example"),
    ],
)
def test_iprev(records: dict[Any, Any], status: Iprev, name: str) -> None:
    result = DnsTable(records).run(check_reverse(FOUR))
    assert (result.status, result.name) == (status, name)


def test_iprev_of_an_ipv6_client() -> None:
    table = DnsTable({(reverse_name(SIX), "PTR"): ["six.example"], ("six.example", "AAAA"): [str(SIX).upper()]})
    assert table.run(check_reverse(SIX)).status is Iprev.PASS


def test_lists() -> None:
    table = DnsTable(
        {
            ("1.2.0.192.bl.example", "A"): ["127.0.0.2", "127.0.0.10"],
            ("1.2.0.192.bl.example", "TXT"): [b"See https://bl.example/\r\nX: y \xff"],
            ("1.2.0.192.parked.example", "A"): ["203.0.113.9"],
            ("1.2.0.192.everything.example", "A"): ["127.0.0.1"],
            ("1.2.0.192.denied.example", "A"): ["127.255.255.254"],
            ("1.2.0.192.dead.example", "A"): Status.FAILED,
        }
    )
    zones = ["bl.example", "parked.example", "everything.example", "denied.example", "dead.example", "clean.example"]
    (listing,) = table.run(look_up_address(FOUR, zones))
    assert (listing.zone, listing.subject, listing.codes) == ("bl.example", "192.0.2.1", ("127.0.0.2", "127.0.0.10"))
    assert listing.reason == "See https://bl.example/??X: y ?"
    assert table.rounds == 2


def test_lists_of_ipv6() -> None:
    zone = DnsTable({(reverse_name(SIX, "bl.example"), "A"): ["127.0.0.2"]})
    assert len(zone.run(look_up_address(SIX, ["bl.example"]))) == 1
    mapped = DnsTable({("1.2.0.192.bl.example", "A"): ["127.0.0.2"]})
    assert len(mapped.run(look_up_address(ipaddress.ip_address("::ffff:192.0.2.1"), ["bl.example"]))) == 1


def test_lists_of_domains() -> None:
    table = DnsTable({("bad.example.dbl.example", "A"): ["127.0.1.2"]})
    (listing,) = table.run(look_up_domains(["good.example", "bad.example", "bad.example", ""], ["dbl.example"]))
    assert listing.subject == "bad.example"


def test_no_lists_no_questions() -> None:
    table = DnsTable()
    assert table.run(look_up_address(FOUR, [])) == ()
    assert table.asked == []
