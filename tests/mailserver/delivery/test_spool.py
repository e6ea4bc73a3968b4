"""The spool on both engines: claims, leases, results, and what an operator may do."""

from __future__ import annotations

import json
import threading
import time

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from mailserver.delivery import lanes, queue, results, spool
from mailserver.delivery.lanes import Standing
from mailserver.delivery.queue import Choice
from mailserver.delivery.results import Result
from mailserver.delivery.spool import DUE, FAILED, NEVER, SENT, Envelope, SpoolRecipient
from mailserver.store.messages import insert_message
from mailserver.store.tables import spool_lane


def put(store, *paths, reverse_path="an@city.vn", due_at=None, held=False, **envelope):
    content = store.prepare(b"Subject: ch\xc3\xa0o\r\n\r\nx\r\n")

    def job(tx):
        return spool.put(
            tx,
            insert_message(tx, content),
            Envelope(reverse_path, **envelope),
            [SpoolRecipient(path) for path in paths],
            due_at=due_at,
            held=held,
        )

    return store.write(job).result()


def claim(store, owner="me", limit=100, failing=0):
    """Lease lanes and read all that is due in them: (item, path)."""
    found = store.write(lambda tx: lanes.claim(tx, owner, limit, failing)).result()
    return [pair for lane in found for pair in due(store, lane.key)]


def due(store, key, count=100, known=()):
    with store.read() as connection:
        items, _ = lanes.load_due(connection, key, int(time.time()) + 1, count, known)
    return [(item.id, each.forward_path) for item in items for each in item.recipients]


def everything(store):
    with store.read() as connection:
        return {(item.id, each.forward_path): each for item in spool.load_items(connection) for each in item.recipients}


def lane(store, domain="x.vn", priority=0):
    with store.read() as connection:
        return connection.execute(
            select(spool_lane).where(spool_lane.c.domain == domain, spool_lane.c.priority == priority)
        ).first()


def give_back(store, owner, *standings):
    store.write(lambda tx: lanes.give_back(tx, owner, standings)).result()


def test_what_is_put_is_leased_by_domain(any_store):
    first = put(any_store, "a@x.vn", "b@y.vn", "a@x.vn")
    second = put(any_store, "c@X.vn")
    assert sorted(claim(any_store)) == [(first, "a@x.vn"), (first, "b@y.vn"), (second, "c@X.vn")]
    assert (lane(any_store).waiting, lane(any_store, "y.vn").waiting, lane(any_store).owner) == (2, 1, "me")
    assert claim(any_store, "other") == []


def test_a_lane_is_read_little_by_little(any_store):
    item = put(any_store, *(f"{number}@x.vn" for number in range(10)))
    key = ("x.vn", 0)
    first = due(any_store, key, 6)
    second = due(any_store, key, 6, known=first)
    assert (len(first), len(second)) == (6, 4)
    assert not set(first) & set(second)
    assert {number for number, _ in first + second} == {item}
    with any_store.read() as connection:
        assert [lanes.load_due(connection, key, 2**40, count)[1] for count in (6, 10, 11)] == [False, False, True]


def test_relays_at_once_never_lease_the_same(any_store):
    for number in range(40):
        put(any_store, f"a@{number}.vn", f"b@{number}.vn")
    claims, ready = [], threading.Barrier(4)

    def work(owner):
        ready.wait()
        while found := any_store.write(lambda tx: lanes.claim(tx, owner, 7)).result():
            claims.extend(each.key for each in found)

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
    store.write(lambda tx: tx.connection.execute(update(spool_lane).values(ready_at=tx.now - 1)).rowcount).result()


def record(store, owner, *told):
    return store.write(lambda tx: results.record(tx, owner, told)).result()


