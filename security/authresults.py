"""Authentication-Results: what was found out about a message, written by us, or read of somebody we trust.

Standards: RFC 8601 §2.2 (grammar), §2.3 (authserv-id), §2.7 (methods), §5 (fields that claim to be ours are removed);
RFC 8617 §4.1.1 (the same results in ARC); RFC 8616 §6 (names in A-labels).
Limits: we write no version and read version 1; values are ASCII, anything else becomes ``?``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

FIELD = "Authentication-Results"
LONGEST_VALUE = 32_768

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+")
# pvalue = value / [ [ local-part ] "@" ] domain-name
_ADDRESS = re.compile(r"(?:[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]*@)?[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?")
_VALUE = r'"((?:[^"\\]|\\.)*)"|([^\s;"]+)'
_SERVICE = re.compile(rf"\s*(?:{_VALUE})\s*([0-9]+)?\s*", re.DOTALL)
_METHOD = re.compile(r"\s*([A-Za-z][A-Za-z0-9\-]*)\s*(?:/\s*([0-9]+)\s*)?=\s*([A-Za-z][A-Za-z0-9\-]*)")
_PROPERTY = re.compile(
    rf"\s+([A-Za-z][A-Za-z0-9\-]*)(?:\s*\.\s*([A-Za-z][A-Za-z0-9\-_]*))?\s*=\s*(?:{_VALUE})", re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Result:
    """One method's result.  ``properties`` are pairs as ``("header.d", "a.example")``; ``remark`` is for people."""

    method: str
    status: str
    properties: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    remark: str = ""

    def value_of(self, name: str) -> str:
        return next((value for key, value in self.properties if key == name), "")

    @property
    def text(self) -> str:
        """As it stands behind a semicolon."""
        parts = [f"{self.method}={self.status}"]
        if self.remark:
            parts.append(f"({_comment(self.remark)})")
        if self.reason:
            parts.append(f"reason={_quoted(self.reason)}")
        parts += [f"{name}={_value(value)}" for name, value in self.properties]
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Statement:
    """A field that was read: who says it, and what."""

    service: str
    version: int
    results: tuple[Result, ...]


def render_results(service: str, texts: Sequence[str]) -> str:
    """The field's value, one result a line, for this field or ARC's; lines end in CRLF but for the last."""
    return ";\r\n\t".join([_value(service), *(texts or ("none",))])  # no-result


def field_octets(service: str, texts: Sequence[str]) -> bytes:
    """The whole field; ``texts`` are those of ``Result``."""
    return f"{FIELD}: {render_results(service, texts)}\r\n".encode("ascii")


def parse_results(value: str) -> Statement | None:
    """A field's value, unfolded or not; None if it does not follow the grammar."""
    if len(value) > LONGEST_VALUE:
        return None
    service, *parts = _split(_without_comments(value))
    head = _SERVICE.fullmatch(service)
    if head is None:
        return None
    results = []
    for part in parts:
        if not part.strip() or part.strip().lower() == "none":
            continue
        result = _parse_result(part)
        if result is None:
            return None
        results.append(result)
    return Statement(_unquoted(head[1], head[2]).lower(), int(head[3] or 1), tuple(results))


def claims_to_be(value: str, names: Collection[str]) -> bool:
    """Whether a field speaks in one of our names, or might to a careless reader (RFC 8601 §5, §7.8).

    What cannot be read, and what has another version, counts as such.
    """
    statement = parse_results(value)
    if statement is None or statement.version != 1:
        return True
    service = statement.service.rstrip(".")
    return any(service == name or service.endswith(f".{name}") for name in names)


def _parse_result(part: str) -> Result | None:
    method = _METHOD.match(part)
    if method is None:
        return None
    properties, reason = [], ""
    position = method.end()
    while match := _PROPERTY.match(part, position):
        position = match.end()
        kind, name, quoted, plain = match.groups()
        if name:
            properties.append((f"{kind.lower()}.{name.lower()}", _unquoted(quoted, plain)))
        elif kind.lower() == "reason":
            reason = _unquoted(quoted, plain)
    if part[position:].strip():
        return None
    return Result(method[1].lower(), method[3].lower(), tuple(properties), reason)


def _without_comments(text: str) -> str:
    """Comments, which may nest (RFC 5322 §3.2.2), become a blank."""
    out: list[str] = []
    depth, quoted, position = 0, False, 0
    while position < len(text):
        character = text[position]
        if character == "\\" and (quoted or depth):
            if not depth:
                out.append(text[position : position + 2])
            position += 2
            continue
        if character == '"' and not depth:
            quoted = not quoted
        if not quoted and character == "(":
            depth += 1
        if not depth:
            out.append(character)
        if not quoted and character == ")" and depth:
            depth -= 1
            out.append(" ")
        position += 1
    return "".join(out)


def _split(text: str) -> list[str]:
    """At semicolons outside quotes."""
    parts, start, quoted, position = [], 0, False, 0
    while position < len(text):
        character = text[position]
        if character == "\\" and quoted:
            position += 1
        elif character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    parts.append(text[start:])
    return parts


def _unquoted(quoted: str | None, plain: str | None) -> str:
    return plain if quoted is None and plain is not None else _ESCAPE.sub(r"\1", quoted or "")


def _ascii(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if " " <= character <= "~" else "?" for character in text)


def _value(text: str) -> str:
    text = _ascii(text)
    return text if _TOKEN.fullmatch(text) or _ADDRESS.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", _ascii(text)) + '"'


def _comment(text: str) -> str:
    return re.sub(r"([()\\])", r"\\\1", _ascii(text))
