"""Forgetting: what can still be brought back stays, what cannot goes, and nothing that anybody needs."""

from __future__ import annotations

import os
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from mailserver.store import Store, housekeeping, mailboxes, messages, reading
from mailserver.store.blobs import ORPHAN_AGE
from mailserver.store.messages import Target
from mailserver.store.tables import message, spool_item

DAY = 86_400


def message_ids(store: Store) -> set[int]:
    with store.read() as connection:
        return set(connection.execute(select(message.c.id)).scalars())


def age_files(store: Store, now: float) -> None:
    for digest in store.blobs.digests():
        os.utime(store.blobs.path(digest), (now, now))


@pytest.fixture
def clerk(timed_store: Store, hire: Any) -> Any:
    return hire(timed_store)


def test_a_quiet_night_removes_nothing(clerk: Any, clock: Any) -> None:
    clerk.fill(3)
    clerk.do(messages.remove, clerk.inbox.id, [(1, 1)])
    clock.now += 29 * DAY
    assert clerk.store.housekeep() == {"tombstones": 0, "messages": 0, "mailboxes": 0, "files": 0, "indexed": 0}
    assert clerk.do(messages.restore, clerk.inbox.id, [1], clerk.inbox.id) == [4]


def test_after_its_time_a_removed_message_is_gone(clerk: Any, clock: Any) -> None:
    clerk.fill(3)
    target = clerk.create("T")
    clerk.do(messages.copy, clerk.inbox.id, [(2, 2)], target.id)
    clerk.do(messages.remove, clerk.inbox.id, [(1, 2)])
    before = message_ids(clerk.store)
    clock.now += 31 * DAY
    gone = clerk.store.housekeep()
    assert (gone["tombstones"], gone["messages"]) == (2, 1)
    assert len(before - message_ids(clerk.store)) == 1
    assert clerk.octets(1, target)  # its copy stays whole
    assert clerk.do(messages.restore, clerk.inbox.id, [1, 2], clerk.inbox.id) == []
    assert clerk.store.housekeep()["tombstones"] == 0


def test_more_than_one_round_at_a_time(clerk: Any, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "_BATCH", 3)
    clerk.fill(10)
    clerk.do(messages.remove, clerk.inbox.id, [(1, 8)])
    clock.now += 31 * DAY
    gone = clerk.store.housekeep()
    assert (gone["tombstones"], gone["messages"]) == (8, 8)
    assert clerk.uids() == [9, 10]


def test_a_deleted_mailbox_is_forgotten_with_its_last_message(clerk: Any, clock: Any, mail: Any) -> None:
    doomed = clerk.create("Xóa")
    clerk.append(mail(), doomed, flags=("từ".replace("ừ", "u"),))
    empty = clerk.create("Rỗng")
    clerk.do(mailboxes.delete_mailbox, "an", "Rỗng")
    clock.now += 20 * DAY
    clerk.do(mailboxes.delete_mailbox, "an", "Xóa")
    clock.now += 11 * DAY
    assert clerk.store.housekeep()["mailboxes"] == 1
    clock.now += 20 * DAY
    assert clerk.store.housekeep()["mailboxes"] == 1
    with clerk.store.read() as connection:
        left = set(connection.execute(text("SELECT id FROM mailbox")).scalars())
    assert not {doomed.id, empty.id} & left
    # Numbers are not given again.
    assert clerk.create("Mới").id > max(doomed.id, empty.id)


def test_a_message_nobody_has_yet_is_given_time(clerk: Any, clock: Any, mail: Any) -> None:
    content = clerk.store.prepare(mail())
    message_id = clerk.do(messages.insert_message, content)
    assert clerk.store.housekeep()["messages"] == 0
    clock.now += 2 * ORPHAN_AGE
    assert clerk.store.housekeep()["messages"] == 1
    assert message_id not in message_ids(clerk.store)


def test_mail_on_its_way_out_is_kept(clerk: Any, clock: Any, mail: Any) -> None:
    content = clerk.store.prepare(mail())

    def spool(tx: Any) -> int:
        message_id = messages.insert_message(tx, content)
        values = {"id": mailboxes.take_numbers(tx, "spool_item", 1), "message_id": message_id, "reverse_path": ""}
        tx.connection.execute(insert(spool_item), [values | {"created_at": tx.now}])
        return message_id

    message_id = clerk.do(spool)
    clock.now += 400 * DAY
    assert clerk.store.housekeep()["messages"] == 0
    assert message_id in message_ids(clerk.store)
    clerk.do(lambda tx: tx.connection.execute(text("DELETE FROM spool_item")))
    assert clerk.store.housekeep()["messages"] == 1


def test_a_body_goes_with_the_last_message_that_has_it(make_store: Any, hire: Any, clock: Any) -> None:
    store = make_store(inline_limit=100, clock=clock)
    clerk = hire(store)
    octets = b"Subject: to\r\n\r\n" + b"x" * 5000
    for _ in range(2):
        clerk.do(messages.append, store.prepare(octets), [Target(clerk.inbox.id)])
    age_files(store, clock.now)
    clerk.do(messages.remove, clerk.inbox.id, [(1, 1)])
    clock.now += 31 * DAY
    assert store.housekeep() == {"tombstones": 1, "messages": 1, "mailboxes": 0, "files": 0, "indexed": 0}
    assert clerk.octets(2) == octets
    clerk.do(messages.remove, clerk.inbox.id, [(2, 2)])
    clock.now += 31 * DAY
    assert store.housekeep() == {"tombstones": 1, "messages": 1, "mailboxes": 0, "files": 1, "indexed": 0}
    assert list(store.blobs.digests()) == []


def test_housekeeping_while_others_write(clerk: Any, clock: Any) -> None:
    clerk.fill(50)
    clerk.do(messages.remove, clerk.inbox.id, [(1, 40)])
    clock.now += 31 * DAY
    futures = [
        clerk.store.write(lambda tx, u=uid: messages.set_flags(tx, clerk.inbox.id, [(u, u)], "add", ["\\Seen"]))
        for uid in range(41, 51)
    ]
    assert clerk.store.housekeep()["messages"] == 40
    for future in futures:
        future.result(30)
    assert clerk.uids() == list(range(41, 51))
    assert clerk.mailbox().unseen == 0


def test_checkpoint_may_be_asked_for_at_any_time(clerk: Any) -> None:
    clerk.fill(1)
    clerk.store.checkpoint()
    with clerk.store.read() as connection:
        reading.uids(connection, clerk.inbox.id)
        clerk.store.checkpoint()
    assert clerk.uids() == [1]
