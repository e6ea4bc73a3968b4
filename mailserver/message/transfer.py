"""Content-Transfer-Encoding: decoding what comes, however damaged, and encoding what we send.

Standards: RFC 2045 §6.2, §6.7 (quoted-printable), §6.8 (base64).
"""

from __future__ import annotations

import binascii
import re

IDENTITY = frozenset({"7bit", "8bit", "binary", ""})
_UUENCODE = frozenset({"x-uuencode", "x-uue", "uuencode", "uue"})
_NOT_BASE64 = bytes(
    octet for octet in range(256) if not chr(octet).isascii() or not (chr(octet).isalnum() or octet in b"+/=")
)
_PADDING = re.compile(rb"=+")
_LINE_END = re.compile(rb"\r\n|\r|\n")

# RFC 5322 §2.1.1: no line longer; what is longer is encoded
LINE_LIMIT = 998


def decode_base64(octets: bytes) -> bytes:
    """RFC 2045 §6.8: octets outside the alphabet are ignored; several encodings in a row are read one after
    the other.
    """
    octets = octets.translate(None, _NOT_BASE64)
    run = octets.rstrip(b"=")
    if b"=" not in run:
        return _decode_base64_run(run)
    return b"".join([_decode_base64_run(run) for run in _PADDING.split(octets)])


def _decode_base64_run(run: bytes) -> bytes:
    if len(run) % 4 == 1:  # the last character alone carries no whole octet
        run = run[:-1]
    return binascii.a2b_base64(run + b"=" * (-len(run) % 4))


def decode_quoted_printable(octets: bytes) -> bytes:
    """RFC 2045 §6.7 (3): white space at the end of a line was put there on the way, and is not read."""
    if b" \n" in octets or b" \r\n" in octets or (b"\t" in octets and (b"\t\n" in octets or b"\t\r\n" in octets)):
        lines = octets.split(b"\n")
        ended = [
            line[:-1].rstrip(b" \t") + b"\r" if line.endswith(b"\r") else line.rstrip(b" \t") for line in lines[:-1]
        ]
        octets = b"\n".join([*ended, lines[-1]])
    return binascii.a2b_qp(octets)


def decode_transfer(encoding: str, octets: bytes) -> bytes | None:
    """The octets behind a transfer encoding; None when the encoding is unknown. Damage is read over."""
    if encoding in IDENTITY:
        return octets
    if encoding == "base64":
        return decode_base64(octets)
    if encoding == "quoted-printable":
        return decode_quoted_printable(octets)
    if encoding in _UUENCODE:
        return _decode_uuencode(octets)
    return None


def _decode_uuencode(octets: bytes) -> bytes:
    lines = iter(octets.splitlines())
    for line in lines:
        if line.startswith(b"begin "):
            break
    decoded: list[bytes] = []
    for line in lines:
        if line == b"end":
            break
        try:
            decoded.append(binascii.a2b_uu(line))
        except binascii.Error:  # some encoders count or pad the last group wrongly
            count = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            try:
                decoded.append(binascii.a2b_uu(line[:count]))
            except binascii.Error:
                continue
    return b"".join(decoded)


def encode_base64(octets: bytes) -> bytes:
    """RFC 2045 §6.8: lines of 76 characters, each ended by CRLF."""
    encoded = binascii.b2a_base64(octets, newline=False)
    return b"".join([encoded[place : place + 76] + b"\r\n" for place in range(0, len(encoded), 76)])


def canonical_lines(octets: bytes) -> bytes:
    """Every line ended by CRLF (RFC 2046 §4.1.1); no bare CR or LF is left."""
    return _LINE_END.sub(b"\r\n", octets)


def encode_text(octets: bytes) -> tuple[str, bytes]:
    """(encoding, octets) of a text in the form that is shortest and safe on every path: always 7-bit."""
    octets = canonical_lines(octets)
    if octets and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    if octets.isascii() and b"\x00" not in octets and max(map(len, octets.split(b"\r\n"))) <= LINE_LIMIT:
        return "7bit", octets
    quoted = binascii.b2a_qp(octets, istext=True)
    # binascii ends soft line breaks like the first line of its input, which is not always CRLF.
    quoted = canonical_lines(quoted)
    if len(quoted) <= len(octets) * 4 // 3 + len(octets) // 57 * 2:
        return "quoted-printable", quoted
    return "base64", encode_base64(octets)
