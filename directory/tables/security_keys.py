"""Security keys that people prove themselves with (``directory.signing_in.security_keys``)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, String, Table

from directory.tables.columns import fk, metadata

security_key = Table(
    "security_key",
    metadata,
    Column("id", String(16), primary_key=True),
    fk("account.id", index=True),
    Column("name", String(60), nullable=False),
    Column("credential_id", LargeBinary(1023), nullable=False, unique=True),
    Column("credential", LargeBinary, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Apart, since they change often and nothing is remembered of them.
security_key_use = Table(
    "security_key_use",
    metadata,
    Column("key_id", String(16), ForeignKey("security_key.id"), primary_key=True),
    Column("uses", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    sqlite_with_rowid=False,
)

# What is to be answered next, once.
security_key_challenge = Table(
    "security_key_challenge",
    metadata,
    fk("account.id", primary_key=True),
    Column("challenge", LargeBinary(32), nullable=False),
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
