"""Power cuts at many moments of a busy store's life: what was answered is there once, and whole, when power is back."""

from __future__ import annotations

import hashlib
import json
import os
import random
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from directory.sqlite_driver import connect
from mailserver.store import Store, changes, flags, mailboxes, messages, open_store, reading, sqlite
from mailserver.store.messages import Target
from tests.durability.disk import Disk, Record, read_trace
from tests.durability.writer import AUDIENCE, BOXES, SHARED

HERE = Path(__file__).parent
CUTS = 150
MARKED = frozenset({"\\Flagged", "khan"})


@pytest.fixture(autouse=True)
def _started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut the system has started anew."""
    monkeypatch.setattr(sqlite, "boot_mark", secrets.token_hex)


@pytest.fixture(scope="session")
def tracer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The traced C library calls, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.fail("the power-cut tests need a C compiler: install the Debian packages gcc and libc6-dev")
    library = tmp_path_factory.mktemp("tracer") / "tracer.so"
    done = subprocess.run(
        [
            compiler,
            "-std=gnu11",
            "-O2",
            "-Wall",
            "-Wextra",
            "-shared",
            "-fPIC",
            "-o",
            library,
            HERE / "tracer.c",
            "-ldl",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return library


@dataclass
class Life:
    """One run of the writer: what it did to the disk, and what it said when."""

    root: str
    records: list[Record]

    def entries(self, records: int) -> list[dict[str, Any]]:
        """What the writer had said after so many records."""
        return [json.loads(each.octets) for each in self.records[:records] if each.operation == "A"]


def live(tracer: Path, folder: Path, *arguments: object, program: str = "") -> Life:
    """Run the writer (seed, rounds, operations of each thread, options), or another program, under the tracer."""
    root = folder / "data"
    root.mkdir(parents=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": str(tracer),
        "TRACE_ROOT": str(root),
        "TRACE_FILE": str(folder / "trace"),
        "TRACE_ACKS": str(folder / "log"),
    }
    what = ["-c", program] if program else [str(HERE / "writer.py")]
    done = subprocess.run(
        [sys.executable, *what, root, folder / "log", *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Life(str(root), read_trace(folder / "trace"))


@pytest.fixture(scope="module")
def life(tracer: Path, tmp_path_factory: pytest.TempPathFactory) -> Life:
    return live(tracer, tmp_path_factory.mktemp("life"), 20, 4, 60)


# What must be there


@dataclass
class Person:
    """What an account must hold by the log, and the one thing that may or may not have happened on top."""

    boxes: dict[str, dict[int, tuple[str, frozenset[str]]]] = field(default_factory=lambda: {box: {} for box in BOXES})
    given: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BOXES, 0))
    made: set[str] = field(default_factory=set)

    def copy(self) -> Person:
        return Person({box: dict(held) for box, held in self.boxes.items()}, dict(self.given), set(self.made))

    def take(self, entry: dict[str, Any], result: Any) -> None:
        match entry["kind"]:
            case "append":
                uid = self._next(entry["box"], result)
                self.boxes[entry["box"]][uid] = (entry["digest"], frozenset(entry["flags"]))
            case "mark":
                digest, _ = self.boxes[entry["box"]][entry["uid"]]
                self.boxes[entry["box"]][entry["uid"]] = (digest, MARKED)
            case "move":
                moved = self.boxes[entry["box"]].pop(entry["uid"])
                self.boxes[entry["other"]][self._next(entry["other"], result)] = moved
            case "remove":
                del self.boxes[entry["box"]][entry["uid"]]
            case "create mailbox":
                self.made.add(entry["new"])
            case "rename mailbox":
                self.made.remove(entry["name"])
                self.made.add(entry["new"])
            case "delete mailbox":
                self.made.remove(entry["name"])

    def _next(self, box: str, answered: int | None) -> int:
        self.given[box] += 1
        assert answered in (None, self.given[box]), "the writer was told a UID out of order"
        return self.given[box]


def what_is_wrong(folder: Path, entries: list[dict[str, Any]]) -> Iterator[str]:
    """Start on what the power cut left, and compare it with what was answered before."""
    if (folder / "mail.db").exists() or any(entries):
        with closing(connect(folder / "mail.db")) as connection:
            verdict = connection.execute("PRAGMA integrity_check").fetchall()
        if verdict != [("ok",)]:
            yield f"SQLite: {verdict[0][0]}"
    store = open_store(f"sqlite:///{folder / 'mail.db'}", folder)
    try:
        yield from store.check_consistency()
        yield from compare(store, entries)
        yield from compare_modseqs(store, entries)
        # And it goes on.
        inbox = store.maildrop(SHARED)
        content = store.prepare(b"Subject: after\r\n\r\n" + b"z" * 200_000)
        (done,) = store.write(lambda tx: messages.append(tx, content, [Target(inbox.id)])).result(30)
        last = max((entry["result"] for entry in answered(entries, "share")), default=0)
        if done.uid <= last:
            yield f"UID {done.uid} was given after {last}"
    finally:
        store.close()


def answered(entries: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    begun = {entry["begins"]: entry for entry in entries if "begins" in entry}
    return [
        begun[entry["answers"]] | {"result": entry["result"]}
        for entry in entries
        if "answers" in entry and begun[entry["answers"]]["kind"] == kind
    ]


def compare(store: Store, entries: list[dict[str, Any]]) -> Iterator[str]:
    begun = {entry["begins"]: entry for entry in entries if "begins" in entry}
    done = {entry["answers"]: entry["result"] for entry in entries if "answers" in entry}
    people: dict[str, Person] = {}
    open_ends: dict[str, dict[str, Any]] = {}
    # As people were before marks that nothing has followed yet: a power cut may take the last of these back.
    earlier: dict[str, list[Person]] = {}
    for number, entry in begun.items():
        person = people.setdefault(entry["account"], Person())
        if number in done:
            marks = earlier.setdefault(entry["account"], [])
            if entry["kind"] == "mark":
                marks.append(person.copy())
            else:
                marks.clear()
            person.take(entry, done[number])
        else:
            open_ends[entry["account"]] = entry
    with store.read() as connection:
        for account, person in people.items():
            actual = held(store, connection, account)
            possible = [*earlier.get(account, ()), person]
            if account in open_ends:
                possible.append(person.copy())
                possible[-1].take(open_ends[account], None)
            if all(actual != (each.boxes, each.made) for each in possible):
                yield f"{account} holds {summary(actual[0])}, and was promised {summary(person.boxes)}"
        yield from compare_lists(store, connection, SHARED, answered(entries, "share"), open_ends.values(), "share")
        notices = [Counter(octets_of(store, connection, account).values()) for account in AUDIENCE]
        promised = Counter(entry["digest"] for entry in answered(entries, "notify"))
        perhaps = Counter(entry["digest"] for entry in open_ends.values() if entry["kind"] == "notify")
        for notice in notices:
            if notice != notices[0]:
                yield "a notice reached some and not others"
            if promised - notice:
                yield f"{sum((promised - notice).values())} notices are lost"
            if notice - promised - perhaps:
                yield "a notice came twice or from nowhere"


def compare_modseqs(store: Store, entries: list[dict[str, Any]]) -> Iterator[str]:
    """A client that was told of marks asks what has changed since: it must hear of those that are gone."""
    told: dict[tuple[str, str], dict[int, int]] = {}
    for entry in answered(entries, "mark"):
        for modseq in entry["result"]:
            told.setdefault((entry["account"], entry["box"]), {})[entry["uid"]] = modseq
    for (account, box), marks in told.items():
        known = max(marks.values())
        with store.read() as connection:
            mailbox = mailboxes.find_mailbox(connection, account, box)
            assert mailbox is not None
            heard = {uid for uid, _, _ in changes.changed_since(connection, mailbox.id, known)}
            there = {row.uid: row.flags for row in reading.placements(connection, mailbox.id)}
        for uid in marks.keys() & there.keys() - heard:
            if frozenset(flags.flag_names(there[uid], mailbox.keywords)) != MARKED:
                yield f"{account}: nobody says that the mark of UID {uid} in {box} is gone"
        if there:
            every = [(1, max(there))]
            job = lambda tx, box_id=mailbox.id, uids=every: messages.set_flags(tx, box_id, uids, "add", ["sau"])  # noqa: E731
            if store.write(job, lasting=False).result(30).changed[0][2] <= known:
                yield f"{account}: a MODSEQ that was told is given again in {box}"


def compare_lists(
    store: Store, connection: Any, account: str, promised: list[dict[str, Any]], open_ends: Any, kind: str
) -> Iterator[str]:
    found = octets_of(store, connection, account)
    for entry in promised:
        if found.get(entry["result"]) != entry["digest"]:
            yield f"{account}: UID {entry['result']} is lost or another"
    more = Counter(found.values()) - Counter(entry["digest"] for entry in promised)
    if more - Counter(entry["digest"] for entry in open_ends if entry["kind"] == kind):
        yield f"{account}: something came twice or from nowhere"
    if sorted(found) != list(range(1, len(found) + 1)):
        yield f"{account}: the UIDs have a gap"


def octets_of(store: Store, connection: Any, account: str, box: str = "INBOX") -> dict[int, str]:
    mailbox = mailboxes.find_mailbox(connection, account, box)
    if mailbox is None:
        return {}
    return {
        row.uid: hashlib.sha256(store.octets(connection, row.message_id)).hexdigest()
        for row in reading.placements(connection, mailbox.id)
    }


def held(store: Store, connection: Any, account: str) -> tuple[dict[str, Any], set[str]]:
    boxes: dict[str, Any] = {}
    for box in BOXES:
        mailbox = mailboxes.find_mailbox(connection, account, box)
        if mailbox is None:
            boxes[box] = None
            continue
        digests = octets_of(store, connection, account, box)
        rows = reading.placements(connection, mailbox.id)
        boxes[box] = {
            row.uid: (digests[row.uid], frozenset(flags.flag_names(row.flags, mailbox.keywords))) for row in rows
        }
    made = {each.name for each in mailboxes.list_mailboxes(connection, account) if each.name.startswith("M")}
    return boxes, made


def summary(boxes: dict[str, Any]) -> str:
    return ", ".join(f"{box}: {sorted(held) if held is not None else 'nothing'}" for box, held in boxes.items())


# Cutting


def choose_cuts(life: Life, count: int, seed: int) -> list[int]:
    """Numbers of records after which the power goes: anywhere, right after an answer, and about syncs and renames."""
    chance = random.Random(seed)
    places = {
        "anywhere": range(1, len(life.records)),
        "answers": [at + 1 for at, each in enumerate(life.records) if each.operation == "A"],
        "syncs": [at + chance.randint(0, 1) for at, each in enumerate(life.records) if each.operation in "SDRU"],
    }
    cuts = {len(life.records)}
    for where in places.values():
        cuts.update(chance.sample(where, min(len(where), count // 3)))
    return sorted(cuts)


def losses(
    life: Life, folder: Path, cuts: list[int], deaf: Callable[[str], bool] = lambda path: False
) -> dict[int, str]:
    """Cut the power at each place; what was found wrong after the first start, by place."""
    disk = Disk(life.root, deaf)
    wrong: dict[int, str] = {}
    done = 0
    for cut in cuts:
        for record in life.records[done:cut]:
            disk.follow(record)
        done = cut
        image = folder / str(cut)
        disk.cut(image, random.Random(cut))
        try:
            found = next(what_is_wrong(image, life.entries(cut)), "")
        except Exception as fault:  # it did not even start
            found = f"{type(fault).__name__}: {fault}"
        if found:
            wrong[cut] = found
        shutil.rmtree(image)
    return wrong


def test_nothing_that_was_answered_is_lost_at_a_power_cut(life: Life, tmp_path: Path) -> None:
    cuts = choose_cuts(life, CUTS, seed=1)
    assert len(cuts) > 100
    wrong = losses(life, tmp_path, cuts)
    assert wrong == {}


# Two processes keep the same body.  The first has put it into its place and is held up before the folder is on the
# disk; the second finds it there, and gets its answer.
REUSE = """
import os, sys, threading
from pathlib import Path
from mailserver.store import Store, blobs, messages, open_store
from mailserver.store.messages import Target
folder, log_path = Path(sys.argv[1]), sys.argv[2]
url = f"sqlite:///{folder / 'mail.db'}"
first, second = open_store(url, folder, inline_limit=100), Store(url, folder, inline_limit=100)
inbox = second.maildrop("an")
octets = b"Subject: x\\r\\n\\r\\n" + b"b" * 9000
real, placed = blobs._sync_folder, threading.Event()
def held_up(path):
    if threading.current_thread() is slow and len(path.name) == 2 and any(each.is_file() for each in path.iterdir()):
        placed.set()
        threading.Event().wait()
    real(path)
