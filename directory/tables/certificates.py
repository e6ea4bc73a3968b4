"""Certificates, who issued them, whose private keys belong to them, and whom we believe.

``certificate`` is what others may ask for, and LDAP serves as ``userCertificate;binary`` (RFC 4523 §2.1): the rows of
an account in the state 'active', ``der`` as it stands.  The private half, where we have it, is apart
(``directory.tables.keys``), so that what publishes certificates never reads one.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, LargeBinary, String, Table, Text

from directory.tables.columns import AddressText, Id, fk, metadata

# Certificate authorities of our own.  key_place is empty for one whose key is kept offline, as the root's is.
issuer = Table(
    "issuer",
    metadata,
    Column("id", Id, primary_key=True),
    Column("role", String(10), nullable=False),
    Column("state", String(10), nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("key_place", String(300), nullable=False),  # security.authority.key_places
    Column("crl_number", BigInteger, nullable=False),  # of the newest CRL, full or delta
    Column("crl_due", Boolean, nullable=False),  # a revocation waits to be published
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("role IN ('root', 'issuing')", name="role"),
    CheckConstraint("state IN ('active', 'retired')", name="state"),
    sqlite_with_rowid=False,
)

# The newest of each kind, signed, as it is served.
issuer_crl = Table(
    "issuer_crl",
    metadata,
    fk("issuer.id", primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("this_update", BigInteger, nullable=False),
    Column("next_update", BigInteger, nullable=False),
    Column("der", LargeBinary, nullable=False),
    CheckConstraint("kind IN ('full', 'delta')", name="kind"),
    sqlite_with_rowid=False,
)

# purpose 'ocsp' and 'tls' belong to no account.  state: active is what others are to use; superseded still holds, and
# reads old mail, but another stands in its place; expired and revoked speak for themselves.
certificate = Table(
    "certificate",
    metadata,
    Column("id", Id, primary_key=True),
    fk("account.id", nullable=True),
    fk("issuer.id", nullable=True),  # none: imported from somebody else's
    Column("purpose", String(10), nullable=False),
    Column("state", String(10), nullable=False),
    Column("serial", String(40), nullable=False),  # hexadecimal, as openssl shows it
    Column("subject", Text, nullable=False),  # RFC 4514
    Column("fingerprint", String(64), nullable=False),  # SHA-256 of der
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("revocation_reason", String(30), nullable=False),
    Column("key_id", Id, ForeignKey("private_key.id")),  # none: its key is elsewhere, in a token
    Column("der", LargeBinary, nullable=False),
    CheckConstraint("purpose IN ('signing', 'encryption', 'ocsp', 'tls')", name="purpose"),
    CheckConstraint("state IN ('active', 'superseded', 'revoked', 'expired')", name="state"),
    Index("ix_certificate_held", "account_id", "purpose", "state", "not_after"),
    Index("ix_certificate_revoked", "issuer_id", "state", "revoked_at"),
    Index(None, "issuer_id", "serial", unique=True),
    # others' certificates may serve for both purposes, and stand here twice then
    Index(None, "fingerprint", "purpose", unique=True),
    Index(None, "state", "not_after"),
    Index(None, "key_id"),
)

# Which mail addresses a certificate names (security.paths.names.comparable).
certificate_address = Table(
    "certificate_address",
    metadata,
    Column("address", AddressText, primary_key=True),
    fk("certificate.id", primary_key=True),
    Index(None, "certificate_id"),
    sqlite_with_rowid=False,
)

# Whom we believe beside ourselves, and what for (security.paths.Anchor).
trust_anchor = Table(
    "trust_anchor",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("purposes", String(40), nullable=False),  # words
    Column("domains", Text, nullable=False),  # words; empty: all
    Column("lists_revocations", Boolean, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# Intermediate certificates of others, which their users' certificates do not bring along.
known_authority = Table(
    "known_authority",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# CRLs of others, as they were last fetched from where their certificates say.
fetched_crl = Table(
    "fetched_crl",
    metadata,
    Column("url", String(500), primary_key=True),
    Column("fetched_at", BigInteger, nullable=False),  # tried; der is what came last
    Column("next_update", BigInteger, nullable=False),
    Column("problem", Text, nullable=False),
    Column("der", LargeBinary),
)
