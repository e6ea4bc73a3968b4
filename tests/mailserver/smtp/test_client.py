"""The outbound conversation against a scripted peer, with no socket: every reply at every command, whole and byte by
byte.
"""

from __future__ import annotations

import pytest

from mailserver.smtp.client import Client, Envelope, ForwardPath
from mailserver.smtp.replies import Reply
from mailserver.smtp.steps import ConnectionLost, HostRefused, Receive, Send, StartTls, TlsFailed
from mailserver.smtp.tls_policy import IN_CLEAR, REQUIRED

EHLO = "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN"


class Peer:
    """A server in memory: answers by the verb or the whole line, remembers what it was told."""

    def __init__(self, answers=None, *, greeting="220 mx.example", lmtp=False, split=0, tls_works=True):
        self.answers = {
            "EHLO": EHLO,
            "LHLO": EHLO,
            "HELO": "250 mx.example",
            "MAIL": "250 2.1.0 ok",
            "RCPT": "250 2.1.5 ok",
            "DATA": "354 go on",
            ".": "250 2.0.0 done",
            "RSET": "250 ok",
            "QUIT": "221 bye",
            "STARTTLS": "220 go",
            **(answers or {}),
        }
        self.out = greeting.encode() + b"\r\n" if greeting else b""
        self.buffer = b""
        self.lines = []
        self.bodies = []
        self.in_data = False
        self.accepted = 0
        self.lmtp = lmtp
        self.split = split
        self.tls_works = tls_works
        self.gone = False
        self.sends = []

    def take(self, octets):
        self.sends.append(octets)
        self.buffer += octets
        while not self.gone:
            if self.in_data:
                wire = b"\r\n" + self.buffer
                end = wire.find(b"\r\n.\r\n")
                if end < 0:
                    return
                self.bodies.append(self.buffer[: max(0, end)])
                self.buffer = wire[end + 5 :]
                self.in_data = False
                for number in range(self.accepted if self.lmtp else 1):
                    self.say(self.answers.get(f".{number}", self.answers["."]))
                self.accepted = 0
                continue
            line, found, self.buffer = self.buffer.partition(b"\r\n")
            if not found:
                self.buffer = line
                return
            text = line.decode()
            self.lines.append(text)
            verb = text.split(" ")[0].split(":")[0].upper()
            answer = self.answers.get(text) or self.answers.get(verb, "500 what?")
            self.say(answer)
            self.accepted += verb == "RCPT" and answer.startswith("2")
            self.in_data = verb == "DATA" and answer.startswith("354")

    def say(self, answer):
        if answer == "EOF":
            self.gone = True
        else:
            self.out += answer.encode() + b"\r\n"

    def give(self):
        size = self.split or len(self.out)
        octets, self.out = self.out[:size], self.out[size:]
        if not octets and not self.gone:
            raise AssertionError("the client waits for a reply that will not come")
        return octets


def run(steps, peer):
    """Drive a generator of steps; its value."""
    try:
        step = next(steps)
        while True:
            if isinstance(step, Send):
                assert b"\n" not in step.octets.replace(b"\r\n", b"")
                peer.take(step.octets)
                step = steps.send(b"")
            elif isinstance(step, Receive):
                step = steps.send(peer.give())
            else:
                assert isinstance(step, StartTls)
                step = steps.send(b"") if peer.tls_works else steps.throw(TlsFailed("no handshake"))
    except StopIteration as end:
        return end.value


def envelope(*addresses, **more):
    return Envelope("an@city.vn", tuple(ForwardPath(address) for address in addresses), size=20, **more)


def send(peer, env, message=b"Subject: x\r\n\r\nhello\r\n", **options):
    client = Client("mail.city.vn", **options)
    run(client.open(), peer)
    return client, run(client.send(env, [message]), peer)


