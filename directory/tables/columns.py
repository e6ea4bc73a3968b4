"""What all tables are made of: names of constraints, and columns that both engines take alike."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, String

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
FoldedText = String(300).with_variant(String(300, collation="C"), "postgresql")
Word = String(40).with_variant(String(40, collation="C"), "postgresql")
# 64 bits on PostgreSQL; SQLite numbers rows itself only in a column that is exactly INTEGER
RowNumber = BigInteger().with_variant(Integer(), "sqlite")


def fk(target: str, **options: Any) -> Column[str]:
    """A column named after what it points to: ``account.id`` → ``account_id``."""
    name = options.pop("name", target.replace(".", "_"))
    return Column(name, Id, ForeignKey(target), nullable=options.pop("nullable", False), **options)
