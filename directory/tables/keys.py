"""Private keys, what they are wrapped under, and who may have lost ones brought back.

Nothing here opens by itself: see ``security.keys`` and ``directory.keys``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
)

from directory.tables.columns import Id, fk, metadata

# An account's pair (security.keys.sealing): what is sealed to ``public`` opens with the half that is wrapped here,
# under its owner's password, under the installation's key, or both.
key_pair = Table(
    "key_pair",
    metadata,
    fk("account.id", primary_key=True),
    Column("public", LargeBinary, nullable=False),
    Column("by_password", LargeBinary),
    Column("password_stamp", String(20), nullable=False),  # which password that was (admission.password_stamp)
    Column("by_installation", LargeBinary),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What there was before pairs: one key for sealing and opening, under the installation's.  The key process takes its
# rows over (directory.keys.taking_over).
account_key = Table(
    "account_key",
    metadata,
    fk("account.id", primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# A private key: sealed to its account's pair, or wrapped under the installation's key if it is of no account.  Signing
# keys are erased when their time is over; decryption keys are kept for as long as the mail is.
private_key = Table(
    "private_key",
    metadata,
    Column("id", Id, primary_key=True),
    fk("account.id", nullable=True),
    Column("purpose", String(10), nullable=False),
    Column("wrapped", LargeBinary),  # none: erased, or in escrow alone
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("purpose IN ('signing', 'encryption', 'ocsp')", name="purpose"),
    Index(None, "account_id"),
)

# The public half of the key that brings decryption keys back; the other half is in the shares of its officers.
recovery_key = Table(
    "recovery_key",
    metadata,
    Column("id", Id, primary_key=True),
    Column("state", String(10), nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("needed", SmallInteger, nullable=False),
    Column("shares", SmallInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("state IN ('active', 'retired')", name="state"),
    sqlite_with_rowid=False,
)

# A decryption key for recovery: sealed to the public half of a recovery key.
escrowed_key = Table(
    "escrowed_key",
    metadata,
    fk("private_key.id", primary_key=True),
    fk("recovery_key.id", nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "recovery_key_id"),
    sqlite_with_rowid=False,
)

# That somebody's decryption keys are to be brought back: one officer asks, another approves.
key_recovery = Table(
    "key_recovery",
    metadata,
    Column("id", Id, primary_key=True),
    fk("account.id"),
    Column("state", String(10), nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_by", Id, ForeignKey("account.id"), nullable=False),
    Column("approved_by", Id, ForeignKey("account.id")),
    Column("asked_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger),
    Column("told", String(10), nullable=False),  # the state that the owner was told of last
    CheckConstraint("state IN ('open', 'approved', 'refused', 'done')", name="state"),
    CheckConstraint("approved_by IS NULL OR approved_by != asked_by", name="two"),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

# Who opens the keys of a unit's people, and of those in units below that say nothing else.
key_level = Table(
    "key_level",
    metadata,
    fk("unit.id", primary_key=True),
    Column("level", String(10), nullable=False),
    CheckConstraint("level IN ('sealed', 'managed')", name="level"),
    sqlite_with_rowid=False,
)
