"""What goes into the editor, into drafts and out: structure, words and the letter's own pictures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webmail import hostile
from tests.webmail.auditing import FORBIDDEN, Auditor
from webmail.contents.composed import ATTRIBUTES, TAGS, clean_composed

PAYLOADS = hostile.html_payloads()
OWN = "cid:hinh@thanhpho.example"

# Elements and pieces at which parsers have disagreed, beside those that stay
_STRANGE = (
    "annotation-xml article body button center col colgroup dd form frameset h1 html listing math mglyph mi mtext nobr "
    "noscript section select span style svg template title"
)
_NAMES = sorted(TAGS.union(_STRANGE.split()))
_PIECES = st.one_of(
    st.sampled_from(_NAMES).map(lambda name: f"<{name}>"),
    st.sampled_from(_NAMES).map(lambda name: f"</{name}>"),
    st.text("ab <>&\"'\n\u00a0", max_size=4),
    st.sampled_from(
        [
            f'<img src="{OWN}" alt="x>y">', "<img alt=x src=http://leak.test/p>", '<a href="https://a.test/?a=1&b">',
            "<p align=CENTER>", "<font color=#FF0000>", '<td bgcolor="#AABBCC" colspan=2>', "<table border=1>",
            "<!--", "-->", "<![CDATA[", "]]>", "<input type=hidden>", "<pre>\n",
        ]
    ),
)  # fmt: skip


def own(address: str) -> str | None:
    return address if address == OWN else None


def audit(html: str) -> None:
    for tag, attributes in Auditor(html).tags:
        assert tag in TAGS - FORBIDDEN
        assert set(attributes) <= ATTRIBUTES.get(tag, set())
        if "href" in attributes:
            assert attributes["href"].lower().startswith(("http://", "https://", "mailto:"))
        if tag == "img":
            assert attributes["src"] == OWN


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_mail_becomes_structure_only(payload: str) -> None:
    once = clean_composed(payload, own)
    audit(once)
    assert clean_composed(once, own) == once


@settings(max_examples=150)
@given(st.lists(_PIECES, max_size=25).map("".join))
def test_cleaning_comes_to_rest(html: str) -> None:
    """What is stable under another reading has no other meaning."""
    once = clean_composed(html, own)
    audit(once)
    assert clean_composed(once, own) == once


def test_what_people_write_stays() -> None:
    html = (
        '<h2 align="center">Tờ trình</h2><p align="justify">Kính gửi <b>anh</b>, <i>chị</i> <u>và</u> <s>các</s> '
        '<font color="#c0392b">bạn</font>.</p><ul><li>một<ul><li>hai</li></ul></li></ul><ol start="3"><li>ba</li></ol>'
        '<table border="1" cellpadding="6" cellspacing="0"><tbody><tr><td colspan="2" bgcolor="#fff2cc">ô</td></tr>'
        f'</tbody></table><blockquote type="cite"><p>cũ</p></blockquote><p><img src="{OWN}" alt="Hình" width="300"></p>'
        '<p><a href="https://a.test/x">ở đây</a></p>'
    )
    assert clean_composed(html, own) == html


@pytest.mark.parametrize(
    "address",
    ["https://leak.test/x", "//leak.test/x", "/mail/1/1/part/1", "data:image/png;base64,AAAA", "file:///C:/x.png",
     "cid:another", "javascript:1", ""],
)  # fmt: skip
def test_only_pictures_of_the_letter_stay(address: str) -> None:
    assert clean_composed(f'<p>a<img src="{address}" alt="b">c</p>', own) == "<p>ac</p>"


def test_values_are_what_they_claim_to_be() -> None:
    html = (
        '<p align="x" style="color:red">a</p><font color="red;x">b</font><table border="9999" cellpadding="1px"><tr>'
        f'<td colspan="-1" bgcolor="url(x)">c</td></tr></table><img src="{OWN}" width="0">'
        '<blockquote type="x">d</blockquote>'
    )
    attributes = {name for _tag, given_ in Auditor(clean_composed(html, own)).tags for name in given_}
    assert attributes == {"src"}


def test_what_never_rests_becomes_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webmail.contents.composed.READINGS", 1)
    assert clean_composed("<p>một<p>hai<script>x</script>") == "một<br>\n<br>\nhai"
