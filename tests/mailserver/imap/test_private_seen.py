r"""\Seen as each reader's own: FETCH, SEARCH, STATUS, CONDSTORE, and what colleagues hear of each other's reading."""

from __future__ import annotations

import pytest

from mailserver.store import mailboxes, readers
from tests.mailserver.imap.talk import Direct

SHARED = '"Other Users/an/Files"'


@pytest.fixture
def three(services):
    """An, who owns Files, and its readers Binh and Dung; two messages, the first of which An has seen."""
    an, binh, dung = (Direct(services).log_in(f"{name}@city.vn") for name in ("an", "binh", "dung"))
    an.ok("CREATE Files")
    an.append(b"Subject: 1\r\n\r\nx\r\n", "Files", "(\\Seen)")
    for name in ("binh", "dung"):
        an.ok(f"SETACL Files {name} lrs")
    with services.store.read() as connection:
        files = mailboxes.find_mailbox(connection, "an", "Files").id
    services.store.write(lambda tx: readers.make_private(tx, files)).result()
    an.append(b"Subject: 2\r\n\r\nx\r\n", "Files")
    for client in (binh, dung):
        client.ok("ENABLE CONDSTORE IMAP4rev2")
    yield an, binh, dung
    for client in (an, binh, dung):
        client.close()


def test_one_reads_and_the_others_do_not_see_it(three):
    an, binh, dung = three
    lines = binh.ok(f"SELECT {SHARED}")
    # "s" is no flag that others see, so there is nothing to write (RFC 4314 §5.2) but one's own \Seen.
    assert lines[-1] == "t OK [READ-ONLY] SELECT completed"
    assert "* OK [PERMANENTFLAGS (\\Seen)] Flags permitted" in lines
    dung.ok(f"SELECT {SHARED}")
    assert "UID ALL 2" in binh.ok("UID SEARCH UNSEEN")[0]
    lines = binh.ok("FETCH 2 BODY[TEXT]")
    assert "FLAGS (\\Seen)" in "".join(lines)
    assert "UID ALL" not in binh.ok("UID SEARCH UNSEEN")[0]
    assert dung.ok("NOOP") == ["t OK NOOP completed"]
    assert "UID ALL 2" in dung.ok("UID SEARCH UNSEEN")[0]
    assert "UID ALL 2" in dung.ok("UID SEARCH NOT SEEN")[0]
    assert "UID ALL 1" in dung.ok("UID SEARCH OR SEEN SUBJECT nothing")[0]
    for client, name, unseen in ((an, "Files", 1), (binh, SHARED, 0), (dung, SHARED, 1)):
        assert f"(UNSEEN {unseen})" in client.ok(f"STATUS {name} (UNSEEN)")[0]
        listed = client.ok(f'LIST "" {name} RETURN (STATUS (UNSEEN))')
        assert f"(UNSEEN {unseen})" in listed[1]


def test_condstore_follows_each_reader(three):
    _, binh, dung = three
    start = int(next(line for line in binh.ok(f"SELECT {SHARED}") if "HIGHESTMODSEQ" in line).split()[3].rstrip("]"))
    binh.ok("STORE 1:2 -FLAGS.SILENT (\\Seen)")
    binh.ok("STORE 2 +FLAGS.SILENT (\\Seen)")
    other = Direct(binh.services).log_in("binh@city.vn")
    other.ok("ENABLE CONDSTORE")
    other.ok(f"EXAMINE {SHARED}")
    changed = other.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {start})")
    assert [line.split(" MODSEQ")[0] for line in changed[:-1]] == [
        "* 1 FETCH (UID 1 FLAGS ()",
        "* 2 FETCH (UID 2 FLAGS (\\Seen)",
    ]
    dung.ok(f"SELECT {SHARED}")
    assert dung.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {start})")[:-1] == []
    assert len([line for line in dung.ok("UID FETCH 1:* (FLAGS)") if "\\Seen" in line]) == 1
    # A conditional change is judged by the reader's own MODSEQ.
    assert "MODIFIED 2" in binh.ask(f"STORE 2 (UNCHANGEDSINCE {start}) -FLAGS (\\Seen)")[-1]
    assert "MODIFIED" not in dung.ok(f"STORE 2 (UNCHANGEDSINCE {start}) +FLAGS (\\Seen)")[-1]
    # Another session of the same reader is told.
    binh.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
    assert any(line.startswith("* 1 FETCH (UID 1 FLAGS (\\Seen)") for line in other.ok("NOOP"))
    other.close()


def test_shared_again(three, services):
    _, binh, dung = three
    binh.ok(f"SELECT {SHARED}")
    binh.ok("STORE 2 +FLAGS.SILENT (\\Seen)")
    with services.store.read() as connection:
        files = mailboxes.find_mailbox(connection, "an", "Files").id
    services.store.write(lambda tx: readers.make_shared(tx, files)).result()
    told = binh.ok("NOOP")
    assert any(line.startswith("* 2 FETCH (UID 2 FLAGS ()") for line in told), told
    binh.ok("STORE 2 +FLAGS.SILENT (\\Seen)")
    dung.ok(f"SELECT {SHARED}")
    assert "UID ALL" not in dung.ok("UID SEARCH UNSEEN")[0]


def test_a_copy_is_seen_by_who_made_it(three):
    an, binh, dung = three
    an.ok("SETACL Files binh lrsi")
    binh.append(b"Subject: 3\r\n\r\nx\r\n", SHARED, "(\\Seen \\Flagged)")
    binh.append(b"Subject: 4\r\n\r\nx\r\n", "INBOX", "(\\Seen)")
    binh.ok("SELECT INBOX")
    binh.ok(f"COPY 1 {SHARED}")
    for client, flags in ((binh, "\\Seen"), (dung, "")):
        client.ok(f"EXAMINE {SHARED}")
        lines = client.ok("FETCH 3:4 (FLAGS)")
        assert [line.split(" MODSEQ")[0] for line in lines[:-1]] == [
            f"* {number} FETCH (FLAGS ({flags})" for number in (3, 4)
        ]
