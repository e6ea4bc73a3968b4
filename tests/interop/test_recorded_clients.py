"""Programs that tests cannot start, by their own sequence of commands: Thunderbird, Apple's Mail, Outlook, K-9.

Each test is a session as the program has it with a server, octet for octet in what matters: spelling, order, quoting,
literals, pipelining.
"""

from __future__ import annotations

import base64
import re

import pytest

from tests.interop.conftest import Letter, Official
from tests.interop.wire import Wire
from tests.live import LiveServer

UIDS = re.compile(rb"UID (\d+)")


def uids_of(matches: list[re.Match[bytes]]) -> list[int]:
    return [int(found[1]) for match in matches if (found := UIDS.search(match.string))]


def plain_response(official: Official) -> bytes:
    return base64.b64encode(f"\0{official.address}\0{official.password}".encode())


@pytest.fixture
def filled(official: Official, letter: Letter) -> list[bytes]:
    """Five messages in the INBOX, the first two read."""
    sent = [letter("khach@ngoai.example", official.address, f"Thư số {number}") for number in range(1, 6)]
    for number, octets in enumerate(sent):
        official.append(octets, flags=r"\Seen" if number < 2 else "")
    return sent


@pytest.mark.parametrize("starttls", [False, True], ids=["TLS", "STARTTLS"])
def test_thunderbird(
    server: LiveServer, official: Official, filled: list[bytes], letter: Letter, starttls: bool
) -> None:
    with Wire(server, starttls=starttls) as wire:
        assert wire.greeting.startswith(b"* OK ")
        capabilities = wire.command("capability").find(rb"^\* CAPABILITY (.*)")[1].split()
        assert {b"IMAP4rev1", b"SASL-IR", b"AUTH=PLAIN", b"ID"} <= set(capabilities)
        # AUTHENTICATE PLAIN with an initial response, as SASL-IR allows
        answer = wire.command(b"authenticate PLAIN " + plain_response(official))
        if b"CAPABILITY" not in answer.tagged:
            wire.command("capability").find(rb"^\* CAPABILITY .*IDLE")
        wire.command("capability").find(rb"^\* CAPABILITY (?=.*IDLE)(?=.*CONDSTORE)(?=.*NAMESPACE)(?=.*LIST-EXTENDED)")
        wire.command('ID ("name" "Thunderbird" "version" "140.5.0")').find(rb'(?i)^\* ID \("name" "CityMail"')
        wire.command("namespace").find(rb'^\* NAMESPACE \(\("" "/"\)\) ')
        wire.command("enable CONDSTORE UTF8=ACCEPT").find(rb"^\* ENABLED ")

        listed = wire.command('list (subscribed) "" "*" return (special-use)').untagged
        assert any(rb"\Subscribed" in line and b"INBOX" in line for line in listed)
        for use in (rb"\Sent", rb"\Drafts", rb"\Trash", rb"\Junk", rb"\Archive"):
            assert sum(use in line for line in listed) == 1
        assert wire.command('list "" "INBOX"').find(rb'^\* LIST \(.*\) "/" "?INBOX"?$')
        wire.command('lsub "" "*"').all(rb"^\* LSUB ")

        selected = wire.command('select "INBOX" (CONDSTORE)')
        selected.find(rb"^\* 5 EXISTS")
        selected.find(rb"^\* FLAGS \(.*\\Deleted")
        selected.find(rb"^\* OK \[PERMANENTFLAGS \(.*\\\*\)\]")
        selected.find(rb"^\* OK \[UIDVALIDITY \d+\]")
        assert int(selected.find(rb"^\* OK \[UIDNEXT (\d+)\]")[1]) == 6
        modseq = int(selected.find(rb"^\* OK \[HIGHESTMODSEQ (\d+)\]")[1])
        assert selected.tagged.split(b" ", 1)[1].startswith(b"OK [READ-WRITE]")
        wire.command('getquotaroot "INBOX"').find(rb"^\* QUOTAROOT ")

        flags = wire.command("UID fetch 1:* (FLAGS)").all(rb"^\* \d+ FETCH \(.*FLAGS \(")
        assert uids_of(flags) == [1, 2, 3, 4, 5]
        headers = wire.command(
            "UID fetch 1:5 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID"
            " Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])"
        ).all(rb"^\* \d+ FETCH \(.*BODY\[HEADER\.FIELDS \(.*\)\] \{\d+\}\r\nFrom: ")
        assert uids_of(headers) == [1, 2, 3, 4, 5]

        body = wire.command("UID fetch 3 (UID RFC822.SIZE BODY.PEEK[])").find(rb"BODY\[\] \{(\d+)\}\r\n(.*)\)$")
        assert body[2] == filled[2]
        chunk = wire.command("UID fetch 3 (UID RFC822.SIZE BODY.PEEK[]<0.100>)").find(
            rb"BODY\[\]<0> \{100\}\r\n(.*)\)$"
        )
        assert chunk[1] == filled[2][:100]
        wire.command("UID fetch 3 (BODYSTRUCTURE)").find(rb'(?i)BODYSTRUCTURE \("text" "plain"')
        seen = wire.command(r"uid store 3 +Flags (\Seen)")
        seen.find(rb"^\* 3 FETCH \(.*\\Seen.*MODSEQ \((\d+)\)|^\* 3 FETCH \(.*MODSEQ \((\d+)\).*\\Seen")
        # What changed since, as after a while without IDLE.
        changed = wire.command(f"UID fetch 1:* (FLAGS) (CHANGEDSINCE {modseq})").all(rb"^\* \d+ FETCH ")
        assert uids_of(changed) == [3]
        wire.command(r"uid store 4 +Flags ($label1 NonJunk)").find(rb"^\* 4 FETCH .*\$label1")

        # The copy of what it sent, with a literal that it waits for.
        copy = letter(official.address, "khach@ngoai.example", "Đã gửi")
        appended = wire.command(f'append "Sent" (\\Seen) {{{len(copy)}}}', copy)
        assert re.search(rb"OK \[APPENDUID \d+ 1\]", appended.tagged)

        copied = wire.command('uid copy 1:2 "Archive"')
        assert re.search(rb"\[COPYUID \d+ 1:2 1:2\]", copied.tagged + b"".join(copied.untagged))
        moved = wire.command('uid move 2 "Trash"')
        assert re.search(rb"\[COPYUID \d+ 2 1\]", moved.tagged + b"".join(moved.untagged))
        moved.find(rb"^\* 2 EXPUNGE|^\* VANISHED 2")

        tag = wire.idle()
        official.append(letter("khach@ngoai.example", official.address, "Đến trong lúc IDLE"))
        wire.hear(rb"^\* 5 EXISTS")
        wire.done(tag)
        new = wire.command("UID fetch 6:* (FLAGS)").all(rb"^\* 5 FETCH ")
        assert uids_of(new) == [6]
        wire.command("noop")
        wire.command("check")
        wire.command(r"uid store 1 +Flags (\Deleted)")
        wire.command("expunge").find(rb"^\* 1 EXPUNGE|^\* VANISHED 1")
        wire.command("close")
        wire.command('create "Dự án"')
        wire.command('subscribe "Dự án"')
        wire.command('rename "Dự án" "Dự án cũ"')
        status = wire.command('STATUS "Dự án cũ" (UIDNEXT MESSAGES UNSEEN RECENT)')
        status.find('STATUS "Dự án cũ" \\(UIDNEXT 1 MESSAGES 0 UNSEEN 0'.encode())
        wire.command('unsubscribe "Dự án"')
        wire.command('delete "Dự án cũ"')
        wire.command("logout").find(rb"^\* BYE")


