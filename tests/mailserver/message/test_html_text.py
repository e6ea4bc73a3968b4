"""HTML read as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.message.html_text import html_to_text, text_to_html


@pytest.mark.parametrize(
    "markup, text",
    [
        ("", ""),
        ("plain", "plain"),
        ("<p>Kính gửi <b>Sở</b>,</p><p>hai<br>ba</p>", "Kính gửi Sở,\n\nhai\nba"),
        ("a &lt;b&gt; &amp;amp; &#7841; &nbsp;c", "a <b> &amp; ạ c"),
        ("<ul><li>một<li>hai<ul><li>sâu</ul></ul>", "- một\n- hai\n  - sâu"),
        ("<ol start=3><li>ba<li>bốn</ol>", "3. ba\n4. bốn"),
        ("<ol start=x><li>một</ol>", "1. một"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>c", "> a\n>\n>> b\n\nc"),
        ("<pre>  x\n    y</pre>z", "  x\n    y\n\nz"),
        ("<table><tr><td>1<td>2<tr><td>3<td>4</table>", "1\t2\n3\t4"),
        ('<a href="https://example.vn/">here</a>', "here <https://example.vn/>"),
        ('<a href="https://example.vn/">https://example.vn/</a>', "https://example.vn/"),
        ('<a href="mailto:a@b.vn">a@b.vn</a>', "a@b.vn"),
        ('<a href="javascript:evil()">x</a>', "x"),
        ('<img src="x" alt="Logo">!', "[Logo]!"),
        ("<style>p{}</style><title>t</title><script>s()</script><!-- c -->x", "x"),
        ("<div><div><div>deep</div></div></div>", "deep"),
        ("a<hr>b", "a\n" + "-" * 40 + "\nb"),
        ("<p>unclosed <b>tags", "unclosed tags"),
        ("a\x00b", "ab"),
        ('<?xml version="1.0" encoding="utf-16"?><p>Đúng</p>', "Đúng"),
        ('<meta charset="iso-8859-1"><p>Đúng</p>', "Đúng"),
        ("<p>   \n </p><p>x</p>\n\n\n<p>y</p>", "x\n\ny"),
    ],
)
def test_reading(markup, text):
    assert html_to_text(markup) == text


@pytest.mark.parametrize(
    "markup",
    ["<div>" * 50_000, "<blockquote>x" * 20_000, "<ul><li>x" * 20_000, "<table><tr><td>" * 20_000,
     "<a href=http://x>" * 50_000, "<script>" * 50_000, "&" * 100_000, "<" * 100_000],
    ids=["div", "quote", "list", "table", "link", "script", "ampersand", "angle"],
)  # fmt: skip
def test_depth_and_number_are_no_danger(markup):
    assert len(html_to_text(markup + "end")) <= 60 * len(markup)


@given(st.text(max_size=200))
def test_nothing_raises(markup):
    html_to_text(markup)


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=50))
def test_text_comes_back_from_its_html(text):
    assert html_to_text(text_to_html(text)) == text


def test_text_as_html_keeps_lines_and_indents():
    assert text_to_html("a <b>\n  c") == "a &lt;b&gt;<br>\n\u00a0 c"
