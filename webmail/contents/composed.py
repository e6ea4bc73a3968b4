"""What a person writes, quotes or pastes: HTML made fit for the editor, for keeping and for sending.

The editor lives in the application's own page, whose policy forbids every style of an element.  So nothing here has a
style, a class or an id: what is aligned, coloured or wide says so by the attributes that HTML had before there were
styles, which every mail program knows, and Outlook's best.

A picture is a part of the letter, or it goes: ``picture`` says what stands for the address of one, and None for any
that is not the letter's own.  It is asked again of what it said, and then says the same.

Cleaning is repeated until it changes nothing, so that no later reader (the editor, a mail program) finds another
meaning in the same text; what comes to no rest becomes plain text.

``front/writing/cleaning.ts`` keeps the same elements and attributes of what is pasted; this is the judge.

Standards: RFC 2392 (cid:).
Limits: 1.5 million characters of HTML; pictures without an address are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import nh3

from mailserver.message.html_text import html_to_text, text_to_html
from webmail.contents.sanitize import IGNORED_IN_URLS, MAX_HTML, REMOVED_WHOLE, shallow

Picture = Callable[[str], str | None]

READINGS = 8

TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "div", "em", "font", "h2", "h3", "hr", "i", "img", "li", "ol", "p",
    "pre", "s", "small", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
_ALIGNED = {"align"}
_CELL = _ALIGNED | {"colspan", "rowspan", "bgcolor"}
ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href"},
    "blockquote": {"type"},
    "div": _ALIGNED,
    "font": {"color"},
    "h2": _ALIGNED,
    "h3": _ALIGNED,
    "img": {"src", "alt", "width"},
    "ol": {"start"},
    "p": _ALIGNED,
    "table": {"border", "cellpadding", "cellspacing"},
    "td": _CELL,
    "th": _CELL,
}
_LINK = re.compile(r"(?:https?://[^\s/]|mailto:[^\s])", re.IGNORECASE)
_VALUES = {
    "align": re.compile(r"left|center|right|justify"),
    "alt": re.compile(r".{0,1000}", re.DOTALL),
    "bgcolor": re.compile(r"#[0-9a-f]{6}"),
    "border": re.compile(r"\d{1,2}"),
    "cellpadding": re.compile(r"\d{1,2}"),
    "cellspacing": re.compile(r"\d{1,2}"),
    "color": re.compile(r"#[0-9a-f]{6}"),
    "colspan": re.compile(r"\d{1,3}"),
    "rowspan": re.compile(r"\d{1,3}"),
    "start": re.compile(r"\d{1,4}"),
    "type": re.compile(r"cite"),
    "width": re.compile(r"[1-9]\d{0,3}"),
}
# As nh3 writes it: every value in double quotes, with none inside
_WRITTEN_PICTURE = re.compile(r'<img(?: [a-z]+="[^"]*")*>')


def clean_composed(html: str, picture: Picture | None = None) -> str:
    """Structure, words and the letter's own pictures.  Cleaning the outcome again changes nothing."""
    html = html.replace("\0", "")[:MAX_HTML]
    for _ in range(READINGS):
        cleaned = _read(html, picture)
        if cleaned == html:
            return cleaned
        html = cleaned
    return _read(text_to_html(html_to_text(html)), picture)


def _read(html: str, picture: Picture | None) -> str:
    def judge(_tag: str, name: str, value: str) -> str | None:
        if name == "src":
            return picture(IGNORED_IN_URLS.sub("", value).strip()) if picture is not None else None
        if name == "href":
            value = IGNORED_IN_URLS.sub("", value).strip()
            return value if _LINK.match(value) else None
        rule = _VALUES.get(name)  # asked of what is unknown, too
        value = value if name == "alt" else value.strip().lower()
        return value if rule is not None and rule.fullmatch(value) else None

    cleaned = nh3.clean(
        shallow(html),
        tags=TAGS,
        clean_content_tags=REMOVED_WHOLE,
        attributes=ATTRIBUTES,
        attribute_filter=judge,
        url_schemes={"http", "https", "mailto", "cid"},
        link_rel=None,
    )
    # The outcome is read once more before it is used
    return _WRITTEN_PICTURE.sub(lambda found: found[0] if ' src="' in found[0] else "", cleaned)
