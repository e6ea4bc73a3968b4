"""Leaving, custody, roles' mailboxes and photos from the command line."""

from __future__ import annotations

from pathlib import Path

from tests.directory.cli.terminal import Terminal
from tests.directory.staff.test_photos import BASELINE

LATER = "2099-01-31"


def test_an_order_to_leave_is_listed_and_taken_back(citymail: Terminal, an: str) -> None:
    citymail("official", "add", "--name", "Lê Thị Bình", "--unit", "SYT", "--position", "CV")
    said = citymail(
        *("official", "remove", an, "--last-day", LATER, "--redirect-to", "binhlt", "--custodian", "binhlt"),
        *("--decision", "12/QĐ", "--reason", "Nghỉ hưu"),
    )
    assert LATER in said
    [order] = citymail.json("official", "leaving")
    assert (order["login"], order["last_day"], order["custodian"]) == (an, LATER, "binhlt@city.gov.vn")
    assert (order["decision"], order["reason"]) == ("12/QĐ", "Nghỉ hưu")
    assert an in citymail("official", "leaving")
    assert citymail.json("official", "show", an)["leaves_after"] == LATER
    assert LATER in citymail("official", "show", an)
    citymail("official", "remove", an, status=4)
    citymail("official", "undo-remove", an, "--decision", "13/QĐ")
    assert citymail.json("official", "leaving") == []
    citymail("official", "undo-remove", an, status=3)


def test_a_leaving_by_mistake_is_taken_back(citymail: Terminal, an: str) -> None:
    citymail("official", "remove", an)
    assert citymail.json("official", "show", an)["status"] == "closed"
    citymail("official", "undo-remove", an, "--lang", "vi")
    shown = citymail.json("official", "show", an)
    assert (shown["status"], shown["has_password"], shown["posts"][0]["valid_until"]) == ("active", True, None)


def test_what_is_handed_over_is_told_before_and_after(citymail: Terminal, an: str) -> None:
    """Of somebody who left it is told from the order by which he did; what comes with a post has gone with it."""
    citymail("official", "add", "--name", "Lê Thị Bình", "--unit", "SYT", "--position", "CV")
    citymail("alias", "add", "giam.sat", an)
    citymail("mailbox", "add", "giamdoc.syt", "--name", "Giám đốc Sở Y tế")
    citymail("mailbox", "attach", "giamdoc.syt", "--unit", "SYT", "--position", "GD")
    citymail("mailbox", "add", "duongdaynong", "--name", "Đường dây nóng")
    citymail("mailbox", "grant", "duongdaynong", an)
    citymail("group", "add", "to.cong.tac", "--name", "Tổ công tác")
    citymail("group", "add-member", "to.cong.tac", an)
    citymail("group", "set", "to.cong.tac", "--moderator", an)
    citymail("admin", "grant", an, "helpdesk", "--unit", "SYT")
    citymail("official", "remove", "binhlt", "--custodian", an, "--reason", "Hồ sơ")
    held = [tuple(each.values()) for each in citymail.json("official", "handover", an)]
    assert [(kind, what, where) for kind, what, where, _, _ in held] == [
        ("post", "Giám đốc", "Sở Y tế"),
        ("address", an, ""),
        ("address", "giam.sat@city.gov.vn", ""),
        ("custody", "binhlt@city.gov.vn", ""),
        ("member", "to.cong.tac@city.gov.vn", "Tổ công tác"),
        ("moderator", "to.cong.tac@city.gov.vn", "Tổ công tác"),
        ("mailbox", "duongdaynong@city.gov.vn", ""),
        ("administration", "helpdesk", "Sở Y tế"),
        ("post-mailbox", "giamdoc.syt@city.gov.vn", ""),
    ]
    [mailbox] = [each for each in held if each[0] == "mailbox"]
    assert mailbox[3:] == (["read", "send"], None)
    said = citymail("official", "handover", an, "--lang", "vi")
    assert "người duyệt thư của nhóm" in said
    assert "đọc, gửi" in said
    citymail("official", "remove", an)
    left = [tuple(each.values()) for each in citymail.json("official", "handover", an)]
    by_kind = {(kind, what) for kind, what, *_ in left}
    assert by_kind == {(kind, what) for kind, what, *_ in held if kind != "post-mailbox"}
    citymail("official", "undo-remove", an)
    assert [tuple(each.values()) for each in citymail.json("official", "handover", an)] == held


def test_who_starts_later_is_told_so(citymail: Terminal) -> None:
    citymail("official", "add", "--name", "Trần Chi", "--unit", "SYT", "--position", "CV", "--from", LATER)
    shown = citymail.json("official", "show", "chit")
    assert (shown["status"], shown["starts_on"]) == ("locked", LATER)
    assert LATER in citymail("official", "show", "chit")


def test_mail_left_behind_is_entrusted(citymail: Terminal, an: str) -> None:
    citymail("official", "add", "--name", "Lê Thị Bình", "--unit", "SYT", "--position", "GD")
    citymail("official", "remove", an, "--custody-days", "0")
    citymail("mailbox", "entrust", an, "--to", "binhlt", status=1)  # without a reason
    citymail("mailbox", "entrust", an, "--reason", "x", status=2)
    made = citymail.json("mailbox", "entrust", an, "--to", "binhlt", "--days", "5", "--reason", "Hồ sơ")
    assert made["reason"] == "Hồ sơ"
    citymail("mailbox", "entrust", an, "--head-of", "SYT", "--reason", "Hồ sơ")
    citymail("mailbox", "withdraw", an)
    citymail("mailbox", "withdraw", an, status=3)


def test_a_role_s_mailbox_goes_with_the_post(citymail: Terminal, an: str) -> None:
    citymail("mailbox", "add", "giamdoc.syt", "--name", "Giám đốc Sở Y tế")
    citymail("mailbox", "attach", "giamdoc.syt", "--unit", "SYT", "--position", "GD")
    [right] = citymail.json("mailbox", "show", "giamdoc.syt")["rights"]
    assert (right["login"], right["as_clerk"]) == (an, True)
    citymail("mailbox", "detach", "giamdoc.syt", "--unit", "SYT", "--position", "GD")
    assert citymail.json("mailbox", "show", "giamdoc.syt")["rights"] == []


def test_a_mailbox_closed_by_mistake_is_opened_again(citymail: Terminal, an: str) -> None:
    citymail("mailbox", "add", "vanthu.syt", "--name", "Văn thư", "--unit", "SYT")
    citymail("mailbox", "grant", "vanthu.syt", an)
    before = citymail.json("mailbox", "show", "vanthu.syt")
    citymail("mailbox", "remove", "vanthu.syt")
    assert citymail.json("mailbox", "show", "vanthu.syt@city.gov.vn")["status"] == "closed"
    citymail("mailbox", "undo-remove", "vanthu.syt@city.gov.vn")
    assert citymail.json("mailbox", "show", "vanthu.syt") == before


def test_a_photo_is_set_saved_and_removed(citymail: Terminal, an: str, tmp_path: Path) -> None:
    picture, copy = tmp_path / "an.jpg", tmp_path / "copy.jpg"
    picture.write_bytes(BASELINE)
    citymail("official", "photo", an, "--save", str(copy), status=3)
    citymail("official", "photo", an, str(picture))
    citymail("official", "photo", an, "--save", str(copy))
    assert copy.read_bytes() == BASELINE
    citymail("official", "photo", an, "--remove")
    picture.write_bytes(b"GIF89a")
    citymail("official", "photo", an, str(picture), status=1)
    citymail("official", "photo", an, status=2)
