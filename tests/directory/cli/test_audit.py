"""``citymail audit``: everything that was done is told, and what was done to the record itself is found."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from directory.cli.context import where, who
from directory.database import Directory
from directory.sqlite_driver import connect
from tests.directory.cli.terminal import Terminal


@pytest.fixture
def told(citymail: Terminal, an: str) -> Any:
    """The record after a few changes, by number."""
    citymail("official", "lock", an, "--by", "truc.ban", "--reason", "mất máy")
    citymail("official", "rename", an, "--given", "Ân", "--address", "an.moi", "--decision", "7/QĐ")
    citymail("mailbox", "quota", an, "2G")
    citymail("unit", "rename", "STC", "--name", "Sở Tài chính và Kế hoạch")
    return citymail.json("audit", "search")


def test_who_when_from_where_why_before_and_after(citymail: Terminal, told: Any, an: str) -> None:
    (locked,) = [entry for entry in told if entry["action"] == "mailbox.lock"]
    # who typed it is told beside the name that he gave
    assert (locked["actor"], locked["origin"]) == ("truc.ban", f"{where()} ({who()})")
    assert locked["reason"] == "mất máy"
    assert (locked["subject"], locked["before"]) == (an, {"status": "active"})
    assert locked["at"].endswith("+07:00")
    (renamed,) = [entry for entry in told if entry["action"] == "official.rename"]
    assert renamed["actor"] == who()
    assert renamed["before"] == {"name": "Nguyễn Văn An", "address": an}
    assert renamed["after"] == {"name": "Nguyễn Văn Ân", "address": "an.moi"}
    assert renamed["details"] == {"decision": "7/QĐ"}
    (unit,) = [entry for entry in told if entry["action"] == "unit.alter"]
    assert (unit["before"], unit["after"]) == ({"name": "Sở Tài chính"}, {"name": "Sở Tài chính và Kế hoạch"})
    assert [entry["number"] for entry in told] == list(range(len(told), 0, -1))


def test_what_was_done_to_one(citymail: Terminal, told: Any, an: str) -> None:
    assert told
    # under the old address as under the new one
    for key in (an, "an.moi"):
        actions = [entry["action"] for entry in citymail.json("audit", "show", key)]
        assert actions == ["mailbox.quota", "official.rename", "mailbox.lock", "official.join"]
    assert [entry["action"] for entry in citymail.json("audit", "show", "STC")] == ["unit.alter", "unit.add"]
    text = citymail("audit", "show", an, "--limit", "2")
    assert "mailbox.quota" in text
    assert "mailbox.lock" not in text
    assert citymail.json("audit", "show", "khong.co") == []
    # who has left is still known by every address he had, and by his id
    account = citymail.json("official", "show", "an.moi")["account_id"]
    citymail("official", "remove", "an.moi")
    for key in ("an.moi@city.gov.vn", account):
        assert len(citymail.json("audit", "show", key)) == 5


def test_of_one_who_sends_for_others_only_his_own_is_told(citymail: Terminal, an: str) -> None:
    citymail("mailbox", "add", "vanthu", "--name", "Văn thư")
    citymail("mailbox", "grant", "vanthu", an)
    assert [entry["action"] for entry in citymail.json("audit", "show", an)] == ["official.join"]
    assert [entry["action"] for entry in citymail.json("audit", "show", "vanthu")] == ["mailbox.grant", "mailbox.add"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--actor", "truc.ban"), ["mailbox.lock"]),
        (("--action", "mailbox"), ["mailbox.quota", "mailbox.lock"]),
        (("--action", "mailbox.lock"), ["mailbox.lock"]),
        (("--action", "mail"), []),
        (("Kế hoạch",), ["unit.alter"]),
        (("ANNV@",), ["official.rename", "mailbox.lock", "official.join"]),
        (("%",), []),
        (("--until", "2020-01-01"), []),
        (("--from", "2999-01-01"), []),
        (("--from", "2020-01-01", "--action", "unit.alter"), ["unit.alter"]),
        (("--limit", "1"), ["unit.alter"]),
    ],
)
def test_search(citymail: Terminal, told: Any, options: tuple[str, ...], found: list[str]) -> None:
    assert told
    assert [entry["action"] for entry in citymail.json("audit", "search", *options)] == found


def test_the_record_is_whole_and_continues_its_seal(citymail: Terminal, an: str) -> None:
    seal = citymail.json("audit", "verify")["seal"]
    citymail("official", "lock", an)
    assert citymail("audit", "verify").startswith("The record is whole. Seal: ")
    assert citymail.json("audit", "verify", "--seal", seal)["ok"] is True
    assert citymail.json("audit", "verify", "--seal", "0:")["ok"] is True
    number = seal.partition(":")[0]
    other = citymail.json("audit", "verify", "--seal", f"{number}:{'0' * 64}", status=1)
    assert (other["ok"], other["number"]) == (False, int(number))
    assert citymail.json("audit", "verify", "--seal", "99999:abc", status=1)["ok"] is False
    citymail("audit", "verify", "--seal", "một", status=1)


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE audit_record SET actor = 'ai.do' WHERE number = 5",
        "DELETE FROM audit_record WHERE number = 5",
        "UPDATE audit_record SET details = '{}' WHERE number = 5",
    ],
)
def test_a_changed_record_is_found(citymail: Terminal, directory: Directory, an: str, tamper: str) -> None:
    assert an
    path = directory.url.removeprefix("sqlite:///")
    with connect(path) as database:
        kept = database.execute("SELECT * FROM audit_record WHERE number = 5").fetchone()
        database.execute(tamper)
    result = citymail.run("audit", "verify", status=1)
    assert "broken at entry 5" in result.stderr
    answer = citymail.json("audit", "verify", status=1)
    assert (answer["ok"], answer["number"]) == (False, 5)
    with connect(path) as database:
        database.execute("DELETE FROM audit_record WHERE number = 5")
        database.execute(f"INSERT INTO audit_record VALUES ({','.join('?' * len(kept))})", kept)
    database.close()


def test_export(citymail: Terminal, told: Any, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(citymail("audit", "export"))))
    assert [int(row["number"]) for row in rows] == list(range(1, len(told) + 2))
    assert rows[0]["action"] == "domain.add"
    locked = next(row for row in rows if row["action"] == "mailbox.lock")
    assert (locked["reason"], json.loads(locked["before"])) == ("mất máy", {"status": "active"})
    file = tmp_path / "nhat-ky.jsonl"
    said = citymail("audit", "export", str(file), "--format", "jsonl", "--after", "3")
    # that somebody took it away is on record too, both times
    assert said == f"{len(told) - 1} entries written to {file}.\n"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert lines[:-2] == [entry for entry in reversed(told) if entry["number"] > 3]
    assert [entry["action"] for entry in lines[-2:]] == ["audit.export"] * 2


CHANGES = (
    ("unit", "add", "Sở mới", "--short", "SM", "--type", "department"),
    ("unit", "rename", "STC", "--short", "STCKH"),
    ("unit", "move", "STC", "--under", "SYT"),
    ("unit", "remove", "STC"),
    ("unit", "define-type", "ward", "--name", "Phường"),
    ("official", "define-position", "TP", "--title", "Trưởng phòng"),
    ("official", "add", "--name", "Lê Bình"),
    ("official", "rename", "CB1", "--given", "Ân"),
    ("official", "move", "CB1", "--unit", "STC", "--position", "CV"),
    ("official", "appoint", "CB1", "--unit", "STC", "--position", "CV"),
    ("official", "dismiss", "CB1", "--unit", "SYT", "--last-day", "2030-01-01"),
    ("official", "lock", "CB1"),
    ("official", "unlock", "CB1"),
    ("official", "passwd", "CB1", "--generate"),
    ("official", "remove", "CB1"),
    ("mailbox", "add", "hotline", "--name", "Đường dây nóng"),
    ("mailbox", "quota", "annv", "1G"),
    ("mailbox", "admin", "annv"),
    ("mailbox", "lock", "annv"),
    ("mailbox", "unlock", "annv"),
    ("mailbox", "passwd", "annv", "--generate"),
    ("mailbox", "grant", "vanthu", "annv"),
    ("mailbox", "remove", "vanthu"),
    ("alias", "add", "an", "annv"),
    ("group", "add", "nhom", "--name", "Nhóm"),
    ("group", "add-member", "tatca", "annv"),
    ("group", "add-rule", "tatca", "--unit", "SYT"),
    ("group", "set", "tatca", "--posting", "anyone"),
    ("group", "set", "tatca", "--poster", "annv"),
    ("group", "remove", "tatca"),
)


@pytest.fixture
def furnished(citymail: Terminal, an: str) -> str:
    citymail("mailbox", "add", "vanthu", "--name", "Văn thư")
    citymail("group", "add", "tatca", "--name", "Tất cả")
    return an


@pytest.mark.parametrize("change", CHANGES, ids=[" ".join(change[:2]) for change in CHANGES])
def test_no_change_goes_untold(citymail: Terminal, furnished: str, change: tuple[str, ...]) -> None:
    assert furnished
    before = citymail.json("audit", "verify")["seal"]
    citymail(*change, "--by", "nguoi.lam", "--reason", "vì sao")
    number = int(before.partition(":")[0])
    told = [entry for entry in citymail.json("audit", "search") if entry["number"] > number]
    assert told
    for entry in told:
        origin = f"{where()} ({who()})"
        assert (entry["actor"], entry["origin"], entry["reason"]) == ("nguoi.lam", origin, "vì sao"), entry
    assert citymail.json("audit", "verify", "--seal", before)["ok"] is True
