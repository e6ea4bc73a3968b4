"""Header fields inside the signature and the encryption: which they are, and what was seen outside.

The root of the cryptographic payload says ``hp="clear"`` or ``hp="cipher"`` and has the message's own fields among its
own; of an encrypted message, HP-Outer tells what the sender left outside.

Standards: RFC 9788 §2.1 (hp), §2.2 (HP-Outer), §3 (the baseline policy), §4.3 (what is confidential), §5.2 (writing);
RFC 9787 (which fields are whose).  Deviations: the form of RFC 8551 §3.1, a message/rfc822 as payload, is shown as the
message it is and taken for no protection; no Legacy Display Element is written, so a program that knows none of this
shows ``[...]`` as the Subject, unless the sender chose to leave it outside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from security.cms.mime import Entity, Field, read_entity, with_crlf

OUTER_SUBJECT = b"Subject: [...]\r\n"
# RFC 9788 §3: taken away outside; Subject is put in other words.
_HIDDEN = frozenset({"comments", "keywords"})
# Added or removed on the way, or meant for the way only: never inside (RFC 9788 §11.4 on Bcc).
_NOT_INSIDE = frozenset(
    {
        "bcc",
        "resent-bcc",
        "received",
        "return-path",
        "delivered-to",
        "dkim-signature",
        "authentication-results",
        "arc-seal",
        "arc-message-signature",
        "arc-authentication-results",
        "hp-outer",
    }
)
_STRUCTURAL = re.compile(r"content-.*|mime-version")
_HP = re.compile(rb'[ \t]*;[ \t\r\n]*hp[ \t]*=[ \t]*(?:"[^"\r\n]*"|[^\s;"]+)', re.IGNORECASE)


def is_structural(field: Field) -> bool:
    """RFC 9787 §1.1.1: of the MIME entity and not of the message."""
    return _STRUCTURAL.fullmatch(field.name) is not None


@dataclass(frozen=True, slots=True)
class ProtectedHeader:
    """``fields`` are what a reader is shown instead of those outside; ``hidden`` names those kept from the way."""

    fields: tuple[Field, ...]
    is_cipher: bool
    hidden: frozenset[str] = frozenset()

    @property
    def entity(self) -> Entity:
        """The fields as a header of their own."""
        return read_entity(b"".join(field.octets for field in self.fields) + b"\r\n")


def read_protected(payload: Entity, *, is_encrypted: bool) -> ProtectedHeader | None:
    """Of the payload's root; None when it protects no header."""
    intent = payload.content_type.parameters.get("hp", "").lower()
    if intent not in ("clear", "cipher") or not payload.content_type.is_clear:
        return None
    fields = tuple(
        field for field in payload.fields if field.name and not is_structural(field) and field.name != "hp-outer"
    )
    if intent == "clear" or not is_encrypted:
        return ProtectedHeader(fields, is_cipher=False)
    outside = {_name_and_value(value) for value in payload.values("hp-outer")}
    # RFC 9788 §4.3: what does not stand outside with this value was kept from it
    hidden = frozenset(field.name for field in fields if (field.name, _words(field.value)) not in outside)
    return ProtectedHeader(fields, is_cipher=True, hidden=hidden)


def _name_and_value(value: str) -> tuple[str, str]:
    name, _, rest = value.partition(":")
    return name.strip().lower(), _words(rest)


def _words(value: str) -> str:
    return " ".join(value.split())


def protect(message: Entity, *, is_cipher: bool, hides: bool = True) -> tuple[bytes, bytes]:
    """The payload's header, with its empty line, and the fields that stay outside.  RFC 9788 §5.2.

    ``message`` is the whole of it, before anything was signed or encrypted.  ``hides``: by the baseline policy, else
    nothing is kept from the way.
    """
    inside, outside, record = [], [], []
    for field in message.fields:
        if not field.name or is_structural(field):
            continue
        if field.name in _NOT_INSIDE:
            outside.append(field.octets)
            continue
        inside.append(field.octets)
        shown = _shown(field) if is_cipher and hides else field.octets
        if shown:
            outside.append(shown)
            record.append(b"HP-Outer: " + shown)
    payload = [*inside, *(record if is_cipher else ()), *_structure(message, b"cipher" if is_cipher else b"clear")]
    return with_crlf(b"".join(payload)) + b"\r\n", with_crlf(b"".join(outside))


def _shown(field: Field) -> bytes:
    """What stands outside an encryption."""
    if field.name == "subject":
        return OUTER_SUBJECT
    return b"" if field.name in _HIDDEN else field.octets


def unprotected(message: Entity) -> tuple[bytes, bytes]:
    """As ``protect``, of a message whose header is not to be copied inside: one that is encrypted already."""
    outside = [field.octets for field in message.fields if field.name and not is_structural(field)]
    inside = [field.octets for field in message.fields if field.name.startswith("content-")]
    return with_crlf(b"".join(inside)) + b"\r\n", with_crlf(b"".join(outside))


def _structure(message: Entity, intent: bytes) -> Iterable[bytes]:
    """The fields of the MIME entity, with ``hp`` said once."""
    types = [field for field in message.fields if field.name == "content-type"]
    if not types:
        yield b'Content-Type: text/plain; charset=us-ascii;\r\n hp="' + intent + b'"\r\n'
    for field in message.fields:
        if field.name == "content-type":
            yield _HP.sub(b"", field.octets).rstrip(b"; \t\r\n") + b';\r\n hp="' + intent + b'"\r\n'
        elif field.name.startswith("content-"):
            yield field.octets


_PLAIN_DISPLAY = re.compile(r"(?:[!-9;-~]+:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n)+\r?\n")
_HTML_DISPLAY = '<div class="header-protection-legacy-display">'


def without_legacy_display(text: str, *, is_html: bool) -> str:
    """A main body part that says ``hp-legacy-display="1"``, without the fields repeated in it (RFC 9788 §4.5.3)."""
    if is_html:
        before, begins, behind = text.partition(_HTML_DISPLAY)
        _, ends, rest = behind.partition("</div>")
        return before + rest if begins and ends else text
    found = _PLAIN_DISPLAY.match(text)
    return text[found.end() :] if found else text
