"""Replies to octets and back, and which code a refusal gets."""

from __future__ import annotations

import inspect
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver import refusals
from mailserver.smtp.replies import MAX_REPLY_LINES, Reply, ReplyFault, ReplyReader, fault_reply, refusal_reply


def read_all(wire, cuts=()):
    reader = ReplyReader()
    places = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    replies = []
    for start, stop in pairwise(places):
        reader.feed(wire[start:stop])
        while (reply := reader.next_reply()) is not None:
            replies.append(reply)
    return replies


@pytest.mark.parametrize(
    ("wire", "replies"),
    [
        (b"250 OK\r\n", [Reply(250, "", "OK")]),
        (b"250\r\n", [Reply(250, "", "")]),
        (b"250 2.1.5 Fine\r\n", [Reply(250, "2.1.5", "Fine")]),
        (b"550-5.1.1 No\r\n550 5.1.1 such user\r\n", [Reply(550, "5.1.1", "No\nsuch user")]),
        (b"250-mx\r\n250-SIZE 10\r\n250 DSN\r\n354 go\r\n", [Reply(250, "", "mx\nSIZE 10\nDSN"), Reply(354, "", "go")]),
        (b"550 2.1.5 a class that disagrees\r\n", [Reply(550, "", "2.1.5 a class that disagrees")]),
        (b"250 OK\n", [Reply(250, "", "OK")]),
        (b"421 4.3.2 \xff\xfe\r\n", [Reply(421, "4.3.2", "��")]),
    ],
)
def test_replies_are_read_at_every_split(wire, replies):
    assert read_all(wire) == replies
    assert read_all(wire, range(len(wire))) == replies
    for cut in range(len(wire)):
        assert read_all(wire, [cut]) == replies


@given(
    st.integers(200, 599),
    st.sampled_from(["", "x.1.5", "x.0.0"]),
    st.lists(
        st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=20),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.integers(0, 300), max_size=5),
)
def test_what_is_written_is_read(code, enhanced, lines, cuts):
    enhanced = enhanced.replace("x", str(code)[0]) if code >= 400 or 200 <= code < 300 else ""
    reply = Reply(code, enhanced, "\n".join(lines))
    assert read_all(reply.octets, cuts) == [reply]


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 400 Bad\r\n",
        b"99 x\r\n",
        b"250-a\r\n550 b\r\n",
        b"2500 x\r\n",
        b"\r\n",
        b"250" + b"x" * 3000,
        b"250-x\r\n" * MAX_REPLY_LINES,
        b"600 x\r\n",
        b"150 x\r\n",
    ],
)
def test_what_is_no_reply_is_a_fault(wire):
    with pytest.raises(ReplyFault):
        read_all(wire)


def test_a_text_cannot_forge_a_line():
    octets = Reply(550, "5.1.1", "no\r\n250 2.0.0 yes\x00").octets
    assert octets == b"550-5.1.1 no \r\n550 5.1.1 250 2.0.0 yes \r\n"
    assert len(Reply(550, "5.1.1", "x" * 5000).octets) <= 512


def test_every_refusal_has_codes_that_agree():
    kinds = [kind for _, kind in inspect.getmembers(refusals, inspect.isclass) if issubclass(kind, refusals.Refusal)]
    assert len(kinds) > 10
    for kind in kinds:
        reply = refusal_reply(kind("for the client", "for the log"))
        assert str(reply.code)[0] == reply.enhanced[0]
        assert reply.text == "for the client"
    assert refusal_reply(refusals.TryLater()).code == 451
    assert refusal_reply(refusals.NoSuchRecipient()).code == 550


def test_a_subclass_of_a_refusal_gets_the_codes_of_its_kind():
    class Fuller(refusals.OverQuota):
        pass

    assert refusal_reply(Fuller()).code == 452


def test_a_fault_of_ours_is_temporary():
    assert fault_reply("ABC").code == 451
    assert "ABC" in fault_reply("ABC").text
