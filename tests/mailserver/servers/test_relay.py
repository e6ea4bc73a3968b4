"""The relay, live: from a submission through the spool to another server, and back as a report when it fails."""

from __future__ import annotations

import asyncio
import errno
import time

import pytest
from sqlalchemy import update

from mailserver.delivery import lanes
from mailserver.servers import dns as dns_shell
from mailserver.servers import relay_connector, relay_destination
from mailserver.smtp import steps as smtp_steps
from mailserver.store.tables import spool_lane
from tests.mailserver.mailroom import Talk, mails, set_quota
from tests.mailserver.servers.relaying import MESSAGE, is_empty, lane_rows, move_time, submit, until, waiting


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(relay_destination, "LINGER", 0.2)
    monkeypatch.setattr(dns_shell, "FAILURE_MEMORY", 0)


def test_a_message_goes_out_and_leaves_the_spool(relaying, far):
    room = relaying(far)
    submit(room, "<x@far.example>", "<y@far.example>", "<binh@city.vn>")
    until(lambda: is_empty(room))
    (message,) = far.messages
    assert message.recipients == ["x@far.example", "y@far.example"]
    assert message.octets.endswith(MESSAGE)
    assert message.octets.startswith(b"Received: from client.example")  # no Return-Path
    assert message.sender.startswith(f"MAIL FROM:<an@city.vn> SIZE={len(message.octets)}")
    assert len(mails(room.office.store, "binh")) == 1
    assert mails(room.office.store, "an") == []  # no news is good news


def test_many_messages_share_a_connection(relaying, far):
    room = relaying(far, per_destination=1)
    far.pause.clear()
    for _ in range(10):
        submit(room, "<x@far.example>")
    far.pause.set()
    until(lambda: is_empty(room))
    assert len(far.messages) == 10
    assert far.connections == 1


def test_connections_to_one_server_are_few(relaying, far):
    room = relaying(far, per_destination=2)
    far.pause.clear()
    for _ in range(12):
        submit(room, "<x@far.example>")
    far.pause.set()
    until(lambda: is_empty(room))
    assert len(far.messages) == 12
    assert far.most_open == 2


def test_each_recipient_has_its_own_fate(relaying, make_far, clock):
    far = make_far(
        {"RCPT TO:<no@far.example>": "550 5.1.1 never heard of", "RCPT TO:<later@far.example>": "451 4.2.0 later"}
    )
    room = relaying(far)
    submit(room, "<no@far.example>", "<yes@far.example>", "<later@far.example>")
    report = until(lambda: mails(room.office.store, "an"))[0]
    assert report.startswith(b"Return-Path: <>\r\n")
    assert b"Final-Recipient: rfc822;no@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n" in report
    assert b"never heard of" in report
    assert b"yes@far.example\r\nAction" not in report
    assert b"later@far.example\r\nAction" not in report
    assert b"Subject: hop" in report  # a part of it is the message
    left = waiting(room)
    assert (left["later@far.example"].state, left["later@far.example"].attempts) == ("due", 1)
    assert left["later@far.example"].next_attempt_at == int(clock.time) + 300
    assert "451 4.2.0 later" in left["later@far.example"].last_reply
    del far.answers["RCPT TO:<later@far.example>"]
    move_time(room, clock, 299)
    time.sleep(0.2)
    assert len(far.messages) == 1
    move_time(room, clock, 2)
    until(lambda: is_empty(room))
    assert [message.recipients for message in far.messages] == [["yes@far.example"], ["later@far.example"]]
    assert len(mails(room.office.store, "an")) == 1


