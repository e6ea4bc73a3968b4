"""Access control lists and annotations as they are kept, on both engines."""

from __future__ import annotations

import pytest

from mailserver.refusals import LimitReached
from mailserver.store import mailboxes, metadata, rights
from mailserver.store.metadata import AnnotationTooLarge, TooManyAnnotations
from mailserver.store.rights import Entry


@pytest.fixture
def store(any_store):
    return any_store


def entries(store, mailbox_id):
    with store.read() as connection:
        return [
            (each.identifier, each.negative, "".join(sorted(each.rights)))
            for each in rights.entries(connection, mailbox_id)
        ]


def values(store, mailbox_id, account_id="an"):
    with store.read() as connection:
        return metadata.values(connection, mailbox_id, account_id)


def make(store, name):
    return store.write(lambda tx: mailboxes.create_mailbox(tx, "an", name)).result().id


def test_entries_replace_each_other_and_go_with_the_mailbox(store):
    store.maildrop("an")
    files = make(store, "Files")
    for entry in (
        Entry("a:binh", False, frozenset("lrx")),
        Entry("a:binh", True, frozenset("x")),
        Entry("anyone", False, frozenset("l")),
        Entry("a:binh", False, frozenset("lr")),
        Entry("anyone", False, frozenset()),
    ):
        store.write(lambda tx, entry=entry: rights.set_entry(tx, files, entry)).result()
    assert entries(store, files) == [("a:binh", False, "lr"), ("a:binh", True, "x")]
    # What is made below begins with the same list, also where levels between were lacking (RFC 4314 §4).
    below = make(store, "Files/2026/Mai")
    assert entries(store, below) == entries(store, files)
    with store.read() as connection:
        between = mailboxes.find_mailbox(connection, "an", "Files/2026").id
        assert rights.shared_with(connection, ["a:binh"]) == ["an"]
        assert rights.shared_with(connection, ["anyone", "a:chi"]) == []
        assert rights.taken_from(connection, "an") == ["a:binh"]
    assert entries(store, between) == entries(store, files)
    # A name of its own has a list of its own; renaming changes no list.
    store.write(lambda tx: mailboxes.rename_mailbox(tx, "an", "Files/2026", "Done")).result()
    assert entries(store, below) == entries(store, files)
    store.write(lambda tx: mailboxes.delete_mailbox(tx, "an", "Files")).result()
    assert entries(store, files) == []
    assert entries(store, make(store, "Files")) == []


def test_a_list_has_an_end(store):
    inbox = store.maildrop("an").id

    def fill(tx):
        for number in range(rights.MAX_ENTRIES):
            rights.set_entry(tx, inbox, Entry(f"a:{number}", False, rights.ALL))

    store.write(fill).result()
    with pytest.raises(LimitReached):
        store.write(lambda tx: rights.set_entry(tx, inbox, Entry("anyone", False, rights.ALL))).result()
    store.write(lambda tx: rights.set_entry(tx, inbox, Entry("a:1", False, frozenset("l")))).result()
    assert ("a:1", False, "l") in entries(store, inbox)


def test_annotations_are_all_set_or_none(store):
    inbox = store.maildrop("an").id

    def change(wanted, account_id="an", mailbox_id=inbox):
        store.write(lambda tx: metadata.change(tx, mailbox_id, account_id, wanted)).result()

    change({"/private/comment": b"mine", "/shared/comment": b"ours\x00"})
    change({"/private/comment": b"his"}, "binh")
    assert values(store, inbox) == {"/private/comment": b"mine", "/shared/comment": b"ours\x00"}
    assert values(store, inbox, "binh") == {"/private/comment": b"his", "/shared/comment": b"ours\x00"}
    for fault, wanted in (
        (AnnotationTooLarge, {"/private/vendor/a/b": b"x", "/shared/comment": b"x" * (metadata.MAX_VALUE + 1)}),
        (TooManyAnnotations, {f"/private/vendor/a/{number}": b"x" for number in range(metadata.MAX_ENTRIES)}),
    ):
        with pytest.raises(fault):
            change(wanted)
        assert values(store, inbox) == {"/private/comment": b"mine", "/shared/comment": b"ours\x00"}
    change({"/private/comment": None, "/private/none": None})
    assert values(store, inbox) == {"/shared/comment": b"ours\x00"}
    # The server's, and the change log.
    with store.read() as connection:
        start = metadata.latest(connection)
    change({"/shared/comment": b"all"}, mailbox_id=metadata.SERVER)
    change({"/shared/comment": None, "/private/comment": b"x"})
    with store.read() as connection:
        assert metadata.changed_since(connection, start, "an", 9) == [
            (metadata.SERVER, "/shared/comment"),
            (inbox, "/private/comment"),
            (inbox, "/shared/comment"),
        ]
        assert metadata.changed_since(connection, start, "binh", 9) == [
            (metadata.SERVER, "/shared/comment"),
            (inbox, "/shared/comment"),
        ]
        assert metadata.changed_since(connection, metadata.latest(connection), "an", 9) == []


def test_names_that_were_removed_are_forgotten_in_the_end(store):
    inbox = store.maildrop("an").id
    for start in range(0, 3 * metadata.MAX_ENTRIES, 50):
        names = [f"/private/vendor/a/{number}" for number in range(start, start + 50)]
        for value in (b"x", None):
            wanted = dict.fromkeys(names, value)
            store.write(lambda tx, wanted=wanted: metadata.change(tx, inbox, "an", wanted)).result()
    assert values(store, inbox) == {}
    with store.read() as connection:
        assert len(metadata.changed_since(connection, 0, "an", 1000)) == metadata.MAX_ENTRIES
