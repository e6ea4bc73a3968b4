"""Accounts, how they sign in, their addresses and who else reads and sends for them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from directory.tables.columns import AddressText, Day, Id, fk, metadata

_IS_OPEN = text("status != 'closed'")

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
    fk("person.id", nullable=True, unique=True),
    fk("unit.id", nullable=True),  # of a unit mailbox: its unit; of a person: today's primary post
    Column("password_hash", String(200)),  # none: no password was set yet, nobody can sign in
    Column("password_set_at", BigInteger),
    Column("must_change_password", Boolean, nullable=False),
    Column("opens_on", Day),  # of somebody who has not started: locked until this day
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
    # Partial on PostgreSQL too, as the migrations say: to say it here would load its dialect, megabytes, on SQLite too.
    Index("ix_account_listed", "sort_key", "id", sqlite_where=_IS_OPEN),
    sqlite_with_rowid=False,
)

# What SCRAM is judged by.  It holds only beside the very password hash that it was made with: whoever changes that
# need not know of this table.
scram_verifier = Table(
    "scram_verifier",
    metadata,
    fk("account.id", primary_key=True),
    Column("hash_digest", String(64), nullable=False),  # SHA-256 of account.password_hash
    Column("verifier", String(200), nullable=False),  # RFC 5803
    sqlite_with_rowid=False,
)

# A secret for one mail program (security.app_passwords); scope is the protocol it opens, or both that carry mail.
app_password = Table(
    "app_password",
    metadata,
    Column("id", Id, primary_key=True),
    fk("account.id"),
    Column("name", String(100), nullable=False),
    Column("scope", String(10), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("scope IN ('imap', 'smtp', 'both', 'ldap')", name="scope"),
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
    fk("account.id", primary_key=True),
    Column("capability", String(60), primary_key=True),
    Column("client", String(100), primary_key=True),  # empty: whatever the client
    sqlite_with_rowid=False,
)

# What goes with an address that an account writes from (directory.mail.identities); signature: none for what the
# directory says, empty for nothing.
identity = Table(
    "identity",
    metadata,
    fk("account.id", primary_key=True),
    Column("address", AddressText, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("reply_to", AddressText, nullable=False),
    Column("signature", Text),
    Column("names_writer", Boolean, nullable=False),
    Column("is_default", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# From when until when somebody is away, and what who writes is told (directory.mail.absences).
absence = Table(
    "absence",
    metadata,
    Column("id", Id, nullable=False),
    fk("account.id", primary_key=True),
    Column("since", Day, nullable=False),
    Column("until", Day, nullable=False),  # the last day
    Column("text", Text, nullable=False),
    Column("outside", Text, nullable=False),
    fk("account.id", name="substitute_id", nullable=True),
    sqlite_with_rowid=False,
)

# Names and colours for keywords of one's messages (directory.mail.labels).
label = Table(
    "label",
    metadata,
    fk("account.id", primary_key=True),
    Column("keyword", String(50), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("colour", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Searches that are kept under a name (directory.mail.saved_searches).
saved_search = Table(
    "saved_search",
    metadata,
    fk("account.id", primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("query", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Texts that letters begin with (directory.mail.letter_templates).
letter_template = Table(
    "letter_template",
    metadata,
    fk("account.id", primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Senders whose pictures are shown without asking (directory.mail.picture_senders).
picture_sender = Table(
    "picture_sender",
    metadata,
    fk("account.id", primary_key=True),
    Column("address", AddressText, primary_key=True),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What a person proves beside the password (security.totp); not yet confirmed: nothing is asked.
second_factor = Table(
    "second_factor",
    metadata,
    fk("account.id", primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("confirmed_at", BigInteger),
    sqlite_with_rowid=False,
)

# Apart from the above, since it changes often and nothing is remembered of it: the last step whose code was taken.
second_factor_use = Table(
    "second_factor_use",
    metadata,
    fk("account.id", primary_key=True),
    Column("step", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

recovery_code = Table(
    "recovery_code",
    metadata,
    fk("account.id", primary_key=True),
    Column("digest", String(64), primary_key=True),
    sqlite_with_rowid=False,
)

# What somebody chose for himself (directory.mail.preferences); what he did not choose is not here.
preference = Table(
    "preference",
    metadata,
    fk("account.id", primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
    sqlite_with_rowid=False,
)

# Every address ever given out; rows are never deleted, so no address finds a second owner. active: belongs to
# an account or a group, or is an alias of an outside address (forward_to). redirect: its owner is gone, mail
# goes to forward_to until a day.  quarantined: until a day whoever writes is told that it is no longer in use.
# retired: unknown to the world, kept for ever.
address = Table(
    "address",
    metadata,
    Column("address", AddressText, primary_key=True),  # local part lower case, domain in A-labels
    Column("state", String(20), nullable=False),
    fk("account.id", nullable=True),
    Column("group_id", Id, ForeignKey("mail_group.id")),
    Column("forward_to", AddressText),
    Column("until", Day),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("state IN ('active', 'redirect', 'quarantined', 'retired')", name="state"),
    Index(None, "account_id", "state"),
    Index(None, "group_id"),
    sqlite_with_rowid=False,
)

# Who reads and sends for a mailbox that is not his own, beside the clerks whom the appointments name.
mailbox_right = Table(
    "mailbox_right",
    metadata,
    Column("mailbox_id", Id, ForeignKey("account.id"), primary_key=True),
    fk("account.id", primary_key=True),
    Column("may_read", Boolean, nullable=False),
    Column("may_send", Boolean, nullable=False),
    Column("valid_until", Day),  # the last day; none: until it is taken back
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

# Whoever is appointed to this position in this unit reads and sends for the mailbox: a role's holders by appointment.
mailbox_post = Table(
    "mailbox_post",
    metadata,
    Column("mailbox_id", Id, ForeignKey("account.id"), primary_key=True),
    fk("unit.id", primary_key=True),
    fk("position.id", primary_key=True),
    Index(None, "unit_id", "position_id"),
    sqlite_with_rowid=False,
)
