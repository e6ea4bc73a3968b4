import pytest

from security.cms.addresses import are_all_in, authors, mailboxes, without_encoded_words
from security.cms.mime import read_entity


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("an@x.vn", ["an@x.vn"]),
        ("Nguyễn Văn An <an@x.vn>", ["an@x.vn"]),
        ('"An, Nguyễn \\"x\\"" <an@x.vn>', ["an@x.vn"]),
        ("an@x.vn (a comment), Bình <binh@x.vn>,", ["an@x.vn", "binh@x.vn"]),
        ("Sở Y tế: an@x.vn, <binh@x.vn>;", ["an@x.vn", "binh@x.vn"]),
        ('"an b"@x.vn', ['"an b"@x.vn']),
        ("victim@y.vn <an@x.vn>", ["an@x.vn"]),
        ("nobody:;", []),
        ("", []),
        ("an", []),
        ("An <an@x.vn", []),
        ("An <an@x.vn> <b@x.vn>", []),
        ("<an@x.vn> An", []),
        ("<@relay:an@x.vn>", []),
        ('"An <an@x.vn>', []),
        ("(An <an@x.vn>", []),
        ("an@x.vn@y.vn", []),
        ("an@x.vn, nonsense", []),
        ("an@[127.0.0.1]", []),
        ("a@x.vn," * 101, []),
        ('"' * 60_001, []),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_mailboxes(value, expected):
    assert [mailbox.address for mailbox in mailboxes(value)] == expected


@pytest.mark.parametrize(
    ("wanted", "known", "expected"),
    [
        ("an@x.vn", ["AN@X.vn"], True),
        ("an@tỉnh.vn", ["an@xn--tnh-dlz.vn"], True),
        ("an@x.vn, b@x.vn", ["an@x.vn"], False),
        ("an@x.vn, b@x.vn", ["b@x.vn", "an@x.vn"], True),
        ("an@x.vn", ["an@y.vn", "@", "an"], False),
        ("an@x.vn", [], False),
        ("nonsense", ["nonsense"], False),
    ],
)
def test_comparing(wanted, known, expected):
    assert are_all_in(mailboxes(wanted), known) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=?utf-8?q?Nguy=E1=BB=85n_An?=", "Nguyễn An"),
        ("=?UTF-8?B?YUB4?= =?utf-8*vi?b?LnZu?=", "a@x.vn"),
        ("=?nonsense?q?a?=", "=?nonsense?q?a?="),
        ("=?utf-\udcca?q?a?=", "=?utf-\udcca?q?a?="),
        ("=?utf-8?b?a?=", "=?utf-8?b?a?="),
        ("=?hex?q?a?= b", "=?hex?q?a?= b"),
        ("plain", "plain"),
    ],
)
def test_encoded_words(text, expected):
    assert without_encoded_words(text) == expected


def test_there_is_one_from_or_none():
    assert not authors(read_entity(b"From: a@x.vn\r\nFrom: a@x.vn\r\n\r\n"))
    assert not authors(read_entity(b"\r\n"))
    assert authors(read_entity(b"from : a@x.vn\r\n\r\n"))[0].address == "a@x.vn"
