"""Whom somebody writes to, kept by himself (directory.mail.contacts)."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, String, Table, Text

from directory.tables.columns import AddressText, fk, metadata

contact = Table(
    "contact",
    metadata,
    fk("account.id", primary_key=True),
    Column("address", AddressText, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("note", Text, nullable=False),
    Column("found_by", Text, nullable=False),  # folded words, with a space before each
    sqlite_with_rowid=False,
)

# Who of them belongs together; a group is there as long as it has somebody in it.
contact_group = Table(
    "contact_group",
    metadata,
    fk("account.id", primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("address", AddressText, primary_key=True),
    ForeignKeyConstraint(["account_id", "address"], ["contact.account_id", "contact.address"]),
    sqlite_with_rowid=False,
)
