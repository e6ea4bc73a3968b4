"""Octets as they came: inline and in files, with our trace fields in front, in any slice; and the files themselves."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from mailserver.refusals import NoSuchMessage, TryLater
from mailserver.store import Store, messages, reading
from mailserver.store.blobs import ORPHAN_AGE, Blobs
from mailserver.store.messages import Target

PREFIX = b"Return-Path: <x@y.example>\r\nReceived: by mail.thanhpho.example\r\n"


def long_mail(size: int, seed: int = 0) -> bytes:
    head = f"From: an@thanhpho.example\r\nSubject: d\xc3\xa0i {seed}\r\n\r\n".encode()
    line = hashlib.sha256(str(seed).encode()).hexdigest().encode() + b"\r\n"
    return (head + line * (size // len(line) + 1))[:size]


@pytest.mark.parametrize("prefix", [b"", PREFIX])
@pytest.mark.parametrize("limit", [0, 10**6])
@pytest.mark.parametrize(
    "octets", [long_mail(500), b"Subject: no body\r\n\r\n", b"Subject: no end", b"\r\nno header\r\n", b"x"]
)
def test_every_slice_of_every_format(make_store: Any, prefix: bytes, limit: int, octets: bytes) -> None:
    store = make_store(inline_limit=limit)
    inbox = store.maildrop("an")
    content = store.prepare(octets, prefix=prefix)
    assert (content.text is None) == (limit == 0)
    (done,) = store.write(lambda tx: messages.append(tx, content, [Target(inbox.id)])).result()
    whole = prefix + octets
    assert content.size == len(whole)
    header = len(content.header)
    edges = sorted({
        edge
        for around in (0, len(prefix), header, len(whole))
        for edge in range(max(0, around - 2), around + 3)
    })  # fmt: skip
    with store.read() as connection:
        assert store.octets(connection, done.message_id) == whole
        for start in edges:
            for stop in [*edges, None]:
                assert store.octets(connection, done.message_id, start, stop) == whole[start:stop], (start, stop)
        (row,) = reading.fetch(connection, inbox.id, [(1, 1)], ("header", "size", "header_size"))
        assert (row.header, row.size, row.header_size) == (whole[: len(row.header)], len(whole), len(row.header))


def test_nothing_at_all_is_a_message_too(clerk: Any) -> None:
    uid = clerk.append(b"").uid
    assert clerk.octets(uid) == b""
    assert clerk.mailbox().size == 0


def test_octets_are_never_changed(clerk: Any) -> None:
    """Neither NUL, nor bare line ends, nor what is no text."""
    octets = b"Subject: \x00\xff\r\nX: \x80\n\r\n" + bytes(range(256)) * 3 + b"\n.\n\r"
    assert clerk.octets(clerk.append(octets).uid) == octets
    with pytest.raises(NoSuchMessage), clerk.store.read() as connection:
        clerk.store.octets(connection, 424242)


HOSTILE = [
    b"Subject: a\x00b\r\nFrom: \x00 <a\x00@b>\r\nTo: \x00\r\nMessage-ID: <\x00@x>\r\n\r\n\x00text\x00",
    b"Subject: =?utf-8?q?=00=ED=A0=80?=\r\nFrom: =?utf-8?b?AAAA?= <a@b>\r\n\r\n",
    b"Subject: =?utf-16?b?2AA=?=\r\nTo: =?utf-16?b?2AAA?= <a@b>\r\n"
    b"Content-Type: text/plain; charset=utf-16\r\n\r\n\xd8\x00\x00\x00",
    b"Subject: =?utf-7?q?+2AA-?=\r\nFrom: =?unicode-escape?q?=5Cud800?= <x@y>\r\n\r\n",
    b"Content-Type: text/plain; charset=utf-7\r\n\r\n+2AA- +AAA-",
    b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>&#0;&#xD800;&#55296; x</p>",
    b"Message-ID: <" + b"m" * 100_000 + b"@x>\r\nReferences: <" + b"r" * 100_000 + b"@y>\r\n\r\n",
    b"Subject: "
    + "ầ".encode() * 100_000
    + b"\r\nFrom: "
    + b"f" * 100_000
    + b"@x\r\nTo: "
    + b"t@x, " * 50_000
    + b"\r\n\r\n",
    b"Message-ID: <\xe1\xba\xa7" + b"\xe1\xba\xa7" * 5000 + b"@x>\r\nIn-Reply-To: <\xff\xfe@x>\r\n\r\n",
    b"Date: Fri, 31 Dec 999999 99:99:99 +9999\r\n\r\n",
    b"Date: Mon, 1 Jan 0001 00:00:00 +2359\r\n\r\n",
    b"Date: Mon, 99999999999999999999 Jan 2020 00:00:00 +0000\r\n\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    + b'--b\r\nContent-Type: text/plain; name="\x00"\r\n\r\n\x00\r\n' * 500
    + b"--b--",
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_no_message_is_too_odd_for_the_tables(clerk: Any, number: int) -> None:
    """PostgreSQL takes no NUL in a text and no long key in an index; neither engine takes half a surrogate pair."""
    uid = clerk.append(HOSTILE[number]).uid
    assert clerk.octets(uid) == HOSTILE[number]
    columns = ("subject", "base_subject", "author_name", "to_text", "preview", "search_text", "message_id_header")
    (row,) = clerk.ask(lambda connection: list(reading.fetch(connection, clerk.inbox.id, [(uid, uid)], columns)))
    for value in row:
        assert "\x00" not in value
        value.encode()


# Files


@pytest.fixture
def blobs(tmp_path: Path, clock: Any) -> Blobs:
    return Blobs(tmp_path / "bodies", clock=clock)


def files_of(blobs: Blobs) -> list[Path]:
    return sorted(path for path in blobs.folder.rglob("*") if path.is_file() and path.name != "sweep.lock")


def test_one_body_is_one_file(make_store: Any, hire: Any) -> None:
    store = make_store(inline_limit=100)
    first, second = hire(store, "an"), hire(store, "binh")
    octets = long_mail(5000)
    first.append(octets)
    first.append(octets)
    second.append(octets)
    # Our trace fields in front do not make another file of it.
    content = store.prepare(octets, prefix=PREFIX)
    second.do(messages.append, content, [Target(second.inbox.id)])
    assert len(files_of(store.blobs)) == 1
    assert second.octets(2) == PREFIX + octets
    first.append(long_mail(5000, seed=1))
    assert len(files_of(store.blobs)) == 2


def test_a_received_file_is_taken_over(make_store: Any, hire: Any) -> None:
    store = make_store(inline_limit=1000)
    clerk = hire(store)
    for octets in (long_mail(5000), long_mail(5000), long_mail(200)):
        path = store.blobs.new_file()
        path.write_bytes(octets)
        content = store.prepare(path, prefix=PREFIX)
        assert not path.exists()
        (done,) = clerk.do(messages.append, content, [Target(clerk.inbox.id)])
        assert clerk.octets(done.uid) == PREFIX + octets
    assert len(files_of(store.blobs)) == 1
    assert list(store.blobs.incoming.iterdir()) == []


def test_files_are_named_by_what_they_hold_and_leave_nothing_behind(blobs: Blobs) -> None:
    octets = long_mail(300_000)
    digest = blobs.put(octets)
    assert digest == hashlib.sha256(octets).digest()
    assert blobs.path(digest).read_bytes() == octets
    assert list(blobs.incoming.iterdir()) == []
    assert list(blobs.digests()) == [digest]
    assert blobs.put(octets) == digest
    assert blobs.read(digest, 10, 20) == octets[10:20]
    assert blobs.read(digest, 299_999) == octets[299_999:]
    assert blobs.read(digest, 300_005) == b""
    assert blobs.read(digest, 20, 10) == b""
    with pytest.raises(FileNotFoundError):
        blobs.read(hashlib.sha256(b"other").digest())


def test_sweeping_takes_only_what_is_old_and_not_needed(blobs: Blobs, clock: Any) -> None:
    needed, orphan, reused = (blobs.put(long_mail(200, seed)) for seed in range(3))
    forgotten = blobs.new_file()
    forgotten.write_bytes(b"half a mail")
    for path in [*files_of(blobs)]:
        os.utime(path, (clock.now, clock.now))
    assert blobs.sweep(lambda digest: digest == needed) == 0  # all are young
    clock.now += ORPHAN_AGE + 1
    blobs.put(long_mail(200, 2))  # young again
    fresh = blobs.new_file()
    fresh.write_bytes(b"arriving")
    os.utime(fresh, (clock.now, clock.now))
    assert blobs.sweep(lambda digest: digest == needed) == 2
    assert set(blobs.digests()) == {needed, reused}
    assert not blobs.path(orphan).exists()
    assert list(blobs.incoming.iterdir()) == [fresh]


def test_sweeping_passes_over_what_is_not_ours(blobs: Blobs, clock: Any) -> None:
    digest = blobs.put(b"x" * 300)
    (blobs.path(digest).parent / "notes.txt").write_text("left here by an administrator")
    (blobs.folder / "aa").mkdir(exist_ok=True)
    (blobs.folder / "aa" / "README").write_text("not a folder")
    clock.now += 1e9
    assert blobs.sweep(lambda _: True) == 0
    assert list(blobs.digests()) == [digest]


def test_a_body_that_is_reused_is_never_swept_from_under_it(blobs: Blobs, clock: Any) -> None:
    """One thread sweeps, others keep the same bodies again and again: after ``put`` the file is there."""
    bodies = [long_mail(200, seed) for seed in range(8)]
    faults: list[str] = []
    ending = threading.Event()

    def sweep() -> None:
        while not ending.is_set():
            clock.now += ORPHAN_AGE / 2  # so that files grow old within two rounds
            blobs.sweep(lambda _: False)

    def keep(which: bytes) -> None:
        for _ in range(150):
            before = clock.now
            digest = blobs.put(which)
            path = blobs.path(digest)
            if not path.exists() and clock.now - before < ORPHAN_AGE:
                faults.append(f"swept {clock.now - before} s after it was kept")

    sweeper = threading.Thread(target=sweep)
    keepers = [threading.Thread(target=keep, args=(body,)) for body in bodies]
    sweeper.start()
    for each in keepers:
        each.start()
    for each in keepers:
        each.join()
    ending.set()
    sweeper.join()
    assert faults == []


def test_many_threads_keep_one_body(blobs: Blobs) -> None:
    octets = long_mail(50_000)
    digests: list[bytes] = []
    threads = [threading.Thread(target=lambda: digests.append(blobs.put(octets))) for _ in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(digests) == {hashlib.sha256(octets).digest()}
    assert len(digests) == 16
    assert blobs.path(digests[0]).read_bytes() == octets
    assert list(blobs.incoming.iterdir()) == []


def test_a_disk_that_takes_no_body_is_a_temporary_refusal(make_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(inline_limit=100)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TryLater):
        store.prepare(long_mail(5000))
    assert list(store.blobs.incoming.iterdir()) == []
    monkeypatch.undo()
    assert store.prepare(long_mail(5000)).digest is not None


def test_a_lost_or_cut_body_is_found_by_the_check(tmp_path: Path) -> None:
    from mailserver.store import open_store

    store = open_store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path, inline_limit=100)
    inbox = store.maildrop("an")
    for seed in range(3):
        content = store.prepare(long_mail(5000, seed), prefix=PREFIX)
        store.write(lambda tx, c=content: messages.append(tx, c, [Target(inbox.id)])).result()
    paths = [store.blobs.path(digest) for digest in store.blobs.digests()]
    assert store.check_consistency() == []
    paths[0].unlink()
    os.truncate(paths[1], 4999)
    assert len(store.check_consistency()) == 2
    store.close()


def test_broken_promises_are_found_by_the_check(tmp_path: Path) -> None:
    """One wrong figure at a time: the check that never fails proves nothing."""
    from sqlalchemy import text

    from mailserver.store import open_store

    store: Store = open_store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path)
    inbox = store.maildrop("an")
    content = store.prepare(long_mail(500))
    for flags in ((), ("\\Seen",), ("k",)):
        store.write(lambda tx, f=flags: messages.append(tx, content, [Target(inbox.id, f)])).result()
    store.write(lambda tx: messages.remove(tx, inbox.id, [(1, 1)])).result()
    for wrong in (
        "UPDATE mailbox SET messages = messages + 1 WHERE name = 'INBOX'",
        "UPDATE mailbox SET unseen = unseen - 1 WHERE name = 'INBOX'",
        "UPDATE mailbox SET deleted = 1 WHERE name = 'Trash'",
        "UPDATE mailbox SET size = 7 WHERE name = 'INBOX'",
        "UPDATE mailbox SET uid_next = 2 WHERE name = 'INBOX'",
        "UPDATE mailbox SET highest_modseq = 2 WHERE name = 'INBOX'",
        "UPDATE mailbox SET removed_at = 5 WHERE name = 'INBOX'",
        "UPDATE placement SET flags = 1 WHERE uid = 3",
        "UPDATE placement SET flags = flags | 4096 WHERE uid = 3",
        "UPDATE placement SET modseq = 1 WHERE uid = 3",
        "UPDATE message SET size = size + 1 WHERE id = 2",
        "UPDATE message SET header_size = header_size + 1 WHERE id = 2",
        "UPDATE sequence SET value = 1 WHERE name = 'message'",
        "UPDATE sequence SET value = 1 WHERE name = 'mailbox'",
        "UPDATE sequence SET value = 1 WHERE name = 'uid_validity'",
        "INSERT INTO expunged SELECT mailbox_id, modseq, uid, message_id, flags, internal_date, 0, zone"
        " FROM placement WHERE uid = 2",
        "INSERT INTO expunged"
        " SELECT mailbox_id, modseq + 1, uid, message_id, flags, internal_date, 0, zone FROM expunged",
        "UPDATE expunged SET message_id = 99",
        "UPDATE placement SET message_id = 99 WHERE uid = 2",
        "UPDATE placement SET size = size + 1 WHERE uid = 2",
        "DELETE FROM message_octets WHERE message_id = 2",
        "DELETE FROM message_header WHERE message_id = 2",
        "DELETE FROM message_listing WHERE message_id = 2",
        "DELETE FROM mailbox_keyword",
    ):

        def spoil(tx: Any, statement: str = wrong) -> list[str]:
            from mailserver.store import consistency

            tx.connection.execute(text(statement))
            found = consistency.problems(tx.connection, lambda *_: True)
            assert found, statement
            raise _UndoError

        with pytest.raises(_UndoError):
            store.write(spoil).result()
    assert store.check_consistency() == []
    store.close()


class _UndoError(Exception):
    pass
