"""MTA-STS: a domain says over HTTPS which hosts take its mail, and that they prove who they are.

What is here knows no network: the record's text, the policy's text, the rules of matching, and when to ask again.

Standards: RFC 8461 §3.1 (record), §3.2 (policy), §3.3 (fetching), §4.1 (which hosts), §5.1 (a policy that is known
stays in force until it ends, whatever an attacker keeps from us meanwhile).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

WELL_KNOWN = "/.well-known/mta-sts.txt"
MAX_POLICY = 64 * 1024  # octets, RFC 8461 §3.3
_LONGEST = 31_557_600  # seconds of max_age, §3.2: a year
_MAX_HOSTS = 1000

_RECORD = re.compile(r"v=STSv1[ \t]*;[ \t]*(?:.*;[ \t]*)?id[ \t]*=[ \t]*([A-Za-z0-9]{1,32})[ \t]*(?:;.*)?", re.DOTALL)
_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})[ \t]*:[ \t]*(.*)")
_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Mode(Enum):
    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


class PolicyFault(ValueError):
    """The text is no policy."""


@dataclass(frozen=True, slots=True)
class Policy:
    """``hosts``: names and ``*.`` patterns, in lower case; ``max_age`` in seconds."""

    mode: Mode
    hosts: tuple[str, ...]
    max_age: int

    def allows(self, host: str) -> bool:
        """Whether a host may take the domain's mail (§4.1): a wildcard stands for one label, the leftmost."""
        name = host.rstrip(".").lower()
        _, dot, parent = name.partition(".")
        return name in self.hosts or (bool(dot and parent) and f"*.{parent}" in self.hosts)


@dataclass(frozen=True, slots=True)
class Known:
    """A policy as it was fetched, and until when it binds: seconds since 1970."""

    policy_id: str
    policy: Policy
    until: int


def record_name(domain: str) -> str:
    return f"_mta-sts.{domain}"


def host_name(domain: str) -> str:
    """Where the policy is fetched from."""
    return f"mta-sts.{domain}"


def read_record(texts: Iterable[bytes]) -> str | None:
    """The ``id`` of the one record; None for none, several, or one that cannot be read (§3.1)."""
    records = [text for text in texts if text.startswith(b"v=STSv1")]
    if len(records) != 1:
        return None
    match = _RECORD.fullmatch(records[0].decode("ascii", "replace"))
    return match[1] if match else None


def read_policy(octets: bytes) -> Policy:
    """Raises PolicyFault.  Of a key given twice the first counts, of ``mx`` all; unknown keys do not (§3.2)."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise PolicyFault("not UTF-8") from None
    values: dict[str, str] = {}
    hosts: list[str] = []
    for line in re.split(r"\r?\n", text):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise PolicyFault(f"{line[:60]!r} is not key: value")
        if match[1] == "mx":
            hosts.append(_host(match[2]))
        else:
            values.setdefault(match[1], match[2])
    if values.get("version") != "STSv1":
        raise PolicyFault("the version is not STSv1")
    try:
        mode = Mode(values.get("mode", ""))
    except ValueError:
        raise PolicyFault(f"the mode is {values.get('mode')!r}") from None
    age = values.get("max_age", "")
    if not re.fullmatch(r"[0-9]{1,10}", age):
        raise PolicyFault(f"max_age is {age!r}")
    if mode is not Mode.NONE and not hosts:
        raise PolicyFault("no mx is named")
    if len(hosts) > _MAX_HOSTS:
        raise PolicyFault("too many hosts")
    return Policy(mode, tuple(dict.fromkeys(hosts)), min(int(age), _LONGEST))


def _host(value: str) -> str:
    name = value.strip().rstrip(".").lower()
    if len(name) > 253 or _HOST.fullmatch(name) is None:
        raise PolicyFault(f"{value[:60]!r} is no host name")
    return name


def write_policy(policy: Policy) -> str:
    """The text of a policy of ours (§3.2)."""
    lines = ["version: STSv1", f"mode: {policy.mode.value}", *(f"mx: {host}" for host in policy.hosts)]
    return "".join(f"{line}\r\n" for line in [*lines, f"max_age: {policy.max_age}"])


def must_fetch(known: Known | None, policy_id: str | None, now: int) -> bool:
    """Whether the policy has to be fetched: the record (``policy_id``, None where there is none now) has another id, or
    half of the policy's time is over, so that who can keep it from us for a moment cannot choose its last (§10.2).
    """
    if policy_id is None:
        return False
    return known is None or known.policy_id != policy_id or known.until - known.policy.max_age // 2 <= now


def in_force(known: Known | None, now: int) -> Policy | None:
    """The policy that binds now, although its record may be gone (§5.1)."""
    if known is None or known.until <= now or known.policy.mode is Mode.NONE:
        return None
    return known.policy
