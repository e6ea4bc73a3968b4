"""Vietnamese of the days before Unicode, and Unicode that a program read wrongly: told, and turned right.

Lists of officials that are older than their computers hold TCVN3 (``.VnTime`` fonts) or VNI (``VNI-Times``), whose
octets programs take for Windows-1252: ``NguyÔn V¨n An``, ``Nguyeãn Vaên An``.  ``diagnose`` names such text and what it
should probably read; nothing is ever put right unasked.

Standards: TCVN 5712:1993 (VN3), Unicode Annex #15 (NFC).
Limits: TCVN3 has no capital letters with tones but the seven with marks; those come from other fonts, and are lost.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from directory.words.names import words
from directory.words.syllables import is_syllable

# --- TCVN3: one octet for each letter ---------------------------------------------------------------------------------

_TCVN3_LETTERS = {
    0xA1: "ĂÂÊÔƠƯĐăâêôơưđ",
    0xB5: "àảãáạ",
    0xBB: "ằẳẵắ",
    0xC6: "ặầẩẫấậè",
    0xCE: "ẻẽéẹềểễếệìỉ",
    0xDC: "ĩíịò",
    0xE1: "ỏõóọồổỗốộờởỡớợù",
    0xF1: "ủũúụừửữứựỳỷỹýỵ",
}
_TCVN3 = {chr(first + place): letter for first, run in _TCVN3_LETTERS.items() for place, letter in enumerate(run)}

# --- VNI: the letter, and an octet for what stands on it --------------------------------------------------------------

_GRAVE, _ACUTE, _TILDE, _HOOK, _DOT, _HAT, _BREVE = "\u0300\u0301\u0303\u0309\u0323\u0302\u0306"
# fmt: off
_VNI_MARKS = {
    "ù": _ACUTE, "ø": _GRAVE, "û": _HOOK, "õ": _TILDE, "ï": _DOT, "â": _HAT, "ê": _BREVE,
    "á": _HAT + _ACUTE, "à": _HAT + _GRAVE, "å": _HAT + _HOOK, "ã": _HAT + _TILDE, "ä": _HAT + _DOT,
    "é": _BREVE + _ACUTE, "è": _BREVE + _GRAVE, "ú": _BREVE + _HOOK, "ü": _BREVE + _TILDE, "ë": _BREVE + _DOT,
}
# fmt: on
_VNI_LETTERS = {"ñ": "đ", "ö": "ư", "ô": "ơ", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "î": "ỵ"}
_VNI_BASES = frozenset("aeouyơư")


def from_tcvn3(text: str) -> str:
    return unicodedata.normalize("NFC", "".join(_TCVN3.get(character, character) for character in text))


def from_vni(text: str) -> str:
    made: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        lower = character.lower()
        if lower in _VNI_MARKS and made and made[-1].lower() in _VNI_BASES:
            made[-1] += _VNI_MARKS[lower]
        else:
            letter = _VNI_LETTERS.get(lower, lower)
            made.append(letter if character == lower else letter.upper())
    return unicodedata.normalize("NFC", "".join(made))


def from_misread_utf8(text: str) -> str:
    """UTF-8 that was taken for Windows-1252: ``Nguyá»…n``.  Where it is not that, the text itself."""
    try:
        return unicodedata.normalize("NFC", text.encode("cp1252").decode("utf-8"))
    except UnicodeError:
        return text


def from_windows_1258(octets: bytes) -> str:
    """Raises UnicodeDecodeError."""
    return unicodedata.normalize("NFC", octets.decode("cp1258"))


def as_windows_1252(octets: bytes) -> str:
    """The five octets that the set leaves open stand for themselves."""
    return "".join(map(_WINDOWS_1252.__getitem__, octets))


_WINDOWS_1252 = [bytes((octet,)).decode("cp1252", "ignore") or chr(octet) for octet in range(256)]

# --- telling ----------------------------------------------------------------------------------------------------------

_REPAIRS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("utf-8", from_misread_utf8),
    ("tcvn3", from_tcvn3),
    ("vni", from_vni),
)


@dataclass(frozen=True, slots=True)
class Damage:
    encoding: str  # what it was written in
    reading: str


@lru_cache(maxsize=20_000)
def diagnose(text: str) -> Damage | None:
    """Of text whose words are not Vietnamese, and would be if it were read otherwise."""
    if text.isascii() or _is_vietnamese(text):
        return None
    for encoding, repair in _REPAIRS:
        reading = repair(text)
        if reading != text and _is_better(text, reading):
            return Damage(encoding, reading)
    return None


def diagnose_octets(octets: bytes) -> Damage | None:
    """Of octets that are no UTF-8."""
    readings = [("windows-1258", _as_1258(octets))]
    text = as_windows_1252(octets)
    readings += [(encoding, repair(text)) for encoding, repair in _REPAIRS[1:]]
    for encoding, reading in readings:
        if reading and not reading.isascii() and _is_better(text, reading):
            return Damage(encoding, reading)
    return None


def _as_1258(octets: bytes) -> str:
    try:
        return from_windows_1258(octets)
    except UnicodeDecodeError:
        return ""


def _marked(text: str) -> list[str]:
    return [word for word in words(text) if not word.isascii()]


def _is_vietnamese(text: str) -> bool:
    return all(map(is_syllable, _marked(text))) and not any(character in _NO_LETTERS for character in text)


def _is_better(text: str, reading: str) -> bool:
    """Words with marks are syllables now, all of them, and there are some."""
    found = _marked(reading)
    return bool(found) and all(map(is_syllable, found)) and not any(character in _NO_LETTERS for character in reading)


# Signs of Windows-1252 that stand for letters in TCVN3 and in misread UTF-8, and are in nobody's name.
_NO_LETTERS = frozenset("¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿×÷†‡ˆ‰‹›œŒžŽŸ™")
