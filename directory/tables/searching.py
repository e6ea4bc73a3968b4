"""The index by which officials and groups are found."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, SmallInteger, String, Table

from directory.tables.columns import AddressText, FoldedText, Id, RowNumber, Word, metadata

search_entry = Table(
    "search_entry",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=False),
    Column("subject_id", Id, nullable=False, unique=True),  # account or group
    Column("kind", String(10), nullable=False),
    Column("address", AddressText, nullable=False),
    Column("name", FoldedText, nullable=False, server_default=""),
    Index(None, "address"),
    Index(None, "name"),
)

# The words of an entry, each folded, and once more as written where it has marks.
search_word = Table(
    "search_word",
    metadata,
    Column("word", Word, primary_key=True),
    Column("rank", SmallInteger, primary_key=True),  # best first
    Column("entry_id", RowNumber, ForeignKey("search_entry.id"), primary_key=True),
    # of a word that stands in it: the entry's name, so that of many with the word those with another are told at once
    Column("name", FoldedText, nullable=False, server_default=""),
    Index(None, "entry_id", "word"),
    sqlite_with_rowid=False,
)
