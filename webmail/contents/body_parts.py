"""Which parts of a message are its text, and which hang on it.

The choice is the one most programs make: of alternatives the last that we can show (HTML before plain text), of
related parts the first, of everything else each in its order; whatever is not shown can be downloaded.
Enclosed messages are attachments.

Standards: RFC 2046 §5.1.3 (mixed), §5.1.4 (alternative); RFC 2387 (related); RFC 2183 (disposition).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mailserver.message.html_text import html_to_text
from mailserver.message.structure import Part
from mailserver.message.text import body_text
from mailserver.message.transfer import decode_transfer

Reader = Callable[[int, int], bytes]  # octets of the message from one offset to another

MAX_SHOWN = 20
MAX_PART = 3_000_000


@dataclass(frozen=True, slots=True)
class Attachment:
    index: int  # place of the part in the order of the message: its address
    name: str
    media_type: str
    size: int  # octets, as decoded; about, for base64
    part: Part
    inline: bool  # a picture that the text refers to by its Content-ID
    content_id: str  # without brackets


@dataclass(frozen=True, slots=True)
class Layout:
    shown: list[Part]
    attachments: list[Attachment]
    inline: dict[str, int]  # Content-ID without brackets -> index


def lay_out(root: Part) -> Layout:
    indexes = {id(part): index for index, part in enumerate(_within(root))}
    shown = list(_shown(root))[:MAX_SHOWN]
    texts = {id(part) for part in shown}
    hidden = {id(part) for part in _passed_over(root)}
    attachments = []
    inline: dict[str, int] = {}
    has_html = any(part.media_type == "text/html" for part in shown)
    for part in _within(root):
        if part.is_multipart or id(part) in texts or id(part) in hidden:
            continue
        content_id = part.content_id.strip().strip("<>")
        is_inline = bool(
            content_id and has_html and part.media_type.startswith("image/") and part.disposition != "attachment"
        )
        if content_id and part.media_type.startswith("image/"):
            inline.setdefault(content_id, indexes[id(part)])
        attachments.append(
            Attachment(
                indexes[id(part)], part_name(part), part.media_type, decoded_size(part), part, is_inline, content_id
            )
        )
    return Layout(shown, attachments, inline)


def part_by_index(root: Part, index: int) -> Part | None:
    for position, part in enumerate(_within(root)):
        if position == index:
            return None if part.is_multipart else part
    return None


def part_name(part: Part) -> str:
    """The file name as sent, without any folder; or one made from the type."""
    name = part.filename.replace("\\", "/").rpartition("/")[2].strip().strip(".")
    name = "".join(each for each in name if each.isprintable() and each not in "\u202d\u202e\u2066\u2067")
    if name:
        return name[:150]
    if part.media_type.startswith("message/"):
        return "message.eml"
    kind = part.media_type.partition("/")[2]
    known = {"plain": "txt", "html": "html", "calendar": "ics", "jpeg": "jpg", "pdf": "pdf", "png": "png", "gif": "gif"}
    return f"part.{known.get(kind, 'bin')}"


def decoded_size(part: Part) -> int:
    """What the part will be about, once decoded: base64 writes 57 octets as 78."""
    return part.size * 57 // 78 if part.encoding == "base64" else part.size


def decoded(part: Part, body: bytes) -> bytes:
    """The content of a part out of its octets; as it is where nobody knows its encoding."""
    octets = decode_transfer(part.encoding, body)
    return body if octets is None else octets


def readable_text(root: Part, read: Reader) -> str:
    """The words of a message, for quoting and searching."""
    texts = []
    for part in list(_shown(root))[:MAX_SHOWN]:
        text = body_text(part, read(part.body_start, min(part.end, part.body_start + MAX_PART)))
        texts.append(html_to_text(text) if part.media_type == "text/html" else text)
    return "\n\n".join(text.strip("\n") for text in texts)


def _within(part: Part) -> Iterator[Part]:
    """The parts of this message, without those of messages enclosed in it."""
    waiting = [part]
    while waiting:
        part = waiting.pop()
        yield part
        if part.is_multipart:
            waiting.extend(reversed(part.parts))


def _is_text(part: Part) -> bool:
    return (
        part.media_type in ("text/plain", "text/html")
        and part.disposition != "attachment"
        and not (part.filename and part.media_type == "text/html")
    )


def _shown(part: Part) -> Iterator[Part]:
    if not part.is_multipart:
        if _is_text(part):
            yield part
        return
    if part.media_type == "multipart/alternative":
        chosen = _choose(part)
        if chosen is not None:
            yield from _shown(chosen)
    elif part.media_type == "multipart/related":
        for first in part.parts[:1]:
            yield from _shown(first)
    else:
        for child in part.parts:
            yield from _shown(child)


def _choose(part: Part) -> Part | None:
    """The best of alternatives: the last with text in it that we can show, HTML preferred."""
    able = [child for child in part.parts if next(_shown(child), None) is not None]
    with_html = [child for child in able if any(each.media_type == "text/html" for each in _shown(child))]
    best = with_html or able
    return best[-1] if best else None


def _passed_over(part: Part) -> Iterator[Part]:
    """Alternatives that say the same as what is shown, and so are no attachments (calendars stay); and signatures of
    what stands beside them.
    """
    for each in _within(part):
        if each.media_type == "multipart/signed":
            yield from (child for child in each.parts[1:] if child.media_type.endswith("pkcs7-signature"))
        if each.media_type == "multipart/alternative":
            chosen = _choose(each)
            for child in each.parts:
                if child is not chosen and child.media_type in ("text/plain", "text/html", "text/enriched"):
                    yield child
