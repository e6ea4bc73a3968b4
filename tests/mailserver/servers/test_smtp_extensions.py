"""What clients may ask for, all the way: into the mailbox, the trace, and the spool as the relay will find it.

RFC 3030 (BDAT), RFC 8689 (TLS), RFC 6710 and RFC 6758 (priority), RFC 2852 (deadline), RFC 4865 (later release), RFC
9422 (limits), RFC 3461 (reports).
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest

from mailserver.delivery import spool
from tests.mailserver.mailroom import Talk, mails, set_quota

MESSAGE = b"From: an@city.vn\r\nSubject: x\r\n\r\nbody\r\n"
BINARY = b"From: an@city.vn\r\nSubject: x\r\n\r\n" + bytes(range(256)) + b"\r\n.\r\n\n.\n\r"
OUTSIDE = "ngoai@city.vn"  # an alias for somebody elsewhere


def items(room):
    with room.office.store.read() as connection:
        return spool.load_items(connection)


def submit(room, parameters, *recipients, message=MESSAGE, sender="an@city.vn", name="an", by_chunk=False):
    with Talk(room, "submissions") as talk:
        talk.hello()
        assert talk.log_in(name).startswith("235")
        replies = talk.asks(
            f"MAIL FROM:<{sender}> {parameters}".rstrip(), *(f"RCPT TO:<{each}>" for each in recipients)
        )
        assert all(reply.startswith("250") for reply in replies), replies
        if by_chunk:
            talk.send(b"BDAT %d LAST\r\n%b" % (len(message), message))
        else:
            assert talk.ask("DATA").startswith("354")
            talk.send(message + b".\r\n")
        return replies[0], talk.reply()


def receive(room, parameters, *recipients, message=MESSAGE, rcpt=""):
    with Talk(room) as talk:
        talk.hello()
        octets = f"MAIL FROM:<x@far.example> {parameters}".rstrip() + "\r\n"
        octets += "".join(f"RCPT TO:<{each}> {rcpt}".rstrip() + "\r\n" for each in recipients)
        talk.send(octets.encode() + b"BDAT %d\r\n%bBDAT 0 LAST\r\n" % (len(message), message))
        replies = [talk.reply() for _ in range(3 + len(recipients))]
        assert all(reply.startswith("250") for reply in replies), replies


# BINARYMIME


def test_a_binary_body_keeps_every_octet_and_the_relay_is_told(room):
    message = BINARY.replace(b"\0", b"")
    receive(room, "BODY=BINARYMIME", "an@city.vn", OUTSIDE, message=message)
    (kept,) = mails(room.office.store, "an")
    assert kept.endswith(b"\r\n" + message)
    (item,) = items(room)
    assert item.envelope.is_binary
    assert item.envelope.eight_bit


PARTS = (
    b"From: an@city.vn\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\n--b\r\n\r\nSee.\r\n--b\r\nContent-Type: image/x\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\n%b\r\n--b--\r\n"
)


@pytest.mark.parametrize("door", ["stranger", "official"])
@pytest.mark.parametrize("times", [1, 2000], ids=["in memory", "in a file"])
def test_a_part_with_nul_is_kept_in_base64_which_everybody_can_take(room, door, times):
    image = bytes(range(256)) * times
    if door == "stranger":
        receive(room, "BODY=BINARYMIME", "binh@city.vn", OUTSIDE, message=PARTS % image)
    else:
        submit(room, "BODY=BINARYMIME", "binh@city.vn", OUTSIDE, message=PARTS % image, by_chunk=True)
    (kept,) = mails(room.office.store, "binh")
    assert b"\0" not in kept
    text, picture = message_from_bytes(kept, policy=default).iter_parts()
    assert text.get_content().strip() == "See."
    assert picture.get_payload(decode=True) == image
    (item,) = items(room)
    assert not item.envelope.is_binary
    assert list(room.office.incoming.iterdir()) == []


def test_a_nul_that_no_part_can_hold_is_refused(room):
    with Talk(room) as talk:
        talk.hello()
        talk.asks("MAIL FROM:<x@far.example> BODY=BINARYMIME", "RCPT TO:<an@city.vn>")
        message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\npre\0amble\r\n--b\r\n\r\nx\r\n--b--\r\n"
        talk.send(b"BDAT %d LAST\r\n%b" % (len(message), message))
        assert talk.reply().startswith("554 5.6.0")


def test_chunks_of_a_text_are_no_binary(room):
    receive(room, "", OUTSIDE)
    (item,) = items(room)
    assert not item.envelope.is_binary


def test_a_binary_message_in_a_file_is_judged_by_its_header(room):
    big = BINARY.replace(b"\0", b"") * 1500  # goes through a file
    receive(room, "BODY=BINARYMIME", "an@city.vn", message=big)
    assert mails(room.office.store, "an")[0].endswith(big)
    with Talk(room) as talk:
        talk.hello()
        talk.asks("MAIL FROM:<x@far.example> BODY=BINARYMIME", "RCPT TO:<an@city.vn>")
        bad = b"Subject: x\n" + big
        talk.send(b"BDAT %d LAST\r\n%b" % (len(bad), bad))
        assert talk.reply().startswith("554 5.6.0")
    assert list(room.office.incoming.iterdir()) == []


# CHUNKING: limits, ends


def test_a_message_that_grows_too_large_fails_at_once_and_the_rest_is_thrown_away(room):
    with Talk(room) as talk:
        talk.hello()
        talk.asks("MAIL FROM:<x@far.example>", "RCPT TO:<an@city.vn>")
        chunk = b"BDAT 400000\r\n" + b"x" * 400_000
        talk.send(chunk * 4 + b"BDAT 0 LAST\r\nRSET\r\n")
        replies = [talk.reply()[:9] for _ in range(6)]
        assert replies == ["250 2.0.0", "250 2.0.0", "552 5.3.4", "503 5.5.1", "503 5.5.1", "250 2.0.0"]
        talk.asks("MAIL FROM:<x@far.example>", "RCPT TO:<an@city.vn>")
        talk.send(b"BDAT 2000000 LAST\r\n" + b"x" * 2_000_000)
        assert talk.reply().startswith("552 5.3.4")
        assert talk.is_alive()
    assert mails(room.office.store, "an") == []
    assert list(room.office.incoming.iterdir()) == []


@pytest.mark.parametrize("end", [b"", b"RSET\r\n", b"EHLO b\r\n", b"QUIT\r\n"])
def test_chunks_that_never_end_leave_nothing_behind(room, end):
    with Talk(room) as talk:
        talk.hello()
        talk.asks("MAIL FROM:<x@far.example>", "RCPT TO:<an@city.vn>")
        talk.send(b"BDAT 300000\r\n" + b"x" * 300_000)
        assert talk.reply().startswith("250 2.0.0")
        if end:
            talk.send(end)
            talk.reply()
        else:
            talk.send(b"BDAT 5\r\nab")
    with Talk(room) as talk:
        assert talk.is_alive()
    room.on_loop(room.clients.drain())
    assert list(room.office.incoming.iterdir()) == []


def test_many_empty_chunks_are_commands_that_get_nowhere(room):
    with Talk(room) as talk:
        talk.hello()
        talk.asks("MAIL FROM:<x@far.example>", "RCPT TO:<an@city.vn>")
        talk.send(b"BDAT 0\r\n" * 500)
        replies = []
        while reply := talk.reply():
            replies.append(reply)
        assert replies[-1].startswith("421 4.7.0")
        assert len(replies) < 500


def test_many_large_chunks_are_no_offence(room):
    with Talk(room) as talk:
        talk.hello()
        talk.asks("MAIL FROM:<x@far.example>", "RCPT TO:<an@city.vn>")
        line = b"Subject: x\r\n" + b"y" * 498 + b"\r\n"
        talk.send(b"".join(b"BDAT 512\r\n" + line for _ in range(600)) + b"BDAT 0 LAST\r\n")
        assert {talk.reply()[:9] for _ in range(600)} == {"250 2.0.0"}
        assert talk.reply().startswith("250 2.0.0 Taken")


def test_a_computer_with_a_vietnamese_name_may_send(room):
    with Talk(room) as talk:
        assert talk.hello("máy-của-an").startswith("250-")
        for parameters in ("", " SMTPUTF8"):
            talk.asks(f"MAIL FROM:<x@far.example>{parameters}", "RCPT TO:<an@city.vn>")
            talk.send(b"BDAT 14 LAST\r\nSubject: x\r\n\r\n")
            assert talk.reply().startswith("250")
    first, second = mails(room.office.store, "an")
    assert first.isascii()
    assert "from máy-của-an " in second.decode()


# REQUIRETLS


def test_tls_is_required_where_the_sender_says_so(room):
    submit(room, "REQUIRETLS", "ban@far.example", message=b"TLS-Required: No\r\n" + MESSAGE)
    (item,) = items(room)
    assert item.envelope.require_tls
    assert not item.envelope.tls_optional  # RFC 8689 §4.1: the field is ignored then


@pytest.mark.parametrize(
    ("fields", "optional"),
    [
        (b"TLS-Required: No\r\n", True),
        (b"tls-required:\tno\r\n", True),
        (b"TLS-Required: Yes\r\n", False),
        (b"TLS-Required: No\r\nTLS-Required: No\r\n", False),
        (b"X-TLS-Required: No\r\n", False),
    ],
)
def test_tls_is_optional_where_the_message_says_so(room, fields, optional):
    submit(room, "", "ban@far.example", message=fields + MESSAGE)
    (item,) = items(room)
    assert item.envelope.tls_optional is optional
    assert not item.envelope.require_tls


# MT-PRIORITY


def test_priority_is_for_those_who_are_named(make_room):
    room = make_room(reception={"priority_logins": ("an@city.vn",)})
    opening, _ = submit(room, "MT-PRIORITY=6", "ban@far.example", "binh@city.vn")
    assert opening == "250 2.1.0 Sender OK"
    opening, _ = submit(room, "MT-PRIORITY=6", "ban@far.example", sender="binh@city.vn", name="binh", message=BINHS)
    assert opening.startswith("250 2.3.6 0 ")
    assert [item.envelope.priority for item in items(room)] == [6, 0]
    assert b"\r\n\tPRIORITY 6;\r\n" in mails(room.office.store, "binh")[0]


BINHS = MESSAGE.replace(b"an@", b"binh@")


def test_the_field_that_stands_for_the_parameter(make_room):
    room = make_room(reception={"priority_logins": ("an@city.vn",)})
    for field, parameter in ((b"MT-Priority: 3 (urgent)", ""), (b"MT-Priority: 3", "MT-PRIORITY=-2"), (b"", "")):
        submit(room, parameter, "ban@far.example", message=(field + b"\r\n" if field else b"") + MESSAGE)
    submit(room, "", "ban@far.example", sender="binh@city.vn", name="binh", message=b"MT-Priority: 3\r\n" + BINHS)
    submit(room, "", "ban@far.example", sender="binh@city.vn", name="binh", message=b"MT-Priority: -3\r\n" + BINHS)
    assert [item.envelope.priority for item in items(room)] == [3, -2, 0, 0, -3]


def test_servers_that_are_named_may_give_priority(make_room):
    from ipaddress import ip_network

    room = make_room(reception={"priority_networks": (ip_network("127.0.0.0/8"),)})
    receive(room, "MT-PRIORITY=9", OUTSIDE)
    (item,) = items(room)
    assert item.envelope.priority == 9


# DELIVERBY, FUTURERELEASE


def test_a_deadline_is_a_moment(room, clock):
    receive(room, "BY=120;NT", OUTSIDE)
    (item,) = items(room)
    assert (item.envelope.deliver_by, item.envelope.deliver_by_mode) == (int(clock()) + 120, "NT")


@pytest.mark.parametrize("how", ["HOLDFOR=3600", "HOLDUNTIL={}"])
def test_a_message_is_held_back_from_everybody(room, clock, how):
    moment = int(clock()) + 3600
    how = how.format(datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    submit(room, f"{how} BY=60;R", "binh@city.vn", "everyone@city.vn", "ban@far.example")
    assert mails(room.office.store, "binh") == []
    (item,) = items(room)
    assert item.envelope.release_at == moment
    assert item.envelope.deliver_by == moment + 60  # counted from the release
    assert {each.forward_path for each in item.recipients} == {
        "binh@city.vn",
        "everyone@city.vn",
        "ban@far.example",
    }
    assert {each.next_attempt_at for each in item.recipients} == {moment}


def test_a_moment_that_has_passed_is_no_moment(room):
    submit(room, "HOLDUNTIL=2001-01-01T00:00:00Z", "binh@city.vn")
    assert len(mails(room.office.store, "binh")) == 1
    assert items(room) == []


def test_holding_back_can_be_turned_off(make_room):
    room = make_room(reception={"hold_days": 0})
    with Talk(room, "submissions") as talk:
        assert "FUTURERELEASE" not in talk.hello()
        talk.log_in()
        assert talk.ask("MAIL FROM:<an@city.vn> HOLDFOR=5").startswith("555 5.5.4")


# DSN


def test_a_stranger_is_told_of_success_if_he_asks(room):
    receive(room, "RET=HDRS ENVID=QQ+2B1", "an@city.vn", rcpt="NOTIFY=SUCCESS ORCPT=rfc822;An@city.vn")
    (item,) = items(room)
    assert item.envelope.reverse_path == ""
    assert [each.forward_path for each in item.recipients] == ["x@far.example"]
    assert [each.notify for each in item.recipients] == ["NEVER"]
    with room.office.store.read() as connection:
        report = room.office.store.octets(connection, item.message_id, 0, item.size)
    assert b"Original-Envelope-Id: QQ+1\r\n" in report
    assert b"Original-Recipient: rfc822;An@city.vn\r\n" in report
    assert b"Action: delivered\r\n" in report
    assert re.search(rb"Status: 2\.\d\.\d\r\n", report)


@pytest.mark.parametrize("notify", ["", "NOTIFY=FAILURE", "NOTIFY=DELAY", "NOTIFY=NEVER"])
def test_nobody_is_told_of_success_who_did_not_ask(room, notify):
    receive(room, "", "an@city.vn", rcpt=notify)
    assert items(room) == []


def test_what_was_asked_for_goes_along_with_what_is_passed_on(room):
    receive(room, "RET=FULL ENVID=abc", OUTSIDE, rcpt="NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ngoai@city.vn")
    (item,) = items(room)
    assert (item.envelope.ret, item.envelope.envelope_id) == ("FULL", "abc")
    (recipient,) = item.recipients
    assert recipient.notify == "SUCCESS,DELAY"
    assert recipient.original_recipient == "rfc822;ngoai@city.vn"


@pytest.mark.parametrize(
    ("asked", "of_members", "reports"),
    [
        ("", "", 0),
        ("NOTIFY=NEVER", "NEVER", 0),
        ("NOTIFY=SUCCESS", "NEVER", 1),
        ("NOTIFY=SUCCESS,FAILURE", "FAILURE", 1),
        ("NOTIFY=DELAY", "DELAY", 0),
    ],
)
def test_what_members_of_a_group_are_asked(room, asked, of_members, reports):
    """RFC 3461 §5.2.7.3 (c)."""
    receive(room, "ENVID=abc", "everyone@city.vn", rcpt=asked)
    passed_on, *told = sorted(items(room), key=lambda item: item.envelope.reverse_path == "")
    (recipient,) = passed_on.recipients
    assert (recipient.forward_path, recipient.notify) == ("khach@ngoai.example", of_members)
    assert recipient.original_recipient == "rfc822;everyone@city.vn"
    assert passed_on.envelope.envelope_id == "abc"
    assert len(told) == reports


def test_what_was_held_back_is_delivered_when_its_time_has_come(make_room, clock):
    room = make_room(with_relay=True)
    set_quota(room.office, "chi", 10)
    submit(room, "HOLDFOR=3600", "binh@city.vn", "everyone@city.vn")
    assert mails(room.office.store, "dung") == []
    clock.pass_by(3601)
    room.call(room.relay.wake)
    watch_until(lambda: all(len(mails(room.office.store, name)) == 1 for name in ("an", "binh", "dung")))
    # Of the group, one has no room, and one is elsewhere.
    watch_until(
        lambda: {path for item in items(room) for path in paths(item)} == {"chi@city.vn", "khach@ngoai.example"}
    )


def paths(item):
    return [each.forward_path for each in item.recipients if each.state in spool.WAITING]


def watch_until(holds):
    """Wait for a state, not for a time."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
