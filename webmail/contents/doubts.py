"""What is to be said of a message's author, beside his name: where it comes from, what vouches for him, whom he
resembles.  Little, so that it is read: a banner only for what a person would want to know before he answers.

What was found out stands in the Authentication-Results of this server alone (RFC 8601 §5): it put them there when the
message came in, and took away any that a stranger had written in its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.message.headers import find_all
from security.authresults import FIELD, Result, parse_results
from security.lookalikes import resembled
from webmail.contents.heads import Head
from webmail.languages import _
from webmail.services import services

_METHODS = {"spf": "SPF", "dkim": "DKIM", "dmarc": "DMARC", "arc": "ARC"}


@dataclass(frozen=True, slots=True)
class Doubts:
    """``banners`` in the order of their weight; ``found``: method and result, for those who look closer;
    ``is_proven``: the author's address is his (RFC 7489 §6.6), or the city's own sending door has seen to it.
    """

    banners: tuple[str, ...]
    found: tuple[tuple[str, str], ...]
    is_proven: bool


def doubts_of(header: bytes, head: Head, is_outside: Callable[[str], bool]) -> Doubts:
    address = head.author.address
    domain = address.rpartition("@")[2]
    results = _results(header)
    banners = []
    if head.poses_as:
        text = _(
            "The name of this sender contains another address (%(shown)s). The message really comes from %(real)s.",
            shown=head.poses_as,
            real=address,
        )
        banners.append(text)
    if head.authors > 1:
        banners.append(_("This message names several senders."))
    if is_outside(address):
        like = resembled(domain, services().config.city.all_domains)
        if like:
            text = _("%(domain)s looks like %(like)s, but is not a domain of the city.", domain=domain, like=like)
            banners.append(text)
        if any(each.method == "dmarc" and each.status == "fail" for each in results):
            text = _("Nothing proves that this message comes from %(domain)s: the sender may be forged.", domain=domain)
            banners.append(text)
    found = tuple((_METHODS[each.method], _told(each)) for each in results if each.method in _METHODS)
    judged = next((each.status for each in results if each.method == "dmarc"), "")
    is_proven = head.authors == 1 and (judged == "pass" or (not judged and not is_outside(address)))
    return Doubts(tuple(banners), found, is_proven)


def _results(header: bytes) -> tuple[Result, ...]:
    """Those of the last hop into this server: its field stands above all others."""
    ours = services().config.city.hostname.lower()
    for value in find_all(header, FIELD):
        statement = parse_results(value)
        if statement is not None and statement.service.rstrip(".") == ours:
            return statement.results
    return ()


def _told(result: Result) -> str:
    names = ("header.from", "header.d", "smtp.mailfrom", "smtp.helo")
    about = next((value for name in names if (value := result.value_of(name))), "")
    return f"{result.status} ({about.rpartition('@')[2]})" if about else result.status
