"""Names and addresses: where our domains' mail is sent, who we are by our addresses, and whether the DNS can be
believed.

Standards: RFC 5321 §5.1 (MX), RFC 2181 §10.3 (an exchanger is no alias), RFC 7505 (null MX), RFC 8601 §3 (an address
whose name leads back to it), RFC 4035 §3.2.3 (AD).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from mailserver.doctor.verdicts import Verdict, bad, good, warning
from security.dns import Answer, Asking, Question, Status, ask
from security.iprev import Iprev, check_reverse
from security.networks import IpAddress

IsOurs = Callable[[str], bool]


def check_resolver(is_named: bool) -> Asking[list[Verdict]]:
    """``is_named``: the configuration names the resolvers.  The root is signed: who validates can say so."""
    answer = yield from ask(".", "SOA")
    if answer.failed:
        return [bad("dns.silent", "[dns]", fault=answer.fault)]
    if not is_named:
        return [warning("dns.unnamed", "[dns]")]
    if not answer.validated:
        return [warning("dns.careless", "[dns]")]
    return [good("dns.validates", "[dns]")]


def check_exchangers(domain: str, hostname: str, is_ours: IsOurs, *, is_named: bool) -> Asking[list[Verdict]]:
    """Where the domain's mail is sent."""
    answer = yield from ask(domain, "MX")
    record = f"{domain}. IN MX 10 {hostname}."
    if answer.failed:
        return [_unanswered("mx.unknown", domain, answer)]
    hosts = [each.host for each in sorted(answer.exchangers, key=lambda each: each.preference)]
    if not hosts:
        return [bad("mx.none", domain, record)]
    if hosts == ["."]:  # RFC 7505: takes no mail
        return [bad("mx.null", domain, record)]
    others = [host for host in hosts if not is_ours(host)]
    if len(others) == len(hosts):
        verdicts = [bad("mx.elsewhere", domain, record, hosts=", ".join(hosts))]
    elif others:
        verdicts = [warning("mx.others", domain, hosts=", ".join(others))]
    else:
        verdicts = [good("mx.ours", domain, hosts=", ".join(hosts))]
    if is_named:
        signed = answer.validated
        verdicts.append(good("dnssec.signed", domain) if signed else warning("dnssec.unsigned", domain))
    return verdicts


def check_host(hostname: str, *, is_named: bool) -> Asking[list[Verdict]]:
    """The addresses of this server's name, and the names of those."""
    answers = yield tuple(Question(hostname, kind) for kind in ("A", "AAAA", "CNAME"))
    four, six, alias = answers
    if alias.status is Status.FOUND:
        return [bad("host.alias", hostname, target=", ".join(alias.names))]  # RFC 2181 §10.3
    addresses = addresses_in(answers)
    if not addresses:
        silent = next((each for each in (four, six) if each.failed), None)
        return [_unanswered("host.unknown", hostname, silent) if silent else bad("host.none", hostname)]
    shown = ", ".join(map(str, addresses))
    verdicts = [good("host.addresses", hostname, addresses=shown)]
    if not six.names and not six.failed:
        verdicts.append(warning("host.no-ipv6", hostname))
    if is_named and four.status is Status.FOUND:
        signed = four.validated
        verdicts.append(good("dnssec.signed", hostname) if signed else warning("dnssec.unsigned", hostname))
    for address in addresses:
        verdicts.append((yield from _check_address(hostname, address)))  # noqa: PERF401 (no comprehension can ask)
    return verdicts


def addresses_in(answers: tuple[Answer, ...]) -> list[IpAddress]:
    """The addresses that answers to A and AAAA tell."""
    found = []
    for text in (name for answer in answers for name in answer.names):
        try:
            found.append(ipaddress.ip_address(text))
        except ValueError:  # the name in a CNAME
            continue
    return found


def _check_address(hostname: str, address: IpAddress) -> Asking[Verdict]:
    if not address.is_global:
        return bad("address.private", str(address), host=hostname)
    found = yield from check_reverse(address)
    if found.status is Iprev.PASS and found.name == hostname:
        return good("reverse.ours", str(address), name=found.name)
    if found.status is Iprev.PASS:
        return warning("reverse.other", str(address), name=found.name, host=hostname)
    if found.status is Iprev.TEMPERROR:
        return warning("reverse.unknown", str(address), fault=found.reason)
    if found.status is Iprev.FAIL:
        return bad("reverse.astray", str(address), name=found.name, host=hostname)
    return bad("reverse.none", str(address), host=hostname)


def _unanswered(code: str, subject: str, answer: Answer) -> Verdict:
    """That the DNS is silent is its fault; that its signatures are wrong is ours (RFC 4035 §4.3)."""
    if answer.status is Status.BOGUS:
        return bad("dnssec.bogus", subject, fault=answer.fault)
    return warning(code, subject, fault=answer.fault)
