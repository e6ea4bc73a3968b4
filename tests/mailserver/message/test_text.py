"""The text of parts, and which parts make up what is read."""

from __future__ import annotations

from email.message import EmailMessage

from mailserver.message.structure import scan
from mailserver.message.text import content, decode_text, readable_text, shown_parts


def part_of(header, body):
    octets = header + b"\r\n" + body
    return scan(octets), octets


def test_encoding_and_charset_are_undone():
    part, octets = part_of(
        b"Content-Type: text/plain; charset=viscii\r\nContent-Transfer-Encoding: quoted-printable\r\n", b"Vi=AEt\r\n"
    )
    assert decode_text(part, octets) == "Việt\n"
    assert content(part, octets) == b"Vi\xaet\r\n"


def test_an_unknown_encoding_leaves_the_octets():
    part, octets = part_of(b"Content-Transfer-Encoding: x-secret\r\n", b"abc\r\n")
    assert content(part, octets) == b"abc\r\n"
    assert decode_text(part, octets) == "abc\n"


def test_html_may_declare_its_charset_itself():
    part, octets = part_of(
        b"Content-Type: text/html\r\n",
        b'<meta http-equiv=x content="text/html; charset=windows-1258">Vi' + b"\xea\xf2t",
    )
    assert decode_text(part, octets).endswith("Việt")


def test_controls_and_line_ends_are_tidied():
    part, octets = part_of(b"", b"\xef\xbb\xbfa\rb\r\nc\nd\x00\x07\x1b[31me\t\r\n")
    assert decode_text(part, octets) == "a\nb\nc\nd[31me\t\n"


def built(*, html_only=False):
    message = EmailMessage()
    if html_only:
        message.set_content("<p>chỉ <b>HTML</b></p>", subtype="html")
    else:
        message.set_content("văn bản")
        message.add_alternative("<p>HTML</p><img src='cid:x'>", subtype="html")
        message.get_payload()[1].add_related(b"png", "image", "png", cid="<x>")
    message.add_attachment("a,b", subtype="csv", filename="a.csv")
    message.add_attachment(b"%PDF", "application", "pdf", filename="a.pdf")
    return message.as_bytes()


def test_of_alternatives_the_plain_one_is_read_and_attachments_are_not():
    octets = built()
    assert [part.media_type for part in shown_parts(scan(octets))] == ["text/plain"]
    assert readable_text(scan(octets), octets) == "văn bản"


def test_html_is_read_when_there_is_nothing_else():
    octets = built(html_only=True)
    assert readable_text(scan(octets), octets) == "chỉ HTML"


def test_alternatives_that_nobody_knows_are_not_shown_as_text():
    header = b"Content-Type: multipart/alternative; boundary=b\r\n\r\n"
    octets = header + b"--b\r\nContent-Type: application/x\r\n\r\nx\r\n--b--\r\n"
    assert readable_text(scan(octets), octets) == ""


def test_several_texts_follow_each_other():
    octets = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"
    assert readable_text(scan(octets), octets) == "one\n\ntwo"
