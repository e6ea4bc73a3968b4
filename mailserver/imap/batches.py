"""UIDBATCHES: the mailbox cut into UID ranges of so many messages each, the newest first.

The ranges join without gaps, and the last one goes down to UID 1, so that a client which works through them in order
meets every message, also those that arrive or vanish meanwhile.  Each is written from its highest UID to its lowest, as
the examples of the RFC are.  No message is worked on here, so that ``message_limit`` does not count.

Standards: RFC 10022 §3.1.2, §3.1.3, §3.1.4, §3.1.5, §3.1.6 (form, sizes, UIDs without a message, ranges of batches,
none); §3.1.1 would have clients refused who ask again soon: here the answer costs a few octets of what the session
holds anyway, and a client that was cut off asks again with good reason.
"""

from __future__ import annotations

from mailserver.imap.grammar.batches import Batches
from mailserver.imap.message_commands import load
from mailserver.imap.session import Reply, Session
from mailserver.imap.steps import Steps

# RFC 10022 §3.1.3.2: a client must not ask for smaller ones.
SMALLEST = 500


def batches(session: Session, command: Batches, tag: bytes) -> Steps[Reply]:
    view = load(session)
    if command.size < SMALLEST:
        return Reply(f"Batches have {SMALLEST} messages at least", b"TOOFEW", is_no=True)
    uids, size = view.uids, command.size
    first, last = command.wanted or (1, view.count)
    ranges = []
    for number in range(first, min(last, -(-view.count // size)) + 1):
        newest = view.count - (number - 1) * size  # message number
        high = uids[newest - 1] if number == 1 else uids[newest] - 1
        low = uids[newest - size] if newest > size else 1
        ranges.append(b"%d:%d" % (high, low))
    yield b"* UIDBATCHES (TAG %b)%b\r\n" % (b'"' + tag + b'"', b" " + b",".join(ranges) if ranges else b"")
    return Reply()
