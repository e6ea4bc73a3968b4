"""Mailboxes: making, renaming, deleting, subscribing, and a UIDVALIDITY that never comes again."""

from __future__ import annotations

from typing import Any

import pytest

from mailserver.refusals import CannotDo, LimitReached, MailboxExists, NoSuchMailbox
from mailserver.store import Store, mailboxes, messages
from mailserver.store.mailboxes import STANDARD_MAILBOXES

STANDARD = ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"]


def test_a_new_account_has_the_standard_mailboxes(clerk: Any) -> None:
    assert clerk.names() == STANDARD
    for name, use in STANDARD_MAILBOXES:
        found = clerk.mailbox(name)
        assert (found.special_use, found.subscribed) == (use, True)
        assert (found.uid_next, found.messages, found.unseen, found.deleted, found.size) == (1, 0, 0, 0, 0)
        assert found.highest_modseq >= 1
        if use:
            assert clerk.ask(mailboxes.special_mailbox, "an", use) == found
    assert clerk.do(mailboxes.ensure_maildrop, "an") == clerk.inbox
    assert clerk.names() == STANDARD
    assert clerk.ask(mailboxes.list_subscribed, "an") == sorted(STANDARD)


def test_what_a_person_deleted_is_not_made_again(clerk: Any) -> None:
    clerk.do(mailboxes.delete_mailbox, "an", "Junk")
    clerk.do(mailboxes.ensure_maildrop, "an")
    assert clerk.store.maildrop("an") == clerk.inbox
    assert "Junk" not in clerk.names()


def test_a_maildrop_always_has_an_inbox(any_store: Store) -> None:
    """Also where the first thing anybody did to the account was to make another mailbox in it."""
    any_store.write(lambda tx: mailboxes.create_mailbox(tx, "moi", "Đã gửi", "\\Sent")).result()
    inbox = any_store.maildrop("moi")
    assert inbox.name == "INBOX"
    with any_store.read() as connection:
        assert [each.name for each in mailboxes.list_mailboxes(connection, "moi")][:1] == ["INBOX"]
        sent = mailboxes.special_mailbox(connection, "moi", "\\Sent")
        assert sent is not None
        assert sent.name == "Đã gửi"
    assert any_store.maildrop("moi") == inbox


def test_accounts_are_apart(any_store: Store, hire: Any) -> None:
    first, second = hire(any_store, "an"), hire(any_store, "binh")
    first.create("Chung")
    second.create("Chung")
    first.fill(2)
    assert second.mailbox().messages == 0
    assert {each.id for each in first.ask(mailboxes.list_mailboxes, "an")}.isdisjoint(
        each.id for each in first.ask(mailboxes.list_mailboxes, "binh")
    )
    second.do(mailboxes.delete_mailbox, "binh", "Chung")
    assert "Chung" in first.names()


def test_create_makes_the_parents_that_lack(clerk: Any) -> None:
    made = clerk.create("Dự án/2025/Cầu Thủ Thiêm")
    assert made.name == "Dự án/2025/Cầu Thủ Thiêm"
    assert clerk.names()[2:5] == ["Drafts", "Dự án", "Dự án/2025"]
    clerk.create("Dự án/2026")
    with pytest.raises(MailboxExists):
        clerk.create("Dự án")
    with pytest.raises(MailboxExists):
        clerk.create("inbox")
    assert clerk.create("inBOX/Con").name == "INBOX/Con"


def test_special_uses_are_known_ones_and_once_only(clerk: Any) -> None:
    with pytest.raises(CannotDo):
        clerk.do(mailboxes.create_mailbox, "an", "X", "\\Nonsense")
    with pytest.raises(CannotDo):
        clerk.do(mailboxes.create_mailbox, "an", "X", "\\Sent")
    clerk.do(mailboxes.delete_mailbox, "an", "Sent")
    assert clerk.ask(mailboxes.special_mailbox, "an", "\\Sent") is None
    clerk.do(mailboxes.create_mailbox, "an", "X", "\\Sent")
    assert clerk.mailbox("X").special_use == "\\Sent"


