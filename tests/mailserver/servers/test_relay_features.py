"""What senders and the configuration may ask of the relay, live: deadlines, priorities, encodings, logins, ways."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import uvloop

from directory.mail import mailboxes
from directory.mail.accounts import find_account
from mailserver.delivery import queue, spool
from mailserver.delivery.queue import Choice
from mailserver.delivery.submission import Submission, submit
from mailserver.servers import relay_connection, relay_destination
from mailserver.servers.relay import RelayServer
from mailserver.smtp import steps as smtp_steps
from mailserver.smtp.client import Client
from mailserver.store.messages import insert_message
from security.authority import ensure_certificate
from security.tls import client_context, server_context
from tests.mailserver.mailroom import mails
from tests.mailserver.servers.relaying import is_empty, lane_rows, move_time, until, waiting

MESSAGE = b"From: An <an@city.vn>\r\nSubject: hop\r\n\r\nbody\r\n"
EIGHT_BIT = (
    b"From: An <an@city.vn>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\nch\xc3\xa0o\r\n"
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(relay_destination, "LINGER", 0.2)


@pytest.fixture
def sending(make_room):
    """An office whose mail for far.example goes to a far server, and a hand that puts messages into its spool."""

    def start(far, *, routes=None, **settings):
        named = {"far.example": f"127.0.0.1:{far.port}"} if routes is None else routes
        return make_room(with_relay=True, relay={"routes": named, **settings}, dns={"resolvers": ("127.0.0.1:1",)})

    return start


def put(room, *paths, octets=MESSAGE, notify="", reverse_path="an@city.vn", held=False, **envelope):
    store = room.office.store
    content = store.prepare(octets, prefix=b"Return-Path: <an@city.vn>\r\n")
    recipients = [spool.SpoolRecipient(path, notify) for path in paths]
    return store.write(
        lambda tx: spool.put(
            tx, insert_message(tx, content), spool.Envelope(reverse_path, **envelope), recipients, held=held
        )
    ).result()


def reports(room):
    return mails(room.office.store, "an")


# -- what senders ask


def test_a_deadline_that_returns_needs_a_server_that_keeps_it(sending, make_far):
    far = make_far()
    room = sending(far)
    put(room, "x@far.example", deliver_by=int(room.office.now()) + 500, deliver_by_mode="R")
    (report,) = until(lambda: reports(room))
    assert b"Action: failed\r\nStatus: 5.3.3\r\n" in report
    assert far.messages == []


def test_a_deadline_goes_along(sending, make_far):
    far = make_far({"EHLO": "250-far.example\r\n250 DELIVERBY 100"})
    room = sending(far)
    put(room, "x@far.example", deliver_by=int(room.office.now()) + 500, deliver_by_mode="R")
    until(lambda: is_empty(room))
    assert far.messages[0].sender.endswith(" BY=500;R")
    put(room, "x@far.example", deliver_by=int(room.office.now()) + 50, deliver_by_mode="R")
    (report,) = until(lambda: reports(room))
    assert b"Status: 5.4.7" in report


def test_a_deadline_passes_while_nobody_can_be_reached(sending, make_far, clock):
    far = make_far()
    far.close()
    room = sending(far, schedule=(100_000,))
    put(room, "x@far.example", deliver_by=int(clock.time) + 500, deliver_by_mode="R")
    put(room, "y@far.example", deliver_by=int(clock.time) + 500, deliver_by_mode="N")
    until(lambda: [lane for lane in lane_rows(room) if not lane.owner and lane.failures])
    assert reports(room) == []
    move_time(room, clock, 501)
    told = until(lambda: len(reports(room)) == 2 and reports(room))
    failed, delayed = sorted(told, key=lambda octets: b"Action: delayed" in octets)
    assert b"Final-Recipient: rfc822;x@far.example\r\nAction: failed\r\nStatus: 5.4.7\r\n" in failed
    assert b"Final-Recipient: rfc822;y@far.example\r\nAction: delayed\r\n" in delayed
    assert b"refused" in delayed  # what the servers last failed with
    until(lambda: list(waiting(room)) == ["y@far.example"])
    move_time(room, clock, 300)
    time.sleep(0.2)
    assert len(reports(room)) == 2  # told once


def test_a_message_grows_old_where_nobody_can_be_reached(sending, make_far, clock):
    """The rest of a domain is longer than the patience with a message."""
    far = make_far()
    far.close()
    room = sending(far, schedule=(1_000_000,), warn_after=2000, give_up_after=5000)
    put(room, "x@far.example")
    until(lambda: [lane for lane in lane_rows(room) if not lane.owner and lane.failures])
    put(room, "y@far.example")  # never tried at all
    move_time(room, clock, 2001)
    assert b"Action: delayed" in until(lambda: len(reports(room)) == 2 and reports(room))[1]
    move_time(room, clock, 3001)
    until(lambda: is_empty(room))
    assert sum(b"Action: failed\r\nStatus: 5.4.7" in report for report in reports(room)) == 2
    until(lambda: lane_rows(room) == [])


def test_a_trace_is_told_of_relaying(sending, make_far):
    room = sending(make_far({"EHLO": "250-far.example\r\n250 DELIVERBY"}))
    put(room, "x@far.example", deliver_by=int(room.office.now()) + 500, deliver_by_mode="NT")
    (report,) = until(lambda: reports(room))
    assert b"Action: relayed" in report


def test_priorities_go_first_and_go_along(sending, make_far):
    far = make_far({"EHLO": "250-far.example\r\n250-PIPELINING\r\n250 MT-PRIORITY"})
    room = sending(far, per_destination=1)
    far.pause.clear()
    put(room, "first@far.example")
    until(lambda: room.relay._holding == 1)
    for priority in (-4, 0, 6):
        put(room, f"p{priority}@far.example", priority=priority)
    until(lambda: room.relay._holding == 4)
    far.pause.set()
    until(lambda: is_empty(room))
    assert [message.recipients[0] for message in far.messages][-1] == "p-4@far.example"
    order = [message.recipients[0] for message in far.messages]
    assert order.index("p6@far.example") < order.index("p0@far.example") < order.index("p-4@far.example")
    assert any(message.sender.endswith("MT-PRIORITY=6") for message in far.messages)


def test_a_message_is_not_sent_before_its_time(sending, make_far, clock):
    far = make_far()
    room = sending(far)
    put(room, "x@far.example", release_at=int(clock.time) + 1000)
    time.sleep(0.3)
    assert far.connections == 0
    move_time(room, clock, 1001)
    until(lambda: is_empty(room))
    assert len(far.messages) == 1


def test_what_its_sender_may_not_send_any_more_is_returned_at_its_time(sending, make_far, clock):
    far = make_far()
    room = sending(far)
    with room.office.directory.read() as people:
        an, unit = (find_account(people, name) for name in ("an", "vanthu"))
    paths, until_then = ("x@far.example", "binh@city.vn"), room.office.now() + 50
    octets = MESSAGE.replace(b"an@city.vn", b"vanthu@city.vn")
    ordered = Submission(unit, unit.login, paths, octets, "webmail", "192.0.2.1", release_at=until_then, writer=an)
    submit(room.office, ordered).result()
    with room.office.directory.write() as conn:
        mailboxes.revoke(conn, "test", "vanthu", "an")
    move_time(room, clock, 51)
    until(lambda: is_empty(room))
    assert far.connections == 0
    assert mails(room.office.store, "binh") == []
    returned = b"".join(mails(room.office.store, "vanthu"))
    assert returned.count(b"may no longer write for this mailbox") >= len(paths)


def test_required_tls_is_verified_or_the_message_returned(sending, make_far, tmp_path):
    files = ensure_certificate(tmp_path / "far", ["127.0.0.1"], datetime.now(UTC))
    far = make_far({}, context=server_context(files.certificate, files.key))
    room = sending(far)
    put(room, "x@far.example", require_tls=True, ret="FULL")
    (report,) = until(lambda: reports(room))
    assert b"Status: 5.7.10" in report
    assert b"\r\n\r\nbody\r\n" not in report  # RFC 8689 §5
    assert far.messages == []


def test_required_tls_needs_the_next_server_to_require_it_too(sending, make_far, tmp_path):
    files = ensure_certificate(tmp_path / "far", ["127.0.0.1"], datetime.now(UTC))
    far = make_far({}, context=server_context(files.certificate, files.key))
    room = sending(far, authorities=str(files.ca_file))
    put(room, "x@far.example", require_tls=True)
    (report,) = until(lambda: reports(room))
    assert b"Status: 5.7.30" in report
    until(lambda: far.open == 0)
    far.answers["EHLO"] = "250-far.example\r\n250-STARTTLS\r\n250 REQUIRETLS"
    put(room, "x@far.example", require_tls=True)
    until(lambda: is_empty(room))
    assert far.messages[0].secured
    assert far.messages[0].sender.endswith(" REQUIRETLS")


def test_what_comes_in_clear_between_starttls_and_the_handshake_ends_the_connection():
    """RFC 3207 §4.2, for octets in a packet of their own."""

    class Transport(asyncio.Transport):
        def close(self):
            pass

    def steps():
        yield smtp_steps.StartTls()

    async def meet():
        connection = relay_connection.Connection(Client("us"), "far.example", "192.0.2.1", client_context(verify=False))
        connection.connection_made(Transport())
        running = asyncio.create_task(connection.run(steps()))
        await asyncio.sleep(0)  # the handshake is wanted, and has not begun
        connection.data_received(b"250-evil\r\n250 AUTH PLAIN\r\n")
        with pytest.raises(smtp_steps.TlsFailed, match="in clear"):
            await running

    asyncio.run(meet())


def test_optional_tls_goes_without_where_the_policy_would_not(sending, make_far, tmp_path):
    files = ensure_certificate(tmp_path / "far", ["elsewhere.example"], datetime.now(UTC))
    far = make_far({}, context=server_context(files.certificate, files.key))
    room = sending(far, tls={f"127.0.0.1:{far.port}": "verified"})
    put(room, "usual@far.example")
    until(lambda: waiting(room)["usual@far.example"].attempts == 1)
    assert "4.7.5" in waiting(room)["usual@far.example"].last_reply
    item = put(room, "x@other.example", tls_optional=True, held=True)
    queue.reroute(room.office.store, Choice(ids=(item,)), f"127.0.0.1:{far.port}")
    queue.release(room.office.store, Choice(ids=(item,)))
    until(lambda: far.messages)
    assert [message.recipients for message in far.messages] == [["x@other.example"]]


# -- encodings


def test_eight_bits_are_encoded_for_a_server_that_takes_seven(sending, make_far):
    """RFC 6152 §3, in the encodings of RFC 2045 §6."""
    far = make_far({"EHLO": "250-far.example\r\n250 SIZE 100000"})
    room = sending(far)
    put(room, "x@far.example", octets=EIGHT_BIT, eight_bit=True)
    until(lambda: is_empty(room))
    assert far.messages[0].octets.isascii()
    assert b"ch=C3=A0o" in far.messages[0].octets
    assert far.messages[0].sender.endswith(f"SIZE={len(far.messages[0].octets)}")


def test_a_signed_message_is_returned_instead(sending, make_far):
    far = make_far({"EHLO": "250-far.example\r\n250 SIZE 100000"})
    room = sending(far)
    put(room, "x@far.example", octets=b"DKIM-Signature: v=1\r\n" + EIGHT_BIT, eight_bit=True)
    (report,) = until(lambda: reports(room))
    assert b"Status: 5.6.3" in report
    assert far.messages == []


# -- the configuration


def test_a_smarthost_with_a_login(make_room, make_far, tmp_path):
    files = ensure_certificate(tmp_path / "far", ["127.0.0.1"], datetime.now(UTC))
    far = make_far({"AUTH": "235 2.7.0 welcome"}, context=server_context(files.certificate, files.key))
    far.answers["EHLO"] = "250-far.example\r\n250-STARTTLS\r\n250 AUTH LOGIN PLAIN"
    secret = tmp_path / "bo.login"
    secret.write_text("city\nmật khẩu\n")
    host = f"127.0.0.1:{far.port}"
    settings = {"smarthost": host, "logins": {host: str(secret)}, "authorities": str(files.ca_file)}
    room = make_room(with_relay=True, relay=settings)
    put(room, "x@far.example")
    until(lambda: is_empty(room))
    (line,) = {line for line in far.lines if line.startswith("AUTH")}
    assert base64.b64decode(line.split()[-1]).decode() == "\0city\0mật khẩu"
    assert far.messages[0].secured


@pytest.mark.parametrize("fault", ["no file", "no password", "refused", "in clear", "not vouched for"])
def test_a_login_that_fails_only_delays(make_room, make_far, tmp_path, fault):
    files = ensure_certificate(tmp_path / "far", ["127.0.0.1"], datetime.now(UTC))
    far = make_far({"AUTH": "535 5.7.8 no"}, context=server_context(files.certificate, files.key))
    far.answers["EHLO"] = "250-far.example\r\n250-STARTTLS\r\n250 AUTH PLAIN"
    secret = tmp_path / "bo.login"
    if fault != "no file":
        secret.write_text("city\n" if fault == "no password" else "city\nsecret\n")
    host = f"127.0.0.1:{far.port}"
    settings = {"smarthost": host, "logins": {host: str(secret)}, "authorities": str(files.ca_file)}
    if fault == "in clear":
        settings["tls"] = {host: "never"}
    if fault == "not vouched for":
        del settings["authorities"]
    room = make_room(with_relay=True, relay=settings)
    put(room, "x@far.example")
    until(lambda: waiting(room)["x@far.example"].attempts == 1)
    assert waiting(room)["x@far.example"].state == "due"
    assert far.messages == []
    assert any(line.startswith("AUTH") for line in far.lines) is (fault == "refused")


def test_a_domain_with_limits_of_its_own(sending, make_far):
    far = make_far()
    room = sending(far, limits={"far.example": "1/1200"})
    far.pause.clear()
    for number in range(40):
        put(room, f"{number}@far.example")
    far.pause.set()
    began = time.monotonic()
    until(lambda: is_empty(room), 30)
    assert far.most_open == 1
    assert time.monotonic() - began > 1.5  # 40 at 20 a second: a lower bound, which no slow machine breaks


def test_a_connection_that_has_had_enough_is_no_fault_of_the_message(sending, make_far):
    far = make_far()
    room = sending(far, per_destination=1)
    far.pause.clear()
    put(room, "a@far.example")
    put(room, "b@far.example")
    until(lambda: room.relay._holding == 2)
    taken = []

    class Answers(dict):
        def get(self, key, default=None):
            if key == "MAIL" and len(far.messages) == 1 and not taken:
                taken.append(key)
                return "421 4.3.2 one message on a connection"
            return super().get(key, default)

    far.answers = Answers()
    far.pause.set()
    until(lambda: is_empty(room))
    assert far.connections == 2
    assert taken == ["MAIL"]


def test_reports_that_nobody_takes_come_to_the_one_who_is_named(sending, make_far):
    far = make_far({"RCPT": "550 5.1.1 gone"})
    room = sending(far, dead_letters="binh@city.vn")
    put(room, "x@far.example", reverse_path="")
    (letter,) = until(lambda: mails(room.office.store, "binh"))
    assert letter.endswith(MESSAGE)
    put(room, "x@far.example", reverse_path="nobody@city.vn")  # its sender is not here any more
    assert (
        b"550 5.1.1 gone"
        in until(lambda: len(mails(room.office.store, "binh")) == 2 and mails(room.office.store, "binh"))[1]
    )


# -- the operator


def test_what_is_rerouted_goes_the_other_way(sending, make_far):
    gone, other = make_far(), make_far()
    gone.close()
    room = sending(gone)
    item = put(room, "x@far.example", held=True)
    assert queue.reroute(room.office.store, Choice(ids=(item,)), f"127.0.0.1:{other.port}") == 1
    assert queue.release(room.office.store, Choice(ids=(item,))) == 1
    until(lambda: is_empty(room))
    assert other.messages[0].recipients == ["x@far.example"]


# -- both engines, several relays


def test_two_relays_share_a_spool(office, any_store, make_far):
    """On each engine: everything once, and the spool's tallies are right in the end."""
    fars = [make_far() for _ in range(4)]
    config = office.config
    routes = {f"d{number}.example": f"127.0.0.1:{far.port}" for number, far in enumerate(fars)}
    shared = replace(
        office,
        store=any_store,
        config=replace(config, relay=replace(config.relay, routes=routes)),
        in_place=any_store.database.engine.name == "sqlite",
        clock=time.time,
    )
    content = any_store.prepare(MESSAGE)

    def put_some(numbers):
        def job(tx):
            for number in numbers:
                paths = [spool.SpoolRecipient(f"x{number}@d{(number + more) % 4}.example") for more in range(3)]
                spool.put(tx, insert_message(tx, content), spool.Envelope("an@city.vn"), paths)

        return any_store.write(job)

    async def relay_it():
        relays = [RelayServer(shared) for _ in range(2)]
        tasks = [asyncio.create_task(relay.run()) for relay in relays]
        for start in range(0, 120, 10):
            await asyncio.wrap_future(put_some(range(start, start + 10)))
        async with asyncio.timeout(60):
            while queue.count_waiting(any_store):
                await asyncio.sleep(0.02)
        for relay in relays:
            relay.end()
        await asyncio.gather(*tasks)

    uvloop.run(relay_it())
    taken = [path for far in fars for message in far.messages for path in message.recipients]
    assert len(taken) == len(set(taken)) == 360