def test_the_schedule_then_a_warning_then_the_return(relaying, make_far, clock):
    far = make_far({"RCPT": "450 4.2.1 not now"})
    room = relaying(far, schedule=(60, 600), warn_after=1000, give_up_after=3000)
    submit(room, "<x@far.example>")
    attempts = lambda: waiting(room)["x@far.example"].attempts  # noqa: E731
    until(lambda: attempts() == 1)
    began = int(clock.time)
    assert waiting(room)["x@far.example"].next_attempt_at == began + 60
    move_time(room, clock, 61)
    until(lambda: attempts() == 2)
    assert waiting(room)["x@far.example"].next_attempt_at == began + 61 + 600
    assert mails(room.office.store, "an") == []
    move_time(room, clock, 1000)
    until(lambda: attempts() == 3)
    (delay,) = until(lambda: mails(room.office.store, "an"))
    assert b"Action: delayed\r\nStatus: 4.2.1\r\n" in delay
    assert b"Will-Retry-Until:" in delay
    move_time(room, clock, 601)
    until(lambda: attempts() == 4)
    assert len(mails(room.office.store, "an")) == 1  # told once
    move_time(room, clock, 3000)
    until(lambda: is_empty(room))
    failure = until(lambda: len(mails(room.office.store, "an")) == 2 and mails(room.office.store, "an")[1])
    assert b"Action: failed\r\nStatus: 5.4.7\r\n" in failure
    assert b"450 4.2.1 not now" in failure
    assert far.messages == []


@pytest.mark.parametrize(
    ("parameters", "told"), [("NOTIFY=NEVER", 0), ("NOTIFY=SUCCESS", 0), ("NOTIFY=FAILURE", 1), ("NOTIFY=DELAY", 0)]
)
def test_who_wants_to_know_of_failure(relaying, make_far, parameters, told):
    room = relaying(make_far({"RCPT": "550 5.1.1 no"}))
    submit(room, f"<x@far.example> {parameters}")
    until(lambda: is_empty(room))
    assert len(mails(room.office.store, "an")) == told


def test_success_is_reported_as_relayed_where_the_next_server_knows_no_dsn(relaying, far):
    room = relaying(far)
    submit(room, "<x@far.example> NOTIFY=SUCCESS ORCPT=rfc822;x@far.example", parameters=" ENVID=e1")
    (report,) = until(lambda: mails(room.office.store, "an"))
    assert b"Action: relayed" in report
    assert b"Original-Envelope-Id: e1\r\n" in report
    assert b"Original-Recipient: rfc822;x@far.example" in report


def test_the_next_server_is_asked_where_it_knows_dsn(relaying, make_far):
    far = make_far({"EHLO": "250-far.example\r\n250 DSN"})
    room = relaying(far)
    submit(room, "<x@far.example> NOTIFY=SUCCESS")
    until(lambda: is_empty(room))
    assert any("NOTIFY=SUCCESS" in line for line in far.lines)
    assert mails(room.office.store, "an") == []


def test_null_senders_are_never_told(relaying, make_far):
    room = relaying(make_far({"RCPT": "550 5.1.1 no"}))
    submit(room, "<x@far.example>", sender="")
    until(lambda: is_empty(room))
    assert mails(room.office.store, "an") == []


def test_a_report_to_a_sender_elsewhere_goes_through_the_spool_and_causes_no_other(relaying, make_far):
    far = make_far({"RCPT TO:<ban@ngoai.example>": "550 5.1.1 gone", "RCPT TO:<x@y.example>": "550 5.1.1 gone too"})
    room = relaying(None, smarthost=f"127.0.0.1:{far.port}")
    with Talk(room) as talk:  # a stranger writes to an alias that leads outside
        talk.hello()
        talk.asks("MAIL FROM:<x@y.example>", "RCPT TO:<ngoai@city.vn>", "DATA")
        talk.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
        assert talk.reply().startswith("250")
    until(lambda: "RCPT TO:<x@y.example>" in far.lines)
    until(lambda: is_empty(room))
    assert any(line.startswith("MAIL FROM:<>") for line in far.lines)
    assert far.messages == []


@pytest.mark.parametrize("answers", [{"MAIL": "552 5.3.4 too big"}, {".": "554 5.7.1 spam"}, {"DATA": "554 5.7.1 no"}])
def test_refusals_of_the_whole_message(relaying, make_far, answers):
    room = relaying(make_far(answers))
    submit(room, "<x@far.example>", "<y@far.example>")
    (report,) = until(lambda: mails(room.office.store, "an"))
    assert report.count(b"Action: failed") == 2


