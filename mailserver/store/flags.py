"""Flags and keywords as bits: system flags have fixed ones, keywords get theirs per mailbox as they are first used.

Standards: RFC 9051 §2.3.2.
Limits: 57 keywords a mailbox (63 bits of a BIGINT).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from sqlalchemy import bindparam, insert, select

from mailserver.refusals import CannotDo, LimitReached
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared
from mailserver.store.tables import mailbox_keyword

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = 1, 2, 4, 8, 16
SYSTEM_FLAGS: dict[str, int] = {
    "\\Seen": SEEN,
    "\\Answered": ANSWERED,
    "\\Flagged": FLAGGED,
    "\\Deleted": DELETED,
    "\\Draft": DRAFT,
}
# What a session adds for itself (mailserver.imap.recent); never stored.
RECENT = 32
FIRST_KEYWORD_BIT = 6
MAX_KEYWORDS = 63 - FIRST_KEYWORD_BIT
SYSTEM_MASK = (1 << FIRST_KEYWORD_BIT) - 1

_BY_FOLDED_NAME = {name.lower(): bit for name, bit in SYSTEM_FLAGS.items()}
# flag-keyword = "$MDNSent" / … / atom (RFC 9051 §9)
_KEYWORD = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]{1,100}")


@lru_cache(maxsize=8192)
def flag_names(mask: int, keywords: tuple[str, ...]) -> tuple[str, ...]:
    """The flags of a mask by name; ``keywords`` are the mailbox's, in the order of their bits."""
    names = [name for name, bit in SYSTEM_FLAGS.items() if mask & bit]
    if mask & RECENT:
        names.append("\\Recent")
    rest = mask >> FIRST_KEYWORD_BIT
    names += [keyword for position, keyword in enumerate(keywords) if rest >> position & 1]
    return tuple(names)


def system_bit(name: str) -> int:
    """The bit of a system flag in any case, 0 for anything else."""
    return _BY_FOLDED_NAME.get(name.lower(), 0)


def known_mask(names: Iterable[str], keywords: Sequence[str]) -> int | None:
    """The mask for flags by name where a mailbox has these keywords; None if one is not among them."""
    mask = 0
    folded = {keyword.lower(): 1 << bit for bit, keyword in enumerate(keywords, FIRST_KEYWORD_BIT)}
    for name in names:
        bit = _BY_FOLDED_NAME.get(name.lower(), 0) or folded.get(name.lower(), 0)
        if not bit:
            return None
        mask |= bit
    return mask


def mask_of(tx: Transaction, mailbox_id: int, names: Iterable[str], *, create: bool = True) -> int:
    """The mask for flags by name in a mailbox, giving new keywords a bit if ``create``.

    Raises CannotDo for what is no flag, LimitReached when the mailbox has no bit left.
    """
    mask = 0
    wanted = []
    for name in names:
        bit = _BY_FOLDED_NAME.get(name.lower(), 0)
        if bit:
            mask |= bit
        elif name.startswith("\\") or _KEYWORD.fullmatch(name) is None:
            raise CannotDo(f"No such flag: {name[:50]}")
        else:
            wanted.append(name)
    if wanted:
        tx.hold(mailbox_id)  # so that two writers do not give one bit to two keywords
        bits = _keyword_bits(tx, mailbox_id)
        for name in wanted:
            # Keywords are one in any case (RFC 9051 §2.3.2), shown as first written.
            bit_number = bits.get(name.lower())
            if bit_number is None and create:
                bit_number = _add_keyword(tx, mailbox_id, bits, name)
            if bit_number is not None:
                mask |= 1 << (FIRST_KEYWORD_BIT + bit_number)
    return mask


def translate(tx: Transaction, masks: Collection[int], source_id: int, target_id: int) -> dict[int, int]:
    """For flags of one mailbox, the same flags in another."""
    if source_id == target_id or not any(mask > SYSTEM_MASK for mask in masks):
        return {mask: mask for mask in masks}
    rows = tx.connection.execute(
        select(mailbox_keyword.c.name).where(mailbox_keyword.c.mailbox_id == source_id).order_by(mailbox_keyword.c.bit)
    )
    keywords = tuple(row[0] for row in rows)
    return {
        mask: mask & SYSTEM_MASK | mask_of(tx, target_id, flag_names(mask & ~SYSTEM_MASK, keywords)) for mask in masks
    }


_KEYWORDS = Prepared(
    select(mailbox_keyword.c.name, mailbox_keyword.c.bit).where(mailbox_keyword.c.mailbox_id == bindparam("mailbox_id"))
)


def _keyword_bits(tx: Transaction, mailbox_id: int) -> dict[str, int]:
    cached: dict[str, int] | None = tx.scratch.get(f"keywords {mailbox_id}")
    if cached is None:
        rows = _KEYWORDS.tuples(tx.connection, {"mailbox_id": int(mailbox_id)})
        cached = tx.scratch[f"keywords {mailbox_id}"] = {name.lower(): bit for name, bit in rows}
    return cached


def _add_keyword(tx: Transaction, mailbox_id: int, bits: dict[str, int], name: str) -> int:
    bit = len(bits)
    if bit >= MAX_KEYWORDS:
        raise LimitReached("The mailbox has too many keywords")
    tx.connection.execute(insert(mailbox_keyword), [{"mailbox_id": mailbox_id, "bit": bit, "name": name}])
    bits[name.lower()] = bit
    return bit
