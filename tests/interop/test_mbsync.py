"""mbsync (isync): mailboxes kept alike in a Maildir, which is the strictest reader of UIDs, flags and UIDVALIDITY."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.conftest import Letter, Official
from tests.interop.programs import run
from tests.live import LiveServer


@dataclass
class Mirror:
    """A Maildir tree that mbsync keeps like the server's mailboxes."""

    folder: Path
    official: Official
    config: Path

    def sync(self) -> str:
        said = run("mbsync", "--config", self.config, "--all", "--verbose", home=self.folder)
        assert "Warning" not in said, said
        assert "Error" not in said, said
        return said

    def mailboxes(self) -> set[str]:
        root = self.folder / "mail"
        return {path.parent.relative_to(root).as_posix() for path in root.rglob("cur")}

    def files(self, mailbox: str = "INBOX") -> list[Path]:
        return [path for part in ("cur", "new") for path in sorted((self.folder / "mail" / mailbox / part).iterdir())]

    def flags(self, mailbox: str = "INBOX") -> list[str]:
        return sorted(path.name.rpartition(":2,")[2] if ":2," in path.name else "" for path in self.files(mailbox))

    def mark(self, path: Path, flags: str) -> None:
        """As a Maildir reader does it: the flags are in the name."""
        path.rename(path.parent.parent / "cur" / f"{path.name.partition(':2,')[0]}:2,{''.join(sorted(flags))}")

    def add(self, octets: bytes, name: str, flags: str = "", mailbox: str = "INBOX") -> None:
        (self.folder / "mail" / mailbox / "cur" / f"{name}:2,{flags}").write_bytes(octets.replace(b"\r\n", b"\n"))


@pytest.fixture(params=["imap", "imaps"])
def mirror(request: pytest.FixtureRequest, server: LiveServer, official: Official, tmp_path: Path) -> Mirror:
    config = tmp_path / "mbsyncrc"
    (tmp_path / "mail").mkdir()
    config.write_text(
        f"""\
IMAPAccount thanhpho
Host localhost
Port {server.ports[request.param]}
User {official.address}
Pass {official.password}
SSLType {"IMAPS" if request.param == "imaps" else "STARTTLS"}
SystemCertificates no
CertificateFile {server.ca_file}
Timeout 20

IMAPStore server
Account thanhpho

MaildirStore here
Path {tmp_path}/mail/
Inbox {tmp_path}/mail/INBOX
SubFolders Verbatim

Channel all
Far :server:
Near :here:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
Sync All
""",
        encoding="utf-8",
    )
    return Mirror(tmp_path, official, config)


def count(official: Official, *criteria: str) -> int:
    with official.imap() as client:
        client.select(readonly=True)
        return len(client.search(None, *criteria)[1][0].split())


def test_mail_flags_and_removal_go_both_ways(mirror: Mirror, official: Official, letter: Letter) -> None:
    for number in range(6):
        octets = letter("khach@ngoai.example", official.address, f"Thư số {number}")
        official.append(octets, flags=r"\Seen" if number < 2 else "")
    mirror.sync()
    assert mirror.mailboxes() >= {"INBOX", "Sent", "Drafts", "Trash", "Junk", "Archive"}
    assert mirror.flags() == ["", "", "", "", "S", "S"]

    # Flags set here and there.
    unread = next(path for path in mirror.files() if "S" not in path.name.rpartition(":2,")[2])
    mirror.mark(unread, "FRS")
    with official.imap() as client:
        client.select()
        client.store("1", "+FLAGS", r"(\Answered \Flagged)")
    mirror.sync()
    assert mirror.flags() == ["", "", "", "FRS", "FRS", "S"]
    assert count(official, "SEEN", "FLAGGED", "ANSWERED") == 2

    # New here, new there, removed here, removed there.
    mirror.add(letter(official.address, "khach@ngoai.example", "written-here"), "1772413200.M1P1.nha", "S")
    official.append(letter("khach@ngoai.example", official.address, "written-there"))
    removed_here = next(path for path in mirror.files() if "FRS" in path.name)
    mirror.mark(removed_here, "FRST")
    with official.imap() as client:
        client.select()
        client.store("6", "+FLAGS", r"(\Deleted)")
        client.expunge()
    mirror.sync()
    assert len(mirror.files()) == len(official.messages()) == 6
    assert mirror.flags() == ["", "", "", "FRS", "S", "S"]
    assert b"written-here" in b"".join(official.messages())
    assert b"written-there" in b"".join(path.read_bytes() for path in mirror.files())


def test_mailboxes_with_vietnamese_names_are_made_on_both_sides(
    mirror: Mirror, official: Official, letter: Letter
) -> None:
    with official.imap() as client:
        for name in ('"D&HvE- &AOE-n"', '"D&HvE- &AOE-n/Qu&AP0- 1"'):
            assert client.create(name)[0] == "OK"
    official.append(letter("khach@ngoai.example", official.address, "in a folder"), "D&HvE- &AOE-n/Qu&AP0- 1")
    mirror.sync()
    there = next(name for name in mirror.mailboxes() if name.endswith(" 1"))
    assert len(mirror.files(there)) == 1
    # And one that is made here, written as this mbsync writes the other.
    new = there.replace(" 1", " 2")
    for part in ("cur", "new", "tmp"):
        (mirror.folder / "mail" / new / part).mkdir(parents=True)
    mirror.add(letter(official.address, "khach@ngoai.example", "made here"), "1772413201.M1P1.nha", "S", new)
    mirror.sync()
    with official.imap() as client:
        listed = b"\n".join(line for line in client.list('""', '"D&HvE- &AOE-n/*"')[1] if isinstance(line, bytes))
        assert listed.count(b'"D&HvE- &AOE-n/Qu&AP0- ') == 2
    assert len(official.messages("D&HvE- &AOE-n/Qu&AP0- 2")) == 1


def test_a_second_run_has_nothing_to_do(mirror: Mirror, official: Official, letter: Letter) -> None:
    """UIDVALIDITY and UIDs stay: nothing is fetched or sent again."""
    for number in range(20):
        official.append(letter("khach@ngoai.example", official.address, f"Thư {number}"))
    mirror.sync()
    before = {path.name: path.stat().st_mtime_ns for path in mirror.files()}
    state = {path: path.read_bytes() for path in (mirror.folder / "mail").rglob(".mbsyncstate")}
    assert state
    for _ in range(2):
        mirror.sync()
    assert {path.name: path.stat().st_mtime_ns for path in mirror.files()} == before
    assert {path: path.read_bytes() for path in (mirror.folder / "mail").rglob(".mbsyncstate")} == state
    assert len(official.messages()) == 20


def test_a_large_mailbox_is_fetched_whole(mirror: Mirror, official: Official, letter: Letter) -> None:
    sent = [letter("khach@ngoai.example", official.address, f"Thư {number}", "x" * number) for number in range(300)]
    with official.imap() as client:
        for octets in sent:
            client.append("INBOX", "", "", octets)
    mirror.sync()
    # It adds a field of its own to find a message again after a crash.
    got = [re.sub(rb"X-TUID: \S+\n", b"", path.read_bytes()).replace(b"\n", b"\r\n") for path in mirror.files()]
    assert sorted(got) == sorted(sent)
