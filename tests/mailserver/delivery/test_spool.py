"""The spool on both engines: claims, leases, results, and what an operator may do."""

from __future__ import annotations

import json
import threading

import pytest
from click.testing import CliRunner

from mailserver.delivery import queue, spool
from mailserver.delivery.spool import DUE, FAILED, SENT, Envelope, Result, SpoolRecipient
from mailserver.store.messages import insert_message


def put(store, *paths, reverse_path="an@city.vn", **more):
    content = store.prepare(b"Subject: ch\xc3\xa0o\r\n\r\nx\r\n")

    def job(tx):
        return spool.put(
            tx, insert_message(tx, content), Envelope(reverse_path), [SpoolRecipient(path) for path in paths], **more
        )

    return store.write(job).result()


def claim(store, owner="me", limit=100):
    return store.write(lambda tx: spool.claim_due(tx, owner, limit)).result()


def paths(items):
    return [(item.id, each.forward_path) for item in items for each in item.recipients]


def everything(store):
    with store.read() as connection:
        return {(item.id, each.forward_path): each for item in spool.load_items(connection) for each in item.recipients}


def test_what_is_put_is_claimed_once(any_store):
    first = put(any_store, "a@x.vn", "b@y.vn", "a@x.vn")
    second = put(any_store, "c@x.vn")
    items = claim(any_store)
    assert paths(items) == [(first, "a@x.vn"), (first, "b@y.vn"), (second, "c@x.vn")]
    assert [each.domain for each in items[0].recipients] == ["x.vn", "y.vn"]
    assert items[0].envelope.reverse_path == "an@city.vn"
    assert claim(any_store) == []


def test_a_claim_may_be_partial(any_store):
    item = put(any_store, *(f"{number}@x.vn" for number in range(10)))
    first, second = claim(any_store, limit=6), claim(any_store, "other", limit=6)
    assert (len(first[0].recipients), len(second[0].recipients)) == (6, 4)
    assert not set(paths(first)) & set(paths(second))
    assert first[0].id == second[0].id == item