@pytest.mark.parametrize("split", [0, 1, 3])
def test_one_message_in_one_write(split):
    peer = Peer({"STARTTLS": "454 no"}, split=split)
    client, outcome = send(peer, envelope("a@x.vn", "b@x.vn"))
    assert outcome.replies == {"a@x.vn": Reply(250, "2.0.0", "done"), "b@x.vn": Reply(250, "2.0.0", "done")}
    assert peer.lines == [
        "EHLO mail.city.vn",
        "MAIL FROM:<an@city.vn> SIZE=20",
        "RCPT TO:<a@x.vn>",
        "RCPT TO:<b@x.vn>",
        "DATA",
    ]
    assert peer.bodies == [b"Subject: x\r\n\r\nhello\r\n"]
    assert len([each for each in peer.sends if each.startswith(b"MAIL")]) == 1
    assert client.alive
    run(client.quit(), peer)
    assert peer.lines[-1] == "QUIT"
    assert not client.alive


def test_many_messages_on_one_connection():
    peer = Peer()
    client, _ = send(peer, envelope("a@x.vn"))
    for number in range(3):
        outcome = run(client.send(envelope(f"c{number}@x.vn"), [b"."]), peer)
        assert outcome.replies[f"c{number}@x.vn"].is_positive
    assert peer.bodies[1:] == [b"..\r\n"] * 3
    assert sum(line.startswith("EHLO") for line in peer.lines) == 1


def test_without_pipelining_each_reply_is_awaited():
    peer = Peer({"EHLO": "250-mx\r\n250 SIZE"})
    _, outcome = send(peer, envelope("a@x.vn", "b@x.vn"))
    assert outcome.replies["b@x.vn"].is_positive
    assert [each for each in peer.sends if each.startswith(b"RCPT")] == [
        b"RCPT TO:<a@x.vn>\r\n",
        b"RCPT TO:<b@x.vn>\r\n",
    ]


@pytest.mark.parametrize("ehlo", [EHLO, "250 mx", "502 5.5.1 what is EHLO"])
def test_each_recipient_has_its_own_reply(ehlo):
    peer = Peer({"EHLO": ehlo, "RCPT TO:<no@x.vn>": "550 5.1.1 unknown", "RCPT TO:<later@x.vn>": "451 4.2.0 later"})
    _, outcome = send(peer, envelope("no@x.vn", "yes@x.vn", "later@x.vn"))
    assert {path: reply.code for path, reply in outcome.replies.items()} == {
        "no@x.vn": 550,
        "yes@x.vn": 250,
        "later@x.vn": 451,
    }
    assert len(peer.bodies) == 1


@pytest.mark.parametrize("ehlo", [EHLO, "250 mx"])
@pytest.mark.parametrize("answer", ["550 5.7.1 no", "451 4.7.1 greylisted"])
def test_mail_refused_goes_for_all(ehlo, answer):
    peer = Peer({"EHLO": ehlo, "MAIL": answer, "RCPT": "503 mail first", "DATA": "503 mail first"})
    client, outcome = send(peer, envelope("a@x.vn", "b@x.vn"))
    assert [str(reply.code) for reply in outcome.replies.values()] == [answer[:3]] * 2
    assert peer.bodies == []
    assert client.alive
    assert run(client.send(envelope("a@x.vn"), [b"x"]), peer).replies["a@x.vn"].code == int(answer[:3])


@pytest.mark.parametrize("data", ["503 5.5.1 no recipients", "354 all the same"])
def test_all_recipients_refused(data):
    peer = Peer({"RCPT": "550 5.1.1 unknown", "DATA": data, ".": "554 5.5.1 no valid recipients"})
    client, outcome = send(peer, envelope("a@x.vn", "b@x.vn"), b"secret\r\n")
    assert [reply.code for reply in outcome.replies.values()] == [550, 550]
    assert peer.bodies in ([], [b""])  # nothing of the message
    assert client.alive