SHOWN_FIELDS = (
    "From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To"
    " Received"
)


def test_thunderbird_153(server: LiveServer, official: Official, filled: list[bytes], letter: Letter) -> None:
    """Written down from the program itself (153.7.0 of Debian): start, new mail, reading it, deleting it."""
    with Wire(server) as inbox, Wire(server) as others:
        for wire in (inbox, others):
            tag = wire.tag()
            wire.send(tag + b" authenticate PLAIN\r\n")
            assert wire.read_response() == b"+ "
            wire.send(plain_response(official) + b"\r\n")
            assert b"[CAPABILITY IMAP4rev1 " in wire.until(tag).tagged
        inbox.command("namespace").find(
            rb'^\* NAMESPACE \(\("" "/"\)\) \(\("Other Users/" "/"\)\) \(\("Shared/" "/"\)\)$'
        )
        for wire in (inbox, others):
            wire.command('ID ("name" "Thunderbird" "version" "153.7.0")').find(rb'^\* ID \("name" "CityMail"')
            wire.command("ENABLE UTF8=ACCEPT").find(rb"^\* ENABLED UTF8=ACCEPT$")
        inbox.command('select "INBOX"').find(rb"^\* 5 EXISTS$")
        inbox.command('myrights "INBOX"').find(rb"^\* MYRIGHTS INBOX lrswipkxteacd$")
        inbox.command('getacl "INBOX"').find(rb"^\* ACL INBOX ")
        listed = others.command('list (subscribed) "" "*" return (special-use)').untagged
        assert sum(rb"\Subscribed" in line for line in listed) == 6
        inbox.command('getquotaroot "INBOX"').find(rb"^\* QUOTAROOT INBOX ")
        assert uids_of(inbox.command("UID fetch 1:* (FLAGS)").all(rb"FETCH")) == [1, 2, 3, 4, 5]
        for pattern in ("Other Users/*", "Shared/*"):
            assert others.command(f'list (subscribed) "" "{pattern}" return (special-use)').untagged == []
        fields = f"(UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ({SHOWN_FIELDS})])"
        assert len(inbox.command(f"UID fetch 1:5 {fields}").all(rb"HEADER\.FIELDS \(From To .*\}\r\nFrom: ")) == 5
        for name in ("Archive", "Drafts", "Junk", "Sent", "Trash"):
            others.command(f'myrights "{name}"').find(b'^\\* MYRIGHTS "?%b"? lrswipkxteacd$' % name.encode())
        whole = inbox.command("UID fetch 1:5 (UID RFC822.SIZE BODY.PEEK[])").all(rb"BODY\[\] \{\d+\}\r\n(.*)\)$")
        assert [match[1] for match in whole] == filled

        tag = inbox.idle()
        official.append(letter("khach@ngoai.example", official.address, "Đến trong lúc IDLE"))
        inbox.hear(rb"^\* 6 EXISTS")
        inbox.done(tag)
        inbox.command("noop")
        assert uids_of(inbox.command("UID fetch 6:* (FLAGS)").all(rb"^\* 6 FETCH ")) == [6]
        inbox.command(f"UID fetch 6 {fields}").find(rb"^\* 6 FETCH \(UID 6 ")
        beginning = "(UID BODY.PEEK[HEADER.FIELDS (Content-Type Content-Transfer-Encoding)] BODY.PEEK[TEXT]<0.2048>)"
        inbox.command(f"UID fetch 6 {beginning}").find(rb"BODY\[TEXT\]<0> \{")
        inbox.command(r"uid store 6 +Flags (\Seen)").find(rb"^\* 6 FETCH \(UID 6 FLAGS \(\\Seen")
        moved = inbox.command('uid move 6 "Trash"')
        moved.find(rb"^\* OK \[COPYUID \d+ 6 1\]")
        moved.find(rb"^\* 6 EXPUNGE$")
        assert uids_of(inbox.command("UID fetch 7:* (FLAGS)").all(rb"^\* 5 FETCH ")) == [5]


