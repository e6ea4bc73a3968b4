"""Bringing deleted mail back, as its owner does."""

from __future__ import annotations

import re
from collections.abc import Callable

from mailserver.store import mailboxes, messages
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter

EVERYTHING = [(1, 1 << 32)]


def remove(hall: TownHall, login: str, name: str = "INBOX") -> None:
    mailbox = hall.mailbox(login, name)
    hall.services.store.write(lambda tx: messages.remove(tx, mailbox.id, EVERYTHING)).result(30)


def items(page: str) -> list[str]:
    return re.findall(r'name="item" value="(\d+)"', page)


def test_deleted_for_ever_and_yet_brought_back(an: Visitor, hall: TownHall) -> None:
    hall.make_mailbox("an", "Kế hoạch")
    hall.put("an", letter(subject="Thông báo nghỉ lễ"))
    hall.put("an", letter(subject="Kế hoạch quý <b>"), "Kế hoạch")
    hall.put("an", letter(subject="Để lại"))
    for mailbox, uid in (("INBOX", 1), ("Kế hoạch", 1)):
        an.post("/actions", {"action": "delete", "item": f"{hall.mailbox('an', mailbox).id}:{uid}"})
    assert "Không có gì để khôi phục" in an.page("/recover")
    an.post("/mailboxes", {"action": "empty", "mailbox": hall.mailbox("an", "Trash").id})

    page = an.page("/recover")
    assert "Thông báo nghỉ lễ" in page
    assert "Kế hoạch quý &lt;b&gt;" in page
    assert "Để lại" not in page
    assert "Trần Quốc Bình" in page
    (plan,) = re.findall(r'<label for="lost-(\d+)">Kế hoạch quý', page)
    response = an.post("/recover", {"item": plan}, follow=True)
    assert "Đã khôi phục 1 thư vào “Kế hoạch”." in response.get_data(as_text=True)
    assert [subject for *_, subject in hall.rows("an", "Kế hoạch")] == ["Kế hoạch quý <b>"]
    assert len(items(an.page("/recover"))) == 1

    # the same form sent again: nothing comes twice
    assert an.ask("/recover", {"item": plan}).status_code == 409
    assert len(hall.rows("an", "Kế hoạch")) == 1
    assert an.ask("/recover", {"action": "all"}).status_code == 200
    assert [subject for *_, subject in hall.rows("an")] == ["Để lại", "Thông báo nghỉ lễ"]
    assert items(an.page("/recover")) == []


def test_a_deleted_mailbox_is_made_again(an: Visitor, hall: TownHall) -> None:
    owner = hall.account("an").id
    hall.make_mailbox("an", "Dự án")
    hall.put("an", letter(subject="Cầu Cần Giờ"), "Dự án")
    hall.services.store.write(lambda tx: mailboxes.delete_mailbox(tx, owner, "Dự án")).result(30)
    assert "đã xóa, sẽ được tạo lại" in an.page("/recover")
    an.post("/recover", {"action": "all"})
    assert [subject for *_, subject in hall.rows("an", "Dự án")] == ["Cầu Cần Giờ"]


def test_drafts_have_a_page_of_their_own(an: Visitor, hall: TownHall) -> None:
    hall.put("an", letter(subject="Nháp cũ"), "Drafts", ["\\Draft"])
    remove(hall, "an", "Drafts")
    assert "Nháp cũ" not in an.page("/recover")
    assert "Nháp cũ" in an.page("/recover?show=drafts")
    assert an.ask("/recover", {"action": "all"}).status_code == 409
    an.post("/recover", {"action": "all", "show": "drafts"})
    assert [subject for *_, subject in hall.rows("an", "Drafts")] == ["Nháp cũ"]


def test_what_is_too_old_is_not_promised(an: Visitor, hall: TownHall) -> None:
    hall.put("an", letter())
    remove(hall, "an")
    assert len(items(an.page("/recover"))) == 1
    hall.clock.pass_by(31 * 86400)
    an.sign_in("an")
    page = an.page("/recover")
    assert items(page) == []
    assert an.ask("/recover", {"action": "all"}).status_code == 409


def test_a_full_mailbox_takes_nothing_back(an: Visitor, hall: TownHall) -> None:
    from directory.mail import account_changes

    hall.put("an", letter(text="dài " * 1000))
    remove(hall, "an")
    with hall.services.directory.write() as conn:
        account_changes.set_quota(conn, "test", hall.account("an").id, 1000)
    response = an.ask("/recover", {"action": "all"})
    assert response.status_code == 409
    assert "đầy" in response.get_data(as_text=True) or "đầy" in str(response.json)
    assert hall.rows("an") == []


def test_many_are_shown_page_by_page(an: Visitor, hall: TownHall) -> None:
    hall.fill("an", [(letter(subject=f"Thư {number}"), (), 1_750_000_000 + number) for number in range(120)])
    remove(hall, "an")
    first, second = an.page("/recover"), an.page("/recover?page=2")
    assert (len(items(first)), len(items(second))) == (100, 20)
    assert not set(items(first)) & set(items(second))
    assert 'rel="next"' in first
    assert 'rel="prev"' in second
    assert items(an.page("/recover?page=99")) == []
    response = an.post("/recover", {"item": items(first)[:3]}, follow=True)
    assert "Đã khôi phục 3 thư vào “Hộp thư đến”." in response.get_data(as_text=True)


def test_nobody_restores_for_another(sign_in: Callable[[str], Visitor], hall: TownHall) -> None:
    hall.put("an", letter())
    remove(hall, "an")
    (lost,) = items(sign_in("an").page("/recover"))
    binh = sign_in("binh")
    assert items(binh.page("/recover")) == []
    assert binh.ask("/recover", {"item": lost}).status_code == 409
    assert binh.ask("/recover", {"item": ["x", "-1", "9" * 30]}).status_code == 400
    assert hall.rows("an") == hall.rows("binh") == []
