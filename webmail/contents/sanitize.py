"""Other people's HTML made harmless: the first of the walls round a message.

``clean_message`` prepares a message for its own sandboxed response (``webmail.reading.message_body``), where a header
forbids scripts and every request as a second wall.  What a person writes or quotes is cleaned far more strictly
(``webmail.contents.composed``).

nh3 (html5ever, the parser that browsers agree with) takes out what is not allowed.  Foreign content (svg, math) goes
with all that is in it, because parsers disagree about what follows it.  Nothing edits the text after nh3 has
written it.  Attributes are judged one by one in ``_MessageRules``, styles in ``webmail.contents.styles``.

nh3 takes time that grows with the square of the nesting (100,000 open <div>: 37 s), so a text with many tags passes
through libxml2 first, which never nests deeper than 256.

Limits: 1.5 million characters of HTML; what follows is not shown (the original can be downloaded).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import nh3
from lxml import etree

from webmail.contents.styles import ID_PREFIX, MAX_SHEET, filter_declarations, filter_style_sheet

MAX_HTML = 1_500_000
MAX_DATA_IMAGE = 1_000_000
MAX_REMOTE = 3000  # characters of the address of a picture elsewhere
MANY_TAGS = 6000  # that many, all nested, cost nh3 50 ms

_TEXT_TAGS = {
    "a", "abbr", "acronym", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption",
    "center", "cite", "code", "col", "colgroup", "dd", "del", "details", "dfn", "dir", "div", "dl", "dt", "em",
    "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins",
    "kbd", "li", "main", "mark", "nav", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small",
    "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time",
    "tr", "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
# Removed together with everything inside.  <form> and its like are only unwrapped: newsletters put text into them.
REMOVED_WHOLE = {
    "applet", "audio", "base", "canvas", "datalist", "embed", "frame", "frameset", "iframe", "input", "isindex",
    "link", "map", "math", "meta", "meter", "noembed", "noframes", "object", "optgroup", "option", "output",
    "param", "plaintext", "progress", "script", "select", "slot", "source", "style", "svg", "template", "textarea",
    "title", "track", "video", "xmp",
}  # fmt: skip
# Elements whose text one parser may take for markup and another not; they never survive, so they never cross.
_RAW_TEXT = (
    "script", "style", "title", "textarea", "xmp", "plaintext", "noscript", "iframe", "noembed", "noframes", "template",
    "svg", "math", "select",
)  # fmt: skip
_PLAIN_ATTRIBUTES = {"dir", "lang", "title", "class", "id", "style", "align"}
_ATTRIBUTES: dict[str, set[str]] = {
    "*": _PLAIN_ATTRIBUTES,
    "a": {"href", "name"},
    "col": {"span", "width", "valign"},
    "colgroup": {"span", "width", "valign"},
    "details": {"open"},
    "font": {"color", "face", "size"},
    "hr": {"width", "size", "color", "noshade"},
    "img": {"src", "alt", "width", "height", "border", "hspace", "vspace"},
    "li": {"value", "type"},
    "ol": {"start", "type", "reversed"},
    "table": {"width", "height", "border", "cellpadding", "cellspacing", "bgcolor", "summary", "rules", "frame"},
    "tbody": {"valign"},
    "td": {"width", "height", "colspan", "rowspan", "valign", "bgcolor", "nowrap", "headers", "scope"},
    "th": {"width", "height", "colspan", "rowspan", "valign", "bgcolor", "nowrap", "headers", "scope", "abbr"},
    "time": {"datetime"},
    "tr": {"height", "valign", "bgcolor"},
    "ul": {"type"},
}
_SIZED = {"width", "height", "border", "hspace", "vspace", "size", "cellpadding", "cellspacing", "colspan", "rowspan"}
_COLOURS = {"bgcolor", "color"}
_SIZE = re.compile(r"\s*[+-]?\d{1,5}(?:\.\d{1,4})?\s*(?:%|px|pt|em)?\s*\Z", re.IGNORECASE)
_COLOUR = re.compile(r"\s*#?[0-9A-Za-z]{1,24}\s*\Z")
_DATA_IMAGE = re.compile(r"data:image/(?:png|jpe?g|gif|webp|bmp);base64,[A-Za-z0-9+/=\s]+\Z", re.IGNORECASE)
IGNORED_IN_URLS = re.compile(r"[\t\n\r]")  # WHATWG URL: a browser removes them before it reads the scheme


@dataclass(frozen=True, slots=True)
class CleanHtml:
    html: str
    styles: str
    remote_images: int  # pictures elsewhere that the message asks for, shown or not
    truncated: bool


def clean_message(
    html: str, *, inline_image: Callable[[str], str | None], remote_image: Callable[[str], str] | None = None
) -> CleanHtml:
    """``inline_image`` turns a Content-ID (RFC 2392) into an address of ours; None if there is no such part.
    ``remote_image`` does the same with the address of a picture elsewhere; without it none is shown.
    """
    html = html.replace("\0", "")
    rules = _MessageRules(inline_image, remote_image)
    cleaned = nh3.clean(
        shallow(html[:MAX_HTML]),
        tags=_TEXT_TAGS,
        clean_content_tags=REMOVED_WHOLE,
        attributes=_ATTRIBUTES,
        attribute_filter=rules.judge,
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        link_rel="noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank"}, "img": {"referrerpolicy": "no-referrer"}},
    )
    styles = filter_style_sheet("\n".join(_style_elements(html[:MAX_HTML])))
    return CleanHtml(cleaned, styles, rules.remote_images, len(html) > MAX_HTML)


def safe_link(address: str) -> str | None:
    """The address of a link as it may stay: http, https and tel; mailto: opens our own composer; else None."""
    address = IGNORED_IN_URLS.sub("", address).strip()
    if address.startswith("#"):
        return f"#{ID_PREFIX}{address[1:]}" if len(address) > 1 else None
    if address.startswith("//"):
        address = f"https:{address}"
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme in ("http", "https"):
        return address if parts.netloc else None
    if scheme == "tel":
        return address if re.fullmatch(r"tel:[+0-9().\- ]{2,30}", address, re.IGNORECASE) else None
    if scheme == "mailto":
        return f"/compose?mailto={quote(address[7:], safe='')}"
    return None


class _MessageRules:
    """Judges every attribute of one message; counts the pictures it wants from elsewhere."""

    def __init__(self, inline_image: Callable[[str], str | None], remote_image: Callable[[str], str] | None) -> None:
        self._inline_image = inline_image
        self._remote_image = remote_image
        self.remote_images = 0

    def judge(self, tag: str, name: str, value: str) -> str | None:
        if name == "style":
            return filter_declarations(value) or None
        if name == "href":
            return safe_link(value)
        if name == "src":
            return self._picture(IGNORED_IN_URLS.sub("", value).strip())
        if name in ("id", "name", "headers"):
            # Prefixed, so that no element of a message can take a name that a page's own code looks for.
            return f"{ID_PREFIX}{value}" if len(value) <= 100 else None
        if name in _SIZED and not (tag == "font" and name == "color"):
            return value if _SIZE.match(value) else None
        if name in _COLOURS:
            return value if _COLOUR.match(value) else None
        return value if len(value) <= 2000 else None

    def _picture(self, address: str) -> str | None:
        lowered = address[:16].lower()
        if lowered.startswith("cid:"):
            return self._inline_image(address[4:])
        if lowered.startswith("data:"):
            return address if len(address) <= MAX_DATA_IMAGE and _DATA_IMAGE.match(address) else None
        if lowered.startswith("//"):
            address = f"https:{address}"
        elif not lowered.startswith(("http://", "https://")):
            return None
        self.remote_images += 1
        return self._remote_image(address) if self._remote_image and len(address) <= MAX_REMOTE else None


def shallow(html: str) -> str:
    """The same, with a text of many tags nested no deeper than libxml2 does."""
    if html.count("<") <= MANY_TAGS:
        return html
    parser = etree.HTMLParser(remove_comments=True, remove_pis=True, encoding="utf-8")
    root = etree.HTML(html.encode("utf-8", "replace"), parser)
    if root is None:
        return ""
    etree.strip_elements(root, *_RAW_TEXT, with_tail=False)
    return str(etree.tostring(root, method="html", encoding="unicode"))


def _style_elements(html: str) -> list[str]:
    """The text of the <style> elements.  Found by plain search: whatever is found is rebuilt by the style filter, so a
    disagreement with a real parser can cost looks, never safety."""
    found: list[str] = []
    lowered = html.lower()
    position, room = 0, MAX_SHEET
    for _ in range(50):
        start = lowered.find("<style", position)
        if start < 0 or room <= 0:
            break
        opening = lowered.find(">", start)
        end = lowered.find("</style", opening) if opening >= 0 else -1
        if end < 0:
            break
        comment = lowered.rfind("<!--[if", 0, start)
        if comment < 0 or lowered.find("<![endif]", comment, start) >= 0:  # not one that is meant for Outlook alone
            found.append(html[opening + 1 : min(end, opening + 1 + room)])
            room -= len(found[-1])
        position = end + 7
    return found
