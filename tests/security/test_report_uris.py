"""Where reports are to go, and who may be named there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security import tls_rpt
from security.dns import Status
from security.report_uris import Destination, organization_of, read_uri, willing
from tests.dns_table import DnsTable


@pytest.mark.parametrize(
    "text, found",
    [
        ("mailto:a@b.example", Destination("a@b.example")),
        ("MAILTO:a@b.example!10m", Destination("a@b.example", limit=10 << 20)),
        ("mailto:a@b.example!500", Destination("a@b.example", limit=500)),
        ("mailto:a%21b@b.example!1K", Destination("a!b@b.example", limit=1024)),
        ("mailto:a@b.example?subject=x", Destination("a@b.example")),
        ("mailto:a@b.example, c@d.example", None),
        ("mailto:a b@b.example", None),
        ("mailto:a@b.example%0d%0aRCPT%20TO:x", None),
        ("mailto:a..b@b.example", None),
        ("mailto:a@b..example", None),
        ("mailto:a@localhost", None),
        ("mailto:" + "a" * 65 + "@b.example", None),
        ("mailto:", None),
        ("https://b.example/r?x=1", Destination(host="b.example", target="/r?x=1")),
        ("https://b.example:8443", Destination(host="b.example", port=8443, target="/")),
        ("https://user@b.example/r", None),
        ("https://localhost/r", None),
        ("https://127.0.0.1./r", None),
        ("https://b..example/r", None),
        ("https://b.example:x/r", None),
        ("https://[::1]/r", None),
        ("https://b.example/r r", None),
        ("http://b.example/r", None),
        ("gopher:x", None),
    ],
)
def test_uris(text, found):
    assert read_uri(text) == found


@given(st.text(max_size=80))
def test_any_text_is_read_or_is_none(text):
    for uri in (text, f"mailto:{text}", f"https://{text}", f"mailto:a@b.example!{text}"):
        found = read_uri(uri)
        assert found is None or "." in found.domain or found.address


def test_the_organization_is_below_the_public_suffix():
    assert organization_of("a.b.example.com") == "example.com"
    assert organization_of("so.city.gov.vn") == "city.gov.vn"
    assert organization_of("gov.vn") == "gov.vn"


OWN = "mailto:a@blue.example.com"
OUT = "mailto:r@red.example.net"
CONSENT = ("blue.example.com._report._dmarc.red.example.net", "TXT")


@pytest.mark.parametrize(
    "entry, found",
    [
        ([b"v=DMARC1"], ["a@blue.example.com", "r@red.example.net"]),
        ([b"v=DMARC1;"], ["a@blue.example.com", "r@red.example.net"]),
        ([b"v=DMARC1; rua=mailto:other@red.example.net"], ["a@blue.example.com", "other@red.example.net"]),
        # one who agrees may not send it on to a third
        ([b"v=DMARC1; rua=mailto:x@victim.example"], ["a@blue.example.com"]),
        ([b"something"], ["a@blue.example.com"]),
        (Status.NO_NAME, ["a@blue.example.com"]),
        (Status.FAILED, None),
    ],
)
def test_who_is_named_from_outside_is_asked(entry, found):
    table = DnsTable({CONSENT: entry})
    destinations = table.run(willing("blue.example.com", [OWN, OUT]))
    assert (destinations and [each.address for each in destinations]) == found
    assert len(table.asked) == 1  # nobody asks about one's own


def test_the_own_organization_is_not_asked_and_nobody_is_named_twice():
    table = DnsTable({})
    found = table.run(willing("blue.example.com", [OWN, OWN, "mailto:b@example.com", "https://example.com/r"]))
    assert [each.address for each in found] == ["a@blue.example.com", "b@example.com"]
    assert table.asked == []


def test_a_name_that_cannot_be_asked_is_not_willing():
    long = ".".join(["a" * 60] * 3) + ".example.net"
    assert DnsTable({}).run(willing("a" * 60 + ".example.com", [f"mailto:r@{long}"])) == ()


def test_the_smaller_limit_holds():
    table = DnsTable({CONSENT: [b"v=DMARC1; rua=mailto:r@red.example.net!2k"]})
    (found,) = table.run(willing("blue.example.com", [f"{OUT}!1k"]))
    assert found.limit == 1024


@pytest.mark.parametrize(
    "texts, found",
    [
        ([b"v=TLSRPTv1; rua=mailto:a@b.example"], ("mailto:a@b.example",)),
        ([b"v=TLSRPTv1;rua=mailto:a@b.example,https://b.example/r;"], ("mailto:a@b.example", "https://b.example/r")),
        ([b"v=TLSRPTv1; rua=mailto:a@b.example", b"v=spf1 -all"], ("mailto:a@b.example",)),
        ([b"v=TLSRPTv1; rua=mailto:a@b.example", b"v=TLSRPTv1; rua=mailto:a@b.example"], None),
        ([b"v=TLSRPTv2; rua=mailto:a@b.example"], None),
        ([b"v=TLSRPTv1"], None),
        ([b"v=TLSRPTv1; rua=mailto:a@b.example", b"v=TLSRPTv10; rua=x", b"v=TLSRPTv1"], ("mailto:a@b.example",)),
        ([b"v=TLSRPTv1; rua="], None),
        ([], None),
    ],
)
def test_tls_rpt_records(texts, found):
    assert tls_rpt.read_record(texts) == found
