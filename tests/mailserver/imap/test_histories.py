"""Three sessions on one mailbox, at random and one after the other: each client's picture stays true.

The model is what RFC 9051 lets a client believe: a list of UIDs that EXISTS and EXPUNGE change, and flags that FETCH
tells.  After all has been told, every picture must equal the store, and the store its own counters.
"""

from __future__ import annotations

import random
import re

import pytest
from sqlalchemy import delete, insert

from directory import tables
from mailserver.store import mailboxes, marking, readers, reading
from mailserver.store.flags import flag_names
from mailserver.store.unscanned import FEWEST
from tests.mailserver.imap.talk import Direct

_EXISTS = re.compile(r"\* (\d+) EXISTS")
_EXPUNGE = re.compile(r"\* (\d+) EXPUNGE")
_FETCH = re.compile(r"\* (\d+) FETCH \((.*)")
KEYWORDS = ("\\Seen", "\\Flagged", "\\Answered", "$One", "two")


class Picture:
    """What one client believes."""

    def __init__(self, services, chance, condstore, login="an@city.vn", mailbox="INBOX"):
        self.client = Direct(services).log_in(login)
        self.mailbox = mailbox
        self.chance = chance
        self.uids = []  # None for a message whose UID was not asked for yet
        self.flags = {}
        if condstore:
            self.client.ok("ENABLE CONDSTORE")
        self.condstore = condstore
        self.read(self.client.ok(f"SELECT {mailbox}"), may_expunge=True)

    def read(self, lines, *, may_expunge):
        for line in lines:
            if match := _EXISTS.fullmatch(line):
                count = int(match[1])
                assert count >= len(self.uids), "EXISTS never shrinks the mailbox"
                self.uids += [None] * (count - len(self.uids))
            elif match := _EXPUNGE.fullmatch(line):
                assert may_expunge, line
                number = int(match[1])
                assert 1 <= number <= len(self.uids)
                self.flags.pop(self.uids.pop(number - 1), None)
            elif match := _FETCH.fullmatch(line):
                self.fetched(int(match[1]), match[2])

    def fetched(self, number, data):
        assert 1 <= number <= len(self.uids), data
        if uid := re.search(r"\bUID (\d+)", data):
            known = self.uids[number - 1]
            assert known in (None, int(uid[1])), "a number never changes its message"
            self.uids[number - 1] = int(uid[1])
            known_uids = [each for each in self.uids if each is not None]
            assert known_uids == sorted(set(known_uids))
        uid = self.uids[number - 1]
        if (flags := re.search(r"FLAGS \(([^)]*)\)", data)) and uid is not None:
            self.flags[uid] = frozenset(flags[1].split()) - {"\\Recent"}
        if self.condstore and "FLAGS" in data and "BODY" not in data and "UID" in data:
            assert "MODSEQ (" in data, data

    def ask(self, command, *, may_expunge=True):
        lines = self.client.ask(command)
        assert not any("SERVERBUG" in line or "BYE" in line for line in lines), lines
        self.read(lines[:-1], may_expunge=may_expunge)
        return lines

    def number(self):
        return self.chance.randint(1, len(self.uids))

    def act(self):
        chance = self.chance
        choice = chance.randrange(13)
        if choice == 0:
            self.client.buffer = b""
            count = chance.choice((1, 1, 1, FEWEST))  # so many are not scanned before somebody asks
            items = b" (\\Seen) {6+}\r\na: b\r\n" * count
            lines = self.client.send(b"t APPEND %b%b\r\n" % (self.mailbox.encode(), items))
            lines = lines.decode().split("\r\n")
            self.read(lines, may_expunge=True)
        elif choice == 1:
            self.ask("NOOP")
        elif choice == 2:
            self.idle()
        elif not self.uids:
            self.ask("CHECK")
        elif choice in (3, 4):
            flag, sign = chance.choice(KEYWORDS), chance.choice(("", "+", "-"))
            silent = chance.choice(("", ".SILENT"))
            first, last = self.number(), self.number()
            self.ask(f"STORE {first}:{last} {sign}FLAGS{silent} ({flag})", may_expunge=False)
            if silent:
                # A client that says .SILENT reckons the flags itself; ours rather asks.
                self.ask(f"FETCH {first}:{last} (UID FLAGS)", may_expunge=False)
        elif choice == 5:
            self.ask(f"STORE {self.number()} +FLAGS (\\Deleted)", may_expunge=False)
            self.ask("EXPUNGE")
        elif choice == 6:
            self.ask(f"UID FETCH {chance.randint(1, 30)}:* (FLAGS)")
        elif choice == 7:
            self.ask(f"FETCH {self.number()}:{self.number()} (UID FLAGS)", may_expunge=False)
        elif choice == 8:
            order = chance.choice(
                (
                    *("SEARCH UNSEEN", "SORT (REVERSE SIZE) UTF-8 ALL", "SORT (DATE) UTF-8 UNSEEN"),
                    *("THREAD REFS UTF-8 ALL", "SORT (RELEVANCY) UTF-8 FUZZY TEXT x"),
                )
            )
            lines = self.ask(order, may_expunge=False)
            found = next(line for line in lines if line.startswith(f"* {order.split()[0]}"))
            numbers = re.findall(r"\d+", found)
            assert all(1 <= int(number) <= len(self.uids) for number in numbers)
            assert len(set(numbers)) == len(numbers)
            self.ask("ESEARCH IN (personal) FLAGGED")
        elif choice == 9:
            self.ask(f"MOVE {self.number()} {chance.choice(('Trash', self.mailbox))}")
        elif choice == 10:
            self.ask(f"COPY {self.number()} {self.mailbox}")
        elif choice == 11:
            self.client.session.selected.rest()  # as the shell does with one who is silent
        else:
            self.ask(f"FETCH {self.number()} (BODY[TEXT])", may_expunge=False)

    def idle(self):
        lines = self.client.send(b"t IDLE\r\n").decode().split("\r\n")
        self.read(lines, may_expunge=True)
        self.client.buffer = b""
        self.client.poll()
        news, self.client.buffer = self.client.buffer, b""
        self.read(news.decode().split("\r\n"), may_expunge=True)
        assert self.client.send(b"DONE\r\n").startswith(b"t OK")


