"""The whole examination: what needs the DNS is one function that asks, what needs files and sockets is done here."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

from cryptography.hazmat.primitives.serialization import Encoding

from directory.database import open_directory
from directory.dkim.keys import DkimKey, list_keys
from mailserver.config import Config
from mailserver.delivery.own_sts import policy_of
from mailserver.delivery.reporting import contact_of, in_ascii, name_in_ascii
from mailserver.doctor import machine, names, policies
from mailserver.doctor.certificate import check_certificate, read_chain
from mailserver.doctor.keys import check_keys, key_files
from mailserver.doctor.ports import address_of, check_port, services_of
from mailserver.doctor.scanners import check_scanners
from mailserver.doctor.verdicts import Verdict, warning
from security import mta_sts
from security.dns import Asking, Question, together
from security.mta_sts import Policy

FetchPolicy = Callable[[str], policies.Fetched]
Ask = Callable[[Asking[list[Verdict]]], list[Verdict]]


def domains_of(config: Config) -> list[str]:
    """Our domains in A-labels."""
    return list(dict.fromkeys(map(name_in_ascii, config.city.all_domains)))


def is_ours(config: Config) -> Callable[[str], bool]:
    """Whether an exchanger is this server, or one that ``[mta_sts] hosts`` names."""
    hosts = (_hostname(config), *(host.lower() for host in config.mta_sts.hosts))
    return Policy(mta_sts.Mode.NONE, hosts, 0).allows


def ask_all(
    config: Config, domains: Sequence[str], keys: Sequence[DkimKey], chain: Sequence[bytes], now: datetime.datetime
) -> Asking[list[Verdict]]:
    """Everything that the DNS tells."""
    hostname, is_named = _hostname(config), bool(config.dns.resolvers)
    answers = yield (Question(hostname, "A"), Question(hostname, "AAAA"))
    # those that are not the Internet's have been complained of by then
    addresses = [address for address in names.addresses_in(answers) if address.is_global]
    report_to = in_ascii(next(iter(config.reports.received_at), contact_of(config)))
    askings = [names.check_resolver(is_named), names.check_host(hostname, is_named=is_named)]
    if chain:
        askings.append(policies.check_dane(hostname, chain, now))
    for domain in domains:
        askings += [
            names.check_exchangers(domain, hostname, is_ours(config), is_named=is_named),
            policies.check_spf(domain, hostname, addresses),
            policies.check_dkim(domain, policies.signing_keys(domain, keys)),
            policies.check_dmarc(domain, report_to),
            policies.check_sts_record(domain, policy_of(config)),
            policies.check_tls_reports(domain, report_to),
        ]
    found = yield from together(*askings)
    return [verdict for verdicts in found for verdict in verdicts]


def examine(
    config: Config, ask: Ask, fetch: FetchPolicy, now: datetime.datetime, *, authorities: Path | None = None
) -> list[Verdict]:
    """All verdicts.  ``ask`` runs what asks the DNS, ``fetch`` gets a domain's MTA-STS policy."""
    domains = domains_of(config)
    directory = open_directory(config.directory_url)
    try:
        with directory.read() as reading:
            keys = list_keys(reading)
            of_keys = check_keys(config, reading)
    finally:
        directory.close()
    chain = _chain(config)
    verdicts = ask(ask_all(config, domains, keys, chain, now))
    policy = policy_of(config)
    if policy is not None:
        verdicts += [policies.judge_sts_policy(domain, policy, fetch(domain)) for domain in domains]
    verdicts += _certificate(config, domains, now, authorities)
    verdicts += _ports(config, chain[0] if chain else None)
    verdicts += check_scanners(config, int(now.timestamp()))
    verdicts += of_keys
    verdicts.append(machine.check_disk(config.data))
    verdicts += machine.check_secrets(_secrets(config))
    return verdicts + machine.check_clock()


def _hostname(config: Config) -> str:
    return name_in_ascii(config.city.hostname)


def _chain(config: Config) -> list[bytes]:
    """What the server shows; nothing where it cannot be read, which the certificate's own verdict tells."""
    if not config.tls.certificate:
        return []
    try:
        shown = read_chain(config.resolve(config.tls.certificate))
    except (OSError, ValueError):
        return []
    return [each.public_bytes(Encoding.DER) for each in shown]


def _certificate(
    config: Config, domains: Sequence[str], now: datetime.datetime, authorities: Path | None
) -> list[Verdict]:
    if not config.tls.certificate:
        return [warning("certificate.none", "[tls]")]
    wanted = [_hostname(config)]
    if config.mta_sts.mode != "none" and config.workers.web:
        wanted += [mta_sts.host_name(domain) for domain in domains]
    files = config.resolve(config.tls.certificate), config.resolve(config.tls.key)
    return check_certificate(*files, wanted, now, authorities=authorities)


def _ports(config: Config, certificate: bytes | None) -> list[Verdict]:
    services = services_of(config)
    if not services:
        return []
    host = address_of(config)
    with ThreadPoolExecutor(len(services)) as pool:
        return list(pool.map(lambda service: check_port(host, service, certificate), services))


def _secrets(config: Config) -> list[Path]:
    """Files that hold keys or passwords."""
    files = [config.data / "secret.key"]
    if config.tls.key:
        files.append(config.resolve(config.tls.key))
    if config.path is not None and "@" in config.store_url + config.directory_url:
        files.append(config.path)  # a password for the database
    files += key_files(config)
    files += [config.resolve(name) for name in config.relay.logins.values()]
    for url in (config.store_url, config.directory_url):
        if url.startswith("sqlite:///"):
            files.append(Path(unquote(url.removeprefix("sqlite:///"))))  # the directory's holds the DKIM keys
    return list(dict.fromkeys(files))
