"""Messages of the store → documents of an index.

Each round reads the mail at one moment, makes of it what is to be written, and writes that in one transaction of the
index.  In the middle, which takes nearly all of the time and very long for one who stands back behind everybody else,
nothing is held: no snapshot of the mail, which would keep its log from coming home, and no lock, which a search would
wait for.  If somebody else has filled meanwhile, the round is thrown away; whoever is killed leaves what was there.
There ``pause`` is called every few milliseconds: it may take its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, bindparam, select

from mailserver.message.attachments.reader import AttachmentReader
from mailserver.message.attachments.text import kind_of
from mailserver.message.matching import exact_form, exact_lines
from mailserver.message.searchable import Texts, texts_of
from mailserver.message.structure import Part, decode_parts
from mailserver.message.transfer import decode_transfer
from mailserver.store import unscanned
from mailserver.store.fulltext.index_file import (
    ATTACHED,
    FIELDS,
    MESSAGE,
    Chunk,
    Document,
    IndexFile,
    Pause,
    draw_up,
    no_pause,
)
from mailserver.store.prepared import Prepared
from mailserver.store.reading import HEADER, slice_octets
from mailserver.store.tables import mailbox, message, message_header, message_octets, placement, sequence

OpenRead = Callable[[], AbstractContextManager[Connection]]
ReadFile = Callable[[bytes, int, int | None], bytes]

# Messages and octets of one round: small enough that nobody waits long for his turn, large enough to be worth a commit.
ROUND = 512
_ROUND_OCTETS = 32 << 20
_ALL = 2**31

_ARRIVED = Prepared(
    select(placement.c.uid, placement.c.message_id, placement.c.size)
    .where(placement.c.mailbox_id == bindparam("mailbox_id"), placement.c.uid >= bindparam("uid"))
    .order_by(placement.c.uid)
    .limit(bindparam("limit"))
)
_UID_NEXT = Prepared(select(mailbox.c.uid_next).where(mailbox.c.id == bindparam("mailbox_id")))
_RECEIVED = Prepared(select(message.c.received_at).where(message.c.id == bindparam("message_id")))
_LAST_MESSAGE = Prepared(select(sequence.c.value).where(sequence.c.name == "message"))
_COLUMNS = (
    message.c.id,
    message.c.received_at,
    message.c.parts,
    message.c.subject,
    message.c.author_name,
    message.c.author_address,
    message.c.to_text,
    HEADER,
    message_octets.c.text,
    message_octets.c.format,
    message_octets.c.prefix_size,
    message_octets.c.digest,
)


def uid_next(connection: Connection, mailbox_id: int) -> int:
    row = _UID_NEXT.row(connection, {"mailbox_id": mailbox_id})
    return 0 if row is None else int(row[0])


def last_message(connection: Connection) -> int:
    """The number of the message that came last."""
    row = _LAST_MESSAGE.row(connection, {})
    return 0 if row is None else int(row[0])


def is_of_this_mail(index: IndexFile, open_read: OpenRead, mailbox_ids: Sequence[int]) -> bool:
    """Whether the mail is still what was read: a database put back from a copy gives its numbers a second time."""
    # First what the index says, then the mail, which may be newer but never older.
    message_id, received_at = index.checked()
    covered = [index.covered(each) for each in mailbox_ids]
    with open_read() as connection:
        if message_id > last_message(connection):
            return False
        row = _RECEIVED.row(connection, {"message_id": message_id})
        if row is not None and row[0] != received_at:
            return False
        return all(known <= uid_next(connection, each) for known, each in zip(covered, mailbox_ids, strict=True))


def lacking(index: IndexFile, connection: Connection, mailbox_id: int) -> list[int]:
    """Messages of a mailbox that have not been read."""
    values = {"mailbox_id": mailbox_id, "uid": index.covered(mailbox_id), "limit": _ALL}
    return index.lacks(message_id for _, message_id, _ in _ARRIVED.rows(connection, values))


def hidden(index: IndexFile, connection: Connection, mailbox_id: int) -> list[int]:
    """Messages of a mailbox that count as read and are not in the index: there must be none."""
    covered = index.covered(mailbox_id)
    arrived = _ARRIVED.rows(connection, {"mailbox_id": mailbox_id, "uid": 0, "limit": _ALL})
    return index.lacks(message_id for uid, message_id, _ in arrived if uid < covered)


def fill_round(index: IndexFile, read: OpenRead, read_file: ReadFile, mailbox_id: int, pause: Pause = no_pause) -> bool:
    """Read the next messages of a mailbox, up to one that waits for its scan.  Whether there may be more."""
    covered = index.covered(mailbox_id)
    with read() as connection:
        arrived = _ARRIVED.rows(connection, {"mailbox_id": mailbox_id, "uid": covered, "limit": ROUND})
        is_last = len(arrived) < ROUND
        waits = unscanned.first_uid(connection, mailbox_id, covered)
        if waits is not None and not (arrived := [row for row in arrived if row[0] < waits]):
            return False
        taken = arrived[: _few(size for _, _, size in arrived)]
        message_ids = [message_id for _, message_id, _ in taken]
        ids = index.lacks(message_ids)
        rows = list(_rows(connection, ids)) if ids else []
        is_last = is_last and waits is None and len(taken) == len(arrived)
        end = uid_next(connection, mailbox_id) if is_last else taken[-1][0] + 1
    chunk, waiting = _drawn_up(rows, read_file, pause)
    with index.writing():
        if index.covered(mailbox_id) != covered or index.lacks(message_ids) != ids:
            return True
        _add(index, rows, chunk, waiting)
        index.cover(mailbox_id, end)
    index.merge_chunks(pause)
    return not is_last


def fill_newest(
    index: IndexFile,
    read: OpenRead,
    read_file: ReadFile,
    mailbox_id: int,
    count: int,
    until: Callable[[], bool],
    pause: Pause = no_pause,
) -> None:
    """Read so many of the newest messages of a mailbox ahead of the older ones, if it lacks more than these: they are
    what people look for.  They count as read when all before them have been."""
    with read() as connection:
        end = uid_next(connection, mailbox_id)
        if end - index.covered(mailbox_id) <= count:
            return
        values = {"mailbox_id": mailbox_id, "uid": max(end - count, index.covered(mailbox_id)), "limit": _ALL}
        arrived = _ARRIVED.rows(connection, values)
        waits = unscanned.first_uid(connection, mailbox_id, values["uid"])
        sizes = {message_id: size for uid, message_id, size in reversed(arrived) if waits is None or uid < waits}
    while not until():
        lacking = index.lacks(sizes)[:ROUND]
        ids = lacking[: _few(sizes[each] for each in lacking)]
        if not ids:
            return
        with read() as connection:
            rows = list(_rows(connection, ids))
        chunk, waiting = _drawn_up(rows, read_file, pause)
        with index.writing():
            if index.lacks(ids) == ids:
                _add(index, rows, chunk, waiting)
        index.merge_chunks(pause)
        for gone in {*ids}.difference(row.id for row in rows):
            del sizes[gone]


def _drawn_up(rows: Sequence[Any], read_file: ReadFile, pause: Pause) -> tuple[Chunk, list[int]]:
    """The chunk of some messages, and those of them that have files to be read."""
    trees = [decode_parts(row.parts) for row in rows]
    documents = ((row.id, MESSAGE, _document(row, tree, read_file)) for row, tree in zip(rows, trees, strict=True))
    chunk = draw_up(documents, pause)
    return chunk, [row.id for row, tree in zip(rows, trees, strict=True) if any(_files(tree))]


def _add(index: IndexFile, rows: Sequence[Any], chunk: Chunk, waiting: list[int]) -> None:
    if not rows:
        return
    index.add(chunk, waiting)
    newest = max(rows, key=lambda row: row.id)
    if newest.id > index.checked()[0]:
        index.set_checked(newest.id, newest.received_at)


def read_attached(
    index: IndexFile, read: OpenRead, read_file: ReadFile, reader: AttachmentReader, pause: Pause = no_pause
) -> bool:
    """Read the files sent along with the newest message whose files wait.  Whether there was one."""
    waiting = index.waiting(1)
    if not waiting:
        return False
    message_id = waiting[0]
    with read() as connection:
        found = list(_rows(connection, [message_id]))
    texts = []
    for row in found:
        for kind, part in _files(decode_parts(row.parts)):
            octets = _octets(row, read_file, part.body_start, part.end)
            decoded = decode_transfer(part.encoding, octets)
            text = reader.text(kind, octets if decoded is None else decoded)
            pause()
            if text:
                texts.append(exact_form(text))
    chunk = draw_up([(message_id, ATTACHED, [texts if field == "body" else [] for field in FIELDS])]) if texts else None
    with index.writing():
        if not index.is_waiting(message_id):
            return True  # somebody else has read them, or the message is gone
        index.skip_attached(message_id)
        if chunk is not None:
            index.add(chunk)
    index.merge_chunks(pause)
    return True


def _few(sizes: Iterator[int]) -> int:
    count, octets = 0, 0
    for size in sizes:
        octets += size
        if count and octets > _ROUND_OCTETS:
            break
        count += 1
    return count


def _rows(connection: Connection, ids: Sequence[int]) -> Any:
    return connection.execute(
        select(*_COLUMNS)
        .join(message_octets, message_octets.c.message_id == message.c.id)
        .join(message_header, message_header.c.message_id == message.c.id)
        .where(message.c.id.in_(ids))
    )


def _octets(row: Any, read_file: ReadFile, start: int, stop: int) -> bytes:
    try:
        return slice_octets(row, read_file, start, stop)
    except FileNotFoundError:  # the consistency check names it; there is nothing to be found in it
        return b""


def _document(row: Any, tree: Part, read_file: ReadFile) -> Document:
    texts: Texts = texts_of(row.header, tree, lambda start, stop: _octets(row, read_file, start, stop))
    shown = {"from": f"{row.author_name} <{row.author_address}>", "to": row.to_text}
    fields = []
    for name in FIELDS[:-2]:
        lines = [exact_form(value) for value in texts.fields.get(name, ())]
        if name in shown:
            lines.append(exact_form(shown[name]))
        fields.append([line for line in dict.fromkeys(lines) if line])
    fields.append([lines for lines in exact_lines(texts.header) if lines])
    # What is sent as plain text and as markup often says the same: it is listed once.
    fields.append([form for form in dict.fromkeys(map(exact_form, texts.body)) if form])
    return fields


def _files(tree: Part) -> Iterator[tuple[str, Part]]:
    for part in tree.walk():
        kind = kind_of(part)
        if kind is not None:
            yield kind, part
