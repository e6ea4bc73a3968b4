"""Small real attachments made without any library: a PDF letter, a DOCX report, a PNG chart.

The PDF is set in Courier, which every reader has; Vietnamese marks are set over the letters one by one, as on a
typewriter, because no base font has those letters.

Standards: ISO 32000-1 (PDF 1.4), ECMA-376 (DOCX), PNG second edition.
"""

from __future__ import annotations

import io
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from xml.sax.saxutils import escape

# --- PDF --------------------------------------------------------------------------------------------------------------

_SIZE = 11.0
_CELL = 0.6 * _SIZE  # Courier is 600 wide
_LEADING = 16.0
# Code in our encoding, and by how much of the font size the mark is moved: right, up over a small letter, up over
# a capital.
_MARKS = {
    "\u0300": (1, 0.0, 0.0, 0.13),  # grave
    "\u0301": (2, 0.0, 0.0, 0.13),  # acute
    "\u0302": (3, 0.0, 0.0, 0.13),  # circumflex
    "\u0303": (4, 0.0, 0.0, 0.13),  # tilde
    "\u0306": (5, 0.0, 0.0, 0.13),  # breve
    "\u0309": (6, 0.0, 0.02, 0.15),  # hook above, by a ring
    "\u0323": (7, 0.0, -0.22, -0.22),  # dot below, by a period
    "\u031b": (8, 0.22, -0.12, 0.0),  # horn, by an apostrophe
}
_STROKE = (14, 0.12, 0.22, 0.0)  # of đ, by a hyphen
_ENCODING = "1 /grave /acute /circumflex /tilde /breve /ring /period /quoteright 14 /hyphen"
_TONES_OVER_HAT = {"\u0300", "\u0301", "\u0303", "\u0309"}


def make_pdf(title: str, lines: Sequence[str]) -> bytes:
    """One A4 page per 44 lines."""
    pages = [lines[start : start + 44] for start in range(0, len(lines), 44)] or [[]]
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects.append(
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding << /Type /Encoding "
        b"/BaseEncoding /WinAnsiEncoding /Differences [" + _ENCODING.encode() + b"] >> >>"
    )
    for number, page in enumerate(pages):
        content = zlib.compress(b"\n".join(_set_line(line, 790 - row * _LEADING) for row, line in enumerate(page)))
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>".encode()
        )
        objects.append(
            f"<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n".encode() + content + b"\nendstream"
        )
    information = b"<< /Title <" + b"\xfe\xff".hex().encode() + title.encode("utf-16-be").hex().encode() + b"> >>"
    objects.append(information)
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        len(objects),
        start,
    )
    return bytes(out)


def _set_line(line: str, y: float) -> bytes:
    plain: list[str] = []
    marks: list[bytes] = []
    for column, letter in enumerate(unicodedata.normalize("NFC", line)):
        parts = unicodedata.normalize("NFD", letter)
        base, over = parts[0], parts[1:]
        capital = base.isupper()
        if base in "đĐ":
            base = "d" if base == "đ" else "\u00d0"  # Đ looks as Eth does
            if base == "d":
                marks.append(_mark(_STROKE, column, y, 0.0, capital=False))
        raise_by = 0.0
        for mark in over:
            if mark in _MARKS:
                marks.append(
                    _mark(_MARKS[mark], column, y, raise_by if mark in _TONES_OVER_HAT else 0.0, capital=capital)
                )
                if mark in "\u0302\u0306":
                    raise_by = 0.17
        plain.append(base)
    text = "".join(plain).encode("cp1252", "replace")
    text = text.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    return b"BT /F %.1f Tf 50 %.1f Td (%b) Tj ET\n" % (_SIZE, y, text) + b"\n".join(marks)


def _mark(mark: tuple[int, float, float, float], column: int, y: float, raise_by: float, *, capital: bool) -> bytes:
    code, right, over_small, over_capital = mark
    x = 50 + column * _CELL + right * _SIZE
    up = (over_capital if capital else over_small) + raise_by
    return b"BT /F %.1f Tf %.2f %.2f Td (\\%03o) Tj ET" % (_SIZE, x, y + up * _SIZE, code)


# --- DOCX -------------------------------------------------------------------------------------------------------------

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONSHIPS = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="word/document.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)


def make_docx(title: str, paragraphs: Sequence[str]) -> bytes:
    """A heading and paragraphs."""
    body = _paragraph(title, bold=True) + "".join(_paragraph(text) for text in paragraphs)
    document = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        f'<w:document xmlns:w="{_W}"><w:body>{body}<w:sectPr><w:pgSz w:w="11906" w:h="16838"/></w:sectPr>'
        "</w:body></w:document>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in (
            ("[Content_Types].xml", _CONTENT_TYPES),
            ("_rels/.rels", _RELATIONSHIPS),
            ("word/document.xml", document),
        ):
            # a fixed date: the same document is the same octets
            package.writestr(zipfile.ZipInfo(name, (2025, 7, 1, 0, 0, 0)), text)
    return out.getvalue()


def _paragraph(text: str, *, bold: bool = False) -> str:
    properties = '<w:rPr><w:b/><w:sz w:val="28"/></w:rPr>' if bold else ""
    return f'<w:p><w:r>{properties}<w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


# --- PNG --------------------------------------------------------------------------------------------------------------

_WHITE, _AXIS, _BAR, _LIGHT = 0, 1, 2, 3
_PALETTE = bytes((255, 255, 255, 90, 90, 90, 0, 90, 156, 220, 232, 242))


def make_chart(values: Sequence[int], width: int = 480, height: int = 240) -> bytes:
    """A bar chart."""
    highest = max([*values, 1])
    rows = [bytearray([_WHITE]) * width for _ in range(height)]
    floor, left = height - 20, 30
    for line in range(1, 5):
        y = floor - line * (floor - 20) // 4
        rows[y][left : width - 10] = bytes([_LIGHT]) * (width - 10 - left)
    step = (width - 10 - left) // max(len(values), 1)
    for index, value in enumerate(values):
        x = left + index * step + step // 6
        tall = (floor - 20) * value // highest
        for y in range(floor - tall, floor):
            rows[y][x : x + 2 * step // 3] = bytes([_BAR]) * (2 * step // 3)
    rows[floor][left : width - 10] = bytes([_AXIS]) * (width - 10 - left)
    for y in range(20, floor):
        rows[y][left] = _AXIS
    raw = b"".join(b"\x00" + bytes(row) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"PLTE", _PALETTE)
        + _chunk(b"IDAT", zlib.compress(raw, 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