def test_results_are_written_down(any_store):
    item = put(any_store, "a@x.vn", "b@x.vn", "c@x.vn")
    claim(any_store)
    record(
        any_store,
        "me",
        Result(item, "a@x.vn", SENT, "250 ok"),
        Result(item, "b@x.vn", FAILED, "550 no"),
        Result(item, "c@x.vn", DUE, "451 later", 2**40, 2**41),
    )
    rows = everything(any_store)
    assert [(each.state, each.attempts, each.last_reply) for each in rows.values()] == [
        (SENT, 1, "250 ok"),
        (FAILED, 1, "550 no"),
        (DUE, 1, "451 later"),
    ]
    assert (rows[item, "c@x.vn"].next_attempt_at, rows[item, "c@x.vn"].deadline_at) == (2**40, 2**41)
    assert lane(any_store).waiting == 1
    assert record(any_store, "me", Result(item, "c@x.vn", SENT, "250 ok")) == {(item, "c@x.vn")}
    assert everything(any_store) == {}
    assert lane(any_store).waiting == 0  # leased: whoever has it gives it back
    give_back(any_store, "me", Standing(("x.vn", 0)))
    assert lane(any_store) is None


def test_a_lost_claim_may_report_facts_and_not_postpone(any_store):
    item = put(any_store, "a@x.vn", "b@x.vn")
    claim(any_store, "slow")
    expire(any_store)
    claim(any_store, "quick")
    took = record(
        any_store, "slow", Result(item, "a@x.vn", DUE, "451 later", 2**40), Result(item, "b@x.vn", SENT, "250 ok")
    )
    assert took == {(item, "b@x.vn")}
    rows = everything(any_store)
    assert (rows[item, "a@x.vn"].next_attempt_at < 2**40, rows[item, "a@x.vn"].attempts) == (True, 0)
    assert rows[item, "b@x.vn"].state == SENT
    assert record(any_store, "quick", Result(item, "b@x.vn", FAILED, "550 no")) == set()
    assert everything(any_store)[item, "b@x.vn"].state == SENT  # the first word stands


def test_the_clock_has_no_say_over_what_another_is_sending(any_store):
    item = put(any_store, "a@x.vn")
    claim(any_store, "busy")
    over = Result(item, "a@x.vn", FAILED, "554 too late", is_attempt=False)
    assert record(any_store, "me", over) == set()
    assert record(any_store, "busy", over) == {(item, "a@x.vn")}


def test_leases_are_extended_and_released_by_their_owner_only(any_store):
    put(any_store, "a@x.vn")
    claim(any_store, "me")
    before = lane(any_store).ready_at
    expire(any_store)
    assert any_store.write(lambda tx: lanes.extend(tx, "other")).result() == set()
    assert lane(any_store).ready_at < before
    assert any_store.write(lambda tx: lanes.extend(tx, "me")).result() == {("x.vn", 0)}
    assert lane(any_store).ready_at >= before
    any_store.write(lambda tx: lanes.release(tx, "other")).result()
    assert claim(any_store) == []
    any_store.write(lambda tx: lanes.release(tx, "me")).result()
    assert len(claim(any_store)) == 1


def test_a_lane_that_is_given_back_says_when_it_is_ready_again(any_store):
    item = put(any_store, "a@x.vn", "b@x.vn")
    claim(any_store)
    record(
        any_store,
        "me",
        Result(item, "a@x.vn", DUE, "451 later", 2**40),
        Result(item, "b@x.vn", DUE, "451 later", 2**41),
    )
    give_back(any_store, "me", Standing(("x.vn", 0)))
    assert (lane(any_store).ready_at, lane(any_store).owner) == (2**40, "")
    claim(any_store)  # not ready
    assert lane(any_store).owner == ""


def test_what_is_added_under_a_lease_is_told_to_its_holder(any_store):
    put(any_store, "a@x.vn")
    claim(any_store)
    with any_store.read() as connection:
        assert not lanes.has_news(connection, "me")
    put(any_store, "b@x.vn")
    with any_store.read() as connection:
        assert lanes.has_news(connection, "me")
    assert any_store.write(lambda tx: lanes.take_news(tx, "me")).result() == [("x.vn", 0)]
    assert any_store.write(lambda tx: lanes.take_news(tx, "me")).result() == []