APPLE_FIELDS = (
    "date subject from to cc message-id in-reply-to references content-type x-priority x-uniform-type-identifier"
    " x-universally-unique-identifier list-id list-unsubscribe bimi-indicator bimi-location authentication-results"
)


def test_apple_mail(server: LiveServer, official: Official, filled: list[bytes], letter: Letter) -> None:
    with Wire(server) as wire:
        wire.command("CAPABILITY").find(rb"AUTH=PLAIN")
        wire.command('ID ("name" "com.apple.email.maild" "version" "3826.300" "os" "iOS" "os-version" "18.3 (22D63)")')
        # Without SASL-IR: the mechanism, then the response after "+".
        tag = wire.tag()
        wire.send(tag + b" AUTHENTICATE PLAIN\r\n")
        assert wire.read_response().startswith(b"+")
        wire.send(plain_response(official) + b"\r\n")
        wire.until(tag)
        wire.command("CAPABILITY").find(rb"(?=.*IDLE)(?=.*UIDPLUS)")
        wire.command("NAMESPACE").find(rb"^\* NAMESPACE ")
        wire.command('LIST "" ""').find(rb'^\* LIST \(.*\) "/" ""')
        listed = wire.command(
            'LIST "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ))'
        )
        assert listed.all(rb"^\* LIST \([^)]*\\Drafts")
        listed.find(rb'^\* STATUS "?INBOX"? \(MESSAGES 5 UIDNEXT 6 UIDVALIDITY \d+ UNSEEN 3 HIGHESTMODSEQ \d+\)')
        wire.command("ENABLE CONDSTORE").find(rb"^\* ENABLED CONDSTORE")
        wire.command("SELECT INBOX").find(rb"^\* 5 EXISTS")
        assert uids_of(wire.command("FETCH 1:5 (FLAGS UID MODSEQ)").all(rb"FETCH \(.*MODSEQ \(\d+\)")) == [
            1,
            2,
            3,
            4,
            5,
        ]
        found = wire.command("UID SEARCH 1:* NOT DELETED").find(rb"^\* SEARCH (.*)|^\* ESEARCH .*ALL (\S+)")
        assert found[1] == b"1 2 3 4 5"
        fields = wire.command(
            f"UID FETCH 1:5 (INTERNALDATE UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ({APPLE_FIELDS})])"
        )
        assert uids_of(fields.all(rb"INTERNALDATE \".*BODY\[HEADER\.FIELDS \(.*\)\] \{\d+\}")) == [1, 2, 3, 4, 5]

        # It pipelines what it wants of one message.
        first, second, third = wire.tag(), wire.tag(), wire.tag()
        wire.send(
            first + b" UID FETCH 4 (BODYSTRUCTURE BODY.PEEK[HEADER])\r\n"
            + second + b" UID FETCH 4 BODY.PEEK[1]<0.65536>\r\n"
            + third + b" UID STORE 4 +FLAGS.SILENT (\\Seen)\r\n"
        )  # fmt: skip
        header = wire.until(first).find(rb"BODY\[HEADER\] \{\d+\}\r\n(.*\r\n\r\n)")[1]
        text = wire.until(second).find(rb"BODY\[1\]<0> \{\d+\}\r\n(.*)\)$")[1]
        assert header + text == filled[3]
        assert wire.until(third).all(rb"FLAGS") == []

        # IDLE, and DONE with the next command in the same packet.
        tag = wire.idle()
        official.append(letter("khach@ngoai.example", official.address, "Mới"))
        wire.hear(rb"^\* 6 EXISTS")
        after = wire.tag()
        wire.send(b"DONE\r\n" + after + b" UID FETCH 6 (FLAGS UID INTERNALDATE)\r\n")
        wire.until(tag)
        wire.until(after).find(rb"FETCH \(.*UID 6")

        # A draft, saved again, and the old one removed.
        draft = letter(official.address, "khach@ngoai.example", "Nháp")
        saved = wire.command(f"APPEND Drafts (\\Seen \\Draft $NotJunk) {{{len(draft)}+}}\r\n".encode() + draft)
        assert re.search(rb"\[APPENDUID \d+ 1\]", saved.tagged)
        wire.command(f"APPEND Drafts (\\Seen \\Draft) {{{len(draft)}+}}\r\n".encode() + draft)
        wire.command("SELECT Drafts").find(rb"^\* 2 EXISTS")
        wire.command(r"UID STORE 1 +FLAGS.SILENT (\Deleted)")
        wire.command("UID EXPUNGE 1").find(rb"^\* 1 EXPUNGE")
        wire.command("SELECT INBOX").find(rb"^\* 6 EXISTS")
        moved = wire.command("UID MOVE 1 Trash")
        moved.find(rb"^\* 1 EXPUNGE")
        wire.command("STATUS Trash (MESSAGES)").find(rb"\(MESSAGES 1\)")
        wire.command("LOGOUT").find(rb"^\* BYE")


