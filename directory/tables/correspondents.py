"""Whom people write to outside, as far as the directory has to know."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from directory.tables.columns import AddressText, fk, metadata

# Certificates that others sent with signed mail, as one person has confirmed them for mail that he encrypts.
correspondent = Table(
    "correspondent",
    metadata,
    fk("account.id", primary_key=True),
    Column("address", AddressText, primary_key=True),
    Column("der", LargeBinary, nullable=False),
    Column("companions", Text, nullable=False),  # base64, words
    Column("capabilities", Text, nullable=False),  # words
    Column("confirmed_at", BigInteger, nullable=False),
)
