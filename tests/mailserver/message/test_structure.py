"""The MIME tree: offsets, part numbers, limits, and mapped files."""

from __future__ import annotations

import mmap

import pytest

from mailserver.message.structure import DEPTH_LIMIT, PART_LIMIT, decode_parts, encode_parts, part_at, scan

NESTED = (
    b"Subject: x\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
    b"--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"
    b"--i\r\n\r\none\r\n--i\r\nContent-Type: text/html\r\n\r\ntwo\r\n--i--\r\n"
    b"--o\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: y\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\nthree\r\n--m--\r\n"
    b"--o\r\nContent-Type: message/rfc822\r\n\r\nSubject: z\r\n\r\nfour\r\n"
    b"--o--\r\n"
)


def body(octets, part):
    return octets[part.body_start : part.end]


def test_offsets_cut_out_exactly_the_bodies():
    root = scan(NESTED)
    assert body(NESTED, root.parts[0].parts[0]) == b"one"
    assert body(NESTED, root.parts[0].parts[1]) == b"two"
    assert body(NESTED, root.parts[1].parts[0].parts[0]) == b"three"
    assert body(NESTED, root.parts[2].parts[0]) == b"four"
    assert NESTED[root.header_start : root.body_start].endswith(b"\r\n\r\n")
    assert root.end == len(NESTED)
    assert root.parts[0].header_size == len(b"Content-Type: multipart/alternative; boundary=i\r\n\r\n")


@pytest.mark.parametrize(
    "numbers, text",
    [
        ((1, 1), b"one"),
        ((1, 2), b"two"),
        ((2, 1), b"three"),
        ((3, 1), b"four"),
        ((3,), b"Subject: z\r\n\r\nfour"),
    ],
)
def test_part_numbers_lead_into_enclosed_messages(numbers, text):
    assert body(NESTED, part_at(scan(NESTED), numbers)) == text


@pytest.mark.parametrize("numbers", [(0,), (4,), (1, 3), (1, 1, 1), (2, 2), (3, 2), (3, 1, 1), (1, 0)])
def test_part_numbers_that_lead_nowhere(numbers):
    assert part_at(scan(NESTED), numbers) is None


def test_part_one_of_a_message_without_parts_is_its_body():
    root = scan(b"Subject: x\r\n\r\ntext")
    assert part_at(root, ()) is root
    assert part_at(root, (1,)) is root
    assert part_at(root, (2,)) is None
    assert part_at(root, (1, 1)) is None


def test_the_tree_survives_encoding():
    root = scan(NESTED)
    kept = decode_parts(encode_parts(root))

    def rows(part):
        return [
            (one.media_type, one.encoding, one.header_start, one.body_start, one.end, one.lines, len(one.parts))
            for one in part.walk()
        ]

    assert rows(kept) == rows(root)
    assert encode_parts(kept) == encode_parts(root)
    assert encode_parts(root).isascii()


def test_a_mapped_file_gives_the_same_tree(tmp_path):
    path = tmp_path / "message"
    path.write_bytes(NESTED)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert encode_parts(scan(mapped)) == encode_parts(scan(NESTED))


def test_a_large_mapped_file_is_scanned_where_it_lies(tmp_path):
    line = b"x" * 98 + b"\r\n"
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
    path = tmp_path / "message"
    path.write_bytes(head + line * 180_000 + b"--b\r\nContent-Type: image/png\r\n\r\npng\r\n--b--\r\n")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        root = scan(mapped)
        assert [part.media_type for part in root.parts] == ["text/plain", "image/png"]
        # the line end before the delimiter belongs to it
        assert root.parts[0].lines == 179_999
        assert mapped[root.parts[1].body_start : root.parts[1].end] == b"png"


def depth(root):
    deepest, level = 0, [root]
    while level:
        deepest, level = deepest + 1, [child for part in level for child in part.parts]
    return deepest


@pytest.mark.parametrize(
    "octets",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1000)),
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 1000,
        b"Content-Type: message/rfc822\r\n\r\n" * 1000,
    ],
    ids=["multiparts", "one boundary", "messages"],
)
def test_depth_is_limited_and_what_lies_deeper_is_opaque(octets):
    root = scan(octets)
    assert depth(root) == DEPTH_LIMIT
    level = [root]
    for _ in range(DEPTH_LIMIT - 1):
        level = [child for part in level for child in part.parts]
    assert level[0].media_type == "application/octet-stream"
    assert level[-1].end == root.end == len(octets)
    assert depth(decode_parts(encode_parts(root))) == DEPTH_LIMIT


def test_the_number_of_parts_is_limited_and_the_last_holds_the_rest():
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * (PART_LIMIT + 100) + b"--b--\r\n"
    )
    root = scan(octets)
    assert sum(1 for _ in root.walk()) == PART_LIMIT
    assert root.parts[-1].end == len(octets)
    assert body(octets, root.parts[-2]) == b"x"


def test_messages_beyond_the_limit_of_parts_stay_closed():
    one = b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nx\r\n"
    root = scan(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + one * PART_LIMIT)
    assert sum(1 for _ in root.walk()) <= PART_LIMIT


def test_an_unlikely_mass_of_almost_delimiters_does_not_hide_the_real_one():
    head = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n"
    )
    root = scan(head + b"--cx\r\n--\r\n" * 3000 + b"--c-- \r\r\n--b\r\n\r\nlast\r\n--b--\r\n")
    assert [len(part.parts) for part in root.parts] == [1, 0]


@pytest.mark.parametrize("boundary", ["=?utf-8?q?x?=", "=_?=", "ranh giới", "'()+_,-./:=?"])
def test_boundaries_are_compared_as_they_stand(boundary):
    octets = f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n--{boundary}\r\n\r\nx\r\n--{boundary}--\r\n'
    assert [part.media_type for part in scan(octets.encode()).walk()] == ["multipart/mixed", "text/plain"]


def test_an_absurdly_long_boundary_never_matches():
    octets = b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n--%b\r\n\r\nx\r\n' % (b"b" * 5000, b"b" * 5000)
    assert scan(octets).media_type == "text/plain"
