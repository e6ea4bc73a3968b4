"""Names in certificates: of whom (subject), and under which addresses (subjectAltName).

Standards: RFC 5280 §4.1.2.6 (subjects in UTF8String), §4.2.1.6; RFC 9598 §3 (SmtpUTF8Mailbox only for local parts that
are not ASCII), RFC 9549 (domains in A-labels there, in U-labels with SmtpUTF8Mailbox); RFC 9525 (hosts).
Limits: the upper bounds of RFC 5280 appendix A.1, in octets, which cryptography counts and not characters; what is
longer is cut between words.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

import idna
from asn1crypto import core
from cryptography import x509
from cryptography.x509.oid import NameOID, OtherNameFormOID

# ub-common-name, ub-organization-name, ub-organizational-unit-name
_LONGEST = 64


def subject(
    common_name: str, *, organization: str = "", unit: str = "", serial_number: str = "", country: str = ""
) -> x509.Name:
    """``serial_number`` tells two people of one name apart (X.520), and has nothing to do with the certificate's."""
    parts = (
        (NameOID.COUNTRY_NAME, country, 2),
        (NameOID.ORGANIZATION_NAME, organization, _LONGEST),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, unit, _LONGEST),
        (NameOID.COMMON_NAME, common_name, _LONGEST),
        (NameOID.SERIAL_NUMBER, serial_number, _LONGEST),
    )
    fitted = [(oid, _fit(text, longest)) for oid, text, longest in parts]
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in fitted if text])


def _fit(text: str, longest: int) -> str:
    """As many whole words as there is room for; of a single long one, its beginning."""
    text = text.strip()
    if len(text.encode()) <= longest:
        return text
    beginning = text.encode()[: longest + 1].decode("utf-8", "ignore")
    words, _, _ = beginning.rpartition(" ")
    return words.strip() or text.encode()[:longest].decode("utf-8", "ignore").strip()


def mailbox(address: str) -> x509.GeneralName:
    """Raises ValueError for what is no address."""
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise ValueError(f"{address!r} is no address")
    if local.isascii():
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
        return x509.RFC822Name(f"{local}@{ascii_domain.lower()}")
    # RFC 9598 §3: the domain is spelled in U-labels, lower case
    spelled = idna.decode(domain) if domain.isascii() else domain.lower()
    return x509.OtherName(OtherNameFormOID.SMTP_UTF8_MAILBOX, core.UTF8String(f"{local}@{spelled}").dump())


def hosts(names: Iterable[str]) -> list[x509.GeneralName]:
    """Host names and IP addresses of a server."""
    general: list[x509.GeneralName] = []
    for name in names:
        try:
            general.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            general.append(x509.DNSName(name.encode("idna").decode("ascii").lower()))
    return general
