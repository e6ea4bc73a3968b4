"""MIME entities being built: fields that fold rightly, bodies that are 7-bit, multiparts whose boundary is no accident.

Python's own ``email`` package is not used to write mail: it folds a long msg-id of References into encoded-words, so
that replies lose their thread, and it draws boundaries at random, so that the same draft is never the same octets.

Standards: RFC 5322 §2.1.1, §2.2.3 (line length, folding); RFC 2045; RFC 2046 §5.1; RFC 2047 §5; RFC 2183;
RFC 2231 §3, §4; RFC 6532 §3 (addresses outside ASCII stay UTF-8).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from mailserver.message.encoded_words import encode_words
from mailserver.message.transfer import LINE_LIMIT, canonical_lines, encode_base64, encode_text

LINE_WIDTH = 78

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?: [A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&^_.+-]+")
_ADDRESS = re.compile(r"[^\s()<>\[\]:;@\\,\"]+@[^\s()<>:;@\\,\"]+")
_ANGLE_UNSAFE = re.compile(r"[\s<>,;\x00-\x1f\x7f]+")
_OPAQUE = "application/octet-stream"


def one_line(text: str) -> str:
    """No line ends, no control characters, single blanks: what no header injection survives."""
    return " ".join(_BREAKS.sub(" ", text).split())


def fold_field(name: str, tokens: Iterable[str]) -> bytes:
    """A field of tokens that may only be parted at the blanks between them (RFC 5322 §2.2.3)."""
    lines: list[str] = []
    line = f"{name}:"
    for token in tokens:
        if not token:
            continue
        if len(line) + 1 + len(token) > LINE_WIDTH and line.strip() and line != f"{name}:":
            lines.append(line)
            line = ""
        line = f"{line} {token}"
    lines.append(line)
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n"


def unstructured_field(name: str, text: str) -> bytes:
    """Subject and its like."""
    text = one_line(text)
    # What has no blank to fold at becomes encoded-words too, which can be parted anywhere.
    unfoldable = any(len(word) > LINE_LIMIT - 100 for word in text.split(" "))
    return fold_field(name, encode_words(text, len(name) + 2, always=unfoldable).split(" "))


@dataclass(frozen=True, slots=True)
class Correspondent:
    """A name and an address in a header field."""

    address: str
    name: str = ""

    def tokens(self, lead: int = 0) -> list[str]:
        address = _ANGLE_UNSAFE.sub("", self.address)
        name = one_line(self.name)
        if not name:
            return [address if _ADDRESS.fullmatch(address) else f"<{address}>"]
        return [*phrase_tokens(name, lead), f"<{address}>"]


def phrase_tokens(name: str, lead: int = 0) -> list[str]:
    """RFC 5322 §3.2.5 phrase: atoms, a quoted string, or encoded-words (RFC 2047 §5 (3))."""
    if not name.isascii() or "=?" in name or len(name) > 200:
        return encode_words(name, lead, always=True).split(" ")
    if _ATOMS.fullmatch(name):
        return name.split(" ")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{escaped}"']


def address_field(name: str, people: Sequence[Correspondent]) -> bytes:
    """An address list; nothing when there is nobody."""
    tokens: list[str] = []
    for place, person in enumerate(people):
        words = person.tokens(len(name) + 2 if place == 0 else 1)
        if place + 1 < len(people):
            words[-1] += ","
        tokens.extend(words)
    return fold_field(name, tokens) if tokens else b""


def parameter_tokens(name: str, value: str) -> list[str]:
    """``name=value`` in as many RFC 2231 pieces as it takes; each but the last ends with a semicolon."""
    value = one_line(value)
    if value.isascii() and len(value) <= 60:
        if _TOKEN.fullmatch(value):
            return [f"{name}={value}"]
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return [f'{name}="{escaped}"']
    encoded = quote(value.encode("utf-8", "replace"), safe="!#$&+-.^_`|~")
    if len(encoded) <= 50:
        return [f"{name}*=utf-8''{encoded}"]
    pieces: list[str] = []
    start = 0
    while start < len(encoded):
        end = min(start + 50, len(encoded))
        if end < len(encoded):  # RFC 2231 §4.1: an encoded octet is not parted
            end = encoded.rfind("%", end - 2, end) if "%" in encoded[end - 2 : end] else end
        charset = "utf-8''" if not pieces else ""
        pieces.append(f"{name}*{len(pieces)}*={charset}{encoded[start:end]}")
        start = end
    return [f"{piece};" for piece in pieces[:-1]] + pieces[-1:]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels along; with a content id it belongs to the HTML text that shows it."""

    filename: str
    media_type: str
    content: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A part ready to be put into a message: its MIME fields and its body, lines ended by CRLF."""

    header: bytes
    body: bytes

    def octets(self) -> bytes:
        return self.header + b"\r\n" + self.body

    @property
    def is_eight_bit(self) -> bool:
        return not self.body.isascii()


def _content_type(media_type: str, parameters: Iterable[tuple[str, str]] = ()) -> bytes:
    tokens = [media_type]
    for name, value in parameters:
        tokens[-1] += ";"
        tokens.extend(parameter_tokens(name, value))
    return fold_field("Content-Type", tokens)


def text_entity(text: str, subtype: str = "plain") -> Entity:
    encoding, body = encode_text(text.encode("utf-8", "replace"))
    header = _content_type(f"text/{subtype}", [("charset", "utf-8")])
    return Entity(header + fold_field("Content-Transfer-Encoding", [encoding]), body)


def file_entity(attachment: Attachment) -> Entity:
    """An attachment or, with a content id, a picture inside the text."""
    media_type = attachment.media_type.lower()
    if not _MEDIA_TYPE.fullmatch(media_type) or media_type.startswith("multipart/"):
        media_type = _OPAQUE
    filename = one_line(attachment.filename).replace("/", "_").replace("\\", "_")
    disposition = [f"{'inline' if attachment.content_id else 'attachment'}"]
    tokens = [media_type]
    if filename:
        disposition[-1] += ";"
        disposition.extend(parameter_tokens("filename", filename))
        tokens[-1] += ";"
        # RFC 2047 §5 forbids it, yet older readers know a name outside ASCII only this way; RFC 2183 is the rule.
        if filename.isascii():
            tokens.extend(parameter_tokens("name", filename))
        else:
            tokens.extend(f'name="{encode_words(filename, 8)}"'.split(" "))
    header = fold_field("Content-Type", tokens) + fold_field("Content-Disposition", disposition)
    if attachment.content_id:
        header += fold_field("Content-ID", [f"<{_ANGLE_UNSAFE.sub('', attachment.content_id)}>"])
    if media_type in ("message/rfc822", "message/global"):  # RFC 2046 §5.2.1: never encoded
        body = canonical_lines(attachment.content)
        return Entity(header + fold_field("Content-Transfer-Encoding", ["7bit" if body.isascii() else "8bit"]), body)
    header += fold_field("Content-Transfer-Encoding", ["base64"])
    return Entity(header, encode_base64(attachment.content))


def plain_entity(media_type: str, body: bytes) -> Entity:
    """A machine-readable part as it stands: delivery-status, a header block, a returned message."""
    body = canonical_lines(body)
    encoding = "7bit" if body.isascii() else "8bit"
    return Entity(_content_type(media_type) + fold_field("Content-Transfer-Encoding", [encoding]), body)


def multipart_entity(
    subtype: str, parts: Sequence[Entity], seed: str, parameters: Sequence[tuple[str, str]] = ()
) -> Entity:
    """The parts joined. `seed` (the Message-ID) makes the boundary, so that the same parts give the same octets."""
    pieces = [part.octets() for part in parts]
    number = 0
    while True:
        digest = hashlib.blake2b(f"{seed}/{subtype}/{number}".encode("utf-8", "replace"), digest_size=12)
        # "=_" can stand in no base64 and no quoted-printable line (RFC 2045 §6.7 note (5)).
        boundary = f"=_{digest.hexdigest()}"
        delimiter = b"--" + boundary.encode()
        if not any(delimiter in piece for piece in pieces):
            break
        number += 1
    # RFC 2046 §5.1.1: the line end before a delimiter belongs to it, so each part gets one more and keeps its own.
    body = b"".join([b"%b\r\n%b\r\n" % (delimiter, piece) for piece in pieces])
    header = _content_type(f"multipart/{subtype}", [*parameters, ("boundary", boundary)])
    if any(part.is_eight_bit for part in parts):  # RFC 2045 §6.4
        header += fold_field("Content-Transfer-Encoding", ["8bit"])
    return Entity(header, body + delimiter + b"--\r\n")
