"""Somebody else's IMAP server, small and with the habits of old ones; and what tests ask a store about an import."""

from __future__ import annotations

import re
import socketserver
import threading
from dataclasses import dataclass, field

import pytest

from mailserver.store import mailboxes, messages, reading
from mailserver.store.flags import flag_names
from mailserver.store.unscanned import of_account


@dataclass
class ForeignFolder:
    name: bytes  # as it goes over the wire, modified UTF-7
    attributes: str = "\\HasNoChildren"
    uid_validity: int = 7
    mail: dict = field(default_factory=dict)  # uid: (flags, internal date, octets)
    subscribed: bool = True
    closed: bool = False  # EXAMINE is refused


class ForeignServer(socketserver.ThreadingTCPServer):
    """``drop_after`` bodies the connection breaks, each time anew; ``broken`` UIDs cannot be fetched."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, folders, *, delimiter=".", prefix="", literal_names=False):
        super().__init__(("127.0.0.1", 0), _Session)
        self.folders = {folder.name: folder for folder in folders}
        self.delimiter, self.prefix, self.literal_names = delimiter, prefix, literal_names
        self.password = 'bí "mật" \\'
        self.drop_after = None
        self.broken = set()
        self.log = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


class _Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        self.folder = None
        self.sent = 0
        self.say(b"* OK ready")
        try:
            while line := self.rfile.readline():
                tag, command = line.rstrip(b"\r\n").split(b" ", 1)
                self.server.log.append(command)
                answer = self.answer(command)
                self.say(tag + b" " + answer)
                if command == b"LOGOUT":
                    return
        except ConnectionError:
            return

    def say(self, line):
        self.wfile.write(line + b"\r\n")

    def answer(self, command):
        server = self.server
        verb = command.split(b" ")[0].upper()
        if verb == b"CAPABILITY":
            self.say(b"* CAPABILITY IMAP4rev1 NAMESPACE")
        elif verb == b"LOGIN":
            wanted = (
                b'LOGIN "lan@example.vn" "' + server.password.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
            )
            if command != wanted:
                return b"NO wrong password"
        elif verb == b"NAMESPACE":
            self.say(f'* NAMESPACE (("{server.prefix}" "{server.delimiter}")) NIL NIL'.encode())
        elif verb in (b"LIST", b"LSUB"):
            for folder in server.folders.values():
                if verb == b"LIST" or folder.subscribed:
                    head = f'* {verb.decode()} ({folder.attributes}) "{server.delimiter}" '.encode()
                    if server.literal_names:
                        self.say(head + b"{%d}\r\n%b" % (len(folder.name), folder.name))
                    else:
                        self.say(head + b'"' + folder.name + b'"')
        elif verb == b"STATUS":
            folder = self.named(command)
            self.say(b'* STATUS "%b" (MESSAGES %d)' % (folder.name, len(folder.mail)))
        elif verb == b"EXAMINE":
            self.folder = self.named(command)
            if self.folder.closed:
                return b"NO not for you"
            self.say(b"* %d EXISTS" % len(self.folder.mail))
            self.say(b"* OK [UIDVALIDITY %d] good" % self.folder.uid_validity)
            return b"OK [READ-ONLY] done"
        elif command == b"UID SEARCH ALL":
            self.say(b"* SEARCH " + b" ".join(b"%d" % uid for uid in self.folder.mail))
        elif command.startswith(b"UID FETCH "):
            return self.fetch(command)
        elif verb == b"LOGOUT":
            self.say(b"* BYE")
        else:
            return b"BAD what?"
        return b"OK 12345 done"

    def named(self, command):
        return self.server.folders[re.search(rb'"([^"]*)"', command)[1]]

    def fetch(self, command):
        wanted = set()
        for part in command.split(b" ")[2].split(b","):
            first, _, last = part.partition(b":")
            wanted.update(range(int(first), int(last or first) + 1))
        uids = list(self.folder.mail)
        for uid in sorted(wanted & set(uids)):
            flags, date, octets = self.folder.mail[uid]
            number = uids.index(uid) + 1
            if b"BODY.PEEK[]" not in command:
                about = f'UID {uid} FLAGS ({flags}) INTERNALDATE "{date}" RFC822.SIZE {len(octets)}'
                self.say(f"* {number} FETCH ({about})".encode())
                continue
            if uid in self.server.broken:
                return b"NO the disk is old"
            if self.server.drop_after is not None and self.sent == self.server.drop_after:
                self.connection.close()
                raise ConnectionError
            self.sent += 1
            self.say(b"* %d FETCH (UID %d BODY[] {%d}\r\n%b)" % (number, uid, len(octets), octets))
        return b"OK fetched"


@pytest.fixture
def foreign_server():
    servers = []

    def start(folders, **options):
        server = ForeignServer(folders, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def letter(number, text="Nội dung"):
    return (
        f"From: an@example.vn\r\nSubject: Thư {number}\r\nMessage-ID: <{number}@example.vn>\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text} {number}\r\n"
    ).encode()


@pytest.fixture
def make_letter():
    return letter


class Held:
    """What an account's mailboxes hold."""

    def __init__(self, store, account):
        self.store, self.account = store, account

    def names(self):
        with self.store.read() as connection:
            return [mailbox.name for mailbox in mailboxes.list_mailboxes(connection, self.account)]

    def mail(self, name="INBOX"):
        """(subject, flags, internal date) of every message, oldest UID first."""
        with self.store.read_scanned(of_account(self.account)) as connection:
            mailbox = mailboxes.find_mailbox(connection, self.account, name)
            assert mailbox is not None, self.names()
            rows = reading.fetch(connection, mailbox.id, messages.EVERYTHING, ["subject", "flags", "internal_date"])
            return [(row[0], set(flag_names(row[1], mailbox.keywords)), row[2]) for row in rows]

    def subjects(self, name="INBOX"):
        return [subject for subject, _, _ in self.mail(name)]

    def octets(self, name="INBOX"):
        with self.store.read() as connection:
            mailbox = mailboxes.find_mailbox(connection, self.account, name)
            rows = list(reading.fetch(connection, mailbox.id, messages.EVERYTHING, ["message_id"]))
            return [self.store.octets(connection, row[0]) for row in rows]


@pytest.fixture
def held(store):
    return Held(store, "an")


@pytest.fixture
def foreign_folder():
    def make(name, numbers=(), **options):
        mail = {number: ("\\Seen $Label1", " 6-Jan-2025 08:30:00 +0700", letter(number)) for number in numbers}
        return ForeignFolder(name, mail=mail, **options)

    return make
