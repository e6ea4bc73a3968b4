"""An account's index: one SQLite file that nothing else shares, so that filling it never holds up mail.

A *document* is what was read of one message: its own texts, or those of the files attached to it.  Documents lie in
*chunks*, each with two lexicons (words, pairs) for each field; eight chunks of a size are merged into one of the next,
so that there are few.  The texts are kept too, compressed, for what only they can tell.

``covered`` says up to which UID a mailbox's messages have been read.  A message is only removed while it has no place
in any mailbox (``forget``), and a place it gets later has a new UID, so that "covered" stays true.

Limits: a file whose chunks have grown to 4,096 documents or 8 MiB leaves them at that.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import apsw

from directory.sqlite_driver import connect
from directory.sqlite_log import use_log
from mailserver.message.fuzzy import Fuzzy, counted, overall
from mailserver.message.matching import Needle
from mailserver.message.terms import key_pairs, words, words_and_pairs
from mailserver.store.fulltext.lexicon import Draft, Lexicon, merge

FIELDS = ("subject", "from", "to", "cc", "bcc", "header", "body")
MESSAGE, ATTACHED = 0, 1

_VERSION = 1
_PATIENCE = 5.0
_MERGED = 8
_LARGE_DOCUMENTS = 4096
_LARGE_OCTETS = 8 << 20
_SHORT = 8 << 10
_KEPT_WORDS, _KEPT_PAIRS = 0, 1
_PLAIN, _EXACT, _STARTS, _NUMBERS, _REST = range(5)
_SCHEMA = """
CREATE TABLE about (account_id TEXT NOT NULL, checked_id INTEGER NOT NULL, checked_at INTEGER NOT NULL);
CREATE TABLE covered (mailbox_id INTEGER PRIMARY KEY, uid_next INTEGER NOT NULL);
CREATE TABLE document (id INTEGER PRIMARY KEY, texts BLOB NOT NULL);
CREATE TABLE attached (message_id INTEGER PRIMARY KEY);
CREATE TABLE chunk (id INTEGER PRIMARY KEY, documents INTEGER NOT NULL, size INTEGER NOT NULL, ids BLOB NOT NULL);
CREATE TABLE lexicon (id INTEGER PRIMARY KEY, octets BLOB NOT NULL);
"""

# Called every few milliseconds, while nothing is held that another waits for.
Pause = Callable[[], None]

# The texts of one document, in their exact form: those of each field.
Document = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Documents as they are to be written: the ids of their rows, their texts, and two lexicons for each field."""

    ids: array[int]
    texts: Sequence[bytes]
    lexicons: Sequence[Lexicon | None]


def no_pause() -> None:
    """Somebody waits for it."""


def draw_up(documents: Iterable[tuple[int, int, Document]], pause: Pause = no_pause) -> Chunk:
    """(message_id, MESSAGE or ATTACHED, texts) → a chunk.  It takes nearly all the time, and no file."""
    ids: array[int] = array("q")
    packed = []
    fields: list[list[Sequence[str]]] = [[] for _ in FIELDS]
    for message_id, kind, texts in documents:
        pause()
        ids.append(2 * message_id + kind)
        packed.append(_packed(_octets("\x1e".join(["\n".join(each) for each in texts]))))
        for field, lines in zip(fields, texts, strict=True):
            field.append(lines)
    # One field after the other: what is looked up again and again stays near the processor.
    lexicons = [each for field, texts in zip(FIELDS, fields, strict=True) for each in _drawn_up(field, texts, pause)]
    return Chunk(ids, packed, lexicons)


class OtherVersion(Exception):
    """The file is of another version of this code."""


