"""What the doctor makes of the DNS, told by a table."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from directory.dkim.keys import ACTIVE, MADE, DkimKey
from mailserver.delivery.own_sts import record_of
from mailserver.doctor import names, policies
from mailserver.doctor.certificate import read_chain
from mailserver.doctor.policies import Fetched
from mailserver.doctor.verdicts import Grade
from security.authority import ensure_certificate
from security.dkim.keys import render_record
from security.dkim.signing import make_key
from security.dns import Answer, Mx, Status, Tlsa
from security.mta_sts import Mode, Policy, write_policy
from tests.dns_table import DnsTable

HOST = "mail.city.vn"
NOW = datetime.now(UTC)
ADDRESS = ipaddress.ip_address("8.8.4.4")
POLICY = Policy(Mode.ENFORCE, (HOST,), 604_800)


def signed(*records):
    return Answer(Status.FOUND, records, validated=True)


def codes(asking, records):
    return [each.code for each in DnsTable(records).run(asking)]


@pytest.mark.parametrize(
    "answer, is_named, found",
    [
        (signed("a.root-servers.net"), True, "dns.validates"),
        (["a.root-servers.net"], True, "dns.careless"),
        (["a.root-servers.net"], False, "dns.unnamed"),
        (Status.FAILED, True, "dns.silent"),
    ],
)
def test_the_resolver(answer, is_named, found):
    assert codes(names.check_resolver(is_named), {(".", "SOA"): answer}) == [found]


@pytest.mark.parametrize(
    "answer, found",
    [
        (signed(Mx(10, HOST)), ["mx.ours", "dnssec.signed"]),
        ([Mx(10, HOST), Mx(20, "backup.else.example")], ["mx.others", "dnssec.unsigned"]),
        ([Mx(10, "mx.else.example")], ["mx.elsewhere", "dnssec.unsigned"]),
        ([Mx(0, ".")], ["mx.null"]),
        (Status.EMPTY, ["mx.none"]),
        (Status.NO_NAME, ["mx.none"]),
        (Status.FAILED, ["mx.unknown"]),
        (Status.BOGUS, ["dnssec.bogus"]),
    ],
)
def test_where_mail_is_sent(answer, found):
    asking = names.check_exchangers("city.vn", HOST, POLICY.allows, is_named=True)
    assert codes(asking, {("city.vn", "MX"): answer}) == found


def test_an_unbelieved_resolver_is_not_asked_what_is_signed():
    asking = names.check_exchangers("city.vn", HOST, POLICY.allows, is_named=False)
    assert codes(asking, {("city.vn", "MX"): [Mx(10, HOST)]}) == ["mx.ours"]


REVERSE = ("4.4.8.8.in-addr.arpa", "PTR")


@pytest.mark.parametrize(
    "records, found",
    [
        ({(HOST, "A"): ["8.8.4.4"], REVERSE: [HOST]}, ["host.addresses", "host.no-ipv6", "reverse.ours"]),
        (
            {(HOST, "A"): ["8.8.4.4"], REVERSE: ["x.isp.example"], ("x.isp.example", "A"): ["8.8.4.4"]},
            ["host.addresses", "host.no-ipv6", "reverse.other"],
        ),
        (
            {(HOST, "A"): ["8.8.4.4"], REVERSE: ["x.isp.example"], ("x.isp.example", "A"): ["8.8.8.8"]},
            ["host.addresses", "host.no-ipv6", "reverse.astray"],
        ),
        ({(HOST, "A"): ["8.8.4.4"]}, ["host.addresses", "host.no-ipv6", "reverse.none"]),
        ({(HOST, "A"): ["8.8.4.4"], REVERSE: Status.FAILED}, ["host.addresses", "host.no-ipv6", "reverse.unknown"]),
        (
            {(HOST, "A"): ["10.0.0.1"], (HOST, "AAAA"): ["::1"]},
            ["host.addresses", "address.private", "address.private"],
        ),
        ({(HOST, "CNAME"): ["x.isp.example"], ("x.isp.example", "A"): ["8.8.4.4"]}, ["host.alias"]),
        ({}, ["host.none"]),
        ({(HOST, "A"): Status.FAILED}, ["host.unknown"]),
    ],
)
def test_this_servers_addresses_and_their_names(records, found):
    assert codes(names.check_host(HOST, is_named=False), records) == found


CLOSED = {(HOST, "A"): ["8.8.4.4"], ("city.vn", "MX"): [Mx(10, HOST)]}


@pytest.mark.parametrize(
    "record, found",
    [
        ([b"v=spf1 mx -all"], ["spf.closed", "spf.pass"]),
        ([b"v=spf1 mx ~all"], ["spf.closed", "spf.pass"]),
        ([b"v=spf1 mx"], ["spf.open", "spf.pass"]),
        ([b"v=spf1 mx ?all"], ["spf.open", "spf.pass"]),
        ([b"v=spf1 +all"], ["spf.everybody", "spf.pass"]),
        ([b"v=spf1 ip4:192.0.2.1 -all"], ["spf.closed", "spf.fail"]),
        ([b"v=spf1 mx -all", b"v=spf1 -all"], ["spf.broken"]),
        # the address of ours matches first and would never see it: others count to the end
        ([b"v=spf1 mx " + b"a:mail.city.vn " * 10 + b"-all"], ["spf.broken"]),
        ([b"v=spf1 redirect=_spf.city.vn"], ["spf.closed", "spf.pass"]),
        (Status.EMPTY, ["spf.none"]),
        (Status.FAILED, ["spf.unknown"]),
    ],
)
def test_spf(record, found):
    records = {**CLOSED, ("city.vn", "TXT"): record, ("_spf.city.vn", "TXT"): [b"v=spf1 mx:city.vn -all"]}
    assert codes(policies.check_spf("city.vn", HOST, [ADDRESS]), records) == found


def dkim_key(domain="city.vn", state=ACTIVE, selector="s1"):
    record = render_record(make_key("ed25519").public_key())
    return DkimKey(domain, selector, "ed25519", state, record, 0, None, None, None)


def test_dkim_keys_that_sign():
    key, other = dkim_key(), dkim_key()
    name = ("s1._domainkey.city.vn", "TXT")
    asking = policies.check_dkim("city.vn", [key])
    assert codes(asking, {name: [key.record.encode()]}) == ["dkim.right"]
    (verdict,) = DnsTable({name: [other.record.encode()]}).run(policies.check_dkim("city.vn", [key]))
    assert (verdict.code, verdict.grade) == ("dkim.wrong", Grade.BAD)
    assert key.record in verdict.records[0]
    assert codes(policies.check_dkim("city.vn", [key]), {}) == ["dkim.missing"]
    assert codes(policies.check_dkim("city.vn", [key]), {name: Status.FAILED}) == ["dkim.unknown"]
    assert codes(policies.check_dkim("city.vn", []), {}) == ["dkim.none"]


def test_a_domain_without_keys_is_signed_for_by_the_nearest_above():
    above, near, new = dkim_key(), dkim_key("so.city.vn"), dkim_key("so.city.vn", MADE, "s2")
    keys = [above, near, new]
    assert policies.signing_keys("phong.so.city.vn", keys) == [near]
    assert policies.signing_keys("khac.city.vn", keys) == [above]
    assert policies.signing_keys("khaccity.vn", keys) == []
    assert policies.signing_keys("so.city.vn", [above, new]) == [above]


@pytest.mark.parametrize(
    "records, found",
    [
        ({"_dmarc.so.city.vn": [b"v=DMARC1; p=reject; rua=mailto:a@city.vn"]}, ["dmarc.protects"]),
        ({"_dmarc.city.vn": [b"v=DMARC1; p=reject; rua=mailto:a@city.vn"]}, ["dmarc.protects"]),
        ({"_dmarc.city.vn": [b"v=DMARC1; p=reject; sp=none; rua=mailto:a@city.vn"]}, ["dmarc.watches"]),
        ({"_dmarc.so.city.vn": [b"v=DMARC1; p=none"]}, ["dmarc.watches", "dmarc.no-reports"]),
        ({"_dmarc.so.city.vn": [b"v=DMARC1; p=quarantine; pct=50; rua=mailto:a@city.vn"]}, ["dmarc.tries"]),
        ({"_dmarc.so.city.vn": [b"v=DMARC1; p=none", b"v=DMARC1; p=reject"]}, ["dmarc.several"]),
        (
            {"_dmarc.so.city.vn": [b"v=DMARC1; p=reject; rua=mailto:a@else.example"]},
            ["dmarc.protects", "dmarc.unwilling"],
        ),
        (
            {
                "_dmarc.so.city.vn": [b"v=DMARC1; p=reject; rua=mailto:a@else.example"],
                "so.city.vn._report._dmarc.else.example": [b"v=DMARC1"],
            },
            ["dmarc.protects"],
        ),
        ({"_dmarc.so.city.vn": [b"something else"]}, ["dmarc.none"]),
        ({}, ["dmarc.none"]),
        ({"_dmarc.city.vn": Status.FAILED}, ["dmarc.unknown"]),
    ],
)
def test_dmarc(records, found):
    assert (
        codes(
            policies.check_dmarc("so.city.vn", "tls@city.vn"), {(name, "TXT"): entry for name, entry in records.items()}
        )
        == found
    )


STS = ("_mta-sts.city.vn", "TXT")
OURS = {STS: [record_of(POLICY).encode()], ("city.vn", "MX"): [Mx(10, HOST)]}


@pytest.mark.parametrize(
    "policy, records, found",
    [
        (POLICY, OURS, ["mta-sts.record"]),
        (replace(POLICY, max_age=86_400), OURS, ["mta-sts.old-record"]),
        (POLICY, {**OURS, STS: Status.EMPTY}, ["mta-sts.no-record"]),
        (POLICY, {**OURS, STS: Status.FAILED}, ["mta-sts.unknown"]),
        (POLICY, {**OURS, ("city.vn", "MX"): [Mx(10, "mx.else.example")]}, ["mta-sts.record", "mta-sts.shut-out"]),
        (None, OURS, ["mta-sts.orphan"]),
        (None, {}, ["mta-sts.off"]),
    ],
)
def test_the_record_of_our_mta_sts_policy(policy, records, found):
    assert codes(policies.check_sts_record("city.vn", policy), records) == found


def test_a_policy_that_is_only_tested_is_told():
    policy = replace(POLICY, mode=Mode.TESTING)
    records = {**OURS, STS: [record_of(policy).encode()]}
    assert codes(policies.check_sts_record("city.vn", policy), records) == ["mta-sts.record", "mta-sts.testing"]


@pytest.mark.parametrize(
    "fetched, found",
    [
        (Fetched(write_policy(POLICY).encode()), "mta-sts.policy"),
        (Fetched(write_policy(replace(POLICY, max_age=86_400)).encode()), "mta-sts.differs"),
        (Fetched(b"<html>"), "mta-sts.unreadable"),
        (Fetched(fault="no address"), "mta-sts.unreachable"),
    ],
)
def test_the_policy_that_others_get(fetched, found):
    assert policies.judge_sts_policy("city.vn", POLICY, fetched).code == found


@pytest.mark.parametrize(
    "entry, found",
    [
        ([b"v=TLSRPTv1; rua=mailto:tls@city.vn"], "tls-rpt.right"),
        ([b"v=TLSRPTv1; rua=mailto:a@city.vn", b"v=TLSRPTv1; rua=mailto:b@city.vn"], "tls-rpt.none"),
        ([b"v=TLSRPTv1; rua=gopher://x"], "tls-rpt.none"),
        (Status.EMPTY, "tls-rpt.none"),
        (Status.FAILED, "tls-rpt.unknown"),
    ],
)
def test_who_hears_of_tls(entry, found):
    records = {("_smtp._tls.city.vn", "TXT"): entry}
    assert codes(policies.check_tls_reports("city.vn", "tls@city.vn"), records) == [found]


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    files = ensure_certificate(tmp_path_factory.mktemp("tls"), [HOST], NOW)
    return [each.public_bytes(Encoding.DER) for each in read_chain(files.certificate)]


def test_dane(chain):
    name = (f"_25._tcp.{HOST}", "TLSA")
    (verdict,) = DnsTable({}).run(policies.check_dane(HOST, chain, NOW))
    assert (verdict.code, verdict.grade) == ("dane.none", Grade.WARNING)
    key = x509.load_der_x509_certificate(chain[0]).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    assert verdict.records == (f"_25._tcp.{HOST}. IN TLSA 3 1 1 {digest.hex()}",)
    # what it says to publish is what it then finds good
    right, wrong = Tlsa(3, 1, 1, digest), Tlsa(3, 1, 1, bytes(32))
    for entry, found in (
        (signed(right), "dane.right"),
        (signed(wrong, right), "dane.right"),
        (signed(wrong), "dane.wrong"),
        (signed(Tlsa(1, 1, 1, digest)), "dane.useless"),
        ([right], "dane.unproven"),
        (Status.FAILED, "dane.unknown"),
        (Status.BOGUS, "dnssec.bogus"),
    ):
        assert codes(policies.check_dane(HOST, chain, NOW), {name: entry}) == [found]