def test_outlook(server: LiveServer, official: Official, filled: list[bytes], letter: Letter) -> None:
    with Wire(server, starttls=True) as wire:
        wire.command("CAPABILITY")
        wire.command(f'LOGIN "{official.address}" "{official.password}"')
        wire.command("CAPABILITY").find(rb"IDLE")
        wire.command('LIST "" ""').find(rb'^\* LIST \(.*\) "/" ""')
        wire.command('LIST "" "*"').find(rb'^\* LIST \(.*\) "/" "?INBOX"?$')
        wire.command('LSUB "" "*"').find(rb'^\* LSUB \(.*\) "/" "?INBOX"?$')
        wire.command('LIST "" "INBOX"').find(rb"INBOX")
        wire.command('CREATE "Sent Items"')
        wire.command('SUBSCRIBE "Sent Items"')
        wire.command('STATUS "INBOX" (UIDNEXT MESSAGES UNSEEN UIDVALIDITY)').find(rb"UIDNEXT 6 MESSAGES 5 UNSEEN 3")
        wire.command('SELECT "INBOX"').find(rb"^\* 5 EXISTS")
        assert uids_of(wire.command("FETCH 1:* (UID FLAGS)").all(rb"FETCH")) == [1, 2, 3, 4, 5]
        wanted = wire.command(
            "UID FETCH 1:5 (UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (DATE FROM TO CC SUBJECT"
            " MESSAGE-ID CONTENT-TYPE X-PRIORITY IMPORTANCE SENSITIVITY REPLY-TO RETURN-PATH)])"
        )
        assert uids_of(wanted.all(rb"FETCH")) == [1, 2, 3, 4, 5]
        whole = wire.command("UID FETCH 5 (UID FLAGS BODY.PEEK[])").find(
            rb"BODY\[\] \{\d+\}\r\n(.*)\)$|BODY\[\] \{\d+\}\r\n"
        )
        assert filled[4] in whole.string
        # Without PEEK, the message becomes read.
        wire.command("UID FETCH 5 (BODY[])").find(rb"BODY\[\]")
        wire.command("UID FETCH 5 (FLAGS)").find(rb"\\Seen")
        wire.command("UID FETCH 4 (RFC822.HEADER)").find(rb"RFC822\.HEADER \{\d+\}")
        wire.command("UID FETCH 4 (RFC822)").find(rb"RFC822 \{\d+\}")
        wire.command("UID FETCH 4 ALL").find(rb"ENVELOPE \(")
        wire.command("UID FETCH 4 FULL").find(rb"BODY \(")
        sent = letter(official.address, "khach@ngoai.example", "Gửi từ Outlook")
        wire.command(f'APPEND "Sent Items" (\\Seen) "02-Mar-2026 08:00:00 +0700" {{{len(sent)}}}', sent)
        wire.command(r"UID STORE 2 +FLAGS (\Deleted)").find(rb"\\Deleted")
        wire.command('UID COPY 3 "Sent Items"')
        wire.command("EXPUNGE").find(rb"^\* 2 EXPUNGE")
        wire.command(r"STORE 1 FLAGS.SILENT (\Answered)")
        wire.command("NOOP")
        wire.command("CLOSE")
        wire.command('SELECT "Sent Items"').find(rb"^\* 2 EXISTS")
        wire.command("SEARCH SINCE 1-Mar-2026 UNDELETED").find(rb"^\* SEARCH 1")
        wire.command("LOGOUT").find(rb"^\* BYE")


