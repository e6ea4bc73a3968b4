"""What the directory knows of itself: its version, its domains and their keys, sessions, the audit record."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from directory.tables.columns import Day, fk, metadata

# One row; its version grows with every change that a cache must notice.
state = Table(
    "directory_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("day", Day, nullable=False),  # up to which the accounts were brought in line with the appointments
)

domain = Table(
    "domain",
    metadata,
    Column("name", String(255), primary_key=True),  # A-labels, lower case
    Column("is_primary", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# What mail of a domain is signed with (security.dkim).  Rows stay when the key is gone, so that no selector is given
# out twice (RFC 6376 §3.1).  secret: the private key, PKCS #8; none once it was removed.
dkim_key = Table(
    "dkim_key",
    metadata,
    Column("domain", String(255), ForeignKey("domain.name"), primary_key=True),
    Column("selector", String(63), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("state", String(10), nullable=False),
    Column("record", Text, nullable=False),  # as it is published
    Column("secret", LargeBinary),
    Column("created_at", BigInteger, nullable=False),
    Column("published_at", BigInteger),  # first seen in the DNS
    Column("activated_at", BigInteger),
    Column("retired_at", BigInteger),
    CheckConstraint("kind IN ('rsa', 'ed25519')", name="kind"),
    CheckConstraint("state IN ('made', 'published', 'active', 'retired', 'removed')", name="state"),
    sqlite_with_rowid=False,
)

web_session = Table(
    "web_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    fk("account.id"),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("user_agent", String(300), nullable=False),
    Column("client", String(45), nullable=False),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

# Append only; each row's digest covers the one before it (security.audit).
audit_record = Table(
    "audit_record",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", String(254), nullable=False),
    Column("details", Text, nullable=False),  # JSON, keys sorted
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Index(None, "subject"),
    UniqueConstraint("digest"),
    sqlite_with_rowid=False,
)
