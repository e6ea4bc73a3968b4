"""Random histories of two people's mailboxes, beside a model of plain dictionaries that has no database in it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mailserver.refusals import CannotDo, MailboxExists, NoSuchMailbox
from mailserver.store import (
    Store,
    broadcast,
    changes,
    flags,
    mailboxes,
    marking,
    messages,
    quota,
    reading,
    unscanned,
)
from mailserver.store.messages import Target
from mailserver.store.reading import as_ranges

ACCOUNTS = ("an", "binh")
NAMES = ("INBOX", "Sent", "Việc", "Việc/Gấp", "Việc/Gấp/Nay", "Lưu", "INBOX/Con")
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "$Junk", "khan")

accounts = st.sampled_from(ACCOUNTS)
names = st.sampled_from(NAMES)
flag_sets = st.frozensets(st.sampled_from(FLAGS), max_size=3)
# Which of the messages that are there: positions, so that most choices hit something.
choices = st.lists(st.integers(0, 12), min_size=1, max_size=6)


@dataclass
class Mail:
    number: int
    flags: frozenset[str]
    date: int


@dataclass
class Box:
    """A mailbox as a client may think of it."""

    uid_validity: int
    uid_next: int = 1
    mails: dict[int, Mail] = field(default_factory=dict)
    gone: dict[int, Mail] = field(default_factory=dict)
    # (modseq, what was there, how many had vanished) at moments worth coming back to.
    bookmarks: list[tuple[int, dict[int, frozenset[str]], set[int]]] = field(default_factory=list)

    def add(self, mail: Mail) -> int:
        uid = self.uid_next
        self.mails[uid] = mail
        self.uid_next += 1
        return uid

    def choose(self, positions: list[int]) -> list[int]:
        uids = sorted(self.mails)
        return sorted({uids[position] for position in positions if position < len(uids)})

    def bury(self, uids: list[int]) -> None:
        for uid in uids:
            self.gone[uid] = self.mails.pop(uid)


class Histories(RuleBasedStateMachine):
    """``store`` outlives an example, whose people are its own."""

    store: Store
    serial = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.people = {name: f"{name}{next(self.serial)}" for name in ACCOUNTS}
        self.boxes: dict[str, dict[str, Box]] = {name: {} for name in ACCOUNTS}
        self.numbers = itertools.count(1)
        self.validities: set[int] = set()
        self.bodies: dict[int, bytes] = {}

    def do(self, function: Any, *arguments: Any, **options: Any) -> Any:
        return self.store.write(lambda tx: function(tx, *arguments, **options)).result(60)

    def found(self, account: str, name: str) -> mailboxes.Mailbox:
        with self.store.read() as connection:
            mailbox = mailboxes.find_mailbox(connection, self.people[account], name)
        assert mailbox is not None
        return mailbox

    def adopt(self, account: str, latest: int | None = None) -> None:
        """Take new mailboxes' UIDVALIDITY into the model, seeing that it is above all there were."""
        latest = max(self.validities, default=0) if latest is None else latest
        with self.store.read() as connection:
            listed = mailboxes.list_mailboxes(connection, self.people[account])
        for mailbox in listed:
            if mailbox.name not in self.boxes[account]:
                self.boxes[account][mailbox.name] = Box(mailbox.uid_validity)
        new = {box.uid_validity for box in self.boxes[account].values()} - self.validities
        assert min(new, default=latest + 1) > latest
        self.validities |= new

    def content(self, *, scans: bool = True) -> tuple[int, Any]:
        number = next(self.numbers)
        octets = f"Subject: {number}\r\n\r\n".encode() + b"x" * (number * 37 % 4000)
        self.bodies[number] = octets
        return number, self.store.prepare(octets, scans=scans)

    @initialize()
    def begin(self) -> None:
        for account in ACCOUNTS:
            self.store.maildrop(self.people[account])
            self.adopt(account)

    # Messages

    @rule(places=st.lists(st.tuples(accounts, names, flag_sets), min_size=1, max_size=3), date=st.integers(0, 2**31))
    def append(self, places: list[tuple[str, str, frozenset[str]]], date: int) -> None:
        targets = [each for each in places if each[1] in self.boxes[each[0]]]
        if not targets:
            return
        number, content = self.content()
        wanted = [Target(self.found(account, name).id, with_flags, date) for account, name, with_flags in targets]
        done = self.do(messages.append, content, wanted)
        for (account, name, with_flags), each in zip(targets, done, strict=True):
            assert each.uid == self.boxes[account][name].add(Mail(number, with_flags, date))
            assert each.uid_validity == self.boxes[account][name].uid_validity

    @rule(account=accounts, name=names, count=st.integers(1, 4), with_flags=flag_sets)
    def append_many(self, account: str, name: str, count: int, with_flags: frozenset[str]) -> None:
        """Messages whose scan is put off."""
        if name not in self.boxes[account]:
            return
        made = [self.content(scans=False) for _ in range(count)]
        target = Target(self.found(account, name).id, with_flags, 10**9)
        done = self.do(messages.append_many, [(content, target) for _, content in made])
        for (number, _), each in zip(made, done, strict=True):
            assert each.uid == self.boxes[account][name].add(Mail(number, with_flags, 10**9))

    @rule(account=accounts, name=names)
    def scan(self, account: str, name: str) -> None:
        if name not in self.boxes[account]:
            return
        mailbox_id = self.found(account, name).id
        with self.store.read_scanned(unscanned.in_mailbox(mailbox_id)) as connection:
            rows = list(reading.fetch(connection, mailbox_id, reading.EVERYTHING, ("uid", "subject", "base_subject")))
        expected = {uid: str(mail.number) for uid, mail in self.boxes[account][name].mails.items()}
        assert {row.uid: row.subject for row in rows} == {row.uid: row.base_subject for row in rows} == expected

    @rule()
    def broadcast(self) -> None:
        number, content = self.content()
        assert self.do(broadcast.deliver_to_accounts, content, list(self.people.values())) == 2
        for account in ACCOUNTS:
            inbox = self.found(account, "INBOX")
            with self.store.read() as connection:
                date = reading.placements(connection, inbox.id)[-1].internal_date
            self.boxes[account]["INBOX"].add(Mail(number, frozenset(), date))

    @rule(account=accounts, name=names, other=accounts, other_name=names, positions=choices, moving=st.booleans())
    def copy_or_move(
        self, account: str, name: str, other: str, other_name: str, positions: list[int], moving: bool
    ) -> None:
        if name not in self.boxes[account] or other_name not in self.boxes[other]:
            return
        source, target = self.boxes[account][name], self.boxes[other][other_name]
        uids = source.choose(positions)
        expected = []
        for uid in uids:
            mail = source.mails[uid]
            expected.append((uid, target.add(Mail(mail.number, mail.flags, mail.date))))
        if moving:
            source.bury(uids)
        function = messages.move if moving else messages.copy
        ranges = as_ranges(uids) or [(10**6, 10**6)]
        assert self.do(function, self.found(account, name).id, ranges, self.found(other, other_name).id) == expected

    @rule(
        account=accounts,
        name=names,
        positions=choices,
        operation=st.sampled_from(("add", "remove", "replace")),
        changed=flag_sets,
        since=st.integers(0, 3),
    )
    def store_flags(
        self, account: str, name: str, positions: list[int], operation: Any, changed: frozenset[str], since: int
    ) -> None:
        if name not in self.boxes[account]:
            return
        box = self.boxes[account][name]
        mailbox = self.found(account, name)
        uids = box.choose(positions)
        refused: set[int] = set()
        unchanged_since = None
        if since == 0 and box.bookmarks:
            unchanged_since = box.bookmarks[-1][0]
            with self.store.read() as connection:
                rows = reading.placements(connection, mailbox.id)
            refused = {row.uid for row in rows if row.modseq > unchanged_since} & set(uids)
        result = self.do(messages.set_flags, mailbox.id, as_ranges(uids), operation, changed, unchanged_since)
        assert {uid for uid, _, _ in result.refused} == refused
        expected = {}
        for uid in set(uids) - refused:
            before = box.mails[uid].flags
            after = {"add": before | changed, "remove": before - changed, "replace": changed}[operation]
            if after != before:
                expected[uid] = after
                box.mails[uid].flags = after
        keywords = self.found(account, name).keywords
        assert {uid: frozenset(flags.flag_names(mask, keywords)) for uid, mask, _ in result.changed} == expected
        assert {uid for uid, _, _ in result.unchanged} == set(uids) - refused - set(expected)

    @rule(account=accounts, name=names, positions=choices, everything=st.booleans())
    def expunge(self, account: str, name: str, positions: list[int], everything: bool) -> None:
        if name not in self.boxes[account]:
            return
        box = self.boxes[account][name]
        uids = sorted(box.mails) if everything else box.choose(positions)
        doomed = [uid for uid in uids if "\\Deleted" in box.mails[uid].flags]
        ranges = None if everything else as_ranges(uids)
        assert self.do(messages.expunge, self.found(account, name).id, ranges) == doomed
        box.bury(doomed)

    @rule(account=accounts, name=names, positions=choices)
    def remove(self, account: str, name: str, positions: list[int]) -> None:
        if name in self.boxes[account]:
            box = self.boxes[account][name]
            uids = box.choose(positions)
            assert self.do(messages.remove, self.found(account, name).id, as_ranges(uids)) == uids
            box.bury(uids)

    @rule(account=accounts, name=names, other_name=names, positions=choices)
    def restore(self, account: str, name: str, other_name: str, positions: list[int]) -> None:
        if name not in self.boxes[account] or other_name not in self.boxes[account]:
            return
        source, target = self.boxes[account][name], self.boxes[account][other_name]
        gone = sorted(source.gone)
        uids = sorted({gone[position] for position in positions if position < len(gone)})
        expected = []
        for uid in uids:
            mail = source.gone[uid]
            expected.append(target.add(Mail(mail.number, mail.flags - {"\\Deleted"}, mail.date)))
        done = self.do(messages.restore, self.found(account, name).id, uids, self.found(account, other_name).id)
        assert done == expected

    # Mailboxes

    @rule(account=accounts, name=names)
    def create(self, account: str, name: str) -> None:
        if name in self.boxes[account]:
            with pytest.raises(MailboxExists):
                self.do(mailboxes.create_mailbox, self.people[account], name)
            return
        self.do(mailboxes.create_mailbox, self.people[account], name)
        levels = name.split("/")
        parents = {"/".join(levels[:depth]) for depth in range(1, len(levels) + 1)}
        before = set(self.boxes[account])
        self.adopt(account)
        assert set(self.boxes[account]) == before | parents

    @rule(account=accounts, name=names)
    def delete(self, account: str, name: str) -> None:
        boxes = self.boxes[account]
        if name not in boxes:
            kind: Any = NoSuchMailbox
        elif name == "INBOX" or any(each.startswith(name + "/") for each in boxes):
            kind = CannotDo
        else:
            self.do(mailboxes.delete_mailbox, self.people[account], name)
            del boxes[name]
            return
        with pytest.raises(kind):
            self.do(mailboxes.delete_mailbox, self.people[account], name)

    @rule(account=accounts, name=names, new_name=names)
    def rename(self, account: str, name: str, new_name: str) -> None:
        boxes = self.boxes[account]
        family = [each for each in boxes if each == name or each.startswith(name + "/")]
        renamed = {each: new_name + each[len(name) :] for each in family}
        if name not in boxes:
            kind: Any = NoSuchMailbox
        elif new_name in boxes:
            kind = MailboxExists
        elif name != "INBOX" and new_name.startswith(name + "/"):
            kind = CannotDo
        elif name != "INBOX" and set(renamed.values()) & set(boxes):
            kind = MailboxExists
        else:
            self.do(mailboxes.rename_mailbox, self.people[account], name, new_name)
            if name == "INBOX":
                self.adopt(account)
                for uid in sorted(boxes["INBOX"].mails):
                    mail = boxes["INBOX"].mails[uid]
                    boxes[new_name].add(Mail(mail.number, mail.flags, mail.date))
                boxes["INBOX"].bury(list(boxes["INBOX"].mails))
                return
            for each in family:
                boxes[renamed[each]] = boxes.pop(each)
            latest = max(self.validities)
            for each in family:
                box = boxes[renamed[each]]
                box.uid_validity = self.found(account, renamed[each]).uid_validity
            self.adopt(account, latest)  # parents were made on the way, too
            return
        with pytest.raises(kind):
            self.do(mailboxes.rename_mailbox, self.people[account], name, new_name)

    @rule(account=accounts, name=names)
    def bookmark(self, account: str, name: str) -> None:
        if name in self.boxes[account]:
            box = self.boxes[account][name]
            modseq = self.found(account, name).highest_modseq
            box.bookmarks.append((modseq, {uid: mail.flags for uid, mail in box.mails.items()}, set(box.gone)))

    # What must always hold

    @invariant()
    def the_store_is_what_the_model_says(self) -> None:
        if not self.boxes["an"]:
            return  # nothing has begun
        with self.store.read() as connection:
            for account, boxes in self.boxes.items():
                person = self.people[account]
                listed = mailboxes.list_mailboxes(connection, person)
                assert {mailbox.name for mailbox in listed} == set(boxes)
                for mailbox in listed:
                    self.compare(connection, mailbox, boxes[mailbox.name])
                sizes = [len(self.bodies[mail.number]) for box in boxes.values() for mail in box.mails.values()]
                used = quota.usage(connection, person)
                assert (used.size, used.messages) == (sum(sizes), len(sizes))

    def compare(self, connection: Any, mailbox: mailboxes.Mailbox, box: Box) -> None:
        assert (mailbox.uid_validity, mailbox.uid_next) == (box.uid_validity, box.uid_next)
        columns = ("uid", "flags", "internal_date", "header", "modseq")
        rows = list(reading.fetch(connection, mailbox.id, [(1, 2**32)], columns))
        seen = {
            row.uid: Mail(
                int(row.header.split()[1]), frozenset(flags.flag_names(row.flags, mailbox.keywords)), row.internal_date
            )
            for row in rows
        }
        assert seen == box.mails
        assert [row.uid for row in rows] == sorted(box.mails) == list(reading.uids(connection, mailbox.id))
        assert max((row.modseq for row in rows), default=0) <= mailbox.highest_modseq
        assert (mailbox.messages, mailbox.unseen, mailbox.deleted, mailbox.size) == (
            len(box.mails),
            sum("\\Seen" not in mail.flags for mail in box.mails.values()),
            sum("\\Deleted" in mail.flags for mail in box.mails.values()),
            sum(len(self.bodies[mail.number]) for mail in box.mails.values()),
        )
        for modseq, before, gone in box.bookmarks:
            told = changes.changed_since(connection, mailbox.id, modseq)
            uids = [uid for uid, _, _ in told]
            assert uids == sorted(set(uids))
            assert all(own > modseq and uid in box.mails for uid, _, own in told)
            # What is other than it was then must be told; what has been changed and changed back may be.
            assert set(uids) >= {uid for uid, mail in box.mails.items() if before.get(uid) != mail.flags}
            assert set(uids) == {row.uid for row in rows if row.modseq > modseq}
            assert set(changes.vanished_since(connection, mailbox.id, modseq) or ()) == set(box.gone) - gone

    @invariant()
    def the_check_finds_nothing(self) -> None:
        assert self.store.check_consistency() == []

    def teardown(self) -> None:
        """At the end, every message has the octets it was sent with."""
        with self.store.read() as connection:
            for account, boxes in self.boxes.items():
                for name, box in boxes.items():
                    mailbox = mailboxes.find_mailbox(connection, self.people[account], name)
                    assert mailbox is not None
                    for row in reading.placements(connection, mailbox.id):
                        assert self.store.octets(connection, row.message_id) == self.bodies[box.mails[row.uid].number]


@pytest.fixture(autouse=True)
def ranges_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mailboxes are small here, and both ways to note changed flags are to be taken."""
    monkeypatch.setattr(marking, "MANY", 2)


@pytest.mark.parametrize(("engine", "examples", "steps"), [("sqlite", 80, 30), ("postgresql", 12, 25)])
def test_histories(request: pytest.FixtureRequest, tmp_path: Any, engine: str, examples: int, steps: int) -> None:
    if engine == "sqlite":
        store = request.getfixturevalue("make_store")(inline_limit=2000)
    else:
        store = Store(request.getfixturevalue("postgres_store_url"), tmp_path, inline_limit=2000)
        request.addfinalizer(store.close)
    machine = type("Histories", (Histories,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
