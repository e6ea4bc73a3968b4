"""What scanners are sent, and what is made of their answers, whatever pieces these come in."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.scanning import clamd, milter, rspamd
from mailserver.scanning.opinion import Action, Change, Conversation, Letter, Opinion, ScannerFailed, edited
from mailserver.smtp.replies import Reply

MESSAGE = b"From: a@b.example\r\nSubject: two\r\n lines\r\nX-Empty:\r\n\r\nbody\r\n" + b"x" * 100_000
LETTER = Letter(MESSAGE, "REF", "192.0.2.1", "client.example", "", "a@b.example", ("an@city.vn", "binh@city.vn"))


def hold(conversation: Conversation, answers: bytes, size: int = 1 << 20) -> tuple[Opinion, bytes]:
    """With a peer that says all this, in pieces of ``size``, and then nothing more."""
    said = bytearray()
    try:
        step = next(conversation)
        while True:
            heard = b""
            if step is None:
                heard, answers = answers[:size], answers[size:]
            else:
                said += step
            step = conversation.send(heard)
    except StopIteration as end:
        return end.value, bytes(said)


# ClamAV


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("answer", "opinion"),
    [
        (b"stream: OK\0", Opinion("clamav", Action.CLEAN)),
        (b"stream: Win.Test.EICAR_HDB-1 FOUND\0", Opinion("clamav", Action.QUARANTINE, "Win.Test.EICAR_HDB-1")),
    ],
)
def test_clamd_names_what_it_finds(answer: bytes, opinion: Opinion, size: int) -> None:
    thought, said = hold(clamd.scan(LETTER, on_virus=Action.QUARANTINE), answer, size)
    assert thought == opinion
    command, _, stream = said.partition(b"\0")
    assert command == b"zINSTREAM"
    content = b""
    while (length := int.from_bytes(stream[:4], "big")) > 0:
        content += stream[4 : 4 + length]
        stream = stream[4 + length :]
    assert content == MESSAGE
    assert stream == bytes(4)


@pytest.mark.parametrize(
    "answer", [b"", b"\0", b"stream: ", b"INSTREAM size limit exceeded. ERROR\0", b" FOUND\0", b"O", b"x" * 10_000]
)
def test_clamd_that_does_not_answer_has_failed(answer: bytes) -> None:
    with pytest.raises(ScannerFailed):
        hold(clamd.scan(LETTER, on_virus=Action.REFUSE), answer)


# rspamd


def http(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("action", "wanted"),
    [
        ("no action", Action.CLEAN),
        ("add header", Action.JUNK),
        ("rewrite subject", Action.JUNK),
        ("soft reject", Action.DEFER),
        ("reject", Action.REFUSE),
    ],
)
def test_rspamd_names_an_action(action: str, wanted: Action, size: int) -> None:
    body = json.dumps({"action": action, "score": 7.25, "required_score": 15, "symbols": {"B": {}, "A": {}}}).encode()
    thought, said = hold(rspamd.scan(LETTER, host="localhost"), http(body), size)
    assert thought == Opinion("rspamd", wanted, "7.2/15.0 A,B")
    head, _, content = said.partition(b"\r\n\r\n")
    assert content == MESSAGE
    assert head.startswith(b"POST /checkv2 HTTP/1.1\r\n")
    assert head.count(b"Rcpt: ") == 2
    assert b"\r\nIP: 192.0.2.1\r\n" in head + b"\r\n"


def test_rspamds_own_words_are_the_reply() -> None:
    body = json.dumps({"action": "reject", "messages": {"smtp_message": "Spam message rejected"}}).encode()
    thought, _ = hold(rspamd.scan(LETTER, host="x"), http(body))
    assert thought.reply == Reply(554, "5.7.1", "Spam message rejected")


@given(path=st.text(max_size=30), hello=st.text(max_size=30))
def test_no_envelope_adds_a_field_to_the_request(path: str, hello: str) -> None:
    letter = Letter(b"\r\n", "R", "192.0.2.1", hello, "", path, ("x\r\nEvil: 1",))
    with contextlib.suppress(UnicodeEncodeError):  # lone surrogates come from no wire
        _, said = hold(rspamd.scan(letter, host="x"), http(b'{"action": "no action"}'))
        assert b"\nEvil" not in said


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-x\r\n",
        http(b"{}"),
        http(b"[]"),
        http(b'{"action": "dance"}'),
        http(b'{"action": "reject", "score": "x"}'),
        http(b"no", "500 Oops"),
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"action": "no action"}',
    ],
)
def test_rspamd_that_does_not_answer_has_failed(answer: bytes) -> None:
    with pytest.raises(ScannerFailed):
        hold(rspamd.scan(LETTER, host="x"), answer)


# Milters


def packet(command: bytes, data: bytes = b"") -> bytes:
    return (len(data) + 1).to_bytes(4, "big") + command + data


def agree(actions: int = 0, steps: int = 0, version: int = 6) -> bytes:
    return packet(b"O", b"".join(each.to_bytes(4, "big") for each in (version, actions, steps)))


def packets(octets: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    while octets:
        length = int.from_bytes(octets[:4], "big")
        found.append((octets[4:5], octets[5 : 4 + length]))
        octets = octets[4 + length :]
    return found


def ask(answers: bytes, size: int = 1 << 20, letter: Letter = LETTER) -> tuple[Opinion, list[tuple[bytes, bytes]]]:
    thought, said = hold(milter.scan(letter, name="m", our_name="mail.city.vn"), answers, size)
    return thought, packets(said)


GO_ON = packet(b"c")
# connect, helo, mail, two rcpt, data, three header fields, end of header, two chunks of the body
EVERY_STEP = GO_ON * 12


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_milter_is_told_everything_in_order(size: int) -> None:
    thought, said = ask(agree() + EVERY_STEP + GO_ON, size)
    assert thought == Opinion("m", Action.CLEAN)
    assert [command for command, _ in said if command != b"D"] == [
        b"O", b"C", b"H", b"M", b"R", b"R", b"T", b"L", b"L", b"L", b"N", b"B", b"B", b"E", b"Q"
    ]  # fmt: skip
    told = [data for command, data in said if command == b"L"]
    assert told == [b"From\0a@b.example\0", b"Subject\0two\n lines\0", b"X-Empty\0\0"]
    assert b"".join(data for command, data in said if command == b"B") == MESSAGE.partition(b"\r\n\r\n")[2]
    assert (b"C", b"[192.0.2.1]\x004\0\x00192.0.2.1\0") in said
    assert (b"M", b"<a@b.example>\0") in said


def test_steps_may_be_left_out_and_left_unanswered() -> None:
    no_body_no_headers, no_reply_to_mail = 0x10 | 0x20 | 0x40, 0x4000
    thought, said = ask(agree(steps=no_body_no_headers | no_reply_to_mail) + GO_ON * 5 + GO_ON)
    assert thought.action is Action.CLEAN
    assert not {b"L", b"N", b"B"} & {command for command, _ in said}


def test_a_milter_that_has_seen_enough_of_the_body() -> None:
    _, said = ask(agree(steps=0x400) + GO_ON * 10 + packet(b"s") + GO_ON)
    assert [command for command, _ in said].count(b"B") == 1


@pytest.mark.parametrize(
    ("answer", "action", "reply"),
    [
        (packet(b"r"), Action.REFUSE, None),
        (packet(b"t"), Action.DEFER, None),
        (packet(b"d"), Action.QUARANTINE, None),  # nothing is thrown away in silence
        (packet(b"a"), Action.CLEAN, None),
        (packet(b"y", b"550 5.7.1 No %% thanks\0"), Action.REFUSE, Reply(550, "5.7.1", "No %% thanks")),
        (packet(b"y", b"451 later\0"), Action.DEFER, Reply(451, "4.7.1", "later")),
        (packet(b"p") * 3 + packet(b"r"), Action.REFUSE, None),
    ],
)
@pytest.mark.parametrize("steps", [0, 2, 7, 12])
def test_a_milter_may_decide_at_any_step(steps: int, answer: bytes, action: Action, reply: Reply | None) -> None:
    thought, said = ask(agree() + GO_ON * steps + answer)
    assert (thought.action, thought.reply) == (action, reply)
    assert said[-1] == (b"Q", b"")


def test_fields_and_quarantine_are_asked_for_at_the_end() -> None:
    wishes = packet(b"h", b"X-Seen\0 yes\0") + packet(b"i", b"\0\0\0\1X-First\0a\n b\0") + packet(b"q", b"odd\0")
    thought, _ = ask(agree(0x21) + EVERY_STEP + wishes + GO_ON)
    assert thought == Opinion("m", Action.QUARANTINE, "odd", None, (("X-Seen", "yes"), ("X-First", "a\n b")))


def test_fields_are_changed_and_removed() -> None:
    wishes = packet(b"m", b"\0\0\0\1subject\0three\0") + packet(b"m", b"\0\0\0\2From\0\0")
    thought, _ = ask(agree(0x10) + EVERY_STEP + wishes + GO_ON)
    assert thought.changes == (Change("subject", 1, "three"), Change("From", 2, ""))


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (Change("a", 1, ""), b"B: 2\r\nA: 1\r\na:  3\r\n 4\r\n\r\n"),
        (Change("A", 2, ""), b"A: 1\r\nB: 2\r\na:  3\r\n 4\r\n\r\n"),
        (Change("A", 3, "x"), b"A: 1\r\nB: 2\r\nA: 1\r\nA: x\r\n\r\n"),
        (Change("A", 3, "x\r\nEvil: 1"), b"A: 1\r\nB: 2\r\nA: 1\r\nA: x Evil: 1\r\n\r\n"),
        (Change("A", 4, "x"), b"A: 1\r\nB: 2\r\nA: 1\r\na:  3\r\n 4\r\n\r\n"),
        (Change("A", 0, "x"), b"A: 1\r\nB: 2\r\nA: 1\r\na:  3\r\n 4\r\n\r\n"),
        (Change("C", 1, "x"), b"A: 1\r\nB: 2\r\nA: 1\r\na:  3\r\n 4\r\n\r\n"),
    ],
)
def test_only_that_field_is_changed(change: Change, left: bytes) -> None:
    header = b"A: 1\r\nB: 2\r\nA: 1\r\na:  3\r\n 4\r\n\r\n"
    assert edited(header, [Opinion("m", Action.CLEAN, changes=(change,))]) == left


def test_no_other_fields_end_is_taken_for_the_field() -> None:
    header = b"Not-A: 1\r\nB: A: 1\r\nA: 1\r\n\r\n"
    change = Change("A", 1, "")
    assert edited(header, [Opinion("m", Action.CLEAN, changes=(change,))]) == b"Not-A: 1\r\nB: A: 1\r\n\r\n"


def test_what_scanners_add_stands_in_front() -> None:
    opinions = [Opinion("a", Action.CLEAN, fields=(("X-A", "1\n2"), ("no name", "x"))), Opinion("b", Action.CLEAN)]
    assert edited(b"A: 1\r\n\r\n", opinions) == b"X-A: 1 2\r\nA: 1\r\n\r\n"


@pytest.mark.parametrize(
    "answers",
    [
        b"",
        b"\0",
        packet(b"c"),
        bytes(4),
        b"\xff" * 100,
        agree(version=1),
        agree(version=7),
        agree(actions=0x02),  # wants to change the body
        agree(0x10) + EVERY_STEP + packet(b"m", b"\0\0\0\1X\0"),
        agree(steps=0x10000000),
        agree() + packet(b"h", b"X\0y\0"),  # a wish before the end
        agree() + EVERY_STEP + packet(b"b", b"another body"),
        agree() + EVERY_STEP + packet(b"h", b"no end"),
        agree() + packet(b"y", b"hello\0"),
        agree() + EVERY_STEP,
    ],
)
def test_a_milter_that_breaks_the_protocol_has_failed(answers: bytes) -> None:
    with pytest.raises(ScannerFailed):
        ask(answers)


@given(answers=st.binary(max_size=200))
def test_no_answer_is_a_bug_of_ours(answers: bytes) -> None:
    for conversation in (
        clamd.scan(LETTER, on_virus=Action.REFUSE),
        rspamd.scan(LETTER, host="x"),
        milter.scan(LETTER, name="m", our_name="x"),
    ):
        with contextlib.suppress(ScannerFailed):
            hold(conversation, answers)
    with contextlib.suppress(ScannerFailed):
        ask(agree() + answers)


def test_a_message_in_a_file_is_told_as_one_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "message"
    path.write_bytes(MESSAGE)
    in_memory, in_file = (replace(LETTER, octets=octets) for octets in (MESSAGE, path))
    answers = agree() + EVERY_STEP + GO_ON
    assert ask(answers, letter=in_memory) == ask(answers, letter=in_file)
    for scan, answer in (
        (lambda letter: clamd.scan(letter, on_virus=Action.REFUSE), b"stream: OK\0"),
        (lambda letter: rspamd.scan(letter, host="x"), http(b'{"action": "no action"}')),
    ):
        assert hold(scan(in_memory), answer) == hold(scan(in_file), answer)
