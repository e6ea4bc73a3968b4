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
