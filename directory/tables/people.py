"""People and the posts they hold."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, LargeBinary, SmallInteger, String, Table

from directory.tables.columns import Day, Id, fk, metadata

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

# As it is shown beside the name: bounded in size, one of a few formats (photos).
person_photo = Table(
    "person_photo",
    metadata,
    fk("person.id", primary_key=True),
    Column("media_type", String(20), nullable=False),
    Column("octets", LargeBinary, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# People whose accounts do not yet repeat what their appointments say (catching_up).
stale_person = Table("stale_person", metadata, fk("person.id", primary_key=True), sqlite_with_rowid=False)

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
    fk("person.id"),
    fk("unit.id"),
    fk("position.id"),
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
