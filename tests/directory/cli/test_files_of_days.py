"""Lists as of another day, and lists by which people leave, as an administrator types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from directory.database import Directory
from tests.directory.cli.terminal import Terminal

HEAD = "mã cán bộ,họ và tên,đơn vị,chức vụ,từ ngày\n"


def lines(codes: str) -> str:
    """People of the health department by their letters."""
    return HEAD + "".join(f"{code},Lê Văn {code},SYT,CV,2026-01-05\n" for code in codes)


@pytest.fixture
def file(citymail: Terminal, tmp_path: Path) -> Path:
    """Six people are in by it."""
    path = tmp_path / "nhansu.csv"
    path.write_text(lines("ABCDEF"), encoding="utf-8")
    assert citymail.json("official", "import", str(path))["added"] == 6
    return path


def here(citymail: Terminal) -> str:
    found: list[dict[str, Any]] = citymail.json("official", "list")
    return "".join(sorted(each["employee_code"] for each in found if each["status"] != "closed"))


def exported(citymail: Terminal, *options: str, kind: str = "official") -> dict[str, Any]:
    told = json.loads(citymail(kind, "export", "--format", "json", *options))
    return {each.get("employee_code") or each["short_name"]: each for each in told}


def test_a_list_as_of_a_day(citymail: Terminal, file: Path) -> None:
    citymail("official", "move", "A", "--unit", "STC", "--position", "GD", "--from", "2026-06-01")
    citymail("official", "remove", "B", "--last-day", "2026-05-31", "--reason", "nghỉ")
    citymail("official", "appoint", "C", "--unit", "STC", "--position", "CV", "--from", "2099-01-01")
    before = exported(citymail, "--on", "2026-03-01")
    assert sorted(before) == list("ABCDEF")
    assert [post["unit"] for post in before["A"]["posts"]] == ["SYT"]
    assert [post["unit"] for post in before["C"]["posts"]] == ["SYT"]
    after = exported(citymail, "--on", "01/07/2026")
    assert sorted(after) == list("ACDEF")
    assert [post["unit"] for post in after["A"]["posts"]] == ["STC"]
    assert [post["unit"] for post in exported(citymail, "--on", "2099-01-01")["C"]["posts"]] == ["SYT", "STC"]
    assert exported(citymail, "--on", "2025-01-01") == {}
    assert sorted(exported(citymail, "--on", "2026-07-01", "--unit", "STC")) == ["A"]
    assert sorted(exported(citymail, "--on", "2026-03-01", "--unit", "STC")) == []
    assert "Giám đốc" in citymail("official", "export", "--format", "vcard", "--on", "2026-07-01", "--unit", "STC")


def test_units_as_of_a_day(citymail: Terminal) -> None:
    citymail(
        "unit", "add", "Sở Mới", "--short", "SM", "--type", "department", "--under", "UBND", "--from", "2099-01-01"
    )
    citymail("unit", "rename", "STC", "--name", "Sở Tài chính và Đầu tư", "--from", "2026-06-01")
    assert exported(citymail, "--on", "2026-03-01", kind="unit")["STC"]["name"] == "Sở Tài chính"
    assert exported(citymail, "--on", "2026-07-01", kind="unit")["STC"]["name"] == "Sở Tài chính và Đầu tư"
    assert "SM" in exported(citymail, "--on", "2099-06-01", kind="unit")
    assert "SM" not in exported(citymail, kind="unit")
    citymail("group", "export", "--on", "2026-03-01", status=2)


def test_who_is_not_in_the_file_leaves_and_may_be_taken_back(citymail: Terminal, file: Path) -> None:
    citymail("official", "add", "--name", "Không Chức Vụ", "--code", "K")
    citymail(
        "official",
        "add",
        "--name",
        "Ở Nơi Khác",
        "--code",
        "T",
        "--unit",
        "STC",
        "--position",
        "CV",
        "--from",
        "2026-01-05",
    )
    file.write_text(lines("ABCDEG"), encoding="utf-8")
    shown = citymail("official", "import", str(file), "--removing", "--removing-in", "SYT", "--dry-run")
    assert "Lê Văn F would leave" in shown
    assert "1 would leave." in shown
    assert here(citymail) == "ABCDEFKT"
    told = citymail.json(
        *("official", "import", str(file), "--removing", "--removing-in", "SYT", "--reason", "theo danh sách"),
    )
    assert (told["added"], told["left"], here(citymail)) == (1, 1, "ABCDEGKT")
    (entry,) = citymail.json("audit", "search", "--action", "official.leave")
    assert entry["reason"] == "theo danh sách"
    (begun,) = [each for each in citymail.json("audit", "search", "--action", "official.import-file") if each["reason"]]
    assert begun["details"]["removing"] == "SYT"
    # nobody without a post, nor of elsewhere; and it is as undoable as any leaving
    citymail("official", "undo-remove", "F")
    assert here(citymail) == "ABCDEFGKT"
    assert citymail.json("official", "import", str(file))["unchanged"] == 6


def test_a_file_that_was_cut_off_empties_no_city(citymail: Terminal, file: Path) -> None:
    file.write_text(lines("A"), encoding="utf-8")
    refused = citymail.json("official", "import", str(file), "--removing", status=1)
    assert refused["error"] == "removals-many"
    assert citymail.json("official", "import", str(file), "--removing", "--yes-remove", "4", status=1)
    assert here(citymail) == "ABCDEF"
    assert citymail.json("official", "import", str(file), "--removing", "--yes-remove", "5")["left"] == 5
    assert here(citymail) == "A"
    citymail("official", "import", str(file), "--yes-remove", "5", status=2)


def test_nobody_leaves_by_a_file_with_mistakes(citymail: Terminal, file: Path, directory: Directory) -> None:
    file.write_text(lines("ABCDE") + "F,Lê Văn F,ĐÂU,CV,2026-01-05\n", encoding="utf-8")
    told = citymail.json("official", "import", str(file), "--removing", status=5)
    assert (told["left"], told["rejected"]) == (0, 1)
    file.write_bytes(lines("ABCD").encode() + b"E,\xff\xfe,SYT,CV,\n")
    assert citymail.json("official", "import", str(file), "--removing", status=1)["error"] == "removals-broken"
    # by address too somebody is named
    login = citymail.json("official", "show", "F")["login"]
    file.write_text("mã cán bộ,họ và tên,địa chỉ thư\n" + "".join(f"{each},Lê Văn {each},\n" for each in "ABCDE")
                    + f",Lê Văn F,{login}\n", encoding="utf-8")  # fmt: skip
    assert citymail.json("official", "import", str(file), "--removing")["left"] == 0
    assert here(citymail) == "ABCDEF"
