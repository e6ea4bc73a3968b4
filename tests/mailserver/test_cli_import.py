"""``citymail mailbox import`` as an administrator types it, beside a running server and from one."""

from __future__ import annotations

import csv
import imaplib
import json
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from mailserver.cli import main
from tests.live import LiveServer

FROM = b"From lan@example.vn Mon Jan  6 08:30:00 2025\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    live = LiveServer(tmp_path_factory.mktemp("live"), ["an", "binh", "cuong", "lan"])
    live.start()
    yield live
    live.kill()


@pytest.fixture
def citymail(server):
    def run(*arguments, **options):
        environment = {"CITYMAIL_CONFIG": str(server.config_path), "CITYMAIL_LANG": "en"}
        return CliRunner().invoke(main, ["mailbox", "import", *arguments], env=environment, **options)

    return run


@pytest.fixture
def login(server):
    connections = []

    def open_(name):
        connection = imaplib.IMAP4("127.0.0.1", server.ports["imap"])
        connections.append(connection)
        connection.login(server.address(name), server.password)
        return connection

    yield open_
    for connection in connections:
        connection.logout()


def subjects(connection, mailbox="INBOX"):
    assert connection.select(f'"{mailbox}"', readonly=True)[0] == "OK"
    _, found = connection.search(None, "ALL")
    numbers = found[0].split()
    if not numbers:
        return []
    _, answers = connection.fetch(b",".join(numbers).decode(), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return [answer[1].strip().removeprefix(b"Subject: ").decode() for answer in answers if isinstance(answer, tuple)]


def test_an_mbox_beside_the_running_server(citymail, server, login, tmp_path):
    path = tmp_path / "mail"
    path.write_bytes(FROM + b"Subject: one\nStatus: RO\n\nx\n\n" + FROM + b"\n" + FROM + b"Subject: two\n\nx\n")
    errors = tmp_path / "errors.csv"
    done = citymail(server.address("an"), str(path), "--errors", str(errors))
    assert done.exit_code == 5, done.output
    assert "2 messages brought" in done.output
    assert "the message is empty" in done.output
    rows = list(csv.reader(errors.read_text("utf-8-sig").splitlines()))
    assert rows[1][0] == "INBOX"
    an = login("an")
    assert subjects(an) == ["one", "two"]
    _, (answer,) = an.fetch("1", "(FLAGS INTERNALDATE)")
    assert b"\\Seen" in answer
    assert b'INTERNALDATE "06-Jan-2025 15:30:00 +0700"' in answer  # 08:30 UTC, as the city's clocks show it
    again = citymail(server.address("an"), str(path), "--json")
    assert json.loads(again.stdout)["known"] == 2


def test_from_another_server(citymail, server, login):
    lan = login("lan")
    lan.create('"D&HvE- &AOE-n/2024"')
    for mailbox, count in (("INBOX", 3), ("Sent", 2), ("D&HvE- &AOE-n/2024", 12)):
        for number in range(count):
            letter = f"Subject: {mailbox[:5]} {number}\r\n\r\nx\r\n".encode()
            lan.append(f'"{mailbox}"', "(\\Seen \\Flagged)", '"06-Jan-2025 08:30:00 +0700"', letter)
    place = f"imap://{quote(server.address('lan'), safe='')}:{quote(server.password)}@127.0.0.1:{server.ports['imap']}"
    done = citymail(server.address("binh"), place, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["brought"], report["known"], report["failures"]) == (17, 0, [])
    binh = login("binh")
    assert subjects(binh) == ["INBOX 0", "INBOX 1", "INBOX 2"]
    assert subjects(binh, "Sent") == ["Sent 0", "Sent 1"]
    assert len(subjects(binh, "D&HvE- &AOE-n/2024")) == 12
    _, (answer,) = binh.fetch("1", "(FLAGS INTERNALDATE)")
    assert b"\\Seen" in answer
    assert b"\\Flagged" in answer
    report = json.loads(citymail(server.address("binh"), place, "--json").stdout)
    assert (report["brought"], report["known"]) == (0, 17)


def test_under_tls_the_certificate_counts(citymail, server):
    place = f"imaps://{quote(server.address('lan'), safe='')}@localhost:{server.ports['imaps']}"
    done = citymail(server.address("cuong"), place, "--password-stdin", "--dry-run", input=f"{server.password}\n")
    assert done.exit_code == 75
    assert "certificate" in done.output.lower()
    options = ["--password-stdin", "--dry-run", "--any-certificate"]
    done = citymail(server.address("cuong"), place, *options, input=f"{server.password}\n")
    assert done.exit_code == 0, done.output
    assert "would be brought" in done.output


def test_a_wrong_password_says_so(citymail, server):
    place = f"imap://{quote(server.address('lan'), safe='')}@127.0.0.1:{server.ports['imap']}"
    done = citymail(server.address("cuong"), place, "--password-stdin", input="sai\n")
    assert done.exit_code == 75
    assert "refused the login" in done.output


def test_a_quota_is_kept_unless_told_otherwise(citymail, server, login, tmp_path):
    server.citymail("mailbox", "quota", server.address("cuong"), "1K")
    path = tmp_path / "mail"
    path.write_bytes(FROM + b"Subject: large\n\n" + b"x" * 2000 + b"\n")
    done = citymail(server.address("cuong"), str(path))
    assert done.exit_code == 75
    assert "Broken off: Mailbox is full" in done.output
    assert citymail(server.address("cuong"), str(path), "--ignore-quota").exit_code == 0
    assert subjects(login("cuong")) == ["large"]


def test_in_vietnamese(citymail, server, tmp_path):
    path = tmp_path / "mail"
    path.write_bytes(FROM + b"Subject: one\n\nx\n")
    done = citymail(server.address("lan"), str(path), "--lang", "vi", "--dry-run")
    assert "Sẽ chuyển 1 thư" in done.output


@pytest.mark.parametrize(
    "arguments, code",
    [
        (["nobody@example.vn", "/"], 3),
        (["{an}", "/no/such/file"], 2),
        (["{an}", "imaps://host-without-user"], 2),
        (["{an}", "imaps://user@host:port"], 2),
    ],
)
def test_what_cannot_be_done_is_said(citymail, server, arguments, code):
    done = citymail(*[argument.replace("{an}", server.address("an")) for argument in arguments])
    assert done.exit_code == code, done.output


def test_a_folder_without_mail_is_no_source(citymail, server, tmp_path):
    done = citymail(server.address("an"), str(tmp_path))
    assert done.exit_code == 75
    assert "holds no mbox file" in done.output


def test_the_store_is_whole_afterwards(server):
    assert "All is well" in server.citymail("check")
