"""``citymail admin approval``: what two must agree on is done as the second one agrees, in the name of the first."""

from __future__ import annotations

from pathlib import Path

from directory.cli.context import who
from directory.database import Directory
from directory.mail.accounts import account_by_login
from tests.directory.cli.conftest import Officer, actions
from tests.directory.cli.terminal import Terminal, hash_of


def _status(directory: Directory, login: str) -> str:
    with directory.read() as conn:
        conn.memory.clear()
        found = account_by_login(conn, login)
    assert found is not None
    return found.status


def _asked(officer: Officer, *command: str) -> str:
    """The id of the request that somebody's command made."""
    assert officer.json(*command, status=1)["error"] == "approval-needed"
    return str(officer.json("admin", "approval", "list")[-1]["id"])


def test_what_is_approved_is_done_in_the_name_of_who_asked(
    citymail: Terminal, office: dict[str, str], directory: Directory
) -> None:
    bao, lan, khoa = (Officer(citymail, office[name]) for name in ("bao", "lan", "khoa"))
    bao("admin", "approval", "require", "mailbox.lock")
    command = ("official", "lock", office["an"], "--reason", "mất máy")
    request = _asked(khoa, *command)
    shown = lan.json("admin", "approval", "show", request)
    assert shown["command"] == [*command, "--json"]
    assert shown["to_do"][0].endswith(f"approval approve {request}")
    # not by himself, not by who might not do it, and not by who only looks on
    assert khoa.json("admin", "approval", "approve", request, status=1)["error"] == "approval-author"
    assert _status(directory, office["an"]) == "active"
    answer = lan.json("admin", "approval", "approve", request)
    assert (answer["state"], answer["decided_by"]) == ("done", office["lan"])
    assert _status(directory, office["an"]) == "locked"
    (entry,) = actions(citymail, "mailbox.lock")
    assert (entry["actor"], entry["reason"]) == (office["khoa"], "mất máy")
    assert entry["origin"].endswith(f"({office['lan']})")
    assert entry["details"] == {"as_role": "helpdesk", "approved_by": office["lan"], "request": request}
    assert lan.json("admin", "approval", "approve", request, status=1)["error"] == "approval-state"
    # what was refused to him is on record under his own name
    assert [each["actor"] for each in actions(citymail, "admin.refused")] == [office["khoa"]]


def test_nothing_is_done_when_what_it_rests_on_has_changed(
    citymail: Terminal, office: dict[str, str], directory: Directory
) -> None:
    bao, lan = (Officer(citymail, office[name]) for name in ("bao", "lan"))
    bao("admin", "approval", "require", "mailbox.quota")
    request = _asked(lan, "mailbox", "quota", office["an"], "2G")
    citymail("mailbox", "quota", office["an"], "7G")
    assert bao.json("admin", "approval", "approve", request, status=1)["error"] == "approval-changed"
    assert citymail.json("mailbox", "show", office["an"])["quota_bytes"] == 7 * 1024**3
    # the words do nothing at all any more
    bao("admin", "approval", "require", "mailbox.lock")
    request = _asked(lan, "official", "lock", office["an"])
    citymail("official", "lock", office["an"])
    assert bao.json("admin", "approval", "approve", request, status=1)["error"] == "approval-changed"
    assert bao.json("admin", "approval", "show", request)["state"] == "asked"


def test_who_asked_must_still_be_allowed(citymail: Terminal, office: dict[str, str], directory: Directory) -> None:
    bao, khoa = (Officer(citymail, office[name]) for name in ("bao", "khoa"))
    bao("admin", "approval", "require", "mailbox.lock")
    request = _asked(khoa, "official", "lock", office["an"])
    (held,) = khoa.json("admin", "show", office["khoa"])
    bao("admin", "revoke", held["id"])
    assert bao.json("admin", "approval", "approve", request, status=1)["error"] == "may-not-nobody"
    assert _status(directory, office["an"]) == "active"


def test_the_owner_of_the_machine_may_be_the_second_and_is_marked(
    citymail: Terminal, office: dict[str, str], directory: Directory
) -> None:
    khoa = Officer(citymail, office["khoa"])
    citymail("admin", "approval", "require", "mailbox.lock")
    request = _asked(khoa, "official", "lock", office["an"])
    assert "Approved and done" in citymail("admin", "approval", "approve", request)
    (entry,) = actions(citymail, "mailbox.lock")
    assert (entry["actor"], entry["details"]["approved_by"]) == (office["khoa"], who())
    assert entry["details"]["emergency"] is True


def test_approved_for_later_it_is_done_by_who_asked(
    citymail: Terminal, office: dict[str, str], directory: Directory
) -> None:
    bao, lan, khoa = (Officer(citymail, office[name]) for name in ("bao", "lan", "khoa"))
    bao("admin", "approval", "require", "mailbox.lock")
    request = _asked(khoa, "official", "lock", office["an"])
    lan("admin", "approval", "approve", request, "--later")
    assert _status(directory, office["an"]) == "active"
    assert khoa.json("admin", "approval", "show", request)["to_do"] == [
        f"citymail --as {office['khoa']} official lock {office['an']} --json"
    ]
    khoa("official", "lock", office["an"])
    assert _status(directory, office["an"]) == "locked"


def test_secrets_and_files_stay_with_who_asked(
    citymail: Terminal, office: dict[str, str], directory: Directory, tmp_path: Path
) -> None:
    bao, lan, khoa = (Officer(citymail, office[name]) for name in ("bao", "lan", "khoa"))
    for operation in ("mailbox.passwd", "official.join", "official.export"):
        bao("admin", "approval", "require", operation)
    join = ("official", "add", "--name", "Lý Thị Mới", "--unit", "SYT", "--position", "CV")
    before = hash_of(directory, office["an"])
    for officer, command in (
        (khoa, ("official", "passwd", office["an"], "--generate", "--reason", "quên")),
        (khoa, ("official", "passwd", office["an"], "--password", "nhiều mây trời", "--reason", "quên")),
        (lan, (*join, "--password", "nhiều mây trời")),
        (lan, (*join, "--generate")),
        (lan, ("official", "export", str(tmp_path / "lich.csv"), "--unit", "SYT", "--reason", "trực")),
    ):
        request = _asked(officer, *command)
        assert bao.json("admin", "approval", "show", request)["command"] == []
        officer("admin", "approval", "decline", request)
    # without one, the words are kept
    request = _asked(lan, *join)
    assert bao.json("admin", "approval", "approve", request)["state"] == "done"
    assert citymail.json("official", "search", "Lý Thị Mới")
    assert hash_of(directory, office["an"]) == before


def test_it_is_carried_out_where_the_second_one_is_and_cannot_hide_what_it_does(
    citymail: Terminal, office: dict[str, str], directory: Directory
) -> None:
    lan, khoa = (Officer(citymail, office[name]) for name in ("lan", "khoa"))
    citymail("admin", "approval", "require", "mailbox.lock")
    request = _asked(
        khoa,
        "official",
        "lock",
        "--config",
        "/nowhere/a.toml",
        office["an"],
        "--config=/nowhere/b",
        "--reason",
        "a\x1b[2Kb",
    )
    shown = lan("admin", "approval", "show", request)
    assert "\x1b" not in shown and "a\\x1b[2Kb" in shown
    assert "nowhere" not in shown
    lan("admin", "approval", "approve", request)
    assert _status(directory, office["an"]) == "locked"