def test_relays_at_once_never_claim_the_same(any_store):
    for _ in range(20):
        put(any_store, "a@x.vn", "b@x.vn")
    claims, ready = [], threading.Barrier(4)

    def work(owner):
        ready.wait()
        while found := paths(claim(any_store, owner, 7)):
            claims.extend(found)

    threads = [threading.Thread(target=work, args=(f"relay{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(claims) == len(set(claims)) == 40


def test_a_lease_that_has_run_out_is_claimed_again(any_store):
    put(any_store, "a@x.vn")
    claim(any_store, "dead")
    expire(any_store)
    assert len(claim(any_store, "alive")) == 1
    assert everything(any_store)[1, "a@x.vn"].attempts == 0


def expire(store):
    from sqlalchemy import update

    from mailserver.store.tables import spool_recipient

    store.write(
        lambda tx: tx.connection.execute(update(spool_recipient).values(leased_until=tx.now - 1)).rowcount
    ).result()


def record(store, owner, *results):
    store.write(lambda tx: spool.record(tx, owner, results)).result()


def test_results_are_written_down(any_store):
    item = put(any_store, "a@x.vn", "b@x.vn", "c@x.vn")
    claim(any_store)
    record(
        any_store,
        "me",
        Result(item, "a@x.vn", SENT, "250 ok"),
        Result(item, "b@x.vn", FAILED, "550 no"),
        Result(item, "c@x.vn", DUE, "451 later", 2**40),
    )
    rows = everything(any_store)
    assert [(each.state, each.attempts, each.last_reply) for each in rows.values()] == [
        (SENT, 1, "250 ok"),
        (FAILED, 1, "550 no"),
        (DUE, 1, "451 later"),
    ]
    assert rows[item, "c@x.vn"].leased_until == 0
    any_store.write(lambda tx: spool.remove_finished(tx, [item])).result()
    assert len(everything(any_store)) == 3
    record(any_store, "me", Result(item, "c@x.vn", SENT, "250 ok"))
    any_store.write(lambda tx: spool.remove_finished(tx, [item])).result()
    assert everything(any_store) == {}


def test_a_lost_claim_may_report_facts_and_not_postpone(any_store):
    item = put(any_store, "a@x.vn", "b@x.vn")
    claim(any_store, "slow")
    expire(any_store)
    claim(any_store, "quick")
    record(any_store, "slow", Result(item, "a@x.vn", DUE, "451 later", 2**40), Result(item, "b@x.vn", SENT, "250 ok"))
    rows = everything(any_store)
    assert (rows[item, "a@x.vn"].next_attempt_at < 2**40, rows[item, "a@x.vn"].attempts) == (True, 0)
    assert rows[item, "b@x.vn"].state == SENT
    record(any_store, "quick", Result(item, "b@x.vn", FAILED, "550 no"))
    assert everything(any_store)[item, "b@x.vn"].state == SENT  # the first word stands


def test_leases_are_extended_and_released_by_their_owner_only(any_store):
    item = put(any_store, "a@x.vn")
    claim(any_store, "me")
    before = everything(any_store)[item, "a@x.vn"].leased_until
    expire(any_store)
    any_store.write(lambda tx: spool.extend_leases(tx, "other", [item])).result()
    assert everything(any_store)[item, "a@x.vn"].leased_until < before
    any_store.write(lambda tx: spool.extend_leases(tx, "me", [item])).result()
    assert everything(any_store)[item, "a@x.vn"].leased_until >= before
    any_store.write(lambda tx: spool.release(tx, "other")).result()
    assert claim(any_store) == []
    any_store.write(lambda tx: spool.release(tx, "me")).result()
    assert len(claim(any_store)) == 1


def test_the_delay_is_reported_by_one(any_store):
    item = put(any_store, "a@x.vn")
    told = [any_store.write(lambda tx: spool.mark_delay_reported(tx, item)).result() for _ in range(2)]
    assert told == [True, False]


def test_what_is_due_later_waits(any_store):
    put(any_store, "a@x.vn", due_at=2**40)
    assert claim(any_store) == []
    with any_store.read() as connection:
        assert spool.next_due_at(connection, 10) == 2**40


def test_spooling_wakes_the_relay(store):
    woken = threading.Event()
    watch = store.watch_spool(woken.set)
    put(store, "a@x.vn")
    assert woken.wait(10)
    watch.close()


# -- the operator


def test_held_messages_stay(any_store):
    item = put(any_store, "a@x.vn")
    assert queue.hold(any_store, [item, item + 99]) == 1
    assert queue.hold(any_store, [item]) == 0
    assert claim(any_store) == []
    with any_store.read() as connection:
        assert spool.next_due_at(connection, 2**40) is None
    assert queue.list_queued(any_store, 0)[0].held
    assert queue.release(any_store, [item]) == 1
    assert len(claim(any_store)) == 1


def test_retry_now(any_store):
    item = put(any_store, "a@x.vn", due_at=2**40)
    assert queue.retry(any_store, [item]) == 1
    assert len(claim(any_store)) == 1
    assert queue.retry(any_store, [item]) == 0  # it is being sent


def test_list_show_remove(any_store):
    item = put(any_store, "a@x.vn", "b@x.vn")
    claim(any_store, limit=1)
    (entry,) = queue.list_queued(any_store, 0)
    assert (entry.reverse_path, entry.subject, entry.size) == ("an@city.vn", "chào", 21)
    assert sorted(each.state for each in entry.recipients) == ["due", "sending"]
    assert queue.header_of(any_store, item).startswith(b"Subject: ")
    assert queue.header_of(any_store, item + 1) == b""
    assert queue.remove(any_store, [item, item + 1]) == 1
    assert queue.list_queued(any_store, 0) == []


@pytest.fixture
def citymail(store, tmp_path):
    """The command line on an installation whose store is ``store``."""
    from mailserver.cli.queue import queue as group

    folder = store.blobs.folder.parent
    config = tmp_path / "citymail.toml"
    config.write_text(f'[storage]\ndata = "{folder}"\n')

    def run(*arguments, code=0):
        done = CliRunner().invoke(
            group, [arguments[0], "--config", str(config), *arguments[1:]], catch_exceptions=False
        )
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_the_command_line(store, citymail):
    item = put(store, "a@x.vn", due_at=2**33)
    assert "<an@city.vn>  chào" in citymail("list")
    assert "1 messages" in citymail("list")
    assert json.loads(citymail("list", "--json"))[0]["recipients"][0]["forward_path"] == "a@x.vn"
    assert "Subject:" in citymail("show", str(item))
    assert json.loads(citymail("show", "--json", str(item)))["header"].startswith("Subject:")
    citymail("show", "999", code=3)
    citymail("hold", code=2)
    assert citymail("hold", str(item)) == "1 messages held\n"
    assert "HELD" in citymail("list")
    assert json.loads(citymail("release", "--all", "--json")) == {"release": 1}
    assert citymail("retry", "--all") == "1 recipients due now\n"
    assert citymail("remove", str(item)) == "1 messages removed\n"
    assert citymail("list") == "0 messages\n"
