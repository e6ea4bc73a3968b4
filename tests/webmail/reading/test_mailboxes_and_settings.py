"""Making mailboxes, and choosing language and light."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from directory.mail import account_changes
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import TownHall, letter
from webmail import pages


def test_a_mailbox_is_made_renamed_and_deleted(an: Visitor, hall: TownHall) -> None:
    an.post("/mailboxes", {"action": "create", "name": "Dự án"})
    an.post("/mailboxes", {"action": "create", "name": "Số hóa", "parent": "Dự án"})
    inner = hall.mailbox("an", "Dự án/Số hóa")
    assert inner.subscribed
    hall.put("an", letter(subject="ở trong"), inner.name)
    an.post("/mailboxes", {"action": "rename", "mailbox": inner.id, "name": "Chuyển đổi số"})
    assert "Dự án/Chuyển đổi số" in hall.mailboxes("an")
    an.post("/mailboxes", {"action": "delete", "mailbox": inner.id})
    assert "Dự án/Chuyển đổi số" not in hall.mailboxes("an")
    assert hall.rows("an", "Trash")[0][2] == "ở trong"


@pytest.mark.parametrize("name", ["", "   ", "a/b", "x" * 600, "INBOX", "inbox", "Sent", "a\x07b", "..", "Có rồi"])
def test_names_that_cannot_be(an: Visitor, hall: TownHall, name: str) -> None:
    hall.make_mailbox("an", "Có rồi")
    before = set(hall.mailboxes("an"))
    answer = an.ask("/mailboxes", {"action": "create", "name": name})
    assert answer.status_code == 409
    assert answer.get_json()["error"]
    assert set(hall.mailboxes("an")) == before


@pytest.mark.parametrize("name", ["INBOX", "Sent", "Trash", "Drafts"])
@pytest.mark.parametrize("action", ["rename", "delete"])
def test_the_systems_own_mailboxes_stay(an: Visitor, hall: TownHall, name: str, action: str) -> None:
    an.post("/mailboxes", {"action": action, "mailbox": hall.mailbox("an", name).id, "name": "khác"})
    assert name in hall.mailboxes("an")


def test_the_trash_is_emptied_and_nothing_else(an: Visitor, hall: TownHall) -> None:
    hall.put("an", letter(), "Trash")
    hall.put("an", letter())
    an.post("/mailboxes", {"action": "empty", "mailbox": hall.mailbox("an", "Trash").id})
    assert hall.rows("an", "Trash") == []
    assert an.post("/mailboxes", {"action": "empty", "mailbox": hall.mailbox("an").id}).status_code == 303
    assert len(hall.rows("an")) == 1


def test_other_peoples_mailboxes_do_not_exist(hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    theirs = hall.make_mailbox("an", "Riêng")
    binh = sign_in("binh")
    for action in ("rename", "delete", "empty"):
        assert binh.post("/mailboxes", {"action": action, "mailbox": theirs.id, "name": "x"}).status_code == 404
    assert "Riêng" in hall.mailboxes("an")


def test_the_language_is_the_persons_own(an: Visitor, hall: TownHall, sign_in: Callable[[str], Visitor]) -> None:
    assert '<html lang="vi"' in an.page("/settings")
    an.post("/language", {"language": "en", "next": "/settings"})
    page = an.page("/settings")
    assert '<html lang="en"' in page
    assert "Sign out" in page
    assert "Inbox" in page
    assert '<html lang="en"' in sign_in("an").page("/settings")
    assert '<html lang="vi"' in sign_in("binh").page("/settings")
    an.post("/language", {"language": "xx"})
    assert '<html lang="en"' in an.page("/settings")


def test_the_language_before_signing_in(visitor: Visitor) -> None:
    assert "Đăng nhập" in visitor.page("/login")
    visitor.post("/language", {"language": "en"})
    assert "Sign in" in visitor.page("/login")


def test_light_and_dark(an: Visitor) -> None:
    assert 'data-theme="auto"' in an.page("/settings")
    an.post("/theme", {"theme": "dark"})
    assert 'data-theme="dark"' in an.page("/settings")
    an.post("/theme", {"theme": '"><script>'})
    assert 'data-theme="dark"' in an.page("/settings")


def test_the_quota_is_shown(an: Visitor, hall: TownHall) -> None:
    hall.put("an", letter(text="x" * 50_000))
    with hall.services.directory.write() as conn:
        account_changes.set_quota(conn, "test", hall.account("an").id, 52_000)
    page = an.page("/settings")
    assert "/ 50,8 KB" in page
    assert 'class="quota full"' in page


def test_a_full_mailbox_keeps_what_is_being_written(an: Visitor, hall: TownHall) -> None:
    """Drafts and copies are one's own affair; the page says what is wrong and holds the text."""
    hall.put("binh", letter(text="x" * 4000))
    with hall.services.directory.write() as conn:
        account_changes.set_quota(conn, "test", hall.account("binh").id, 4500)
    form = {"action": "send", "to": "binh@thanhpho.example", "subject": "x", "text": "Giữ lại"}
    answer = an.post("/compose", form)
    assert answer.status_code == 409
    assert "Hộp thư của người nhận đã đầy." in answer.get_data(as_text=True)
    assert "Giữ lại" in answer.get_data(as_text=True)


def test_pages_for_what_is_not_there(an: Visitor) -> None:
    answer = an.get("/khong/co")
    assert answer.status_code == 404
    assert "Không có gì ở đây" in answer.get_data(as_text=True)
    assert an.get("/actions").status_code == 405
    assert an.get("/events").status_code == 404  # served by the event loop in front


def test_a_fault_of_ours_is_named_by_a_reference(
    an: Visitor, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_conn: object) -> None:
        raise RuntimeError("sqlite: disk I/O error in /var/lib/secret")

    monkeypatch.setattr(pages, "sidebar", fail)
    answer = an.get("/mailboxes")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 500
    reference = re.search(r"Mã tham chiếu: ([0-9a-f]{8})", page)
    assert reference is not None
    assert reference[1] in caplog.text
    assert "Traceback" not in page
    assert "secret" not in page
