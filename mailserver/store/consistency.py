"""Every invariant of the store, recounted from the rows.  Runs after every test that used a store, and as
``citymail check``.  Each line of its answer names one broken promise and the rows that break it.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, text

from mailserver.store.flags import FIRST_KEYWORD_BIT

# What is broken → a query whose every row breaks it.
_INVARIANTS: dict[str, str] = {
    "counters differ from the rows": """
        SELECT id, m.messages, c.messages, m.unseen, c.unseen, m.deleted, c.deleted, m.size, c.size
        FROM mailbox m LEFT JOIN (
            SELECT p.mailbox_id, count(*) AS messages,
                   sum(CASE WHEN p.flags & 1 = 0 THEN 1 ELSE 0 END) AS unseen,
                   sum(CASE WHEN p.flags & 8 <> 0 THEN 1 ELSE 0 END) AS deleted,
                   sum(p.size) AS size
            FROM placement p GROUP BY p.mailbox_id
        ) AS c ON c.mailbox_id = m.id
        WHERE m.messages <> coalesce(c.messages, 0) OR m.unseen <> coalesce(c.unseen, 0)
           OR m.deleted <> coalesce(c.deleted, 0) OR m.size <> coalesce(c.size, 0)""",
    "a UID is not below uid_next": """
        SELECT m.id, m.uid_next, p.uid FROM placement p JOIN mailbox m ON m.id = p.mailbox_id
        WHERE p.uid >= m.uid_next
        UNION ALL
        SELECT m.id, m.uid_next, e.uid FROM expunged e JOIN mailbox m ON m.id = e.mailbox_id
        WHERE e.uid >= m.uid_next""",
    "a MODSEQ is above the mailbox's highest": """
        SELECT m.id, m.highest_modseq, p.modseq FROM placement p JOIN mailbox m ON m.id = p.mailbox_id
        WHERE p.modseq > m.highest_modseq OR p.modseq < 1
        UNION ALL
        SELECT m.id, m.highest_modseq, e.modseq FROM expunged e JOIN mailbox m ON m.id = e.mailbox_id
        WHERE e.modseq > m.highest_modseq""",
    "untouched messages' MODSEQs are not in UID order": """
        SELECT mailbox_id, uid FROM (
            SELECT p.mailbox_id, p.uid, p.modseq,
                   max(CASE WHEN r.modseq IS NULL THEN p.modseq END)
                   OVER (PARTITION BY p.mailbox_id ORDER BY p.uid
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier
            FROM placement p LEFT JOIN marked_range r
            ON r.mailbox_id = p.mailbox_id AND r.modseq = p.modseq AND p.uid BETWEEN r.low AND r.high
            WHERE NOT p.touched
        ) AS ordered WHERE modseq < earlier""",
    "ranges of one change overlap, or are of none": """
        SELECT r.mailbox_id, r.modseq, r.low, r.high FROM marked_range r JOIN mailbox m ON m.id = r.mailbox_id
        WHERE r.low > r.high OR r.high >= m.uid_next OR r.modseq > m.highest_modseq OR EXISTS (
            SELECT 1 FROM marked_range o WHERE o.mailbox_id = r.mailbox_id AND o.modseq = r.modseq
            AND o.low > r.low AND o.low <= r.high)""",
    "MODSEQs left in doubt are not below the mailbox's highest": """
        SELECT l.mailbox_id, l.low, l.high FROM lost_modseq l JOIN mailbox m ON m.id = l.mailbox_id
        WHERE l.low >= l.high OR l.high > m.highest_modseq""",
    "a UID is both present and expunged": """
        SELECT e.mailbox_id, e.uid FROM expunged e
        WHERE EXISTS (SELECT 1 FROM placement p WHERE p.mailbox_id = e.mailbox_id AND p.uid = e.uid)""",
    "a UID was expunged twice": """
        SELECT mailbox_id, uid FROM expunged GROUP BY mailbox_id, uid HAVING count(*) > 1""",
    "a message has no octets": """
        SELECT id FROM message
        WHERE NOT EXISTS (SELECT 1 FROM message_octets o WHERE o.message_id = message.id)""",
    "a message has no place in the order, and nothing says that it waits for its scan": """
        SELECT id FROM message
        WHERE NOT EXISTS (SELECT 1 FROM message_order o WHERE o.message_id = message.id)
          AND NOT EXISTS (SELECT 1 FROM unscanned u WHERE message.id BETWEEN u.first_id AND u.last_id)""",
    "a mailbox does not know that a message in it waits for its scan": """
        SELECT p.mailbox_id, p.uid FROM (
            SELECT p.mailbox_id, p.uid, p.message_id FROM unscanned w CROSS JOIN placement p
            WHERE p.message_id BETWEEN w.first_id AND w.last_id
            UNION ALL
            SELECT e.mailbox_id, e.uid, e.message_id FROM unscanned w CROSS JOIN expunged e
            WHERE e.message_id BETWEEN w.first_id AND w.last_id
        ) AS p
        WHERE NOT EXISTS (SELECT 1 FROM message_order o WHERE o.message_id = p.message_id)
          AND NOT EXISTS (SELECT 1 FROM unscanned u WHERE u.mailbox_id = p.mailbox_id
                          AND p.message_id BETWEEN u.first_id AND u.last_id)""",
    "messages wait for their scan under a number that was never given": """
        SELECT mailbox_id, first_id, last_id FROM unscanned
        WHERE last_id < first_id OR last_id > (SELECT value FROM sequence WHERE name = 'message')""",
    "a message cannot be listed that was scanned": """
        SELECT id FROM message WHERE EXISTS (SELECT 1 FROM message_order o WHERE o.message_id = message.id)
          AND NOT EXISTS (SELECT 1 FROM message_listing l WHERE l.message_id = message.id)""",
    "a message has no header": """
        SELECT id FROM message
        WHERE NOT EXISTS (SELECT 1 FROM message_header h WHERE h.message_id = message.id)""",
    "octets have no message": """
        SELECT message_id FROM message_octets o
        WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = o.message_id)""",
    "a placement has no message or no mailbox": """
        SELECT mailbox_id, uid FROM placement p
        WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = p.message_id)
           OR NOT EXISTS (SELECT 1 FROM mailbox b WHERE b.id = p.mailbox_id)""",
    "a tombstone has no message or no mailbox": """
        SELECT mailbox_id, uid FROM expunged e
        WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = e.message_id)
           OR NOT EXISTS (SELECT 1 FROM mailbox b WHERE b.id = e.mailbox_id)""",
    "a placement's size is not its message's": """
        SELECT p.mailbox_id, p.uid, p.size, m.size FROM placement p JOIN message m ON m.id = p.message_id
        WHERE p.size <> m.size""",
    "a removed mailbox holds messages": """
        SELECT m.id FROM mailbox m JOIN placement p ON p.mailbox_id = m.id WHERE m.removed_at IS NOT NULL""",
    "a message's size differs from its octets": """
        SELECT m.id, m.size FROM message m JOIN message_octets o ON o.message_id = m.id
        WHERE o.format = 0 AND m.size <> m.header_size + length(o.text)""",
    "a header's size differs from its octets": """
        SELECT m.id, m.header_size FROM message m JOIN message_octets o ON o.message_id = m.id
        JOIN message_header h ON h.message_id = m.id
        WHERE m.header_size <> length(o.trace) + length(h.fields)""",
    "a sequence is behind what it numbered": """
        SELECT name, value FROM sequence
        WHERE (name = 'message' AND value < (SELECT coalesce(max(id), 0) FROM message))
           OR (name = 'mailbox' AND value < (SELECT coalesce(max(id), 0) FROM mailbox))
           OR (name = 'spool_item' AND value < (SELECT coalesce(max(id), 0) FROM spool_item))
           OR (name = 'uid_validity' AND value < (SELECT coalesce(max(uid_validity), 0) FROM mailbox))""",
    "a reader's seen state is of no message that was": """
        SELECT r.mailbox_id, r.account_id, r.uid FROM reader_seen r JOIN mailbox m ON m.id = r.mailbox_id
        WHERE r.uid >= m.uid_next OR r.modseq > m.highest_modseq
           OR NOT EXISTS (SELECT 1 FROM private_seen p WHERE p.mailbox_id = r.mailbox_id)""",
    "rights or annotations outlived their mailbox": """
        SELECT a.mailbox_id FROM mailbox_acl a LEFT JOIN mailbox m ON m.id = a.mailbox_id
        WHERE m.id IS NULL OR m.removed_at IS NOT NULL
        UNION ALL
        SELECT a.mailbox_id FROM annotation a LEFT JOIN mailbox m ON m.id = a.mailbox_id
        WHERE a.mailbox_id <> 0 AND (m.id IS NULL OR m.removed_at IS NOT NULL)""",
    "a spooled recipient has no item, or an item no message": """
        SELECT item_id FROM spool_recipient r WHERE NOT EXISTS (SELECT 1 FROM spool_item i WHERE i.id = r.item_id)
        UNION ALL
        SELECT id FROM spool_item i WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = i.message_id)""",
    "a spooled item counts its recipients wrongly": """
        SELECT i.id, i.unfinished, coalesce(c.waiting, 0) FROM spool_item i LEFT JOIN (
            SELECT item_id, count(*) AS waiting FROM spool_recipient WHERE state IN ('due', 'held') GROUP BY item_id
        ) AS c ON c.item_id = i.id WHERE i.unfinished <> coalesce(c.waiting, 0)""",
    "a lane of the spool counts what waits wrongly, or is not there": """
        SELECT l.domain, l.priority, l.waiting, coalesce(c.waiting, 0) FROM spool_lane l LEFT JOIN (
            SELECT domain, priority, count(*) AS waiting FROM spool_recipient WHERE state IN ('due', 'held')
            GROUP BY domain, priority
        ) AS c ON c.domain = l.domain AND c.priority = l.priority WHERE l.waiting <> coalesce(c.waiting, 0)
        UNION ALL
        SELECT domain, priority, 0, 1 FROM spool_recipient r WHERE state IN ('due', 'held')
        AND NOT EXISTS (SELECT 1 FROM spool_lane l WHERE l.domain = r.domain AND l.priority = r.priority)""",
    "a lane of the spool sleeps while something in it is due": """
        SELECT l.domain, l.priority, l.ready_at, c.due FROM spool_lane l JOIN (
            SELECT domain, priority, min(next_attempt_at) AS due FROM spool_recipient GROUP BY domain, priority
        ) AS c ON c.domain = l.domain AND c.priority = l.priority
        WHERE l.owner = '' AND l.failures = 0 AND c.due < l.ready_at""",
}
_UNNAMED_FLAGS = """
    SELECT p.mailbox_id, max(p.flags), coalesce(max(k.keywords), 0) FROM placement p
    LEFT JOIN (SELECT mailbox_id, count(*) AS keywords FROM mailbox_keyword GROUP BY mailbox_id) AS k
    ON k.mailbox_id = p.mailbox_id WHERE p.flags > 31 GROUP BY p.mailbox_id"""
_FILES = """
    SELECT o.message_id, o.digest, m.size - o.prefix_size FROM message_octets o
    JOIN message m ON m.id = o.message_id WHERE o.format = 1"""
_LINKED = "SELECT account_id, digest, size FROM linked_file"
_SHOWN = 5


def problems(connection: Connection, has_file: Callable[[bytes, int], bool]) -> list[str]:
    """What is broken; empty when all is well.  ``has_file(digest, size)`` looks for a body's file."""
    found = []
    for what, query in _INVARIANTS.items():
        rows = connection.execute(text(query)).fetchmany(_SHOWN)
        found += [f"{what}: {tuple(row)}" for row in rows]
    for mailbox_id, flags, keywords in connection.execute(text(_UNNAMED_FLAGS)):
        if flags >> (FIRST_KEYWORD_BIT + keywords):
            found.append(f"a flag has no keyword: mailbox {mailbox_id}, flags {flags:#x}")
    files = connection.execute(text(_FILES))
    found += [f"a body's file is missing or cut: message {row[0]}" for row in files if not has_file(row[1], row[2])]
    linked = connection.execute(text(_LINKED))
    found += [f"a linked file is missing or cut: of {row[0]}" for row in linked if not has_file(row[1], row[2])]
    return found
