"""The MIME fields of one part: media type, parameters, encoding, disposition, as values.

Standards: RFC 2045 §5, §6, §7, §8; RFC 2046; RFC 2183 (disposition); RFC 2231 §3, §4 (continuations,
charsets); RFC 3282 (language), RFC 2557 (location), RFC 1864 (MD5).
Limits: 64 parameters a field, 2,000 characters a value; a part without a readable type is text/plain (RFC
2045 §5.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from mailserver.message import charsets
from mailserver.message.encoded_words import decode_words
from mailserver.message.headers import BLANKS, Fields, parse_fields, unfold

PARAMETER_LIMIT = 64
VALUE_LIMIT = 2000

# type "/" subtype (RFC 2045 §5.1); token = 1*<any CHAR except SPACE, CTLs and tspecials>
_NAME = r"[^\x00-\x20()<>@,;:\\\"/\[\]?=\x7f-\xff]{1,127}"
_TYPE = re.compile(rf"\s*({_NAME})\s*/\s*({_NAME})", re.ASCII)
# parameter := attribute "=" value, with white space around that RFC 822 allowed. An unquoted value may hold
# spaces and 8-bit octets (file names that mailers forgot to quote): it ends at the semicolon.
_PARAMETER = re.compile(
    r';\s*([^\x00-\x20()<>@,;:\\"/\[\]?=\x7f-\xff]{1,127})\s*=\s*(?:"((?:[^"\\]|\\.)*+)"?|([^;]*+))',
    re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CONTINUATION = re.compile(r"^(.*?)(?:\*(\d{1,3}))?(\*)?$", re.DOTALL)
_EXTENDED = re.compile(r"^([^']{0,60})'[^']{0,60}'(.*)$", re.DOTALL)
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]*+)"?|([^;\s]++))', re.ASCII | re.IGNORECASE)
# What multiparts say nearly always.
_PLAIN_MULTIPART = re.compile(
    r'\s*+(multipart/[a-z]{1,30})\s*+;\s*+boundary="([!#-\[\]-~]{1,70})"\s*+', re.ASCII | re.IGNORECASE
)
_FOLDS = re.compile(r"[ \t]+")
_COMMENT = re.compile(r"\([^()\"]*\)")

DEFAULT_TYPE = "text/plain"
# Octets of the MIME fields of a message that are worth remembering; bodies of most mail are of the same few kinds.
_KNOWN = 300


@dataclass(slots=True)
class MimeHeader:
    """What the MIME fields of a part say; parameter values are text, as a person reads them."""

    media_type: str
    parameters: tuple[tuple[str, str], ...]
    encoding: str
    content_id: str
    description: str
    disposition: str
    disposition_parameters: tuple[tuple[str, str], ...]
    md5: str
    languages: tuple[str, ...]
    location: str
    boundary: str  # raw, one character an octet
    charset: str
    filename: str
    forms: tuple[str, str] | None = None  # bodystructure.py keeps its rendering here
    texts: str | None = None  # structure.py its own


def parameter(parameters: tuple[tuple[str, str], ...], name: str) -> str:
    for found, value in parameters:
        if found == name:
            return value
    return ""


def _extended_text(pieces: list[tuple[bool, str]]) -> str:
    """RFC 2231 §4.1: the first extended piece names the charset for all; plain pieces stay as they are."""
    charset = ""
    octets = b""
    for number, (extended, value) in enumerate(pieces):
        if extended:
            match = _EXTENDED.match(value) if number == 0 else None
            if match is not None:
                charset, value = match[1], match[2]
            octets += unquote_to_bytes(value.encode("latin-1"))
        else:
            octets += value.encode("latin-1")
    return charsets.decode(octets, charset)


def parse_parameters(raw: str) -> tuple[tuple[str, str], ...]:
    """The parameters behind a media type or a disposition, RFC 2231 pieces joined and decoded."""
    if ";" not in raw:
        return ()
    simple: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    for number, match in enumerate(_PARAMETER.finditer(raw)):
        if number == PARAMETER_LIMIT:
            break
        name, quoted, bare = match.groups()
        name = name.lower()
        if quoted is not None:
            value = _ESCAPE.sub(r"\1", quoted) if "\\" in quoted else quoted
        else:
            value = (_COMMENT.sub("", bare) if "(" in bare else bare).strip(BLANKS)
        value = value[:VALUE_LIMIT]
        if "*" not in name:
            simple.setdefault(name, value)
            continue
        split = _CONTINUATION.match(name)
        if split is not None and split[1]:
            pieces.setdefault(split[1], {}).setdefault(int(split[2] or 0), (bool(split[3]), value))
    if not pieces:
        return tuple([(name, decode_words(value) if _not_plain(value) else value) for name, value in simple.items()])
    values = {name: decode_words(value) for name, value in simple.items()}
    for name, numbered in pieces.items():
        # The extended form wins over a plain one of the same name: mailers send both, the plain one for old
        # readers.
        text = _extended_text([numbered[number] for number in sorted(numbered)])
        values[name] = decode_words(_as_raw(text[:VALUE_LIMIT]))
    return tuple(values.items())


def _not_plain(value: str) -> bool:
    return "=?" in value or not value.isascii() or not value.isprintable()


def _as_raw(text: str) -> str:
    return text.encode("utf-8", "replace").decode("latin-1")


def parse_media_type(raw: str | None, default: str = DEFAULT_TYPE) -> tuple[str, tuple[tuple[str, str], ...]]:
    """(type/subtype in lower case, parameters)"""
    if raw is None:
        return default, ()
    match = _TYPE.match(raw)
    if match is None:  # RFC 2045 §5.2: unreadable means text/plain
        return DEFAULT_TYPE, ()
    return f"{match[1]}/{match[2]}".lower(), parse_parameters(raw[match.end() :])


def _disposition(raw: str | None) -> tuple[str, tuple[tuple[str, str], ...]]:
    if raw is None:
        return "", ()
    kind, _, _ = raw.partition(";")
    kind = _COMMENT.sub("", kind).strip(' \t"').lower()[:100]
    if not kind or not kind.isascii() or not kind.isprintable():
        kind = "attachment"  # RFC 2183 §2.8: an unrecognised type is an attachment
    return kind, parse_parameters(raw)


def _boundary(raw: str, parameters: tuple[tuple[str, str], ...]) -> str:
    # RFC 2046 §5.1.1: at most 70 characters, none a space at the end; longer ones are taken as they come.
    boundary = parameter(parameters, "boundary")
    if not boundary.isascii() or "=?" in raw:  # what is compared with the body is what stands there, undecoded
        match = _BOUNDARY.search(raw)
        boundary = match[1] or match[2] or "" if match is not None else ""
    return boundary[:VALUE_LIMIT].rstrip(BLANKS)


_FIELDS = (
    "content-type", "content-transfer-encoding", "content-disposition", "content-id", "content-description",
    "content-md5", "content-language", "content-location",
)  # fmt: skip
_Values = tuple[str | None, ...]


def mime_header(fields: Fields, default: str = DEFAULT_TYPE) -> MimeHeader:
    """The MIME fields among `fields`, defaults filled in."""
    values = tuple(map(fields.get, _FIELDS))
    raw = values[0]
    if raw is not None and "oundary" in raw:  # hardly ever the same again
        plain = _PLAIN_MULTIPART.fullmatch(raw) if values.count(None) == len(_FIELDS) - 1 else None
        if plain is not None and "=?" not in raw:
            return _plain_multipart(plain[1].lower(), plain[2])
        return _mime_header(values, default)
    if sum(map(len, filter(None, values))) > _KNOWN:
        return _mime_header(values, default)
    return _known_header(values, default)


def _plain_multipart(media_type: str, boundary: str) -> MimeHeader:
    """Of a header that says no more."""
    return MimeHeader(
        media_type, (("boundary", boundary),), "7bit", "", "", "", (), "", (), "", boundary.rstrip(BLANKS), "", ""
    )


def _mime_header(values: _Values, default: str) -> MimeHeader:
    kind, transfer, dispositions, identifier, description, md5, language, location = values
    content_type = unfold(kind) if kind is not None else None
    media_type, parameters = parse_media_type(content_type, default)
    encoding = "7bit"
    if transfer is not None:
        encoding = unfold(transfer).strip('"').partition(";")[0].strip().lower()[:40] or "7bit"
        if not encoding.isascii() or not encoding.isprintable():
            encoding = "7bit"
        elif "(" in encoding or " " in encoding:
            encoding = _COMMENT.sub("", encoding).strip().partition(" ")[0] or "7bit"
    disposition = ""
    disposition_parameters: tuple[tuple[str, str], ...] = ()
    filename = ""
    if dispositions is not None:
        disposition, disposition_parameters = _disposition(unfold(dispositions))
        filename = parameter(disposition_parameters, "filename")
    is_multipart = media_type.startswith("multipart/")
    if parameters and not filename and not is_multipart:
        filename = parameter(parameters, "name")
    languages = (
        ()
        if language is None
        else tuple([tag.strip(BLANKS)[:100] for tag in unfold(language).split(",")[:20] if tag.strip(BLANKS)])
    )
    return MimeHeader(
        media_type=media_type,
        parameters=parameters,
        encoding=encoding,
        content_id=_short(identifier),
        description=_short(description),
        disposition=disposition,
        disposition_parameters=disposition_parameters,
        md5=_short(md5),
        languages=languages,
        location=_FOLDS.sub("", _short(location)),
        boundary=_boundary(content_type or "", parameters) if is_multipart else "",
        charset=parameter(parameters, "charset") if parameters else "",
        filename=filename,
    )


_known_header = lru_cache(maxsize=1024)(_mime_header)


def _short(raw: str | None) -> str:
    return "" if raw is None else unfold(raw)[:VALUE_LIMIT]


@lru_cache(maxsize=2048)
def part_header(block: str, default: str = DEFAULT_TYPE) -> MimeHeader:
    """The MIME fields of a part by its whole header block: most parts of most mail begin with the same few
    blocks.
    """
    return mime_header(parse_fields(block), default)
