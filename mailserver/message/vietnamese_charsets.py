"""The charsets of Vietnamese mail from before Unicode: VISCII, TCVN 5712 (TCVN3, "ABC" fonts) and VNI.

Each decoder takes octets and an error mode and gives text in NFC. Windows-1258, the fourth of them, is
Python's own, but it too leaves tones as combining marks.

Standards: RFC 1456 (VISCII), TCVN 5712:1993 VN1 (of which TCVN3 is the subset without most capitals), the
VNI-Win table as its fonts have it.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable

_ASCII = "".join(map(chr, range(128)))


def _with(table: str, changes: dict[int, str]) -> str:
    return "".join(changes.get(place, character) for place, character in enumerate(table))


# RFC 1456 §2: six capitals sit on control characters that text does not use.
_VISCII = _with(_ASCII, {0x02: "Ẳ", 0x05: "Ẵ", 0x06: "Ẫ", 0x14: "Ỷ", 0x19: "Ỹ", 0x1E: "Ỵ"}) + (
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲ"
    "Õắằặấầẩậẽẹếềểễệốồổỗ" + "ỠƠộờởịỰỨỪỬơớƯ"
    "ÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡư"
    "àáâãảăữẫèéêẻìíĩỉđựòóôõỏọụùúũủýợỮ"
)

# TCVN 5712:1993 VN1; B0 to B4 are combining tones
_TCVN = _with(
    _ASCII,
    {
        0x01: "Ú", 0x02: "Ụ", 0x04: "Ừ", 0x05: "Ử", 0x06: "Ữ", 0x11: "Ứ",
        0x12: "Ự", 0x13: "Ỳ", 0x14: "Ỷ", 0x15: "Ỹ", 0x16: "Ý", 0x17: "Ỵ",
    },
) + (
    "ÀẢÃÁẠẶẬÈẺẼÉẸỆÌỈĨÍỊÒỎÕÓỌỘỜỞỠỚỢÙỦŨ"
    "\u00a0ĂÂÊÔƠƯĐăâêôơưđẰ\u0300\u0309\u0303\u0301\u0323àảãáạẲằẳẵắẴ"
    "ẮẦẨẪẤỀặầẩẫấậèỂẻẽéẹềểễếệìỉỄẾỒĩíịò"
    "ỔỏõóọồổỗốộờởỡớợùỖủũúụừửữứựỳỷỹýỵỐ"
)  # fmt: skip

# VNI writes a vowel and its marks as two octets, these as one
_VNI_LETTERS = {
    "ñ": "đ", "Ñ": "Đ", "ö": "ư", "Ö": "Ư", "ô": "ơ", "Ô": "Ơ", "æ": "ỉ", "Æ": "Ỉ", "ó": "ĩ", "Ó": "Ĩ",
    "ò": "ị", "Ò": "Ị", "î": "ỵ", "Î": "Ỵ",
}  # fmt: skip
_GRAVE, _ACUTE, _TILDE, _HOOK, _DOT, _CIRCUMFLEX, _BREVE = (
    "\u0300", "\u0301", "\u0303", "\u0309", "\u0323", "\u0302", "\u0306",
)  # fmt: skip
_VNI_MARKS = {
    "ø": _GRAVE, "ù": _ACUTE, "õ": _TILDE, "û": _HOOK, "ï": _DOT,
    "â": _CIRCUMFLEX, "à": _CIRCUMFLEX + _GRAVE, "á": _CIRCUMFLEX + _ACUTE, "ã": _CIRCUMFLEX + _TILDE,
    "å": _CIRCUMFLEX + _HOOK, "ä": _CIRCUMFLEX + _DOT,
    "ê": _BREVE, "è": _BREVE + _GRAVE, "é": _BREVE + _ACUTE, "ü": _BREVE + _TILDE, "ú": _BREVE + _HOOK,
    "ë": _BREVE + _DOT,
}  # fmt: skip
_VNI_MARKS |= {mark.upper(): accents for mark, accents in _VNI_MARKS.items()}
_VNI_PAIR = re.compile(f"([AEIOUYaeiouyÔÖôö])([{''.join(_VNI_MARKS)}])")
_VNI_SINGLE = re.compile(f"[{''.join(_VNI_LETTERS)}]")


def _from_table(table: str) -> Callable[[bytes, str], str]:
    def decode(octets: bytes, errors: str) -> str:
        text, _ = codecs.charmap_decode(octets, errors, table)
        return unicodedata.normalize("NFC", text)

    return decode


def _letter(character: str) -> str:
    return _VNI_LETTERS.get(character, character)


def _decode_vni(octets: bytes, errors: str) -> str:
    text = octets.decode("cp1252", "replace" if errors == "replace" else errors)
    # First the pairs, so that a mark which is also a letter of its own (ô, ö, ó) is taken as what follows a
    # vowel.
    text = _VNI_PAIR.sub(lambda pair: f"\x00{_letter(pair[1])}{_VNI_MARKS[pair[2]]}\x00", text)
    pieces = text.split("\x00")
    pieces[::2] = [_VNI_SINGLE.sub(lambda match: _VNI_LETTERS[match[0]], piece) for piece in pieces[::2]]
    return unicodedata.normalize("NFC", "".join(pieces))


_decode_viscii = _from_table(_VISCII)
_decode_tcvn = _from_table(_TCVN)


def _decode_1258(octets: bytes, errors: str) -> str:
    return unicodedata.normalize("NFC", octets.decode("cp1258", errors))


DECODERS: dict[str, Callable[[bytes, str], str]] = {
    **dict.fromkeys(("viscii", "csviscii", "viscii1.1-1", "x-viet-viscii"), _decode_viscii),
    **dict.fromkeys(
        ("tcvn", "tcvn3", "tcvn5712", "tcvn-5712", "tcvn5712-1", "tcvn5712-1:1993", "x-viet-tcvn",
         "x-viet-tcvn5712", "tcvn-5712:1993", "abc"),
        _decode_tcvn,
    ),
    **dict.fromkeys(("vni", "vni-win", "x-viet-vni", "x-vni"), _decode_vni),
    **dict.fromkeys(
        ("cp1258", "windows-1258", "x-windows-1258", "windows1258", "cp-1258", "x-cp1258"), _decode_1258
    ),
}  # fmt: skip
