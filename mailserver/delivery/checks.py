"""What is looked at when mail comes from outside: the one list of checks.

Each check asks the DNS about the message (``security.dns.Asking``) and gives one value, its finding.  Those of the
envelope can be made while the message is still on its way.  What follows from the findings is decided in
``delivery.verdict``, by one pure function.

A new check is a row in one of the lists, a field of ``Findings``, and a line where the verdict is made.

Standards: RFC 7208 §2.3, §2.4 (HELO and MAIL FROM), RFC 6376, RFC 8617 §5.2, RFC 9989 §5, RFC 8601 §3, RFC 5782.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from directory.mail.recipients import is_local_domain
from mailserver.address import AddressFault, domain_to_ascii
from mailserver.config import Trust
from mailserver.delivery.post_office import Origin, PostOffice
from mailserver.delivery.trace import read_header
from mailserver.message.addresses import address_text, mailboxes, parse_addresses
from mailserver.message.headers import find_all, find_field, utf8_text
from security.arc import validate
from security.arc.results import ArcResult
from security.blocklists import Listing, look_up_address, look_up_domains
from security.dkim import DkimResult, Message, read_message, verify
from security.dmarc import MAX_AUTHORS, DmarcResult, Identifiers, check_authors
from security.dns import Asking, together
from security.iprev import IprevResult, check_reverse
from security.networks import IpAddress, address_of
from security.spf import Spf, SpfResult, check_helo, check_mail_from

_ADDRESS_DOMAIN = re.compile(r"@[ \t]*([^\s@<>()\[\],;:\"\\]+)")
_MOST_STRAYS = 50
_LONGEST_DOMAIN = 255  # RFC 5321 §4.5.3.1.2


@dataclass(frozen=True, slots=True)
class Letter:
    """What the checks need of the message itself.  ``authors`` are From's domains in A-labels, ``author`` its first
    address, ``claimed`` those domains that are ours.
    """

    header: bytes
    message: Message
    author: str
    authors: tuple[str, ...]
    author_fields: int
    claimed: tuple[str, ...]
    message_id: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Who sends: the connection and the envelope; then the letter."""

    client: IpAddress
    hello: str
    reverse_path: str
    receiver: str
    now: int
    chance: float
    letter: Letter | None = None


@dataclass(slots=True)
class Findings:
    """What was found out; None where it was not looked.  The checks fill it in."""

    reverse: IprevResult | None = None
    helo: SpfResult | None = None
    mail_from: SpfResult | None = None
    addresses: tuple[Listing, ...] = ()
    domains: tuple[Listing, ...] = ()
    dkim: tuple[DkimResult, ...] = ()
    arc: ArcResult | None = None
    dmarc: DmarcResult | None = None
    letter: Letter | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """``name`` is the finding's in ``Findings``."""

    name: str
    look: Callable[[Subject, Trust, Findings], Asking[Any]]


# -- the envelope


def _reverse(subject: Subject, _: Trust, __: Findings) -> Asking[IprevResult]:
    return check_reverse(subject.client)


def _helo(subject: Subject, _: Trust, __: Findings) -> Asking[SpfResult]:
    return check_helo(subject.client, subject.hello, receiver=subject.receiver, now=subject.now)


def _mail_from(subject: Subject, _: Trust, __: Findings) -> Asking[SpfResult]:
    return check_mail_from(
        subject.client, subject.reverse_path, subject.hello, receiver=subject.receiver, now=subject.now
    )


def _addresses(subject: Subject, trust: Trust, _: Findings) -> Asking[tuple[Listing, ...]]:
    return look_up_address(subject.client, tuple(trust.address_lists))


# -- the message


def _dkim(subject: Subject, _: Trust, __: Findings) -> Asking[tuple[DkimResult, ...]]:
    assert subject.letter is not None
    return verify(subject.letter.message, subject.now)


def _arc(subject: Subject, _: Trust, __: Findings) -> Asking[ArcResult]:
    assert subject.letter is not None
    return validate(subject.letter.message)


def _domains(subject: Subject, trust: Trust, _: Findings) -> Asking[tuple[Listing, ...]]:
    assert subject.letter is not None
    # More authors than DMARC looks at make junk of a message, whoever they are.
    domains = [subject.reverse_path.rpartition("@")[2], *subject.letter.authors[:MAX_AUTHORS]]
    return look_up_domains(
        [domain for domain in domains if "." in domain and not domain.startswith("[")], tuple(trust.domain_lists)
    )


def _dmarc(subject: Subject, _: Trust, found: Findings) -> Asking[DmarcResult]:
    assert subject.letter is not None
    return check_authors(subject.letter.authors, vouched_domains(found), subject.chance)


# Of one list all are made side by side; a later list may use what the earlier ones found.
ENVELOPE_CHECKS = (
    Check("reverse", _reverse),
    Check("helo", _helo),
    Check("mail_from", _mail_from),
    Check("addresses", _addresses),
)
MESSAGE_CHECKS = (Check("dkim", _dkim), Check("arc", _arc), Check("domains", _domains))
LAST_CHECKS = (Check("dmarc", _dmarc),)


