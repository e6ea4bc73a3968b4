"""The mail addresses that a certificate names, and whether one of them is meant.

Standards: RFC 8550 §3 and §4.4.3 (where addresses stand, how they are compared), RFC 9598 §3 to §6 (SmtpUTF8Mailbox,
and that constraints on rfc822Name bind it too), RFC 5280 §4.2.1.6, §4.2.1.10, RFC 9549 §4 (domains in A-labels).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import idna
from asn1crypto import core, x509
from asn1crypto.parser import parse
from cryptography.x509.oid import OtherNameFormOID


def addresses_of(certificate: bytes) -> tuple[str, ...]:
    """In the certificate's own order and spelling, each once.  Raises ValueError for what is no certificate."""
    return tuple(dict.fromkeys(_addresses(x509.Certificate.load(certificate, strict=True))))


def comparable(address: str) -> str:
    """Domains without regard to case, as they must be; local parts too, as they should be (RFC 8550 §3).

    Raises ValueError for what is no address.
    """
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise ValueError(f"{address!r} is no address")
    return f"{local.lower()}@{_a_labels(domain)}"


def names_any(certificate: x509.Certificate, addresses: Iterable[str]) -> bool:
    wanted = {name for name in map(_comparable_or_none, addresses) if name is not None}
    return any(_comparable_or_none(name) in wanted for name in _addresses(certificate))


def outside_of(certificate: x509.Certificate, domains: Collection[str]) -> str:
    """The first address that lies in none of these domains nor below one; empty if all do."""
    for address in _addresses(certificate):
        name = _comparable_or_none(address)
        domain = name.rpartition("@")[2] if name else ""
        if not any(domain == allowed or domain.endswith(f".{allowed}") for allowed in domains):
            return address
    return ""


def breaks_constraints(certificate: x509.Certificate, authorities: Iterable[x509.Certificate]) -> str:
    """The first SmtpUTF8Mailbox that an authority's constraints on rfc822Name forbid (RFC 9598 §6); empty if none."""
    foreign = list(_utf8_mailboxes(certificate))
    for authority in authorities if foreign else ():
        constraints = authority.name_constraints_value
        if constraints is None:
            continue
        permitted, excluded = (_mail_bases(constraints[field]) for field in ("permitted_subtrees", "excluded_subtrees"))
        for address in foreign:
            if any(_lies_within(address, base) for base in excluded):
                return address
            if permitted and not any(_lies_within(address, base) for base in permitted):
                return address
    return ""


def _addresses(certificate: x509.Certificate) -> Iterable[str]:
    for name in certificate.subject_alt_name_value or ():
        if name.name == "rfc822_name":
            yield _as_written(name.chosen)
    yield from _utf8_mailboxes(certificate)
    # RFC 8550 §3: recognised in the subject too, though nobody should put it there
    for part in certificate.subject.chosen:
        for pair in part:
            if pair["type"].native == "email_address":
                yield _as_written(pair["value"])


def _as_written(text: core.Asn1Value) -> str:
    """An IA5String as it stands: asn1crypto would show domains in U-labels, by the rules of 2003."""
    octets: bytes = text.contents
    return octets.decode("ascii", "replace")


def _utf8_mailboxes(certificate: x509.Certificate) -> Iterable[str]:
    for name in certificate.subject_alt_name_value or ():
        if (
            name.name == "other_name"
            and name.chosen["type_id"].dotted == OtherNameFormOID.SMTP_UTF8_MAILBOX.dotted_string
        ):
            # asn1crypto sees the [0] EXPLICIT around the text on one way through its objects and not on another
            _, _, _, _, inner, _ = parse(name.chosen["value"].dump(), strict=True)
            yield core.UTF8String.load(inner, strict=True).native


def _mail_bases(subtrees: core.Asn1Value) -> list[str]:
    if isinstance(subtrees, core.Void):
        return []
    return [_as_written(tree["base"].chosen) for tree in subtrees if tree["base"].name == "rfc822_name"]


def _lies_within(address: str, base: str) -> bool:
    """RFC 5280 §4.2.1.10: a mailbox, all of a host, or (with a leading dot) all hosts below a domain."""
    name = _comparable_or_none(address)
    if name is None:
        return False
    if "@" in base:
        return name == _comparable_or_none(base)
    domain = name.rpartition("@")[2]
    wanted = _a_labels(base.lstrip("."))
    return domain.endswith(f".{wanted}") if base.startswith(".") else domain == wanted


def _comparable_or_none(address: str) -> str | None:
    try:
        return comparable(address)
    except ValueError:
        return None


def _a_labels(domain: str) -> str:
    if domain.isascii():
        return domain.lower()
    return idna.encode(domain, uts46=True).decode("ascii")