# -- failures of our own


def test_results_that_cannot_be_written_down_are_kept_until_they_can(sending, make_far, monkeypatch):
    from mailserver.refusals import TryLater
    from mailserver.servers import relay_desk

    monkeypatch.setattr(relay_desk, "STORE_PAUSE", 0.05)
    far = make_far()
    room = sending(far)
    real, failures = relay_desk.write_down, [1, 2, 3]

    def write_down(*arguments):
        if failures:
            failures.pop()
            raise TryLater(reason="no room on the disk")
        real(*arguments)

    monkeypatch.setattr(relay_desk, "write_down", write_down)
    put(room, "x@far.example")
    until(lambda: is_empty(room))
    assert failures == []
    assert len(far.messages) == 1


def test_the_dead_do_not_hold_up_the_living(sending, make_far):
    living, silent = [make_far() for _ in range(6)], [make_far() for _ in range(6)]
    for far in silent:
        far.pause.clear()  # takes connections and says nothing
    routes = {f"d{number}.example": f"127.0.0.1:{far.port}" for number, far in enumerate(living)}
    routes |= {f"s{number}.example": f"127.0.0.1:{far.port}" for number, far in enumerate(silent)}
    room = sending(None, routes=routes, concurrency=2)
    for number in range(6):
        put(room, f"x@s{number}.example")
    until(lambda: all(far.open for far in silent))
    for number in range(6):
        put(room, f"x@d{number}.example")
    until(lambda: all(far.messages for far in living))
    until(lambda: sorted(waiting(room)) == [f"x@s{number}.example" for number in range(6)])
