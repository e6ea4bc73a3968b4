"""A crowd of IMAP clients on the same mailboxes at the same time, over real connections to several processes.

Each member does at random what clients do, and keeps a picture of its mailbox from the server's answers alone; what an
answer may not say (a number beyond the mailbox, an EXPUNGE in the middle of a FETCH, a UID that moves, another body
under a known UID, a message recent to two, a STORE that did not) ends the run.  Members with QRESYNC leave mailboxes
and come back with the picture they had.  When all have rested, every picture must equal what a newcomer is shown.

    python -m tests.interop.crowd --members 20 --commands 5000 --seed 7
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mailserver.store.unscanned import FEWEST
from tests.interop.sightings import (
    BODY,
    DATE,
    EARLIER,
    EXISTS,
    EXPUNGE,
    FETCH,
    HIGHEST,
    LISTED,
    MODSEQ,
    PERMANENT,
    RECENT,
    SIZE,
    TOKEN,
    UID,
    UID_VALIDITY,
    VANISHED,
    Kept,
    Known,
    bracketed,
    numbers,
)
from tests.interop.wire import Answer, Wire
from tests.live import LiveServer

FLAGS = (rb"\Seen", rb"\Flagged", rb"\Answered", rb"\Draft", b"$Forwarded", b"viec-gap")
# Commands that name messages by number: while they run, no number may shift (RFC 9051 §7.5.1).
_NUMBERED = (b"FETCH", b"STORE", b"SEARCH")


class Member:
    """One client with its picture.  ``manner``: what it enables."""

    def __init__(self, server: LiveServer, login: str, manner: str, known: Known, chance: random.Random) -> None:
        self.wire = Wire(server)
        self.wire.command(f"LOGIN {server.address(login)} {server.password}")
        enabled = self.wire.command(f"ENABLE {manner}").untagged if manner else []
        self.known = known
        self.chance = chance
        self.name = ""
        self.uids: list[int | None] = []
        self.came = 0  # how many messages were ever announced
        self.flags: dict[int, frozenset[bytes]] = {}
        self.modseq: dict[int, int] = {}
        self.keywords: frozenset[bytes] = frozenset()
        self.counter = 0
        self.mark = b"cua-%d" % next(known.marks)
        self.selection = object()
        self.uid_validity = 0
        self.safe = 0  # up to this modseq nothing was missed (RFC 7162 §6)
        self.kept: dict[str, Kept] = {}
        self.qresync = any(b"QRESYNC" in line for line in enabled)

    # The picture

    def ask(self, command: str | bytes, *, may_fail: bool = False) -> Answer:
        octets = command.encode() if isinstance(command, str) else command
        answer = self.wire.command(octets, end=None)
        self.take_in(answer, octets)
        tagged = answer.tagged.split(b" ", 1)[1]
        assert tagged.startswith(b"OK") or (may_fail and tagged.startswith(b"NO")), (octets, tagged)
        assert b"SERVERBUG" not in tagged
        return answer

    def take_in(self, answer: Answer, command: bytes = b"") -> None:
        may_expunge = not command.startswith(_NUMBERED)
        for line in answer.untagged:
            assert not line.startswith(b"* BYE"), line
            if line.startswith(b"* FLAGS ("):
                self.keywords = frozenset(line[9:-1].lower().split())
                dropped = frozenset().union(*self.flags.values()) - self.keywords
                assert not dropped, f"{sorted(dropped)} are in use and no longer among FLAGS"
            elif match := PERMANENT.match(line):
                permanent = frozenset(match[1].lower().split()) - {rb"\*"}
                assert permanent <= self.keywords, f"{sorted(permanent - self.keywords)} are not among FLAGS"
            elif match := UID_VALIDITY.match(line):
                self.uid_validity = int(match[1])
                self.known.agree(self.name, 0, "UIDVALIDITY", match[1])
            elif match := RECENT.fullmatch(line):
                assert int(match[1]) <= len(self.uids), (line, len(self.uids))
            elif match := EXISTS.fullmatch(line):
                count = int(match[1])
                assert count >= len(self.uids), f"EXISTS {count} after {len(self.uids)}"
                self.came += count - len(self.uids)
                self.uids += [None] * (count - len(self.uids))
            elif match := EXPUNGE.fullmatch(line):
                assert may_expunge, (command, line)
                assert not self.qresync, line  # RFC 7162 §3.2.10
                number = int(match[1])
                assert 1 <= number <= len(self.uids), line
                self._forget(number - 1)
            elif match := VANISHED.fullmatch(line):
                assert may_expunge, (command, line)
                assert self.qresync, line
                for uid in numbers(match[1]):
                    self._forget(self._place_of(uid))
            elif match := FETCH.fullmatch(line):
                self._fetched(int(match[1]), match[2])
        told = [int(match[1]) for each in (*answer.untagged, answer.tagged) if (match := HIGHEST.search(each))]
        seen = [int(match[1]) for each in answer.untagged if (match := MODSEQ.search(each))]
        self.safe = told[-1] if told else max(self.safe, *seen, 0)

    def _place_of(self, uid: int) -> int:
        """Where a UID is; one that was not asked for yet lies between those that were (RFC 7162 §3.2.10.2)."""
        if uid in self.uids:
            return self.uids.index(uid)
        before = max((place for place, known in enumerate(self.uids) if known is not None and known < uid), default=-1)
        assert before + 1 < len(self.uids), f"VANISHED {uid} was never announced"
        assert self.uids[before + 1] is None, f"VANISHED {uid} was never announced"
        return before + 1

    def _forget(self, place: int) -> None:
        uid = self.uids.pop(place)
        if uid is not None:
            self.flags.pop(uid, None)
            self.modseq.pop(uid, None)

    def _fetched(self, number: int, data: bytes) -> None:
        assert 1 <= number <= len(self.uids), (number, len(self.uids), data[:200])
        body = BODY.search(data)
        if body is not None:
            data, body_octets = data[: body.start()], body[2][: int(body[1])]
            data += body[2][int(body[1]) :]
        if match := UID.search(data):
            uid = int(match[1])
            before = self.uids[number - 1]
            assert before in (None, uid), f"message {number} was UID {before} and is {uid}"
            self.uids[number - 1] = uid
            ascending = [each for each in self.uids if each is not None]
            assert ascending == sorted(set(ascending)), "UIDs do not ascend"
        known_uid = self.uids[number - 1]
        if known_uid is None:
            return
        if match := SIZE.search(data):
            self.known.agree(self.name, known_uid, "size", match[1])
        if body is not None:
            self.known.agree(self.name, known_uid, "size", b"%d" % len(body_octets))
            token = TOKEN.search(body_octets)
            assert token is not None
            self.known.agree(self.name, known_uid, "token", token[1])
        if match := DATE.search(data):
            self.known.agree(self.name, known_uid, "INTERNALDATE", match[1])
        for item in (b"ENVELOPE", b"BODYSTRUCTURE"):
            value = bracketed(data, item)
            if value is not None:
                self.known.agree(self.name, known_uid, item.decode(), value)
        if match := LISTED.search(data):
            flags = frozenset(match[1].lower().split())
            if rb"\recent" in flags:
                self.known.recent_to(self.name, known_uid, self.selection)
                flags -= {rb"\recent"}
            assert flags <= self.keywords, f"{sorted(flags - self.keywords)} are not among FLAGS"
            self.flags[known_uid] = flags
        if match := MODSEQ.search(data):
            modseq = int(match[1])
            assert modseq >= self.modseq.get(known_uid, 0), "a MODSEQ went back"
            self.modseq[known_uid] = modseq

    def learn(self) -> None:
        """Ask for what the picture lacks: after one answer that is nothing but what came meanwhile.  Where others bring
        mail all the time there is always something; what was there before is learnt, or gone with the next command.
        """
        while lacking := self._lacking():
            before = self.came
            answer = self.ask(f"FETCH {lacking[0] + 1}:* (UID FLAGS RFC822.SIZE)", may_fail=True)
            if b"EXPUNGEISSUED" in answer.tagged:
                self.ask("NOOP")
            still = len(self._lacking())
            assert still <= self.came - before, f"{still} of {len(self.uids)} messages cannot be learnt of: {answer}"

    def _lacking(self) -> list[int]:
        """Places of which UID or flags are not known."""
        return [place for place, uid in enumerate(self.uids) if uid is None or uid not in self.flags]

    # What a client does

    def select(self, name: str) -> None:
        if self.qresync and self.name and set(self.uids) == self.flags.keys():
            self.kept[self.name] = Kept(self.uid_validity, self.safe, self.flags)
        self.uids, self.flags, self.modseq, self.name, self.selection, self.safe = [], {}, {}, name, object(), 0
        kept = self.kept.pop(name, None)
        if kept is None:
            self.ask(f"SELECT {name}")
        else:
            self._come_back(name, kept)
        self.learn()

    def _come_back(self, name: str, kept: Kept) -> None:
        """Resynchronise (RFC 7162 §3.2.5), and look whether it is true what now is taken for known."""
        answer = self.wire.command(f"SELECT {name} (QRESYNC ({kept.uid_validity} {kept.modseq}))")
        gone = {uid for each in answer.all(EARLIER.pattern) for uid in numbers(each[1])}
        changed = {int(match[1]) for line in answer.untagged if FETCH.fullmatch(line) and (match := UID.search(line))}
        self.uids = [*sorted((kept.flags.keys() - gone) | changed)]
        self.flags = {uid: flags for uid, flags in kept.flags.items() if uid not in gone}
        first = next(int(match[1]) for line in answer.untagged if (match := EXISTS.fullmatch(line)))
        assert len(self.uids) == first, (
            f"back in {name} since {kept.modseq}: {first} EXISTS, and of {sorted(kept.flags)} {sorted(gone)} are gone,"
            f" {sorted(changed)} changed or new"
        )
        later = [line for line in answer.untagged if not EARLIER.fullmatch(line)]
        self.take_in(Answer(later, answer.tagged), b"SELECT")
        if not self.uids:
            return
        before, safe = dict(self.flags), self.safe
        for line in self.ask("FETCH 1:* (UID FLAGS)", may_fail=True).untagged:
            uid, flags, modseq = UID.search(line), LISTED.search(line), MODSEQ.search(line)
            if uid and flags and modseq and int(uid[1]) in before and int(modseq[1]) <= safe:
                now = frozenset(flags[1].lower().split()) - {rb"\recent"}
                assert before[int(uid[1])] == now, f"back in {name}, UID {uid[1]!r}: {before[int(uid[1])]} is {now}"

    def act(self, mailboxes: list[str]) -> None:
        self.learn()
        if self.uids and self.chance.random() < 0.9:
            self.chance.choice(_ON_MESSAGES)(self)
        else:
            self.chance.choice(_ON_MAILBOXES)(self, mailboxes)

    def _some(self) -> bytes:
        first = self.chance.randint(1, len(self.uids))
        return b"%d:%d" % (first, min(len(self.uids), first + self.chance.choice((0, 0, 1, 5))))

    def _some_uids(self) -> bytes:
        chosen = self.chance.choices([uid for uid in self.uids if uid is not None], k=self.chance.randint(1, 3))
        return b",".join(b"%d" % uid for uid in sorted(set(chosen)))

    def noop(self) -> None:
        self.ask(self.chance.choice(("NOOP", "CHECK")))
        self.learn()

    def fetch(self) -> None:
        items = self.chance.choice(
            (b"(UID FLAGS)", b"(UID RFC822.SIZE ENVELOPE)", b"(UID BODY.PEEK[])", b"(UID BODYSTRUCTURE INTERNALDATE)")
        )
        self.ask(b"FETCH %b %b" % (self._some(), items), may_fail=True)

    def uid_fetch(self) -> None:
        self.ask(b"UID FETCH %b (FLAGS BODY.PEEK[])" % self._some_uids(), may_fail=True)

    def search(self) -> None:
        """Every message has what is sought."""
        key = self.chance.choice((b"BODY x", b"SUBJECT token", b"FROM a@b", b"TEXT token-"))
        before = list(self.uids)
        answer = self.ask(b"UID SEARCH RETURN (ALL) " + key, may_fail=True)
        if answer.tagged.split(b" ")[1] == b"OK":
            found = {uid for each in answer.all(rb"\* ESEARCH .* ALL ([\d:,]+)$") for uid in numbers(each[1])}
            self.ask("NOOP")
            missed = {uid for uid in before if uid is not None and uid in self.uids} - found
            assert not missed, f"{key!r} does not find {sorted(missed)}"

    def store(self) -> None:
        sign = self.chance.choice((b"+", b"-", b""))
        flags = self.chance.sample(FLAGS, self.chance.randint(1, 2))
        chosen = self._some()
        answer = self.ask(b"STORE %b %bFLAGS (%b)" % (chosen, sign, b" ".join(flags)), may_fail=True)
        if answer.tagged.split(b" ")[1] == b"OK":
            assert self._told(answer).keys() >= {*numbers(chosen)}, (chosen, answer)

    def store_own(self) -> None:
        """A keyword that nobody else sets: what the answer says of it is certain, whatever others do meanwhile."""
        sign = self.chance.choice((b"+", b"-"))
        chosen = self._some()
        lacking = {number for number in numbers(chosen) if self.mark not in self.flags[self.uids[number - 1] or 0]}
        answer = self.ask(b"STORE %b %bFLAGS (%b)" % (chosen, sign, self.mark), may_fail=True)
        if answer.tagged.split(b" ")[1] == b"OK":
            for number, told in self._told(answer).items():
                assert number not in numbers(chosen) or sign == b"+" or self.mark not in told[-1], (chosen, answer)
                assert number not in lacking or sign == b"-" or any(self.mark in now for now in told), (chosen, answer)

    @staticmethod
    def _told(answer: Answer) -> dict[int, list[frozenset[bytes]]]:
        """Message number → the flags that an answer says it has, one after the other."""
        told: dict[int, list[frozenset[bytes]]] = {}
        for line in answer.untagged:
            if (match := FETCH.fullmatch(line)) and (listed := LISTED.search(match[2])):
                told.setdefault(int(match[1]), []).append(frozenset(listed[1].lower().split()))
        return told

    def pipeline(self) -> None:
        """Commands without waiting for answers: numbers must hold until the last (RFC 9051 §5.5)."""
        commands = [
            b"FETCH %b (UID FLAGS)" % self._some(),
            b"STORE %b +FLAGS (%b)" % (self._some(), self.chance.choice(FLAGS)),
            b"SEARCH UNDELETED",
            b"FETCH %b (UID FLAGS ENVELOPE)" % self._some(),
            b"NOOP",
        ]
        tags = [self.wire.tag() for _ in commands]
        self.wire.send(b"".join(tag + b" " + command + b"\r\n" for tag, command in zip(tags, commands, strict=True)))
        for tag, command in zip(tags, commands, strict=True):
            answer = self.wire.until(tag, None)
            self.take_in(answer, command)
            assert answer.tagged.split(b" ")[1] in (b"OK", b"NO"), answer.tagged

    def store_silently(self) -> None:
        """The client reckons the outcome itself, and the server must tell it what it could not know."""
        sign = self.chance.choice((b"+", b"-"))
        flag = self.chance.choice(FLAGS)
        chosen = self._some_uids()
        kept = {uid: self.flags.get(uid) for uid in numbers(chosen)}
        answer = self.wire.command(b"UID STORE %b %bFLAGS.SILENT (%b)" % (chosen, sign, flag), end=None)
        for uid, before in kept.items():
            if before is not None:
                self.flags[uid] = before | {flag.lower()} if sign == b"+" else before - {flag.lower()}
                self.keywords |= {flag.lower()} if sign == b"+" else set()
        self.take_in(answer)

    def expunge(self) -> None:
        if self.chance.random() < 0.3:
            self.ask(rb"STORE %b +FLAGS (\Deleted)" % self._some(), may_fail=True)
        else:
            self.ask(rb"UID STORE %b +FLAGS (\Deleted)" % self._some_uids())
        if self.chance.random() < 0.5 or None in self.uids or not self.uids:
            self.ask(b"EXPUNGE")
        else:
            self.ask(b"UID EXPUNGE %b" % self._some_uids())

    def idle(self) -> None:
        tag = self.wire.idle()
        time.sleep(0.02)
        self.take_in(self.wire.done(tag))
        self.learn()

    def away(self) -> None:
        """Leave, with or without being told what is left to tell, and come back."""
        if self.chance.random() < 0.5:
            self.ask("UNSELECT")
            time.sleep(0.02)
        self.select(self.name)

    def append(self, mailboxes: list[str]) -> None:
        def message() -> bytes:
            self.counter += 1
            token = b"token-%d-%d" % (id(self), self.counter)
            return b"From: a@b.example\r\nSubject: %b\r\n\r\n%b\r\n" % (token, b"x" * self.chance.randint(1, 3000))

        name = self.chance.choice(mailboxes).encode()
        together = [message() for _ in range(self.chance.choice((1, 1, 2, FEWEST)))]
        self.ask(b"APPEND %b%b" % (name, b"".join(b" {%d+}\r\n%b" % (len(octets), octets) for octets in together)))

    def copy(self, mailboxes: list[str]) -> None:
        if self.uids:
            verb = self.chance.choice((b"COPY", b"UID MOVE"))
            chosen = self._some_uids() if verb.startswith(b"UID") else self._some()
            self.ask(b"%b %b %b" % (verb, chosen, self.chance.choice(mailboxes).encode()), may_fail=True)

    def look_elsewhere(self, mailboxes: list[str]) -> None:
        name = self.chance.choice(mailboxes)
        self.ask(f"STATUS {name} (MESSAGES UIDNEXT UNSEEN)")
        if self.chance.random() < (0.8 if self.qresync else 0.3):
            self.select(name)

    def rest(self) -> None:
        """Hear everything there is to hear."""
        self.ask("NOOP")
        self.learn()
        self.ask("NOOP")


_ON_MESSAGES: tuple[Callable[[Member], None], ...] = (
    Member.noop,
    Member.fetch,
    Member.uid_fetch,
    Member.search,
    Member.store,
    Member.store,
    Member.store_own,
    Member.store_silently,
    Member.expunge,
    Member.idle,
    Member.pipeline,
    Member.away,
)
_ON_MAILBOXES: tuple[Callable[[Member, list[str]], None], ...] = (
    Member.append,
    Member.append,
    Member.copy,
    Member.look_elsewhere,
)
MANNERS = ("", "CONDSTORE", "IMAP4rev2", "QRESYNC")


def run(server: LiveServer, login: str, *, members: int, commands: int, seed: int) -> list[str]:
    """Let a crowd loose on an account; what went wrong, in words."""
    known = Known()
    boxes = ["INBOX", "Archive"]
    faults: list[str] = []
    crowd = [
        Member(server, login, MANNERS[number % len(MANNERS)], known, random.Random(seed * 1000 + number))
        for number in range(members)
    ]
    for _ in range(10):
        crowd[0].append(boxes)

    def live(member: Member) -> None:
        try:
            member.select(member.chance.choice(boxes))
            for _ in range(commands):
                member.act(boxes)
        except Exception as fault:  # told after all have ended
            faults.append(f"{type(fault).__name__}: {fault}")

    threads = [threading.Thread(target=live, args=(member,), daemon=True) for member in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    if faults:
        return faults
    for member in crowd:
        member.rest()
    for name in boxes:
        newcomer = Member(server, login, "", known, random.Random(seed))
        newcomer.select(name)
        for number, member in enumerate(crowd):
            if member.name != name:
                continue
            if member.uids != newcomer.uids:
                faults.append(f"member {number} sees {member.uids} in {name}, a newcomer {newcomer.uids}")
            elif member.flags != newcomer.flags:
                wrong = {
                    uid: (sorted(flags), sorted(newcomer.flags[uid]))
                    for uid, flags in member.flags.items()
                    if flags != newcomer.flags[uid]
                }
                faults.append(f"member {number} ({MANNERS[number % len(MANNERS)]}) in {name}: {wrong}")
        newcomer.wire.close()
    for member in crowd:
        member.wire.close()
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop.crowd")
    parser.add_argument("--members", type=int, default=12)
    parser.add_argument("--commands", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="citymail-crowd-") as folder:
        server = LiveServer(Path(folder), ["an"], settings={"workers": {"web": 0}})
        server.start()
        try:
            faults = run(server, "an", members=options.members, commands=options.commands, seed=options.seed)
        finally:
            server.stop()
        server.citymail("check")  # raises for a broken invariant
    print(f"seed {options.seed}: {len(faults)} faults")
    for fault in faults:
        print(" ", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
