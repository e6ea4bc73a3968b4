"""Who administers what, and what two of them must agree on."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, SmallInteger, String, Table, Text

from directory.tables.columns import Day, Id, fk, metadata

# One administrator's role in a part of the city (directory.administration.roles says what a role may do).
delegation = Table(
    "delegation",
    metadata,
    Column("id", Id, primary_key=True),
    fk("account.id"),
    Column("role", String(20), nullable=False),
    fk("unit.id", nullable=True),  # with all below it; none: the whole city
    Column("attributes", String(200), nullable=False),  # only these, by spaces; empty: all that the role has
    Column("below_rank", SmallInteger),  # over people of lower protocol rank than this; none: than his own
    Column("valid_until", Day),
    Column("granted_by", String(100), nullable=False),
    Column("granted_at", BigInteger, nullable=False),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

# Operations that need a second administrator: for anybody, or for people of this protocol rank and above.
approval_rule = Table(
    "approval_rule",
    metadata,
    Column("operation", String(60), primary_key=True),
    Column("from_rank", SmallInteger),
    sqlite_with_rowid=False,
)

# What an administrator was about to do, word for word; done once, when another one has approved it.
approval_request = Table(
    "approval_request",
    metadata,
    Column("id", Id, primary_key=True),
    fk("account.id"),  # who asks
    Column("operation", String(60), nullable=False),
    Column("subject", String(254), nullable=False),
    Column("details", Text, nullable=False),  # JSON, keys sorted
    Column("reason", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("decided_by", String(254), nullable=False),  # a login; empty: nobody yet
    Column("decided_at", BigInteger),
    Column("answer", Text, nullable=False, server_default=""),  # what was said with the decision
    Column("command", Text, nullable=False),  # JSON, the words that do it again; empty: only who asks can
    Column("rests_on", Text, nullable=False),  # JSON, what was there before
    Column("told", String(10), nullable=False),  # the state of which others were told last
    CheckConstraint("state IN ('asked', 'approved', 'declined', 'done')", name="state"),
    Index(None, "account_id", "operation", "subject"),
    sqlite_with_rowid=False,
)
