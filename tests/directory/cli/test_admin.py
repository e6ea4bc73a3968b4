"""``citymail --as`` and ``citymail admin``: administrators prove who they are, and do what they may."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from directory.cli.context import who
from directory.database import Directory
from directory.mail.accounts import account_by_login
from directory.signing_in import second_factor
from security import totp
from tests.directory.cli.conftest import PASSWORD, Officer, actions
from tests.directory.cli.terminal import Terminal, hash_of


def test_an_administrator_answers_for_what_he_does(citymail: Terminal, office: dict[str, str]) -> None:
    khoa = Officer(citymail, office["khoa"])
    khoa("official", "lock", office["an"], "--reason", "mất máy")
    (entry,) = actions(citymail, "mailbox.lock")
    assert (entry["actor"], entry["reason"]) == (office["khoa"], "mất máy")
    assert entry["origin"].endswith(f"({who()})")
    assert entry["details"] == {"as_role": "helpdesk"}


def test_without_a_name_it_is_an_emergency(citymail: Terminal, office: dict[str, str]) -> None:
    citymail("official", "lock", office["bao"])
    (entry,) = actions(citymail, "mailbox.lock")
    assert (entry["actor"], entry["details"]) == (who(), {"emergency": True})
    # the founding of the city was none, up to the first administrator
    assert "emergency" not in actions(citymail, "official.join")[0]["details"]
    assert next(iter(citymail.json("audit", "search", "--emergency")))["number"] == entry["number"]


REFUSED = (
    (("official", "lock", "director"), "may-not-rank"),
    (("official", "lock", "xa"), "may-not-subtree"),
    (("official", "lock", "lan"), "may-not-standing"),
    (("official", "lock", "khoa"), "may-not-himself"),
    (("mailbox", "quota", "an", "1G"), "may-not-role"),
    (("mailbox", "admin", "an"), "may-not-role"),
    (("admin", "grant", "an", "helpdesk", "--unit", "SYT", "--below-rank", "20"), "delegation-beyond"),
    (("official", "passwd", "an", "--generate"), "reason-missing"),
    (("audit", "search"), "may-not-role"),
    (("audit", "export"), "may-not-role"),
    (("admin", "list"), "may-not-role"),
    (("unit", "rename", "SYT", "--name", "Khác"), "may-not-role"),
    (("alias", "add", "giup", "khoa"), "may-not-himself"),
    (("group", "add", "moi", "--name", "Mới", "--unit", "SYT"), "may-not-role"),
    (("official", "define-position", "X", "--title", "X"), "may-not-role"),
    (("admin", "approval", "waive", "mailbox.passwd"), "value-invalid"),
)


def test_what_he_may_not_do_is_refused_and_told(citymail: Terminal, office: dict[str, str]) -> None:
    khoa = Officer(citymail, office["khoa"])
    told = 0
    for command, code in REFUSED:
        answer = khoa.json(*(office.get(word, word) for word in command), status=1)
        assert (command, answer["error"]) == (command, code)
        told += code != "value-invalid"
        assert len(actions(citymail, "admin.refused")) == told


def test_passwords_are_asked_for_and_come_in_three_ways(
    citymail: Terminal, office: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = ("--as", office["khoa"], "official", "lock", office["an"])
    result = citymail.run(*lock, stdin=f"{PASSWORD}\n")
    assert f"Password of {office['khoa']}" in result.stderr
    readable, writable = os.pipe()
    os.write(writable, f"{PASSWORD}\n".encode())
    os.close(writable)
    citymail.run(*lock, env={"CITYMAIL_ADMIN_PASSWORD_FD": str(readable)})
    citymail.run(*lock, env={"CITYMAIL_ADMIN_PASSWORD_FD": "1000000"}, status=2)  # nobody has so many
    citymail.run(
        "official", "lock", office["an"], env={"CITYMAIL_AS": office["khoa"], "CITYMAIL_ADMIN_PASSWORD": PASSWORD}
    )
    assert {entry["actor"] for entry in actions(citymail, "mailbox.lock")} == {office["khoa"]}


def test_who_is_not_who_he_says_does_nothing(citymail: Terminal, office: dict[str, str], directory: Directory) -> None:
    before = hash_of(directory, office["an"])
    for login, password, code in (
        (office["khoa"], "sai mật khẩu", "admin-sign-in"),
        ("khong.co", PASSWORD, "admin-sign-in"),
        (office["an"], PASSWORD, "admin-none"),
    ):
        someone = Officer(citymail, login, password)
        refused = someone.json("official", "passwd", office["an"], "--generate", "--reason", "x", status=1)
        assert refused["error"] == code
        # nor does he look
        someone("official", "list", status=1)
    citymail("official", "lock", office["khoa"])
    Officer(citymail, office["khoa"])("official", "lock", office["an"], status=1)
    assert hash_of(directory, office["an"]) == before
    assert len(actions(citymail, "admin.sign-in-refused")) == 7
    citymail("--as", " ", "official", "lock", office["an"], status=2)
    Officer(citymail, office["lan"])("official", "lock", office["an"], "--by", "ai.do", status=2)


def test_delegations_are_listed_shown_and_taken_back(citymail: Terminal, office: dict[str, str]) -> None:
    bao = Officer(citymail, office["bao"])
    listed = bao.json("admin", "list")
    assert {(each["login"], each["role"], each["unit"]) for each in listed} == {
        (office["bao"], "city-admin", None),
        (office["lan"], "unit-admin", "Sở Y tế"),
        (office["khoa"], "helpdesk", "Sở Y tế"),
    }
    assert "helpdesk" in bao("admin", "list")
    (own,) = Officer(citymail, office["khoa"]).json("admin", "show", office["khoa"])
    assert (own["until"], own["below_rank"]) == ("2099-12-31", 20)
    Officer(citymail, office["khoa"])("admin", "show", office["lan"], status=1)
    bao("admin", "revoke", own["id"])
    bao("admin", "revoke", own["id"], status=3)
    Officer(citymail, office["khoa"])("official", "lock", office["an"], status=1)
    (revoked,) = actions(citymail, "admin.revoke")
    assert revoked["before"]["role"] == "helpdesk"
    assert "unit-admin" in citymail("admin", "roles")
    assert citymail.json("admin", "roles")["roles"]["helpdesk"]["grants"] == []
    citymail("mailbox", "admin", office["an"])
    (marked,) = [each for each in bao.json("admin", "list") if each["login"] == office["an"]]
    assert (marked["id"], marked["role"], marked["below_rank"]) == ("", "city-admin", 0)
    # nobody takes his own back, nor that of who stands as high
    (mine,) = [each for each in listed if each["login"] == office["bao"]]
    assert bao.json("admin", "revoke", mine["id"], status=1)["error"] == "may-not-himself"


def test_may_tells_and_why_not(citymail: Terminal, office: dict[str, str]) -> None:
    assert citymail("admin", "may", office["khoa"], "mailbox.passwd", office["an"]).endswith(f"to {office['an']}.\n")
    answer = citymail.json("admin", "may", office["khoa"], "mailbox.passwd", office["xa"], status=1)
    assert (answer["allowed"], answer["reason"]) == (False, "subtree")
    assert "không nằm trọn" in citymail(
        "admin", "may", office["khoa"], "mailbox.passwd", office["xa"], status=1, lang="vi"
    )


def test_two_are_needed_where_the_rule_says_so(
    citymail: Terminal, office: dict[str, str], directory: Directory
) -> None:
    bao, lan, khoa = (Officer(citymail, office[name]) for name in ("bao", "lan", "khoa"))
    bao("admin", "approval", "require", "mailbox.passwd")
    assert citymail.json("admin", "approval", "rules") == [{"operation": "mailbox.passwd", "from_rank": None}]
    reset = ("official", "passwd", office["an"], "--generate", "--reason", "quên mật khẩu")
    before = hash_of(directory, office["an"])
    assert khoa.json(*reset, status=1)["error"] == "approval-needed"
    assert khoa.json(*reset, status=1)["error"] == "approval-waiting"
    (request,) = lan.json("admin", "approval", "list")
    assert (request["login"], request["reason"], request["state"]) == (office["khoa"], "quên mật khẩu", "asked")
    assert "quên mật khẩu" in lan("admin", "approval", "list")
    assert khoa.json("admin", "approval", "approve", request["id"], status=1)["error"] == "approval-author"
    assert hash_of(directory, office["an"]) == before
    lan("admin", "approval", "approve", request["id"])
    khoa(*reset)
    assert hash_of(directory, office["an"]) != before
    assert [each["state"] for each in lan.json("admin", "approval", "list", "--all")] == ["done"]
    assert khoa.json(*reset, status=1)["error"] == "approval-needed"
    (request,) = khoa.json("admin", "approval", "list")
    khoa("admin", "approval", "decline", request["id"])
    lan("admin", "approval", "approve", request["id"], status=1)
    lan("admin", "approval", "approve", "khongco", status=3)
    bao("admin", "approval", "waive", "mailbox.passwd")
    khoa(*reset)


def test_hidden_members_are_seen_by_whoever_administers_the_group(citymail: Terminal, office: dict[str, str]) -> None:
    citymail("group", "add", "mat", "--name", "Nhóm kín", "--unit", "SYT", "--member", office["an"])
    citymail("group", "set", "mat", "--hide-members", "--moderated", "--moderator", office["an"])
    shown = Officer(citymail, office["lan"]).json("group", "show", "mat")
    assert ([each["login"] for each in shown["accounts"]], shown["moderators"]) == ([office["an"]], [office["an"]])
    assert Officer(citymail, office["khoa"]).json("group", "show", "mat")["accounts"] == []
    assert Officer(citymail, office["khoa"]).json("official", "show", office["an"])["groups"] == []
    assert Officer(citymail, office["lan"]).json("official", "show", office["an"])["groups"] == ["mat@city.gov.vn"]
    assert "Nhóm kín" in Officer(citymail, office["khoa"])("group", "show", "mat")
    citymail("group", "set", "mat", "--show-members", "--not-moderated", "--no-moderator")
    shown = Officer(citymail, office["khoa"]).json("group", "show", "mat")
    assert (len(shown["accounts"]), shown["moderators"], shown["is_moderated"]) == (1, [], False)


def test_units_and_groups_may_write_to_a_group(citymail: Terminal, office: dict[str, str]) -> None:
    citymail("group", "add", "nhom", "--name", "Nhóm")
    citymail("group", "add", "tin", "--name", "Tin", "--posting", "named")
    citymail("group", "set", "tin", "--poster", "nhom", "--poster", office["an"], "--poster-unit", "STC")
    posters = citymail.json("group", "show", "tin")["posters"]
    assert posters == [office["an"], "nhom@city.gov.vn", "Sở Tài chính"]
    citymail("group", "set", "tin", "--poster", "khong.co", status=3)


def test_a_file_of_changes_needs_two_where_the_rule_says_so(
    citymail: Terminal, office: dict[str, str], tmp_path: Path
) -> None:
    citymail("admin", "grant", office["khoa"], "hr-clerk", "--unit", "SYT", "--below-rank", "20")
    bao, lan, khoa = (Officer(citymail, office[name]) for name in ("bao", "lan", "khoa"))
    bao("admin", "approval", "require", "official.import-file")
    file = tmp_path / "moi.csv"
    line = "CB{0},Người Mới {0},{1},CV\n"
    file.write_text("employee_code,full_name,unit,position\n" + line.format("Một", "SYT"), encoding="utf-8")
    assert khoa.json("official", "import", str(file), status=1)["error"] == "approval-needed"
    (request,) = lan.json("admin", "approval", "list")
    lan("admin", "approval", "approve", request["id"])
    # what was approved is this file, not another one of the same name
    file.write_text(file.read_text(encoding="utf-8") + line.format("Hai", "STC"), encoding="utf-8")
    assert khoa.json("official", "import", str(file), status=1)["error"] == "approval-needed"
    file.write_text("employee_code,full_name,unit,position\n" + line.format("Một", "SYT"), encoding="utf-8")
    assert khoa.json("official", "import", str(file))["added"] == 1
    bao("admin", "approval", "waive", "official.import-file")
    # a line of another department is rejected, and the rest is taken in
    file.write_text(
        "employee_code,full_name,unit,position\n" + line.format("Ba", "SYT") + line.format("Hai", "STC"),
        encoding="utf-8",
    )
    answer = khoa.json("official", "import", str(file), status=5)
    assert (answer["added"], answer["rejected"], answer["problems"][0]["line"]) == (1, 1, 3)
    found = citymail.json("official", "search", "Người Mới")
    assert {each["name"] for each in found} == {"Người Mới Một", "Người Mới Ba"}


def test_a_plan_has_an_author_and_another_who_approves(
    citymail: Terminal, office: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "u.csv").write_text("việc;đơn vị;nhập vào\nsáp nhập;STC;SYT\n", encoding="utf-8")
    file = tmp_path / "plan.toml"
    head = 'title = "Sáp nhập"\neffective = 2026-03-01\ndecision = "1/NQ"\nunits = "u.csv"\n'
    file.write_text(head, encoding="utf-8")
    citymail("admin", "grant", office["xa"], "city-admin", "--below-rank", "0")
    bao, xa, lan = (Officer(citymail, office[name]) for name in ("bao", "xa", "lan"))
    assert lan.json("unit", "plan", "propose", str(file), status=1)["error"] == "may-not-role"
    made = bao.json("unit", "plan", "propose", str(file))
    assert made["author"] == office["bao"]
    # nor under another address
    citymail("official", "rename", office["bao"], "--given", "Báo", "--address", "bao.moi")
    again = Officer(citymail, "bao.moi")
    assert again.json("unit", "plan", "approve", made["id"], status=1)["error"] == "plan-author"
    assert xa.json("unit", "plan", "approve", made["id"])["approver"] == office["xa"]
    # it moves the very administrator who applies it, which was agreed on
    xa("unit", "plan", "apply", made["id"])
    assert citymail.json("official", "show", office["xa"])["unit"] == "Sở Y tế"


def test_what_is_told_of_many_is_on_record(citymail: Terminal, office: dict[str, str]) -> None:
    lan, khoa = Officer(citymail, office["lan"]), Officer(citymail, office["khoa"])
    assert "Nguyễn Văn An" in lan("official", "export", "--unit", "SYT", "--reason", "danh sách trực")
    for refused in ((lan, "--unit", "STC"), (lan,), (khoa, "--unit", "SYT")):
        refused[0]("official", "export", *refused[1:], "--reason", "x", status=1)
    lan("official", "export", "--unit", "SYT", status=1)
    (entry,) = actions(citymail, "official.export")
    assert (entry["actor"], entry["reason"]) == (office["lan"], "danh sách trực")


def test_everything_of_a_helpdesk_goes_through_the_auditor(citymail: Terminal, office: dict[str, str]) -> None:
    citymail("admin", "grant", office["xa"], "auditor", "--below-rank", "0")
    xa = Officer(citymail, office["xa"])
    assert xa.json("audit", "search")
    assert xa.json("audit", "show", office["an"])
    assert xa.json("audit", "verify")["ok"] is True
    assert xa.json("admin", "list")
    xa("audit", "export", status=1)
    xa("audit", "export", "--reason", "thanh tra quý 4")
    (entry,) = actions(citymail, "audit.export")
    assert (entry["actor"], entry["reason"]) == (office["xa"], "thanh tra quý 4")
    xa("official", "lock", office["an"], status=1)


def test_an_administrator_with_a_second_factor_shows_a_code(
    citymail: Terminal, office: dict[str, str], directory: Directory
) -> None:
    khoa = Officer(citymail, office["khoa"])
    with directory.write() as conn:
        owner = account_by_login(conn, office["khoa"])
        assert owner is not None
        secret = second_factor.propose(conn, owner.id)
        step = conn.now // totp.STEP_SECONDS
        codes = second_factor.turn_on(conn, owner.login, owner.id, totp.code_at(secret, step))
    khoa("official", "lock", office["an"], "--reason", "mất máy", status=1, stdin="000000\n")
    assert [entry["subject"] for entry in actions(citymail, "admin.sign-in-refused")] == [office["khoa"]]
    khoa("official", "lock", office["an"], "--reason", "mất máy", stdin=f"{codes[0]}\n")
    # nobody turns off his own, nor without a reason
    env = {"CITYMAIL_ADMIN_PASSWORD": PASSWORD, "CITYMAIL_ADMIN_CODE": codes[1]}
    citymail.run("--as", office["khoa"], "mailbox", "second-factor", office["khoa"], "--off", env=env, status=1)
    lan = Officer(citymail, office["lan"])
    lan("mailbox", "second-factor", office["khoa"], "--off", status=1)
    lan("mailbox", "second-factor", office["khoa"], "--off", "--reason", "mất điện thoại")
    (entry,) = actions(citymail, "mailbox.second-factor")
    assert (entry["actor"], entry["reason"]) == (office["lan"], "mất điện thoại")
    assert lan.json("mailbox", "second-factor", office["khoa"])["second_factor"] is False
    khoa("official", "unlock", office["an"])