def look_at_envelope(subject: Subject, trust: Trust) -> Asking[Findings]:
    found = Findings()
    yield from _make(ENVELOPE_CHECKS, subject, trust, found)
    return found


def look_at_octets(office: PostOffice, subject: Subject, octets: bytes | Path, found: Findings) -> Asking[Findings]:
    """The message itself, when it is here."""
    letter = read_letter(office, octets)
    return (yield from look_at_message(replace(subject, letter=letter), office.config.trust, found))


def look_at_message(subject: Subject, trust: Trust, found: Findings) -> Asking[Findings]:
    found = replace(found, letter=subject.letter)  # that of the envelope stays as it is
    for checks in (MESSAGE_CHECKS, LAST_CHECKS):
        yield from _make(checks, subject, trust, found)
    return found


def _make(checks: tuple[Check, ...], subject: Subject, trust: Trust, found: Findings) -> Asking[None]:
    values = yield from together(*(check.look(subject, trust, found) for check in checks))
    for check, value in zip(checks, values, strict=True):
        setattr(found, check.name, value)


def vouched_domains(found: Findings) -> Identifiers:
    """The domains that SPF and DKIM vouch for, and those of which they cannot say now."""
    spf = found.mail_from
    unsure: list[tuple[Literal["spf", "dkim"], str]] = []
    if spf is not None and spf.status is Spf.TEMPERROR:
        unsure.append(("spf", spf.domain))
    unsure += [("dkim", result.domain) for result in found.dkim if result.status == "temperror"]
    return Identifiers(
        spf=spf.domain if spf is not None and spf.status is Spf.PASS else "",
        dkim=tuple(dict.fromkeys(result.domain for result in found.dkim if result.status == "pass")),
        unsure=tuple(dict.fromkeys(unsure)),
    )


# -- what is looked at


def envelope_subject(office: PostOffice, origin: Origin, reverse_path: str) -> Subject | None:
    """None for a client without an address of the Internet's."""
    client = address_of(origin.client)
    if client is None:
        return None
    return Subject(
        client=client,
        hello=origin.hello,
        reverse_path=reverse_path,
        receiver=office.config.city.hostname,
        now=office.now(),
        chance=office.random(),
    )


def read_letter(office: PostOffice, octets: bytes | Path) -> Letter:
    """The message as the checks see it."""
    header = read_header(octets)
    fields = find_all(header, "from")
    entries = [entry for value in fields for entry in mailboxes(parse_addresses(value))]
    authors = tuple(dict.fromkeys(_ascii_domain(utf8_text(entry.domain or "")) for entry in entries))
    return Letter(
        header=header,
        message=read_message(octets),
        author=address_text(entries[0]) if entries else "",
        authors=authors,
        author_fields=len(fields),
        claimed=_ours(office, (*authors, *_stray_domains(fields))),
        message_id=find_field(header, "message-id") or "",
    )


def _stray_domains(fields: Sequence[str]) -> tuple[str, ...]:
    """Domains of whatever else in From looks like an address to a program that reads it otherwise than we do: text in
    front of the brackets, a second pair of them.  What stands in quotes or in parentheses is a name.
    """
    found = [domain for field in fields for domain in _ADDRESS_DOMAIN.findall(_without_names(field))]
    return tuple(dict.fromkeys(_ascii_domain(utf8_text(domain)) for domain in found[:_MOST_STRAYS]))


def _without_names(field: str) -> str:
    """What stands neither in quotes nor in parentheses; of those that are never closed, everything."""
    if '"' not in field and "(" not in field:
        return field
    out: list[str] = []
    began, depth, quoted, position = 0, 0, False, 0
    while position < len(field):
        character = field[position]
        inside = quoted or depth > 0
        if character == "\\" and inside:
            position += 1
        elif quoted:
            quoted = character != '"'
        elif character == "(" or (character == ")" and depth):
            depth += 1 if character == "(" else -1
        elif character == '"' and not depth:
            quoted = True
        is_inside = quoted or depth > 0
        if is_inside and not inside:
            out.append(field[began:position])
            began = position
        elif inside and not is_inside:
            out.append(" ")
            began = position + 1
        position += 1
    return "".join([*out, field[began:]])


def _ascii_domain(domain: str) -> str:
    """In A-labels; what is no name stays as it is, and is nobody's.  Of what is too long for a name its end counts,
    which says whose it claims to be.
    """
    if len(domain) > _LONGEST_DOMAIN:
        end = domain[-_LONGEST_DOMAIN:]
        domain = end.partition(".")[2] or end
    try:
        return domain_to_ascii(domain).rstrip(".")
    except AddressFault:
        return domain.lower()


def _ours(office: PostOffice, authors: tuple[str, ...]) -> tuple[str, ...]:
    """For each author's domain that is ours or below one of ours, our domain."""
    configured = {_ascii_domain(name) for name in (office.config.city.domain, *office.config.city.domains)}
    found = []
    with office.directory.read() as people:
        for author in dict.fromkeys(authors):
            labels = author.split(".")
            names = (".".join(labels[start:]) for start in range(len(labels)))
            ours = next((name for name in names if name in configured or is_local_domain(people, name)), None)
            if ours is not None:
                found.append(ours)
    return tuple(dict.fromkeys(found))
