"""The store's tables, the same on SQLite and PostgreSQL.

``message`` is content and is shared; ``placement`` puts it into a mailbox.  A notice to 200,000 people is one
``message``, one ``message_octets`` and 200,000 rows of ``placement`` of some 30 octets each.

``placement`` is clustered on (mailbox, uid) and has two more indexes, both cheap to write at delivery: by message
(grows at its end), and by (mailbox, modseq) of only those rows that changed after they arrived (``touched``); what
arrived since a modseq is found from the end of the mailbox (``changes.changed_since``).  Where one command changes many
messages in a row, no row of them is touched, and ``marked_range`` says where they are: an index entry for each would
cost twice as much as the change.

No foreign key leads from ``placement`` and ``expunged`` to the rows of messages, which are wide: to look each of them
up would take half of the time of COPY and EXPUNGE.  ``consistency`` looks instead.  Messages are only removed when
nothing refers to them, and whoever could refer to one again holds the mailbox that he takes it from (``housekeeping``).

``account_id`` is the directory's opaque id as text; no foreign key leaves this package.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from mailserver.store import peer_tables as peer_tables  # in the same database
from mailserver.store import work_tables as work_tables
from mailserver.store.columns import Id
from mailserver.store.columns import metadata as metadata

# Counters that outlive what they counted: message ids, mailbox ids, UIDVALIDITY (RFC 9051 §2.3.1.1 wants it never
# repeated for a name; one that only grows is never repeated for any name).
sequence = Table(
    "sequence",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

mailbox = Table(
    "mailbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("account_id", Text, nullable=False),
    Column("name", Text, nullable=False),  # NFC, '/' between levels; a removed mailbox has "name\x01id"
    Column("special_use", Text),  # '\Sent' …, RFC 6154
    Column("uid_validity", BigInteger, nullable=False),
    Column("uid_next", BigInteger, nullable=False),
    Column("highest_modseq", BigInteger, nullable=False),
    Column("vanished_horizon", BigInteger, nullable=False),  # QRESYNC can be answered from this modseq on
    Column("messages", Integer, nullable=False),
    Column("unseen", Integer, nullable=False),
    Column("deleted", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),  # octets
    Column("created_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger),
    Column("recent_uid", BigInteger, nullable=False, server_default="1"),  # some session was told of all below it
    Column("promised_modseq", BigInteger, nullable=False, server_default="0"),  # may be told before it is on disk
    UniqueConstraint("account_id", "name"),
)

subscription = Table(
    "subscription",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # may name no mailbox, RFC 9051 §6.3.7
    sqlite_with_rowid=False,
)

# Mailboxes of others that a reader does not want to see subscribed: those that were given to him are, until he says so.
declined_mailbox = Table(
    "declined_mailbox",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    sqlite_with_rowid=False,
)

mailbox_keyword = Table(
    "mailbox_keyword",
    metadata,
    Column("mailbox_id", Id, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True),
    Column("bit", SmallInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    sqlite_with_rowid=False,
)

message = Table(
    "message",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("header_size", Integer, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("has_attachments", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("subject", Text, nullable=False),
    Column("author_name", Text, nullable=False),
    Column("author_address", Text, nullable=False),
    Column("to_text", Text, nullable=False),
    Column("message_id_header", Text, nullable=False),
    Column("thread_key", Text, nullable=False),
    Column("preview", Text, nullable=False),
    Column("search_text", Text, nullable=False),
    Column("parts", LargeBinary, nullable=False),
    # From says no more than author_name and author_address: a search need not read it.
    Column("author_is_plain", Boolean, nullable=False, server_default=false()),
    Index(None, "thread_key"),
    Index(None, "message_id_header"),
)

# What SORT and THREAD read of a message, apart from it: they read a whole mailbox's at once, and these rows are narrow.
message_order = Table(
    "message_order",
    metadata,
    Column("message_id", Id, ForeignKey("message.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("sent_at", BigInteger),
    Column("base_subject", Text, nullable=False),  # message.subject
    Column("sort_from", Text, nullable=False),
    Column("sort_to", Text, nullable=False),
    Column("sort_cc", Text, nullable=False),
    Column("ancestry", LargeBinary, nullable=False),  # message.ancestry
)

# What mail clients ask of all messages when they make a list, apart for the same reason: ENVELOPE and BODYSTRUCTURE as
# they are sent, and the header below its trace (message.trace), from which they have fields chosen.
message_listing = Table(
    "message_listing",
    metadata,
    Column("message_id", Id, ForeignKey("message.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("bodystructure", LargeBinary, nullable=False),
)
message_header = Table(
    "message_header",
    metadata,
    Column("message_id", Id, ForeignKey("message.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("fields", LargeBinary, nullable=False),
)

# Messages of these ids, in this mailbox or brought from it, whose scan was put off (store.unscanned).  There are their
# sizes and octets, and nothing yet in ``message_order`` and ``message_listing``; of some there is by now, or they went.
unscanned = Table(
    "unscanned",
    metadata,
    Column("mailbox_id", Id, primary_key=True, autoincrement=False),
    Column("first_id", Id, primary_key=True, autoincrement=False),
    Column("last_id", Id, nullable=False),
    Index(None, "first_id"),
    sqlite_with_rowid=False,
)

# Where a message's octets are.  format 0: trace + message_header.fields + text.  format 1: the octets as received are a
# file named by their SHA-256, header included; the first prefix_size octets of trace are ours.
FORMAT_INLINE, FORMAT_FILE = 0, 1
message_octets = Table(
    "message_octets",
    metadata,
    Column("message_id", Id, ForeignKey("message.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("format", SmallInteger, nullable=False),
    Column("prefix_size", Integer, nullable=False),
    Column("digest", LargeBinary),
    Column("trace", LargeBinary, nullable=False),
    Column("text", LargeBinary),
    # Partial on PostgreSQL too, as the migrations say: to say it here would load its dialect, megabytes, on SQLite too.
    Index("ix_message_octets_digest", "digest", sqlite_where=text("digest IS NOT NULL")),
)

placement = Table(
    "placement",
    metadata,
    Column("mailbox_id", Id, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", Id, nullable=False),
    Column("flags", BigInteger, nullable=False),
    Column("modseq", BigInteger, nullable=False),
    Column("touched", Boolean, nullable=False, server_default=false()),
    Column("internal_date", BigInteger, nullable=False),
    Column("saved_at", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),  # the message's, for who counts what lies in mailboxes
    Column("zone", SmallInteger),  # minutes east of Greenwich in which internal_date was given; null: the city's
    Index(None, "message_id"),
    sqlite_with_rowid=False,
)
Index(
    "ix_placement_touched",
    placement.c.mailbox_id,
    placement.c.modseq,
    # SQLite takes a partial index only for a condition written like this, as SQLAlchemy writes it; PostgreSQL as above.
    sqlite_where=text("touched = 1"),
)

# Where many messages in a row were changed at once.  A row of ``placement`` belongs to the range with its modseq;
# others may lie in between, and a range of which nothing is left says nothing.
marked_range = Table(
    "marked_range",
    metadata,
    Column("mailbox_id", Id, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("modseq", BigInteger, primary_key=True, autoincrement=False),
    Column("low", BigInteger, primary_key=True, autoincrement=False),
    Column("high", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# MODSEQs between which some were told to clients, perhaps, and lost at a power cut (store.promises).
lost_modseq = Table(
    "lost_modseq",
    metadata,
    Column("mailbox_id", Id, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("low", BigInteger, primary_key=True, autoincrement=False),
    Column("high", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# One row, by which a power cut is known (store.promises).  On PostgreSQL a crash empties the table.
continuity = Table(
    "continuity",
    metadata,
    Column("mark", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# Tombstones: VANISHED for QRESYNC (RFC 7162), and the way back for what was removed by mistake.
expunged = Table(
    "expunged",
    metadata,
    Column("mailbox_id", Id, primary_key=True, autoincrement=False),
    Column("modseq", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", Id, nullable=False),
    Column("flags", BigInteger, nullable=False),
    Column("internal_date", BigInteger, nullable=False),
    Column("expunged_at", BigInteger, nullable=False),
    Column("zone", SmallInteger),
    Index(None, "message_id"),
    Index(None, "expunged_at"),
    sqlite_with_rowid=False,
)

# Who else may do what in a mailbox (store.rights, RFC 4314).  An identifier is 'anyone', 'a:' and an account, or 'g:'
# and a group; a negative entry takes its rights away.
mailbox_acl = Table(
    "mailbox_acl",
    metadata,
    Column("mailbox_id", Id, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("identifier", Text, primary_key=True),
    Column("negative", Boolean, primary_key=True),
    Column("rights", Text, nullable=False),
    Index(None, "identifier"),
    sqlite_with_rowid=False,
)

# Mailboxes in which every reader has his own \Seen (store.readers).  Below since_uid a message that a reader has
# neither opened nor marked shows him what all shared before.
private_seen = Table(
    "private_seen",
    metadata,
    Column("mailbox_id", Id, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("since_uid", BigInteger, nullable=False),
)

# \Seen of one reader, and when it was last changed.
reader_seen = Table(
    "reader_seen",
    metadata,
    Column("mailbox_id", Id, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("account_id", Text, primary_key=True),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("seen", SmallInteger, nullable=False),
    Column("modseq", BigInteger, nullable=False),
    Index(None, "mailbox_id", "account_id", "modseq"),
    sqlite_with_rowid=False,
)

# Annotations of mailboxes, and of the server under mailbox 0 (store.metadata, RFC 5464).  Shared ones belong to no
# account.
annotation = Table(
    "annotation",
    metadata,
    Column("mailbox_id", Id, primary_key=True, autoincrement=False),
    Column("account_id", Text, primary_key=True),
    Column("entry", Text, primary_key=True),
    Column("value", LargeBinary),  # None: it was removed, which those who look for changes are to hear
    Column("changed", BigInteger, nullable=False),
    Index(None, "changed"),
    sqlite_with_rowid=False,
)

# What `citymail mailbox import` has brought over (mailserver.importing.journal).
imported = Table(
    "imported",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("token", LargeBinary, primary_key=True),
    Column("imported_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What each login sent within the last hour (delivery.allowance): kind 0 a message by its reference, 1 a recipient by
# forward-path, 2 that postmaster was told.
sending = Table(
    "sending",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("sent_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Whom a machine answered when, and about what (delivery.answering).
automatic_answer = Table(
    "automatic_answer",
    metadata,
    Column("occasion", Text, primary_key=True),
    Column("sender", Text, primary_key=True),
    Column("answered_at", BigInteger, nullable=False),
    Index(None, "answered_at"),
    sqlite_with_rowid=False,
)

# Outbound mail.  One item is one message under one envelope; each recipient has its own fate.
spool_item = Table(
    "spool_item",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("message_id", Id, ForeignKey("message.id"), nullable=False),
    Column("reverse_path", Text, nullable=False),
    Column("submitter", Text, nullable=False, server_default=""),  # account id, empty for our own reports
    Column("envelope_id", Text, nullable=False, server_default=""),  # RFC 3461 ENVID
    Column("ret", Text, nullable=False, server_default=""),  # RFC 3461 RET: FULL or HDRS
    Column("smtputf8", Boolean, nullable=False, server_default=false()),
    Column("eight_bit", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
    Column("held", Boolean, nullable=False, server_default=false()),
    Column("delay_reported", Boolean, nullable=False, server_default=false()),
    Column("is_binary", Boolean, nullable=False, server_default=false()),  # RFC 3030: may hold any octets
    Column("require_tls", Boolean, nullable=False, server_default=false()),  # RFC 8689 §4.2
    Column("tls_optional", Boolean, nullable=False, server_default=false()),  # RFC 8689 §5: TLS-Required: No
    Column("priority", Integer, nullable=False, server_default="0"),  # RFC 6710, -9 to 9
    Column("deliver_by", BigInteger, nullable=False, server_default="0"),  # RFC 2852; 0: no deadline
    Column("deliver_by_mode", Text, nullable=False, server_default=""),  # N or R, with T for a trace
    Column("release_at", BigInteger, nullable=False, server_default="0"),  # RFC 4865; 0: at once
    Column("unfinished", Integer, nullable=False, server_default="0"),  # recipients without a last word
    Column("quarantine", Text, nullable=False, server_default=""),  # why an administrator is to look at it
    Column("is_junk", Boolean, nullable=False, server_default=false()),  # for our own people: \Junk, not INBOX
    Column("moderation", Text, nullable=False, server_default=""),  # the group whose moderators decide, or have decided
    Column("is_reminded", Boolean, nullable=False, server_default=false()),  # they were, that it still waits
    Index(None, "message_id"),
)

# What an account has sent and may still take back, and its copy in Sent; who did, for whose address, and the
# fingerprint of the certificate that it is signed with, all looked at again as it goes.
postponed = Table(
    "postponed",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("item_id", Id, ForeignKey("spool_item.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("copy_mailbox_id", Id),
    Column("copy_uid", BigInteger),
    Column("writer_id", Text, nullable=False, server_default=""),
    Column("author_id", Text, nullable=False, server_default=""),
    Column("certificate", Text, nullable=False, server_default=""),
    Index(None, "item_id"),
    sqlite_with_rowid=False,
)

spool_recipient = Table(
    "spool_recipient",
    metadata,
    Column("item_id", Id, ForeignKey("spool_item.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("forward_path", Text, primary_key=True),
    Column("domain", Text, nullable=False),
    Column("state", Text, nullable=False),  # due, held, sent, failed
    Column("attempts", Integer, nullable=False),
    # For what is not due, the end of time, so that no index leads to it; so below.
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("last_reply", Text, nullable=False, server_default=""),
    Column("notify", Text, nullable=False, server_default=""),  # RFC 3461 NOTIFY
    Column("original_recipient", Text, nullable=False, server_default=""),  # RFC 3461 ORCPT
    Column("priority", SmallInteger, nullable=False, server_default="0"),  # as the item's
    # When its sender is to be told, or it is given up, though nothing was tried.
    Column("deadline_at", BigInteger, nullable=False, server_default="4611686018427387904"),
    Index(None, "domain", "priority", "next_attempt_at", "item_id"),
    Index(None, "deadline_at"),
    sqlite_with_rowid=False,
)

# Everything that waits for one domain at one priority: what relays lease, and what they know of the domain's servers.
spool_lane = Table(
    "spool_lane",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("priority", SmallInteger, primary_key=True, autoincrement=False),
    Column("waiting", Integer, nullable=False),  # recipients without a last word
    # When a relay may take it: the first try that is due, the end of a rest after failures, or the end of the lease.
    Column("ready_at", BigInteger, nullable=False),
    Column("owner", Text, nullable=False, server_default=""),
    Column("has_news", Boolean, nullable=False, server_default=false()),  # something was added under the lease
    # Failures in a row to reach any server of the domain; ``is_failing`` is that as an index wants it.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("is_failing", SmallInteger, nullable=False, server_default="0"),
    Column("last_reply", Text, nullable=False, server_default=""),  # of the last failure
    Index(None, "is_failing", "priority", "ready_at"),
    Index(None, "ready_at"),
    Index(None, "owner", "has_news"),
    sqlite_with_rowid=False,
)

# One message from outside, from its connection to its mailboxes, and those that were refused (delivery.tracing).
message_trace = Table(
    "message_trace",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("client", Text, nullable=False),
    Column("hello", Text, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("reverse_path", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("message_id_header", Text, nullable=False),
    Column("message_id", BigInteger, nullable=False),  # 0: it was not taken; the message itself may be gone before this
    Column("size", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("results", Text, nullable=False),
    Index(None, "at"),
    Index(None, "reverse_path"),
    sqlite_with_rowid=False,
)

recipient_trace = Table(
    "recipient_trace",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("forward_path", Text, primary_key=True),
    Column("account_id", Text, nullable=False),  # empty if it is not one alone
    Column("outcome", Text, nullable=False),
    Index(None, "forward_path"),
    sqlite_with_rowid=False,
)

# The last word of another server about a recipient, or ours when there was none (delivery.settling).
relay_trace = Table(
    "relay_trace",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("forward_path", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # sent or failed
    Column("host", Text, nullable=False),
    Column("reply", Text, nullable=False),
    Index(None, "at"),
    sqlite_with_rowid=False,
)

# Strangers that were put off at their first try, and those who came again (delivery.greylist).
greylist = Table(
    "greylist",
    metadata,
    Column("network", Text, primary_key=True),
    Column("reverse_path", Text, primary_key=True),
    Column("forward_path", Text, primary_key=True),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("passed", SmallInteger, nullable=False),
    Index(None, "last_at"),
    sqlite_with_rowid=False,
)
