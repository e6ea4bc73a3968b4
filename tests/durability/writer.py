"""A program that works on a store from several threads and writes down what it begins and what is answered.

Run under the tracer: ``writer.py FOLDER LOG SEED ROUNDS OPERATIONS [off]``.  Each thread has an account of its own, so
that what it must hold follows from the log; one INBOX is everybody's, and notices go to many.  ``off`` turns SQLite's
syncs off, to see that this is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event

from mailserver.store import Store, broadcast, mailboxes, messages, open_store, reading
from mailserver.store.messages import Target

THREADS = 4
SHARED = "chung"
AUDIENCE = [f"nguoi-nhan-{number}" for number in range(12)]
INLINE_LIMIT = 3000
BOXES = ("INBOX", "Việc")


class Log:
    """One line for each beginning and each answer, at once, in the order they happen."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, **entry: Any) -> None:
        os.write(self._descriptor, json.dumps(entry).encode() + b"\n")


class Worker(threading.Thread):
    def __init__(self, store: Store, log: Log, name: str, chance: random.Random, count: int) -> None:
        super().__init__()
        self.store = store
        self.log = log
        self.account = name
        self.chance = chance
        self.count = count
        self.serial = 0
        self.fault: BaseException | None = None
        with store.read() as connection:
            self.ids = {box: self._id(connection, box) for box in BOXES}
            self.held = {box: list(reading.uids(connection, self.ids[box])) for box in BOXES}
            self.shared = self._id(connection, "INBOX", SHARED)
            self.made = [each.name for each in mailboxes.list_mailboxes(connection, name) if each.name.startswith("M")]

    def _id(self, connection: Any, box: str, account: str = "") -> int:
        found = mailboxes.find_mailbox(connection, account or self.account, box)
        assert found is not None
        return found.id

    def run(self) -> None:
        try:
            for _ in range(self.count):
                self.chance.choices(
                    [self.append, self.share, self.mark, self.move, self.remove, self.notify, self.manage],
                    [6, 4, 2, 2, 1, 1, 1],
                )[0]()
        except BaseException as fault:
            self.fault = fault
            raise

    def do(self, job: Any, answer: Any = lambda result: result, **entry: Any) -> Any:
        """Write down that it begins, hand it in, and write down the answer before anybody else could know it."""
        self.serial += 1
        number = f"{self.account} {self.serial} {time.monotonic_ns()}"
        self.log.write(begins=number, account=self.account, **entry)

        written = threading.Event()

        def answered(future: Future[Any]) -> None:
            if future.exception() is None:
                self.log.write(answers=number, result=answer(future.result()))
            written.set()

        future = self.store.write(job, lasting=entry["kind"] != "mark")
        future.add_done_callback(answered)
        written.wait()
        return future.result()

    def content(self) -> tuple[Any, str]:
        prefix = f"X-Number: {self.account} {self.chance.random()}\r\n".encode()
        if self.chance.random() < 0.4:
            # The threads keep pace with each other: several send the same body at the same time.
            number = self.serial // 5
            octets = b"Subject: large\r\n\r\n" + bytes([65 + number % 26]) * (5000 + 900 * (number % 13))
        else:
            octets = b"Subject: small\r\n\r\n" + b"s" * self.chance.randint(0, INLINE_LIMIT - 100)
        digest = hashlib.sha256(prefix + octets).hexdigest()
        if self.chance.random() < 0.3:  # as it comes in by SMTP
            path = self.store.blobs.new_file()
            path.write_bytes(octets)
            return self.store.prepare(path, prefix=prefix), digest
        return self.store.prepare(octets, prefix=prefix), digest

    def append(self) -> None:
        content, digest = self.content()
        box = self.chance.choice(BOXES)
        flags = ["\\Seen"] if self.chance.random() < 0.5 else []
        uid = self.do(
            lambda tx: messages.append(tx, content, [Target(self.ids[box], flags)])[0].uid,
            kind="append", box=box, digest=digest, flags=flags,
        )  # fmt: skip
        self.held[box].append(uid)

    def share(self) -> None:
        content, digest = self.content()
        self.do(lambda tx: messages.append(tx, content, [Target(self.shared)])[0].uid, kind="share", digest=digest)

    def notify(self) -> None:
        content, digest = self.content()
        self.do(lambda tx: broadcast.deliver_to_accounts(tx, content, AUDIENCE), kind="notify", digest=digest)

    def _choose(self) -> tuple[str, int] | None:
        box = self.chance.choice(BOXES)
        return (box, self.chance.choice(self.held[box])) if self.held[box] else None

    def mark(self) -> None:
        if chosen := self._choose():
            box, uid = chosen
            self.do(
                lambda tx: messages.set_flags(tx, self.ids[box], [(uid, uid)], "replace", ["\\Flagged", "khan"]),
                lambda result: [modseq for _, _, modseq in result.changed],
                kind="mark", box=box, uid=uid,
            )  # fmt: skip

    def move(self) -> None:
        if chosen := self._choose():
            box, uid = chosen
            other = BOXES[1 - BOXES.index(box)]
            ((_, new),) = self.do(
                lambda tx: messages.move(tx, self.ids[box], [(uid, uid)], self.ids[other]),
                lambda moved: moved[0][1],
                kind="move", box=box, uid=uid, other=other,
            )  # fmt: skip
            self.held[box].remove(uid)
            self.held[other].append(new)

    def remove(self) -> None:
        if chosen := self._choose():
            box, uid = chosen
            self.do(lambda tx: messages.remove(tx, self.ids[box], [(uid, uid)]), kind="remove", box=box, uid=uid)
            self.held[box].remove(uid)

    def manage(self) -> None:
        if self.made and self.chance.random() < 0.5:
            old = self.made.pop()
            if self.chance.random() < 0.5:
                self.do(lambda tx: mailboxes.delete_mailbox(tx, self.account, old), kind="delete mailbox", name=old)
                return
            new = f"M{self.chance.randint(0, 10**9)}"
            self.do(
                lambda tx: mailboxes.rename_mailbox(tx, self.account, old, new),
                kind="rename mailbox", name=old, new=new,
            )  # fmt: skip
        else:
            new = f"M{self.chance.randint(0, 10**9)}"
            self.do(
                lambda tx: mailboxes.create_mailbox(tx, self.account, new),
                lambda made: made.name,
                kind="create mailbox", new=new,
            )  # fmt: skip
        self.made.append(new)


