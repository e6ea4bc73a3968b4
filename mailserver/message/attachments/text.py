"""The text of files sent along: PDF, Word, Excel, PowerPoint and OpenDocument, as far as a search needs it.

These files come from anybody and their readers are large, so this only ever runs in ``child``, a process
whose memory and time are limited.

Standards: ISO 32000 (by pypdf); ECMA-376 (WordprocessingML, SpreadsheetML, PresentationML); ISO/IEC 26300
(OpenDocument).
Limits: 1 Mi characters of text, 2,000 pages, 64 MiB of unpacked XML, no entities; encrypted files only if their
password is empty.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import Any

from mailserver.message.structure import Part

CHARACTERS = 1 << 20
FILE_LIMIT = 25 << 20
_PAGES = 2_000
_UNPACKED = 64 << 20
_BLOCK = 1 << 16

PDF, PACKED = "pdf", "packed"
_TYPES = {
    "application/pdf": PDF,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": PACKED,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": PACKED,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": PACKED,
    "application/vnd.oasis.opendocument.text": PACKED,
    "application/vnd.oasis.opendocument.spreadsheet": PACKED,
    "application/vnd.oasis.opendocument.presentation": PACKED,
}
_ENDINGS = {"pdf": PDF, **dict.fromkeys(("docx", "xlsx", "pptx", "odt", "ods", "odp"), PACKED)}
# The members that hold text, in the order in which they are read.
_MEMBERS = re.compile(
    r"content\.xml|word/(?:document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml"
    r"|xl/(?:sharedStrings|worksheets/sheet\d+)\.xml|ppt/(?:slides/slide|notesSlides/notesSlide)\d+\.xml"
)
# Elements whose end ends a line, and those that stand for a blank; local names of all three formats.
_LINES = frozenset(("p", "h", "si", "tr", "row", "table-row"))
_BLANKS = frozenset(("tab", "br", "cr", "s", "line-break", "c", "tc", "table-cell"))


class Unreadable(Exception):
    """It is not what it says, or more than we read."""


def kind_of(part: Part) -> str | None:
    """How a part is to be read; None if it is no file of these kinds, or too large."""
    if part.parts or part.media_type.startswith("text/") or part.size > FILE_LIMIT * 4 // 3:
        return None
    return _TYPES.get(part.media_type) or _ENDINGS.get(part.filename.lower().rpartition(".")[2])


def extract(kind: str, octets: bytes) -> str:
    """Raises whatever the readers raise."""
    return _pdf(octets) if kind == PDF else _packed(octets)


def _pdf(octets: bytes) -> str:
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(octets), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable("encrypted")
    return _gathered(page.extract_text() for number, page in enumerate(reader.pages) if number < _PAGES)


def _packed(octets: bytes) -> str:
    import zipfile  # the servers know this module too, and have no use for it

    with zipfile.ZipFile(io.BytesIO(octets)) as packed:
        names = sorted(name for name in packed.namelist() if _MEMBERS.fullmatch(name))
        text = _Text()
        for name in names:
            with packed.open(name) as member:
                text.read(member)
        return text.gathered()


def _gathered(pieces: Iterable[str]) -> str:
    gathered, size = [], 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= CHARACTERS:
            break
    return "\n".join(gathered)[:CHARACTERS]


class _Text:
    """Gathers the text of XML members."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._characters = 0
        self._unpacked = 0
        self._hold = 0  # depth inside elements whose text counts
        self._all = False  # OpenDocument: all text counts
        self._shared = False  # a cell that only names its text

    def read(self, member: Any) -> None:
        from xml.parsers import expat

        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.EntityDeclHandler = _refuse
        self._hold, self._all = 0, member.name == "content.xml"
        while self._characters < CHARACTERS:
            block = member.read(_BLOCK)
            self._unpacked += len(block)
            if self._unpacked > _UNPACKED:
                raise Unreadable("too much of it")
            parser.Parse(block, not block)
            if not block:
                break
        self._pieces.append("\n")

    def gathered(self) -> str:
        return "".join(self._pieces)[:CHARACTERS]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "c":
            self._shared = attributes.get("t") == "s"
        if local == "t" or (local == "v" and not self._shared):
            self._hold += 1
        elif local in _BLANKS:
            self._pieces.append(" ")

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "t" or (local == "v" and not self._shared):
            self._hold -= 1
        elif local in _LINES:
            self._pieces.append("\n")

    def _data(self, data: str) -> None:
        if self._hold or self._all:
            self._pieces.append(data)
            self._characters += len(data)


def _refuse(*_: object) -> None:
    raise Unreadable("entities")