def test_lists_are_in_order_of_levels(clerk: Any) -> None:
    for name in ("b", "a/z", "a b", "INBOX/x", "a/y/1"):
        clerk.create(name)
    names = clerk.names()
    assert names[:1] == ["INBOX"]
    assert [name for name in names if name not in STANDARD] == ["INBOX/x", "a", "a/y", "a/y/1", "a/z", "a b", "b"]


# Rename


def test_rename_takes_the_children_along(clerk: Any, mail: Any) -> None:
    below = clerk.create("Cũ/Con/Cháu")
    clerk.create("Cũng")  # begins alike, is no child
    clerk.append(mail("ở lại"), below, flags=("k",))
    clerk.do(mailboxes.rename_mailbox, "an", "Cũ", "Mới/Đây")
    assert [name for name in clerk.names() if name not in STANDARD] == [
        "Cũng",
        "Mới",
        "Mới/Đây",
        "Mới/Đây/Con",
        "Mới/Đây/Con/Cháu",
    ]
    after = clerk.mailbox("Mới/Đây/Con/Cháu")
    assert (after.id, after.messages, after.keywords) == (below.id, 1, ("k",))
    assert clerk.octets(1, after) == mail("ở lại")
    assert after.uid_validity > below.uid_validity


def test_rename_refusals(clerk: Any) -> None:
    clerk.create("a/b")
    rename = mailboxes.rename_mailbox
    for old, new, kind in (
        ("nowhere", "x", NoSuchMailbox),
        ("a", "Sent", MailboxExists),
        ("a", "a", MailboxExists),
        ("a/b", "INBOX", MailboxExists),
        ("a", "a/b/c", CannotDo),
        ("a", "a/c", CannotDo),
        ("a", "", CannotDo),
        ("a", "x\x07y", CannotDo),
        ("INBOX", "a", MailboxExists),
    ):
        with pytest.raises(kind):
            clerk.do(rename, "an", old, new)
    assert [name for name in clerk.names() if name not in STANDARD] == ["a", "a/b"]


def test_rename_of_inbox_hands_its_messages_over(clerk: Any, mail: Any) -> None:
    """RFC 9051 §6.3.6"""
    child = clerk.create("INBOX/Con")
    clerk.append(mail("một"), flags=("\\Flagged", "k"))
    clerk.append(mail("hai"))
    clerk.do(mailboxes.rename_mailbox, "an", "inbox", "Lưu/2024")
    saved = clerk.mailbox("Lưu/2024")
    assert saved.messages == 2
    assert clerk.octets(2, saved) == mail("hai")
    assert clerk.flags(saved)[1] == {"\\Flagged", "k"}
    inbox = clerk.mailbox()
    assert (inbox.id, inbox.messages, inbox.uid_next) == (clerk.inbox.id, 0, 3)
    assert clerk.mailbox("INBOX/Con").id == child.id
    # An empty INBOX can be renamed too.
    clerk.do(mailboxes.rename_mailbox, "an", "INBOX", "Rỗng")
    assert clerk.mailbox("Rỗng").messages == 0


def test_subscriptions_follow_a_rename(clerk: Any) -> None:
    clerk.create("a/b")
    clerk.do(mailboxes.set_subscribed, "an", "a/b", True)
    clerk.do(mailboxes.rename_mailbox, "an", "a", "c")
    assert clerk.mailbox("c/b").subscribed
    assert not clerk.mailbox("c").subscribed
    assert "a/b" not in clerk.ask(mailboxes.list_subscribed, "an")


def test_rename_to_a_name_that_was_subscribed_already(clerk: Any) -> None:
    clerk.create("a")
    clerk.do(mailboxes.set_subscribed, "an", "a", True)
    clerk.do(mailboxes.set_subscribed, "an", "b", True)  # there is no such mailbox
    clerk.do(mailboxes.rename_mailbox, "an", "a", "b")
    assert clerk.mailbox("b").subscribed
    assert {"a", "b"} & set(clerk.ask(mailboxes.list_subscribed, "an")) == {"b"}


