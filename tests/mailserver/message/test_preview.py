"""The first words of a message."""

from __future__ import annotations

import base64
import quopri

import pytest

from mailserver.message.preview import PREVIEW_LENGTH
from mailserver.message.summary import summarize

SENTENCE = "Kế hoạch năm nay. "


def preview_of(header, body):
    return summarize(header + b"\r\n" + body).preview


def test_white_space_is_one_blank_and_the_length_is_limited():
    preview = preview_of(b"", b"a \t\r\n\r\n b" + b" word" * 200)
    assert preview.startswith("a b word word")
    assert len(preview) == PREVIEW_LENGTH


@pytest.mark.parametrize(
    "encoding, encode", [("base64", base64.encodebytes), ("quoted-printable", quopri.encodestring)]
)
@pytest.mark.parametrize("count", [1, 5, 50, 500, 5000])
def test_a_window_never_cuts_a_character_or_an_encoding(encoding, encode, count):
    header = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n".encode()
    for shift in range(12):
        text = "x" * shift + SENTENCE * count
        expected = " ".join(text.split())[:PREVIEW_LENGTH]
        assert preview_of(header, encode(text.encode()).replace(b"\n", b"\r\n")) == expected


def test_html_behind_a_long_style_sheet():
    markup = "<html><head><style>" + "p { margin: 0 }\n" * 1500 + "</style></head><body><p>Nội dung</p></body>"
    assert preview_of(b"Content-Type: text/html; charset=utf-8\r\n", markup.encode()) == "Nội dung"


def test_nothing_hidden_is_shown():
    markup = "<!-- a --><script>b</script><div title='c'>d&nbsp;&#x3c;e&gt;</div><p unclosed"
    assert preview_of(b"Content-Type: text/html\r\n", markup.encode()) == "d <e>"


def test_invisible_characters_are_dropped():
    text = "\u200b\u202eXin\u00ad \u2060chào\ufeff\x07"
    assert preview_of(b"Content-Type: text/plain; charset=utf-8\r\n", text.encode()) == "Xin chào"


def test_the_plain_text_is_preferred_and_attachments_are_not():
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nnot this\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\nnor this\r\n--b\r\nContent-Type: text/plain\r\n\r\nthis\r\n--b--\r\n"
    )
    assert summarize(octets).preview == "this"


def test_a_message_without_text_has_no_preview():
    assert preview_of(b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n", b"AAAA") == ""
