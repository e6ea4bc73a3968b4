"""What a writer is told of those he writes to, before he sends."""

from __future__ import annotations

from html import unescape

import pytest

from directory.dates import days_after
from directory.mail import account_changes, groups
from directory.mail.addresses import normalise
from directory.staff import leaving
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter
from webmail.writing import remarks


def told(visitor: Visitor, **fields: str) -> list[tuple[str, str]]:
    visitor.get("/compose")
    found = visitor.post("/compose/remarks", fields).get_json()["remarks"]
    return [(each["kind"], each["text"]) for each in found]


def test_of_colleagues_there_is_nothing_to_say(an: Visitor) -> None:
    assert told(an, to="Bình <binh@thanhpho.example>", cc="huong@thanhpho.example") == []


def test_whoever_is_outside_is_named(an: Visitor) -> None:
    people = ", ".join(f"ban{number}@example.org" for number in range(6))
    ((kind, text),) = told(an, bcc=people)
    assert kind == "note"
    assert "ban0@example.org" in text
    assert "ban5@example.org" not in text
    assert "2" in text


def test_an_address_that_is_made_to_be_taken_for_ours(an: Visitor) -> None:
    assert any(kind == "caution" and "thanhph0.example" in text for kind, text in told(an, to="binh@thanhph0.example"))


def test_a_mailbox_that_there_is_not(an: Visitor) -> None:
    ((kind, text),) = told(an, to="nosuch@thanhpho.example")
    assert kind == "caution"
    assert "nosuch@thanhpho.example" in text


def test_a_group_that_he_may_not_write_to(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        made = groups.add_group(conn, "test", address_text="lanhdao@thanhpho.example", name="Lãnh đạo", posting="named")
        groups.add_member(conn, "test", made.id, "binh@thanhpho.example")
    ((kind, text),) = told(an, to="lanhdao@thanhpho.example")
    assert kind == "caution"
    assert "lanhdao@thanhpho.example" in text


def test_a_group_with_a_moderator(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        found = groups.find_group(conn, normalise("toanso@thanhpho.example"))
        groups.alter_group(conn, "test", found.id, is_moderated=True)
    assert any("duyệt" in text for _kind, text in told(an, to="toanso@thanhpho.example"))


def test_a_full_mailbox(an: Visitor, hall: TownHall) -> None:
    hall.put("binh", letter(subject="Đầy", text="x" * 5000))
    with hall.services.directory.write() as conn:
        account_changes.set_quota(conn, "test", hall.account("binh").id, 1000)
    ((kind, text),) = told(an, to="binh@thanhpho.example")
    assert kind == "caution"
    assert "binh@thanhpho.example" in text


def test_who_has_left_for_another_address(an: Visitor, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        gone = hall.account("chi").id
        yesterday = days_after(conn.today, -1)
        leaving.leave(conn, "test", gone, last_day=yesterday, redirect_to="dung@thanhpho.example")
    assert told(an, to="chi@thanhpho.example") == [
        ("note", "chi@thanhpho.example đã chuyển: thư được chuyển đến dung@thanhpho.example.")
    ]


def test_a_crowd(an: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remarks, "CROWD", 3)
    assert any("3" in text for _kind, text in told(an, to="toanso@thanhpho.example"))
    assert told(an, to="binh@thanhpho.example") == []


def answer_to_all(visitor: Visitor, **more: str) -> str:
    fields = {"action": "send", "to": "toanso@thanhpho.example", "subject": "x", "text": "x", "answers": "reply 1:1"}
    page = visitor.post("/compose", {**fields, **more})
    return unescape(page.get_data(as_text=True))


def test_an_answer_to_a_crowd_is_sent_to_who_says_so_once_more(
    an: Visitor, hall: TownHall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remarks, "CROWD_ANSWERED", 3)
    an.get("/compose")
    before = len(hall.rows("binh"))
    assert "Gửi cho tất cả" in answer_to_all(an)
    assert len(hall.rows("binh")) == before
    answer_to_all(an, everybody="on")
    assert len(hall.rows("binh")) == before + 1


def test_a_letter_to_a_crowd_and_an_answer_to_few_are_not_asked_about(
    an: Visitor, hall: TownHall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remarks, "CROWD_ANSWERED", 3)
    an.get("/compose")
    assert "Gửi cho tất cả" not in answer_to_all(an, answers="")
    assert "Gửi cho tất cả" not in answer_to_all(an, to="binh@thanhpho.example")
    assert len(hall.rows("binh")) == 2


@pytest.mark.parametrize(
    ("to", "is_blind"),
    [("binh@thanhpho.example", True), ("an@thanhpho.example", False), ("toanso@thanhpho.example", False)],
)
def test_an_answer_to_all_by_who_got_a_blind_copy(an: Visitor, hall: TownHall, to: str, is_blind: bool) -> None:
    hall.put("an", letter(subject="Kín", to=[to]))
    uid = hall.rows("an")[-1][0]
    mailbox = hall.mailbox("an", "INBOX").id
    told = unescape(an.get(f"/compose?reply_all={mailbox}:{uid}").get_data(as_text=True))
    assert ("bản sao ẩn" in told) == is_blind
    assert "bản sao ẩn" not in unescape(an.get(f"/compose?reply={mailbox}:{uid}").get_data(as_text=True))


def test_without_script_the_form_says_it(an: Visitor) -> None:
    an.get("/compose")
    page = an.post("/compose", {"action": "check", "to": "nosuch@thanhpho.example", "text": "x"})
    assert "nosuch@thanhpho.example" in unescape(page.get_data(as_text=True)).partition("<mail-remarks")[2]


def test_nonsense_is_no_fault(an: Visitor) -> None:
    for text in ("", ",,,;", "<<>>@", '"' * 999, "@" * 999, "a@b" * 9999):
        told(an, to=text)
