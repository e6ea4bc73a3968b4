"""Every command in every state, and nonsense: no crash, no SERVERBUG, always exactly one tagged answer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailserver.imap.session import State
from mailserver.imap.table import ANY, AUTHENTICATED, COMMANDS, NOT_AUTHENTICATED, SELECTED
from tests.mailserver.imap.talk import Direct

MAILBOXES = [
    b"INBOX", b"inbox", b"Sent", b"nowhere", b'"D&HvE-"', b'""', b'"a//b"', b"{3+}\r\na\x01b", b'"\xc4\x91"', b"&&",
    b"Shared/vanthu/INBOX", b'"Other Users/binh/INBOX"', b"Shared/vanthu", b"Shared"
]  # fmt: skip
SETS = [b"1", b"1:*", b"*", b"2,1", b"9", b"$", b"4294967295", b"1:2", b"x", b"0"]
FLAGS = [b"(\\Seen)", b"()", b"\\Deleted", b"(a b $c)", b"(\\Recent)", b"(\\Odd)", b"((", b"(" + b"k " * 70 + b"z)"]
mailbox, number_set, flags = st.sampled_from(MAILBOXES), st.sampled_from(SETS), st.sampled_from(FLAGS)
identifier = st.sampled_from([b" binh", b" anyone", b" -an@city.vn", b" nobody", b" -", b' ""', b" \xff", b" everyone"])
ARGUMENTS = {
    b"LOGIN": [st.sampled_from([b"an@city.vn wrong", b'"" ""', b"\xff x", b"a {1+}\r\n\xff"])],
    b"AUTHENTICATE": [
        st.sampled_from(
            [b"PLAIN =", b"PLAIN AGEAYg==", b"LOGIN !!!!", b"EXTERNAL", b"PLAIN *", b"SCRAM-SHA-256",
             b"SCRAM-SHA-256 biwsbj1hbixyPWFiYw==", b"SCRAM-SHA-256 =", b"SCRAM-SHA-256-PLUS biws", b"OAUTHBEARER AQ=="]
        )
    ],
    b"COMPRESS": [st.sampled_from([b"DEFLATE", b"deflate", b"LZW", b"("])],
    b"ENABLE": [st.sampled_from([b"CONDSTORE", b"QRESYNC", b"UIDONLY", b"IMAP4rev2", b"UTF8=ACCEPT X", b"("])],
    b"ID": [st.sampled_from([b"NIL", b'("name" "x")', b"(", b'("a" "b" "c")'])],
    b"SELECT": [
        mailbox,
        st.sampled_from([b"", b" (CONDSTORE)", b" (X)", b" (QRESYNC (1 1))", b" (QRESYNC (1 1 1:9 (1,3 1,4)))"]),
    ],
    b"EXAMINE": [mailbox],
    b"CREATE": [mailbox, st.sampled_from([b"", b"/x", b" (USE (\\Junk))", b" (USE ())", b" (USE (\\No))"])],
    b"DELETE": [mailbox],
    b"RENAME": [mailbox, st.just(b" "), mailbox],
    b"SUBSCRIBE": [mailbox],
    b"UNSUBSCRIBE": [mailbox],
    b"LIST": [
        st.sampled_from([b"", b"() ", b"(SUBSCRIBED) ", b"(SUBSCRIBED RECURSIVEMATCH SPECIAL-USE) "]),
        mailbox,
        st.sampled_from([b" *", b" %", b' ""', b' "*/%"', b" (% *a)", b' "&"', b" " + b"*a" * 40]),
        st.sampled_from([b"", b" RETURN (CHILDREN SUBSCRIBED)", b" RETURN (STATUS (MESSAGES SIZE))",
                         b" RETURN (MYRIGHTS METADATA (/private/comment /x/y))",
                         b" RETURN (METADATA /shared/comment)"]),
    ],
    b"LSUB": [mailbox, st.sampled_from([b" *", b" %", b' "&"'])],
    b"STATUS": [mailbox, st.sampled_from([b" (MESSAGES UNSEEN DELETED-STORAGE HIGHESTMODSEQ)", b" ()", b" (X)"])],
    b"APPEND": [
        mailbox,
        st.sampled_from([b" ", b" (\\Seen $k) ", b' "01-Jan-2026 00:00:00 +0000" ', b' "x" ']),
        st.sampled_from(
            [b"{6+}\r\na: b\r\n", b"{0+}\r\n", b"~{3+}\r\na\x00b", b"{3+}\r\na\x00b", b"x", b"UTF8 (~{1+}\r\na)",
             b"{6+}\r\na: b\r\n {6+}\r\nc: d\r\n",
             b"CATENATE (TEXT {2+}\r\na: URL ;UID=1)", b"CATENATE (URL /x/;UID=1)"]
        ),
    ],
    b"UIDBATCHES": [st.sampled_from([b"500", b"499", b"500 1:2", b"500 2:1", b"4294967295 1:4294967295", b"x"])],
    b"GETQUOTA": [st.sampled_from([b'"User quota"', b'""', b"x"])],
    b"GETQUOTAROOT": [mailbox],
    b"UID EXPUNGE": [number_set],
    b"SETQUOTA": [
        st.sampled_from([b'"User quota"', b'"Other Users/an"', b'""']),
        st.sampled_from([b" ()", b" (STORAGE 1)", b" (X 2)", b" (STORAGE", b" (STORAGE 18446744073709551616)"]),
    ],
    b"SETACL": [mailbox, identifier, st.sampled_from([b" lr", b" +a", b" -c", b' ""', b" Q", b" q", b" {1+}\r\n+"])],
    b"DELETEACL": [mailbox, identifier],
    b"GETACL": [mailbox],
    b"LISTRIGHTS": [mailbox, identifier],
    b"MYRIGHTS": [mailbox],
    b"GETMETADATA": [
        st.sampled_from([b"", b"(DEPTH 1) ", b"(DEPTH infinity MAXSIZE 0) ", b"(DEPTH 7) ", b"(MAXSIZE 1 MAXSIZE 2) "]),
        mailbox,
        st.sampled_from([b" /private/comment", b" (/private /shared)", b" (/shared/admin)", b" ()", b" /x", b" *"]),
    ],
    b"SETMETADATA": [
        mailbox,
        st.sampled_from(
            [b' (/private/comment "x")', b" (/shared/comment NIL)", b" (/private/vendor/a/b ~{2+}\r\n\x00\xff)", b" ()",
             b" (/shared/comment {40000+}\r\n" + b"x" * 40000 + b")",
             b' (/private/vendor/a "x")', b" (/private/comment)"]
        ),
    ],
    b"NOTIFY": [
        st.sampled_from([b"NONE", b"SET ", b"SET STATUS ", b"X "]),
        st.sampled_from([b"", b"(selected (MessageNew (UID BODY[]) MessageExpunge FlagChange)) ", b"(selected NONE) "]),
        st.sampled_from(
            [b"", b"(personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))", b"(x NONE)",
             b"(subtree (INBOX nowhere) (MailboxName MailboxMetadataChange ServerMetadataChange))",
             b"(mailboxes Sent (MessageNew))", b"(subscribed (AnnotationChange))", b"(inboxes (MessageNew (UID)"]
        ),
    ],
}  # fmt: skip
SEARCHES = st.sampled_from(
    [b"ALL", b"SEEN 1", b"TEXT x", b'BODY ""', b"OR 1 UID 1", b"NOT $", b"MODSEQ 1", b"RETURN (SAVE) ALL",
     b"SINCE 1-Jan-2026", b"SENTON 1-Jan-2026", b"KEYWORD a", b'HEADER "" ""', b"RETURN (MIN MAX COUNT) UNSEEN",
     b"CHARSET X ALL", b"FROM \xff", b"CHARSET X FROM a", b"LARGER 1", b"THREADID Tx", b"EMAILID M1", b"(",
     b"SUBJECT {2+}\r\n\xc4\x91", b"OLDER 9", b"YOUNGER 0", b"SAVEDON 1-Jan-2026", b"SAVEDATESUPPORTED",
     b"FUZZY TEXT x", b"FUZZY FUZZY (SEEN OR FROM \"a b\" NOT HEADER From b)", b"RETURN (RELEVANCY ALL) FUZZY BODY xy",
     b"RETURN (RELEVANCY) ALL", b"FUZZY", b"RETURN (RELEVANCY PARTIAL 1:2 SAVE UPDATE) FUZZY ALL",
     b"RETURN (PARTIAL -1:-3) 1:9", b"RETURN (PARTIAL 1:2 ALL) ALL", b"RETURN (UPDATE COUNT) UNSEEN"]
)  # fmt: skip
CRITERIA = st.sampled_from(
    [b"(ARRIVAL) ", b"(SUBJECT REVERSE DATE) ", b"(DISPLAYFROM DISPLAYTO) ", b"(FROM TO CC SIZE) ", b"() ", b"(X) ",
     b"RETURN (MIN PARTIAL 1:3) (DATE) ", b"RETURN (SAVE) (REVERSE SIZE) ", b"RETURN (UPDATE) (SUBJECT) ",
     b"(RELEVANCY DATE) ", b"RETURN (ALL RELEVANCY) (REVERSE RELEVANCY) "]
)  # fmt: skip
CHARSETS = st.sampled_from([b"UTF-8 ", b"us-ascii ", b"KOI8-R ", b""])
ITEMS = st.sampled_from(
    [b"ALL", b"FULL", b"(UID FLAGS)", b"BODY[]", b"BODY.PEEK[1]<0.5>", b"(BODY[9.9.HEADER] BODY[1.MIME])",
     b"BINARY[]", b"(MODSEQ PREVIEW EMAILID THREADID)", b"BINARY.SIZE[1]", b"RFC822", b"BODY[TEXT]", b"X",
     b"(FLAGS) (CHANGEDSINCE 1)", b"(FLAGS) (CHANGEDSINCE 1 VANISHED)",
     b"(BODY.PEEK[HEADER.FIELDS (a)] BODYSTRUCTURE)", b"BINARY.PEEK[1.2]<1.1>",
     b"(SAVEDATE)", b"(UID) (PARTIAL 1:2)", b"(UID) (PARTIAL -1:-2 CHANGEDSINCE 1)"]
)  # fmt: skip
ARGUMENTS[b"ESEARCH"] = [
    st.sampled_from(
        [b"", b"IN (selected) ", b"IN (personal) ", b"IN (subscribed) ",
         b"IN (subtree INBOX mailboxes (Sent nowhere)) ",
         b'IN (subtree-one ("a//b" "&&")) ', b"IN () ", b"IN (selected-delayed) ", b"RETURN (COUNT) "]
    ),
    SEARCHES,
]  # fmt: skip
ARGUMENTS[b"CANCELUPDATE"] = [st.sampled_from([b'"t1"', b"t1 t2", b"(", b'""'])]
for each in (b"", b"UID "):
    ARGUMENTS[each + b"FETCH"] = [number_set, st.just(b" "), ITEMS]
    ARGUMENTS[each + b"SEARCH"] = [SEARCHES]
    ARGUMENTS[each + b"SORT"] = [CRITERIA, CHARSETS, SEARCHES]
    ARGUMENTS[each + b"THREAD"] = [
        st.sampled_from([b"REFERENCES ", b"REFS ", b"ORDEREDSUBJECT ", b"JWZ "]),
        CHARSETS,
        SEARCHES,
    ]
    ARGUMENTS[each + b"STORE"] = [
        number_set,
        st.sampled_from([b" +FLAGS ", b" -FLAGS.SILENT ", b" FLAGS ", b" (UNCHANGEDSINCE 1) +FLAGS ", b" X "]),
        flags,
    ]
    ARGUMENTS[each + b"REPLACE"] = [
        number_set,
        st.just(b" "),
        mailbox,
        st.sampled_from([b" {6+}\r\na: b\r\n", b" (\\Seen) CATENATE (URL ;UID=1)"]),
    ]
    for name in (b"COPY", b"MOVE"):
        ARGUMENTS[each + name] = [number_set, st.just(b" "), mailbox]


@st.composite
def commands(draw):
    name = draw(st.sampled_from(sorted(COMMANDS.keys() - {b"IDLE", b"STARTTLS", b"LOGOUT"})))
    pieces = [draw(piece) for piece in ARGUMENTS.get(name, ())]
    extra = draw(st.sampled_from([b"", b"", b"", b" x"]))
    return b" ".join([name, b"".join(pieces)]).rstrip(b" ") + extra


def check(client, command):
    answer = client.send(b"t1 " + command + b"\r\n")
    if client.prompt is not None:
        answer += client.send(b"*\r\n")
    lines = [line for line in answer.split(b"\r\n") if line.startswith(b"t1 ")]
    assert len(lines) == 1, (command, answer)
    assert lines[0].split(b" ")[1] in (b"OK", b"NO", b"BAD"), lines
    assert b"SERVERBUG" not in answer, (command, answer)
    assert answer.endswith(b"\r\n")


@pytest.mark.parametrize("state", [State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED])
def test_any_command_in_any_state(services, state):
    # One store for all examples: what they leave behind only makes the next ones odder.
    @settings(
        max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.lists(commands(), min_size=1, max_size=5))
    def run(listed):
        client = Direct(services)
        client.buffer = b""
        try:
            if state is not State.NOT_AUTHENTICATED:
                client.log_in()
                client.append(b"From: a@b\r\n\r\nx\r\n")
            if state is State.SELECTED:
                client.ok("SELECT INBOX")
            for command in listed:
                if not client.closed:
                    check(client, command)
        finally:
            client.close()

    run()
    assert services.store.check_consistency() == []
    assert services.presence.mine == {}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=st.binary(max_size=200))
def test_any_octets_from_a_stranger(services, octets):
    client = Direct(services)
    client.send(octets)
    if not client.closed and client.prompt is None:
        # Whatever it was: after an end of line or two the next command is understood, or the stranger was sent away.
        answer = client.send(b"\r\n") + client.send(b"x" * 1100 + b"\r\n\r\nzz NOOP\r\n")
        assert client.closed or b"zz OK" in answer
    client.close()


def test_the_table_is_whole():
    for name, spec in COMMANDS.items():
        assert spec.states in (ANY, NOT_AUTHENTICATED, AUTHENTICATED, SELECTED), name
        assert spec.rfc, name
        # RFC 9051 §7.5.1: these three, by number, and no others.
        assert spec.may_expunge is (name not in (b"FETCH", b"STORE", b"SEARCH", b"SORT", b"THREAD")), name