def test_a_failing_lane_rests_and_stands_in_nobodys_way(any_store):
    put(any_store, "a@x.vn")
    claim(any_store)
    give_back(any_store, "me", Standing(("x.vn", 0), failures=2, rest_until=2**40, last_reply="451 4.4.1 refused"))
    assert (lane(any_store).ready_at, lane(any_store).failures) == (2**40, 2)
    put(any_store, "b@x.vn")  # new mail does not wake it
    assert lane(any_store).ready_at == 2**40
    expire(any_store)
    put(any_store, "a@y.vn")
    assert [path for _, path in claim(any_store)] == ["a@y.vn"]
    assert len(claim(any_store, failing=1)) == 2
    any_store.write(lambda tx: lanes.note_recovery(tx, "me", [("x.vn", 0)])).result()
    assert (lane(any_store).failures, lane(any_store).is_failing, lane(any_store).last_reply) == (0, 0, "")


def test_higher_priorities_go_first(any_store):
    for priority in (0, -9, 9, 3):
        put(any_store, f"p{priority}@x.vn", priority=priority)
    found = [each.key for each in any_store.write(lambda tx: lanes.claim(tx, "me", 3)).result()]
    assert found == [("x.vn", 9), ("x.vn", 3), ("x.vn", 0)]


def test_release_at_a_time_is_kept(any_store):
    item = put(any_store, "a@x.vn", release_at=2**40)
    assert claim(any_store) == []
    row = everything(any_store)[item, "a@x.vn"]
    assert row.next_attempt_at == 2**40 < row.deadline_at
    with any_store.read() as connection:
        assert lanes.next_ready_at(connection) == 2**40


def test_deadlines_are_found_whether_or_not_anything_was_tried(any_store):
    item = put(any_store, "a@x.vn", "b@y.vn", deliver_by=5000)
    with any_store.read() as connection:
        assert lanes.overdue(connection, "me", 4999, 10) == []
        (found,) = lanes.overdue(connection, "me", 5000, 10)
    assert sorted(each.forward_path for each in found.recipients) == ["a@x.vn", "b@y.vn"]
    assert found.id == item
    any_store.write(lambda tx: lanes.claim(tx, "other", 1)).result()
    with any_store.read() as connection:
        (found,) = lanes.overdue(connection, "me", 5000, 10)
    assert len(found.recipients) == 1  # what another has is his affair


def test_the_delay_is_reported_by_one(any_store):
    item = put(any_store, "a@x.vn")
    told = [any_store.write(lambda tx: results.mark_delay_reported(tx, item)).result() for _ in range(2)]
    assert told == [True, False]


def test_spooling_wakes_the_relay(store):
    woken = threading.Event()
    watch = store.watch_spool(woken.set)
    put(store, "a@x.vn")
    assert woken.wait(10)
    watch.close()


@pytest.mark.parametrize(
    "asked",
    [lanes._READY, lanes._NEXT_PRIORITY, lanes._DUE, lanes._OVERDUE, results._FOUND_ONE],
    ids=["ready", "priorities", "due", "overdue", "found"],
)
def test_what_the_relay_asks_is_answered_from_indexes(store, asked):
    """Whatever waits, nothing is looked through."""
    put(store, *(f"{number}@{number}.vn" for number in range(50)))
    with store.read() as connection:
        sql, parameters = asked._question.prepare(connection.dialect, {})
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {sql}", tuple(1 if each is None else each for each in parameters)
        )
        steps = [row[3] for row in plan]
    looked_through = [step for step in steps if step.startswith("SCAN") and "anon" not in step]
    assert looked_through == [], steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


# -- the operator


def ids(*numbers):
    return Choice(ids=numbers)


def test_held_messages_stay(any_store):
    item = put(any_store, "a@x.vn")
    assert queue.hold(any_store, ids(item, item + 99)) == 1
    assert queue.hold(any_store, ids(item)) == 0
    assert claim(any_store) == []
    with any_store.read() as connection:
        assert lanes.next_ready_at(connection) is None
        assert lanes.overdue(connection, "me", 2**50, 10) == []
    assert queue.list_queued(any_store)[0].held
    assert queue.release(any_store, ids(item)) == 1
    assert len(claim(any_store)) == 1


def test_what_is_held_while_it_is_sent_is_finished(any_store):
    item = put(any_store, "a@x.vn", "b@x.vn")
    claim(any_store)
    queue.hold(any_store, ids(item))
    record(any_store, "me", Result(item, "a@x.vn", SENT, "250"), Result(item, "b@x.vn", DUE, "451 4.2.0 later", 5))
    rows = everything(any_store)
    assert (rows[item, "a@x.vn"].state, rows[item, "b@x.vn"].state) == (SENT, "held")
    assert rows[item, "b@x.vn"].next_attempt_at == NEVER
    give_back(any_store, "me", Standing(("x.vn", 0)))
    assert queue.release(any_store, Choice()) == 1
    assert [path for _, path in claim(any_store)] == ["b@x.vn"]


