"""What other servers got wrong, as criteria.  The numbers are of the list of pitfalls that this was built against.

Each test names the fault; where a dialogue or another test file already holds it fast, it is not repeated here.
"""

from __future__ import annotations

import re
import threading
import unicodedata

import pytest

from mailserver.store import mailboxes, messages
from mailserver.store.messages import Target
from tests.mailserver.imap.talk import Direct, make_services


def code(line, name):
    match = re.search(rf"\[{name} ([^\]]+)\]", line)
    assert match, line
    return match[1]


def uid_validity(client, mailbox):
    lines = client.ok(f"STATUS {mailbox} (UIDVALIDITY)")
    return int(re.search(r"UIDVALIDITY (\d+)", lines[0])[1])


# 1. UIDVALIDITY grows when a name is used again


def test_uid_validity_grows_for_a_name_used_again(an):
    an.ok("CREATE x")
    seen = [uid_validity(an, "x")]
    for _ in range(3):
        an.ok("DELETE x")
        an.ok("CREATE x")
        seen.append(uid_validity(an, "x"))
    an.ok("CREATE y")
    an.ok("DELETE x")
    an.ok("RENAME y x")
    seen.append(uid_validity(an, "x"))
    assert seen == sorted(set(seen))


def test_a_recreated_mailbox_is_empty_and_another(an):
    an.ok("CREATE x")
    an.append(b"a: b\r\n", "x")
    first = an.ok("STATUS x (MAILBOXID)")[0]
    an.ok("DELETE x")
    an.ok("CREATE x")
    assert an.ok("STATUS x (MESSAGES)")[0] == '* STATUS "x" (MESSAGES 0)'
    assert an.ok("STATUS x (MAILBOXID)")[0] != first


# 2. UIDs in order; UIDNEXT and EXISTS agree at SELECT


def test_no_session_sees_a_higher_uid_before_a_lower(office, services, connect):
    """Four writers at once; a client that looks again and again never finds a UID below one it has seen."""
    watcher = connect()
    watcher.ok("SELECT INBOX")
    store = office.store
    with store.read() as connection:
        inbox = mailboxes.find_mailbox(connection, "an", "INBOX").id

    def deliver():
        for number in range(15):
            content = store.prepare(b"Subject: %d\r\n\r\nx\r\n" % number)
            store.write(lambda tx: messages.append(tx, content, [Target(inbox)])).result(20)  # noqa: B023

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    highest, known = 0, []
    while any(thread.is_alive() for thread in threads) or len(known) < 60:
        lines = watcher.ok(f"UID FETCH {highest + 1}:* (UID)")
        fresh = [int(uid) for line in lines for uid in re.findall(r"FETCH \(UID (\d+)\)", line) if int(uid) > highest]
        assert fresh == sorted(fresh)
        known += fresh
        highest = max([highest, *fresh])
        selected = connect_quickly(services)
        try:
            lines = selected.ok("SELECT INBOX")
            exists = next(int(line.split()[1]) for line in lines if line.endswith("EXISTS"))
            uid_next = next(int(code(line, "UIDNEXT")) for line in lines if "UIDNEXT" in line)
            uids = [int(uid) for line in selected.ok("UID SEARCH ALL")[:1] for uid in line.split()[2:]]
            assert len(uids) >= exists
            assert uids[:exists] == sorted(uids)[:exists]
            assert uid_next == (uids[exists - 1] + 1 if exists else 1)
        finally:
            selected.close()
    for thread in threads:
        thread.join()
    assert known == list(range(1, 61))


def connect_quickly(services):
    return Direct(services).log_in()


# 3. MODSEQ is monotone and told


def test_modseq_grows_with_every_kind_of_change(an):
    seen = [0]

    def look():
        line = an.ok("STATUS INBOX (HIGHESTMODSEQ)")
        seen.append(int(re.search(r"HIGHESTMODSEQ (\d+)", " ".join(line))[1]))

    look()
    an.append(b"a: b\r\n")
    look()
    an.ok("SELECT INBOX")
    for command in ("STORE 1 +FLAGS (\\Seen)", "COPY 1 INBOX", "STORE 2 +FLAGS ($New)", "MOVE 2 INBOX"):
        an.ok(command)
        look()
    an.ok("STORE 1 +FLAGS (\\Deleted)")
    look()
    an.ok("EXPUNGE")
    look()
    assert seen == sorted(set(seen))
    before = seen[-1]
    an.ok("STORE 1 -FLAGS (\\Flagged)")  # not set: no change (RFC 7162 §3.1.11)
    look()
    assert seen[-1] == before