@pytest.fixture(autouse=True)
def ranges_of_few(monkeypatch):
    """Mailboxes are small here, and both ways to note changed flags are to be taken."""
    monkeypatch.setattr(marking, "MANY", 2)


@pytest.mark.parametrize("seed", range(12))
def test_pictures_stay_true(services, seed):
    chance = random.Random(seed)
    first = Direct(services).log_in()
    for _ in range(6):
        first.append(b"Subject: x\r\n\r\ny\r\n")
    first.close()
    pictures = [Picture(services, chance, condstore=number == 2) for number in range(3)]
    for _ in range(120):
        chance.choice(pictures).act()
        assert services.store.check_consistency() == [] or pytest.fail("the store is inconsistent")
    with services.store.read() as connection:
        inbox = mailboxes.find_mailbox(connection, "an", "INBOX")
        rows = reading.placements(connection, inbox.id)
        truth = {row.uid: frozenset(flag_names(row.flags, inbox.keywords)) for row in rows}
    for picture in pictures:
        picture.ask("NOOP")
        picture.ask("UID FETCH 1:* (UID)")
        assert picture.uids == sorted(truth)
        told = dict(picture.flags)
        picture.ask("UID FETCH 1:* (FLAGS)")
        assert picture.flags == truth
        # What had been told before was true already.
        assert {uid: told[uid] for uid in told if uid in truth} == {uid: truth[uid] for uid in told if uid in truth}
        picture.client.close()


@pytest.mark.parametrize("seed", range(4))
def test_pictures_of_colleagues_stay_true(services, office, seed):
    r"""The same in a unit's mailbox, in which every official has his own \\Seen; one of them listens by NOTIFY."""
    chance = random.Random(seed)
    inbox = services.store.maildrop("vanthu")
    with office.directory.write() as conn:
        conn.execute(delete(tables.mailbox_right))
        for name in ("an", "binh", "dung"):
            conn.execute(
                insert(tables.mailbox_right),
                {"mailbox_id": "vanthu", "account_id": name, "may_read": True, "may_send": False},
            )
    mailbox = '"Shared/vanthu/INBOX"'
    pictures = []
    for name in ("an", "binh", "dung"):
        pictures.append(Picture(services, chance, name == "binh", f"{name}@city.vn", mailbox))
        clerk = Direct(services).log_in(f"{name}@city.vn")
        for _ in range(2):
            clerk.append(b"Subject: x\r\n\r\ny\r\n", mailbox)
        clerk.close()
        if name == "an":
            services.store.write(lambda tx: readers.make_private(tx, inbox.id)).result()
    pictures[2].ask("NOTIFY SET (selected (MessageNew MessageExpunge FlagChange)) (personal (MailboxName))")
    for _ in range(100):
        chance.choice(pictures).act()
        assert services.store.check_consistency() == [] or pytest.fail("the store is inconsistent")
    with services.store.read() as connection:
        keywords = mailboxes.get_mailbox(connection, inbox.id).keywords
    for name, picture in zip(("an", "binh", "dung"), pictures, strict=True):
        with services.store.read() as connection:
            rows = reading.placements(connection, readers.key_of(connection, inbox.id, name))
        truth = {row.uid: frozenset(flag_names(row.flags, keywords)) for row in rows}
        picture.ask("NOOP")
        picture.ask("UID FETCH 1:* (UID)")
        assert picture.uids == sorted(truth)
        told = dict(picture.flags)
        picture.ask("UID FETCH 1:* (FLAGS)")
        assert picture.flags == truth
        assert {uid: told[uid] for uid in told if uid in truth} == {uid: truth[uid] for uid in told if uid in truth}
        unseen = sum("\\Seen" not in flags for flags in truth.values())
        assert f"(UNSEEN {unseen})" in picture.ask(f"STATUS {mailbox} (UNSEEN)")[0]
        picture.client.close()