blobs._sync_folder = held_up
slow = threading.Thread(target=first.prepare, args=(octets,), daemon=True)
slow.start()
assert placed.wait(20)
content = second.prepare(octets)
second.write(lambda tx: messages.append(tx, content, [Target(inbox.id)])).result()
log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(log, b"{}")
os._exit(0)
"""


def test_a_body_that_another_has_just_placed_is_on_disk_too(tracer: Path, tmp_path: Path) -> None:
    life = live(tracer, tmp_path / "life", program=REUSE)
    disk = Disk(life.root)
    for record in life.records:
        disk.follow(record)
    for number in range(20):
        image = tmp_path / str(number)
        disk.cut(image, random.Random(number))
        store = open_store(f"sqlite:///{image / 'mail.db'}", image)
        assert store.check_consistency() == []
        assert store.maildrop("an").messages == 1
        store.close()


def test_the_writer_did_all_that_is_to_be_survived(life: Life) -> None:
    entries = life.entries(len(life.records))
    kinds = Counter(entry["kind"] for entry in entries if "begins" in entry)
    assert min(kinds.values()) > 3, kinds
    operations = Counter(record.operation for record in life.records)
    assert min(operations[each] for each in "CWSDRUMA") > 5, operations
    assert operations["S"] > 300
    # Several jobs shared a commit, large bodies went into files, and the files' folders were made on the way.
    assert operations["A"] / 2 > sum(1 for each in life.records if each.operation == "S") / 4
    assert {record.path.rpartition("/")[0] for record in life.records if record.operation == "M"} > {life.root}


def test_marks_are_answered_before_they_are_on_disk(life: Life) -> None:
    """Or it would not be shown what becomes of those that are lost."""
    syncs = unsynced = 0
    begun: dict[str, int] = {}  # marks, and how often had been synced before
    for record in life.records:
        syncs += record.operation == "S"
        entry = json.loads(record.octets) if record.operation == "A" else {}
        if entry.get("kind") == "mark":
            begun[entry["begins"]] = syncs
        elif entry.get("answers") in begun and entry["result"]:
            unsynced += begun[entry["answers"]] == syncs
    assert unsynced > 3, unsynced


DEAF = {
    "the database's log": lambda path: path.endswith("mail.db-wal"),
    "the database and its log": lambda path: "/mail.db" in path,
    "the bodies": lambda path: "/bodies/" in path and not path.endswith("/"),
    "the bodies' folders": lambda path: "/bodies/" in path and path.endswith("/"),
    "every folder": lambda path: path.endswith("/"),
}


@pytest.mark.parametrize("what", DEAF)
def test_a_sync_left_out_is_noticed(life: Life, tmp_path: Path, what: str) -> None:
    """The same life on a disk that does not heed some syncs: if nothing were found here, nothing would be proved."""
    assert losses(life, tmp_path, choose_cuts(life, 30, seed=3), DEAF[what])


def test_a_database_that_does_not_sync_is_noticed(tracer: Path, tmp_path: Path) -> None:
    """The same with SQLite's own setting."""
    careless = live(tracer, tmp_path / "life", 5, 1, 40, "off")
    wrong = losses(careless, tmp_path, choose_cuts(careless, 30, seed=4))
    assert any("lost" in each or "promised" in each for each in wrong.values()), wrong