# 4. Expunges are held back: tests/dialogues/imap/two-sessions.txt, test_histories.py


# 5. Flag changes of two sessions do not lose each other


@pytest.mark.parametrize("manner", ["", "CONDSTORE", "QRESYNC"])
def test_a_silent_change_hides_nothing_of_what_others_did(connect, manner):
    """RFC 9051 §6.4.6: .SILENT is about the client's own change; what it could not know is told."""
    one, two = connect(), connect()
    one.append(b"a: b\r\n", flags="(\\Flagged)")
    if manner:
        one.ok(f"ENABLE {manner}")
    one.ok("SELECT INBOX")
    two.ok("SELECT INBOX")
    two.ok("STORE 1 -FLAGS (\\Flagged)")
    told = one.ok("UID STORE 1 +FLAGS.SILENT (\\Answered)") + one.ok("NOOP")
    assert any("FLAGS (\\Answered" in line for line in told), told


def test_flags_of_two_sessions_add_up(connect):
    one, two = connect(), connect()
    one.append(b"a: b\r\n")
    one.ok("SELECT INBOX")
    two.ok("SELECT INBOX")
    one.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
    two.ok("STORE 1 +FLAGS.SILENT (\\Flagged)")
    one.ok("STORE 1 +FLAGS.SILENT ($A)")
    two.ok("STORE 1 -FLAGS.SILENT (\\Seen)")
    for client, recent in ((one, "\\Recent "), (two, "")):
        client.ok("NOOP")
        assert client.ok("FETCH 1 FLAGS")[-2] == f"* 1 FETCH (FLAGS (\\Flagged {recent}$A))"


# 6. All or nothing


def test_multiappend_over_quota_appends_nothing(an, office, clock):
    from tests.mailserver.mailroom import set_quota

    set_quota(office, "an", 1000)
    clock.pass_by(120)
    message = b"a: b\r\n\r\n" + b"x" * 600
    literal = b" {%d+}\r\n%b" % (len(message), message)
    assert an.ask(b"APPEND INBOX" + literal + literal)[-1].startswith("t NO [OVERQUOTA]")
    assert an.ok("STATUS INBOX (MESSAGES UIDNEXT)")[0] == "* STATUS INBOX (MESSAGES 0 UIDNEXT 1)"
    an.ok(b"APPEND INBOX" + literal)
    an.ok("SELECT INBOX")
    assert an.ask("COPY 1 Archive")[-1].startswith("t NO [OVERQUOTA]")
    # A move needs no room.
    an.ok("MOVE 1 Archive")
    assert an.ok("STATUS Archive (MESSAGES)")[0] == '* STATUS "Archive" (MESSAGES 1)'


def test_copy_of_a_message_already_there_is_no_failure(an):
    an.append(b"a: b\r\n")
    an.ok("SELECT INBOX")
    for expected in (1, 2, 3):
        assert code(an.ok("COPY 1 Archive")[-1], "COPYUID").split()[1:] == ["1", str(expected)]


# 7. Counters: the make_store fixture compares them with the rows after every test here.


def test_counters_follow(an):
    for flags in ("", "(\\Seen)", "(\\Deleted)", "(\\Seen \\Deleted)"):
        an.append(b"a: b\r\n", flags=flags)
    status = "STATUS INBOX (MESSAGES UNSEEN DELETED SIZE DELETED-STORAGE)"
    assert an.ok(status)[0] == "* STATUS INBOX (MESSAGES 4 UNSEEN 2 DELETED 2 SIZE 24 DELETED-STORAGE 12)"
    an.ok("SELECT INBOX")
    an.ok("FETCH 1 BODY[]")
    an.ok("EXPUNGE")
    assert an.ok(status)[0] == "* STATUS INBOX (MESSAGES 2 UNSEEN 0 DELETED 0 SIZE 12 DELETED-STORAGE 0)"


# 10. STARTTLS: test_shell_tls.py.  11. Memory before login: test_shell.py, grammar/test_framing.py


def test_bad_base64_hurts_nobody_else(services, connect):
    stranger = Direct(services)
    stranger.send(b"a AUTHENTICATE PLAIN\r\n")
    assert b"a BAD" in stranger.send(b"\xff\xfe===\r\n")
    connect().ok("NOOP")
    stranger.close()


