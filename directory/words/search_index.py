"""The words under which people, units' mailboxes and groups are found, kept beside what they describe.

Each word is stored folded, and once more as written where it carries marks, so that who types ``Hà`` gets Hà
before Hạ.  The rank puts given names before other words and high posts before low ones: a range of the index
is in the order in which it should be shown.

A telephone number is one word that begins with ``PHONE``, its digits backwards: of its last ones, as many as anybody
remembers, are a beginning of that.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from directory.database import Question, Reading, Writing
from directory.tables import address, search_entry, search_word
from directory.words.names import fold, initials, words

MAX_WORD, MAX_NAME = 40, 300
# Sorts before all letters and digits.
PHONE = "#"
# Officials from the head of a section upwards are also found by title and unit.
LEADING_RANK = 40
_GIVEN, _OTHER = 0, 1000
_UNIT_RANK = 50

_OWN_LOCAL_PARTS = Question(
    select(address.c.address).where(address.c.account_id == bindparam("account"), address.c.state == "active")
)
_WORDS = Question(select(search_word.c.word, search_word.c.rank).where(search_word.c.entry_id == bindparam("entry")))
# of so many entries as there are places: the same statement each time, read five times as fast as through SQLAlchemy
_TOGETHER = 100
_WORDS_OF_MANY = Question(
    select(search_word.c.word, search_word.c.rank, search_word.c.entry_id, search_word.c.name).where(
        search_word.c.entry_id.in_([bindparam(f"entry_{place}") for place in range(_TOGETHER)])
    )
)
_ENTRY = Question(
    select(search_entry.c.id, search_entry.c.kind, search_entry.c.name).where(
        search_entry.c.subject_id == bindparam("subject")
    )
)


def written(word: str) -> str:
    """As typed, but for case and the way letters are composed."""
    return unicodedata.normalize("NFC", word).lower()


def folded_name(name: str) -> str:
    """As whole names are searched by, and parts of them."""
    return fold(unicodedata.normalize("NFKC", name))[:MAX_NAME]


def phone_word(phone: str) -> str:
    """``028 3822 4567`` → ``#76542283820``; none of a number with less than four digits."""
    digits = "".join(c for c in phone if c in "0123456789")[-15:]
    return PHONE + digits[::-1] if len(digits) > 3 else ""


def unit_initials(unit_name: str) -> list[str]:
    """Of a unit and of the body that it is named with: ``Phòng Vận tải, Sở Xây dựng`` → pvt, sxd."""
    found = (initials(part)[:MAX_WORD] for part in unit_name.split(", "))
    return [letters for letters in found if len(letters) > 1]


def _enter(found: dict[str, int], text: str, rank: int) -> None:
    for word in words(written(text)):
        for form in {word, fold(word)}:
            form = form[:MAX_WORD]
            if form and found.get(form, 32767) > rank:
                found[form] = rank


def person_words(
    full_name: str,
    given_name: str,
    local_parts: Collection[str],
    *,
    rank: int,
    title: str = "",
    unit_name: str = "",
    unit_short_name: str = "",
    phone: str = "",
) -> dict[str, int]:
    """word → rank"""
    found: dict[str, int] = {}
    _enter(found, given_name, _GIVEN + rank)
    _enter(found, full_name, _OTHER + rank)
    letters = initials(full_name)[:MAX_WORD]
    if len(letters) > 1:
        found.setdefault(letters, _OTHER + rank)
    for local in local_parts:
        found.setdefault(local[:MAX_WORD], _OTHER + rank)
    _enter(found, unit_short_name, _OTHER + rank)
    if rank <= LEADING_RANK:
        _enter(found, title, _OTHER + rank)
        _enter(found, unit_name, _OTHER + rank)
    for word in (*unit_initials(unit_name), phone_word(phone)):
        if word:
            found.setdefault(word, _OTHER + rank)
    return found


def name_words(name: str, local_parts: Collection[str], also: str = "") -> dict[str, int]:
    """Of a unit's mailbox or a group."""
    found: dict[str, int] = {}
    parts = words(name)
    if parts:
        _enter(found, parts[0], _UNIT_RANK)
    _enter(found, name, _OTHER + _UNIT_RANK)
    letters = initials(name)[:MAX_WORD]
    if len(letters) > 1:
        found.setdefault(letters, _OTHER + _UNIT_RANK)
    for local in local_parts:
        found.setdefault(local[:MAX_WORD], _UNIT_RANK)
    _enter(found, also, _OTHER + _UNIT_RANK)
    return found


def local_parts(conn: Reading | Writing, account_id: str) -> list[str]:
    return [found.rpartition("@")[0] for (found,) in conn.rows(_OWN_LOCAL_PARTS, account=account_id)]