# Delete


def test_delete_takes_the_messages_along(clerk: Any) -> None:
    doomed = clerk.create("Xóa")
    clerk.fill(3, doomed)
    clerk.do(mailboxes.delete_mailbox, "an", "Xóa")
    assert clerk.ask(mailboxes.find_mailbox, "an", "Xóa") is None
    assert clerk.ask(mailboxes.get_mailbox, doomed.id) is None
    assert "Xóa" not in clerk.names()
    for change in (
        lambda tx: messages.set_flags(tx, doomed.id, [(1, 3)], "add", ["\\Seen"]),
        lambda tx: messages.expunge(tx, doomed.id),
        lambda tx: messages.remove(tx, doomed.id, [(1, 3)]),
    ):
        clerk.do(change)  # nothing is there
    content = clerk.store.prepare(b"Subject: x\r\n\r\n")
    with pytest.raises(NoSuchMailbox):
        clerk.do(messages.append, content, [messages.Target(doomed.id)])
    clerk.fill(1)
    with pytest.raises(NoSuchMailbox):
        clerk.do(messages.copy, clerk.inbox.id, [(1, 1)], doomed.id)


def test_delete_refusals(clerk: Any) -> None:
    clerk.create("a/b")
    for name, kind in (("INBOX", CannotDo), ("inbox", CannotDo), ("a", CannotDo), ("nowhere", NoSuchMailbox)):
        with pytest.raises(kind):
            clerk.do(mailboxes.delete_mailbox, "an", name)
    clerk.do(mailboxes.delete_mailbox, "an", "a/b")
    clerk.do(mailboxes.delete_mailbox, "an", "a")


def test_a_removed_mailbox_cannot_be_reached_by_its_hidden_name(clerk: Any) -> None:
    doomed = clerk.create("a")
    clerk.do(mailboxes.delete_mailbox, "an", "a")
    assert clerk.ask(mailboxes.find_mailbox, "an", f"a\x01{doomed.id}") is None
    with pytest.raises(CannotDo):
        clerk.create(f"a\x01{doomed.id}")


def test_uid_validity_never_comes_again(clerk: Any) -> None:
    seen = set()
    for _ in range(5):
        made = clerk.create("a")
        assert made.uid_validity not in seen
        assert made.uid_validity > max(seen, default=0)
        seen.add(made.uid_validity)
        clerk.fill(1, made)
        clerk.do(mailboxes.delete_mailbox, "an", "a")
    # Renamed over, and back.
    clerk.create("b")
    clerk.do(mailboxes.rename_mailbox, "an", "b", "a")
    renamed = clerk.mailbox("a").uid_validity
    assert renamed > max(seen)
    clerk.do(mailboxes.rename_mailbox, "an", "a", "b")
    clerk.create("a")
    assert clerk.mailbox("a").uid_validity > clerk.mailbox("b").uid_validity > renamed


def test_uid_validity_grows_though_the_clock_goes_back(timed_store: Store, hire: Any, clock: Any) -> None:
    clerk = hire(timed_store)
    first = clerk.create("a").uid_validity
    assert first >= clock.now
    clerk.do(mailboxes.delete_mailbox, "an", "a")
    clock.now -= 10_000_000
    second = clerk.create("a").uid_validity
    assert second > first
    # Still a number that a client takes: 32 bits (RFC 9051 §9, nz-number).
    assert second < 2**32


# Subscriptions


def test_subscriptions_are_names_whether_there_or_not(clerk: Any) -> None:
    clerk.do(mailboxes.set_subscribed, "an", "Chưa có", True)
    clerk.do(mailboxes.set_subscribed, "an", "Chưa có", True)
    assert "Chưa có" in clerk.ask(mailboxes.list_subscribed, "an")
    assert clerk.create("Chưa có").subscribed
    clerk.do(mailboxes.delete_mailbox, "an", "Chưa có")
    assert "Chưa có" in clerk.ask(mailboxes.list_subscribed, "an")  # RFC 9051 §6.3.7
    clerk.do(mailboxes.set_subscribed, "an", "inbox", False)
    assert not clerk.mailbox().subscribed
    clerk.do(mailboxes.set_subscribed, "an", "Chưa có", False)
    clerk.do(mailboxes.set_subscribed, "an", "Chưa có", False)
    assert "Chưa có" not in clerk.ask(mailboxes.list_subscribed, "an")