# The disk itself


def test_a_disk_keeps_what_was_synced_and_no_more(tmp_path: Path) -> None:
    disk = Disk("/d")
    steps = [
        Record("M", 0, 0, "/d/sub", b""),
        Record("C", 1, 0, "/d/sub/a", b""),
        Record("W", 1, 0, "", b"x" * 1500),
        Record("S", 1, 0, "", b""),
        Record("W", 1, 1000, "", b"y" * 1500),
        Record("C", 2, 0, "/d/b", b""),
        Record("D", 0, 0, "/d", b""),
        Record("R", 0, 0, "/d/b", b"/d/c"),
    ]
    for step in steps:
        disk.follow(step)
    seen: set[tuple[tuple[str, ...], bytes]] = set()
    for number in range(300):
        image = tmp_path / str(number)
        disk.cut(image, random.Random(number))
        names = tuple(sorted(path.relative_to(image).as_posix() for path in image.rglob("*")))
        octets = (image / "sub" / "a").read_bytes() if "sub/a" in names else b""
        seen.add((names, octets))
    # The file's name was never synced, so it may be missing; where it is, what was synced before is whole.
    assert {names for names, _ in seen} == {("b", "sub"), ("b", "sub", "sub/a"), ("c", "sub"), ("c", "sub", "sub/a")}
    contents = {octets for names, octets in seen if "sub/a" in names}
    assert all(octets[:1000] == b"x" * 1000 for octets in contents)
    assert {1500, 2500} <= {len(octets) for octets in contents}
    assert any(b"y" in octets and b"x" in octets[1024:] for octets in contents), "no sector was ever torn"
