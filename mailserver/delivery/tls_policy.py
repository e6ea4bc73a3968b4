"""The one place where it is decided what TLS a connection to another server must have.

``policy_for`` is a function that asks (``security.dns.Asking``): what the DNS says of a host belongs here.  The relay
asks it for each host before it connects, and obeys the value.

Standards: RFC 7435 (opportunistic by default), RFC 8689 §4.2.1 (REQUIRETLS), RFC 8314 §3.3 (port 465).
"""

from __future__ import annotations

from pathlib import Path

from mailserver.config import Config
from mailserver.delivery.routing import Host, Route
from mailserver.smtp.client import Credentials
from mailserver.smtp.tls_policy import Encryption, TlsPolicy
from security.dns import Asking

_IMPLICIT_PORT = 465  # RFC 8314 §7.3
_LEVELS = {
    "never": TlsPolicy(Encryption.NEVER),
    "opportunistic": TlsPolicy(Encryption.OPPORTUNISTIC),
    "required": TlsPolicy(Encryption.REQUIRED),
    "verified": TlsPolicy(Encryption.REQUIRED, verifies=True),
}


class ConfigurationFault(Exception):
    """What a route needs is not there; mail waits."""


def policy_for(config: Config, route: Route, host: Host, *, require_tls: bool = False) -> Asking[TlsPolicy]:
    """The TLS that a connection to one host of a route must have.  ``require_tls``: for messages whose senders demand
    it.
    """
    yield from ()
    settings = config.relay
    name = f"{host.name}:{host.port}"
    level = settings.tls.get(name)
    if level is None:
        # A password is shown to nobody whose name is not proven.
        level = "verified" if name in settings.logins else "opportunistic"
    if require_tls:
        level = "verified"
    policy = _LEVELS[level]
    if route.is_fixed and host.port == _IMPLICIT_PORT and policy.encryption is not Encryption.NEVER:
        return TlsPolicy(Encryption.REQUIRED, is_implicit=True, verifies=policy.verifies)
    return policy


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