# Names


def test_one_vietnamese_name_in_two_normal_forms_is_one_mailbox(clerk: Any) -> None:
    composed, decomposed = "Dự án Đường sắt", "Du\u031b\u0323 a\u0301n \u0110u\u031bo\u031b\u0300ng sa\u0306\u0301t"
    assert composed != decomposed
    made = clerk.create(decomposed)
    assert made.name == composed
    assert clerk.ask(mailboxes.find_mailbox, "an", composed).id == made.id
    assert clerk.ask(mailboxes.find_mailbox, "an", decomposed).id == made.id
    with pytest.raises(MailboxExists):
        clerk.create(composed)
    clerk.do(mailboxes.set_subscribed, "an", decomposed, True)
    assert clerk.mailbox(composed).subscribed
    clerk.do(mailboxes.delete_mailbox, "an", decomposed)
    assert clerk.ask(mailboxes.find_mailbox, "an", composed) is None


def test_inbox_is_one_in_any_ascii_case_only(clerk: Any) -> None:
    assert clerk.ask(mailboxes.find_mailbox, "an", "iNbOx").id == clerk.inbox.id
    # RFC 9051 §5.1 speaks of US-ASCII letters: a dotless i, whose capital is I, names another mailbox.
    assert clerk.ask(mailboxes.find_mailbox, "an", "ınbox") is None
    assert clerk.create("ınbox").name == "ınbox"


def test_case_matters_elsewhere(clerk: Any) -> None:
    assert clerk.create("việc").id != clerk.create("Việc").id


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "a\x00b",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "\ud800",
        " a",
        "a /b",
        "a/ b",
        "..",
        "a/.",
    ],
)
def test_names_no_mailbox_may_have(clerk: Any, name: str) -> None:
    with pytest.raises(CannotDo):
        clerk.create(name)
    assert clerk.ask(mailboxes.find_mailbox, "an", name) is None
    assert clerk.names() == STANDARD


@pytest.mark.parametrize(
    "name",
    [
        "a*b%",
        'quo"te',
        "back\\slash",
        "&",
        "&AOk-",
        "~/x",
        "#news",
        "😀 vui",
        "a\u00a0b",
        "ẩ" * 100,
        "x" * 500,
        "a.b",
        "(x)",
        "{3}",
    ],
)
def test_names_that_are_odd_and_allowed(clerk: Any, name: str) -> None:
    made = clerk.create(name)
    assert made.name == name
    clerk.fill(1, made)
    assert clerk.mailbox(name).messages == 1


def test_names_too_long_or_too_deep(clerk: Any) -> None:
    for name in ("x" * 501, "ẩ" * 167, "/".join("x" * 21)):
        with pytest.raises(LimitReached):
            clerk.create(name)
        assert clerk.ask(mailboxes.find_mailbox, "an", name) is None
    clerk.create("/".join("x" * 20))
    clerk.create("y")
    with pytest.raises(LimitReached):  # its children would get too deep
        clerk.do(mailboxes.rename_mailbox, "an", "x", "y/x")


def test_there_is_a_last_mailbox(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "MAX_MAILBOXES", 9)
    clerk.create("a/b")
    with pytest.raises(LimitReached):
        clerk.create("c/d")
    clerk.create("c")
    with pytest.raises(LimitReached):
        clerk.create("d")
    with pytest.raises(LimitReached):
        clerk.do(mailboxes.rename_mailbox, "an", "c", "e/f")
    assert clerk.names()[6:] == ["a", "a/b", "c"][:0] + clerk.names()[6:]
    assert {"a", "a/b", "c"} <= set(clerk.names())
