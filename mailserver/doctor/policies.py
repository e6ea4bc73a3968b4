"""What our domains publish, held against what we do: SPF, DKIM, DMARC, MTA-STS, TLS-RPT; and DANE of this server.

SPF is evaluated as others do it (``security.spf``): once for an address of ours, once for a stranger's, which tells
whether the record ends, and whether it stays below its limits when nothing matches.

Standards: RFC 7208 §4.6.4, §5.1; RFC 6376 §3.6.2; RFC 9989 §4.7, §4.10; RFC 9990 §4; RFC 8461 §3.1; RFC 8460
§3; RFC 7672 §3.1.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from directory.dkim.keys import ACTIVE, DkimKey, zone_line
from directory.dkim.rotation import Publication, look
from mailserver.delivery.own_sts import record_of
from mailserver.doctor.verdicts import Verdict, bad, good, warning
from security import mta_sts, tls_rpt
from security.dane import NotProven, record_name, usable, verify
from security.dmarc import Policy, PolicyRecord, names_to_walk, parse_policy
from security.dns import Asking, Question, Status, ask
from security.networks import IpAddress
from security.report_uris import read_uri, willing
from security.spf import Spf, SpfSubject, check_host

# Of nobody (RFC 5737 §3, RFC 3849): what the record says to them it says to everybody.
_STRANGERS: tuple[IpAddress, ...] = (ipaddress.ip_address("203.0.113.254"), ipaddress.ip_address("2001:db8:ffff::fffe"))


# -- SPF


def check_spf(domain: str, hostname: str, addresses: Sequence[IpAddress]) -> Asking[list[Verdict]]:
    """``addresses`` are those that our mail leaves from."""
    stranger = yield from check_host(SpfSubject(_STRANGERS[0], "postmaster", domain, hostname))
    suggested = f'{domain}. IN TXT "v=spf1 mx -all"'
    if stranger.status is Spf.NONE:
        return [bad("spf.none", domain, suggested)]
    if stranger.status is Spf.PERMERROR:  # also more than ten lookups, which §4.6.4 forbids
        return [bad("spf.broken", domain, fault=stranger.reason)]
    if stranger.status is Spf.TEMPERROR:
        return [warning("spf.unknown", domain, fault=stranger.reason)]
    verdicts = []
    if stranger.status in (Spf.FAIL, Spf.SOFTFAIL):
        verdicts.append(good("spf.closed", domain, mechanism=stranger.mechanism))
    elif stranger.status is Spf.PASS:
        verdicts.append(bad("spf.everybody", domain, mechanism=stranger.mechanism))
    else:
        verdicts.append(warning("spf.open", domain))
    for address in addresses:
        result = yield from check_host(SpfSubject(address, "postmaster", domain, hostname))
        if result.status is Spf.PASS:
            verdicts.append(good("spf.pass", domain, address=address, mechanism=result.mechanism))
        elif result.status is Spf.TEMPERROR:
            verdicts.append(warning("spf.unknown", domain, fault=result.reason))
        else:
            verdicts.append(bad("spf.fail", domain, address=address, result=result.status.value))
    return verdicts


# -- DKIM


def check_dkim(domain: str, signing: Sequence[DkimKey]) -> Asking[list[Verdict]]:
    """``signing``: the keys that mail of this domain is signed with, which may be those of a domain above it."""
    if not signing:
        return [warning("dkim.none", domain)]
    seen = yield from look(signing)
    verdicts = []
    for key in signing:
        publication = seen[key.domain, key.selector]
        if publication is Publication.RIGHT:
            verdicts.append(good("dkim.right", domain, name=key.name, kind=key.kind))
        elif publication is Publication.UNKNOWN:
            verdicts.append(warning("dkim.unknown", domain, name=key.name))
        else:
            verdicts.append(bad(f"dkim.{publication.value}", domain, zone_line(key), name=key.name))
    return verdicts


def signing_keys(domain: str, keys: Sequence[DkimKey]) -> list[DkimKey]:
    """Those of the domain itself, else of the nearest one above it (RFC 6376 §3.10), as ``dkim_keys.signers_of``."""
    active = [
        key for key in keys if key.state == ACTIVE and (domain == key.domain or domain.endswith(f".{key.domain}"))
    ]
    nearest = max((key.domain for key in active), key=len, default="")
    return [key for key in active if key.domain == nearest]


# -- DMARC


def check_dmarc(domain: str, report_to: str) -> Asking[list[Verdict]]:
    """``report_to``: the address of ours that takes reports."""
    names = names_to_walk(domain)
    answers = yield tuple(Question(f"_dmarc.{name}", "TXT") for name in names)
    first, then = (
        f'_dmarc.{domain}. IN TXT "v=DMARC1; p={each}; rua=mailto:{report_to}"' for each in ("none", "reject")
    )
    found: PolicyRecord | None = None
    for name, answer in zip(names, answers, strict=True):
        if answer.failed:
            return [warning("dmarc.unknown", domain, fault=answer.fault)]
        records = [record for text in answer.texts if (record := parse_policy(text, name)) is not None]
        if len(records) > 1:  # RFC 9989 §4.10: as good as none
            return [bad("dmarc.several", domain, name=f"_dmarc.{name}")]
        if records and "." in name:
            found = records[0]
            break
    if found is None:
        return [bad("dmarc.none", domain, first)]
    policy = found.policy if found.domain == domain else found.subdomains or found.policy
    if policy is Policy.NONE:
        verdicts = [warning("dmarc.watches", domain, then)]
    elif found.testing or found.percent < 100:
        verdicts = [warning("dmarc.tries", domain, policy=policy.value)]
    else:
        verdicts = [good("dmarc.protects", domain, policy=policy.value)]
    if not found.aggregate_to:
        return [*verdicts, warning("dmarc.no-reports", domain)]
    destinations = yield from willing(found.domain, found.aggregate_to)
    if destinations == ():  # whoever is named there has not agreed, and others send nothing (RFC 9990 §4)
        wanted = [each for uri in found.aggregate_to if (each := read_uri(uri)) is not None]
        consents = [f'{found.domain}._report._dmarc.{each.domain}. IN TXT "v=DMARC1"' for each in wanted]
        verdicts.append(warning("dmarc.unwilling", domain, *consents))
    return verdicts


# -- MTA-STS


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the host mta-sts of a domain serves: the octets, or why there are none."""

    octets: bytes = b""
    fault: str = ""


