"""Several processes on one store: one order of UIDs for all, nothing lost when one of them dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailserver.store import Store, changes, mailboxes, messages, reading

# Appends, from several threads, messages whose subjects say who sent them; prints a line for each acknowledgement.
SENDER = """
import sys, threading
from pathlib import Path
from mailserver.store import Store, messages
from mailserver.store.messages import Target
url, folder, name, mailbox_id, threads, each = sys.argv[1:]
store = Store(url, Path(folder), inline_limit=2000)
print("ready", flush=True)
sys.stdin.readline()
def send(thread):
    for number in range(int(each)):
        subject = f"{name}.{thread}.{number}"
        body = "x" * (5000 if number % 5 == 0 else 50)
        content = store.prepare(f"Subject: {subject}\\r\\n\\r\\n{body}\\r\\n".encode())
        done = store.write(
            lambda tx: messages.append(tx, content, [Target(int(mailbox_id))])[0], [int(mailbox_id)]
        ).result()
        sys.stdout.write(f"{subject} {done.uid}\\n")
        sys.stdout.flush()
workers = [threading.Thread(target=send, args=(number,)) for number in range(int(threads))]
for worker in workers: worker.start()
for worker in workers: worker.join()
store.close()
"""

# Looks at a mailbox without pause until told to end; prints what it saw that must not be seen.
READER = """
import sys, threading, json
from pathlib import Path
from mailserver.store import Store, changes, mailboxes, reading
url, folder, mailbox_id = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = Store(url, Path(folder))
ending = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), ending.set()), daemon=True).start()
print("ready", flush=True)
faults, looks, known, modseq = [], 0, 0, 1
while not ending.is_set() and len(faults) < 5:
    with store.read() as connection:
        uids = list(reading.uids(connection, mailbox_id))
        now = mailboxes.get_mailbox(connection, mailbox_id)
        news = changes.changed_since(connection, mailbox_id, modseq)
    looks += 1
    if uids != list(range(1, len(uids) + 1)):
        faults.append(f"a gap in {uids[-20:]}")
    if now.messages != len(uids) or now.uid_next != len(uids) + 1:
        faults.append(f"{now.messages} messages, UIDNEXT {now.uid_next}, {len(uids)} rows")
    # A session that only ever asks what is new must hear of every message once.
    if [uid for uid, _, _ in news] != list(range(known + 1, len(uids) + 1)):
        faults.append(f"knew {known}, was told {[uid for uid, _, _ in news][:20]} of {len(uids)}")
    known, modseq = len(uids), now.highest_modseq
print(json.dumps({"looks": looks, "faults": faults}), flush=True)
store.close()
"""


class Child:
    def __init__(self, program: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def say(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def rest(self) -> str:
        out, _ = self.process.communicate(timeout=120)
        return out


@pytest.fixture
def start() -> Iterator[Any]:
    children: list[Child] = []

    def begin(program: str, *arguments: object) -> Child:
        children.append(Child(program, *arguments))
        return children[-1]

    yield begin
    for child in children:
        if child.process.poll() is None:
            child.process.kill()
        with child.process:
            pass


def where(store: Store) -> tuple[str, Path]:
    url = store.database.engine.sql.url.render_as_string(hide_password=False)
    return url, store.blobs.folder.parent


def test_processes_and_threads_write_at_once(clerk: Any, start: Any) -> None:
    processes, threads, each = 3, 4, 25
    url, folder = where(clerk.store)
    reader = start(READER, url, folder, clerk.inbox.id)
    senders = [start(SENDER, url, folder, name, clerk.inbox.id, threads, each) for name in "abc"[:processes]]
    for sender in senders:
        sender.say()
    acknowledged = dict(line.split() for sender in senders for line in sender.rest().splitlines())
    reader.say()
    seen = json.loads(reader.rest())
    assert seen["faults"] == []
    assert seen["looks"] > 3
    count = processes * threads * each
    assert sorted(int(uid) for uid in acknowledged.values()) == list(range(1, count + 1))
    rows = clerk.ask(
        lambda connection: list(reading.fetch(connection, clerk.inbox.id, [(1, count)], ("uid", "subject")))
    )
    assert {row.subject: str(row.uid) for row in rows} == acknowledged
    # What one thread sent one after the other lies in that order.
    for name in "abc":
        for thread in range(threads):
            uids = [int(acknowledged[f"{name}.{thread}.{number}"]) for number in range(each)]
            assert uids == sorted(uids)


def test_a_process_killed_in_the_middle_loses_nothing_acknowledged(clerk: Any, start: Any) -> None:
    url, folder = where(clerk.store)
    acknowledged: dict[str, int] = {}
    for round_number in range(3):
        survivor = start(SENDER, url, folder, f"s{round_number}", clerk.inbox.id, 2, 20)
        victim = start(SENDER, url, folder, f"v{round_number}", clerk.inbox.id, 4, 10_000)
        survivor.say()
        victim.say()
        assert victim.process.stdout is not None
        for _ in range(10 + 7 * round_number):
            subject, uid = victim.process.stdout.readline().split()
            acknowledged[subject] = int(uid)
        victim.process.send_signal(signal.SIGKILL)
        for child in (victim, survivor):
            for line in child.rest().splitlines():
                if len(line.split()) == 2 and line.split()[1].isdigit():
                    acknowledged[line.split()[0]] = int(line.split()[1])
        assert len([subject for subject in acknowledged if subject.startswith(f"s{round_number}.")]) == 40
    rows = clerk.ask(
        lambda connection: list(reading.fetch(connection, clerk.inbox.id, [(1, 2**32)], ("uid", "subject")))
    )
    found = {row.subject: row.uid for row in rows}
    assert len(found) == len(rows)
    assert {subject: found.get(subject) for subject in acknowledged} == acknowledged
    assert [row.uid for row in rows] == list(range(1, len(rows) + 1))
    clerk.fill(1)
    assert clerk.store.check_consistency() == []


def test_a_process_that_stops_while_it_writes_holds_the_others_up_and_no_more(
    store: Store, hire: Any, start: Any
) -> None:
    """A stopped process may hold the lock: the others wait for it, and lose nothing."""
    clerk = hire(store)
    url, folder = where(store)
    victim = start(SENDER, url, folder, "v", clerk.inbox.id, 4, 100)
    victim.say()
    assert victim.process.stdout is not None
    victim.process.stdout.readline()
    content = store.prepare(b"Subject: mine\r\n\r\n")
    for _ in range(5):
        os.kill(victim.process.pid, signal.SIGSTOP)
        future = store.write(lambda tx: messages.append(tx, content, [messages.Target(clerk.inbox.id)]))
        os.kill(victim.process.pid, signal.SIGCONT)
        future.result(60)
    victim.rest()
    assert clerk.mailbox().messages == 405
    assert clerk.uids() == list(range(1, 406))


def test_what_a_process_changes_is_seen_by_another_at_once(clerk: Any, start: Any) -> None:
    url, folder = where(clerk.store)
    sender = start(SENDER, url, folder, "a", clerk.inbox.id, 1, 30)
    sender.say()
    assert sender.process.stdout is not None
    for line in sender.process.stdout:
        uid = int(line.split()[1])
        with clerk.store.read() as connection:  # a new snapshot after its answer
            now = mailboxes.get_mailbox(connection, clerk.inbox.id)
            assert now is not None
            assert now.uid_next > uid
            assert changes.state(connection, clerk.inbox.id).uid_next > uid
            assert clerk.store.octets(
                connection, reading.placements(connection, clerk.inbox.id, [(uid, uid)])[0].message_id
            )