@pytest.mark.parametrize("answer", ["554 5.6.0 spam", "452 4.3.1 full"])
def test_the_final_reply_counts_for_those_accepted(answer):
    peer = Peer({".": answer, "RCPT TO:<no@x.vn>": "550 5.1.1 unknown"})
    _, outcome = send(peer, envelope("yes@x.vn", "no@x.vn"))
    assert outcome.replies["yes@x.vn"].code == int(answer[:3])
    assert outcome.replies["no@x.vn"].enhanced == "5.1.1"


def test_data_refused():
    _, outcome = send(Peer({"DATA": "451 4.3.0 not now"}), envelope("a@x.vn"))
    assert outcome.replies["a@x.vn"].code == 451


def test_too_many_recipients_are_left_for_another_transaction():
    peer = Peer({"RCPT TO:<c@x.vn>": "452 4.5.3 enough", "RCPT TO:<d@x.vn>": "452 4.5.3 enough"})
    client, outcome = send(peer, envelope("a@x.vn", "b@x.vn", "c@x.vn", "d@x.vn"))
    assert set(outcome.replies) == {"a@x.vn", "b@x.vn"}
    assert [path.address for path in outcome.untried] == ["c@x.vn", "d@x.vn"]
    assert client.alive


def test_lmtp_has_a_reply_for_each_recipient():
    peer = Peer({".1": "452 4.2.2 full", "RCPT TO:<no@x.vn>": "550 5.1.1 unknown"}, lmtp=True)
    _, outcome = send(peer, envelope("a@x.vn", "no@x.vn", "b@x.vn"), protocol="lmtp")
    assert {path: reply.code for path, reply in outcome.replies.items()} == {
        "a@x.vn": 250,
        "no@x.vn": 550,
        "b@x.vn": 452,
    }
    assert peer.lines[0] == "LHLO mail.city.vn"


def test_lmtp_that_says_354_to_nobody_is_left():
    peer = Peer({"RCPT": "550 5.1.1 unknown"}, lmtp=True)
    client, outcome = send(peer, envelope("a@x.vn"), protocol="lmtp")
    assert outcome.replies["a@x.vn"].code == 550
    assert not client.alive


@pytest.mark.parametrize("greeting", ["554 5.7.1 go away", "421 4.3.2 busy", "250 odd"])
def test_a_host_that_does_not_greet(greeting):
    with pytest.raises(HostRefused) as refusal:
        run(Client("us").open(), Peer(greeting=greeting))
    assert refusal.value.reply.code == int(greeting[:3])


def test_helo_where_ehlo_is_unknown():
    peer = Peer({"EHLO": "500 5.5.1 unknown"})
    client, outcome = send(peer, envelope("a@x.vn"))
    assert peer.lines[:3] == ["EHLO mail.city.vn", "HELO mail.city.vn", "MAIL FROM:<an@city.vn>"]
    assert client.extensions == {}
    assert outcome.replies["a@x.vn"].is_positive


# -- TLS

WITH_TLS = EHLO.replace("250 DSN", "250-DSN\r\n250 STARTTLS")


def test_tls_is_taken_when_offered():
    peer = Peer({"EHLO": WITH_TLS})
    client, outcome = send(peer, envelope("a@x.vn"))
    assert client.secured
    assert peer.lines[:3] == ["EHLO mail.city.vn", "STARTTLS", "EHLO mail.city.vn"]
    assert outcome.replies["a@x.vn"].is_positive


def test_tls_that_fails_says_so():
    with pytest.raises(TlsFailed):
        run(Client("us").open(), Peer({"EHLO": WITH_TLS}, tls_works=False))


def test_starttls_refused_goes_on_in_clear_unless_required():
    client, _ = send(Peer({"EHLO": WITH_TLS, "STARTTLS": "454 4.7.0 no"}), envelope("a@x.vn"))
    assert not client.secured
    with pytest.raises(TlsFailed):
        run(Client("us", tls=REQUIRED).open(), Peer({"EHLO": WITH_TLS, "STARTTLS": "454 4.7.0 no"}))
    with pytest.raises(TlsFailed):
        run(Client("us", tls=REQUIRED).open(), Peer())


