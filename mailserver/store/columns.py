"""What all tables of the store are made of: names of constraints, and numbers that both engines take alike."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only makes "INTEGER PRIMARY KEY" the row's own key.
Id = BigInteger().with_variant(Integer(), "sqlite")
