"""What the store's tests share: a clerk who works on a store, and a clock that goes only when told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mailserver.store import Store, flags, mailboxes, messages, reading
from mailserver.store.mailboxes import Mailbox
from mailserver.store.messages import Appended, Target

T = TypeVar("T")

DAY = 86_400


class Clerk:
    """Applies the store's functions one by one, each on disk before the next."""

    def __init__(self, store: Store, account: str = "an") -> None:
        self.store = store
        self.account = account
        self.inbox = store.maildrop(account)

    def do(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Run ``function(tx, …)`` in a transaction and wait for it."""
        return self.store.write(lambda tx: function(tx, *arguments, **options)).result(60)

    def ask(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Run ``function(connection, …)`` on a snapshot."""
        with self.store.read() as connection:
            return function(connection, *arguments, **options)

    def create(self, name: str) -> Mailbox:
        return self.do(mailboxes.create_mailbox, self.account, name)

    def mailbox(self, name_or_id: str | int = "INBOX") -> Mailbox:
        """The mailbox as it is now."""
        if isinstance(name_or_id, int):
            found = self.ask(mailboxes.get_mailbox, name_or_id)
        else:
            found = self.ask(mailboxes.find_mailbox, self.account, name_or_id)
        assert found is not None
        return found

    def names(self) -> list[str]:
        return [each.name for each in self.ask(mailboxes.list_mailboxes, self.account)]

    def append(
        self, octets: bytes, mailbox: Mailbox | None = None, flags: tuple[str, ...] = (), date: int | None = None
    ) -> Appended:
        content = self.store.prepare(octets)
        target = Target((mailbox or self.inbox).id, flags, date)
        return self.do(messages.append, content, [target])[0]

    def fill(self, count: int, mailbox: Mailbox | None = None, flags: tuple[str, ...] = ()) -> list[int]:
        """Append ``count`` different messages; their UIDs."""
        contents = [self.store.prepare(mail(f"number {number}")) for number in range(count)]
        target = Target((mailbox or self.inbox).id, flags)
        return self.do(lambda tx: [messages.append(tx, content, [target])[0].uid for content in contents])

    def uids(self, mailbox: Mailbox | None = None) -> list[int]:
        return list(self.ask(reading.uids, (mailbox or self.inbox).id))

    def flags(self, mailbox: Mailbox | None = None) -> dict[int, set[str]]:
        """uid → flags by name."""
        now = self.mailbox((mailbox or self.inbox).id)
        rows = self.ask(reading.placements, now.id)
        return {row.uid: set(flags.flag_names(row.flags, now.keywords)) for row in rows}

    def octets(self, uid: int, mailbox: Mailbox | None = None) -> bytes:
        with self.store.read() as connection:
            (row,) = reading.placements(connection, (mailbox or self.inbox).id, [(uid, uid)])
            return self.store.octets(connection, row.message_id)

    def recount(self, mailbox: Mailbox) -> tuple[int, int, int, int]:
        """(messages, unseen, deleted, size) as the rows have it."""
        rows = self.ask(reading.placements, mailbox.id)
        return (
            len(rows),
            sum(not row.flags & 1 for row in rows),
            sum(bool(row.flags & 8) for row in rows),
            sum(row.size for row in rows),
        )

    def counters(self, mailbox: Mailbox) -> tuple[int, int, int, int]:
        now = self.mailbox(mailbox.id)
        return now.messages, now.unseen, now.deleted, now.size


def mail(subject: str = "Xin chào", body: str = "Nội dung\r\n", **fields: str) -> bytes:
    header = {"From": "an@thanhpho.example", "To": "binh@thanhpho.example", "Subject": subject}
    header |= {name.replace("_", "-"): value for name, value in fields.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in header.items())
    return f"{lines}\r\n{body}".encode()


@pytest.fixture(name="mail")
def _mail() -> Callable[..., bytes]:
    return mail


@pytest.fixture
def clerk(any_store: Store) -> Clerk:
    """A clerk with an account on each engine in turn."""
    return Clerk(any_store)


@pytest.fixture
def hire() -> type[Clerk]:
    """For more clerks: ``hire(store, "binh")``."""
    return Clerk


class Clock:
    def __init__(self, now: float = 1_750_000_000) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def timed_store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """A store on each engine whose time is ``clock``."""
    if request.param == "sqlite":
        yield request.getfixturevalue("make_store")(clock=clock)
        return
    store = Store(request.getfixturevalue("postgres_store_url"), tmp_path, clock=clock)
    try:
        yield store
        assert store.check_consistency() == []
    finally:
        store.close()