def test_parentheses_without_end(an):
    an.ok("SELECT INBOX")
    assert an.ask(b"SEARCH " + b"(" * 60_000)[-1] == "t BAD The search is too large"
    assert an.ask(b"SEARCH " + b"NOT " * 15_000 + b"ALL")[-1] == "t BAD The search is too large"
    assert an.ask(b"FETCH 1 BODY[" + b"1." * 10_000 + b"1]")[-1] == "t BAD Too deeply nested"
    assert an.ask(b"ID (" + b'"a" "b" ' * 5000 + b")")[-1] == "t BAD Too many ID fields"
    an.ok("NOOP")


# 12, 13, 16. Odd messages are kept as they are and never raise


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n",
        b"x",
        b"Subject: =?utf-8?q?=ff=fe?= =?nonsense?b?!!!?=\r\nFrom: <>\r\nTo: a: b, c;\r\n\r\n\xff\xfe\x80",
        b"Content-Type: text/plain; charset=utf-16\r\n\r\nodd",
        b"Content-Type: text/plain; charset=x-unknown-9\r\n\r\n\xe1\xbb\x87",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n--b--\r\n",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n=====!!!!",
        b"Subject: " + b"x" * 100_000 + b"\r\n\r\n",
        b"To: " + b"a@b, " * 5000 + b"c@d\r\n\r\n",
        b"Subject: caf\xc3\r\n\r\n\xc3",  # UTF-8 cut short
    ],
)
def test_odd_messages(an, octets):
    an.append(octets)
    an.ok("SELECT INBOX")
    answer = an.send(b"t FETCH 1 (RFC822.SIZE BODY.PEEK[])\r\n")
    assert b"BODY[] {%d}\r\n%b)" % (len(octets), octets) in answer
    for command in (
        "FETCH 1 (ENVELOPE BODYSTRUCTURE BODY PREVIEW BODY.PEEK[1] BODY.PEEK[1.1] BODY.PEEK[HEADER] BODY.PEEK[1.MIME])",
        "SEARCH TEXT zzz",
        "SEARCH BODY zzz",
        "SEARCH HEADER Subject x FROM y TO z CC q",
        "SEARCH SENTSINCE 1-Jan-2000",
    ):
        an.ok(command)


def test_an_unknown_transfer_encoding_is_said_to_be_one(an):
    an.append(b"Content-Transfer-Encoding: x-nonsense\r\n\r\nabc\r\n")
    an.ok("SELECT INBOX")
    assert an.ask("FETCH 1 BINARY.PEEK[1]")[-1].startswith("t NO [UNKNOWN-CTE]")
    assert an.ok("FETCH 1 BODY.PEEK[1]")[0] == "* 1 FETCH (BODY[1] {5}"


def test_decoded_parts(an):
    an.append(b"Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECgP8=\r\n")
    an.ok("SELECT INBOX")
    answer = an.send(b"t FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1] BINARY.PEEK[1]<1.2> BINARY.PEEK[7])\r\n")
    assert answer.startswith(
        b"* 1 FETCH (BINARY[1] ~{5}\r\n\x00\x01\x02\x80\xff BINARY.SIZE[1] 5"
        b" BINARY[1]<1> {2}\r\n\x01\x02 BINARY[7] NIL)\r\n"
    )


def test_nul_only_in_binary_and_not_into_the_store(an):
    assert an.ask(b"APPEND INBOX {3+}\r\na\x00b")[-1].startswith("t NO [CANNOT]")
    assert an.ask(b"APPEND INBOX ~{3+}\r\na\x00b")[-1].startswith("t NO [UNKNOWN-CTE]")
    an.ok(b"APPEND INBOX ~{6+}\r\na: b\r\n")


def test_nul_that_came_by_mail_leaves_no_nul_in_a_literal(an, office):
    with office.store.read() as connection:
        inbox = mailboxes.find_mailbox(connection, "an", "INBOX").id
    content = office.store.prepare(b"a: b\r\n\r\nx\x00y")
    office.store.write(lambda tx: messages.append(tx, content, [Target(inbox)])).result()
    an.ok("SELECT INBOX")
    assert b"BODY[] {11}\r\na: b\r\n\r\nx\x80y)" in an.send(b"t FETCH 1 BODY.PEEK[]\r\n")


# 15. Patterns and searches take no time out of proportion: test_patterns.py


# 17. ENVELOPE and BODYSTRUCTURE stay 7-bit


def test_structures_are_seven_bit(an):
    an.append(
        'From: "Nguyễn" <an@city.vn>\r\nSubject: Họp\r\nContent-Type: text/plain; name="tệp.txt"\r\n\r\nx'.encode()
    )
    an.ok("SELECT INBOX")
    assert an.send(b"t FETCH 1 (ENVELOPE BODY BODYSTRUCTURE)\r\n").isascii()