def test_spooled_and_held_at_once(any_store):
    put(any_store, "a@x.vn", held=True)
    assert claim(any_store) == []
    assert queue.release(any_store, Choice(state="held")) == 1
    assert len(claim(any_store)) == 1


def test_nothing_an_operator_does_sends_a_message_before_its_release(any_store):
    """RFC 4865 §4: the sender was promised the moment."""
    later = int(time.time()) + 86_400
    item = put(any_store, "a@x.vn", release_at=later)
    assert queue.retry(any_store, Choice()) == 0
    assert claim(any_store) == []
    queue.hold(any_store, ids(item))
    queue.release(any_store, ids(item))
    assert claim(any_store) == []
    row = everything(any_store)[item, "a@x.vn"]
    assert row.next_attempt_at == later < row.deadline_at
    queue.reroute(any_store, ids(item), "relay.example:25")
    assert claim(any_store) == []
    with any_store.read() as connection:
        assert lanes.next_ready_at(connection) == later


def test_retry_now(any_store):
    item = put(any_store, "a@x.vn", due_at=2**40)
    assert queue.retry(any_store, ids(item)) == 1
    assert len(claim(any_store)) == 1
    assert queue.retry(any_store, ids(item)) == 0  # it is being sent


def test_retry_ends_the_rest_of_a_failing_domain(any_store):
    item = put(any_store, "a@x.vn")
    claim(any_store)
    give_back(any_store, "me", Standing(("x.vn", 0), failures=1, rest_until=2**40))
    assert queue.retry(any_store, ids(item)) == 1
    assert len(claim(any_store, failing=1)) == 1


def test_reroute_and_back(any_store):
    item = put(any_store, "a@x.vn", "b@y.vn")
    assert queue.reroute(any_store, ids(item), "Other.example:2525") == 2
    assert queue.reroute(any_store, ids(item), "other.example:2525") == 0
    assert lane(any_store) is None
    assert lane(any_store, "via:other.example:2525").waiting == 2
    assert queue.reroute(any_store, ids(item), "") == 2
    assert (lane(any_store).waiting, lane(any_store, "y.vn").waiting) == (1, 1)
    claim(any_store, limit=1)
    assert queue.reroute(any_store, ids(item), "other.example") == 1  # the other one is being sent


def test_list_show_remove(any_store):
    item = put(any_store, "a@x.vn", "b@y.vn")
    claim(any_store, limit=1)
    (entry,) = queue.list_queued(any_store)
    assert (entry.reverse_path, entry.subject, entry.size) == ("an@city.vn", "chào", 21)
    assert sorted(each.state for each in entry.recipients) == ["due", "sending"]
    assert queue.header_of(any_store, item).startswith(b"Subject: ")
    assert queue.header_of(any_store, item + 1) == b""
    assert queue.count_waiting(any_store) == 2
    assert queue.remove(any_store, ids(item, item + 1)) == 1
    assert queue.list_queued(any_store) == []
    assert queue.count_waiting(any_store) == 0


def test_choices(any_store):
    first = put(any_store, "a@x.vn", reverse_path="binh@city.vn")
    second = put(any_store, "a@y.vn", held=True)
    third = put(any_store, "a@z.vn", "b@x.vn", reverse_path="")
    any_store.write(lambda tx: lanes.claim(tx, "me", 1)).result()
    taken = next(domain for domain in ("x.vn", "z.vn") if lane(any_store, domain).owner)

    def listed(**choice):
        return [each.id for each in queue.list_queued(any_store, Choice(**choice))]

    assert listed() == [first, second, third]
    assert listed(domain="X.vn") == [first, third]
    assert listed(domain="x.vn", sender="<>") == [third]
    assert listed(sender="binh@city.vn") == [first]
    assert listed(before=10) == []
    assert listed(before=2**40) == [first, second, third]
    assert listed(state="held") == [second]
    assert listed(domain="y.vn", state="held") == [second]
    assert listed(state="sending") == ([first, third] if taken == "x.vn" else [third])
    assert listed(state="failing") == []
    assert listed(ids=(second, third), state="waiting") == [third]
    assert [(each.domain, each.waiting) for each in queue.list_domains(any_store)] == [
        ("x.vn", 2),
        ("y.vn", 1),
        ("z.vn", 1),
    ]