def never_sync(store: Store) -> None:
    engine = store.database.engine
    begin = engine.begin
    event.listen(engine.sql, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))

    def begin_as_it_is(connection: Connection, lasting: bool, **options: bool) -> None:
        begin(connection, True, **options)  # nothing to change

    engine.begin = begin_as_it_is  # type: ignore[assignment]


def main() -> None:
    folder, log_path, seed, rounds, count = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6])
    log = Log(log_path)
    url = f"sqlite:///{folder / 'mail.db'}"
    for round_number in range(rounds):
        # A month passes between the rounds: what was removed in one is forgotten and swept in the next.
        ahead = round_number * 40 * 86_400
        open_store(url, folder).close()
        store = Store(url, folder, inline_limit=INLINE_LIMIT, clock=lambda: time.time() + ahead)  # noqa: B023
        if "off" in sys.argv:
            never_sync(store)
        for name in (*(f"t{number}" for number in range(THREADS)), SHARED):
            store.maildrop(name)
            if name != SHARED and round_number == 0:
                store.write(lambda tx, n=name: mailboxes.create_mailbox(tx, n, BOXES[1])).result()
        if round_number:
            store.housekeep()
        log.write(round=round_number)
        workers = [
            Worker(store, log, f"t{number}", random.Random(f"{seed} {round_number} {number}"), count)
            for number in range(THREADS)
        ]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            store.checkpoint()
            time.sleep(0.05)
        for worker in workers:
            worker.join()
            if worker.fault is not None:
                raise worker.fault
        store.close()


if __name__ == "__main__":
    main()
