"""``citymail --as``: moderators decide about what waits, and what is done to somebody's mail is judged before."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from directory.database import open_directory
from directory.mail.accounts import account_by_login
from directory.record import search
from mailserver.cli import main
from mailserver.config import load
from mailserver.delivery import submission
from mailserver.delivery.submission import Submission
from mailserver.wiring import build

PASSWORD = "trời nhiều mây"
MESSAGE = b"From: <%b@thanhpho.example>\r\nSubject: %b\r\n\r\nbody\r\n"
Citymail = Callable[..., Result]


@pytest.fixture
def citymail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Citymail:
    for name in list(os.environ):
        if name.startswith("CITYMAIL"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, status: int = 0, lang: str = "en") -> Result:
        env = {"CITYMAIL_CONFIG": "c.toml", "CITYMAIL_LANG": lang, "CITYMAIL_ADMIN_PASSWORD": PASSWORD}
        done = CliRunner().invoke(main, list(arguments), env=env)
        assert done.exit_code == status, f"{done.output}{done.exception!r}"
        return done

    CliRunner().invoke(main, ["init", "--domain", "thanhpho.example", "--data", "data", "c.toml"])
    for name, address in (("Nguyễn Văn An", "an"), ("Trần Thị Bình", "binh"), ("Lê Thị Chi", "chi")):
        run("official", "add", "--name", name, "--address", address, "--password", PASSWORD)
    run("group", "add", "tatca", "--name", "Tất cả", "--member", "an", "--member", "binh")
    run("group", "set", "tatca", "--moderated", "--moderator", "chi")
    return run


@pytest.fixture
def send(citymail: Citymail, tmp_path: Path) -> Callable[[str, str], None]:
    """Somebody writes to the group."""

    def write(name: str, subject: str) -> None:
        system = build(load(tmp_path / "c.toml"))
        try:
            with system.directory.read() as people:
                submitter = account_by_login(people, name)
            assert submitter is not None
            octets = MESSAGE % (name.encode(), subject.encode())
            order = Submission(
                submitter, submitter.login, ("tatca@thanhpho.example",), octets, "webmail", "192.0.2.1"
            )  # fmt: skip
            submission.submit(system.office, order).result()
        finally:
            system.close()

    return write


def actions(tmp_path: Path, action: str) -> list[tuple[str, str, str]]:
    directory = open_directory(load(tmp_path / "c.toml").directory_url)
    try:
        with directory.read() as conn:
            return [(each.actor, each.subject, each.details) for each in search(conn, action=action)]
    finally:
        directory.close()


def test_a_moderator_lists_approves_and_rejects(
    citymail: Citymail, send: Callable[[str, str], None], tmp_path: Path
) -> None:
    send("an", "first")
    send("binh", "second")
    chi = ("--as", "chi", "group")
    listed = json.loads(citymail(*chi, "held", "--json").stdout)
    assert [(each["subject"], each["moderation"]) for each in listed] == [
        ("first", "tatca@thanhpho.example"),
        ("second", "tatca@thanhpho.example"),
    ]
    assert "second" in citymail(*chi, "held", "tatca").stdout
    first, second = (str(each["id"]) for each in listed)
    # whoever moderates nothing is nobody here
    citymail("--as", "an", "group", "held", status=1)
    citymail("--as", "an", "group", "approve", first, status=1)
    assert citymail(*chi, "approve", first).stdout == "1 messages go on to the members.\n"
    citymail(*chi, "approve", first, status=3)
    said = citymail(*chi, "reject", second, "--reason", "gửi nhầm", lang="vi").stdout
    assert said == "Đã từ chối 1 thư.\n"
    assert citymail(*chi, "held").stdout == "Nothing waits for a moderator.\n"
    citymail("group", "held", "khong.co", status=3)
    ((actor, subject, details),) = actions(tmp_path, "group.reject")
    assert (actor, subject) == ("chi@thanhpho.example", "tatca@thanhpho.example")
    assert "gửi nhầm" in details


def test_who_moderates_one_group_decides_about_no_other(
    citymail: Citymail, send: Callable[[str, str], None], tmp_path: Path
) -> None:
    send("an", "first")
    citymail("group", "add", "khac", "--name", "Khác")
    citymail("group", "set", "khac", "--moderated", "--moderator", "binh")
    assert json.loads(citymail("--as", "binh", "group", "held", "--json").stdout) == []
    ((item,),) = [[each["id"]] for each in json.loads(citymail("group", "held", "--json").stdout)]
    assert "administers nothing" in citymail("--as", "binh", "group", "approve", str(item), status=1).stderr
    citymail("--as", "binh", "group", "reject", str(item), status=1)
    assert [actor for actor, _, _ in actions(tmp_path, "admin.refused")] == ["binh@thanhpho.example"] * 2
    citymail("group", "approve", str(item))


def test_the_machine_is_not_the_administrators(citymail: Citymail) -> None:
    citymail("admin", "grant", "chi", "city-admin", "--below-rank", "0")
    for command in ("check", "serve", "health", "demo"):
        said = citymail("--as", "chi", command, status=2).stderr
        assert f"{command} needs the rights of the machine's owner" in said


def test_nobody_lets_himself_into_somebodys_mail(citymail: Citymail, tmp_path: Path) -> None:
    citymail("admin", "grant", "chi", "city-admin", "--below-rank", "0")
    share = ("--as", "chi", "mailbox", "share", "an")
    assert "needs a reason" in citymail(*share, "binh", status=1).stderr
    citymail(*share, "binh", "--reason", "nghỉ phép")
    for whom in ("chi", "CHI@thanhpho.example", "anyone"):
        assert "himself" in citymail(*share, whom, "--reason", "x", status=1).stderr
    citymail("group", "add", "nhom", "--name", "Nhóm", "--member", "chi")
    assert "himself" in citymail(*share, "nhom", "--reason", "x", status=1).stderr
    for look in (("restore", "an"), ("shares", "an"), ("import", "an", "c.toml", "--dry-run")):
        assert "administers nothing" in citymail("--as", "binh", "mailbox", *look, status=1).stderr
    citymail("--as", "chi", "mailbox", "shares", "an")
    assert len(actions(tmp_path, "mailbox.share")) == 1
    ((_, _, details),) = actions(tmp_path, "mailbox.share")
    assert '"to":"binh@thanhpho.example"' in details
    opened = json.loads(citymail("--as", "chi", "audit", "opened", "an", "--json").stdout)
    assert [(each["actor"], each["whom"], each["reason"]) for each in opened] == [
        ("chi@thanhpho.example", "binh@thanhpho.example", "nghỉ phép")
    ]
