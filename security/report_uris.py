"""Where reports are to go: the URIs of ``rua``, and whether who is named there wants them.

Without that question anybody could have the whole world's reports sent to a victim.

Standards: RFC 9989 §4.7 and RFC 7489 §6.2 (URIs; ``!10m`` is a limit of size), RFC 9990 §4 and RFC 7489 §7.1 (external
destinations), RFC 8460 §3 (https too), RFC 6068 §2 (mailto).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from security.dmarc import is_public_suffix, parse_policy
from security.dns import Asking, Question

# So many of a domain's destinations get its report.
MOST = 10
_LONGEST_NAME = 253
_SIZE = re.compile(r"(.*)!(\d{1,12})([kmgt]?)", re.IGNORECASE | re.DOTALL)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
# Plain ones only: whatever else is possible in an address is not worth a doubt here.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)+{_LABEL}")
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@.{{1,253}}$){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}")


@dataclass(frozen=True, slots=True)
class Destination:
    """A mail address, or a host with what to ask it for; ``limit`` in octets, 0 for none."""

    address: str = ""
    host: str = ""
    port: int = 443
    target: str = ""
    limit: int = 0

    @property
    def domain(self) -> str:
        return self.host or self.address.rpartition("@")[2].lower().rstrip(".")


def read_uri(text: str) -> Destination | None:
    """None for what we do not deliver to."""
    scheme, _, rest = text.strip().partition(":")
    if scheme.lower() == "mailto":
        return _read_mailto(rest)
    if scheme.lower() == "https":
        return _read_https(text.strip())
    return None


def _read_mailto(rest: str) -> Destination | None:
    limit = 0
    # RFC 7489 §6.2: a literal "!" of the address is encoded
    match = _SIZE.fullmatch(rest)
    if match:
        rest, limit = match[1], int(match[2]) * _UNITS[match[3].lower()]
    address = unquote(rest.partition("?")[0])
    return Destination(address=address, limit=limit) if _ADDRESS.fullmatch(address) else None


def _read_https(text: str) -> Destination | None:
    try:
        parts = urlsplit(text)
        port = parts.port or 443
    except ValueError:
        return None
    host = parts.hostname or ""
    if parts.username is not None or not _HOST.fullmatch(host):
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(host=host, port=port, target=target) if re.fullmatch(r"[!-~]{1,2000}", target) else None


def willing(policy_domain: str, uris: Sequence[str]) -> Asking[tuple[Destination, ...] | None]:
    """The destinations of a DMARC policy that want its reports; None if that cannot be known now.

    ``policy_domain`` is where the policy was found.  Those of the same organization are not asked (RFC 9990 §4).
    """
    organization = organization_of(policy_domain)
    named = [read_uri(uri) for uri in uris[:MOST]]
    wanted = [each for each in named if each is not None and each.address]
    outside = [each for each in wanted if not _belongs(each.domain, organization)]
    names = [f"{policy_domain}._report._dmarc.{each.domain}" for each in outside]
    askable = [name for name in dict.fromkeys(names) if len(name) <= _LONGEST_NAME]
    replies = (yield tuple(Question(name, "TXT") for name in askable)) if askable else ()
    answers = dict(zip(askable, replies, strict=True))
    if any(answer.failed for answer in replies):
        return None
    found = [each for each in wanted if each not in outside]
    for each, name in zip(outside, names, strict=True):
        answer = answers.get(name)
        consents = [record for text in answer.texts if (record := parse_policy(text, name))] if answer else []
        if consents:
            found += _consented(each, [uri for record in consents for uri in record.aggregate_to])
    return tuple(dict.fromkeys(found))


def _consented(asked: Destination, other: Sequence[str]) -> list[Destination]:
    """What somebody who agrees makes of it: he may choose another address, but of his own (step 9)."""
    if not other:
        return [asked]
    chosen = [new for uri in other[:MOST] if (new := read_uri(uri)) is not None]
    if not all(new.address and new.domain == asked.domain for new in chosen):
        return []
    return [replace(new, limit=min(filter(None, (new.limit, asked.limit)), default=0)) for new in chosen]


def _belongs(domain: str, organization: str) -> bool:
    return domain == organization or domain.endswith(f".{organization}")


def organization_of(domain: str) -> str:
    """The name below the public suffix, or the domain itself where there is none."""
    labels = domain.split(".")
    names = (".".join(labels[start:]) for start in range(len(labels) - 1, -1, -1))
    return next((name for name in names if not is_public_suffix(name)), domain)