def test_a_message_larger_than_the_server_takes(relaying, make_far):
    far = make_far({"EHLO": "250-far.example\r\n250 SIZE 100"})
    room = relaying(far)
    submit(room, "<x@far.example>")
    (report,) = until(lambda: mails(room.office.store, "an"))
    assert b"Status: 5.3.4" in report
    assert not any(line.startswith("MAIL") for line in far.lines)


def test_too_many_recipients_for_one_transaction(relaying, make_far):
    far = make_far({"RCPT TO:<b@far.example>": "452 4.5.3 enough", "RCPT TO:<c@far.example>": "452 4.5.3 enough"})
    room = relaying(far)
    far.pause.clear()
    submit(room, "<a@far.example>", "<b@far.example>", "<c@far.example>")
    far.pause.set()
    until(lambda: len(far.messages) == 1)
    left = until(
        lambda: "a@far.example" not in {p for p, w in waiting(room).items() if w.state == "due"} and waiting(room)
    )
    assert {path: each.state for path, each in left.items()} == {
        "a@far.example": "sent",
        "b@far.example": "due",
        "c@far.example": "due",
    }


# -- connections that fail


@pytest.mark.parametrize(
    "answers",
    [
        {"greeting": "EOF"},
        {"greeting": "554 5.7.1 not you"},
        {"greeting": "421 4.3.2 busy"},
        {"EHLO": "EOF"},
        {"MAIL": "EOF"},
        {"RCPT": "EOF"},
        {"DATA": "EOF"},
        {".": "EOF"},
        {"MAIL": "421 4.3.2 bye"},
        {"greeting": "nonsense"},
        {"MAIL": "nonsense"},
    ],
)
def test_what_is_not_an_answer_is_tried_again(relaying, make_far, clock, answers):
    far = make_far(answers)
    room = relaying(far)
    submit(room, "<x@far.example>")
    until(lambda: waiting(room)["x@far.example"].attempts == 1)
    assert waiting(room)["x@far.example"].state == "due"
    far.answers.clear()
    move_time(room, clock, 400)
    until(lambda: is_empty(room))
    assert len(far.messages) == 1
    assert mails(room.office.store, "an") == []


def test_a_server_that_is_down_is_left_alone_and_what_waits_for_it_comes_back_together(relaying, make_far, clock):
    far = make_far()
    port = far.port
    far.close()
    room = relaying(far, per_destination=1)
    submit(room, "<a@far.example>")
    until(lambda: waiting(room)["a@far.example"].attempts == 1)
    (lane,) = until(lambda: [each for each in lane_rows(room) if not each.owner])
    assert (lane.failures, lane.is_failing, lane.waiting, lane.ready_at) == (1, 1, 1, int(clock.time) + 300)
    assert "refused" in lane.last_reply
    for name in "bcde":
        submit(room, f"<{name}@far.example>")
    time.sleep(0.2)
    assert all(each.attempts == 0 for path, each in waiting(room).items() if path[0] != "a")
    move_time(room, clock, 301)
    (lane,) = until(lambda: [each for each in lane_rows(room) if not each.owner and each.failures == 2])
    assert lane.ready_at == int(clock.time) + 900
    assert sum(each.attempts for each in waiting(room).values()) == 2  # each time one was tried
    again = make_far(port=port)
    move_time(room, clock, 901)
    until(lambda: is_empty(room))
    assert len(again.messages) == 5
    until(lambda: lane_rows(room) == [])


def test_no_file_left_is_not_the_other_servers_fault(relaying, far, monkeypatch):
    monkeypatch.setattr(relay_destination, "EXHAUSTED_PAUSE", 0.05)
    failures = [errno.EMFILE, errno.ENFILE]
    room = relaying(far)
    real = relay_connector.asyncio.get_running_loop

    class Loop:
        def __init__(self, loop):
            self.loop = loop

        async def create_connection(self, *arguments):
            if failures:
                raise OSError(failures.pop(), "no more")
            return await self.loop.create_connection(*arguments)

    class Asyncio:
        timeout = staticmethod(asyncio.timeout)
        get_running_loop = staticmethod(lambda: Loop(real()))

    monkeypatch.setattr(relay_connector, "asyncio", Asyncio)
    submit(room, "<x@far.example>")
    until(lambda: is_empty(room))
    assert failures == []
    assert len(far.messages) == 1


