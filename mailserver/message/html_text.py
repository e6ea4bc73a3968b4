"""HTML to text a person can read and quote, and text to HTML.

The parser reports events to a small writer and builds no tree, so that neither depth nor size of hostile
markup matters beyond its length.

Limits: 4 Mi characters of HTML are read, 20 levels of lists and quotes are marked.
"""

from __future__ import annotations

import html
import re

from lxml import etree

HTML_LIMIT = 4 << 20
_DEPTH_LIMIT = 20

_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main",
    "nav", "ol", "p", "pre", "section", "table", "tbody", "tfoot", "thead", "tr", "ul",
})  # fmt: skip
_SPACED = frozenset({
    "blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul",
})  # fmt: skip
_HIDDEN = frozenset({
    "head", "iframe", "noscript", "object", "script", "style", "svg", "template", "textarea", "title",
})  # fmt: skip
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_LINK_START = ("http://", "https://", "mailto:")


class _Writer:
    """Receives the parser's events and lays out lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.hidden = 0
        self.preformatted = 0
        self.quotes = 0
        self.lists: list[int | None] = []
        self.links: list[tuple[str, int]] = []
        self.gap = True  # the text begins, or a blank line is there already

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.hidden or tag in _HIDDEN:
            self.hidden += tag in _HIDDEN
            return
        if tag == "br":
            self.end_line()
        elif tag == "img":
            text = attributes.get("alt", "").strip()
            if text:
                self.line.append(f"[{text}]")
        elif tag == "a":
            self.links.append((attributes.get("href", "").strip(), len(self.line)))
        elif tag in ("td", "th"):
            if self.line:
                self.line.append("\t")
        elif tag in _BLOCKS:
            self.begin_block(tag, attributes)

    def begin_block(self, tag: str, attributes: dict[str, str]) -> None:
        self.finish_line()
        if tag in _SPACED and not self.lists:
            self.blank_line()
        if tag == "hr":
            self.line.append("-" * 40)
            self.finish_line()
        elif tag == "blockquote":
            self.quotes += 1
        elif tag == "pre":
            self.preformatted += 1
        elif tag in ("ul", "ol", "dl"):
            first = attributes.get("start", "1")
            start = int(first) if first.isascii() and first.isdigit() and len(first) < 7 else 1
            self.lists.append(start if tag == "ol" else None)
        elif tag == "li":
            self.begin_item()

    def begin_item(self) -> None:
        indent = "  " * min(max(len(self.lists) - 1, 0), _DEPTH_LIMIT)
        number = self.lists[-1] if self.lists else None
        if number is None:
            self.line.append(f"{indent}- ")
        else:
            self.line.append(f"{indent}{number}. ")
            self.lists[-1] = number + 1

    def end(self, tag: str) -> None:
        if tag in _HIDDEN:
            self.hidden = max(self.hidden - 1, 0)
            return
        if self.hidden:
            return
        if tag == "a":
            self.end_link()
        elif tag in _BLOCKS:
            self.finish_line()
            if tag == "blockquote":
                self.quotes = max(self.quotes - 1, 0)
                if self.gap and self.lines:  # the blank line between belongs to the outer text
                    self.lines[-1] = self.prefix().rstrip()
            elif tag == "pre":
                self.preformatted = max(self.preformatted - 1, 0)
            elif tag in ("ul", "ol", "dl") and self.lists:
                self.lists.pop()
            if tag in _SPACED and not self.lists:
                self.blank_line()

    def end_link(self) -> None:
        if not self.links:
            return
        target, place = self.links.pop()
        text = "".join(self.line[place:]).strip()
        # The address is worth showing when the text hides it.
        if target.lower().startswith(_LINK_START) and text and target.removeprefix("mailto:") not in text:
            self.line.append(f" <{target[:2000]}>")

    def data(self, text: str) -> None:
        if self.hidden:
            return
        if self.preformatted:
            first, *others = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            self.line.append(first)
            for other in others:
                self.end_line()
                self.line.append(other)
            return
        text = _SPACE.sub(" ", text)
        if text == " " and (not self.line or self.line[-1][-1:] in (" ", "\t")):
            return
        self.line.append(text)

    def finish_line(self) -> None:
        """End the line if anything is on it."""
        if any(piece.strip() for piece in self.line):
            self.end_line()
        else:
            self.line.clear()

    def end_line(self) -> None:
        text = "".join(self.line)
        text = text.rstrip() if self.preformatted else text.strip(" ") if not self.lists else text.rstrip()
        self.line.clear()
        self.links = [(target, 0) for target, _ in self.links[-1:]]
        if text or not self.gap:
            self.lines.append(self.prefix() + text)
        self.gap = not text

    def blank_line(self) -> None:
        if not self.gap:
            self.lines.append(self.prefix().rstrip())
            self.gap = True

    def prefix(self) -> str:
        return ">" * min(self.quotes, _DEPTH_LIMIT) + " " if self.quotes else ""

    def comment(self, text: str) -> None:
        """Comments are not text."""

    def close(self) -> str:
        self.finish_line()
        return _BLANK_LINES.sub("\n\n", "\n".join(self.lines)).strip("\n")


def html_to_text(markup: str) -> str:
    """The text of an HTML document or fragment, in lines. Never raises."""
    parser = etree.HTMLParser(target=_Writer(), recover=True, no_network=True, huge_tree=True)
    # NUL would end the document for libxml2, a declared encoding would be believed: text has neither.
    markup = markup[:HTML_LIMIT].replace("\x00", "")
    try:
        parser.feed(markup)
        text: str = parser.close()
    except (etree.LxmlError, ValueError):
        return html.unescape(re.sub(r"<[^>]*+>", " ", markup)).strip()
    return text


def text_to_html(text: str) -> str:
    """Plain text as an HTML fragment that looks the same."""
    escaped = html.escape(text.replace("\r\n", "\n"), quote=False)
    escaped = re.sub(r"(^| ) ", lambda match: match[1] + "\u00a0", escaped, flags=re.MULTILINE)
    return escaped.replace("\n", "<br>\n")
