"""Debian's Postfix as another city's mail server, in a folder of its own on a port of loopback.

It takes mail for ``bo.example`` into maildirs, hands mail for our city to us, offers STARTTLS and everything else
that it offers by default, and asks no DNS.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from security.authority import ensure_certificate
from tests.interop.programs import find
from tests.live import DOMAIN

BO = "bo.example"
PEOPLE = ("tan", "xuan", "nguyễn.văn")
_MAIN = """\
compatibility_level = 3.6
queue_directory = @STATE@/spool
data_directory = @STATE@/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = @STATE@/postfix.log
maillog_file_prefixes = @STATE@
myhostname = mail.bo.example
mydomain = bo.example
myorigin = bo.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
biff = no
virtual_mailbox_domains = bo.example
virtual_mailbox_base = @STATE@/mail
virtual_mailbox_maps = texthash:@STATE@/mailboxes
virtual_uid_maps = static:@UID@
virtual_gid_maps = static:@GID@
virtual_minimum_uid = 1
transport_maps = texthash:@STATE@/transports
default_transport = error:nothing leaves this machine
relay_domains = thanhpho.example
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_tls_cert_file = @CERTIFICATE@
smtpd_tls_key_file = @KEY@
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtp_tls_security_level = may
notify_classes =
"""
_MASTER = """\
127.0.0.1:@PORT@ inet n - n - - smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""


class Postfix:
    def __init__(self, folder: Path, our_port: int, port: int) -> None:
        self.folder = folder
        self.port = port
        owner = pwd.getpwnam("mail")
        files = ensure_certificate(folder / "tls", ["mail.bo.example"], datetime.now(UTC))
        values = {
            "STATE": str(folder),
            "PORT": str(self.port),
            "UID": str(owner.pw_uid),
            "GID": str(owner.pw_gid),
            "CERTIFICATE": str(files.certificate),
            "KEY": str(files.key),
        }
        for name in ("spool", "data", "mail", "etc"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix")
        os.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
        for name, template in (("main.cf", _MAIN), ("master.cf", _MASTER)):
            text = template
            for key, value in values.items():
                text = text.replace(f"@{key}@", value)
            (folder / "etc" / name).write_text(text)
        (folder / "mailboxes").write_text("".join(f"{name}@{BO} {name}/\n" for name in PEOPLE), encoding="utf-8")
        (folder / "transports").write_text(f"{DOMAIN} smtp:[127.0.0.1]:{our_port}\n{BO} virtual\n")

    def _run(self, *arguments: str) -> None:
        # Into a file: a daemon that was started keeps its end of a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            command = [find("postfix"), "-c", str(self.folder / "etc"), *arguments]
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, timeout=60, check=False)
            output.seek(0)
            assert done.returncode == 0, f"postfix {' '.join(arguments)}: {output.read()}\n{self.log()}"

    def start(self) -> None:
        self._run("start")
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
                if line.recv(100).startswith(b"220"):
                    return
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def stop(self) -> None:
        self._run("stop")

    def log(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / "postfix.log").read_text(encoding="utf-8", errors="replace")[-6000:]
        return ""

    def messages(self, name: str) -> list[bytes]:
        """What lies in somebody's maildir."""
        return [path.read_bytes() for path in sorted((self.folder / "mail" / name / "new").glob("*"))]

    def wait_for(self, name: str, words: str) -> bytes:
        deadline = time.monotonic() + 45
        while True:
            found = [octets for octets in self.messages(name) if words.encode() in octets]
            if found:
                assert len(found) == 1
                return found[0].replace(b"\n", b"\r\n")
            assert time.monotonic() < deadline, f"no message with {words!r}\n{self.log()}"
            time.sleep(0.05)


@contextlib.contextmanager
def running(our_port: int, port: int) -> Iterator[Postfix]:
    if os.geteuid() != 0:
        pytest.skip("Postfix starts as root, and this is not root")
    # Not below pytest's own folder, into which Postfix's users may not go.
    folder = Path(tempfile.mkdtemp(prefix="citymail-postfix-", dir="/var/tmp"))
    folder.chmod(0o755)
    postfix = Postfix(folder, our_port, port)
    try:
        postfix.start()
        try:
            yield postfix
        finally:
            postfix.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
