"""What a text of HTML consists of, seen by a parser that knows nothing of the sanitiser."""

from __future__ import annotations

from html.parser import HTMLParser


class Auditor(HTMLParser):
    """Lists every element and attribute of a text; knows nothing of the sanitiser."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))


FORBIDDEN = {
    "script", "style", "svg", "math", "form", "input", "button", "select", "textarea", "iframe", "frame", "frameset",
    "object", "embed", "applet", "link", "meta", "base", "template", "video", "audio", "source", "track", "noscript",
    "title", "xmp", "plaintext", "noembed", "noframes", "image", "isindex", "portal", "fencedframe", "bgsound", "body",
    "html", "head", "area", "map", "canvas", "slot", "dialog", "marquee", "keygen", "picture", "param",
}  # fmt: skip