class IndexBatch:
    """Entries to be added together."""

    def __init__(self, conn: Writing) -> None:
        self._conn = conn
        self._next = 0
        self._entries: list[dict[str, Any]] = []
        self._words: list[dict[str, Any]] = []

    def add(self, subject_id: str, kind: str, shown_address: str, name: str, ranks: Mapping[str, int]) -> None:
        if not self._entries:
            # one writer at a time: nobody else takes these numbers until the flush
            highest = self._conn.execute(select(func.max(search_entry.c.id))).scalar()
            self._next = int(highest or 0) + 1
        entry_id = self._next
        self._next += 1
        folded = folded_name(name)
        values = {"id": entry_id, "subject_id": subject_id, "kind": kind, "address": shown_address, "name": folded}
        self._entries.append(values)
        self._words.extend(_word_rows(entry_id, folded, ranks))

    def flush(self) -> None:
        if self._entries:
            self._conn.execute(insert(search_entry), self._entries)
            # in the order of the index, which on a large table is several times as fast
            self._words.sort(key=lambda row: (row["word"], row["rank"], row["entry_id"]))
            self._conn.execute(insert(search_word), self._words)
        self._entries, self._words = [], []


def put(conn: Writing, subject_id: str, kind: str, shown_address: str, name: str, ranks: Mapping[str, int]) -> None:
    """Add an entry or replace it."""
    remove(conn, subject_id)
    batch = IndexBatch(conn)
    batch.add(subject_id, kind, shown_address, name, ranks)
    batch.flush()


@dataclass(frozen=True, slots=True)
class Entry:
    subject_id: str
    kind: str
    address: str
    ranks: Mapping[str, int]
    name: str = ""


def put_many(conn: Writing, entries: Collection[Entry]) -> None:
    """Some hundred entries, added or brought up to date: only words that changed are written."""
    found = conn.execute(
        select(search_entry).where(search_entry.c.subject_id.in_([entry.subject_id for entry in entries]))
    )
    known = {row.subject_id: row for row in found}
    batch = IndexBatch(conn)
    wanted: set[tuple[str, int, int, str]] = set()
    for entry in entries:
        row = known.get(entry.subject_id)
        if row is None:
            batch.add(entry.subject_id, entry.kind, entry.address, entry.name, entry.ranks)
            continue
        folded = folded_name(entry.name)
        wanted.update((word, rank, row.id, _name_of(word, folded)) for word, rank in entry.ranks.items())
        shown = {"kind": entry.kind, "address": entry.address, "name": folded}
        if shown != {"kind": row.kind, "address": row.address, "name": row.name}:
            conn.execute(update(search_entry).where(search_entry.c.id == row.id).values(**shown))
    present: set[tuple[str, int, int, str]] = set()
    numbers = [row.id for row in known.values()]
    for start in range(0, len(numbers), _TOGETHER):
        asked = numbers[start : start + _TOGETHER]
        asked += asked[-1:] * (_TOGETHER - len(asked))
        present.update(conn.rows(_WORDS_OF_MANY, **{f"entry_{place}": number for place, number in enumerate(asked)}))
    if present - wanted:
        conn.execute(
            delete(search_word).where(
                search_word.c.word == bindparam("old_word"),
                search_word.c.rank == bindparam("old_rank"),
                search_word.c.entry_id == bindparam("old_entry"),
            ),
            [{"old_word": word, "old_rank": rank, "old_entry": entry} for word, rank, entry, _ in present - wanted],
        )
    if wanted - present:
        conn.execute(
            insert(search_word),
            [
                {"word": word, "rank": rank, "entry_id": entry, "name": name}
                for word, rank, entry, name in sorted(wanted - present)
            ],
        )
    batch.flush()


def remove(conn: Writing, subject_id: str) -> None:
    row = conn.row(_ENTRY, subject=subject_id)
    if row is not None:
        conn.execute(delete(search_word).where(search_word.c.entry_id == row[0]))
        conn.execute(delete(search_entry).where(search_entry.c.id == row[0]))


def local_parts_of(conn: Reading | Writing, account_ids: Collection[str]) -> dict[str, list[str]]:
    """Of some hundred accounts at once."""
    found: dict[str, list[str]] = {account_id: [] for account_id in account_ids}
    for row in conn.execute(
        select(address.c.account_id, address.c.address).where(
            address.c.account_id.in_(list(account_ids)), address.c.state == "active"
        )
    ):
        found[row.account_id].append(row.address.rpartition("@")[0])
    return found


def add_local_parts(conn: Writing, account_id: str) -> None:
    """After an account was given another alias: as ``person_words`` and ``name_words`` would have them."""
    row = conn.row(_ENTRY, subject=account_id)
    if row is None:
        return
    entry_id, kind, name = row
    known: dict[str, int] = dict(conn.rows(_WORDS, entry=entry_id))
    new = {local[:MAX_WORD] for local in local_parts(conn, account_id)} - known.keys()
    if new:
        rank = max(known.values()) if kind == "person" else _UNIT_RANK
        conn.execute(insert(search_word), _word_rows(entry_id, name, dict.fromkeys(sorted(new), rank)))


def _word_rows(entry_id: int, name: str, ranks: Mapping[str, int]) -> list[dict[str, Any]]:
    """``name``: folded."""
    return [
        {"word": word, "rank": rank, "entry_id": entry_id, "name": _name_of(word, name)} for word, rank in ranks.items()
    ]


def _name_of(word: str, name: str) -> str:
    """What stands beside a word: the folded name that it is a part of."""
    return name if word in name else ""
