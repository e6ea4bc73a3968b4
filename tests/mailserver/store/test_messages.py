"""Messages in mailboxes, on both engines."""

from __future__ import annotations

from mailserver.store import Store, broadcast, changes, mailboxes, messages, readers, reading
from mailserver.store.messages import Target

MAIL = (
    b"From: an@thanhpho.example\r\nTo: binh@thanhpho.example\r\nSubject: Xin ch\xc3\xa0o\r\n\r\nN\xe1\xbb\x99i dung\r\n"
)


def test_append_gives_growing_uids_and_counts(any_store: Store) -> None:
    inbox = any_store.maildrop("an")
    content = any_store.prepare(MAIL, prefix=b"Return-Path: <x@y.example>\r\n")
    done = [
        any_store.write(lambda tx: messages.append(tx, content, [Target(inbox.id, ("\\Seen",))])) for _ in range(20)
    ]
    uids = sorted(each.result()[0].uid for each in done)
    assert uids == list(range(1, 21))
    with any_store.read() as connection:
        after = mailboxes.get_mailbox(connection, inbox.id)
        assert after is not None
        assert (after.messages, after.unseen, after.uid_next) == (20, 0, 21)
        assert after.size == 20 * (len(MAIL) + len(b"Return-Path: <x@y.example>\r\n"))
        row = reading.placements(connection, inbox.id)[0]
        assert any_store.octets(connection, row.message_id) == b"Return-Path: <x@y.example>\r\n" + MAIL
        assert len(changes.changed_since(connection, inbox.id, 1)) == 20


def test_broadcast_is_one_message_for_all(any_store: Store) -> None:
    any_store.maildrop("first")
    content = any_store.prepare(MAIL)
    accounts = ["first", *(f"account{number}" for number in range(300))]
    reached = any_store.write(lambda tx: broadcast.deliver_to_accounts(tx, content, accounts)).result()
    assert reached == 301
    with any_store.read() as connection:
        for account in ("first", "account299"):
            inbox = mailboxes.find_mailbox(connection, account, "inbox")
            assert inbox is not None
            assert inbox.messages == 1
    # Who got an INBOX by broadcast gets the rest at the first login.
    any_store.maildrop("account7")
    with any_store.read() as connection:
        assert len(mailboxes.list_mailboxes(connection, "account7")) == 6


def test_numbers_as_texts_are_those_of_the_rows(any_store: Store) -> None:
    """Where only rows can be had (PostgreSQL, a reader's own \\Seen, many ranges) there are none."""
    inbox = any_store.maildrop("an")
    content = any_store.prepare(MAIL)
    for _ in range(30):
        any_store.write(lambda tx: messages.append(tx, content, [Target(inbox.id, ())])).result()
    any_store.write(lambda tx: messages.set_flags(tx, inbox.id, [(3, 9)], "add", ("\\Seen", "$K"))).result()
    any_store.write(lambda tx: messages.remove(tx, inbox.id, [(5, 6)])).result()
    columns = ("uid", "flags", "modseq")
    with any_store.read() as connection:
        for ranges in ([(1, 30)], [(20, 25), (2, 7)], [(5, 6)], [(100, 200)], [(9, 9), (100, 200)]):
            texts = reading.texts(connection, inbox.id, ranges, columns)
            rows = reading.tuples(connection, inbox.id, ranges, columns)
            if connection.dialect.name == "sqlite":
                assert texts is not None
                assert [tuple(map(int, row)) for row in zip(*texts, strict=True)] == rows
            else:
                assert texts is None
        reader = readers.ReadersMailbox(inbox.id, "binh", 1)
        assert reading.texts(connection, reader, [(1, 30)], columns) is None
        assert reading.texts(connection, inbox.id, [(uid, uid) for uid in range(1, 60, 2)], columns) is None