def test_tls_never():
    peer = Peer({"EHLO": WITH_TLS})
    send(peer, envelope("a@x.vn"), tls=IN_CLEAR)
    assert "STARTTLS" not in peer.lines


def test_octets_behind_the_starttls_reply_are_an_attack():
    peer = Peer({"EHLO": WITH_TLS, "STARTTLS": "220 go\r\n250-evil\r\n250 AUTH"})
    with pytest.raises(TlsFailed, match="behind"):
        run(Client("us").open(), peer)


# -- what the server cannot take


def test_size_is_known_before_a_word_is_sent():
    peer = Peer()
    _, outcome = send(peer, Envelope("a@b", (ForwardPath("c@d"),), size=100_001))
    assert outcome.replies["c@d"].code == 552
    assert peer.lines == ["EHLO mail.city.vn"]


@pytest.mark.parametrize(
    ("more", "ehlo", "code"),
    [({"needs_smtputf8": True}, "250-mx\r\n250 8BITMIME", 553), ({"body": "8BITMIME"}, "250-mx\r\n250 SIZE", 554)],
)
def test_extensions_that_the_message_needs(more, ehlo, code):
    peer = Peer({"EHLO": ehlo})
    _, outcome = send(peer, envelope("a@x.vn", **more))
    assert outcome.replies["a@x.vn"].code == code
    assert peer.bodies == []


def test_parameters_go_along_where_the_server_knows_them():
    path = ForwardPath("a@x.vn", notify="SUCCESS,FAILURE", original_recipient="rfc822;a+b@x.vn")
    env = Envelope("an@city.vn", (path,), size=5, body="8BITMIME", needs_smtputf8=True, ret="HDRS", envelope_id="a b")
    peer = Peer()
    send(peer, env)
    assert peer.lines[1] == "MAIL FROM:<an@city.vn> SIZE=5 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+20b"
    assert peer.lines[2] == "RCPT TO:<a@x.vn> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@x.vn"


# -- connections that end


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "."])
def test_a_connection_lost_before_anything_was_decided(verb):
    with pytest.raises(ConnectionLost):
        send(Peer({verb: "EOF"}), envelope("a@x.vn"))


def test_a_connection_lost_later_keeps_what_was_decided():
    peer = Peer({".": "EOF", "RCPT TO:<no@x.vn>": "550 5.1.1 unknown"})
    client, outcome = send(peer, envelope("no@x.vn", "yes@x.vn"))
    assert set(outcome.replies) == {"no@x.vn"}
    assert not client.alive


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "."])
def test_421_ends_the_connection_and_is_temporary_for_the_rest(verb):
    client, outcome = send(Peer({verb: "421 4.3.2 going down"}), envelope("a@x.vn", "b@x.vn"))
    assert [reply.code for reply in outcome.replies.values()] == [421, 421]
    assert not client.alive


@pytest.mark.parametrize("noise", ["nonsense", "HTTP/1.1 200 OK", "250-a\r\n251 b"])
def test_a_peer_that_does_not_speak_smtp(noise):
    with pytest.raises(ConnectionLost):
        run(Client("us").open(), Peer(greeting=noise))


def test_bare_line_ends_are_mended_on_the_way_out():
    peer = Peer()
    send(peer, envelope("a@x.vn"), b"Subject: x\n\nline\rmore\r\n.\n.\r\nlast")
    assert peer.bodies == [b"Subject: x\r\n\r\nline\r\nmore\r\n..\r\n..\r\nlast\r\n"]


def test_a_message_in_chunks_is_one_message():
    peer = Peer()
    client = Client("us")
    run(client.open(), peer)
    run(client.send(envelope("a@x.vn"), [b"a\r", b"\n.b\r\n", b"", b".", b"c"]), peer)
    assert peer.bodies == [b"a\r\n..b\r\n..c\r\n"]
