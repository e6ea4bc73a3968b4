"""What the store keeps of other servers: what they can do, and reports to them and from them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from mailserver.store.columns import Id, metadata

# What is remembered of other servers (delivery.peers): when a host last spoke TLS, and MTA-STS policies.
tls_peer = Table(
    "tls_peer",
    metadata,
    Column("host", Text, primary_key=True),
    Column("spoke_tls_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

sts_policy = Table(
    "sts_policy",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("policy_id", Text, nullable=False),
    Column("policy", LargeBinary, nullable=False),
    Column("binds_until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# How TLS to other servers went, until it is reported to them (delivery.tls_outcomes, RFC 8460).
tls_outcome = Table(
    "tls_outcome",
    metadata,
    Column("day", Text, primary_key=True),  # in UTC
    Column("domain", Text, primary_key=True),
    Column("policy", Text, primary_key=True),  # RFC 8460 §4.2, as JSON
    Column("result", Text, primary_key=True),  # RFC 8460 §4.3; empty for a success
    Column("host", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("detail", Text, primary_key=True),
    Column("sessions", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# What DMARC made of others' mail, until their domains are told (delivery.dmarc_outcomes, RFC 9990).
dmarc_outcome = Table(
    "dmarc_outcome",
    metadata,
    Column("day", Text, primary_key=True),  # in UTC
    Column("domain", Text, primary_key=True),  # where the policy was found
    Column("digest", Text, primary_key=True),  # SHA-256 of policy and detail, which are too long for a key
    Column("policy", Text, nullable=False),  # JSON, as are the details
    Column("detail", Text, nullable=False),
    Column("messages", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# What others report about us (delivery.received_reports): one report, its rows as JSON.
received_report = Table(
    "received_report",
    metadata,
    Column("digest", Text, primary_key=True),  # of kind, reporter, domain and the reporter's own number
    Column("kind", Text, nullable=False),  # tls or dmarc
    Column("domain", Text, nullable=False),
    Column("reporter", Text, nullable=False),
    Column("begin_at", BigInteger, nullable=False),
    Column("end_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("sender", Text, nullable=False),  # the domain that vouches for the message; empty for none
    Column("content", Text, nullable=False),
    Index(None, "begin_at"),
    sqlite_with_rowid=False,
)

# How far the mailboxes that get reports were read.
report_mailbox = Table(
    "report_mailbox",
    metadata,
    Column("mailbox_id", Id, primary_key=True, autoincrement=False),
    Column("read_to", BigInteger, nullable=False),  # UID
    sqlite_with_rowid=False,
)
