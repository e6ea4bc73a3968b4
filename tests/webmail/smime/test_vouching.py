"""A letter signed for a unit: who signs shows on the page that he sits there himself, and loses no letter over it."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from directory.mail import mailboxes
from directory.record import entries
from security.cms import is_encrypted
from tests.webmail.conftest import Visitor
from tests.webmail.smime.test_writing_protected import SECRET, SignIn, read, send
from tests.webmail.town_hall import PASSWORD, TownHall

UNIT = "vanthu.snv@thanhpho.example"


@pytest.fixture
def huong(sign_in: SignIn) -> Visitor:
    """She may send for the unit."""
    return sign_in("huong")


def draft_of(page: str) -> int:
    [found] = re.findall(r'action="/compose/(\d+)/prove"', page)
    return int(found)


def asked(who: Visitor, **form: Any) -> int:
    """Send a letter of the unit's; the draft in which it waits for a proof."""
    answer = send(who, author=UNIT, **form)
    assert answer.status_code == 200
    return draft_of(answer.get_data(as_text=True))


def signatures(hall: TownHall) -> list[dict[str, Any]]:
    with hall.services.directory.read() as conn:
        return [json.loads(one.details) for one in entries(conn) if one.action == "key.sign"]


@pytest.mark.parametrize("encrypt", [None, "1"])
def test_it_is_asked_for_and_the_letter_goes_whole(
    huong: Visitor, hall: TownHall, sign_in: SignIn, encrypt: str | None
) -> None:
    files = [(io.BytesIO(b"bang luong"), "Lương.txt")]
    draft = asked(huong, encrypt=encrypt, cc="chi@thanhpho.example", subject="Công văn", files=files)
    assert hall.rows("binh") == hall.rows("huong", "Sent") == []
    assert is_encrypted(hall.octets("huong", draft, "Drafts")) is bool(encrypt)
    sent = huong.post(f"/compose/{draft}/prove", {"action": "send", "password": PASSWORD})
    assert sent.status_code == 303
    assert hall.rows("huong", "Drafts") == []
    for login in ("binh", "chi"):
        reader = sign_in(login)
        states, body = read(reader, hall, login)
        assert states == (["encrypted", "valid"] if encrypt else ["valid"])
        assert SECRET in body
        assert "Lương.txt" in reader.page(f"/mail/{hall.mailbox(login).id}/1")
    [told] = signatures(hall)
    assert told["proof"] == "password"
    # within the next minutes nobody asks again
    assert send(huong, author=UNIT).status_code == 303
    assert len(signatures(hall)) == 2


def test_a_wrong_password_sends_nothing_and_asks_again(huong: Visitor, hall: TownHall) -> None:
    draft = asked(huong, subject="Không mất")
    wrong = huong.post(f"/compose/{draft}/prove", {"action": "send", "password": "sai rồi"})
    assert wrong.status_code == 422
    page = wrong.get_data(as_text=True)
    assert "Mật khẩu hiện tại không đúng" in page
    assert draft_of(page) == draft
    assert "Không mất" in page
    assert hall.rows("binh") == []
    assert signatures(hall) == []
    assert 'value="Không mất"' in huong.page(f"/compose/{draft}")


def test_posts_past_the_page_sign_nothing(huong: Visitor, hall: TownHall, sign_in: SignIn) -> None:
    draft = asked(huong)
    for form in ({}, {"password": ""}, {"password": "x", "code": "{}"}, {"password": "\0" * 2000}):
        assert huong.post(f"/compose/{draft}/prove", {"action": "send", **form}).status_code == 422
    # neither another's proof helps, nor the same person's elsewhere
    elsewhere = sign_in("huong")
    theirs = asked(elsewhere)
    assert elsewhere.post(f"/compose/{theirs}/prove", {"action": "send", "password": PASSWORD}).status_code == 303
    assert len(signatures(hall)) == 1
    assert send(huong, author=UNIT).status_code == 200
    assert huong.post(f"/compose/{draft}/prove", {"action": "send"}).status_code == 422
    assert len(signatures(hall)) == 1
    an = sign_in("an")  # who may not send for it at all
    assert send(an, author=UNIT).status_code == 422
    assert an.post(f"/compose/{draft}/prove", {"action": "send", "password": PASSWORD}).status_code == 303
    assert len(signatures(hall)) == 1
    assert len(hall.rows("binh")) == 1


def test_the_second_of_two_windows_sends_nothing_twice(huong: Visitor, hall: TownHall) -> None:
    draft = asked(huong)
    form = {"action": "send", "password": PASSWORD}
    assert huong.post(f"/compose/{draft}/prove", form).headers["Location"].startswith("/")
    again = huong.post(f"/compose/{draft}/prove", form, follow=True)
    assert "đã được sửa hoặc gửi ở nơi khác" in again.get_data(as_text=True)
    assert len(hall.rows("binh")) == len(signatures(hall)) == 1


def test_who_has_left_the_unit_meanwhile_signs_nothing(an: Visitor, hall: TownHall) -> None:
    unit, clerk = hall.account("vanthu.snv").id, hall.account("an").id
    with hall.services.directory.write() as conn:
        mailboxes.grant(conn, "test", unit, clerk)
    draft = asked(an)
    with hall.services.directory.write() as conn:
        mailboxes.revoke(conn, "test", unit, clerk)
    answer = an.post(f"/compose/{draft}/prove", {"action": "send", "password": PASSWORD})
    assert answer.status_code == 422
    assert SECRET in answer.get_data(as_text=True)
    assert hall.rows("binh") == []
    assert signatures(hall) == []


def test_a_letter_for_later_is_signed_when_it_is_ordered(huong: Visitor, hall: TownHall) -> None:
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    then = datetime.fromtimestamp(hall.clock(), zone) + timedelta(days=2)
    answer = send(huong, author=UNIT, action="later", send_at=f"{then:%d/%m/%Y %H:%M}")
    page = answer.get_data(as_text=True)
    assert f"{then:%d/%m/%Y}" in page
    [moment] = re.findall(r'name="action" value="(later \d+)"', page)
    done = huong.post(f"/compose/{draft_of(page)}/prove", {"action": moment, "password": PASSWORD})
    assert done.status_code == 303
    [item] = set(re.findall(r"/scheduled/(\d+)/take-back", huong.page("/scheduled")))
    assert hall.rows("binh") == []
    assert [told["proof"] for told in signatures(hall)] == ["password"]
    # taken back and sent anew it is signed anew
    back = huong.post(f"/scheduled/{item}/take-back", {}).headers["Location"]
    draft = int(back.rpartition("/")[2])
    assert send(huong, author=UNIT, draft=draft).status_code == 303
    assert len(signatures(hall)) == 2


def test_without_a_signature_nothing_is_asked(huong: Visitor, hall: TownHall) -> None:
    assert send(huong, author=UNIT, sign=None).status_code == 303
    assert send(huong).status_code == 303  # one's own
    assert signatures(hall) == []


def test_from_within_the_units_mailbox_too(huong: Visitor, hall: TownHall) -> None:
    huong.post("/open", {"account": hall.account("vanthu.snv").id})
    draft = asked(huong)
    assert huong.post(f"/compose/{draft}/prove", {"action": "send", "password": PASSWORD}).status_code == 303
    assert len(hall.rows("vanthu.snv", "Sent")) == len(signatures(hall)) == 1
