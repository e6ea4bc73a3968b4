"""Groups of addressees."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, String, Table, false

from directory.tables.columns import AddressText, Id, fk, metadata

mail_group = Table(
    "mail_group",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", AddressText, nullable=False, unique=True),
    Column("name", String(300), nullable=False),
    Column("posting", String(10), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    fk("unit.id", nullable=True),  # whose administrators look after it; none: the city's
    Column("is_moderated", Boolean, nullable=False, server_default=false()),
    Column("hides_members", Boolean, nullable=False, server_default=false()),
    CheckConstraint("posting IN ('anyone', 'internal', 'members', 'named')", name="posting"),
    sqlite_with_rowid=False,
)

group_account = Table(
    "group_account",
    metadata,
    Column("group_id", Id, ForeignKey("mail_group.id"), primary_key=True),
    fk("account.id", primary_key=True),
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
    fk("unit.id", nullable=True),
    Column("unit_type", String(40), ForeignKey("unit_type.code")),
    fk("position.id", nullable=True),
    Index(None, "group_id"),
    sqlite_with_rowid=False,
)

# Who may write to a group whose posting rule is 'named'.
group_poster = Table(
    "group_poster",
    metadata,
    Column("group_id", Id, ForeignKey("mail_group.id"), primary_key=True),
    fk("account.id", primary_key=True),
    sqlite_with_rowid=False,
)

# Beside them: whoever mail to this group reaches, and whoever holds a post in this unit or below it.
group_poster_group = Table(
    "group_poster_group",
    metadata,
    Column("group_id", Id, ForeignKey("mail_group.id"), primary_key=True),
    Column("poster_id", Id, ForeignKey("mail_group.id"), primary_key=True),
    sqlite_with_rowid=False,
)

group_poster_unit = Table(
    "group_poster_unit",
    metadata,
    Column("group_id", Id, ForeignKey("mail_group.id"), primary_key=True),
    fk("unit.id", primary_key=True),
    sqlite_with_rowid=False,
)

# Who decides about mail to a moderated group.
group_moderator = Table(
    "group_moderator",
    metadata,
    Column("group_id", Id, ForeignKey("mail_group.id"), primary_key=True),
    fk("account.id", primary_key=True),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)
