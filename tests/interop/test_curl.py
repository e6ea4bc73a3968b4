"""curl: one command for one mail, as scripts use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.conftest import Letter, Official
from tests.interop.programs import run
from tests.live import LiveServer

# curl's exit statuses
LOGIN_DENIED, NO_TLS, NOT_FOUND, SEND_FAILED, UNTRUSTED = 67, 64, 78, 55, 60

Curl = Callable[..., str]


@pytest.fixture
def curl(server: LiveServer, tmp_path: Path) -> Curl:
    def call(url: str, *arguments: str, official: Official | None = None, status: int = 0, octets: bytes = b"") -> str:
        scheme, _, rest = url.partition("://")
        service = {"smtp": "submission", "smtps": "submissions"}.get(scheme, scheme)
        login = ("--user", f"{official.address}:{official.password}") if official else ()
        return run(
            *("curl", "--silent", "--show-error", "--cacert", str(server.ca_file), "--ssl-reqd", *login),
            *(f"{scheme}://localhost:{server.ports[service]}/{rest}", *arguments),
            home=tmp_path,
            octets=octets,
            status=status,
        )

    return call


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_sends(
    curl: Curl, official: Official, colleague: Official, letter: Letter, scheme: str, mechanism: str
) -> None:
    octets = letter(official.address, colleague.address, f"Gửi bằng {scheme} {mechanism}")
    curl(
        f"{scheme}://may.thanhpho.example",
        *("--login-options", f"AUTH={mechanism}", "--mail-from", official.address),
        *("--mail-rcpt", colleague.address, "--upload-file", "-"),
        official=official,
        octets=octets,
    )
    (got,) = colleague.messages()
    assert got.endswith(octets)


def test_sends_to_several_and_is_told_of_the_unknown(curl: Curl, official: Official, letter: Letter) -> None:
    said = curl(
        "smtp://may.thanhpho.example",
        *("--mail-from", official.address, "--mail-rcpt", official.address),
        *("--mail-rcpt", "khong.co.ai@thanhpho.example", "--upload-file", "-"),
        official=official,
        octets=letter(official.address, official.address, "Hai người nhận"),
        status=SEND_FAILED,
    )
    assert "550" in said
    assert official.messages() == []


@pytest.mark.parametrize("scheme", ["imap", "imaps"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_fetches(curl: Curl, official: Official, letter: Letter, scheme: str, mechanism: str) -> None:
    octets = letter("khach@ngoai.example", official.address, "Đọc bằng curl", "Một\nHai\n")
    official.append(octets)
    options = ("--login-options", f"AUTH={mechanism}")
    whole = curl(f"{scheme}://INBOX;UID=1", *options, official=official)
    assert whole.encode() == octets.replace(b"\r\n", b"\n") or whole.encode() == octets
    header = curl(f"{scheme}://INBOX;UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)", *options, official=official)
    assert header.split(":")[0] == "Subject"
    text = curl(f"{scheme}://INBOX;MAILINDEX=1;SECTION=TEXT", *options, official=official)
    assert text.splitlines() == octets.partition(b"\r\n\r\n")[2].decode().splitlines()


def test_searches(curl: Curl, official: Official, letter: Letter) -> None:
    for subject in ("Báo cáo quý", "Lịch họp", "Báo cáo năm"):
        official.append(letter("khach@ngoai.example", official.address, subject))
    said = curl("imaps://INBOX", "--request", "SEARCH CHARSET UTF-8 FROM khach", official=official)
    assert said.split() == ["*", "SEARCH", "1", "2", "3"]
    said = curl("imaps://INBOX?SUBJECT%20%22Lich%20hop%22", official=official)
    assert said.split() == ["*", "SEARCH", "2"]


def test_lists_and_changes_mailboxes(curl: Curl, official: Official) -> None:
    curl("imaps://", "--request", 'CREATE "D&AX8- &AOE-n"', official=official)
    listed = curl("imaps://", official=official)
    for line in (r"* LIST (\Sent \HasNoChildren)", r"* LIST (\HasNoChildren)"):
        words = set(line.split("(")[1].rstrip(")").split())
        assert any(words <= set(each[each.index("(") + 1 : each.index(")")].split()) for each in listed.splitlines())
    assert '"D&AX8- &AOE-n"' in listed
    curl("imaps://", "--request", 'DELETE "D&AX8- &AOE-n"', official=official)
    assert "D&AX8-" not in curl("imaps://", official=official)


def test_appends(curl: Curl, official: Official, letter: Letter, tmp_path: Path) -> None:
    octets = letter(official.address, "khach@ngoai.example", "Lưu vào Đã gửi")
    (tmp_path / "message.eml").write_bytes(octets)  # APPEND wants the size first
    curl("imaps://Sent", "--upload-file", "message.eml", official=official)
    assert official.messages("Sent") == [octets]


def test_examines_without_changing_anything(curl: Curl, official: Official, letter: Letter) -> None:
    official.append(letter("khach@ngoai.example", official.address, "Chưa đọc"))
    said = curl("imaps://", "--request", "EXAMINE INBOX", official=official)
    assert "* 1 EXISTS" in said
    assert "[UIDVALIDITY" in said
    said = curl("imaps://", "--request", "STATUS INBOX (MESSAGES UNSEEN UIDNEXT)", official=official)
    assert "(MESSAGES 1 UNSEEN 1 UIDNEXT 2)" in said


def test_a_message_that_is_not_there(curl: Curl, official: Official) -> None:
    curl("imaps://INBOX;UID=77", official=official, status=NOT_FOUND)


@pytest.mark.parametrize("scheme", ["smtp", "smtps", "imap", "imaps"])
def test_a_wrong_password(curl: Curl, scheme: str) -> None:
    curl(f"{scheme}://", "--user", "ai.do:sai", status=LOGIN_DENIED)


@pytest.mark.parametrize("scheme", ["smtp", "smtps", "imap", "imaps"])
def test_another_authority_is_not_trusted(curl: Curl, official: Official, tmp_path: Path, scheme: str) -> None:
    (tmp_path / "empty").mkdir()
    stranger = ("--cacert", "/dev/null", "--capath", str(tmp_path / "empty"))
    curl(f"{scheme}://", *stranger, official=official, status=(UNTRUSTED, 77))  # type: ignore[arg-type]
