"""Three clients of different kinds on one mailbox, in any history: what each believes of it is true in the end.

Each client keeps a picture as its RFCs let it: by numbers and EXPUNGE (RFC 9051), with MODSEQ (RFC 7162 §3.1), by
VANISHED with a cache that outlives the connection (§3.2, §6), or by UID alone (RFC 9586).  One that knows QRESYNC may
break off at any moment, and knows everything again after one SELECT and a FETCH of what is new.
"""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailserver.store import mailboxes, reading
from mailserver.store.flags import flag_names
from tests.mailserver.imap.talk import Direct

_NUMBERED = re.compile(r"\* (\d+) (EXISTS|EXPUNGE|FETCH|UIDFETCH)(?: \((.*))?")
_VANISHED = re.compile(r"\* VANISHED (\(EARLIER\) )?([\d:,]+)")
_HIGHEST = re.compile(r"\[HIGHESTMODSEQ (\d+)\]")
_FLAGS = ("\\Seen", "\\Flagged", "$One")
_names = itertools.count(1)


def uids_of(text):
    for piece in text.split(","):
        first, _, last = piece.partition(":")
        yield from range(int(first), int(last or first) + 1)


class Client:
    """``uids``: what stands at each number, None where it was not told; for UIDONLY only how many there are counts."""

    enables = ""
    by_number = True

    def __init__(self, services, mailbox):
        self.services, self.mailbox = services, mailbox
        self.uids, self.flags = [], {}
        self.highest = self.validity = 0
        self.connect("")

    def connect(self, parameters):
        self.client = Direct(self.services).log_in()
        if self.enables:
            self.client.ok(f"ENABLE {self.enables}")
        self.ask(f"SELECT {self.mailbox}{parameters}")

    # Hearing

    def ask(self, command, *, may_expunge=True):
        # One number for all that comes before the tagged answer: RFC 7162 §6.
        seen, told = 0, None
        lines = self.client.ask(command)
        for line in lines:
            assert "SERVERBUG" not in line, (command, lines)
            assert "BAD" not in line.split()[:2], (command, lines)
            self.hear(line, may_expunge=may_expunge)
            seen = max([seen, *map(int, re.findall(r"MODSEQ \((\d+)\)", line))])
            if match := re.search(r"\[UIDVALIDITY (\d+)\]", line):
                self.validity = int(match[1])
            if match := _HIGHEST.search(line):
                told = int(match[1])
        self.highest = told if told is not None else max(self.highest, seen)
        return lines

    def hear(self, line, *, may_expunge):
        if match := _NUMBERED.match(line):
            self.numbered(int(match[1]), match[2], match[3] or "", may_expunge)
        elif match := _VANISHED.fullmatch(line):
            assert "QRESYNC" in self.enables or "UIDONLY" in self.enables
            assert match[1] or may_expunge, line
            for uid in uids_of(match[2]):
                self.vanished(uid, earlier=bool(match[1]))

    def numbered(self, number, what, data, may_expunge):
        if what == "EXISTS":
            assert number >= len(self.uids), "EXISTS never shrinks the mailbox"
            self.uids += [None] * (number - len(self.uids))
        elif what == "EXPUNGE":
            assert may_expunge
            assert not self.enables or self.enables == "CONDSTORE"
            self.flags.pop(self.uids.pop(number - 1), None)
        elif what == "UIDFETCH":
            assert "UIDONLY" in self.enables
            self.fetched(number, data)
        else:
            assert "UIDONLY" not in self.enables
            uid = self.uids[number - 1]
            if match := re.search(r"\bUID (\d+)", data):
                assert uid in (None, int(match[1])), "a number never changes its message"
                uid = self.uids[number - 1] = int(match[1])
                known = [each for each in self.uids if each is not None]
                assert known == sorted(set(known))
            elif "CONDSTORE" in self.enables or "QRESYNC" in self.enables:
                assert "FLAGS" not in data or "MODSEQ" in data
            if uid is not None:
                self.fetched(uid, data)

    def fetched(self, uid, data):
        if match := re.search(r"FLAGS \(([^)]*)\)", data):
            # \Recent is of the session, not of the message (RFC 3501 §2.3.2).
            self.flags[uid] = frozenset(match[1].split()) - {"\\Recent"}

    def vanished(self, uid, *, earlier):
        if earlier:
            # It takes nothing off the numbers: after SELECT they count without it.
            assert uid not in self.uids
        elif uid in self.uids:
            self.uids.remove(uid)
        else:
            # One that this client was told of by EXISTS, and never asked for.
            place = max(place for place, each in enumerate(self.uids) if each is None)
            del self.uids[place]
        self.flags.pop(uid, None)

    # Doing

    def learn(self):
        """Ask for what is new, until nothing is."""
        while None in self.uids or len(self.flags) != len(self.uids):
            self.ask(f"UID FETCH {self.first_unknown()}:* (FLAGS)")

    def first_unknown(self):
        return 1 + max((uid for uid in self.uids[: self.uids.index(None)]), default=0) if None in self.uids else 1

    def word(self, place):
        """A message by number or UID, and the command's lead."""
        return "", str(1 + place % len(self.uids))

    def act(self, action, place, other):
        if action == "append":
            self.ask(b"APPEND %b (\\Seen) {6+}\r\na: b\r\n" % self.mailbox.encode())
        elif action == "break":
            self.break_off()
        elif action == "noop":
            self.ask("NOOP")
        elif action == "new":
            self.learn()
        elif self.uids and all(self.uids):
            lead, word = self.word(place)
            flag = _FLAGS[other % len(_FLAGS)]
            no_expunge = {"may_expunge": bool(lead)}
            if action == "store":
                self.ask(f"{lead}STORE {word} {'+-'[other % 2]}FLAGS ({flag})", **no_expunge)
            elif action == "silent":
                self.ask(f"{lead}STORE {word} {'+-'[other % 2]}FLAGS.SILENT ({flag})", **no_expunge)
                self.ask(f"{lead}FETCH {word} (UID FLAGS)", **no_expunge)
            elif action == "fetch":
                self.ask(f"{lead}FETCH {word} (FLAGS BODY[TEXT])", **no_expunge)
            elif action == "expunge":
                self.ask(f"{lead}STORE {word} +FLAGS (\\Deleted)", **no_expunge)
                self.ask("EXPUNGE")
            elif action == "move":
                self.ask(f"{lead}MOVE {word} {('Trash', self.mailbox)[other % 2]}")
            elif action == "replace":
                self.ask(f"{lead}REPLACE {word} {self.mailbox} {{6+}}\r\na: c\r\n".encode())
            elif action == "search":
                self.ask(f"{lead}SEARCH UNSEEN", **no_expunge)
            elif action == "idle":
                self.idle()

    def idle(self):
        self.client.say(b"t IDLE\r\n")
        self.client.poll()
        self.client.say(b"DONE\r\n")
        while (line := self.client.read_line()) is not None:
            self.hear(line.decode(), may_expunge=True)

    def break_off(self):
        """The connection is lost; this client starts anew."""
        self.client.close()
        self.uids, self.flags = [], {}
        self.connect("")


