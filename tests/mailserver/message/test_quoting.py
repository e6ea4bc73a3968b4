"""What answers take over from the message they answer."""

from __future__ import annotations

import pytest

from mailserver.message.compose import compose
from mailserver.message.entity import Correspondent
from mailserver.message.quoting import (
    ENGLISH,
    VIETNAMESE,
    forward,
    forward_subject,
    quote_text,
    read_original,
    reply,
    reply_references,
    reply_subject,
)
from mailserver.message.summary import summarize

ME = Correspondent("toi@example.vn", "Tôi")
MESSAGE = """\
Date: Mon, 6 Jan 2025 23:30:00 +0000
From: =?utf-8?q?Tr=E1=BA=A7n_B=C3=ACnh?= <binh@example.vn>
To: toi@example.vn, Cường <cuong@example.vn>
Cc: Dung <dung@example.vn>, BINH@example.vn
Subject: Kế hoạch
Message-ID: <3@example.vn>
References: <1@example.vn> <2@example.vn>
In-Reply-To: <2@example.vn>
Content-Type: text/plain; charset=utf-8

Chào Tôi,
> cũ
Bình
--\x20
Trần Bình, Sở Xây dựng
""".replace("\n", "\r\n").encode()


def original(octets=MESSAGE, **changes):
    for name, value in changes.items():
        field = f"{name.replace('_', '-')}: {value}\r\n".encode()
        octets = field + octets
    return read_original(octets)


def addresses(people):
    return [person.address for person in people]


def test_a_reply_goes_to_the_author():
    draft = reply(original(), ME, own_addresses=["toi@example.vn"])
    assert addresses(draft.to) == ["binh@example.vn"]
    assert draft.to[0].name == "Trần Bình"
    assert draft.cc == ()


def test_a_reply_to_all_leaves_out_oneself_and_repeats_nobody():
    draft = reply(original(), ME, own_addresses=["Toi@Example.vn"], to_all=True)
    assert addresses(draft.to) == ["binh@example.vn"]
    assert addresses(draft.cc) == ["cuong@example.vn", "dung@example.vn"]


def test_reply_to_decides_where_it_is_given():
    draft = reply(original(Reply_To="list@example.vn"), ME, own_addresses=[])
    assert addresses(draft.to) == ["list@example.vn"]


def test_a_reply_to_what_one_wrote_goes_to_the_same_people():
    bình = Correspondent("binh@example.vn")
    draft = reply(original(), bình, own_addresses=["binh@example.vn"])
    assert addresses(draft.to) == ["toi@example.vn", "cuong@example.vn"]


def test_a_note_to_oneself_can_be_answered():
    note = read_original(b"From: toi@example.vn\r\nTo: toi@example.vn\r\n\r\nx\r\n")
    assert addresses(reply(note, ME, own_addresses=["toi@example.vn"], to_all=True).to) == ["toi@example.vn"]


@pytest.mark.parametrize(
    "header, expected",
    [
        ("Message-ID: <3@x>\r\nReferences: <1@x> <2@x>\r\nIn-Reply-To: <2@x>", ("<1@x>", "<2@x>", "<3@x>")),
        ("Message-ID: <3@x>\r\nIn-Reply-To: <2@x>", ("<2@x>", "<3@x>")),
        ("Message-ID: <3@x>\r\nIn-Reply-To: <1@x> <2@x>", ("<3@x>",)),  # RFC 5322 §3.6.4: which one, nobody knows
        ("Message-ID: <3@x>", ("<3@x>",)),
        ("Message-ID: <3@x>\r\nReferences: <3@x> <2@x>", ("<2@x>", "<3@x>")),
        ("References: <1@x>", ()),
    ],
)
def test_references(header, expected):
    assert reply_references(read_original(f"{header}\r\n\r\n".encode())) == expected


def test_a_reply_that_is_sent_joins_the_thread():
    draft = reply(original(), ME, own_addresses=[])
    octets = compose(draft, message_id="<4@example.vn>", date=0)
    assert summarize(octets).thread_key == summarize(MESSAGE).thread_key == "<1@example.vn>"
    assert summarize(octets).base_subject == summarize(MESSAGE).base_subject
    assert b"In-Reply-To: <3@example.vn>\r\n" in octets


@pytest.mark.parametrize(
    "subject, answered, passed_on",
    [
        ("Họp", "Re: Họp", "Fwd: Họp"),
        ("Re: Họp", "Re: Họp", "Fwd: Re: Họp"),
        ("RE: re[2]: Trả lời: Họp", "Re: Họp", "Fwd: RE: re[2]: Trả lời: Họp"),
        ("Fwd: FW: Họp", "Re: Fwd: FW: Họp", "Fwd: Họp"),
        ("", "Re: ", "Fwd: "),
        ("Regards", "Re: Regards", "Fwd: Regards"),
    ],
)
def test_subjects(subject, answered, passed_on):
    assert reply_subject(subject) == answered
    assert forward_subject(subject) == passed_on


def test_quotation_in_both_languages():
    text = reply(original(), ME, own_addresses=[]).text
    assert text == (
        "\n\nVào Thứ Ba, 07/01/2025 lúc 06:30, Trần Bình <binh@example.vn> đã viết:\n> Chào Tôi,\n>> cũ\n> Bình\n"
    )
    text = reply(original(), ME, own_addresses=[], phrases=ENGLISH, offset_minutes=0).text
    assert text.startswith("\n\nOn Monday, 2025-01-06 at 23:30, Trần Bình <binh@example.vn> wrote:\n> Chào")


def test_a_message_without_date_or_author_can_be_quoted():
    assert reply(read_original(b"\r\nx\r\n"), ME, own_addresses=[]).text == "\n\n:\n> x\n"


def test_quoting_is_by_lines():
    assert quote_text("a\n\n> b\n>> c\n-- \nsignature\n") == "> a\n>\n>> b\n>>> c"


def test_forwarding_shows_the_header_and_keeps_the_thread():
    draft = forward(original(), ME, phrases=VIETNAMESE)
    assert draft.text.startswith(
        "\n\n---------- Thư được chuyển tiếp ----------\n"
        "Từ: Trần Bình <binh@example.vn>\nNgày: Thứ Ba, 07/01/2025 06:30\n"
        "Tiêu đề: Kế hoạch\nĐến: toi@example.vn, Cường <cuong@example.vn>\n"
    )
    assert draft.text.endswith("-- \nTrần Bình, Sở Xây dựng\n")
    assert draft.to == ()
    assert draft.in_reply_to == ""
    assert draft.references[-1] == "<3@example.vn>"
