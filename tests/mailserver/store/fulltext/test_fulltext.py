"""An account's index in use: what arrives is found at once, what goes leaves, and losing the index loses nothing."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from directory.sqlite_driver import connect
from mailserver.message.attachments.reader import AttachmentReader
from mailserver.message.matching import needle
from mailserver.store import Store, messages, reading
from mailserver.store.fulltext import filling, index_file
from mailserver.store.fulltext.index_file import draw_up
from mailserver.store.messages import Target
from tests.mailserver.message.office_files import packed

WORDS = "ngân sách quý"


def home(store: Store, account: str = "an") -> Path:
    return store.blobs.folder.parent / "index" / account


def find(clerk: Any, word: str, field: str = "body", *mailboxes: Any) -> set[int]:
    """UIDs in the inbox, with the index alone."""
    places = [each.id for each in mailboxes or (clerk.inbox,)]
    lookup = clerk.store.fulltext.find(clerk.account, places, [(field, needle(word))])
    assert lookup is not None
    assert not lookup.unread
    return {
        row.uid
        for place in places
        for row in clerk.ask(lambda connection, place=place: list(all_rows(connection, place)))
        if row.message_id in lookup.hits[field, needle(word)]
    }


def all_rows(connection: Any, mailbox_id: int) -> Any:
    return reading.placements(connection, mailbox_id)


def test_what_arrives_is_found_at_once(clerk: Any, mail: Any) -> None:
    assert find(clerk, "ngan sach") == set()
    clerk.append(
        mail("Họp", "Về ngân\r\n sách quý I\r\n", From="=?utf-8?b?xJDDoG8=?= <dao@x.example>", Cc="ha@x.example")
    )
    clerk.append(mail("Khác", "Không có gì\r\n"))
    assert find(clerk, "ngân sách") == {1}
    assert find(clerk, "ngan sach quy") == {1}
    assert find(clerk, "ngần sách") == set()
    assert find(clerk, "hop", "subject") == {1}
    assert find(clerk, "đào", "from") == {1}
    assert find(clerk, "dao <dao@", "from") == {1}
    assert find(clerk, "an@thanhpho", "from") == {2}
    assert find(clerk, "ha@x", "cc") == {1}
    assert find(clerk, "cc: ha", "header") == {1}
    assert find(clerk, "khong co", "text") == {2}
    assert find(clerk, "subject: khac", "text") == {2}
    clerk.append(mail("Nữa", "ngân sách nữa\r\n"))
    assert find(clerk, "ngân sách") == {1, 3}


def test_what_is_sent_as_text_and_as_markup_is_kept_once(clerk: Any) -> None:
    head = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    parts = [("plain", f"{WORDS},\r\nhai"), ("html", f"<p>{WORDS},<br>hai</p>"), ("html", "<p>ba</p>")]
    body = [f"--b\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{text}\r\n" for kind, text in parts]
    clerk.append(head + "".join(body).encode() + b"--b--\r\n")
    assert find(clerk, f"{WORDS}, hai") == find(clerk, "ba") == {1}
    with closing(connect(home(clerk.store) / "index.db")) as database:
        ((packed_texts,),) = database.execute("SELECT texts FROM document").fetchall()
    assert zlib.decompress(packed_texts).decode().count(WORDS) == 1


def test_what_is_copied_moved_and_brought_back_stays_found(clerk: Any, mail: Any) -> None:
    clerk.append(mail("Một", WORDS))
    other = clerk.create("Other")
    assert find(clerk, "sach") == {1}
    clerk.do(messages.move, clerk.inbox.id, [(1, 1)], other.id)
    assert find(clerk, "sach") == set()
    assert find(clerk, "sach", "body", other) == {1}
    clerk.do(messages.remove, other.id, [(1, 1)])
    assert find(clerk, "sach", "body", other) == set()
    assert clerk.store.fulltext.forget("an") == 1
    assert clerk.store.fulltext.figures("an")["messages"] == 0
    assert clerk.do(messages.restore, other.id, [1], other.id)
    assert find(clerk, "sach", "body", other) == {2}


def test_what_still_has_a_place_is_not_forgotten(clerk: Any, mail: Any) -> None:
    other = clerk.create("Other")
    clerk.append(mail("Một", WORDS))
    clerk.do(messages.copy, clerk.inbox.id, [(1, 1)], other.id)
    assert find(clerk, "sach") == {1}
    clerk.do(messages.remove, clerk.inbox.id, [(1, 1)])
    assert clerk.store.fulltext.forget("an") == 0
    assert find(clerk, "sach", "body", other) == {1}


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: shutil.rmtree(folder),
        lambda folder: (folder / "index.db").write_bytes(b"no database at all" * 1000),
        lambda folder: (folder / "index.db").write_bytes(b""),
        lambda folder: (folder / "index.db").write_bytes((folder / "index.db").read_bytes()[:40_000]),
    ],
    ids=["removed", "overwritten", "emptied", "cut"],
)
def test_a_lost_index_comes_back(store: Store, hire: Any, mail: Any, harm: Callable[[Path], None]) -> None:
    clerk = hire(store)
    for number in range(40):
        clerk.append(mail(f"Số {number}", f"{WORDS} {number}"))
    assert find(clerk, "quy 17") == {18}
    harm(home(store))
    # What is broken says so once, and the search is a scan.
    if store.fulltext.find("an", [clerk.inbox.id], [("body", needle("sach"))]) is None:
        assert not home(store).exists()
    assert find(clerk, "quy 17") == {18}
    assert store.fulltext.problems() == []


def test_damage_within_is_noticed_by_the_search_that_meets_it(store: Store, hire: Any, mail: Any) -> None:
    clerk = hire(store)
    clerk.append(mail("Một", WORDS))
    for statement in ("UPDATE document SET texts = x'00'", "UPDATE lexicon SET octets = x'e1bba3'"):
        assert find(clerk, "ngan sach quy") == {1}
        index = connect(home(store) / "index.db")
        with index:
            index.execute(statement)
        index.close()
        assert store.fulltext.find("an", [clerk.inbox.id], [("body", needle("ngan sach quy"))]) is None
    assert store.fulltext.accounts() == []
    left = home(store).with_name("an.removed-1234")
    left.mkdir()
    assert store.fulltext.accounts() == []
    store.fulltext.forget_removed()
    assert not left.exists()


def test_mail_put_back_from_a_copy_gets_a_new_index(store: Store, hire: Any, mail: Any) -> None:
    clerk = hire(store)
    clerk.append(mail("Một", "một"))
    assert find(clerk, "mot") == {1}
    index = connect(home(store) / "index.db")
    with index:  # as if more had been read than there is
        index.execute("UPDATE about SET checked_id = 1000")
    index.close()
    assert any("other mail" in each for each in store.fulltext.problems())
    assert find(clerk, "mot") == {1}
    index = connect(home(store) / "index.db")
    with index:
        index.execute("UPDATE about SET checked_at = 5")
        index.execute("DELETE FROM lexicon")
    index.close()
    assert find(clerk, "mot") == {1}
    index = connect(home(store) / "index.db")
    with index:
        index.execute("UPDATE covered SET uid_next = 99")
        index.execute("DELETE FROM lexicon")
    index.close()
    assert find(clerk, "mot") == {1}


def test_nobody_finds_another_accounts_mail(store: Store, hire: Any, mail: Any) -> None:
    an, binh = hire(store, "an"), hire(store, "binh/../x")
    an.append(mail("Một", WORDS))
    assert find(binh, "sach") == set()
    assert find(an, "sach") == {1}
    assert store.fulltext.accounts() == ["an", "binh/../x"]
    assert sorted(each.name for each in home(store).parent.iterdir()) == ["an", "binh%2F..%2Fx"]


def test_no_room_for_the_index_is_no_fault_of_the_search(store: Store, hire: Any, mail: Any) -> None:
    clerk = hire(store)
    clerk.append(mail("Một", WORDS))
    home(store).parent.write_bytes(b"where the folder should be")
    assert store.fulltext.find("an", [clerk.inbox.id], [("body", needle("sach"))]) is None


@contextmanager
def nothing_may_grow(octets: int) -> Iterator[None]:
    """As on a full disk, for the files of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 50_000])
