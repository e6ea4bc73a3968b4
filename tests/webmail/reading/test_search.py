"""Searching: what people type, and what is found."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter


def found(an: Visitor, text: str, **more: str) -> list[str]:
    answer = an.get("/search", query_string={"q": text, **more})
    assert answer.status_code == 200
    return sorted(re.findall(r'<span class="subject">([^<]*)</span>', answer.get_data(as_text=True)))


@pytest.fixture
def mail(hall: TownHall) -> TownHall:
    day = int(datetime(2025, 6, 15, 9, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")).timestamp())
    hall.put("an", letter(subject="Họp về đất đai", text="Kính gửi chị Hương"), date=day)
    hall.put(
        "an", letter("Lê Mai Chi <chi@thanhpho.example>", subject="Dat coc", text="tiền đặt cọc"), date=day + 86_400
    )
    hall.put(
        "an", letter(subject="Dự toán", text="ngân sách năm 2026", files=[("a.txt", "text/plain", b"x")]), date=day
    )
    sent = letter("an@thanhpho.example", ["Phạm Đức Dũng <dung@thanhpho.example>"], subject="Gửi anh Dũng")
    hall.put("an", sent, "Sent", ("\\Seen", "\\Flagged"), day)
    hall.put("an", letter(subject="Đất trong thùng rác"), "Trash", date=day)
    hall.put("binh", letter(subject="Đất của người khác"), date=day)
    return hall


def test_words_without_marks_find_every_spelling(an: Visitor, mail: TownHall) -> None:
    assert found(an, "dat") == ["Dat coc", "Họp về đất đai"]
    assert found(an, "DAT DAI") == ["Họp về đất đai"]


def test_words_with_marks_find_only_their_own(an: Visitor, mail: TownHall) -> None:
    assert found(an, "đất") == ["Họp về đất đai"]
    assert found(an, "đặt") == ["Dat coc"]
    assert found(an, "đạt") == []


def test_all_words_must_be_there_and_quoted_ones_together(an: Visitor, mail: TownHall) -> None:
    assert found(an, "hop dat") == ["Họp về đất đai"]
    assert found(an, "dat hop ngan") == []
    assert found(an, '"dat dai"') == ["Họp về đất đai"]
    assert found(an, '"dai dat"') == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from:chi", ["Dat coc"]),
        ("từ:bình subject:hop", ["Họp về đất đai"]),
        ("tu:binh tieude:toan", ["Dự toán"]),
        ('tiêu đề:"đất đai"', ["Họp về đất đai"]),
        ("đến:dũng", ["Gửi anh Dũng"]),
        ("to:dung@thanhpho.example", ["Gửi anh Dũng"]),
        ("has:attachment", ["Dự toán"]),
        ("có:tệp", ["Dự toán"]),
        ("là:sao", ["Gửi anh Dũng"]),
        ("is:starred", ["Gửi anh Dũng"]),
        ("after:15/06/2025", ["Dat coc"]),
        ("dat before:16/06/2025", ["Họp về đất đai"]),
        ("sau:14/06/2025 trước:16/06/2025 dat", ["Họp về đất đai"]),
        ("ngân sách", ["Dự toán"]),
        ("huong", ["Họp về đất đai"]),
    ],
)
def test_fields_in_both_languages(an: Visitor, mail: TownHall, text: str, expected: list[str]) -> None:
    assert found(an, text) == expected


def test_the_text_of_messages_is_searched_too(an: Visitor, hall: TownHall) -> None:
    hall.put("an", letter(subject="dài", text="mở đầu " * 200 + "kim trong đống rơm"))
    hall.put("an", letter(subject="đẹp", text="", html="<p>mở đầu</p>" * 100 + "<p>kim <b>chỉ</b></p>"))
    assert found(an, "kim") == ["dài", "đẹp"]
    assert found(an, "chỉ") == ["đẹp"]


def test_one_mailbox_or_all_but_trash_and_junk(an: Visitor, mail: TownHall) -> None:
    assert found(an, "dat", **{"in": str(mail.mailbox("an", "Trash").id)}) == ["Đất trong thùng rác"]
    assert found(an, "dung", **{"in": str(mail.mailbox("an").id)}) == []
    assert found(an, "dat", **{"in": str(mail.mailbox("binh").id)}) == found(an, "dat")


@pytest.mark.parametrize(
    "text",
    ["%", "_", "\\", "'", '"', "a:b", "from:", "x" * 5000, "\x00", "* OR 1=1", 'subject:"unclosed', "before:32/13/2025",
     "đ" * 100, "(", "🙂", "https://x.example/?a=b:c"],
)  # fmt: skip
def test_whatever_is_typed_is_only_looked_for(an: Visitor, mail: TownHall, text: str) -> None:
    assert found(an, text) == []


def test_nothing_typed_finds_nothing_and_helps(an: Visitor) -> None:
    assert "Bạn cần tìm gì?" in an.page("/search")
    assert "Không tìm thấy" in an.page("/search?q=khongcogi")


def test_a_found_message_opens_beside_what_was_found(an: Visitor, mail: TownHall) -> None:
    page = an.page("/search?q=dat")
    link = re.search(r'href="(/mail/\d+/\d+\?q=dat)"', page)
    assert link is not None
    opened = an.page(link[1])
    assert "Tìm kiếm" in opened
    assert len(re.findall(r'<span class="subject">', opened)) == 2
