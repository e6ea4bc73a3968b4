"""SORT and THREAD as Debian's Dovecot answers them on the same messages.

Dovecot's ``imap`` runs on its own, on pipes, over a Maildir of its own: no daemon, no port.  Where the two are known to
differ, the RFC decides, and the test says so.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.mailserver.imap.talk import Direct, make_services
from tests.mailserver.mailroom_fixtures import city_template, clock, make_office  # noqa: F401

CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
mail_location = maildir:{folder}/mail
ssl = no
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = {uid}
first_valid_gid = {gid}
stats_writer_socket_path =
"""


class Dovecot:
    def __init__(self, folder):
        user = pwd.getpwnam("mail") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        config = folder / "dovecot.conf"
        config.write_text(CONFIGURATION.format(folder=folder, uid=user.pw_uid, gid=user.pw_gid))
        for name in ("run", "state", "mail", ""):
            (folder / name).mkdir(exist_ok=True)
            os.chown(folder / name, user.pw_uid, user.pw_gid)
        self._process = subprocess.Popen(
            ["doveadm", "-c", str(config), "exec", "imap"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "USER": user.pw_name, "HOME": str(folder)},
        )
        assert self._process.stdout.readline().startswith(b"* PREAUTH")

    def ok(self, command):
        octets = command if isinstance(command, bytes) else command.encode()
        self._process.stdin.write(b"t " + octets + b"\r\n")
        self._process.stdin.flush()
        lines = []
        while True:
            line = self._process.stdout.readline().rstrip(b"\r\n").decode()
            assert line, "Dovecot has gone"
            lines.append(line)
            if line.startswith("t "):
                assert line.startswith("t OK"), lines
                return lines

    def close(self):
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@pytest.fixture
def both(make_office):  # noqa: F811
    if shutil.which("doveadm") is None:
        pytest.skip("Dovecot is not installed")
    # Not below pytest's folders: as root it gives up root, and must still get there.
    with tempfile.TemporaryDirectory(prefix="dovecot-", ignore_cleanup_errors=True) as folder:
        dovecot = Dovecot(Path(folder))
        ours = Direct(make_services(make_office())).log_in()
        yield ours, dovecot
        ours.close()
        dovecot.close()


SUBJECTS = [
    "Họp giao ban", "Re: HỌP GIAO BAN", "hop giao ban", "Fwd: [ubnd] Kế hoạch", "[UBND] kế hoạch (fwd)", "đường",
    "Duong", "Re: Đường", "", "Re:", "[x] Re: [y] a", "[fwd: a]", "Zebra", "zebra 2", "A",
]  # fmt: skip
NAMES = ["Đỗ An", "an", "Án", "Bình", "binh", "CƯỜNG", "Êm", "zoe"]


def words(text):
    return "=?utf-8?q?" + "".join(f"={octet:02X}" for octet in text.encode()) + "?=" if not text.isascii() else text


def message(chance, number, ids):
    """With references to others, to what is not there, in odd orders, and to itself."""
    own = chance.choice([*ids, f"<{number}@x>", f"<{number}@x>", ""])
    fields = [f"Message-ID: {own}"] if own else []
    known = [f"<{other}@x>" for other in range(max(1, number - 12), number + 2)] + ["<gone@x>", "<lost@x>"]
    if chance.random() < 0.6:
        fields.append("References: " + " ".join(chance.choices(known, k=chance.randint(1, 4))))
    if chance.random() < 0.4:
        fields.append(f"In-Reply-To: {chance.choice(known)}")
    if chance.random() < 0.95:
        fields.append(f"Subject: {words(chance.choice(SUBJECTS))}")
    name = chance.choice(NAMES)
    fields.append(f"From: {words(name)} <{chance.choice('abcXYZ')}{number % 7}@city.vn>")
    fields.append(f"To: {words(chance.choice(NAMES))} <{chance.choice('abc')}@x>, other@y")
    if chance.random() < 0.5:
        fields.append(f"Cc: {chance.choice('abc')}@x")
    hour = chance.randint(0, 23)
    fields.append(
        f"Date: {chance.randint(1, 28)} Mar 2026 {hour:02}:00:00 {chance.choice(('+0000', '+0700', '-0500'))}"
    )
    return ("\r\n".join(fields) + "\r\n\r\n" + "x" * chance.randint(0, 50) + "\r\n").encode()


