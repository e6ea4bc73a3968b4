"""Style sheets of strangers: only what was tokenised, recognised and written out again by us gets through.

A message may bring ``<style>`` elements and ``style`` attributes.  Both are parsed with tinycss2 and rebuilt from an
allow-list of properties, functions and selectors; nothing is copied as text.  What cannot be recognised is dropped
as a whole declaration or rule, never repaired.

Gone by construction: every address (``url()``, ``image()``, ``image-set()``, ``cross-fade()``, ``src()``), values
from elsewhere (``var()``, ``env()``, ``attr()``), ``@import``, ``@font-face``, ``position``, animation, generated
content, and anything written with an escape (``\\75 rl(``), which no honest message needs.

Standards: CSS Syntax Level 3.
Limits: 64 KB and 400 rules of style sheets, 4,000 characters of one ``style`` attribute; the rest is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import tinycss2

MAX_SHEET = 64 * 1024
MAX_RULES = 400
MAX_ATTRIBUTE = 4000
ID_PREFIX = "m-"

_SIDES = ("top", "right", "bottom", "left")
ALLOWED_PROPERTIES = frozenset(
    (
        "align-content", "align-items", "align-self", "background", "background-color", "border", "border-collapse",
        "border-color", "border-radius", "border-spacing", "border-style", "border-width", "box-sizing", "caption-side",
        "clear", "color", "column-gap", "direction", "display", "empty-cells", "flex", "flex-basis", "flex-direction",
        "flex-flow", "flex-grow", "flex-shrink", "flex-wrap", "float", "font", "font-family", "font-size",
        "font-stretch", "font-style", "font-variant", "font-weight", "gap", "height", "hyphens", "justify-content",
        "letter-spacing", "line-height", "list-style", "list-style-position", "list-style-type", "margin", "max-height",
        "max-width", "min-height", "min-width", "opacity", "overflow", "overflow-wrap", "overflow-x", "overflow-y",
        "padding", "row-gap", "table-layout", "text-align", "text-decoration", "text-decoration-color",
        "text-decoration-line", "text-decoration-style", "text-indent", "text-overflow", "text-transform",
        "unicode-bidi", "vertical-align", "visibility", "white-space", "width", "word-break", "word-spacing",
        "word-wrap", "border-top-left-radius", "border-top-right-radius", "border-bottom-left-radius",
        "border-bottom-right-radius",
        *(f"margin-{side}" for side in _SIDES),
        *(f"padding-{side}" for side in _SIDES),
        *(f"border-{side}{part}" for side in _SIDES for part in ("", "-color", "-style", "-width")),
    )
)  # fmt: skip
ALLOWED_FUNCTIONS = frozenset({"rgb", "rgba", "hsl", "hsla", "calc", "min", "max", "clamp"})
_PSEUDO_CLASSES = frozenset({"hover", "link", "visited", "active", "first-child", "last-child"})
_MEDIA_FEATURES = frozenset({"min-width", "max-width", "width", "min-device-width", "max-device-width", "orientation"})
_MEDIA_WORDS = frozenset({"screen", "all", "only", "and", "print", "portrait", "landscape"}) | _MEDIA_FEATURES
_NAME = re.compile(r"-?-?[^\W\d][\w-]*\Z")
_STRING = re.compile(r"[^\\<>\"'\n\r\f{}@;()/*:]*\Z")


class _UnsafeStyle(Exception):
    pass


@lru_cache(maxsize=4096)
def filter_declarations(text: str) -> str:
    """The declarations of a ``style`` attribute that may stay; ``""`` when none may."""
    if len(text) > MAX_ATTRIBUTE or "\\" in text:
        return ""
    return _declarations(tinycss2.parse_blocks_contents(text, skip_whitespace=True))


def filter_style_sheet(text: str) -> str:
    """The rules of a ``<style>`` element that may stay."""
    rules = tinycss2.parse_stylesheet(text[:MAX_SHEET], skip_whitespace=True)
    return "\n".join(_rules(rules[:MAX_RULES], nested=False))


def _rules(rules: Iterable[Any], *, nested: bool) -> list[str]:
    kept = []
    for rule in rules:
        try:
            if rule.type == "qualified-rule":
                body = _declarations(tinycss2.parse_blocks_contents(rule.content, skip_whitespace=True))
                if body:
                    kept.append(f"{_selector(rule.prelude)}{{{body}}}")
            elif rule.type == "at-rule" and rule.lower_at_keyword == "media" and rule.content and not nested:
                condition = _media(rule.prelude)
                inner = tinycss2.parse_rule_list(rule.content, skip_whitespace=True)
                body = "".join(_rules(inner[:MAX_RULES], nested=True))
                if body:
                    kept.append(f"@media {condition}{{{body}}}")
        except _UnsafeStyle:
            continue
    return kept


def _declarations(items: Iterable[Any]) -> str:
    kept = []
    for item in items:
        if item.type != "declaration" or item.lower_name not in ALLOWED_PROPERTIES:
            continue
        try:
            value = _value(item.value, strings=item.lower_name in {"font-family", "font"}).strip()
        except _UnsafeStyle:
            continue
        if value:
            kept.append(f"{item.lower_name}:{value}{' !important' if item.important else ''}")
    return ";".join(kept)


def _value(tokens: Iterable[Any], *, strings: bool = False, reckoned: bool = False) -> str:
    out: list[str] = []
    for token in tokens:
        if token.type in ("whitespace", "comment"):
            if out[-1:] != [" "]:
                out.append(" ")  # what a comment kept apart must not become another token: "url/**/(", "//**/*"
        elif token.type == "ident" and _NAME.match(token.value):
            out.append(token.value)
        elif token.type in ("number", "percentage", "dimension"):
            out.append(_number(token))
        elif token.type == "hash" and re.fullmatch(r"[0-9A-Fa-f]{3,8}", token.value):
            out.append(f"#{token.value}")
        elif token.type == "literal" and token.value in {",", "/", "+", "-", "*"}:
            out.append(token.value)
        elif token.type == "string" and strings and _STRING.match(token.value):
            out.append(f"'{token.value}'")
        elif token.type == "function" and token.lower_name in ALLOWED_FUNCTIONS:
            out.append(f"{token.lower_name}({_value(token.arguments, reckoned=True)})")
        elif token.type == "() block" and reckoned:
            out.append(f"({_value(token.content, reckoned=True)})")
        else:
            raise _UnsafeStyle
    return "".join(out)


def _number(token: Any) -> str:
    if not re.fullmatch(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]{1,2})?", token.representation):
        raise _UnsafeStyle
    if token.type == "percentage":
        return f"{token.representation}%"
    if token.type == "dimension":
        if not re.fullmatch(r"[A-Za-z]{1,5}", token.unit):
            raise _UnsafeStyle
        return f"{token.representation}{token.unit}"
    return str(token.representation)


def _selector(tokens: Iterable[Any]) -> str:
    out = []
    after_colon = False
    for token in tokens:
        if token.type == "comment":
            continue
        if token.type == "ident" and _NAME.match(token.value):
            if after_colon and token.lower_value not in _PSEUDO_CLASSES:
                raise _UnsafeStyle
            out.append(token.value)
        elif token.type == "hash" and _NAME.match(token.value):
            out.append(f"#{ID_PREFIX}{token.value}")  # ids in the message carry the same prefix
        elif token.type == "whitespace":
            out.append(" ")
        elif token.type == "literal" and token.value in {".", ",", ">", "+", "~", "*", ":"}:
            out.append(token.value)
        else:
            raise _UnsafeStyle
        after_colon = token.type == "literal" and token.value == ":"
    selector = "".join(out).strip()
    if not selector:
        raise _UnsafeStyle
    return selector


def _media(tokens: Iterable[Any]) -> str:
    out = []
    for token in tokens:
        if token.type == "ident" and token.lower_value in _MEDIA_WORDS:
            out.append(token.lower_value)
        elif token.type == "whitespace":
            out.append(" ")
        elif token.type == "literal" and token.value in {":", ","}:
            out.append(token.value)
        elif token.type in ("number", "dimension"):
            out.append(_number(token))
        elif token.type == "() block":
            out.append(f"({_media(token.content)})")
        else:
            raise _UnsafeStyle
    return "".join(out).strip() or "all"
