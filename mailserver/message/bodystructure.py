"""BODY and BODYSTRUCTURE as octets ready to be sent.

The result is always 7-bit and always balanced: raw 8-bit header text becomes encoded-words, 8-bit parameters
become RFC 2231 values, control characters become blanks. After that a quoted string can hold everything, so
no literal is ever needed and a reader can frame the answer by lines.

Standards: RFC 9051 §7.5.2, §9; RFC 3501 §7.4.2; RFC 2047; RFC 2231.
Limits: strings are cut at 8 KiB; the number of addresses, parameters and parts is capped where they are
parsed.
"""

from __future__ import annotations

from urllib.parse import quote

from mailserver.message.encoded_words import seven_bit
from mailserver.message.envelope import correspondents, envelope, nstring, quoted
from mailserver.message.media import MimeHeader
from mailserver.message.structure import Part

_NO_ENVELOPE = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


def _parameters_form(parameters: tuple[tuple[str, str], ...]) -> str:
    if not parameters:
        return "NIL"
    pieces: list[str] = []
    for name, value in parameters:
        if not value.isascii():
            # RFC 9051 §7.5.2: RFC 2231 values are joined, converted to UTF-8 and returned as "name*".
            name, value = f"{name}*", f"utf-8''{quote(value, safe='')}"
        pieces.append(f"{quoted(name)} {quoted(value)}")
    return f"({' '.join(pieces)})"


def _fields_form(mime: MimeHeader, parameters: tuple[tuple[str, str], ...]) -> str:
    # body-fields = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP (octets)
    identifier, description = nstring(mime.content_id or None), nstring(mime.description or None)
    return f"{_parameters_form(parameters)} {identifier} {description} {quoted(mime.encoding)}"


def _extension_form(mime: MimeHeader) -> str:
    # body-fld-dsp SP body-fld-lang SP body-fld-loc
    if mime.disposition:
        disposition = f"({quoted(mime.disposition)} {_parameters_form(mime.disposition_parameters)})"
    else:
        disposition = "NIL"
    languages = [quoted(seven_bit(tag)) for tag in mime.languages]
    language = "NIL" if not languages else languages[0] if len(languages) == 1 else f"({' '.join(languages)})"
    return f"{disposition} {language} {nstring(mime.location or None)}"


def _leaf_forms(mime: MimeHeader) -> tuple[str, str]:
    """(type, subtype and fields; extension data) of a part that is no multipart."""
    if mime.forms is None:
        parameters = mime.parameters
        if mime.media_type == "text/plain" and not mime.charset:  # RFC 2046 §4.1.2
            parameters = (("charset", "us-ascii"), *parameters)
        mime.forms = (
            f"{_type_form(mime.media_type)} {_fields_form(mime, parameters)}",
            _body_extension(mime),
        )
    return mime.forms


def _body_extension(mime: MimeHeader) -> str:
    return f"{nstring(mime.md5 or None)} {_extension_form(mime)}"


def _type_form(media_type: str) -> str:
    kind, _, subtype = media_type.partition("/")
    return f"{quoted(kind)} {quoted(subtype)}"


def _substitute_forms(part: Part, mime: MimeHeader) -> tuple[str, str]:
    """A part that is shown as another type than it says: its own parameters would mislead."""
    parameters = (("charset", "us-ascii"),) if part.media_type == "text/plain" else ()
    return f"{_type_form(part.media_type)} {_fields_form(mime, parameters)}", _body_extension(mime)


def structure_forms(part: Part) -> tuple[str, str]:
    """(BODY, BODYSTRUCTURE) of a part that `structure.scan` found."""
    mime = part.mime
    assert mime is not None
    media_type = part.media_type
    if media_type.startswith("multipart/"):
        children = [structure_forms(child) for child in part.parts]
        subtype = quoted(media_type[10:])
        return (
            f"({''.join([child[0] for child in children])} {subtype})",
            (
                f"({''.join([child[1] for child in children])} {subtype} "
                f"{_parameters_form(mime.parameters)} {_extension_form(mime)})"
            ),
        )
    basic, extension = _leaf_forms(mime) if media_type == mime.media_type else _substitute_forms(part, mime)
    basic = f"{basic} {part.end - part.body_start}"
    if media_type.startswith("text/"):
        basic = f"{basic} {part.lines}"
    elif media_type in ("message/rfc822", "message/global"):
        if part.parts:
            message = part.parts[0]
            fields = message.fields or {}
            header_summary = envelope(fields, correspondents(fields))
            body, structure = structure_forms(message)
        else:  # encoded, and so not taken apart: the grammar wants an envelope and a body all the same
            header_summary = _NO_ENVELOPE
            encoding = quoted(mime.encoding)
            body = f'("text" "plain" ("charset" "us-ascii") NIL NIL {encoding} {part.size} {part.lines})'
            structure = f"{body[:-1]} NIL NIL NIL NIL)"
        return (
            f"({basic} {header_summary} {body} {part.lines})",
            f"({basic} {header_summary} {structure} {part.lines} {extension})",
        )
    return f"({basic})", f"({basic} {extension})"
