"""Is what came out of an encryption without authentication one MIME entity, as a sender makes them?

Whoever has somebody's CBC ciphertext can turn known blocks of it into blocks of his own choice, at the price of a block
of noise for each (EFAIL: "malleability gadgets"), to build a document around the secret that sends it away.  The noise
is what gives him away: it stands in a header, between the delimiters of a multipart, or in a body whose encoding
has no room for it.  What shows any is not read at all; a good signature inside makes this needless and harmless.

Standards: RFC 8551 §3.1, §6 (on EFAIL); RFC 2045 §2.7, §6.2; RFC 5322 §2.2; RFC 6532 §3.
"""

from __future__ import annotations

import codecs
import re

from security.cms.mime import Entity, is_ascii, read_entity, walk
from security.cms.reasons import CmsFault, Reason

_PIECE = 1 << 16
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SEVEN_BIT = frozenset({"7bit", "quoted-printable", "base64"})


def require_one_entity(content: bytes) -> Entity:
    """What it is, or a CmsFault.  Without a Content-Type it is text, every line of it (RFC 2045 §5.2)."""
    entity = read_entity(content)
    if not entity.values("content-type"):
        entity = Entity(content, 0, 0, len(content), ())
    for _, part in walk(entity):
        _require_sound(part)
    return entity


def _require_sound(entity: Entity) -> None:
    """Before it is taken apart."""
    if not _is_text(entity.source, entity.start, entity.body_start) or any(not field.name for field in entity.fields):
        raise _refused("its header is not text")
    if not entity.is_clear:
        raise _refused("its type or encoding is unclear")
    if entity.content_type.type.startswith("multipart/"):
        if not entity.is_closed:
            raise _refused("a multipart does not end")
    elif entity.encoding in _SEVEN_BIT:
        if not is_ascii(entity.source, entity.body_start, entity.end):
            raise _refused(f"a body that is {entity.encoding} has other octets")
    elif not entity.encoding and not _is_text(entity.source, entity.body_start, entity.end):
        raise _refused("a body without an encoding is not text")


def _refused(told: str) -> CmsFault:
    return CmsFault(Reason.NOT_ONE_ENTITY, f"what was decrypted is not what a sender makes: {told}")


def _is_text(source: bytes, start: int, end: int) -> bool:
    """UTF-8 without control characters."""
    if _CONTROL.search(source, start, end):
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(start, end, _PIECE):
            decoder.decode(source[at : min(at + _PIECE, end)], final=at + _PIECE >= end)
    except UnicodeDecodeError:
        return False
    return True
