"""The scanner against a second one that goes line by line: slow, plain, and written from the rules alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.message.headers import parse_fields
from mailserver.message.media import mime_header
from mailserver.message.structure import scan

FOLDER = Path(__file__).parents[2] / "messages"


class Node:
    """A part that is open or done; ``boundary`` is None when no delimiter of it counts (any more)."""

    def __init__(self, start, default):
        self.start, self.default = start, default
        self.body = self.end = self.boundary = None
        self.media_type = ""
        self.children = []

    def outline(self):
        return (self.media_type, self.start, self.body, self.end, [child.outline() for child in self.children])


def by_lines(octets):
    root = Node(0, "text/plain")
    stack, in_header = [root], True
    place = 0
    while place < len(octets):
        line_end = octets.find(b"\n", place) + 1 or len(octets)
        line = octets[place:line_end].removesuffix(b"\n")
        owner, closes = delimiter_owner(stack, line) if place else (None, False)
        if owner is not None:
            end = place - 1 - octets[:place].endswith(b"\r\n")
            while stack[-1] is not owner:
                node = stack.pop()
                finish(octets, node, end, in_header and node.body is None)
                end = node.end
            in_header = False
            if closes:
                owner.boundary = None
            else:
                child = Node(line_end, "message/rfc822" if owner.media_type == "multipart/digest" else "text/plain")
                owner.children.append(child)
                stack.append(child)
                in_header = True
        elif in_header and line in (b"", b"\r"):
            node = stack[-1]
            node.body = line_end
            read_header(octets, node)
            in_header = node.media_type in ("message/rfc822", "message/global") and node.boundary is None
            if in_header:
                inner = Node(line_end, "text/plain")
                node.children.append(inner)
                stack.append(inner)
        place = line_end
    end = len(octets)
    while stack:
        node = stack.pop()
        finish(octets, node, end, node.body is None)
    return root.outline()


def delimiter_owner(stack, line):
    """Whose delimiter a line is: of equal boundaries the innermost one's."""
    if not line.startswith(b"--"):
        return None, False
    text = line[2:].rstrip(b" \t\r")
    for closes in (False, True):
        for node in reversed(stack):
            if node.boundary is not None and text == node.boundary + b"--" * closes:
                return node, closes
    return None, False


def read_header(octets, node):
    mime = mime_header(parse_fields(octets[node.start : node.body].decode("latin-1")), node.default)
    node.media_type = mime.media_type
    if mime.media_type.startswith("multipart/"):
        node.boundary = mime.boundary.encode("latin-1") or None
    elif mime.media_type.startswith("message/") and mime.encoding in ("base64", "quoted-printable"):
        node.boundary = b"\n"  # matches no line: it only says that the message is not taken apart


def finish(octets, node, end, header_only):
    node.end = max(end, node.start)
    if header_only:
        node.body = node.end
        whole = octets[node.start : node.end]
        mime = mime_header(parse_fields(whole.decode("latin-1")), node.default)
        node.media_type = mime.media_type
        encoded = mime.encoding in ("base64", "quoted-printable")
        if mime.media_type in ("message/rfc822", "message/global") and not encoded:
            inner = Node(node.end, "text/plain")
            finish(octets, inner, node.end, header_only=True)
            node.children.append(inner)
    node.body = min(node.body, node.end)
    if node.media_type.startswith("multipart/") and not node.children:
        node.media_type = "text/plain"


def outline(part):
    return (part.media_type, part.header_start, part.body_start, part.end, [outline(child) for child in part.parts])


_LINES = [
    b"", b"--b", b"--b--", b"--b ", b"--b--\t", b"--c", b"--c--", b"--bb", b"--bb--", b"--", b"-- b", b"---b", b" --b",
    b"text",
    b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: multipart/mixed; boundary=c",
    b"Content-Type: multipart/digest; boundary=bb", b"Content-Type: multipart/mixed; boundary=b--",
    b"Content-Type: multipart/mixed", b"Content-Type: message/rfc822", b"Content-Type: text/html", b"\r", b"--b\r",
    b"Content-Transfer-Encoding: base64",
]  # fmt: skip
_LINE_ENDS = [b"\r\n"] * 20 + [b"\n", b"\n", b"\r", b""]


@st.composite
def line_by_line(draw):
    """Many of a few lines: only so do boundaries meet their multiparts often."""
    lines = [*draw(st.lists(st.sampled_from(_LINES), min_size=1, max_size=6)), b"--b", b"--c", b""]
    pairs = st.tuples(st.sampled_from(lines), st.sampled_from(_LINE_ENDS))
    return b"".join(line + end for line, end in draw(st.lists(pairs, max_size=60)))


@given(line_by_line())
@settings(max_examples=1500)
def test_both_scanners_see_the_same_parts(octets):
    assert outline(scan(octets)) == by_lines(octets)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/message.eml")), ids=lambda path: path.parent.name)
def test_both_scanners_see_the_same_parts_in_difficult_messages(path):
    octets = path.read_bytes()
    assert outline(scan(octets)) == by_lines(octets)
