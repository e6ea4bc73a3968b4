"""The demo's attachments are what their names say."""

from __future__ import annotations

import io
import re
import struct
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib

from mailserver.demo.documents import make_chart, make_docx, make_pdf


def test_pdf() -> None:
    octets = make_pdf("Quyết định số 1", ["CỘNG HÒA XÃ HỘI", "(Độc lập) \\ Tự do", *["Dòng"] * 60])
    assert octets.startswith(b"%PDF-1.4")
    assert octets.endswith(b"%%EOF\n")
    # every entry of the cross-reference table points at its object
    start = int(re.findall(rb"startxref\n(\d+)", octets)[-1])
    lines = octets[start:].split(b"\n")
    assert lines[0] == b"xref"
    count = int(lines[1].split()[1])
    for number in range(1, count):
        offset = int(lines[2 + number].split()[0])
        assert octets[offset:].startswith(b"%d 0 obj\n" % number)
    assert b"/Count 2" in octets
    pages = [zlib.decompress(found) for found in re.findall(rb"stream\n(.*?)\nendstream", octets, re.DOTALL)]
    assert len(pages) == 2
    text = re.findall(rb"\((.*?)\) Tj", pages[0])
    assert text[0] == b"CONG HOA XA HOI"
    # Ộ: a circumflex and a dot, set over the letter
    assert rb"\003" in text
    assert rb"\007" in text
    assert b"(\\(\xd0oc lap\\) \\\\ Tu do) Tj" in pages[0]
    assert b"\xfe\xff".hex().encode() + "Quyết định số 1".encode("utf-16-be").hex().encode() in octets


def test_docx() -> None:
    octets = make_docx("Báo cáo <tuần>", ["Một & hai", "Ba"])
    with zipfile.ZipFile(io.BytesIO(octets)) as package:
        assert package.testzip() is None
        for name in package.namelist():
            ElementTree.fromstring(package.read(name))
        text = "".join(ElementTree.fromstring(package.read("word/document.xml")).itertext())
    assert text == "Báo cáo <tuần>Một & haiBa"
    assert octets == make_docx("Báo cáo <tuần>", ["Một & hai", "Ba"])


def test_png() -> None:
    octets = make_chart([3, 1, 2], width=60, height=50)
    assert octets.startswith(b"\x89PNG\r\n\x1a\n")
    at, chunks = 8, {}
    while at < len(octets):
        length, kind = struct.unpack(">I4s", octets[at : at + 8])
        data = octets[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", octets[at + 8 + length : at + 12 + length])
        assert checksum == zlib.crc32(kind + data)
        chunks[kind] = data
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    pixels = zlib.decompress(chunks[b"IDAT"])
    assert len(pixels) == 50 * 61
    # the first bar is three times as tall as the second
    columns = [sum(pixels[row * 61 + 1 + x] == 2 for row in range(50)) for x in range(60)]
    bars = sorted({count for count in columns if count > 1})
    assert bars == [3, 6, 10]
