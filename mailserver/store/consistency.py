"""Every invariant of the store, recounted from the rows.  Runs after every test that used a store, and as
``citymail check``.  Each line of its answer names one broken promise and the rows that break it.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, text

# (what is broken, query whose every row breaks it)
_INVARIANTS: tuple[tuple[str, str], ...] = (
    (
        "counters differ from the rows",
        "SELECT m.id, m.messages, count(p.uid), m.unseen, coalesce(sum(CASE WHEN p.flags & 1 = 0 THEN 1 ELSE 0 END), 0),"
        " m.deleted, coalesce(sum(CASE WHEN p.flags & 8 <> 0 THEN 1 ELSE 0 END), 0), m.size, coalesce(sum(x.size), 0)"
        " FROM mailbox m LEFT JOIN placement p ON p.mailbox_id = m.id LEFT JOIN message x ON x.id = p.message_id"
        " GROUP BY m.id, m.messages, m.unseen, m.deleted, m.size"
        " HAVING m.messages <> count(p.uid)"
        " OR m.unseen <> coalesce(sum(CASE WHEN p.flags & 1 = 0 AND p.uid IS NOT NULL THEN 1 ELSE 0 END), 0)"
        " OR m.deleted <> coalesce(sum(CASE WHEN p.flags & 8 <> 0 THEN 1 ELSE 0 END), 0)"
        " OR m.size <> coalesce(sum(x.size), 0)",
    ),
    (
        "a UID is not below uid_next",
        "SELECT m.id, m.uid_next, p.uid FROM placement p JOIN mailbox m ON m.id = p.mailbox_id WHERE p.uid >= m.uid_next"
        " UNION ALL"
        " SELECT m.id, m.uid_next, e.uid FROM expunged e JOIN mailbox m ON m.id = e.mailbox_id WHERE e.uid >= m.uid_next",
    ),
    (
        "a MODSEQ is above the mailbox's highest",
        "SELECT m.id, m.highest_modseq, p.modseq FROM placement p JOIN mailbox m ON m.id = p.mailbox_id"
        " WHERE p.modseq > m.highest_modseq OR p.modseq < 1"
        " UNION ALL"
        " SELECT m.id, m.highest_modseq, e.modseq FROM expunged e JOIN mailbox m ON m.id = e.mailbox_id"
        " WHERE e.modseq > m.highest_modseq",
    ),
    (
        "untouched messages' MODSEQs are not in UID order",
        "SELECT mailbox_id, uid FROM (SELECT mailbox_id, uid, modseq,"
        " max(modseq) OVER (PARTITION BY mailbox_id ORDER BY uid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before"
        " FROM placement WHERE NOT touched) AS ordered WHERE modseq < before",
    ),
    (
        "a UID is both present and expunged",
        "SELECT p.mailbox_id, p.uid FROM placement p JOIN expunged e ON e.mailbox_id = p.mailbox_id AND e.uid = p.uid",
    ),
    (
        "a message has no octets",
        "SELECT id FROM message WHERE NOT EXISTS (SELECT 1 FROM message_octets o WHERE o.message_id = message.id)",
    ),
    (
        "octets have no message",
        "SELECT message_id FROM message_octets o WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = o.message_id)",
    ),
    (
        "a placement has no message or no mailbox",
        "SELECT mailbox_id, uid FROM placement p WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = p.message_id)"
        " OR NOT EXISTS (SELECT 1 FROM mailbox b WHERE b.id = p.mailbox_id)",
    ),
    (
        "a removed mailbox holds messages",
        "SELECT m.id FROM mailbox m JOIN placement p ON p.mailbox_id = m.id WHERE m.removed_at IS NOT NULL",
    ),
    (
        "a message's size differs from its octets",
        "SELECT m.id, m.size FROM message m JOIN message_octets o ON o.message_id = m.id"
        " WHERE o.format = 0 AND m.size <> length(o.header) + length(o.text)",
    ),
    (
        "a header's size differs from its octets",
        "SELECT m.id FROM message m JOIN message_octets o ON o.message_id = m.id WHERE m.header_size <> length(o.header)",
    ),
    (
        "a flag has no keyword",
        "SELECT p.mailbox_id, p.uid FROM placement p WHERE p.flags > 63 AND p.flags >= (1 << (6 + (SELECT count(*)"
        " FROM mailbox_keyword k WHERE k.mailbox_id = p.mailbox_id)))",
    ),
    (
        "a sequence is behind what it numbered",
        "SELECT name, value FROM sequence WHERE (name = 'message' AND value < (SELECT coalesce(max(id), 0) FROM message))"
        " OR (name = 'mailbox' AND value < (SELECT coalesce(max(id), 0) FROM mailbox))"
        " OR (name = 'uid_validity' AND value < (SELECT coalesce(max(uid_validity), 0) FROM mailbox))",
    ),
    (
        "a spooled recipient has no item, or an item no message",
        "SELECT item_id FROM spool_recipient r WHERE NOT EXISTS (SELECT 1 FROM spool_item i WHERE i.id = r.item_id)"
        " UNION ALL"
        " SELECT id FROM spool_item i WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = i.message_id)",
    ),
)
_SHOWN = 5


def problems(connection: Connection, has_file: Callable[[bytes, int], bool]) -> list[str]:
    """What is broken; empty when all is well.  ``has_file(digest, size)`` looks for a body's file."""
    found = []
    for what, query in _INVARIANTS:
        if connection.dialect.name == "postgresql":
            query = query.replace("(1 << (6 +", "(1::bigint << (6 +").replace("k.mailbox_id = p.mailbox_id)))", "k.mailbox_id = p.mailbox_id)::int))")
        rows = connection.execute(text(query)).fetchmany(_SHOWN)
        found += [f"{what}: {tuple(row)}" for row in rows]
    files = connection.execute(
        text(
            "SELECT o.message_id, o.digest, m.size - o.prefix_size FROM message_octets o"
            " JOIN message m ON m.id = o.message_id WHERE o.format = 1"
        )
    )
    found += [f"a body's file is missing or cut: message {row[0]}" for row in files if not has_file(row[1], row[2])]
    return found
