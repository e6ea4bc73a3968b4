r"""Each reader's own \Seen: a shared mailbox in which what one has read is news to the other."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailserver.store import changes, mailboxes, messages, readers, reading, unseen
from mailserver.store.flags import DELETED, FLAGGED, SEEN
from mailserver.store.messages import Target

MAIL = b"From: a@b\r\nSubject: x\r\n\r\nbody\r\n"


@pytest.fixture
def store(any_store):
    return any_store


@pytest.fixture
def inbox(store):
    return store.maildrop("unit").id


def put(store, mailbox_id, flags=()):
    content = store.prepare(MAIL)
    return store.write(lambda tx: messages.append(tx, content, [Target(mailbox_id, flags)])).result()[0].uid


def flags_of(store, key):
    with store.read() as connection:
        return dict(map(tuple, reading.fetch(connection, key, reading.EVERYTHING, ("uid", "flags"))))


def keys(store, mailbox_id, *names):
    with store.read() as connection:
        return [readers.key_of(connection, mailbox_id, name) for name in names]


def test_what_was_seen_before_stays_seen_and_what_comes_is_new_to_each(store, inbox, monkeypatch):
    old, unread = put(store, inbox, ("\\Seen",)), put(store, inbox)
    assert keys(store, inbox, "an") == [inbox]
    store.write(lambda tx: readers.make_private(tx, inbox)).result()
    new = put(store, inbox)
    an, binh = keys(store, inbox, "an", "binh")
    assert an == inbox
    assert flags_of(store, an) == {old: SEEN, unread: 0, new: 0}
    store.write(lambda tx: messages.set_flags(tx, an, [(new, new)], "add", ("\\Seen", "\\Flagged"))).result()
    assert flags_of(store, an) == {old: SEEN, unread: 0, new: SEEN | FLAGGED}
    assert flags_of(store, binh) == {old: SEEN, unread: 0, new: FLAGGED}
    assert flags_of(store, inbox) == {old: SEEN, unread: 0, new: FLAGGED}
    with store.read() as connection:
        assert [readers.unseen(connection, each) for each in (an, binh)] == [1, 2]
        counts = [(an, 1), (binh, 2)]
        assert [unseen.first_unseen(connection, each, messages=3, unseen=count) for each, count in counts] == [2, 2]
        monkeypatch.setattr(unseen, "WINDOW", 1)
        # The owner has seen the newest; to the reader it is new, but not all that is.
        assert [unseen.first_unseen(connection, each, messages=3, unseen=count) for each, count in counts] == [
            None,
            None,
        ]
    store.write(lambda tx: readers.make_shared(tx, inbox)).result()
    assert flags_of(store, inbox) == {old: SEEN, unread: 0, new: FLAGGED}


def test_the_change_log_of_each_reader(store, inbox):
    first, second = put(store, inbox), put(store, inbox)
    store.write(lambda tx: readers.make_private(tx, inbox)).result()
    an, binh = keys(store, inbox, "an", "binh")
    with store.read() as connection:
        start = changes.state(connection, inbox).highest_modseq
    done = store.write(lambda tx: messages.set_flags(tx, an, [(first, second)], "add", ("\\Seen",))).result()
    assert [(uid, mask) for uid, mask, _ in done.changed] == [(first, SEEN), (second, SEEN)]
    with store.read() as connection:
        now = changes.state(connection, inbox).highest_modseq
        assert changes.changed_since(connection, an, start) == [(first, SEEN, now), (second, SEEN, now)]
        assert changes.changed_since(connection, binh, start) == []
        assert changes.changed_since(connection, an, now) == []
    # UNCHANGEDSINCE is judged by what the reader sees.
    done = store.write(lambda tx: messages.set_flags(tx, an, [(1, 9)], "remove", ("\\Seen",), start)).result()
    assert [uid for uid, _, _ in done.refused] == [first, second]
    done = store.write(lambda tx: messages.set_flags(tx, binh, [(1, 9)], "add", ("\\Seen",), start)).result()
    assert done.refused == []


def test_copies_and_appended_messages_are_seen_by_who_made_them(store, inbox):
    store.write(lambda tx: readers.make_private(tx, inbox)).result()
    an, binh = keys(store, inbox, "an", "binh")
    uid = put(store, an, ("\\Seen", "\\Flagged"))
    assert flags_of(store, an) == {uid: SEEN | FLAGGED}
    assert flags_of(store, binh) == {uid: FLAGGED}
    own = store.maildrop("an").id
    store.write(lambda tx: messages.copy(tx, an, [(uid, uid)], own)).result()
    assert flags_of(store, own) == {1: SEEN | FLAGGED}
    store.write(lambda tx: messages.move(tx, own, [(1, 1)], an, allowed=SEEN)).result()
    assert flags_of(store, an) == {uid: SEEN | FLAGGED, uid + 1: SEEN}
    assert flags_of(store, binh) == {uid: FLAGGED, uid + 1: 0}


def test_deleting_a_mailbox_forgets_its_readers(store):
    store.maildrop("unit")
    made = store.write(lambda tx: mailboxes.create_mailbox(tx, "unit", "A")).result()
    store.write(lambda tx: readers.make_private(tx, made.id)).result()
    below = store.write(lambda tx: mailboxes.create_mailbox(tx, "unit", "A/b")).result()
    assert keys(store, below.id, "an")[0].since_uid == 1
    put(store, keys(store, made.id, "an")[0], ("\\Seen",))
    for name in ("A/b", "A"):
        store.write(lambda tx, name=name: mailboxes.delete_mailbox(tx, "unit", name)).result()
    assert keys(store, made.id, "an") == [made.id]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["an", "binh", "unit"]),
        st.sampled_from(["add", "remove", "replace", "append", "expunge", "private", "shared"]),
        st.integers(1, 4),
        st.sets(st.sampled_from(["\\Seen", "\\Flagged", "\\Deleted"])),
    ),
    max_size=25,
)


class Model:
    """Who has seen what, told plainly."""

    def __init__(self):
        self.shared, self.own, self.since = {}, {}, None

    def mask(self, reader, uid):
        mask = self.shared[uid]
        if self.since is None or reader == "unit":
            return mask
        seen = self.own.get((reader, uid), bool(mask & SEEN) if uid < self.since else False)
        return mask & ~SEEN | (SEEN if seen else 0)

    def put(self, reader, uid, mask):
        if self.since is None or reader == "unit":
            self.shared[uid] = mask
            return
        if uid not in self.shared or (mask ^ self.mask(reader, uid)) & SEEN:
            self.own[reader, uid] = bool(mask & SEEN)
        self.shared[uid] = mask & ~SEEN | self.shared.get(uid, 0) & SEEN


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_against_a_model(store, steps):
    """Every reader's flags, count of unseen, and cache fed from the change log are what the model says."""
    bits = {"\\Seen": SEEN, "\\Flagged": FLAGGED, "\\Deleted": DELETED}
    name = f"m{store.write(lambda tx: mailboxes.take_numbers(tx, 'mailbox', 1)).result()}"
    box = store.write(lambda tx: mailboxes.create_mailbox(tx, "unit", name)).result().id
    model = Model()
    caches = {reader: ({}, 1) for reader in ("an", "binh")}
    for reader, what, uid, flags in steps:
        key = box if reader == "unit" else keys(store, box, reader)[0]
        mask = sum(bits[flag] for flag in flags)
        if what == "append":
            model.put(reader, put(store, key, flags), mask)
        elif what == "expunge":
            store.write(lambda tx, key=key: messages.expunge(tx, key)).result()
            model.shared = {each: bit for each, bit in model.shared.items() if not bit & DELETED}
        elif what == "private":
            store.write(lambda tx: readers.make_private(tx, box)).result()
            with store.read() as connection:
                uid_next = changes.state(connection, box).uid_next
            model.since = uid_next if model.since is None else model.since
        elif what == "shared":
            store.write(lambda tx: readers.make_shared(tx, box)).result()
            model.since, model.own = None, {}
        elif uid in model.shared:
            ranges = [(uid, uid)]
            store.write(
                lambda tx, key=key, what=what, ranges=ranges, flags=flags: messages.set_flags(
                    tx, key, ranges, what, flags
                )
            ).result()
            before = model.mask(reader, uid)
            model.put(reader, uid, {"add": before | mask, "remove": before & ~mask, "replace": mask}[what])
        for each in ("an", "binh"):
            wanted = {at: model.mask(each, at) for at in model.shared}
            key = keys(store, box, each)[0]
            assert flags_of(store, key) == wanted
            cache, modseq = caches[each]
            with store.read() as connection:
                cache.update({at: bit for at, bit, _ in changes.changed_since(connection, key, modseq)})
                for gone in changes.vanished_since(connection, key, modseq):
                    cache.pop(gone, None)
                caches[each] = (cache, changes.state(connection, box).highest_modseq)
                if model.since is not None:
                    assert readers.unseen(connection, key) == sum(not bit & SEEN for bit in wanted.values())
            assert cache == wanted, (each, what)