def test_search_terms_in_utf8_need_no_charset(an):
    an.append(b"Subject: =?utf-8?q?H=E1=BB=8Dp?=\r\n\r\nx")
    an.ok("SELECT INBOX")
    for form in ("NFC", "NFD"):
        word = unicodedata.normalize(form, "họp").encode()
        for command in (b'SEARCH SUBJECT "%b"' % word, b"SEARCH SUBJECT {%d+}\r\n%b" % (len(word), word)):
            assert an.ok(command)[0] == "* SEARCH 1"


# 18. Mailbox names


def test_one_mailbox_in_any_form_of_unicode(an):
    an.ok("ENABLE UTF8=ACCEPT")
    composed, decomposed = (unicodedata.normalize(form, "Dự án ☃ 😀 &") for form in ("NFC", "NFD"))
    an.ok(f'CREATE "{decomposed}"')
    assert an.ask(f'CREATE "{composed}"')[-1].startswith("t NO [ALREADYEXISTS]")
    assert an.ok(f'LIST "" "{decomposed}"')[0] == f'* LIST (\\HasNoChildren) "/" "{composed}"'
    an.append(b"a: b\r\n", f'"{decomposed}"')
    assert an.ok(f'STATUS "{composed}" (MESSAGES)')[0].endswith("(MESSAGES 1)")


@pytest.mark.parametrize(
    "name", ['"a\tb"', '""', '"/"', '"/a"', '"a//b"', '" a"', '".."', '"' + "x" * 600 + '"', "{2+}\r\na\n"]
)
def test_names_no_mailbox_may_have(an, name):
    answer = an.ask(f"CREATE {name}")[-1]
    assert answer.startswith(("t NO [CANNOT]", "t NO [LIMIT]")), answer


def test_inbox_in_any_case_with_children(an):
    an.ok("CREATE iNbOx/Viec")
    assert an.ok('LIST "" "InBoX/%"')[0] == '* LIST (\\HasNoChildren) "/" "INBOX/Viec"'
    an.append(b"a: b\r\n", "inbox/Viec")
    an.ok("SELECT INBOX/Viec")


# 25. Clients lie


def test_done_without_idle_and_idle_cut_short(an):
    assert an.send(b"DONE\r\n") == b"* BAD Expected a tag and a command\r\n"
    # iOS pipelines behind IDLE.
    assert an.send(b"i IDLE\r\nDONE\r\nn NOOP\r\n") == b"+ idling\r\ni OK IDLE completed\r\nn OK NOOP completed\r\n"


def test_a_fault_of_ours_has_a_reference(office, caplog):
    """What must not happen is answered with a number that is in the log, and the session lives on."""
    services = make_services(office, new_reference=lambda: "abc123")
    client = Direct(services).log_in()
    client.append(b"a: b\r\n")
    client.ok("SELECT INBOX")
    with office.store.database.engine.sql.connect() as connection:
        connection.exec_driver_sql("DELETE FROM message_octets")
    try:
        assert client.ask("FETCH 1 BODY.PEEK[]")[-1].startswith("t NO")
        client.ok("FETCH 1 ENVELOPE")
    finally:
        client.close()
        with office.store.database.engine.sql.connect() as connection:
            connection.exec_driver_sql(
                "INSERT INTO message_octets (message_id, format, prefix_size, trace, text) "
                "SELECT id, 0, 0, CAST('' AS BLOB), CAST('' AS BLOB) FROM message"
            )


def test_a_keyword_that_another_session_made_is_found(connect):
    one, two = connect(), connect()
    one.append(b"a: b\r\n")
    two.ok("SELECT INBOX")
    one.ok("SELECT INBOX")
    one.ok("STORE 1 +FLAGS.SILENT ($New)")
    lines = two.ok("SEARCH KEYWORD $new")
    assert lines[0].endswith("$New)")
    assert lines[1] == "* SEARCH 1"


def test_an_idle_that_fails_is_over(an, monkeypatch, caplog):
    """Its answer has come; the next line is a command, not its DONE."""
    an.ok("SELECT INBOX")

    def fail(*_arguments, **_options):
        raise RuntimeError("on purpose")

    with monkeypatch.context() as broken:
        broken.setattr(type(an.session.view), "is_current", fail)
        assert an.ask("IDLE")[-1].startswith("t NO [SERVERBUG]")
    assert an.ask("NOOP") == ["t OK NOOP completed"]
    assert "on purpose" in caplog.text