class Condstore(Client):
    enables = "CONDSTORE"


class Qresync(Client):
    enables = "QRESYNC"
    samples = False

    def break_off(self):
        """Whatever was not heard: the cache is enough to know everything again."""
        self.client.close()
        known = sorted(uid for uid in self.uids if uid is not None)
        if None in self.uids:
            # Beyond what it knows without a gap, a client must ask again.
            known = known[: self.uids.index(None)]
        cache = {uid: self.flags[uid] for uid in known if uid in self.flags}
        parameters = f" (QRESYNC ({self.validity} {self.highest}"
        if cache and self.samples:
            # RFC 7162 §3.2.5.2: some numbers and their UIDs, known or not to be right any more.
            numbers = sorted({1, -(-len(known) // 2), len(known)})
            parameters += (
                f" 1:{known[-1]} ({','.join(map(str, numbers))} {','.join(str(known[n - 1]) for n in numbers)})"
            )
        elif cache:
            parameters += f" 1:{known[-1]}"
        self.flags = dict(cache)
        self.uids = []
        if self.highest and cache:
            self.connect(parameters + "))")
        else:
            self.connect("")
        self.settle()

    def settle(self):
        """What the cache says now is there, and where the numbers are; then what is new."""
        kept = sorted(self.flags)
        assert len(kept) <= len(self.uids)
        for place, uid in enumerate(kept):
            assert self.uids[place] in (None, uid)
            self.uids[place] = uid
        self.learn()


class QresyncWithSamples(Qresync):
    samples = True


class UidOnly(Client):
    enables = "UIDONLY"

    def learn(self):
        while len(self.flags) != len(self.uids):
            self.ask("UID FETCH 1:* (FLAGS)")
        self.uids = sorted(self.flags)

    def vanished(self, uid, *, earlier):
        assert not earlier
        assert self.uids
        self.uids.remove(uid if uid in self.uids else None)
        self.flags.pop(uid, None)

    def word(self, place):
        return "UID ", str(self.uids[place % len(self.uids)])


class UidOnlyResync(Qresync):
    enables = "QRESYNC UIDONLY"
    word = UidOnly.word
    learn = UidOnly.learn

    def settle(self):
        self.learn()

    def vanished(self, uid, *, earlier):
        if not earlier:
            self.uids.remove(uid if uid in self.uids else None)
        self.flags.pop(uid, None)


KINDS = (Client, Condstore, Qresync, QresyncWithSamples, UidOnly, UidOnlyResync)
ACTIONS = (
    "append", "noop", "new", "store", "silent", "fetch", "expunge", "move", "replace", "search", "idle", "break",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(ACTIONS), st.integers(0, 40), st.integers(0, 5)),
    min_size=5,
    max_size=40,
)


def truth(services, mailbox):
    with services.store.read() as connection:
        found = mailboxes.find_mailbox(connection, "an", mailbox)
        rows = reading.placements(connection, found.id)
    return {row.uid: frozenset(flag_names(row.flags, found.keywords)) for row in rows}


def test_every_client_knows_the_truth(services):
    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.sampled_from(KINDS), min_size=3, max_size=3), STEPS)
    def run(kinds, steps):
        mailbox = f"H{next(_names)}"
        first = Direct(services).log_in()
        first.ok(f"CREATE {mailbox}")
        for _ in range(3):
            first.append(b"Subject: x\r\n\r\ny\r\n", mailbox)
        first.close()
        clients = [kind(services, mailbox) for kind in kinds]
        try:
            for client in clients:
                client.learn()
            for number, action, place, other in steps:
                clients[number].act(action, place, other)
                assert services.store.check_consistency() == []
            assert services.store.check_consistency() == []
            now = truth(services, mailbox)
            for client in clients:
                client.ask("NOOP")
                client.learn()
                assert client.flags == now, type(client).__name__
                assert sorted(client.uids) == sorted(now)
        finally:
            for client in clients:
                client.client.close()

    run()


@pytest.mark.parametrize("kind", [Qresync, QresyncWithSamples, UidOnlyResync])
def test_after_the_tombstones_are_gone(services, kind):
    """RFC 7162 §3.2.6: beyond the horizon all that is not there is told, but what the client proves to know."""
    mailbox = "Gone"
    other = Direct(services).log_in()
    other.ok(f"CREATE {mailbox}")
    for _ in range(6):
        other.append(b"Subject: x\r\n\r\ny\r\n", mailbox)
    client = kind(services, mailbox)
    client.learn()
    client.client.close()
    other.ok(f"SELECT {mailbox}")
    other.ok("STORE 2,4:5 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    other.ok("STORE 1 +FLAGS.SILENT (\\Flagged)")
    services.store._recoverable = -1
    assert services.store.housekeep()["tombstones"] == 3
    client.break_off()
    assert client.flags == truth(services, mailbox)
    assert len(client.uids) == 3
    client.client.close()
    other.close()