def test_changes_go_in_batches(any_store, monkeypatch):
    monkeypatch.setattr(queue, "_BATCH", 3)
    for number in range(8):
        put(any_store, f"{number}@x.vn")
    assert queue.hold(any_store, Choice(domain="x.vn")) == 8
    assert queue.remove(any_store, Choice()) == 8


@pytest.fixture
def citymail(store, tmp_path):
    """The command line on an installation whose store is ``store``."""
    from directory.database import open_directory
    from directory.record import entries
    from mailserver.cli import main

    folder = store.blobs.folder.parent
    config = tmp_path / "citymail.toml"
    config.write_text(f'[storage]\ndata = "{folder}"\n')

    def run(*arguments, code=0):
        done = CliRunner().invoke(
            main,
            ["queue", arguments[0], "--config", str(config), "--lang", "en", *arguments[1:]],
            catch_exceptions=False,
        )
        assert done.exit_code == code, done.output
        return done.output

    def audited():
        directory = open_directory(f"sqlite:///{folder / 'directory.db'}")
        with directory.read() as connection:
            found = [entry for entry in entries(connection) if entry.action.startswith("queue.")]
        directory.close()
        return [(entry.action, json.loads(entry.details)) for entry in found]

    run.audited = audited
    return run


def test_the_command_line(store, citymail):
    item = put(store, "a@x.vn", due_at=2**33)
    assert "<an@city.vn>  chào" in citymail("list")
    assert "1 messages shown; 1 recipients wait" in citymail("list")
    assert "1 thư; tất cả 1" in citymail("list", "--lang", "vi")
    assert json.loads(citymail("list", "--json"))[0]["recipients"][0]["forward_path"] == "a@x.vn"
    assert "0 messages" in citymail("list", "--domain", "y.vn")
    assert "0 messages" in citymail("list", "--older-than", "1d")
    assert "Subject:" in citymail("show", str(item))
    assert json.loads(citymail("show", "--json", str(item)))["header"].startswith("Subject:")
    assert "x.vn  1 waiting" in citymail("domains")
    assert json.loads(citymail("domains", "--json"))[0]["domain"] == "x.vn"
    citymail("show", "999", code=3)
    citymail("hold", code=2)
    citymail("hold", "--all", "--sender", "an@city.vn", code=2)
    citymail("list", "--older-than", "soon", code=2)
    assert citymail("hold", str(item)) == "1 messages held\n"
    assert "HELD" in citymail("list", "--state", "held")
    assert json.loads(citymail("release", "--all", "--json")) == {"release": 1}
    assert citymail("retry", "--domain", "x.vn") == "1 recipients due now\n"
    citymail("reroute", str(item), code=2)
    citymail("reroute", str(item), "--through", "no way", code=2)
    assert citymail("reroute", str(item), "--through", "other.example:2525") == "1 recipients rerouted\n"
    assert "a@x.vn  [via:other.example:2525]  due" in citymail("list")
    assert citymail("reroute", "--all", "--direct") == "1 recipients rerouted\n"
    assert citymail("remove", "--sender", "an@city.vn", "--by", "binh") == "1 messages removed\n"
    assert "0 messages" in citymail("list")
    assert [action for action, _ in citymail.audited()] == [
        "queue.hold",
        "queue.release",
        "queue.retry",
        "queue.reroute",
        "queue.reroute",
        "queue.remove",
    ]
    assert citymail.audited()[-1][1]["sender"] == "an@city.vn"


def test_domains_that_cannot_be_reached_are_shown(store, citymail):
    put(store, "a@x.vn")
    claim(store)
    give_back(store, "me", Standing(("x.vn", 0), failures=3, rest_until=2**33, last_reply="451 4.4.1 refused"))
    said = citymail("domains")
    assert "cannot be reached, 3 times" in said
    assert "451 4.4.1 refused" in said