def test_a_silent_server_is_given_up(relaying, make_far, monkeypatch):
    monkeypatch.setitem(smtp_steps.TIMEOUTS, "greeting", 0.2)
    far = make_far()
    far.pause.clear()
    room = relaying(far)
    submit(room, "<x@far.example>")
    until(lambda: waiting(room)["x@far.example"].attempts == 1)
    assert "timed out" in waiting(room)["x@far.example"].last_reply


# -- leases, crashes, the end


def test_what_a_dead_relay_held_is_sent_when_its_lease_ends(make_room, far, clock):
    room = make_room(with_relay=True, relay={"routes": {"far.example": f"127.0.0.1:{far.port}"}})
    far.answers["MAIL"] = "451 4.3.0 later"
    submit(room, "<x@far.example>")
    until(lambda: waiting(room)["x@far.example"].attempts == 1 and not lane_rows(room)[0].owner)
    clock.pass_by(400)
    # Another relay claims it and dies.
    claimed = room.office.store.write(lambda tx: lanes.claim(tx, "the dead", 100)).result()
    assert [lane.key for lane in claimed] == [("far.example", 0)]
    del far.answers["MAIL"]
    room.call(room.relay._wake.set)
    time.sleep(0.2)
    assert far.messages == []
    move_time(room, clock, lanes.LEASE_SECONDS + 1)
    until(lambda: is_empty(room))
    assert len(far.messages) == 1


def test_a_lost_lease_is_not_sent(relaying, far):
    room = relaying(far)
    far.pause.clear()
    for _ in range(4):
        submit(room, "<x@far.example>")
    until(lambda: room.relay._holding == 4)
    # This process slept, and another has the lane.
    room.office.store.write(
        lambda tx: tx.connection.execute(update(spool_lane).values(owner="another", ready_at=tx.now + 1000)).rowcount
    ).result()
    for lane in room.relay._lanes.values():
        lane.leased_until = 0.0
    far.pause.set()
    until(lambda: room.relay._holding == 0)
    until(lambda: all(not each.last_reply for each in waiting(room).values()))
    assert len(far.messages) <= 1


def test_the_relay_ends_between_messages_and_gives_back_the_rest(make_room, far):
    room = make_room(relay={"routes": {"far.example": f"127.0.0.1:{far.port}"}, "per_destination": 1})
    far.pause.clear()
    for _ in range(5):
        submit(room, "<x@far.example>")
    with room.relay_for_a_while() as relay:
        until(lambda: relay._holding == 5)
        room.call(relay.end)
        far.pause.set()
    assert len(far.messages) <= 1
    (lane,) = lane_rows(room)
    assert (lane.owner, lane.waiting) == ("", 5 - len(far.messages))
    assert all(each.attempts == 0 for each in waiting(room).values())


# -- local recipients in the spool


def test_a_full_member_gets_the_message_when_there_is_room(relaying, far, clock):
    room = relaying(far)
    set_quota(room.office, "binh", 10)
    submit(room, "<inner@city.vn>")
    assert (len(mails(room.office.store, "an")), len(mails(room.office.store, "binh"))) == (1, 0)
    move_time(room, clock, 1000)
    until(lambda: waiting(room)["binh@city.vn"].attempts == 1)
    assert waiting(room)["binh@city.vn"].last_reply.startswith("452 4.2.2")
    set_quota(room.office, "binh", 0)
    move_time(room, clock, 1000)
    until(lambda: is_empty(room))
    assert mails(room.office.store, "binh") == mails(room.office.store, "an")
    with room.office.store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM message").scalar() == 1
