"""What TLS a host must speak: what DNSSEC, HTTPS, the configuration and our memory say of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailserver.config import Config, Relay
from mailserver.delivery.routing import Host, Route, find_route
from mailserver.delivery.tls_policy import HostMistrusted, policy_for
from mailserver.smtp.tls_policy import OPPORTUNISTIC, REQUIRED, VERIFIED, Basis, Encryption, TlsPolicy
from security.dns import Answer, Mx, Status, Tlsa
from security.mta_sts import Mode, Policy
from tests.dns_table import DnsTable

HOST = Host("mx.ngoai.example", 25)
ROUTE = Route("mx.ngoai.example:25", (HOST,), domain="ngoai.example")
SIGNED = replace(ROUTE, is_validated=True)
RECORD = Tlsa(3, 1, 1, bytes(32))
TLSA = ("_25._tcp.mx.ngoai.example", "TLSA")


def secure(*records, status=Status.FOUND, name="mx.ngoai.example"):
    return Answer(status, records, validated=True, name=name)


def zone(*records, **more):
    """The host's signed zone."""
    return {("mx.ngoai.example", "A"): secure("192.0.2.5"), TLSA: secure(*records), **more}


def decide(route, records=None, *, host=HOST, **more):
    table = DnsTable(records or {("mx.ngoai.example", "A"): ["192.0.2.5"]})
    settings = more.pop("settings", {})
    policy = table.run(policy_for(Config(relay=Relay(**settings)), route, host, **more))
    return policy, [question.kind for question in table.asked]


def test_a_domain_that_says_nothing_gets_what_it_can():
    assert decide(ROUTE) == (OPPORTUNISTIC, [])
    assert decide(SIGNED)[0] == OPPORTUNISTIC


def test_a_host_that_spoke_tls_must_go_on():
    assert decide(ROUTE, spoke_tls=True)[0] == REQUIRED


def test_records_of_a_signed_zone_bind():
    policy, _ = decide(SIGNED, zone(RECORD))
    assert policy == TlsPolicy(
        Encryption.REQUIRED, records=(RECORD,), names=("mx.ngoai.example", "ngoai.example"), basis=Basis.DANE
    )


def test_records_count_only_if_everything_on_the_way_is_signed():
    assert decide(ROUTE, zone(RECORD)) == (OPPORTUNISTIC, [])  # whose hosts these are is not proven
    unsigned_address = {("mx.ngoai.example", "A"): ["192.0.2.5"], TLSA: secure(RECORD)}
    assert decide(SIGNED, unsigned_address) == (OPPORTUNISTIC, ["A", "AAAA"])
    assert decide(SIGNED, {("mx.ngoai.example", "A"): secure("192.0.2.5"), TLSA: [RECORD]})[0] == OPPORTUNISTIC


@pytest.mark.parametrize(("status", "result"), [(Status.FAILED, "tlsa-invalid"), (Status.BOGUS, "dnssec-invalid")])
def test_records_that_are_kept_from_us_are_not_plain_text(status, result):
    """RFC 7672 §2.2: the mail waits."""
    with pytest.raises(HostMistrusted) as caught:
        decide(SIGNED, {("mx.ngoai.example", "A"): secure("192.0.2.5"), TLSA: Answer(status, fault="x")})
    assert (caught.value.reply.code, caught.value.reply.enhanced, caught.value.result) == (451, "4.7.5", result)


@pytest.mark.parametrize("status", [Status.FAILED, Status.BOGUS])
def test_addresses_that_are_kept_from_us_are_not_plain_text_either(status):
    """RFC 7672 §2.1.2: an address that comes a moment later must not find a policy that was made without it."""
    kept = {("mx.ngoai.example", kind): Answer(status, fault="x") for kind in ("A", "AAAA")}
    with pytest.raises(HostMistrusted) as caught:
        decide(SIGNED, {**kept, TLSA: secure(RECORD)})
    assert caught.value.reply.code == 451
    # Half of them is enough to know whether the zone is signed.
    assert decide(SIGNED, {**zone(RECORD), ("mx.ngoai.example", "AAAA"): Answer(status)})[0].records == (RECORD,)
    # Who has no signed exchangers cannot have the records.
    assert decide(ROUTE, kept)[0] == OPPORTUNISTIC


def test_records_that_nobody_can_use_still_ask_for_tls():
    odd = Tlsa(1, 1, 1, bytes(32))
    assert decide(SIGNED, zone(odd))[0] == TlsPolicy(
        Encryption.REQUIRED, names=("mx.ngoai.example", "ngoai.example"), basis=Basis.DANE
    )
    assert decide(SIGNED, zone(odd), require_tls=True)[0] == VERIFIED


def test_the_name_where_aliases_end_is_asked_first():
    """RFC 7672 §2.2.3"""
    records = {
        ("mx.ngoai.example", "A"): secure("192.0.2.5", name="real.ngoai.example"),
        ("_25._tcp.real.ngoai.example", "TLSA"): secure(RECORD),
    }
    policy, _ = decide(SIGNED, records)
    assert policy.names == ("real.ngoai.example", "mx.ngoai.example", "ngoai.example")


ENFORCED = Policy(Mode.ENFORCE, ("mx.ngoai.example",), 86_400)


def test_a_policy_names_the_hosts():
    assert decide(ROUTE.under(ENFORCED))[0] == TlsPolicy(Encryption.REQUIRED, verifies=True, basis=Basis.STS)
    with pytest.raises(HostMistrusted) as caught:
        decide(ROUTE.under(ENFORCED), host=Host("mx.boese.example", 25))
    assert caught.value.reply.enhanced == "4.7.5"


def test_a_policy_that_is_tested_changes_nothing():
    tested = replace(ENFORCED, mode=Mode.TESTING)
    policy, _ = decide(ROUTE.under(tested))
    assert policy.may_go_without
    assert decide(ROUTE.under(tested), host=Host("mx.boese.example", 25))[0] == OPPORTUNISTIC
    assert decide(ROUTE.under(tested), require_tls=True)[0] == VERIFIED


def test_dane_goes_before_a_policy():
    """RFC 8461 §2"""
    policy, _ = decide(SIGNED.under(ENFORCED), zone(RECORD))
    assert policy.basis is Basis.DANE


def test_the_configuration_goes_before_both():
    settings = {"tls": {"mx.ngoai.example:25": "never"}}
    assert decide(SIGNED.under(ENFORCED), zone(RECORD), settings=settings) == (TlsPolicy(Encryption.NEVER), [])


def test_fixed_routes_ask_nobody():
    fixed = Route("x:25", (Host("x.example", 25),), is_fixed=True, is_validated=True)
    assert decide(fixed, host=fixed.hosts[0]) == (OPPORTUNISTIC, [])


def test_domains_with_policies_share_no_connection():
    def route(validated, domain):
        table = DnsTable({(domain, "MX"): Answer(Status.FOUND, (Mx(10, "mx.ngoai.example"),), validated=validated)})
        return table.run(find_route(domain, Relay(), our_names=frozenset(), random=lambda: 0.5))

    assert route(False, "a.example").key == route(False, "b.example").key
    assert route(True, "a.example").key != route(True, "b.example").key
    assert route(True, "a.example").is_validated
    plain = route(False, "a.example")
    assert len({plain.key, plain.under(ENFORCED).key, route(False, "b.example").under(ENFORCED).key}) == 3
