"""neomutt: a terminal's mail program, driven by the keys that a person would press."""

from __future__ import annotations

import os
import pty
import select
import time
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path

import pytest

from tests.interop.conftest import Letter, Official
from tests.interop.programs import find, run
from tests.live import LiveServer


@pytest.fixture(params=["imap", "imaps"])
def settings(request: pytest.FixtureRequest, server: LiveServer, official: Official, tmp_path: Path) -> Path:
    """Reading over IMAP, sending over submission, copies into Sent."""
    scheme, port = request.param, server.ports[request.param]
    sending = ("smtp", "submission") if scheme == "imap" else ("smtps", "submissions")
    path = tmp_path / "muttrc"
    path.write_text(
        f"""\
set imap_user = "{official.address}"
set imap_pass = "{official.password}"
set folder = "{scheme}://localhost:{port}/"
set spool_file = "+INBOX"
set record = "+Sent"
set postponed = "+Drafts"
set trash = "+Trash"
set smtp_url = "{sending[0]}://{official.login}%40{official.server.domain}@localhost:{server.ports[sending[1]]}/"
set smtp_pass = "{official.password}"
set from = "{official.address}"
set real_name = "Nguyễn Văn Thử"
set ssl_force_tls = yes
set ssl_starttls = yes
set ssl_ca_certificates_file = "{server.ca_file}"
set certificate_file = "{tmp_path}/accepted"
set imap_check_subscribed = yes
set imap_idle = no
set header_cache = "{tmp_path}/cache"
set message_cachedir = "{tmp_path}/bodies"
set delete = yes
set move = no
set quit = yes
set copy = yes
set confirm_append = no
set wait_key = no
set mail_check = 1
set sleep_time = 0
set beep = no
set resolve = no
""",
        encoding="utf-8",
    )
    return path


def press(settings: Path, keys: str, *arguments: str) -> str:
    """Start neomutt on a terminal, press the keys, and wait for its end; what the terminal showed."""
    program = find("neomutt")
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {"PATH": os.environ["PATH"], "HOME": str(settings.parent), "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        os.chdir(settings.parent)
        os.execve(program, [program, "-n", "-F", str(settings), "-e", f'push "{keys}"', *arguments], environment)
    shown = b""
    deadline = time.monotonic() + 15
    try:
        while select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
            try:
                octets = os.read(terminal, 65536)
            except OSError:  # the terminal's end
                break
            if not octets:
                break
            shown += octets
        else:
            os.kill(pid, 9)
            raise AssertionError("neomutt did not end:\n" + shown.decode("utf-8", "replace")[-3000:])
    finally:
        os.close(terminal)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    text = shown.decode("utf-8", "replace")
    assert status == 0, text[-3000:]
    return text


def test_sends_from_a_script_with_an_attachment(
    settings: Path, official: Official, colleague: Official, tmp_path: Path
) -> None:
    (tmp_path / "Báo cáo.txt").write_text("Số liệu quý I\n", encoding="utf-8")
    run(
        *("neomutt", "-n", "-F", settings, "-s", "Báo cáo quý I", "-a", tmp_path / "Báo cáo.txt", "--"),
        colleague.address,
        home=tmp_path,
        octets="Kính gửi anh, xin xem tệp đính kèm.\n".encode(),
    )
    (got,) = colleague.messages()
    assert b"Content-Disposition: attachment" in got
    assert b"Content-Type: multipart/mixed" in got
    attachment = message_from_bytes(got, policy=SMTP).get_payload()[1]
    assert attachment.get_filename() == "Báo cáo.txt"
    assert attachment.get_content().split() == ["Số", "liệu", "quý", "I"]


def test_reads_flags_and_removes(settings: Path, official: Official, letter: Letter, tmp_path: Path) -> None:
    for number in range(1, 5):
        official.append(letter("khach@ngoai.example", official.address, f"thu-so-{number}", f"Nội dung {number}\n"))
    saved = tmp_path / "read.txt"
    press(
        settings,
        f"<first-entry><display-message><pipe-message>cat > {saved}<enter><exit>"
        "<next-entry><flag-message>"
        "<next-entry><delete-message>"
        "<sync-mailbox><quit>",
    )
    assert "Nội dung 1" in saved.read_text(encoding="utf-8")
    with official.imap() as client:
        client.select(readonly=True)
        assert client.search(None, "SUBJECT", "thu-so-1", "SEEN")[1] == [b"1"]
        assert client.search(None, "FLAGGED")[1] == [b"2"]
        assert client.search(None, "SUBJECT", "thu-so-3")[1] == [b""]
        assert client.search(None, "ALL")[1] == [b"1 2 3"]
    (trashed,) = official.messages("Trash")
    assert b"thu-so-3" in trashed


def test_searches_on_the_server_and_files_away(settings: Path, official: Official, letter: Letter) -> None:
    for subject in ("hop giao ban", "bao cao", "hop hoi dong"):
        official.append(letter("khach@ngoai.example", official.address, subject, f"text of {subject}\n"))
    press(
        settings,
        "<tag-pattern>=b 'text of hop'<enter>"  # =b searches on the server
        "<tag-prefix><save-message>+Archive<enter><sync-mailbox><quit>",
    )
    assert len(official.messages()) == 1
    assert len(official.messages("Archive")) == 2


def test_makes_and_lists_mailboxes(settings: Path, official: Official) -> None:
    press(
        settings,
        "<change-folder>?<toggle-mailboxes><create-mailbox>Dự_án<enter><exit><quit>",
    )
    with official.imap() as client:
        listed = b"\n".join(line for line in client.list()[1] if isinstance(line, bytes))
    assert b'"D&HvE-_&AOE-n"' in listed


def test_replies(settings: Path, official: Official, colleague: Official, letter: Letter, tmp_path: Path) -> None:
    official.append(letter(colleague.address, official.address, "xin y kien", "Ý anh thế nào?\n"))
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "Dong y.\\n" >> "$1"\n', encoding="utf-8")
    editor.chmod(0o755)
    with settings.open("a", encoding="utf-8") as more:
        more.write(f'set editor = "{editor}"\nset edit_headers = no\nset autoedit = yes\n')
        more.write("set fast_reply = yes\nset include = yes\n")
    press(settings, "<first-entry><reply><send-message><sync-mailbox><quit>")
    got = colleague.wait_for_mail("In-Reply-To: <interop-")
    assert b"Dong y." in got
    with official.imap() as client:
        client.select(readonly=True)
        assert client.search(None, "ANSWERED")[1] == [b"1"]
    (copy,) = official.messages("Sent")
    assert b"Dong y." in copy
