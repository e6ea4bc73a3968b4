"""Whether a client's address and its name know each other ("iprev").

Standards: RFC 8601 §3, §2.7.3 (results), §7.4 and §7.11 (limits; it says nothing about a message).
"""

from __future__ import annotations

import enum
import ipaddress
from dataclasses import dataclass

from security.dns import Asking, Kind, Question, ask, reverse_name
from security.networks import IpAddress

MAX_NAMES = 5  # RFC 8601 §3: of many names only some are looked at


class Iprev(enum.Enum):
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class IprevResult:
    """``name`` leads back to the address; without a pass it is the first that the address has, or empty."""

    status: Iprev
    name: str = ""
    reason: str = ""


def check_reverse(client: IpAddress) -> Asking[IprevResult]:
    """Look up the address's names, and their addresses."""
    pointers = yield from ask(reverse_name(client), "PTR")
    if pointers.failed:
        return IprevResult(Iprev.TEMPERROR, reason=pointers.fault)
    names = pointers.names[:MAX_NAMES]
    if not names:
        return IprevResult(Iprev.PERMERROR, reason="the address has no name")
    kind: Kind = "A" if client.version == 4 else "AAAA"
    answers = yield tuple(Question(name, kind) for name in names)
    for name, answer in zip(names, answers, strict=True):
        if any(ipaddress.ip_address(text) == client for text in answer.names):
            return IprevResult(Iprev.PASS, name)
    if any(answer.failed for answer in answers):
        return IprevResult(Iprev.TEMPERROR, names[0], "an address of its name could not be asked for")
    return IprevResult(Iprev.FAIL, names[0], "its name has other addresses")
