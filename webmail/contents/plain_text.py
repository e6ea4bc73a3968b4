"""Plain text as HTML of our own making: escaped, addresses made into links, quotations set off.

Escaping comes first and covers every character; a link is built from pieces that were each escaped.  The result is
shown only in the sandboxed response of a message, never in the application's page.

Standards: RFC 3676 (format=flowed), RFC 3676 §4.5 (quotation depth).
Limits: 500,000 characters.
"""

from __future__ import annotations

import re
from html import escape

from webmail.contents.sanitize import safe_link

MAX_TEXT = 500_000
_LINK = re.compile(
    r"(?P<web>(?:https?://|www\.)[^\s<>\"'`\x00-\x20]{2,2000})"
    r"|(?P<mail>(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?»”’…"
_QUOTE = re.compile(r"((?:>[ \t]?)+)(.*)", re.DOTALL)


def text_to_html(text: str, *, flowed: bool = False, delete_space: bool = False) -> str:
    text = text[:MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    lines = _unflow(text.split("\n"), delete_space) if flowed else [_depth(line) for line in text.split("\n")]
    out: list[str] = []
    depth = 0
    for level, line in lines:
        if level != depth:
            out.append("</div>" * max(depth - level, 0) + "".join('<div class="quote">' for _ in range(level - depth)))
            depth = level
            out.append(linkify(line))
        else:
            out.append(("\n" if out else "") + linkify(line))
    out.append("</div>" * depth)
    return f'<div class="text">{"".join(out)}</div>'


def linkify(line: str) -> str:
    """Escape a line and make links of the web and mail addresses in it."""
    out: list[str] = []
    position = 0
    for match in _LINK.finditer(line):
        shown = match[0]
        if match["web"]:
            shown = shown.rstrip(_TRAILING)
            while shown.endswith(")") and shown.count("(") < shown.count(")"):
                shown = shown[:-1].rstrip(_TRAILING)
            target = safe_link(shown if "://" in shown[:8] else f"https://{shown}")
        else:
            target = safe_link(f"mailto:{shown}")
        if target is None or len(shown) < 5:
            continue
        out.append(escape(line[position : match.start()]))
        out.append(f'<a href="{escape(target)}" target="_blank" rel="noopener noreferrer nofollow">{escape(shown)}</a>')
        position = match.start() + len(shown)
    out.append(escape(line[position:]))
    return "".join(out)


def _depth(line: str) -> tuple[int, str]:
    match = _QUOTE.match(line)
    if not match:
        return 0, line
    return min(match[1].count(">"), 10), match[2]


def _unflow(lines: list[str], delete_space: bool) -> list[tuple[int, str]]:
    """RFC 3676 §4.2: a line that ends in a space goes on in the next one of the same depth."""
    out: list[tuple[int, str]] = []
    flowing = False
    for line in lines:
        depth = len(line) - len(line.lstrip(">"))
        body = line[depth:]
        body = body.removeprefix(" ")  # §4.4 space-stuffing
        if flowing and out and out[-1][0] == min(depth, 10):
            previous = out[-1][1]
            out[-1] = (out[-1][0], (previous[:-1] if delete_space else previous) + body)
        else:
            out.append((min(depth, 10), body))
        flowing = body.endswith(" ") and body != "-- "  # §4.3: the signature line is never flowed
    return out