def test_a_full_disk_leaves_messages_to_be_scanned(store: Store, hire: Any, mail: Any, room: int) -> None:
    clerk = hire(store)
    clerk.append(mail("Một", WORDS))
    assert find(clerk, "sach") == {1}
    clerk.append(mail("Hai", WORDS))
    with nothing_may_grow(room):
        lookup = store.fulltext.find("an", [clerk.inbox.id], [("body", needle("sach"))])
    if lookup is not None:  # else all is scanned
        ids = [row.message_id for row in clerk.ask(all_rows, clerk.inbox.id)]
        assert lookup.hits["body", needle("sach")] == {ids[0]}
        assert lookup.unread == {ids[1]}
    assert lookup is not None or room == 0
    assert find(clerk, "sach") == {1, 2}
    assert store.fulltext.problems() == []


FILLER = """
import os, sys
from pathlib import Path
from mailserver.store import Store
store = Store(f"sqlite:///{sys.argv[1]}/mail.db", Path(sys.argv[1]))
from mailserver.store.fulltext import filling
filling.ROUND = 7
print("begun", flush=True)
store.fulltext.fill("an")
print("done", flush=True)
sys.stdin.read()
"""


def test_killed_while_filling_and_filled_by_two(store: Store, hire: Any, mail: Any) -> None:
    clerk = hire(store)
    contents = [store.prepare(mail(f"Số {number}", f"{WORDS} {number} " + "chữ " * number)) for number in range(400)]
    clerk.do(lambda tx: [messages.append(tx, content, [Target(clerk.inbox.id)]) for content in contents])
    folder = str(store.blobs.folder.parent)
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", FILLER, folder], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == b"begun\n"
        database = home(store) / "index.db"
        before = chunks(database)
        while chunks(database) <= before and child.poll() is None and before < 50:
            pass
        child.kill()
        child.wait()
        child.stdout.close()
        child.stdin.close()
    assert store.fulltext.problems() == []
    others = [threading.Thread(target=store.fulltext.fill, args=("an",)) for _ in range(2)]
    for each in others:
        each.start()
    wanted = ("body", needle("quy 17"))
    lookup = store.fulltext.find("an", [clerk.inbox.id], [wanted])
    for each in others:
        each.join()
    assert find(clerk, "quy 17") == {18, *range(171, 181)}
    ids = {row.message_id for row in clerk.ask(all_rows, clerk.inbox.id) if row.uid in {18, *range(171, 181)}}
    assert lookup is None or lookup.hits[wanted] <= ids <= lookup.hits[wanted] | lookup.unread
    figures = store.fulltext.figures("an")
    assert figures is not None
    assert figures["messages"] == 400
    assert figures["behind"] == 0
    assert store.fulltext.problems() == []


