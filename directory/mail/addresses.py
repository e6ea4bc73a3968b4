"""Addresses as the directory keeps them, and which domains are the city's own.

Local parts are one without regard to case (RFC 5321 §2.4 leaves that to the host that owns them); domains are
kept in A-labels.  ``local+detail@domain`` belongs to whoever owns ``local@domain``, unless it was given out
itself.

Standards: RFC 5321 §2.4, RFC 5233 (sub-addressing), RFC 5891 (IDNA2008).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import idna
from sqlalchemy import bindparam, select

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.tables import address as address_table
from directory.tables import domain as domain_table
from directory.words.names import is_reserved

SUB_ADDRESS_MARK = "+"

_PRIMARY_DOMAIN = Question(select(domain_table.c.name).where(domain_table.c.is_primary.is_(True)))
_DOMAINS = Question(select(domain_table.c.name))
_EVER = Question(
    select(address_table.c.address)
    .where(address_table.c.account_id == bindparam("account"))
    .order_by(address_table.c.address)
)
_ADDRESS = Question(
    select(
        address_table.c.address,
        address_table.c.state,
        address_table.c.account_id,
        address_table.c.group_id,
        address_table.c.forward_to,
        address_table.c.until,
    ).where(address_table.c.address == bindparam("address"))
)

# What the city itself gives out: ASCII, no quoting, dots only between words.
_ISSUABLE = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*")


@lru_cache(maxsize=4096)
def domain_to_ascii(domain: str) -> str:
    """A-labels, lower case; what is no domain at all comes back in lower case and will match nothing."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(unicodedata.normalize("NFC", domain), uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return domain.lower()


def normalise(address: str) -> str:
    """The one spelling under which an address is kept: ``ANNV@City.VN`` → ``annv@city.vn``."""
    local, at, domain = address.strip().rpartition("@")
    if not at:
        return address.strip().lower()
    return f"{unicodedata.normalize('NFC', local).lower()}@{domain_to_ascii(domain)}"


def without_detail(address: str) -> str | None:
    """``annv+baocao@city.vn`` → ``annv@city.vn``; None if there is no detail."""
    local, _, domain = address.rpartition("@")
    base, mark, _ = local.partition(SUB_ADDRESS_MARK)
    return f"{base}@{domain}" if mark and base else None


def is_issuable(address: str) -> bool:
    """Whether the city may give this address to somebody."""
    local, _, domain = address.rpartition("@")
    return bool(domain) and len(local) <= 64 and _ISSUABLE.fullmatch(local) is not None


def local_domains(conn: Reading | Writing) -> frozenset[str]:
    shelf = conn.memory.shelf("domains")
    domains: frozenset[str] | None = shelf.get("all")
    if domains is None:
        domains = shelf["all"] = frozenset(name for (name,) in conn.rows(_DOMAINS))
    return domains


def is_local_domain(conn: Reading | Writing, domain: str) -> bool:
    """Whether mail for this domain stays here.  A-labels and U-labels are the same domain."""
    return domain_to_ascii(domain) in local_domains(conn)


def primary_domain(conn: Reading | Writing) -> str:
    """The domain of bare logins and of new addresses; empty before the city is founded."""
    shelf = conn.memory.shelf("domains")
    primary: str | None = shelf.get("primary")
    if primary is None:
        found = conn.row(_PRIMARY_DOMAIN)
        primary = shelf["primary"] = found[0] if found else ""
    return primary


def spelled_out(conn: Reading | Writing, text: str, domain: str = "") -> str:
    """What people type, normalised; a bare local part is of ``domain``, or of the primary one."""
    return normalise(text if "@" in text else f"{text.strip()}@{domain or primary_domain(conn)}")


class AddressRow(tuple[str, str, str | None, str | None, str | None, str | None]):
    """A row of the address table as the driver gave it."""

    __slots__ = ()

    @property
    def address(self) -> str:
        return self[0]

    @property
    def state(self) -> str:
        return self[1]

    @property
    def account_id(self) -> str | None:
        return self[2]

    @property
    def group_id(self) -> str | None:
        return self[3]

    @property
    def forward_to(self) -> str | None:
        return self[4]

    @property
    def until(self) -> str | None:
        return self[5]

    def is_quarantined(self, today: str) -> bool:
        """Also before the housekeeper has seen that a redirect is over."""
        return self.state == "quarantined" or (
            self.state == "redirect" and self.until is not None and self.until < today
        )


def addresses_ever(conn: Reading | Writing, account_id: str) -> list[str]:
    """Every address the account has or had, redirected and retired ones too."""
    return [found for (found,) in conn.rows(_EVER, account=account_id)]


def address_row(conn: Reading | Writing, address: str) -> AddressRow | None:
    """The row of exactly this (normalised) address, whatever its state."""
    found = conn.row(_ADDRESS, address=address)
    return AddressRow(found) if found else None


def owner_row(conn: Reading | Writing, address: str) -> AddressRow | None:
    """The row that decides about a normalised address: its own, or that of the address without the detail."""
    row = address_row(conn, address)
    if row is None:
        base = without_detail(address)
        if base is not None:
            row = address_row(conn, base)
    return row


def check_issuable(conn: Reading | Writing, wanted: str, *, function: bool = False) -> None:
    """Whether this (normalised) address may be given to a person, or to a ``function`` (unit, role, group,
    alias).
    """
    if not is_issuable(wanted):
        raise Fault("address-malformed", address=wanted)
    local, _, domain = wanted.rpartition("@")
    if not is_local_domain(conn, domain):
        raise Fault("domain-unknown", domain=domain)
    if not function and is_reserved(local):
        raise Fault("address-reserved", address=wanted)