CRITERIA = [
    "ARRIVAL", "REVERSE ARRIVAL", "DATE", "REVERSE DATE", "SUBJECT", "REVERSE SUBJECT DATE", "FROM", "TO REVERSE SIZE",
    "CC SUBJECT", "SIZE", "DISPLAYFROM", "REVERSE DISPLAYTO ARRIVAL",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_the_same_order_and_the_same_trees(both, seed):
    chance = random.Random(seed)
    for number in range(1, 81):
        octets = message(chance, number, ["<1@x>", f"<{number - 1}@x>"])
        date = f'"{chance.randint(1, 28):02}-Mar-2026 {chance.randint(0, 23):02}:00:00 +0000"'
        line = f"APPEND INBOX {date} {{{len(octets)}+}}\r\n".encode() + octets
        for each in both:
            each.ok(line)
    for each in both:
        each.ok("SELECT INBOX")
    for criteria in CRITERIA:
        for search in ("ALL", "12:60", 'SUBJECT "a"'):
            told = [each.ok(f"UID SORT ({criteria}) UTF-8 {search}")[-2] for each in both]
            assert told[0] == told[1], criteria
    for algorithm in ("ORDEREDSUBJECT", "REFERENCES"):
        for search in ("ALL", "1:50", "30:*"):
            told = [each.ok(f"UID THREAD {algorithm} UTF-8 {search}")[-2] for each in both]
            assert told[0] == told[1], (algorithm, search)


@pytest.mark.parametrize("seed", range(1))
def test_the_same_trees_without_subjects(both, seed):
    """THREAD=REFS.  Dovecot orders siblings by the internal date, the draft by the sent date: here they are one."""
    chance = random.Random(seed)
    moments = chance.sample(range(28 * 24), 80)
    for number, moment in enumerate(moments, 1):
        day, hour = f"{moment // 24 + 1:02}", f"{moment % 24:02}:00:00 +0000"
        lines = message(chance, number, ["<1@x>"]).split(b"\r\n")
        lines = [f"Date: {day} Mar 2026 {hour}".encode() if line.startswith(b"Date:") else line for line in lines]
        octets = b"\r\n".join(lines)
        line = f'APPEND INBOX "{day}-Mar-2026 {hour}" {{{len(octets)}+}}\r\n'.encode() + octets
        for each in both:
            each.ok(line)
    for each in both:
        each.ok("SELECT INBOX")
    for search in ("ALL", "1:40", "20:*"):
        told = [each.ok(f"UID THREAD REFS UTF-8 {search}")[-2] for each in both]
        assert told[0] == told[1], search


def test_the_same_results(both):
    """ESEARCH and ESORT, by what both offer."""
    chance = random.Random(0)
    for number in range(1, 31):
        octets = message(chance, number, [])
        flags = chance.choice(("()", "(\\Seen)", "(\\Flagged \\Seen)"))
        line = f'APPEND INBOX {flags} "{number:02}-Mar-2026 00:00:00 +0000" {{{len(octets)}+}}\r\n'.encode() + octets
        for each in both:
            each.ok(line)
    for each in both:
        each.ok("SELECT INBOX")
    for command in (
        "SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN",
        "UID SEARCH RETURN () FLAGGED",
        "UID SEARCH RETURN (COUNT) DRAFT",
        "SEARCH RETURN (MIN) DRAFT",
        "UID SORT RETURN (ALL COUNT) (SUBJECT) UTF-8 SEEN",
        "SORT RETURN (MIN MAX) (REVERSE DATE) UTF-8 ALL",
        "UID SEARCH RETURN (PARTIAL 2:5) SEEN",
        "UID SEARCH RETURN (PARTIAL 500:600) SEEN",
        "UID SEARCH RETURN (UPDATE COUNT) UNSEEN",
        "SEARCH OLDER 1 YOUNGER 4000000000",
        "SEARCH SAVEDBEFORE 1-Jan-2026",
        "SEARCH 20:90",
    ):
        ours_told, dovecots = (sorted(each.ok(command)[-2].split()) for each in both)
        assert ours_told == dovecots, command
