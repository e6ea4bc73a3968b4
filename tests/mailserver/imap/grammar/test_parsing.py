"""Commands: what they are read as, and that nothing but SyntaxFault comes of bad ones."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailserver.imap.grammar.appending import Append, Appended
from mailserver.imap.grammar.commands import (
    Authenticate,
    Change,
    Copy,
    Create,
    Enable,
    Expunge,
    Identify,
    Login,
    Rename,
    Store,
)
from mailserver.imap.grammar.fetch import Attribute, BinarySize, Fetch, Piece, Section
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.listing import List, Status
from mailserver.imap.grammar.results import ALL, Returns
from mailserver.imap.grammar.search import (
    All,
    And,
    ChangedFrom,
    Contains,
    DateOf,
    Day,
    Flagged,
    Header,
    Messages,
    Not,
    ObjectId,
    Or,
    Search,
    Where,
)
from mailserver.imap.grammar.selecting import Select
from mailserver.imap.grammar.syntax import SAVED_RESULT, Cursor, SequenceSet, SyntaxFault
from mailserver.imap.table import COMMANDS

ONE = SequenceSet(((1, 1),))
EVERY = SequenceSet(((1, 0),))


def parse(text, *literals):
    octets = text if isinstance(text, bytes) else text.encode()
    cursor = Cursor(Framed(octets, literals))
    name = cursor.command_name()
    if name not in COMMANDS:
        raise SyntaxFault("unknown")
    return COMMANDS[name].parse(cursor)


@pytest.mark.parametrize(
    "text, literals, command",
    [
        ("login joe \x00", [b"pass word"], Login(b"joe", b"pass word")),
        ('LOGIN "a \\"b\\\\" c]', [], Login(b'a "b\\', b"c]")),
        ("AUTHENTICATE plain", [], Authenticate(b"PLAIN", None)),
        ("AUTHENTICATE PLAIN =", [], Authenticate(b"PLAIN", b"=")),
        ("ENABLE condstore X", [], Enable((b"CONDSTORE", b"X"))),
        ('ID ("name" "x" "os" nil)', [], Identify(((b"name", b"x"), (b"os", None)))),
        ("ID NIL", [], Identify(())),
        ("SELECT inbox", [], Select(b"inbox", False, False)),
        ("EXAMINE x (CONDSTORE)", [], Select(b"x", True, True)),
        ("CREATE x", [], Create(b"x")),
        ("CREATE x (USE (\\Sent))", [], Create(b"x", ("\\Sent",))),
        ("RENAME a \x00", [b"b c"], Rename(b"a", b"b c")),
        ("STATUS x (messages SIZE)", [], Status(b"x", (b"MESSAGES", b"SIZE"))),
        ("COPY 1,3:* x", [], Copy(SequenceSet(((1, 1), (3, 0))), b"x")),
        ("UID MOVE $ x", [], Copy(SAVED_RESULT, b"x", True)),
        ("EXPUNGE", [], Expunge(None)),
        ("UID EXPUNGE 1", [], Expunge(ONE)),
        ("STORE 1 FLAGS ()", [], Store(ONE, Change.REPLACE, (), False)),
        ("STORE 1 +flags.silent \\Seen x", [], Store(ONE, Change.ADD, ("\\Seen", "x"), True)),
        (
            "UID STORE 1 (UNCHANGEDSINCE 5) -FLAGS (a)",
            [],
            Store(ONE, Change.REMOVE, ("a",), False, True, 5),
        ),
        ("APPEND x \x00", [b"m"], Append(b"x", (Appended((), None, b"m"),))),
        *(
            (
                f'APPEND x "{day}-Jan-2026 07:00:00 +0700" \x00',
                [b"m"],
                Append(b"x", (Appended((), 1767225600, b"m", zone=420),)),
            )
            for day in ("01", " 1", "1")
        ),
        (
            'APPEND x (a) "01-Jan-2026 07:00:00 +0700" \x00 ~\x00 UTF8 (~\x00)',
            [b"m", b"n", b"o"],
            Append(
                b"x",
                (
                    Appended(("a",), 1767225600, b"m", zone=420),
                    Appended((), None, b"n", True),
                    Appended((), None, b"o", True),
                ),
            ),
        ),
        ('LIST "" *', [], List(b"", (b"*",))),
        (
            'LIST (SUBSCRIBED RECURSIVEMATCH) a ("b" c%) RETURN (CHILDREN STATUS (UNSEEN))',
            [],
            List(
                b"a",
                (b"b", b"c%"),
                frozenset((b"SUBSCRIBED", b"RECURSIVEMATCH")),
                frozenset((b"CHILDREN",)),
                (b"UNSEEN",),
                True,
            ),
        ),
        ("FETCH 1 fast", [], Fetch(ONE, (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.SIZE))),
        ("FETCH 1:* (UID)", [], Fetch(EVERY, (Attribute.UID,))),
        (
            "UID FETCH 1 (FLAGS) (CHANGEDSINCE 9)",
            [],
            Fetch(ONE, (Attribute.FLAGS, Attribute.MODSEQ), True, 9),
        ),
        ("FETCH 1 BODY", [], Fetch(ONE, (Attribute.BODY,))),
        ("FETCH 1 BODY[]<5.6>", [], Fetch(ONE, (Section(b"BODY[]<5>", partial=(5, 6)),))),
        (
            "FETCH 1 body.peek[1.22.header.fields.not (Subject \x00)]",
            [b"X-Y"],
            Fetch(
                ONE,
                (
                    Section(
                        b"BODY[1.22.HEADER.FIELDS.NOT (Subject X-Y)]",
                        (1, 22),
                        Piece.FIELDS_NOT,
                        (b"subject", b"x-y"),
                        peek=True,
                    ),
                ),
            ),
        ),
        ("FETCH 1 BODY[3.MIME]", [], Fetch(ONE, (Section(b"BODY[3.MIME]", (3,), Piece.MIME),))),
        (
            "FETCH 1 BINARY.SIZE[1]",
            [],
            Fetch(ONE, (BinarySize(b"BINARY.SIZE[1]", Section(b"BINARY.SIZE[1]", (1,), peek=True, binary=True)),)),
        ),
        ("FETCH 1 PREVIEW (LAZY)", [], Fetch(ONE, (Attribute.PREVIEW,))),
        ("SEARCH ALL", [], Search(All())),
        (
            "UID SEARCH RETURN (MIN SAVE) CHARSET utf-8 OR NOT SEEN (1:2 SUBJECT \x00)",
            [b"x"],
            Search(
                Or(
                    Not(Flagged("\\Seen")),
                    And((Messages(SequenceSet(((1, 2),)), False), Contains(Where.SUBJECT, b"x"))),
                ),
                True,
                b"UTF-8",
                Returns(frozenset((b"MIN", b"SAVE"))),
            ),
        ),
        ("SEARCH RETURN () ALL", [], Search(All(), returns=ALL)),
        ("SEARCH HEADER Subject return", [], Search(Header(b"subject", b"return"))),
        ("SEARCH ON 1-Feb-2026", [], Search(Day(DateOf.ARRIVAL, date(2026, 2, 1), date(2026, 2, 2)))),
        ('SEARCH SENTBEFORE "28-feb-2026"', [], Search(Day(DateOf.SENT, None, date(2026, 2, 28)))),
        ('SEARCH MODSEQ "/flags/\\\\draft" all 7', [], Search(ChangedFrom(7))),
        ("SEARCH EMAILID M1", [], Search(ObjectId(False, b"M1"))),
        (
            "SEARCH RETURN (RELEVANCY) FUZZY (BODY a OR SEEN HEADER b c) BODY d",
            [],
            Search(
                And(
                    (
                        And(
                            (
                                Contains(Where.BODY, b"a", fuzzy=True),
                                Or(Flagged("\\Seen"), Header(b"b", b"c", fuzzy=True)),
                            )
                        ),
                        Contains(Where.BODY, b"d"),
                    )
                ),
                returns=Returns(relevancy=True),
                fuzzy=True,
            ),
        ),
        ("SEARCH FUZZY SEEN", [], Search(Flagged("\\Seen"), fuzzy=True)),
    ],
)
def test_read(text, literals, command):
    assert parse(text, *literals) == command


@pytest.mark.parametrize(
    "text",
    [
        "NOOP ",
        "LOGIN a",
        "LOGIN a b c",
        'LOGIN a "b',
        "LOGIN a  b",
        "AUTHENTICATE PLAIN ",
        "ENABLE",
        "ID (name x)",
        "SELECT",
        "SELECT a (UNKNOWN)",
        "CREATE x (USE)",
        "STATUS x ()",
        "STATUS x (NONSENSE)",
        "FETCH",
        "FETCH 0 FLAGS",
        "FETCH 1,, FLAGS",
        "FETCH 1:2:3 FLAGS",
        "FETCH 4294967296 FLAGS",
        "FETCH 1 ()",
        "FETCH 1 (FAST)",
        "FETCH 1 BODY[",
        "FETCH 1 BODY[MIME]",
        "FETCH 1 BODY[0]",
        "FETCH 1 BODY[1.HEADER.FIELDS ()]",
        "FETCH 1 BODY[HEADER.FIELDS (a:b)]",
        "FETCH 1 BODY[]<1.0>",
        "FETCH 1 BINARY[MIME]",
        "FETCH 1 BINARY.SIZE[1]<0.1>",
        "FETCH 1 FLAGS (CHANGEDSINCE 0)",
        "STORE 1 FLAGS",
        "STORE 1 SILENT ()",
        "STORE 1 (OTHER 1) FLAGS ()",
        "COPY 1",
        "APPEND x",
        "APPEND x y",
        "APPEND x (\\Seen)",
        'APPEND x "32-Jan-2026 00:00:00 +0000" \x00',
        'APPEND x "01-Jan-2026 24:00:00 +0000" \x00',
        "UID EXPUNGE",
        "UID",
        "SEARCH",
        "SEARCH ()",
        "SEARCH OR SEEN",
        "SEARCH NOT",
        "SEARCH FUZZY",
        "SEARCH FUZZY ",
        "SEARCH RETURN (RELEVANCY) SEEN",
        "SEARCH " + "FUZZY " * 60 + "ALL",
        "SEARCH FUZZY (" + "TO a " * 50 + "TO a)",
        "SEARCH RETURN (OTHER) ALL",
        "SEARCH ON 31-Feb-2026",
        "SEARCH MODSEQ x",
        "SEARCH " + "NOT " * 60 + "ALL",
        "SEARCH " + "ALL " * 1001 + "ALL",
        "SEARCH " + "(" * 60 + "ALL" + ")" * 60,
        'LIST "" * RETURN (STATUS)',
        "LIST (OTHER) a b",
        "LIST (RECURSIVEMATCH) a b",
    ],
)
def test_refused(text):
    with pytest.raises(SyntaxFault):
        parse(text, b"m")


def test_passwords_do_not_show():
    assert "geheim" not in repr(parse("LOGIN joe geheim"))
    assert "Z2VoZWlt" not in repr(parse("AUTHENTICATE PLAIN Z2VoZWlt"))


@pytest.mark.parametrize(
    "ranges, largest, resolved",
    [
        (((3, 0),), 9, [(3, 9)]),
        (((12, 0),), 9, [(9, 12)]),
        (((5, 2), (4, 7), (9, 9), (8, 8)), 9, [(2, 9)]),
        (((7, 7), (1, 2)), 9, [(1, 2), (7, 7)]),
        (((0, 0),), 0, [(0, 0)]),
    ],
)
def test_resolve(ranges, largest, resolved):
    assert SequenceSet(ranges).resolve(largest) == resolved


WORDS = st.sampled_from(
    [b"a", b"*", b"1:*", b"(", b")", b"[", b"]", b" ", b'"x"', b'"', b"\x00", b"~\x00", b"<0.1>", b"FLAGS", b"BODY",
     b"BODY[", b"HEADER.FIELDS", b"NOT", b"OR", b"SUBJECT", b"RETURN", b"NIL", b"\\Seen", b"1-Jan-2026", b"$", b"UID",
     b"1.2", b"CHARSET", b"CHANGEDSINCE", b"\xc3", b"\r", b"{", b"\\"]
)  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from(sorted(COMMANDS)), st.lists(st.one_of(WORDS, st.binary(max_size=5)), max_size=15))
@example(b"APPEND", [b" x (\\Seen) ", b"\x00"])
def test_any_arguments(name, pieces):
    octets = name + b" " + b"".join(pieces)
    literals = [b"lit"] * octets.count(b"\x00")
    with contextlib.suppress(SyntaxFault):
        command = parse(octets, *literals)
        assert command == parse(octets, *literals)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_strings_come_back(octets):
    """string: quoted or literal, what was written is what is read."""
    from mailserver.imap.grammar.responses import quoted

    written = quoted(octets)
    if written.startswith(b"{"):
        head, _, rest = written.partition(b"\r\n")
        assert rest == octets
        assert int(head[1:-1]) == len(octets)
    else:
        assert Cursor(Framed(written)).string() == octets
