"""The demo's mailboxes look lived in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from email import policy
from email.parser import BytesParser

import pytest

from directory.mail.accounts import account_by_login
from mailserver.config import load, render
from mailserver.demo import mail as demo_mail
from mailserver.demo.city import DemoAccount, build_city
from mailserver.demo.mail import fill_mailboxes
from mailserver.installation import install
from mailserver.store import reading
from mailserver.store.mailboxes import Mailbox, list_mailboxes
from mailserver.wiring import System, build

EVERYTHING = [(1, 2**32 - 1)]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("demo")
    config = folder / "citymail.toml"
    config.write_text(
        render(
            {
                "city": {"domain": "tphcm.example", "hostname": "mail.tphcm.example", "name": "TP"},
                "storage": {"data": str(folder)},
            }
        ),
        encoding="utf-8",
    )
    install(load(config))
    opened = build(load(config))
    yield opened
    assert opened.store.check_consistency() == []
    opened.close()


@pytest.fixture(scope="module")
def accounts(system: System) -> list[DemoAccount]:
    made = build_city(system.directory, "tphcm.example", "demo-12345678")
    assert fill_mailboxes(system, made) > 2000
    return made


@pytest.fixture
def mailboxes(system: System, accounts: list[DemoAccount]) -> Callable[[int], dict[str, Mailbox]]:
    def of(number: int) -> dict[str, Mailbox]:
        with system.directory.read() as conn:
            account = account_by_login(conn, accounts[number].address)
        assert account is not None
        with system.store.read() as connection:
            return {each.name: each for each in list_mailboxes(connection, account.id)}

    return of


def test_the_first_mailbox_is_lived_in(system: System, mailboxes: Callable[[int], dict[str, Mailbox]]) -> None:
    mine = mailboxes(0)
    assert sum(each.messages for each in mine.values()) > 2000
    assert 5 <= mine["INBOX"].unseen <= 60
    for name in ("Sent", "Drafts", "Junk", "Trash", "Archive", "Dự án/Metro số 1", "Họp giao ban"):
        assert mine[name].messages > 0, name
    threads: Counter[str] = Counter()
    attachments = answered = 0
    months = set()
    with system.store.read() as connection:
        for each in mine.values():
            columns = ("thread_key", "has_attachments", "flags", "internal_date")
            for thread, attached, flags, date in reading.fetch(connection, each.id, EVERYTHING, columns):
                threads[thread] += 1
                attachments += bool(attached)
                answered += bool(flags & 2)
                months.add(date // (30 * 86400))
    assert max(threads.values()) >= 4
    assert sum(count > 1 for count in threads.values()) > 200
    assert attachments > 100
    assert answered > 100
    assert len(months) > 10
    assert max(months) * 30 * 86400 <= system.office.clock()


def test_the_letters_are_good_mail(system: System, mailboxes: Callable[[int], dict[str, Mailbox]]) -> None:
    kinds: Counter[str] = Counter()
    with system.store.read() as connection:
        for name in ("INBOX", "Sent", "Drafts", "Junk"):
            found = list(reading.fetch(connection, mailboxes(0)[name].id, EVERYTHING, ("message_id",)))
            for (message_id,) in found[-250:]:
                octets = system.store.octets(connection, message_id)
                assert b"\n" not in octets.replace(b"\r\n", b"")
                parsed = BytesParser(policy=policy.default).parsebytes(octets)
                assert parsed["Subject"]
                assert parsed["Message-ID"]
                for part in parsed.walk():
                    assert not part.defects
                    kinds[part.get_content_type()] += 1
    for kind in ("text/plain", "text/html", "application/pdf", "image/png", "multipart/related"):
        assert kinds[kind] > 5, kinds


def test_colleagues_have_the_other_half(system: System, mailboxes: Callable[[int], dict[str, Mailbox]]) -> None:
    # the administrator is a colleague; everybody has the announcements, the last unit mailbox too
    assert mailboxes(1)["INBOX"].messages > 20
    assert mailboxes(1)["Sent"].messages > 5
    assert mailboxes(-1)["INBOX"].messages == 3
    assert mailboxes(-1)["INBOX"].unseen == 3


def test_the_same_mail_each_time(system: System, accounts: list[DemoAccount], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_mail, "CONVERSATIONS", 60)
    with system.directory.read() as conn:
        people = [found for each in accounts if (found := account_by_login(conn, each.address)) is not None]
    once, again = (demo_mail._Writer(people, 1_780_000_000).letters() for _ in range(2))
    assert [letter.octets for letter in once] == [letter.octets for letter in again]
