"""The sanitiser by itself: nothing dangerous is left in its output, and honest mail comes through.

What a browser makes of the output is tried in ``tests/browser/test_hostile_mail.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import tinycss2
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webmail import hostile
from tests.webmail.auditing import FORBIDDEN, Auditor
from webmail.contents.plain_text import linkify, text_to_html
from webmail.contents.sanitize import clean_message, safe_link
from webmail.contents.styles import ALLOWED_FUNCTIONS, filter_declarations, filter_style_sheet

PAYLOADS = hostile.html_payloads()
_ALLOWED_SCHEMES = ("http://", "https://", "mailto:", "tel:", "#m-", "/compose?mailto=")


def clean(html: str, *, show_remote: bool = False) -> str:
    shown = (lambda url: url) if show_remote else None
    made = clean_message(html, inline_image=lambda _cid: None, remote_image=shown)
    return f"<style>{made.styles}</style>{made.html}"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_acts_is_left(payload: str) -> None:
    made = clean_message(payload, inline_image=lambda _cid: None)
    for tag, attributes in Auditor(made.html).tags:
        assert tag not in FORBIDDEN
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in {"srcset", "background", "formaction", "ping", "poster", "action", "xlink:href", "is"}
            if name == "href":
                assert value.startswith(_ALLOWED_SCHEMES)
            if name == "src":
                assert value.startswith("data:image/")
            if name == "style":
                assert not re.search(r"url|\(\s*['\"]|image|\\|@|expression|var|position|//", value, re.IGNORECASE)
    sheet = made.styles.lower()
    assert "<" not in sheet
    assert not re.search(r"url\(|image\(|image-set|@import|@font|\\|://|var\(|position", sheet)


def _tokens(nodes: list[Any]) -> Iterator[Any]:
    for node in nodes:
        yield node
        for inside in ("prelude", "content", "value", "arguments"):
            children = getattr(node, inside, None)
            if isinstance(children, list):
                yield from _tokens(children)


_PIECES = (
    "/", "*", "/**/", "/*", "*/", "(", ")", "url", "calc", "calc(", "//", "1.2", ".3", "-", "+", "<!--", "-->", "'",
    "'*/ url(x) /*'", ":", ";", "{", "}", "margin:", "font-family:", "p{background:", "@media screen{", "#a", "x",
    "before", "\\28", "url/**/(", "//**/*", "*/**//", " ", "\n", ",", "!important", "@import", "u", "rl",
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=25).map("".join))
def test_what_is_put_together_again_says_what_was_allowed(text: str) -> None:
    """No two tokens become another where they meet."""
    sheet = filter_style_sheet(f"p{{margin:{text}}}{text}")
    attribute = filter_declarations(f"margin:{text}")
    found = [*_tokens(tinycss2.parse_stylesheet(sheet)), *_tokens(tinycss2.parse_blocks_contents(attribute))]
    for token in found:
        assert token.type not in {"url", "comment", "error", "unicode-range"}
        assert token.type != "function" or token.lower_name in ALLOWED_FUNCTIONS
        assert token.type != "at-rule" or token.lower_at_keyword == "media"
    assert filter_style_sheet(sheet) == sheet


@pytest.mark.parametrize("payload", hostile.text_payloads())
def test_plain_text_stays_text(payload: str) -> None:
    for html in (text_to_html(payload), text_to_html(payload, flowed=True), linkify(payload)):
        for tag, attributes in Auditor(html).tags:
            assert tag in {"div", "a"}
            assert set(attributes) <= {"class", "href", "target", "rel"}
            if tag == "a":
                assert attributes["href"].startswith(("http://", "https://", "/compose?mailto="))
        plain = re.sub(r"<[^>]*>", "", html)
        assert "<" not in plain


def test_honest_mail_comes_through() -> None:
    html = (
        '<table width="600" bgcolor="#eeeeee" cellpadding="4"><tr><td style="color:#333;padding:4px 8px" colspan="2">'
        '<h2>Thông báo</h2><p align="center">Kính gửi <b>anh</b> <i>chị</i>,<br>xem <a href="https://a.test/?x=1&amp;y=2">'
        'ở đây</a>.</p><ul><li>một</li></ul><font color="red" face="Arial" size="3">đỏ</font></td></tr></table>'
    )
    made = clean(html)
    for piece in (
        'width="600"', 'bgcolor="#eeeeee"', "color:#333", "padding:4px 8px", 'colspan="2"', "<h2>Thông báo</h2>",
        'href="https://a.test/?x=1&amp;y=2"', "<li>một</li>", 'color="red"', 'align="center"',
    ):  # fmt: skip
        assert piece in made
    assert 'target="_blank"' in made
    assert 'rel="noopener noreferrer"' in made


def test_style_sheets_of_honest_mail_come_through() -> None:
    sheet = (
        "/* x */ .a, #b > td:first-child { color: #123456 !important; font-family: 'Times New Roman', serif }"
        "@media only screen and (max-width: 600px) { .w { width: 100% !important } }"
        "p { margin: -3px auto; line-height: 1.5; background: rgba(0, 0, 0, .5) }"
    )
    made = filter_style_sheet(sheet)
    assert ".a, #m-b > td:first-child{color:#123456 !important;font-family:'Times New Roman', serif}" in made
    assert "@media only screen and (max-width: 600px){.w{width:100% !important}}" in made
    assert "margin:-3px auto;line-height:1.5;background:rgba(0, 0, 0, .5)" in made


def test_one_bad_declaration_costs_only_itself() -> None:
    assert filter_declarations("color:red;background:url(x);margin:0") == "color:red;margin:0"


@pytest.mark.parametrize(
    "value", ["position:fixed", "position:sticky", "position:absolute;top:0", "z-index:9", "animation:x"]
)
def test_nothing_leaves_its_place(value: str) -> None:
    assert filter_declarations(value).replace("top:0", "") == ""


def test_names_cannot_collide_with_the_pages_own() -> None:
    made = clean('<a id="documentElement" name="body" href="#body">x</a><style>#documentElement{color:red}</style>')
    assert 'id="m-documentElement"' in made
    assert 'name="m-body"' in made
    assert 'href="#m-body"' in made
    assert "#m-documentElement{" in made


def test_pictures_elsewhere_are_counted_and_shown_when_asked() -> None:
    html = (
        '<img src="https://a.test/1.png"><img src="//b.test/2"><img src="data:image/png;base64,AAAA"><img src="x.png">'
    )
    hidden = clean_message(html, inline_image=lambda _cid: None)
    assert hidden.remote_images == 2
    assert "a.test" not in hidden.html
    assert "data:image/png" in hidden.html
    shown = clean_message(html, inline_image=lambda _cid: None, remote_image=lambda url: url)
    assert 'src="https://a.test/1.png"' in shown.html
    assert 'src="https://b.test/2"' in shown.html
    assert "x.png" not in shown.html


@pytest.mark.parametrize(
    "source",
    ["data:image/svg+xml;base64,AAAA", "data:text/html,x", "file:///etc/passwd", "blob:x", "/logout", "cid:none"],
)
def test_pictures_that_are_none(source: str) -> None:
    assert "src" not in clean(f'<img src="{source}">', show_remote=True)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://a.test/x", "https://a.test/x"), ("HTTP://A.test", "HTTP://A.test"), ("#x", "#m-x"),
        ("tel:+84 28 1234", "tel:+84 28 1234"), ("//a.test", "https://a.test"),
        ("mailto:a@b.test?subject=x", "/compose?mailto=a%40b.test%3Fsubject%3Dx"),
        ("javascript:alert(1)", None), ("java\nscript:alert(1)", None), ("/logout", None), ("https:", None),
        ("http:///x", None),
        ("ftp://a.test", None), ("https://[x", None), ("", None),
    ],
)  # fmt: skip
def test_links(given: str, kept: str | None) -> None:
    assert safe_link(given) == kept


def test_depth_and_size_cost_little() -> None:
    """A hundred thousand open elements take nh3 half a minute; they must never reach it."""
    for html in ("<div>" * 100_000, "<ul><li>" * 50_000, "<div><table></div></table>" * 20_000, "<!--><b>" * 80_000):
        assert len(clean(html)) < 200_000
    long = clean_message("<p>" + "x" * 2_000_000, inline_image=lambda _cid: None)
    assert long.truncated


def test_links_in_text_end_where_people_mean_them_to() -> None:
    assert ">https://a.test/x</a>." in linkify("Xem https://a.test/x.")
    assert ">https://a.test/(x)</a>)" in linkify("(https://a.test/(x))")
    assert 'href="https://www.a.test"' in linkify("www.a.test,")
    assert ">an@thanhpho.example</a>" in linkify("<an@thanhpho.example>")
    assert "<a" not in linkify("http:// x@ @y a@b")