def test_k9(server: LiveServer, official: Official, filled: list[bytes]) -> None:
    """K-9, now Thunderbird for Android."""
    with Wire(server) as wire:
        wire.log_in(official.address, official.password)
        wire.command("NAMESPACE")
        wire.command('LIST "" "*" RETURN (SPECIAL-USE)').all(rb"\\Sent")
        wire.command('SELECT "INBOX"').find(rb"^\* 5 EXISTS")
        assert wire.command("UID SEARCH 1:* NOT DELETED").find(rb"^\* SEARCH (.*)")[1] == b"1 2 3 4 5"
        assert wire.command("UID SEARCH SINCE 01-Jan-2020 NOT DELETED").find(rb"^\* SEARCH (.*)")[1] == b"1 2 3 4 5"
        wire.command("UID FETCH 5,4,3 (UID)")
        fetched = wire.command("UID FETCH 5,4,3,2,1 (UID FLAGS)")
        assert sorted(uids_of(fetched.all(rb"FETCH"))) == [1, 2, 3, 4, 5]
        wire.command(
            "UID FETCH 5 (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (date subject from content-type to cc"
            " reply-to message-id references in-reply-to list-unsubscribe X-K9mail-Identity Chat-Version)])"
        ).find(rb"RFC822\.SIZE")
        wire.command("UID FETCH 5 (UID BODYSTRUCTURE)").find(rb"BODYSTRUCTURE \(")
        wire.command("UID FETCH 5 (UID BODY.PEEK[TEXT]<0.5120>)").find(rb"BODY\[TEXT\]<0> ")
        wire.command(r"UID STORE 5 +FLAGS.SILENT (\Seen \Flagged)")
        wire.command('UID SEARCH TEXT "KÍNH GỬI" NOT DELETED').find(rb"^\* SEARCH 1 2 3 4 5")
        tag = wire.idle()
        official.append(filled[0])
        wire.hear(rb"EXISTS")
        wire.done(tag)
        wire.command("LOGOUT")
