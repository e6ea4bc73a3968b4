"""``citymail unit plan`` as two administrators type it."""

from __future__ import annotations

from pathlib import Path

import pytest

from directory.database import Directory
from directory.housekeeping import tidy_up
from tests.directory.cli.terminal import Terminal

HEAD = """title = "Sáp nhập hai sở"
effective = 2026-03-01
decision = "12/NQ-HĐND"
units = "units.csv"
"""
UNITS = """việc;đơn vị;nhập vào;tên;loại;cấp trên;hộp thư
thành lập;SYTTC;;Sở Y tế và Tài chính;Sở;UBND;vt.syttc
sáp nhập;SYT;SYTTC;;;;
sáp nhập;STC;SYTTC;;;;chuyển hướng
"""


@pytest.fixture
def plan(citymail: Terminal, an: str, tmp_path: Path) -> Path:
    citymail("mailbox", "add", "vt.stc", "--name", "Văn thư STC", "--unit", "STC")
    (tmp_path / "units.csv").write_text(UNITS, encoding="utf-8")
    path = tmp_path / "plan.toml"
    path.write_text(HEAD, encoding="utf-8")
    return path


def test_from_file_to_day_and_back(
    citymail: Terminal, plan: Path, directory: Directory, monkeypatch: pytest.MonkeyPatch, an: str
) -> None:
    monkeypatch.setenv("SUDO_USER", "an")
    assert "no mistakes" in citymail("unit", "plan", "check", str(plan))
    shown = citymail("unit", "plan", "show", str(plan), "--officials")
    assert "+ Sở Y tế và Tài chính (SYTTC) ‹ UBND Thành phố" in shown
    assert "- Sở Y tế → Sở Y tế và Tài chính (1 posts)" in shown
    assert f"> Nguyễn Văn An <{an}>: Sở Y tế → Sở Y tế và Tài chính" in shown
    assert "- vt.stc@city.gov.vn → vt.syttc@city.gov.vn (2027-03-01)" in shown
    made = citymail.json("unit", "plan", "propose", str(plan), "--reason", "sắp xếp")
    assert (made["state"], made["author"]) == ("proposed", "cli:an")
    refused = citymail.run("unit", "plan", "approve", made["id"], status=1, lang="vi")
    assert "cli:an là người lập phương án" in refused.stderr
    citymail("unit", "plan", "apply", made["id"], status=1)
    monkeypatch.setenv("SUDO_USER", "binh")
    assert citymail.json("unit", "plan", "approve", made["id"])["approver"] == "cli:binh"
    applied = citymail.json("unit", "plan", "apply", made["id"])
    assert applied["counts"]["unit.close"] == 2
    assert directory.check_consistency() == []
    assert citymail.json("official", "show", an)["unit"] == "Sở Y tế và Tài chính"
    closed = citymail.json("unit", "show", "SYT")
    assert (closed["valid_until"], closed["successions"][0]["kind"]) == ("2026-02-28", "merge")
    assert "Sở Y tế và Tài chính (merged 2026-03-01, 12/NQ-HĐND)" in citymail("unit", "show", "SYT")
    assert "Sở Tài chính (sáp nhập 2026-03-01, 12/NQ-HĐND)" in citymail("unit", "show", "SYTTC", lang="vi")
    # what it did stays readable
    assert f"> Nguyễn Văn An <{an}>: Sở Y tế → Sở" in citymail("unit", "plan", "show", made["id"], "--officials")
    assert "plan.apply" in citymail("audit", "show", made["id"])
    undone = citymail.json("unit", "plan", "undo", made["id"])
    assert undone["rows"] == applied["rows"]
    assert citymail.json("official", "show", an)["unit"] == "Sở Y tế"
    listed = citymail("unit", "plan", "list", lang="vi")
    assert "đã hoàn tác" in listed
    assert "cli:binh" in listed


def test_every_mistake_is_named_by_line(citymail: Terminal, plan: Path) -> None:
    plan.with_name("units.csv").write_text(
        "action,unit,into,under\nmerge,SYT,NHA\nmerge,XYZ,STC,\nsinh,SYT,STC,\nmerge,SYT,XYZ,\n", encoding="utf-8"
    )
    told = citymail.run("unit", "plan", "check", str(plan), status=1).stderr
    assert "units.csv:2: 3 fields instead of 4" in told
    assert "units.csv:3: there is no unit XYZ" in told
    assert "units.csv:4: sinh is no action" in told
    assert "units.csv:5: there is no unit XYZ" in told
    assert "the plan has 4 mistakes" in told
    answer = citymail.json("unit", "plan", "propose", str(plan), status=1)
    assert [(found["file"], found["line"]) for found in answer["mistakes"]] == [("units.csv", n) for n in (2, 3, 4, 5)]
    assert citymail.json("unit", "plan", "list") == []


def test_a_plan_may_be_withdrawn(citymail: Terminal, plan: Path) -> None:
    made = citymail.json("unit", "plan", "propose", str(plan))
    assert citymail.json("unit", "plan", "withdraw", made["id"])["state"] == "withdrawn"
    citymail("unit", "plan", "withdraw", made["id"], status=1)
    citymail("unit", "plan", "show", "khong-co", status=3)


def test_a_plan_that_no_longer_fits_says_why(
    citymail: Terminal, plan: Path, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "an")
    made = citymail.json("unit", "plan", "propose", str(plan))
    monkeypatch.setenv("SUDO_USER", "binh")
    citymail("unit", "plan", "approve", made["id"])
    citymail("unit", "remove", "STC", "--last-day", "2026-01-31", "--force")
    tidy_up(directory)
    shown = citymail.run("unit", "plan", "show", made["id"], status=1, lang="vi")
    assert "bị chặn" in shown.stdout
    assert "units.csv:4: không có đơn vị STC" in shown.stdout
    assert "units.csv:4: không có đơn vị STC" in shown.stderr