class IndexFile:
    """Open for one search, or one round of filling."""

    def __init__(self, path: Path, account_id: str, *, patience: float) -> None:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._database: Any = connect(path, timeout=patience)
        try:
            self._prepare(account_id)
        except BaseException:
            self._database.close()
            raise

    def _prepare(self, account_id: str) -> None:
        ask = self._database.execute
        (version,) = ask("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise OtherVersion
        if version == 0:
            ask("PRAGMA page_size = 16384")
            use_log(self._database, _PATIENCE)
            with self.writing():
                if ask("PRAGMA user_version").fetchone() == (0,):
                    for statement in _SCHEMA.strip().split("\n"):
                        ask(statement)
                    ask("INSERT INTO about VALUES (?, 0, 0)", (account_id,))
                    ask(f"PRAGMA user_version = {_VERSION}")
        ask("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, alone.  Raises apsw.Error."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(apsw.Error):  # a full disk has rolled it back already
                self._database.execute("ROLLBACK")
            raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One moment."""
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            with contextlib.suppress(apsw.Error):
                self._database.execute("ROLLBACK")

    # What is in it

    def account_id(self) -> str:
        return str(self._one("SELECT account_id FROM about"))

    def checked(self) -> tuple[int, int]:
        """A message that was read, and when it had arrived: if that is no longer so, the mail was put back."""
        found: tuple[int, int] = self._database.execute("SELECT checked_id, checked_at FROM about").fetchone()
        return found

    def set_checked(self, message_id: int, received_at: int) -> None:
        self._database.execute("UPDATE about SET checked_id = ?, checked_at = ?", (message_id, received_at))

    def covered(self, mailbox_id: int) -> int:
        """The messages of a mailbox below this UID have been read."""
        return int(self._one("SELECT coalesce(max(uid_next), 0) FROM covered WHERE mailbox_id = ?", mailbox_id))

    def cover(self, mailbox_id: int, uid_next: int) -> None:
        self._database.execute("INSERT OR REPLACE INTO covered VALUES (?, ?)", (mailbox_id, uid_next))

    def lacks(self, message_ids: Iterable[int]) -> list[int]:
        """Those that have not been read, each once, in their order."""
        rows = self._database.execute(
            "SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM document WHERE id = 2 * value + ?)",
            (json.dumps([*dict.fromkeys(message_ids)]), MESSAGE),
        )
        return [each for (each,) in rows]

    def waiting(self, limit: int) -> list[int]:
        """Messages whose attached files have not been read, the newest first."""
        rows = self._database.execute("SELECT message_id FROM attached ORDER BY message_id DESC LIMIT ?", (limit,))
        return [each for (each,) in rows]

    def is_waiting(self, message_id: int) -> bool:
        return (
            self._database.execute("SELECT 1 FROM attached WHERE message_id = ?", (message_id,)).fetchone() is not None
        )

    def message_ids(self) -> set[int]:
        return {each >> 1 for (each,) in self._database.execute("SELECT id FROM document")}

    def figures(self) -> dict[str, int]:
        return {
            "messages": int(self._one("SELECT count(*) FROM document WHERE id & 1 = 0")),
            "attached": int(self._one("SELECT count(*) FROM document WHERE id & 1 = 1")),
            "waiting": int(self._one("SELECT count(*) FROM attached")),
            "chunks": int(self._one("SELECT count(*) FROM chunk")),
        }

    def problems(self) -> list[str]:
        """What does not fit together, in words."""
        found = [str(each) for (each,) in self._database.execute("PRAGMA quick_check(5)") if each != "ok"]
        listed: list[int] = []
        for chunk, count, octets in self._database.execute("SELECT id, documents, ids FROM chunk"):
            ids = _array("q", octets)
            listed += ids
            if len(ids) != count:
                found.append(f"chunk {chunk} has {len(ids)} documents and counts {count}")
        kept = [each for (each,) in self._database.execute("SELECT id FROM document")]
        if sorted(listed) != sorted(kept):
            found.append(f"{len(listed)} documents are listed and {len(kept)} are kept")
        return found

    # Filling

    def add(self, chunk: Chunk, waiting: Iterable[int] = ()) -> None:
        """New documents; ``waiting`` have files to be read."""
        self._database.executemany("INSERT INTO document VALUES (?, ?)", zip(chunk.ids, chunk.texts, strict=True))
        self._database.executemany("INSERT OR IGNORE INTO attached VALUES (?)", [(each,) for each in waiting])
        self._write_chunk(chunk.ids, chunk.lexicons)

    def forget(self, message_ids: set[int]) -> None:
        """Messages that lie in no mailbox leave it."""
        ask = self._database.execute
        for chunk, octets in ask("SELECT id, ids FROM chunk").fetchall():
            ids = _array("q", octets)
            staying = [number for number, each in enumerate(ids) if each >> 1 not in message_ids]
            if len(staying) < len(ids):
                kept = {number: place for place, number in enumerate(staying)}
                lexicons = self._lexicons(chunk)
                self._remove_chunk(chunk)
                if staying:
                    left = [merge([(0, each, kept)]) if each is not None else None for each in lexicons]
                    self._write_chunk(array("q", [ids[number] for number in staying]), left)
        for each in message_ids:
            ask("DELETE FROM document WHERE id IN (?, ?)", (2 * each, 2 * each + 1))
            ask("DELETE FROM attached WHERE message_id = ?", (each,))

    def skip_attached(self, message_id: int) -> None:
        """Its files have been read, or nothing could be read of them."""
        self._database.execute("DELETE FROM attached WHERE message_id = ?", (message_id,))

    def merge_chunks(self, pause: Pause = no_pause) -> None:
        """Eight of a size become one: each document is rewritten four times in its life.

        Outside a transaction: the file is locked only to write.  What somebody else has changed meanwhile is left as
        it is; the next round comes by again.
        """
        while True:
            with self.reading():
                sizes: dict[int, list[int]] = {}
                listed = self._database.execute("SELECT id, documents, size FROM chunk ORDER BY id")
                for chunk, documents, size in listed:
                    if documents < _LARGE_DOCUMENTS and size < _LARGE_OCTETS:
                        sizes.setdefault((documents.bit_length() - 1) // 3, []).append(chunk)
                crowded = next((chunks for chunks in sizes.values() if len(chunks) >= _MERGED), None)
                if crowded is None:
                    return
                members = self._members(crowded)
                lexicons = self._merged(crowded, members, pause)
            with self.writing():
                if self._members(crowded) != members:
                    return
                for chunk in crowded:
                    self._remove_chunk(chunk)
                self._write_chunk(array("q", chain.from_iterable(members)), lexicons)

    def _members(self, chunks: list[int]) -> list[array[int]]:
        """The documents of each.  They tell what it holds, for a document never changes."""
        rows = [self._database.execute("SELECT ids FROM chunk WHERE id = ?", (each,)).fetchone() for each in chunks]
        return [_array("q", b"" if row is None else row[0]) for row in rows]

    def _merged(self, chunks: list[int], members: list[array[int]], pause: Pause) -> list[Lexicon | None]:
        offsets = list(accumulate(map(len, members), initial=0))
        merged = []
        for place in range(2 * len(FIELDS)):  # one lexicon after the other, for the memory's sake
            found = [(offset, self._lexicon(chunk, place)) for offset, chunk in zip(offsets, chunks, strict=False)]
            merged.append(merge([(offset, each, None) for offset, each in found if each is not None]))
            pause()
        return merged

    def _write_chunk(self, ids: array[int], lexicons: Sequence[Lexicon | None]) -> None:
        size = sum(each.size for each in lexicons if each is not None)
        ask = self._database.execute
        chunk = ask(
            "INSERT INTO chunk (documents, size, ids) VALUES (?, ?, ?)", (len(ids), size, ids.tobytes())
        ).lastrowid
        assert chunk is not None
        for place, lexicon in enumerate(lexicons):
            if lexicon is None:
                continue
            key = _key(chunk, place)
            rest = array("I", [lexicon.first_exact, *lexicon.unlisted])
            pieces: tuple[Any, ...] = (lexicon.plain, lexicon.exact, lexicon.starts, lexicon.numbers, rest)
            for what, piece in enumerate(pieces):
                if piece:
                    ask("INSERT INTO lexicon VALUES (?, ?)", (key + what, bytes(memoryview(piece).cast("B"))))

    def _remove_chunk(self, chunk: int) -> None:
        self._database.execute("DELETE FROM chunk WHERE id = ?", (chunk,))
        self._database.execute("DELETE FROM lexicon WHERE id BETWEEN ? AND ?", (_key(chunk, 0), _key(chunk + 1, 0) - 1))

    def _lexicons(self, chunk: int) -> list[Lexicon | None]:
        return [self._lexicon(chunk, place) for place in range(2 * len(FIELDS))]

    def _lexicon(self, chunk: int, place: int) -> Lexicon | None:
        key = _key(chunk, place)
        rest = _array("I", self._piece(key + _REST))
        if not rest:
            return None
        return Lexicon(
            self._piece(key + _PLAIN),
            self._piece(key + _EXACT),
            rest[0],
            _array("I", self._piece(key + _STARTS)),
            _array("H", self._piece(key + _NUMBERS)),
            array("H", rest[1:]),
        )

    # Looking up

    def find(self, field: str, needle: Needle, known: Collection[int] = ()) -> set[int]:
        """The messages one of whose texts in that field holds what is looked for; ``known`` need not be looked into."""
        place = 2 * FIELDS.index(field)
        looked_for, place_of_kind = _looked_for(field, needle)
        found: set[int] = set()
        for chunk, octets in self._database.execute("SELECT id, ids FROM chunk").fetchall():
            key = _key(chunk, place + place_of_kind)
            numbers: set[int] | None = None
            for form in looked_for:
                holding = self._numbers(key, form, needle.marked)
                numbers = holding if numbers is None else numbers & holding
                if not numbers:
                    break
            ids = _array("q", octets)
            unsure = set(_array("I", self._piece(key + _REST))[1:])
            if numbers is None:
                unsure.update(range(len(ids)))
            elif looked_for == [_octets(needle.form)]:
                found.update([ids[number] >> 1 for number in numbers])
            else:
                unsure |= numbers
            for number in unsure:
                message_id = ids[number] >> 1
                if message_id not in known and message_id not in found and self._holds(ids[number], field, needle):
                    found.add(message_id)
        return found

    def scores(self, places: Sequence[tuple[int, str]], sought: Fuzzy) -> dict[int, int]:
        """The messages that have all the words in some of the fields, which count so many percent, and their scores."""
        best: list[dict[int, int]] = [{} for _ in sought.words]
        for chunk, octets in self._database.execute("SELECT id, ids FROM chunk").fetchall():
            ids = _array("q", octets)
            for percent, field in places:
                lexicon = self._lexicon(chunk, 2 * FIELDS.index(field) + _KEPT_WORDS)
                if lexicon is None:
                    continue
                for word, found in zip(sought.words, best, strict=True):
                    for number, closeness in lexicon.near(word).items():
                        _raise(found, ids[number] >> 1, counted(closeness, percent))
                for number in lexicon.unlisted:
                    text = self._texts(ids[number])[FIELDS.index(field)]
                    for word, found in zip(sought.words, best, strict=True):
                        _raise(found, ids[number] >> 1, Fuzzy((word,)).score_in_exact([(percent, [text])]))
        having_all = set.intersection(*map(set, best)) if best else set()
        return {each: overall([found[each] for found in best]) for each in having_all}

    def _numbers(self, key: int, form: bytes, marked: bool) -> set[int]:
        lines = self._piece(key + (_EXACT if marked else _PLAIN))
        if form not in lines:
            return set()
        first = _array("I", self._piece(key + _REST))[0]
        starts, numbers = _array("I", self._piece(key + _STARTS)), _array("H", self._piece(key + _NUMBERS))
        empty: array[int] = array("H")
        return Lexicon(lines, lines, first, starts, numbers, empty).find(form, marked)

    def _holds(self, document: int, field: str, needle: Needle) -> bool:
        return needle.in_exact(self._texts(document)[FIELDS.index(field)])

    def _texts(self, document: int) -> list[str]:
        packed = self._one("SELECT texts FROM document WHERE id = ?", document)
        return zlib.decompress(packed).decode("utf-8", "surrogatepass").split("\x1e")

    def _piece(self, key: int) -> bytes:
        found = self._database.execute("SELECT octets FROM lexicon WHERE id = ?", (key,)).fetchone()
        return b"" if found is None else found[0]

    def _one(self, statement: str, *values: object) -> Any:
        return self._database.execute(statement, values).fetchone()[0]


def _drawn_up(field: str, texts: Iterable[Sequence[str]], pause: Pause) -> tuple[Lexicon | None, Lexicon | None]:
    """The lexicons of a field, of words and of pairs, for documents by their numbers."""
    word_draft, pair_draft = Draft(), Draft()
    for number, lines in enumerate(texts):
        pause()
        length = sum(map(len, lines))
        if field == "header":
            word_draft.add(number, chain.from_iterable(map(words, lines)), length)
        elif lines:
            split = [words_and_pairs(line) for line in lines]
            word_draft.add(number, chain.from_iterable([each for each, _ in split]), length)
            pair_draft.add(number, chain.from_iterable([each for _, each in split]), length)
    return word_draft.finish(), pair_draft.finish()


def _packed(octets: bytes) -> bytes:
    """As a document's texts are kept.  For a short one clearing a large window would take longer than packing."""
    if len(octets) > _SHORT:
        return zlib.compress(octets, 1)
    packer = zlib.compressobj(1, wbits=13, memLevel=7)
    return packer.compress(octets) + packer.flush()


def _raise(scores: dict[int, int], message_id: int, score: int) -> None:
    if score > scores.get(message_id, 0):
        scores[message_id] = score


def _key(chunk: int, place: int) -> int:
    return (chunk * 2 * len(FIELDS) + place) * 8


def _looked_for(field: str, needle: Needle) -> tuple[list[bytes], int]:
    """What must all be in a document's terms of a kind; if it is all that is looked for, that decides."""
    if not needle.form:
        raise ValueError("the empty word is in every text")
    pairs = key_pairs(needle.form)
    if not pairs:
        return [_octets(needle.form)], _KEPT_WORDS
    # Headers are full of what is said once in the world: their pairs, half of an index, are not kept.
    kind, parts = (_KEPT_WORDS, words(needle.form)) if field == "header" else (_KEPT_PAIRS, pairs)
    # Exact forms are kept apart only of what is not ASCII.
    return [_octets(each) for each in parts if not needle.marked or not each.isascii()], kind


def _array(kind: str, octets: bytes) -> array[int]:
    found: array[int] = array(kind)
    found.frombytes(octets)
    return found


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
