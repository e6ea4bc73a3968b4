"""The directory's tables, for SQLite and PostgreSQL alike.

Identifiers of units, people and accounts are opaque text and never used again.  Dates are ISO text
(``2025-07-01``), which sorts and compares the same on both engines; ``valid_until`` is the last day on which
a row holds. Moments are epoch seconds.  Text marked folded went through ``names.fold``.

On PostgreSQL the tables live in a schema of their own, ``directory``, found by the search path.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = String(16)
Day = String(10)
# Compared octet by octet on both engines, so that a prefix is a range
AddressText = String(254).with_variant(String(254, collation="C"), "postgresql")
Word = String(40).with_variant(String(40, collation="C"), "postgresql")
# 64 bits on PostgreSQL; SQLite numbers rows itself only in a column that is exactly INTEGER
RowNumber = BigInteger().with_variant(Integer(), "sqlite")


def _fk(target: str, **options: Any) -> Column[str]:
    """A column named after what it points to: ``account.id`` → ``account_id``."""
    name = options.pop("name", target.replace(".", "_"))
    return Column(name, Id, ForeignKey(target), nullable=options.pop("nullable", False), **options)


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

# --- units --------------------------------------------------------------------------------------------------

# Kinds of units are data: districts ended on 2025-06-30, special zones began the day after.
unit_type = Table(
    "unit_type",
    metadata,
    Column("code", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    Column("valid_from", Day, nullable=False),
    Column("valid_until", Day),
    sqlite_with_rowid=False,
)

unit = Table(
    "unit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What a unit was called, what it was and to whom it belonged, from one day to another.
unit_version = Table(
    "unit_version",
    metadata,
    _fk("unit.id", primary_key=True),
    Column("valid_from", Day, primary_key=True),
    Column("valid_until", Day),
    Column("name", String(300), nullable=False),
    Column("short_name", String(60), nullable=False),
    Column("folded_name", String(400), nullable=False),  # name and short name
    Column("type", String(40), ForeignKey("unit_type.code"), nullable=False),
    Column("parent_id", Id, ForeignKey("unit.id")),
    Column("agency_code", String(40), nullable=False),
    Column("sort_order", Integer, nullable=False),
    Column("decision", String(100), nullable=False),
    Index(None, "parent_id"),
    Index(None, "short_name"),
    sqlite_with_rowid=False,
)

unit_succession = Table(
    "unit_succession",
    metadata,
    Column("old_id", Id, ForeignKey("unit.id"), primary_key=True),
    Column("new_id", Id, ForeignKey("unit.id"), primary_key=True),
    Column("effective", Day, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("decision", String(100), nullable=False),
    CheckConstraint("kind IN ('merge', 'split', 'rename', 'dissolve', 'reparent')", name="kind"),
    Index(None, "new_id"),
    sqlite_with_rowid=False,
)

# --- people and posts ---------------------------------------------------------------------------------------

person = Table(
    "person",
    metadata,
    Column("id", Id, primary_key=True),
    Column("employee_code", String(40), unique=True),
    Column("full_name", String(200), nullable=False),
    Column("family_name", String(100), nullable=False),
    Column("middle_name", String(100), nullable=False),
    Column("given_name", String(100), nullable=False),
    Column("folded_name", String(300), nullable=False),
    Column("sort_key", LargeBinary, nullable=False),  # names.order_key
    Column("phone", String(40), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("left_on", Day),
    Index(None, "sort_key"),
    sqlite_with_rowid=False,
)

position = Table(
    "position",
    metadata,
    Column("id", Id, primary_key=True),
    Column("code", String(60), nullable=False, unique=True),
    Column("title", String(200), nullable=False),
    Column("title_en", String(200), nullable=False),
    Column("rank", SmallInteger, nullable=False),  # protocol order: 1 is first
    Column("is_clerk", Boolean, nullable=False),  # văn thư: reads and sends for the unit's mailboxes
    sqlite_with_rowid=False,
)

# A person at a post in a unit.  Several may hold at once; one of those is primary.
appointment = Table(
    "appointment",
    metadata,
    Column("id", Id, primary_key=True),
    _fk("person.id"),
    _fk("unit.id"),
    _fk("position.id"),
    Column("title", String(200), nullable=False),  # as written in the decision; empty: the position's
    Column("kind", String(20), nullable=False),
    Column("is_primary", Boolean, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("valid_from", Day, nullable=False),
    Column("valid_until", Day),
    Column("decision", String(100), nullable=False),
    CheckConstraint("kind IN ('substantive', 'acting', 'seconded')", name="kind"),
    Index(None, "person_id"),
    # a group's rule is answered from these alone, without a look at the table
    Index("ix_appointment_holders", "unit_id", "position_id", "valid_from", "valid_until", "person_id"),
    Index("ix_appointment_positions", "position_id", "valid_from", "valid_until", "person_id"),
    sqlite_with_rowid=False,
)

# --- accounts and addresses ---------------------------------------------------------------------------------

# Who can sign in and own mail.  name, title and unit_name repeat what the appointments say today
# (postings.refresh keeps them so), for these are read a thousand times a second and change once a year.
account = Table(
    "account",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("login", AddressText, nullable=False, unique=True),  # the primary address
    Column("status", String(10), nullable=False),
    Column("name", String(300), nullable=False),
    Column("title", String(300), nullable=False),
    Column("unit_name", String(300), nullable=False),
    Column("sort_key", LargeBinary, nullable=False),
    _fk("person.id", nullable=True, unique=True),
    _fk("unit.id", nullable=True),  # of a unit mailbox: its unit; of a person: today's primary post
    Column("password_hash", String(200)),  # none: no password was set yet, nobody can sign in
    Column("password_set_at", BigInteger),
    Column("must_change_password", Boolean, nullable=False),
    Column("quota_bytes", BigInteger, nullable=False),  # 0: no limit
    Column("language", String(5), nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    CheckConstraint("kind IN ('person', 'unit', 'role')", name="kind"),
    CheckConstraint("status IN ('active', 'locked', 'closed')", name="status"),
    Index("ix_account_posted", "kind", "status", "unit_id"),
    Index(None, "person_id", "status"),
    Index(None, "unit_id"),
    Index(None, "sort_key"),
    sqlite_with_rowid=False,
)

# What SCRAM is judged by.  It holds only beside the very password hash that it was made with: whoever changes that
# need not know of this table.
scram_verifier = Table(
    "scram_verifier",
    metadata,
    _fk("account.id", primary_key=True),
    Column("hash_digest", String(64), nullable=False),  # SHA-256 of account.password_hash
    Column("verifier", String(200), nullable=False),  # RFC 5803
    sqlite_with_rowid=False,
)

# A secret for one mail program (security.app_passwords); scope is the protocol it opens, or both.
app_password = Table(
    "app_password",
    metadata,
    Column("id", Id, primary_key=True),
    _fk("account.id"),
    Column("name", String(100), nullable=False),
    Column("scope", String(10), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("scope IN ('imap', 'smtp', 'both')", name="scope"),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

# Apart from the above, since it changes often and nothing is remembered of it.
app_password_use = Table(
    "app_password_use",
    metadata,
    Column("app_password_id", Id, ForeignKey("app_password.id"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("protocol", String(10), nullable=False),
    Column("client", String(45), nullable=False),
    sqlite_with_rowid=False,
)

# IMAP capabilities that an account's clients are not to see; client: a pattern of what they call themselves (ID).
hidden_capability = Table(
    "hidden_capability",
    metadata,
    _fk("account.id", primary_key=True),
    Column("capability", String(60), primary_key=True),
    Column("client", String(100), primary_key=True),  # empty: whatever the client
    sqlite_with_rowid=False,
)

mail_group = Table(
    "mail_group",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", AddressText, nullable=False, unique=True),
    Column("name", String(300), nullable=False),
    Column("posting", String(10), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    CheckConstraint("posting IN ('anyone', 'internal', 'members', 'named')", name="posting"),
    sqlite_with_rowid=False,
)

# Every address ever given out; rows are never deleted, so no address finds a second owner. active: belongs to
# an account or a group, or is an alias of an outside address (forward_to). redirect: its owner is gone, mail
# goes to forward_to until a day.  retired: unknown to the world, kept for ever.
address = Table(
    "address",
    metadata,
    Column("address", AddressText, primary_key=True),  # local part lower case, domain in A-labels
    Column("state", String(10), nullable=False),
    _fk("account.id", nullable=True),
    Column("group_id", Id, ForeignKey("mail_group.id")),
    Column("forward_to", AddressText),
    Column("until", Day),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("state IN ('active', 'redirect', 'retired')", name="state"),
    Index(None, "account_id"),
    Index(None, "group_id"),
    sqlite_with_rowid=False,
)

# Who reads and sends for a mailbox that is not his own, beside the clerks whom the appointments name.
mailbox_right = Table(
    "mailbox_right",
    metadata,
    Column("mailbox_id", Id, ForeignKey("account.id"), primary_key=True),
    _fk("account.id", primary_key=True),
    Column("may_read", Boolean, nullable=False),
    Column("may_send", Boolean, nullable=False),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

# --- groups -------------------------------------------------------------------------------------------------

group_account = Table(
    "group_account",
    metadata,
    Column("group_id", Id, ForeignKey("mail_group.id"), primary_key=True),
    _fk("account.id", primary_key=True),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

group_nested = Table(
    "group_nested",
    metadata,
    Column("group_id", Id, ForeignKey("mail_group.id"), primary_key=True),
    Column("member_id", Id, ForeignKey("mail_group.id"), primary_key=True),
    Index(None, "member_id"),
    sqlite_with_rowid=False,
)

group_outside = Table(
    "group_outside",
    metadata,
    Column("group_id", Id, ForeignKey("mail_group.id"), primary_key=True),
    Column("address", AddressText, primary_key=True),
    sqlite_with_rowid=False,
)

# Members by description: whoever holds a post today in this unit or below it, in units of this type, at this
# position. What is empty does not restrict; a rule with nothing in it is everybody who holds any post.
group_rule = Table(
    "group_rule",
    metadata,
    Column("id", Id, primary_key=True),
    Column("group_id", Id, ForeignKey("mail_group.id"), nullable=False),
    _fk("unit.id", nullable=True),
    Column("unit_type", String(40), ForeignKey("unit_type.code")),
    _fk("position.id", nullable=True),
    Index(None, "group_id"),
    sqlite_with_rowid=False,
)

# Who may write to a group whose posting rule is 'named'.
group_poster = Table(
    "group_poster",
    metadata,
    Column("group_id", Id, ForeignKey("mail_group.id"), primary_key=True),
    _fk("account.id", primary_key=True),
    sqlite_with_rowid=False,
)

# --- plans of reorganisation --------------------------------------------------------------------------------

# A reorganisation as it was proposed (its files, word for word) and what became of it.
plan = Table(
    "plan",
    metadata,
    Column("id", Id, primary_key=True),
    Column("title", String(200), nullable=False),
    Column("effective", Day, nullable=False),
    Column("decision", String(100), nullable=False),
    Column("state", String(10), nullable=False),
    Column("source", Text, nullable=False),  # JSON: file name → text
    Column("author", String(100), nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("approver", String(100), nullable=False),  # empty: nobody yet
    Column("applied_at", BigInteger),
    Column("problem", Text, nullable=False),  # why it could not be applied on its day; empty: nothing
    CheckConstraint(
        "state IN ('proposed', 'approved', 'blocked', 'applied', 'undone', 'withdrawn')",
        name="state",
    ),
    Index(None, "state", "effective"),
    sqlite_with_rowid=False,
)

# Each row that a plan made, changed or removed, in this order: what undoing it goes through backwards.
plan_change = Table(
    "plan_change",
    metadata,
    _fk("plan.id", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("table_name", String(40), nullable=False),
    Column("row_key", Text, nullable=False),  # JSON
    Column("before", Text),  # JSON of what changed; none: the row was made
    Column("after", Text),  # none: the row was removed
    sqlite_with_rowid=False,
)

# --- search -------------------------------------------------------------------------------------------------

search_entry = Table(
    "search_entry",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=False),
    Column("subject_id", Id, nullable=False, unique=True),  # account or group
    Column("kind", String(10), nullable=False),
    Column("address", AddressText, nullable=False),
    Index(None, "address"),
)

# The words of an entry, each folded, and once more as written where it has marks.
search_word = Table(
    "search_word",
    metadata,
    Column("word", Word, primary_key=True),
    Column("rank", SmallInteger, primary_key=True),  # best first
    Column("entry_id", RowNumber, ForeignKey("search_entry.id"), primary_key=True),
    Index(None, "entry_id", "word"),
    sqlite_with_rowid=False,
)

# --- sessions and audit -------------------------------------------------------------------------------------

web_session = Table(
    "web_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    _fk("account.id"),
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