def check_sts_record(domain: str, policy: mta_sts.Policy | None) -> Asking[list[Verdict]]:
    """The record of a policy that is ours; ``policy`` is None where we publish none."""
    record = f'{mta_sts.record_name(domain)}. IN TXT "{record_of(policy)}"' if policy else ""
    answers = yield (Question(mta_sts.record_name(domain), "TXT"), Question(domain, "MX"))
    if answers[0].failed:
        return [warning("mta-sts.unknown", domain, fault=answers[0].fault)]
    published = mta_sts.read_record(answers[0].texts)
    if policy is None:
        return [bad("mta-sts.orphan", domain)] if published else [warning("mta-sts.off", domain)]
    if published is None:
        return [bad("mta-sts.no-record", domain, record)]
    if published != mta_sts.read_record([record_of(policy).encode()]):
        return [bad("mta-sts.old-record", domain, record)]
    verdicts = [good("mta-sts.record", domain)]
    if policy.mode is mta_sts.Mode.TESTING:
        verdicts.append(warning("mta-sts.testing", domain))
    strangers = [each.host for each in answers[1].exchangers if not policy.allows(each.host)]
    if strangers:
        verdicts.append(bad("mta-sts.shut-out", domain, hosts=", ".join(strangers)))
    return verdicts


def judge_sts_policy(domain: str, policy: mta_sts.Policy, fetched: Fetched) -> Verdict:
    """What others get, against what it should be."""
    if fetched.fault:
        return bad("mta-sts.unreachable", domain, fault=fetched.fault)
    try:
        theirs = mta_sts.read_policy(fetched.octets)
    except mta_sts.PolicyFault as fault:
        return bad("mta-sts.unreadable", domain, fault=fault)
    return good("mta-sts.policy", domain) if theirs == policy else bad("mta-sts.differs", domain)


# -- TLS-RPT


def check_tls_reports(domain: str, report_to: str) -> Asking[list[Verdict]]:
    """``report_to``: the address of ours that takes reports."""
    name = tls_rpt.record_name(domain)
    answer = yield from ask(name, "TXT")
    suggested = f'{name}. IN TXT "v=TLSRPTv1; rua=mailto:{report_to}"'
    if answer.failed:
        return [warning("tls-rpt.unknown", domain, fault=answer.fault)]
    wanted = tls_rpt.read_record(answer.texts)
    if wanted is None:
        return [warning("tls-rpt.none", domain, suggested)]
    return [good("tls-rpt.right", domain, to=", ".join(wanted))]


# -- DANE


def tlsa_line(host: str, chain: Sequence[bytes], port: int = 25) -> str:
    """3 1 1: our key's digest, which stays the same when the certificate is renewed (RFC 7672 §3.1.1)."""
    key = x509.load_der_x509_certificate(chain[0]).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    return f"{record_name(host, port)}. IN TLSA 3 1 1 {digest}"


def check_dane(host: str, chain: Sequence[bytes], now: datetime.datetime) -> Asking[list[Verdict]]:
    """``chain``: what the server shows, in DER, its own certificate first."""
    answer = yield from ask(record_name(host, 25), "TLSA")
    line = tlsa_line(host, chain)
    if answer.status is Status.BOGUS:
        return [bad("dnssec.bogus", record_name(host, 25), fault=answer.fault)]
    if answer.failed:
        return [warning("dane.unknown", host, fault=answer.fault)]
    if not answer.associations:
        return [warning("dane.none", host, line)]
    if not answer.validated:
        return [warning("dane.unproven", host)]
    records = usable(answer.associations)
    if not records:
        return [bad("dane.useless", host, line)]
    try:
        verify(records, chain, (host,), now)
    except NotProven as fault:
        return [bad("dane.wrong", host, line, fault=fault)]
    return [good("dane.right", host)]
