"""The one place where it is decided what TLS a connection to another server must have.

``policy_for`` is a function that asks (``security.dns.Asking``): what the DNS says of a host belongs here.  The relay
asks it for each host before it connects, and obeys the value.

DANE goes before MTA-STS (RFC 8461 §2), what the configuration says of a host before both.  Whoever has no policy gets
TLS if he can; who could before must (a remembered host).

Standards: RFC 7435 (opportunistic by default), RFC 7672 (DANE), RFC 8461 (MTA-STS), RFC 8689 §4.2.1 (REQUIRETLS),
RFC 8314 §3.3 (port 465).
"""

from __future__ import annotations

from pathlib import Path

from mailserver.config import Config
from mailserver.delivery.routing import Host, Route, is_ip_address
from mailserver.smtp.client import Credentials
from mailserver.smtp.replies import Reply
from mailserver.smtp.tls_policy import Basis, Encryption, TlsPolicy
from security import dane
from security.dns import Asking, Question, Status, ask
from security.mta_sts import Mode, Policy

_IMPLICIT_PORT = 465  # RFC 8314 §7.3
_LEVELS = {
    "never": TlsPolicy(Encryption.NEVER),
    "opportunistic": TlsPolicy(Encryption.OPPORTUNISTIC),
    "required": TlsPolicy(Encryption.REQUIRED),
    "verified": TlsPolicy(Encryption.REQUIRED, verifies=True),
}


class ConfigurationFault(Exception):
    """What a route needs is not there; mail waits."""


class HostMistrusted(Exception):
    """Nothing may be sent to this host now: it is not one of the domain's, or it cannot be known whether it is."""

    def __init__(self, reply: Reply, basis: Basis, result: str) -> None:
        self.reply = reply
        self.basis = basis
        self.result = result  # RFC 8460 §4.3
        super().__init__(str(reply))


def policy_for(
    config: Config, route: Route, host: Host, *, require_tls: bool = False, spoke_tls: bool = False
) -> Asking[TlsPolicy]:
    """The TLS that a connection to one host of a route must have.  ``require_tls``: for messages whose senders demand
    it; ``spoke_tls``: the host has done so before.  Raises HostMistrusted.
    """
    settings = config.relay
    name = f"{host.name}:{host.port}"
    level = settings.tls.get(name)
    if level is None and not route.is_fixed:
        policy = yield from _by_dane(route, host)
        if policy is None and route.sts is not None:
            policy = _by_sts(route.sts, host)
        # Records that nobody can use ask for TLS with anybody, which is not what a sender demands.
        if policy is not None and (
            not require_tls or (not policy.may_go_without and (policy.verifies or policy.records))
        ):
            return policy
    if level is None:
        # A password is shown to nobody whose name is not proven.
        level = "verified" if name in settings.logins else "required" if spoke_tls else "opportunistic"
    if require_tls:
        level = "verified"
    policy = _LEVELS[level]
    if route.is_fixed and host.port == _IMPLICIT_PORT and policy.encryption is not Encryption.NEVER:
        return TlsPolicy(Encryption.REQUIRED, is_implicit=True, verifies=policy.verifies)
    return policy


def _by_dane(route: Route, host: Host) -> Asking[TlsPolicy | None]:
    """What the host's own zone says of its certificate (RFC 7672 §2.2); None where it says nothing that is proven."""
    if not route.is_validated or is_ip_address(host.name):
        return None
    addresses = yield (Question(host.name, "A"), Question(host.name, "AAAA"))
    found = [answer for answer in addresses if answer.status is Status.FOUND]
    failed = [answer for answer in addresses if answer.failed]
    if failed and not found:
        # RFC 7672 §2.1.2: an address that can be had a moment later must not be met without the host's records.
        why = failed[0].fault or "bogus"
        reply = Reply(451, "4.4.3", f"The address of {host.name} cannot be found ({why})")
        raise HostMistrusted(reply, Basis.NONE, "validation-failure")
    if not found or not all(answer.validated for answer in found):
        return None  # §2.2.2: a zone that is not signed has no records that count, and may choke on the question
    # §2.2.3: where a chain of CNAMEs ends, and then the host's own name.
    names = tuple(dict.fromkeys([*(answer.name for answer in found if answer.name), host.name]))
    for name in names:
        answer = yield from ask(dane.record_name(name, host.port), "TLSA")
        if answer.failed:
            # §2.2: who keeps the records from us must not win plain text by it.
            bogus = answer.status is Status.BOGUS
            reply = Reply(451, "4.7.5", f"The TLSA records of {name} cannot be checked ({answer.fault or 'bogus'})")
            raise HostMistrusted(reply, Basis.DANE, "dnssec-invalid" if bogus else "tlsa-invalid")
        if answer.status is Status.FOUND and answer.validated:
            records = dane.usable(answer.associations)
            known = tuple(dict.fromkeys([name, host.name, route.domain]))
            return TlsPolicy(Encryption.REQUIRED, records=records, names=known, basis=Basis.DANE)
    return None


def _by_sts(policy: Policy, host: Host) -> TlsPolicy | None:
    """What the domain says over HTTPS (RFC 8461 §4, §5).  A policy that is only tested changes nothing here but what is
    reported.
    """
    is_named = policy.allows(host.name)
    if policy.mode is not Mode.ENFORCE:
        return TlsPolicy(Encryption.OPPORTUNISTIC, verifies=True, basis=Basis.STS) if is_named else None
    if not is_named:
        reply = Reply(451, "4.7.5", f"{host.name} is not one of the hosts that the domain's MTA-STS policy names")
        raise HostMistrusted(reply, Basis.STS, "validation-failure")
    return TlsPolicy(Encryption.REQUIRED, verifies=True, basis=Basis.STS)


def credentials_for(config: Config, route: Route, host: Host) -> Credentials | None:
    """The login for a host of a configured route, read anew for each connection.  Raises ConfigurationFault."""
    name = config.relay.logins.get(f"{host.name}:{host.port}") if route.is_fixed else None
    if name is None:
        return None
    path = config.resolve(name)
    lines = _read(path).splitlines()
    if len(lines) < 2 or not lines[0] or not lines[1]:
        raise ConfigurationFault(f"{path} must have the login in its first line and the password in its second")
    return Credentials(lines[0], lines[1])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigurationFault(f"{path} cannot be read: {fault}") from None
