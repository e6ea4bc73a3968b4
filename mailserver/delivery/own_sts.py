"""The MTA-STS policy that we publish, and the record that belongs to it.

Standards: RFC 8461 §3.1, §3.2.
"""

from __future__ import annotations

import hashlib

from mailserver.config import Config
from security.mta_sts import Mode, Policy, write_policy


def policy_of(config: Config) -> Policy | None:
    """None where none is to be published."""
    settings = config.mta_sts
    if settings.mode == "none":
        return None
    hosts = tuple(host.lower() for host in settings.hosts) or (config.city.hostname.lower(),)
    return Policy(Mode(settings.mode), hosts, settings.max_age)


def record_of(policy: Policy) -> str:
    """The TXT record; its id changes with the policy and only with it."""
    digest = hashlib.sha256(write_policy(policy).encode()).hexdigest()
    return f"v=STSv1; id={digest[:20]};"
