"""The directory's commands from end to end: what they do, what they answer in text and JSON, how they end."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from directory.cli import commands
from directory.database import Directory
from directory.dates import days_after
from directory.mail.accounts import credentials_by_login
from directory.signing_in import scram_verifiers
from security.passwords import verify_password
from security.scram import make_verifier
from tests.directory.cli.terminal import Terminal, hash_of, main


def test_units(citymail: Terminal) -> None:
    assert [unit["short_name"] for unit in citymail.json("unit", "list")] == ["UBND", "SYT", "STC"]
    assert [unit["short_name"] for unit in citymail.json("unit", "list", "--under", "SYT")] == ["SYT"]
    assert citymail.json("unit", "list", "--on", "1999-01-01") == []
    shown = citymail.json("unit", "show", "syt")
    assert (shown["name"], shown["path"]) == ("Sở Y tế", ["UBND Thành phố", "Sở Y tế"])
    assert "Sở Y tế" in citymail("unit", "search", "y te")
    assert "Department" in citymail("unit", "types")
    citymail("unit", "rename", "SYT", "--name", "Sở Y tế mới", "--from", "2024-01-01", "--decision", "1/QĐ")
    text = citymail("unit", "show", "SYT")
    assert "Sở Y tế mới" in text
    assert "2020-01-01 – 2023-12-31" in text
    citymail("unit", "move", "STC", "--under", "SYT", "--from", "2025-01-01")
    assert citymail.json("unit", "show", "STC")["path"] == ["UBND Thành phố", "Sở Y tế mới", "Sở Tài chính"]
    citymail("unit", "remove", "STC", "--successor", "SYT", "--kind", "merge")
    assert citymail.json("unit", "list", "--type", "department")[0]["short_name"] == "SYT"
    assert "Sở Tài chính" in citymail("unit", "show", "SYT")
    assert [unit["name"] for unit in citymail.json("unit", "search", "tai chinh", "--closed")] == ["Sở Tài chính"]


def test_officials(citymail: Terminal, an: str, directory: Directory) -> None:
    shown = citymail.json("official", "show", "CB1")
    assert shown["login"] == an == "annv@city.gov.vn"
    assert (shown["title"], shown["unit"], shown["quota_bytes"]) == ("Giám đốc", "Sở Y tế", 5 << 30)
    assert verify_password(hash_of(directory, an) or "", "trời nhiều mây")
    text = citymail("official", "show", "annv")
    assert "Giám đốc, Sở Y tế  2025-07-01 – … *" in text
    assert "5G" in text
    citymail("official", "appoint", "annv", "--unit", "STC", "--position", "CV", "--kind", "seconded")
    assert len(citymail.json("official", "show", "annv")["posts"]) == 2
    citymail("official", "dismiss", "annv", "--unit", "STC", "--last-day", "2030-01-01")
    citymail("official", "move", "annv", "--unit", "STC", "--position", "CV", "--decision", "2/QĐ", "--end-all")
    assert citymail.json("official", "show", "annv")["unit"] == "Sở Tài chính"
    citymail("official", "rename", "annv", "--given", "Ân", "--address", "an")
    assert citymail.json("official", "show", "an")["name"] == "Nguyễn Văn Ân"
    assert [each["login"] for each in citymail.json("official", "list", "--unit", "UBND")] == ["an@city.gov.vn"]
    assert [each["login"] for each in citymail.json("official", "search", "nguyen van")] == ["an@city.gov.vn"]
    assert citymail.json("official", "list", "--status", "locked") == []
    citymail("official", "lock", "an", "--reason", "thử")
    assert citymail.json("official", "list", "--status", "locked")[0]["login"] == "an@city.gov.vn"
    citymail("official", "unlock", "an")
    citymail("official", "remove", "an")
    assert citymail.json("official", "show", "an@city.gov.vn")["status"] == "closed"
    citymail("official", "return", "an@city.gov.vn", "--unit", "SYT", "--position", "GD")
    assert citymail.json("official", "show", "an")["has_password"] is False
    assert [position["code"] for position in citymail.json("official", "positions")] == ["GD", "CV", "VT"]


def test_an_official_without_a_post(citymail: Terminal) -> None:
    # as tests and small offices add them
    said = citymail(
        "official", "add", "--name", "Lê Tự", "--address", "tu@city.gov.vn", "--password", "x", "--allow-weak"
    )
    assert said == "Lê Tự <tu@city.gov.vn> added.\n"
    said = citymail("official", "add", "--family", "Y", "--given", "Moan Êñuôl")
    assert "moanenuoly@city.gov.vn" in said
    assert "cannot sign in" in said
    citymail("official", "add", "--name", "X", "--unit", "SYT", status=2)


def test_passwords(citymail: Terminal, an: str, directory: Directory) -> None:
    def fits(password: str) -> bool:
        return verify_password(hash_of(directory, an), password)

    citymail("mailbox", "passwd", an, "--password", "một", "--allow-weak")
    assert fits("một")
    citymail("official", "passwd", "CB1", "--password-stdin", stdin="hai ba bốn năm\nkhông phải\n")
    assert fits("hai ba bốn năm")
    citymail("mailbox", "passwd", an, stdin="sáu bảy tám\nsáu bảy tám\n")
    assert fits("sáu bảy tám")
    made = citymail.json("mailbox", "passwd", an, "--generate")["password"]
    assert fits(made)
    shown = citymail("official", "passwd", an, "--generate").split("Password: ")[1].strip()
    assert fits(shown)
    citymail("mailbox", "passwd", an, "--password", "", "--allow-weak", status=1)
    citymail("mailbox", "passwd", an, "--password", "x" * 1025, "--allow-weak", status=1)
    citymail("mailbox", "passwd", an, "--password", "x", "--generate", status=2)
    assert fits(shown)


@pytest.mark.parametrize(
    ("password", "code", "vietnamese"),
    [
        ("", "password-empty", "mật khẩu trống"),
        ("chín ký tự"[:9], "password-short", "mật khẩu quá ngắn: cần từ 10 ký tự"),
        ("x" * 1025, "password-long", "mật khẩu quá dài"),
        ("Matkhau@123", "password-plain", "mật khẩu quá phổ biến, dễ đoán"),
        ("nguyenvanan1", "password-personal", "mật khẩu gần như là tên hoặc địa chỉ thư"),
    ],
)
def test_weak_passwords_are_refused_wherever_one_is_set(
    citymail: Terminal, an: str, directory: Directory, password: str, code: str, vietnamese: str
) -> None:
    before = hash_of(directory, an)
    for command in (
        ("official", "add", "--name", "Nguyễn Văn An", "--address", "vanan"),
        ("official", "passwd", an),
        ("mailbox", "passwd", an),
    ):
        assert citymail.json(*command, "--password", password, status=1)["error"] == code
        assert vietnamese in citymail.run(*command, "--password", password, status=1, lang="vi").stderr
    assert hash_of(directory, an) == before
    assert [found["login"] for found in citymail.json("official", "list")] == [an]


def test_a_password_of_a_mailbox_is_not_its_name(citymail: Terminal) -> None:
    new = ("mailbox", "add", "duongdaynong", "--name", "Đường dây nóng", "--password", "đường dây nóng")
    assert citymail.json(*new, status=1)["error"] == "password-personal"
    citymail(*new, "--allow-weak")


def test_the_common_password_of_an_import_is_not_weak(citymail: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "can-bo.csv"
    file.write_text("mã cán bộ,họ và tên\nA1,Nguyễn Văn An\n")
    assert citymail.json("official", "import", str(file), "--password", "123", status=1)["error"] == "password-short"
    assert citymail.json("official", "list") == []


def test_who_administers(citymail: Terminal, an: str) -> None:
    assert "is an administrator" in citymail("mailbox", "admin", "annv")
    assert citymail.json("official", "show", an)["is_admin"] is True
    assert "administrator" in citymail("official", "show", an)
    assert citymail.json("mailbox", "admin", "annv", "--off", "--reason", "thôi việc")["is_admin"] is False


def test_mailboxes(citymail: Terminal, an: str) -> None:
    made = citymail.json("mailbox", "add", "vanthu.syt", "--name", "Văn thư Sở Y tế", "--unit", "SYT", "--generate")
    assert (made["kind"], len(made["password"])) == ("unit", 19)
    citymail("mailbox", "add", "hotline", "--name", "Đường dây nóng")
    assert [box["login"] for box in citymail.json("mailbox", "list")] == [
        "hotline@city.gov.vn",
        "vanthu.syt@city.gov.vn",
    ]
    assert len(citymail.json("mailbox", "list", "--all")) == 3
    assert [box["login"] for box in citymail.json("mailbox", "search", "y te")] == [an, "vanthu.syt@city.gov.vn"]
    citymail("mailbox", "grant", "vanthu.syt", "annv", "--no-send")
    rights = citymail.json("mailbox", "show", "vanthu.syt")["rights"]
    assert [(right["login"], right["read"], right["send"]) for right in rights] == [(an, True, False)]
    assert f"Nguyễn Văn An <{an}> read" in citymail("mailbox", "show", "vanthu.syt")
    citymail("mailbox", "revoke", "vanthu.syt", "annv")
    citymail("mailbox", "quota", "vanthu.syt", "1.5G")
    assert citymail.json("mailbox", "show", "vanthu.syt")["quota_bytes"] == 3 << 29
    citymail("mailbox", "quota", "vanthu.syt", "nhiều", status=1)
    citymail("mailbox", "lock", "vanthu.syt")
    assert "locked" in citymail("mailbox", "list")
    citymail("mailbox", "unlock", "vanthu.syt")
    citymail("mailbox", "remove", "hotline", "--redirect-to", "vanthu.syt")
    assert citymail.json("alias", "show", "hotline")["leads_to"] == "vanthu.syt@city.gov.vn"


def test_absences(citymail: Terminal, an: str, directory: Directory) -> None:
    citymail("mailbox", "add", "vanthu@city.gov.vn", "--name", "Văn thư", "--unit", "SYT")
    assert "is not away" in citymail("mailbox", "absence", an)
    with directory.read() as conn:
        until = days_after(conn.today, 4)
    kept = citymail.json(
        *("mailbox", "absence", an, "--until", until, "--text", "Đi công tác", "--substitute", "vanthu")
    )
    assert (kept["until"], kept["text"], kept["outside"]) == (until, "Đi công tác", "")
    assert kept["substitute"]["login"] == "vanthu@city.gov.vn"
    shown = citymail("mailbox", "absence", an)
    assert all(each in shown for each in (until, "Đi công tác", "vanthu@city.gov.vn"))
    assert "--until" in citymail.run("mailbox", "absence", an, "--text", "khác", status=2).stderr
    assert "is not away" in citymail("mailbox", "absence", an, "--end")
    assert citymail.json("mailbox", "absence", an, "--end", status=3)["error"] == "absence-unknown"


def test_aliases(citymail: Terminal, an: str) -> None:
    assert citymail("alias", "add", "an", "annv") == f"an@city.gov.vn leads to {an}.\n"
    citymail("alias", "add", "bao", "phongvien@example.org")
    assert [alias["address"] for alias in citymail.json("alias", "list")] == ["an@city.gov.vn", "bao@city.gov.vn"]
    assert [alias["leads_to"] for alias in citymail.json("alias", "search", "phong")] == ["phongvien@example.org"]
    assert "phongvien@example.org" in citymail("alias", "show", "bao")
    citymail("alias", "remove", "an")
    assert [alias["address"] for alias in citymail.json("alias", "list")] == ["bao@city.gov.vn"]
    assert len(citymail.json("alias", "list", "--retired")) == 2


def test_groups(citymail: Terminal, an: str) -> None:
    citymail("group", "add", "nhom", "--name", "Nhóm công tác", "--member", "annv", "--member", "x@example.org")
    citymail("group", "add", "trong", "--name", "Nhóm trong", "--posting", "anyone")
    citymail("group", "add-member", "nhom", "trong")
    said = citymail("group", "add-rule", "nhom", "--unit", "SYT", "--position", "GD")
    assert said == "nhom@city.gov.vn reaches 2 now.\n"
    shown = citymail.json("group", "show", "nhom")
    assert shown["accounts"] == [{"login": an, "name": "Nguyễn Văn An"}]
    assert (shown["groups"], shown["outside"]) == (["trong@city.gov.vn"], ["x@example.org"])
    (rule,) = shown["rules"]
    assert (rule["unit"], rule["position"], shown["reaches"]) == ("Sở Y tế", "Giám đốc", 2)
    text = citymail("group", "show", "nhom")
    assert "Giám đốc, Sở Y tế" in text
    citymail("group", "remove-member", "nhom", "annv", rule["id"], "trong")
    citymail("group", "set", "nhom", "--posting", "named", "--poster", "annv", "--name", "Nhóm mới")
    shown = citymail.json("group", "show", "nhom")
    assert (shown["posting"], shown["posters"], shown["reaches"]) == ("named", [an], 1)
    assert [group["name"] for group in citymail.json("group", "search", "moi")] == ["Nhóm mới"]
    citymail("group", "remove", "nhom")
    assert [group["address"] for group in citymail.json("group", "list")] == ["trong@city.gov.vn"]


def test_import(citymail: Terminal, tmp_path: Path, directory: Directory) -> None:
    file = tmp_path / "can-bo.csv"
    file.write_text("mã cán bộ,họ và tên,đơn vị,chức vụ\nA1,Nguyễn Văn An,SYT,CV\nA2,Lê Bình,ĐÂU,CV\n")
    rehearsed = citymail.json("official", "import", str(file), "--dry-run", "--password", "x", "--allow-weak", status=5)
    assert (rehearsed["added"], rehearsed["rejected"], rehearsed["dry_run"]) == (1, 1, True)
    assert citymail.json("official", "list") == []
    result = citymail.run(
        "official", "import", str(file), "--password-stdin", "--allow-weak", status=5, stdin="chung\n"
    )
    assert result.stdout == "1 added, 0 updated, 0 unchanged, 1 rejected.\n"
    assert "line 3: there is no unit ĐÂU" in result.stderr
    rejects = tmp_path / "can-bo.rejects.csv"
    assert "ĐÂU" in rejects.read_text()
    assert verify_password(hash_of(directory, "annv"), "chung")
    rejects.write_text(rejects.read_text().replace("ĐÂU", "STC"))
    assert citymail.json("official", "import", str(rejects))["added"] == 1
    file.write_text("tuổi\n")
    citymail("official", "import", str(file), status=1)


def test_export(citymail: Terminal, tmp_path: Path, an: str) -> None:
    citymail("official", "add", "--name", "Lê Bình", "--unit", "STC", "--position", "CV")
    file = tmp_path / "xuat.csv"
    assert citymail("official", "export", str(file)) == f"2 records written to {file}.\n"
    assert file.stat().st_mode & 0o077 == 0
    assert an in file.read_text()
    assert citymail("official", "export").splitlines()[0].startswith("employee_code,")
    assert an not in citymail("official", "export", "--unit", "STC")
    assert citymail.json("official", "import", str(file))["unchanged"] == 2
    assert citymail.json("official", "export", str(tmp_path / "stc.csv"), "--unit", "STC")["count"] == 1
    citymail("official", "export", str(tmp_path / "none.csv"), "--unit", "nowhere", status=3)
    assert sorted(path.name for path in tmp_path.glob("*.csv*")) == ["stc.csv", "xuat.csv"]


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("official", "show", "nobody"), 3, "official-unknown"),
        (("mailbox", "show", "nobody"), 3, "account-unknown"),
        (("unit", "show", "nowhere"), 3, "unit-unknown"),
        (("alias", "show", "nothing"), 3, "alias-unknown"),
        (("group", "show", "nothing"), 3, "group-unknown"),
        (("unit", "add", "Sở", "--short", "SYT", "--type", "department"), 4, "unit-exists"),
        (("alias", "add", "annv", "annv2"), 3, "address-unknown"),
        (("official", "add", "--name", "An", "--address", "annv"), 4, "address-taken"),
        (("unit", "remove", "SYT"), 1, "unit-occupied"),
        (("official", "move", "annv", "--unit", "STC", "--position", "CV", "--from", "hôm qua"), 1, "day-malformed"),
        (
            (
                "official",
                "add",
            ),
            1,
            "name-empty",
        ),
    ],
)
def test_refusals_have_a_code_a_status_and_two_languages(
    citymail: Terminal, an: str, arguments: tuple[str, ...], status: int, code: str
) -> None:
    assert an
    answer = citymail.json(*arguments, status=status)
    assert answer["error"] == code
    english = citymail.run(*arguments, status=status)
    vietnamese = citymail.run(*arguments, status=status, lang="vi")
    assert english.stdout == vietnamese.stdout == ""
    assert english.stderr == f"citymail: {answer['message']}\n"
    assert vietnamese.stderr != english.stderr


def test_nothing_is_changed_by_a_refusal(citymail: Terminal, an: str) -> None:
    before = citymail.json("group", "list"), citymail.json("alias", "list", "--retired")
    citymail("group", "add", "nhom", "--name", "Nhóm", "--member", an, "--member", "nobody", status=3)
    assert (citymail.json("group", "list"), citymail.json("alias", "list", "--retired")) == before


def test_a_locked_database_is_told_as_such(
    citymail: Terminal, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    def busy(self: Directory, **told: str) -> None:
        raise OperationalError("BEGIN IMMEDIATE", {}, Exception("database is locked"))

    monkeypatch.setattr(Directory, "write", busy)
    result = citymail.run("official", "lock", "annv", status=75)
    assert "database is locked" in result.stderr
    assert directory


def test_who_did_it_is_on_record(citymail: Terminal, an: str, directory: Directory) -> None:
    from directory.record import search

    citymail("mailbox", "lock", an, "--by", "chanhvanphong", "--reason", "mất máy")
    with directory.read() as conn:
        entry = next(search(conn, subjects=[an]))
    assert (entry.actor, entry.action) == ("chanhvanphong", "mailbox.lock")
    assert "mất máy" in entry.details


def command_words(group: click.Group) -> list[list[str]]:
    """The words by which each command of a group, and of groups in it, is called."""
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        found += [[name, *inner] for inner in command_words(command)] if isinstance(command, click.Group) else [[name]]
    return found


def test_every_command_explains_itself() -> None:
    for group in commands:
        assert isinstance(group, click.Group)
        names = group.list_commands(click.Context(group))
        special = {
            "admin": {"grant", "revoke", "list", "show"},
            "audit": {"show", "search"},
            "dkim": {"key", "check", "rotate"},
        }
        assert special.get(str(group.name), {"add", "show", "list", "search", "remove"}) <= set(names)
        for words in command_words(group):
            result = CliRunner().invoke(main, [str(group.name), *words, "--help"], obj="")
            assert result.exit_code == 0
            assert "--json" in result.output
    mailbox = next(group for group in commands if group.name == "mailbox")
    assert isinstance(mailbox, click.Group)
    # other packages may add to a group before its own commands are loaded
    mailbox.add_command(click.Command("probe", help="x"))
    assert "probe" in mailbox.list_commands(click.Context(mailbox))
    assert mailbox.get_command(click.Context(mailbox), "probe") is not None
    del mailbox.commands["probe"]


def test_an_app_password_is_made_listed_and_revoked(citymail: Terminal, directory: Directory) -> None:
    citymail("mailbox", "add", "hotro@city.gov.vn", "--name", "Hỗ trợ", "--password", "một mật khẩu 2026")
    made = citymail.json("mailbox", "app-password", "add", "hotro", "Điện thoại", "--for", "imap")
    assert len(made["password"].replace("-", "")) == 24
    assert (made["login"], made["scope"], made["used_at"]) == ("hotro@city.gov.vn", "imap", None)
    citymail.run("mailbox", "app-password", "add", "hotro", "Điện thoại", status=4)
    citymail("mailbox", "app-password", "add", "hotro", "Máy tính")
    both = citymail.json("mailbox", "app-password", "list", "hotro")  # made in one second, they come in any order
    (listed,) = (each for each in both if each["name"] == "Điện thoại")
    assert "password" not in listed
    assert listed["id"] == made["id"]
    assert "Điện thoại" in citymail("mailbox", "app-password", "list", "hotro")
    citymail("mailbox", "app-password", "revoke", "hotro", "Điện thoại")
    citymail.run("mailbox", "app-password", "revoke", "hotro", "Điện thoại", status=3)
    assert len(citymail.json("mailbox", "app-password", "list", "hotro")) == 1
    # another password takes the rest back
    citymail("mailbox", "passwd", "hotro", "--password", "mật khẩu khác 2026")
    assert citymail.json("mailbox", "app-password", "list", "hotro") == []


def test_capabilities_are_hidden_and_shown(citymail: Terminal) -> None:
    citymail("mailbox", "add", "hotro@city.gov.vn", "--name", "Hỗ trợ")
    told = citymail.json("mailbox", "hide-capability", "hotro", "qresync", "IDLE", "--client", "*Outlook*")
    assert [rule["capability"] for rule in told["hidden"]] == ["IDLE", "QRESYNC"]
    assert "QRESYNC (*Outlook*)" in citymail("mailbox", "hide-capability", "hotro", "IDLE", "--client", "*Outlook*")
    told = citymail.json("mailbox", "show-capability", "hotro", "qresync", "idle", "--client", "*Outlook*")
    assert told["hidden"] == []
    citymail.run("mailbox", "hide-capability", "hotro", "two words", status=1)


def test_a_password_set_here_works_with_scram(citymail: Terminal, directory: Directory) -> None:
    citymail("mailbox", "add", "hotro@city.gov.vn", "--name", "Hỗ trợ", "--password", "một mật khẩu 2026")
    citymail("mailbox", "add", "tiepdan@city.gov.vn", "--name", "Tiếp dân", "--password", "một mật khẩu 2026")
    citymail("mailbox", "passwd", "tiepdan", "--password", "mật khẩu khác 2026")
    for login, password in (("hotro", "một mật khẩu 2026"), ("tiepdan", "mật khẩu khác 2026")):
        with directory.read() as conn:
            found = credentials_by_login(conn, login)
            assert found is not None
            assert found.password_hash is not None
            verifier = scram_verifiers.find(conn, found.account.id, found.password_hash)
        assert verifier is not None
        assert verifier == make_verifier(password, verifier.salt)
