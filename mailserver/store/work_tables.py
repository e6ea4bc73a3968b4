"""Tables of what people do with their mail: changes that can be taken back, what is put off, who answers what, files
that letters have links to.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from mailserver.store.columns import Id, metadata

# How changes of many messages are taken back, a row a step (store.bulk).
undo_step = Table(
    "undo_step",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("token", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("made_at", BigInteger, nullable=False),
    Column("ways_back", Text, nullable=False),
    Index(None, "made_at"),
    sqlite_with_rowid=False,
)

# When messages in a \\Snoozed mailbox come back, and where to (store.snoozing).  What was moved out of there by hand
# leaves its row until the moment comes.
snoozed = Table(
    "snoozed",
    metadata,
    Column("mailbox_id", Id, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", Text, nullable=False),
    Column("home_id", Id, nullable=False),
    Column("wake_at", BigInteger, nullable=False),
    Column("unread", Boolean, nullable=False),
    Column("thread_key", Text, nullable=False),
    Column("newest", BigInteger, nullable=False),  # the highest message id then: what is higher may be an answer
    Index(None, "wake_at"),
    sqlite_with_rowid=False,
)

# Who answers a conversation in a shared mailbox (mailserver.handling).
handled_thread = Table(
    "handled_thread",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("thread_key", Text, primary_key=True),
    Column("assignee", Text, nullable=False),
    Column("done_at", BigInteger, nullable=False),  # the highest message id when it was done; 0: it is open
    sqlite_with_rowid=False,
)

# What was decided and said about it, for good.
handling_event = Table(
    "handling_event",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("thread_key", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("whom", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "account_id", "thread_key"),
    sqlite_with_rowid=False,
)

# Files that letters have links to (store.links).
linked_file = Table(
    "linked_file",
    metadata,
    Column("token_digest", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("downloads", Integer, nullable=False),
    Column("password_hash", Text, nullable=False, server_default=""),  # empty: the link is enough
    Index(None, "account_id"),
    Index(None, "digest"),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)
