"""Who leaves and when, and who looks after the mail that is left behind."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from directory.tables.columns import AddressText, Day, Id, fk, metadata

# An order to leave: it waits for its day, is carried out, and can be taken back.
departure = Table(
    "departure",
    metadata,
    Column("id", Id, primary_key=True),
    fk("account.id"),
    Column("last_day", Day, nullable=False),
    Column("state", String(10), nullable=False),
    Column("redirect_to", AddressText),
    Column("redirect_until", Day),
    Column("custodian_id", Id, ForeignKey("account.id")),  # none: the head of the unit
    Column("custody_days", Integer, nullable=False),  # 0: nobody reads what is left
    Column("reason", Text, nullable=False),
    Column("decision", String(100), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("ordered_at", BigInteger, nullable=False),
    Column("changes", Text, nullable=False),  # JSON of the rows as they were and became: what taking it back undoes
    Column("problem", Text, nullable=False),  # why it could not be carried out on its day; empty: nothing
    CheckConstraint("state IN ('planned', 'done', 'undone', 'withdrawn')", name="state"),
    Index(None, "account_id"),
    Index(None, "state", "last_day"),
    sqlite_with_rowid=False,
)

# Who may read a closed mailbox, and until when: an account (a unit's: whoever reads that one), or the head of a unit.
custody = Table(
    "custody",
    metadata,
    Column("mailbox_id", Id, ForeignKey("account.id"), primary_key=True),
    Column("holder_id", Id, ForeignKey("account.id")),
    fk("unit.id", nullable=True),
    Column("valid_from", Day, nullable=False),
    Column("valid_until", Day),  # none: as long as somebody holds it
    Column("reason", Text, nullable=False),
    Column("decision", String(100), nullable=False),
    CheckConstraint("holder_id IS NULL OR unit_id IS NULL", name="holder"),
    Index(None, "holder_id"),
    Index(None, "unit_id"),
    sqlite_with_rowid=False,
)
