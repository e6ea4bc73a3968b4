"""What one client may have of us: connections of a network and a login, unknown recipients, errors."""

from __future__ import annotations

import pytest

from mailserver.servers.smtp_clients import Clients
from tests.mailserver.mailroom import LOOPBACK, Talk


class Nobody:
    def retire(self):
        pass

    def leave(self):
        pass


def test_a_network_has_a_limit_of_its_own():
    clients = Clients(2, per_network=3)
    sessions = [Nobody() for _ in range(6)]
    admitted = [clients.admit(f"192.0.2.{number}", each) for number, each in enumerate(sessions[:4])]
    assert admitted == [True, True, True, False]
    assert clients.admit("192.0.3.1", sessions[4])
    clients.release("192.0.2.0", sessions[0])
    assert clients.admit("192.0.2.9", sessions[5])


def test_networks_that_are_exempt():
    clients = Clients(1, LOOPBACK, per_network=1)
    assert all(clients.admit("127.0.0.1", Nobody()) for _ in range(5))


def test_connections_of_one_login(make_room):
    room = make_room(reception={"max_connections_per_account": 2})
    open_ = []
    for _ in range(2):
        talk = Talk(room, "submissions")
        talk.hello()
        assert talk.log_in().startswith("235")
        open_.append(talk)
    with Talk(room, "submissions") as talk:
        talk.hello()
        assert talk.log_in().startswith("421 4.7.0")
        assert talk.has_hung_up()
    with Talk(room, "submissions") as talk:
        talk.hello()
        assert talk.log_in("binh").startswith("235")
    assert open_[0].ask("QUIT").startswith("221")
    assert open_[0].has_hung_up()
    with Talk(room, "submissions") as talk:
        talk.hello()
        assert talk.log_in().startswith("235")
    for talk in open_:
        talk.socket.close()


def test_a_harvester_learns_nothing_more(make_room):
    room = make_room(reception={"unknown_recipients": 5, "tarpit_milliseconds": 0})
    with Talk(room) as talk:
        talk.hello()
        talk.ask("MAIL FROM:<x@y.example>")
        assert all(talk.ask(f"RCPT TO:<no{number}@city.vn>").startswith("550 5.1.1") for number in range(5))
        assert talk.ask("RCPT TO:<no6@city.vn>").startswith("450 4.7.1")
        assert talk.ask("RCPT TO:<an@city.vn>").startswith("450 4.7.1")
    with Talk(room) as talk:  # nor does it by calling again
        talk.hello()
        talk.ask("MAIL FROM:<x@y.example>")
        assert talk.ask("RCPT TO:<an@city.vn>").startswith("450 4.7.1")
    with Talk(room, "lmtp") as talk:  # programs of the house are no strangers
        talk.ask("LHLO x")
        talk.ask("MAIL FROM:<x@y.example>")
        assert talk.ask("RCPT TO:<an@city.vn>").startswith("250")


@pytest.mark.parametrize("recipients", [["an@city.vn"], [f"{name}@city.vn" for name in ("an", "binh", "chi")]])
def test_recipients_without_end_have_an_end(make_room, recipients):
    """The same ones again and again, or more than one transaction may have."""
    room = make_room(smtp={"max_recipients": 2})
    with Talk(room) as talk:
        talk.hello()
        lines = ["MAIL FROM:<x@y.example>", *(f"RCPT TO:<{each}>" for each in recipients * 500)]
        talk.send("".join(f"{line}\r\n" for line in lines).encode())
        last, count = "", 0
        while reply := talk.reply():
            last, count = reply, count + 1
        assert last.startswith("421 4.7.0")
        assert count < 1000


@pytest.mark.parametrize("start", [b"DATA\r\n", b"BDAT 99999999999999999999 LAST\r\n"])
@pytest.mark.parametrize("recipient", ["an", "nobody"])
def test_who_sends_without_end_is_hung_up_on(make_room, start, recipient):
    room = make_room(smtp={"max_message_size": 65_536})
    with Talk(room) as talk:
        talk.hello()
        talk.asks("MAIL FROM:<x@y.example>", f"RCPT TO:<{recipient}@city.vn>")
        talk.send(start)
        if start.startswith(b"DATA") and not talk.reply().startswith("354"):
            return
        with pytest.raises(OSError):  # noqa: PT012
            for _ in range(1000):
                talk.send(b"x" * 65_536)
        while reply := talk.reply():
            assert reply.startswith("552 5.3.4")
    assert list(room.office.incoming.iterdir()) == []


def test_a_harvester_is_hung_up_on_in_the_end(make_room):
    room = make_room(reception={"unknown_recipients": 1, "tarpit_milliseconds": 0})
    with Talk(room) as talk:
        talk.hello()
        talk.send(b"MAIL FROM:<x@y.example>\r\n" + b"RCPT TO:<no@city.vn>\r\n" * 100)
        replies = []
        while reply := talk.reply():
            replies.append(reply[:3])
        assert replies == ["250", "550", *["450"] * 20, "421"]


def test_connections_of_a_minute(make_room):
    room = make_room(reception={"connections_per_minute": 3})
    greetings = []
    for _ in range(5):
        with Talk(room) as talk:
            greetings.append(talk.greeting[:3])
    assert greetings == ["220", "220", "220", "421", "421"]


def test_who_errs_much_waits_and_is_sent_away_in_the_end(make_room):
    room = make_room(reception={"tarpit_milliseconds": 1})
    with Talk(room) as talk:
        talk.send(b"FOO\r\n" * 50)
        replies = []
        while reply := talk.reply():
            replies.append(reply[:9])
        assert replies == ["500 5.5.1"] * 21 + ["421 4.7.0"]


def test_who_waits_keeps_nobody_from_leaving(make_room):
    room = make_room(reception={"tarpit_milliseconds": 10_000})
    with Talk(room) as talk:
        talk.send(b"FOO\r\n" * 15)
        with Talk(room) as other:
            assert other.is_alive()
