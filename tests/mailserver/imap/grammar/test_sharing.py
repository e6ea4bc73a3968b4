"""ACL, METADATA, NOTIFY, SETQUOTA and the RETURN options of LIST: octets → values, and what is BAD."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.imap.grammar.acl import (
    STANDARD,
    Change,
    DeleteAcl,
    ListRights,
    SetAcl,
    parse_delete_acl,
    parse_list_rights,
    parse_set_acl,
    rights_text,
)
from mailserver.imap.grammar.fetch import Attribute, Section
from mailserver.imap.grammar.framing import Framed
from mailserver.imap.grammar.listing import parse_list
from mailserver.imap.grammar.metadata import (
    INFINITY,
    GetMetadata,
    SetMetadata,
    metadata_values,
    parse_get_metadata,
    parse_set_metadata,
)
from mailserver.imap.grammar.notify import Event, Notify, Others, Selected, parse_notify
from mailserver.imap.grammar.quota import SetQuota, parse_set_quota
from mailserver.imap.grammar.syntax import Cursor, SyntaxFault

BOTH = frozenset((Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE))


def read(parse, text, *literals):
    octets = b" " + (text if isinstance(text, bytes) else text.encode())
    for _ in literals:
        octets = octets.replace(b"{}", b"\x00", 1)
    return parse(Cursor(Framed(octets, list(literals))))


@pytest.mark.parametrize(
    ("text", "change", "rights"),
    [
        ("INBOX fred lrs", Change.REPLACE, "lrs"),
        ('INBOX fred ""', Change.REPLACE, ""),
        ("INBOX fred +cda", Change.ADD, "kxtea"),
        ("INBOX fred -d", Change.REMOVE, "te"),
        ('INBOX "fred" "+"', Change.ADD, ""),
        ("INBOX fred lrswipkxtecda", Change.REPLACE, STANDARD),
    ],
)
def test_set_acl(text, change, rights):
    assert read(parse_set_acl, text) == SetAcl(b"INBOX", b"fred", change, frozenset(rights))


@pytest.mark.parametrize(
    "text",
    ["INBOX fred lrQ", "INBOX fred lrq", "INBOX fred 0", "INBOX fred", "INBOX - lr", 'INBOX "" lr', 'INBOX "-" lr',
     "INBOX fred lr x", "INBOX fred ++l", b'INBOX "a\x01b" lr'],
)  # fmt: skip
def test_set_acl_of_nothing_known_is_bad(text):
    with pytest.raises(SyntaxFault):
        read(parse_set_acl, text)


def test_other_acl_commands():
    assert read(parse_delete_acl, 'INBOX -"fred"'.replace('-"fred"', '"-fred"')) == DeleteAcl(b"INBOX", b"-fred")
    assert read(parse_list_rights, "INBOX anyone") == ListRights(b"INBOX", b"anyone")
    with pytest.raises(SyntaxFault):
        read(parse_list_rights, "INBOX anyone lr")


@given(st.sets(st.sampled_from(STANDARD)))
def test_rights_are_written_as_they_are_read(rights):
    """RFC 4314 §2.1.1: with the virtual rights of RFC 2086, which mean their members to who reads them."""
    written = rights_text(rights)
    read_back = read(parse_set_acl, b"INBOX fred " + written).rights
    assert read_back >= frozenset(rights)
    letters = set(written.decode().strip('"'))
    assert letters - set("cd") == rights
    assert ("c" in letters) is bool(rights & set("kx"))
    assert ("d" in letters) is bool(rights & set("te"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"" /shared/comment', GetMetadata(b"", ("/shared/comment",))),
        ("INBOX (/Shared/Comment /private/comment)", GetMetadata(b"INBOX", ("/shared/comment", "/private/comment"))),
        ("(MAXSIZE 1024) INBOX /private/comment", GetMetadata(b"INBOX", ("/private/comment",), 0, 1024)),
        ("INBOX (MAXSIZE 9 DEPTH 1) (/private)", GetMetadata(b"INBOX", ("/private",), 1, 9)),
        ("(DEPTH infinity) INBOX /shared/vendor/x", GetMetadata(b"INBOX", ("/shared/vendor/x",), INFINITY)),
    ],
)
def test_get_metadata(text, value):
    assert read(parse_get_metadata, text) == value


@pytest.mark.parametrize(
    "text",
    ["INBOX", "INBOX ()", "INBOX comment", "INBOX /comment", "INBOX /other/x", "INBOX /private//x", "INBOX /private/",
     '"" "/private/a*"', "(DEPTH 2) INBOX /private/x", "(SIZE 2) INBOX /private/x", "() INBOX /private/x",
     "(MAXSIZE 1 MAXSIZE 1) INBOX /private/x", "INBOX /private/comment x", "INBOX /privat/comment"],
)  # fmt: skip
def test_get_metadata_that_is_bad(text):
    with pytest.raises(SyntaxFault):
        read(parse_get_metadata, text)


def test_set_metadata():
    assert read(parse_set_metadata, 'INBOX (/private/comment "a" /shared/comment NIL)') == SetMetadata(
        b"INBOX", (("/private/comment", b"a"), ("/shared/comment", None))
    )
    value = read(parse_set_metadata, "INBOX (/private/comment ~{} /shared/comment {})", b"\x00\xff", b"two\r\nlines")
    assert value.values == (("/private/comment", b"\x00\xff"), ("/shared/comment", b"two\r\nlines"))
    for text in (
        "INBOX /private/comment x", "INBOX (/private/comment)", "INBOX (/private x)", "INBOX ()",
        'INBOX (/private/vendor/x "a")', "INBOX (/private/comment x)",
    ):  # fmt: skip
        with pytest.raises(SyntaxFault):
            read(parse_set_metadata, text)


@given(st.binary(max_size=50))
def test_any_value_comes_back(value):
    octets = metadata_values(b"INBOX", {"/private/comment": value})
    assert octets.startswith(b"* METADATA INBOX (/private/comment ")
    assert octets.endswith(b")\r\n")
    told = octets[len(b"* METADATA INBOX (/private/comment ") : -3]
    if told.startswith((b"{", b"~{")):
        size, _, rest = told.lstrip(b"~{").partition(b"}\r\n")
        assert int(size) == len(value)
        assert rest == value
        assert told.startswith(b"~") is (b"\x00" in value)
    else:
        assert told[1:-1].replace(b'\\"', b'"').replace(b"\\\\", b"\\") == value


def test_notify():
    assert read(parse_notify, "NONE") == Notify()
    assert read(parse_notify, "NONE").is_none
    assert read(parse_notify, "set status (Selected NONE)") == Notify(True, Selected(False, frozenset()))
    wished = read(
        parse_notify,
        "SET (selected-delayed (MessageNew (UID BODY[]) MessageExpunge FlagChange)) (subtree (a b) (MailboxName))"
        " (mailboxes INBOX (MessageExpunge messagenew)) (personal NONE)",
    )
    assert wished.selected == Selected(True, BOTH | {Event.FLAG_CHANGE}, (Attribute.UID, Section(b"BODY[]", peek=True)))
    assert wished.groups == (
        Others(b"SUBTREE", (b"a", b"b"), frozenset((Event.MAILBOX_NAME,))),
        Others(b"MAILBOXES", (b"INBOX",), BOTH),
        Others(b"PERSONAL", (), frozenset()),
    )
    for unknown in ("SET (personal (AnnotationChange))", "SET (personal (MailboxName Foo))"):
        assert read(parse_notify, unknown).unknown


@pytest.mark.parametrize(
    "text",
    ["", "SET", "SET STATUS", "NONE x", "SET (personal)", "SET (personal ())", "SET (personal MailboxName)",
     "SET (else NONE)", "SET (personal (MessageNew))", "SET (personal (FlagChange))",
     "SET (personal (MessageExpunge FlagChange))", "SET (selected (MailboxName))",
     "SET (personal (MessageNew (UID) MessageExpunge))", "SET (selected NONE) (selected-delayed NONE)",
     "SET (personal (MailboxName (UID)))", "SET (subtree NONE)", "SET (mailboxes () (MailboxName))",
     "SET (personal NONE"],
)  # fmt: skip
def test_notify_that_is_bad(text):
    with pytest.raises(SyntaxFault):
        read(parse_notify, text)


def test_set_quota():
    assert read(parse_set_quota, '"" (STORAGE 512 message 9)') == SetQuota(b"", ((b"STORAGE", 512), (b"MESSAGE", 9)))
    assert read(parse_set_quota, "x ()") == SetQuota(b"x", ())
    for text in ("x", "x (STORAGE)", "x (STORAGE -1)", "x (STORAGE 1", "x (1 STORAGE)", "x () y"):
        with pytest.raises(SyntaxFault):
            read(parse_set_quota, text)


def test_what_list_returns():
    value = read(parse_list, '"" % RETURN (MYRIGHTS METADATA (/private/comment) STATUS (MESSAGES))')
    assert value.returns == frozenset((b"MYRIGHTS",))
    assert value.metadata == ("/private/comment",)
    assert value.status == (b"MESSAGES",)
    assert read(parse_list, '(REMOTE SUBSCRIBED) "" % RETURN (METADATA /shared/comment)').metadata == (
        "/shared/comment",
    )
    for text in ('"" % RETURN (METADATA)', '"" % RETURN (METADATA ())', '(MYRIGHTS) "" %'):
        with pytest.raises(SyntaxFault):
            read(parse_list, text)