def test_nobody_waits_for_a_round_and_one_that_comes_late_is_thrown_away(
    clerk: Any, mail: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk.append(mail("Một", WORDS))
    rounds: list[int] = []

    def slow(documents: Any, pause: Any) -> Any:
        rounds.append(len(rounds))
        if rounds == [0]:
            assert find(clerk, "sach") == {1}  # which reads the same message
        return draw_up(documents, pause)

    monkeypatch.setattr(filling, "draw_up", slow)
    clerk.store.fulltext.fill("an")
    assert len(rounds) >= 2
    assert find(clerk, "sach") == {1}
    assert clerk.store.fulltext.figures("an")["messages"] == 1
    assert clerk.store.fulltext.problems() == []


def test_where_filling_may_pause_nothing_is_held(clerk: Any, mail: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the index, which a search would wait for, nor a snapshot of the mail."""
    monkeypatch.setattr(filling, "ROUND", 3)
    monkeypatch.setattr(index_file, "_MERGED", 2)
    for number in range(12):
        clerk.append(mail(f"Số {number}", WORDS))
    index, reading, pauses = clerk.store.fulltext, [0], [0]
    read = index._read

    @contextmanager
    def counted() -> Any:
        reading[0] += 1
        with read() as connection:
            yield connection
        reading[0] -= 1

    def pause() -> None:
        assert reading == [0]
        with closing(connect(next(index._folder.glob("*/index.db")), timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        pauses[0] += 1

    monkeypatch.setattr(index, "_read", counted)
    index.fill("an", pause=pause)
    assert pauses[0] > 12
    assert find(clerk, "sach") == set(range(1, 13))


def chunks(database: Path) -> int:
    """How far filling has come."""
    if not database.exists():
        return 0
    connection = connect(database, timeout=5)
    try:
        return int(connection.execute("SELECT coalesce(max(id), 0) FROM chunk").fetchone()[0])
    except apsw.SQLError:  # not yet made
        return 0
    finally:
        connection.close()


def with_file(name: str, octets: bytes) -> bytes:
    from base64 import encodebytes

    return (
        b"Subject: file\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/octet-stream; name=%b\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n%b--b--\r\n"
    ) % (name.encode(), encodebytes(octets).replace(b"\n", b"\r\n"))


def test_files_sent_along_are_found(clerk: Any) -> None:
    words = "<w:r><w:t>Bảng </w:t></w:r><w:r><w:t>lương</w:t></w:r>"
    text = f'<w:document xmlns:w="x"><w:body><w:p>{words}</w:p></w:body></w:document>'
    clerk.append(with_file("luong.docx", packed({"word/document.xml": text})))
    clerk.append(with_file("broken.docx", b"PK nonsense"))
    assert find(clerk, "bảng lương") == {1}
    assert find(clerk, "luong.docx", "text") == {1}
    figures = clerk.store.fulltext.figures("an")
    assert figures["attached"] == 1
    assert figures["waiting"] == 0


def test_the_indexer_reads_ahead(clerk: Any, mail: Any) -> None:
    index = clerk.store.fulltext
    clerk.append(mail("Một", WORDS))
    assert not index.tend(lambda: False)
    assert index.accounts() == []  # never searched, never read
    assert find(clerk, "sach") == {1}
    clerk.append(mail("Hai", WORDS))
    index.tend(lambda: True)
    assert index.figures("an")["behind"] == 1
    assert index.tend(lambda: False)
    assert index.figures("an")["behind"] == 0
    assert not index.tend(lambda: False)
    index.rebuild("an")
    assert find(clerk, "sach") == {1, 2}


@pytest.fixture
def calls(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What the indexer would hear."""
    heard: list[bool] = []
    monkeypatch.setattr(clerk.store.fulltext, "_call", lambda: heard.append(True))
    return heard


def test_the_indexer_is_called_when_mail_has_gathered(clerk: Any, mail: Any, calls: list[bool]) -> None:
    index = clerk.store.fulltext
    clerk.append(mail("Một", WORDS))
    index.call_after(1)
    assert not calls  # nobody has an index, nor so much mail that he should
    assert find(clerk, "sach") == {1}
    index.call_after(1)
    assert not calls  # nothing has come since
    clerk.append(mail("Hai", WORDS))
    index.call_after(3)
    assert not calls
    other = clerk.create("Other")
    clerk.do(messages.copy, clerk.inbox.id, [(1, 2)], other.id)
    index.call_after(2)
    assert not calls  # they are the same messages
    index.call_after(1)
    assert len(calls) == 1
    for number in range(3):
        index.call_after(3)
        assert len(calls) == 1
        clerk.append(mail(str(number), WORDS))
    index.call_after(3)
    assert len(calls) == 2


def test_the_indexer_is_called_for_a_large_mailbox(
    clerk: Any, mail: Any, calls: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        clerk.append(mail(str(number), WORDS))
    monkeypatch.setattr("mailserver.store.fulltext.fulltext.LARGE", 3)
    clerk.store.fulltext.call_after(1)
    assert len(calls) == 1


def test_files_wait_while_somebody_calls_for_an_index(clerk: Any, mail: Any) -> None:
    index = clerk.store.fulltext
    assert find(clerk, "sach") == set()
    clerk.append(with_file("so.txt.docx", packed({"word/document.xml": "<w><w:t>sách</w:t></w>"})))
    index.tend(lambda: False, lambda: True)
    assert index.figures("an")["behind"] == 0
    assert index.figures("an")["waiting"] == 1
    index.tend(lambda: False)
    assert index.figures("an")["waiting"] == 0


def test_large_mailboxes_are_read_before_their_first_search(
    clerk: Any, mail: Any, calls: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = clerk.store.fulltext
    for number in range(5):
        clerk.append(mail(str(number), WORDS))
    assert index.behind("an", [clerk.inbox.id]) >= 5
    index.tend(lambda: False)
    assert index.figures("an") is None
    monkeypatch.setattr("mailserver.store.fulltext.fulltext.LARGE", 5)
    # So much is left to the background, which is called: the search is to look into the messages itself.
    assert index.read_next("an", [clerk.inbox.id]) == 0
    assert calls
    lookup = index.find("an", [clerk.inbox.id], [("body", needle("sach"))])
    assert lookup.hits["body", needle("sach")] == set()
    assert len(lookup.unread) == 5
    index.tend(lambda: False)
    calls.clear()
    assert find(clerk, "sach") == {1, 2, 3, 4, 5}
    assert index.behind("an", [clerk.inbox.id]) == 0
    assert not calls
    assert index.figures("an")["messages"] == 5


def children() -> set[int]:
    return set(map(int, Path("/proc/thread-self/children").read_text().split()))


def test_a_reader_that_dies_takes_nobody_with_it() -> None:
    before = children()
    with AttachmentReader(seconds=20) as reader:
        assert reader.text("packed", packed({"content.xml": "<o><p>một</p></o>"})) == "một\n\n"
        (child,) = children() - before
        os.kill(child, signal.SIGKILL)
        assert reader.text("packed", b"PK") is None
        assert reader.text("packed", packed({"content.xml": "<o><p>còn sống</p></o>"})) == "còn sống\n\n"
