"""The form beside the search box, terms as chips, and searches that are kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from directory.mail import mailboxes
from directory.mail.saved_searches import MOST
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter


def query_of(an: Visitor, **fields: object) -> str:
    answer = an.get("/search/form", query_string=fields)
    assert answer.status_code == 303
    address = urlsplit(answer.headers["Location"])
    assert address.path == "/search"
    return parse_qs(address.query).get("q", [""])[0]


def test_every_field_becomes_a_term(an: Visitor) -> None:
    written = query_of(
        an, **{"from": "hương", "to": "văn thư", "subject": "ngân sách", "words": "đất là:sao", "in": "Lưu trữ",
               "after": "2025-06-01", "before": "2025-12-31", "larger": "5", "has": "attachment", "is": "unread",
               "label": "Gấp"},
    )  # fmt: skip
    assert written == (
        'đất là:sao từ:hương đến:"văn thư" tiêu đề:"ngân sách" trong:"Lưu trữ" nhãn:Gấp có:tệp là:chưa-đọc'
        " sau:01/06/2025 trước:31/12/2025 lớn hơn:5MB"
    )


@pytest.mark.parametrize("larger", ["0", "-1", "x", "99999", "²"])
def test_what_says_nothing_is_left_out(an: Visitor, larger: str) -> None:
    assert query_of(an, words="a", larger=larger, after="yesterday", **{"from": "  ", "is": "odd"}) == "a"


def test_the_form_shows_the_search_that_is_open(an: Visitor) -> None:
    page = an.page("/search?q=từ:hương đất larger:5MB trước:31/12/2025 là:sao từ:bình larger:2k")
    assert re.search(r'id="sf-from" name="from" value="hương"', page)
    assert unescape(re.findall(r'id="sf-words" name="words" value="([^"]*)"', page)[0]) == "đất từ:bình lớn hơn:2k"
    assert re.search(r'id="sf-before" name="before" type="text" value="31/12/2025"', page)
    assert re.search(r'id="sf-larger"[^>]* value="5"', page)
    assert re.search(r'value="starred" checked', page)
    assert not re.search(r'value="unread" checked', page)


def test_a_chip_takes_its_term_off(an: Visitor) -> None:
    page = an.page("/search?q=từ:hương đất là:sao")
    found = re.findall(r'<a class="chip" href="([^"]+)" title="Bỏ: ([^"]+)"', page)
    assert [name for _address, name in found] == ["Từ: hương", "đất", "Gắn sao"]
    assert [parse_qs(urlsplit(unescape(address)).query)["q"][0] for address, _name in found] == [
        "đất là:sao", "từ:hương là:sao", "từ:hương đất",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trong:thùng-rác", ["thùng"]),
        ("in:trash", ["thùng"]),
        ('trong:"lưu trữ"', ["kho"]),
        ("in:inbox", ["lớn", "nhỏ"]),
        ("in:everywhere", ["kho", "lớn", "nhỏ", "thùng"]),
        ("in:trash in:archive", ["kho", "thùng"]),
        ("in:nowhere", []),
        ("larger:20KB", ["lớn"]),
        ("in:inbox nhãn:none", []),
    ],
)
def test_where_and_how_large(an: Visitor, hall: TownHall, text: str, expected: list[str]) -> None:
    hall.put("an", letter(subject="nhỏ"))
    hall.put("an", letter(subject="lớn", text="dài " * 10_000))
    hall.put("an", letter(subject="thùng"), "Trash")
    hall.put("an", letter(subject="kho"), "Archive")
    page = an.page(f"/search?q={text}")
    assert sorted(re.findall(r'<span class="subject">([^<]*)</span>', page)) == expected


def keep(who: Visitor, name: str, query: str = "từ:hương") -> int:
    return who.ask("/searches", {"action": "keep", "name": name, "query": query}).status_code


def test_a_search_is_kept_renamed_and_taken_away(an: Visitor) -> None:
    an.page("/search?q=từ:hương")
    assert keep(an, "Thư chị Hương") == 200
    page = an.page("/search")
    assert re.search(r'href="/search\?q=t%E1%BB%AB%3Ah%C6%B0%C6%A1ng"[^>]*>.*?Thư chị Hương', page, re.DOTALL)
    an.post("/searches", {"action": "rename", "old": "Thư chị Hương", "name": "Chị Hương"})
    assert "Chị Hương" in an.page("/searches")
    an.post("/searches", {"action": "remove", "old": "Chị Hương"})
    assert "Chị Hương" not in an.page("/searches")


def test_what_is_not_kept(an: Visitor) -> None:
    assert keep(an, "a") == 200
    assert keep(an, "A") == 422
    assert keep(an, "") == 422
    assert keep(an, "b", "  ") == 422
    assert keep(an, "b", "x" * 301) == 422
    assert keep(an, "x" * 61) == 422
    assert an.ask("/searches", {"action": "remove", "old": "none"}).status_code == 422
    assert an.ask("/searches", {"action": "rename", "old": "none", "name": "b"}).status_code == 422
    for number in range(1, MOST):
        assert keep(an, f"số {number}") == 200
    assert keep(an, "một nữa") == 422


def test_everybody_has_his_own(an: Visitor, sign_in: Callable[[str], Visitor]) -> None:
    keep(an, "Riêng của An")
    binh = sign_in("binh")
    assert "Riêng của An" not in binh.page("/searches")
    assert binh.ask("/searches", {"action": "remove", "old": "Riêng của An"}).status_code == 422
    assert "Riêng của An" in an.page("/searches")


def test_who_may_only_read_keeps_nothing(hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    unit = hall.account("vanthu.snv")
    with hall.services.directory.write() as conn:
        mailboxes.grant(conn, "test", unit.id, hall.account("chi").id, may_send=False)
    chi = sign_in("chi")
    chi.post("/open", {"account": unit.id})
    assert keep(chi, "x") == 409
