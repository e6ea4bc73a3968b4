"""Which words can be Vietnamese, and what typed keys stand for.

A Vietnamese word is one syllable of a closed grammar, which makes it possible to tell a name from the garbage that an
old font or a wrong character set made of it (``damaged_text``), and a word typed while the input method was off
(``nguyeenx``, ``nguye64n``) from one that was meant so.

Limits: foreign words and names of other peoples (Y Moan Êñuôl) are no syllables; nobody refuses a word for that.
Sources: TCVN 6909:2001 (letters); the input methods Telex and VNI as UniKey takes them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_GRAVE, _ACUTE, _TILDE, _HOOK, _DOT = "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"
_TONES = frozenset((_GRAVE, _ACUTE, _TILDE, _HOOK, _DOT))
_WRITTEN_ONSETS = "b c ch d đ g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x"
_ONSETS = frozenset(("", *_WRITTEN_ONSETS.split()))
# All that may follow the onset, without tones.
_WRITTEN_RIMES = """
a ac ach ai am an ang anh ao ap at au ay ă ăc ăm ăn ăng ăp ăt â âc âm ân âng âp ât âu ây
e ec em en eng eo ep et ê êch êm ên ênh êp êt êu
i ia ich iê iêc iêm iên iêng iêp iêt iêu im in inh ip it iu
o oa oac oach oai oam oan oang oanh oao oap oat oay oă oăc oăm oăn oăng oăt oc oe oen oeo oet oi om on ong ooc oong
op ot ô ôc ôi ôm ôn ông ôp ôt ơ ơi ơm ơn ơp ơt
u ua uâ uân uâng uât uây uc uê uêch uên uênh ui um un ung uôc uôi uôm uôn uông uôt uơ up ut uy uya uych uyên uyêt uynh
uyt uyu ư ưa ưc ưi ưm ưn ưng ươ ươc ươi ươm ươn ương ươp ươt ươu ưt ưu y yêm yên yêt yêu
"""
_RIMES = frozenset(_WRITTEN_RIMES.split())


@lru_cache(maxsize=50_000)
def is_syllable(word: str) -> bool:
    """Whether a word, in any case and composition, can be Vietnamese."""
    tones = 0
    letters = []
    for character in unicodedata.normalize("NFD", word.lower()):
        if character in _TONES:
            tones += 1
        else:
            letters.append(character)
    plain = unicodedata.normalize("NFC", "".join(letters))
    if tones > 1 or len(plain) > 7:
        return False
    return any(plain[:cut] in _ONSETS and plain[cut:] in _RIMES for cut in range(min(4, len(plain))))


# --- keys -------------------------------------------------------------------------------------------------------------

_TELEX_TONES = {"s": _ACUTE, "f": _GRAVE, "r": _HOOK, "x": _TILDE, "j": _DOT}
_VNI_TONES = {"1": _ACUTE, "2": _GRAVE, "3": _HOOK, "4": _TILDE, "5": _DOT}
_VNI_MARKS = {"6": {"a": "â", "e": "ê", "o": "ô"}, "7": {"o": "ơ", "u": "ư"}, "8": {"a": "ă"}, "9": {"d": "đ"}}
_VOWELS = frozenset("aăâeêioôơuưy")
_TELEX_WORD, _VNI_WORD = re.compile(r"[a-z]{2,12}"), re.compile(r"[a-z]+[1-9][a-z1-9]*")


def retyped(word: str) -> str | None:
    """``nguyeenx``, ``nguyenex`` or ``nguye64n`` → ``nguyễn``; None where the keys make no Vietnamese word."""
    word = word.lower()
    if _TELEX_WORD.fullmatch(word):
        made = _from_telex(word)
    elif _VNI_WORD.fullmatch(word):
        made = _from_vni(word)
    else:
        return None
    return made if made is not None and made != word and is_syllable(made) else None


def _from_telex(word: str) -> str | None:
    letters: list[str] = []
    tone = ""
    for key in word:
        if key in _TELEX_TONES and any(letter in _VOWELS for letter in letters):
            tone = _TELEX_TONES[key]
        elif key == "w":
            _horn(letters)
        elif key in "aeo" and (at := _last(letters, key)) is not None and at >= len(letters) - 3:
            letters[at] = {"a": "â", "e": "ê", "o": "ô"}[key]
        elif key == "d" and letters[:1] == ["d"]:
            letters[0] = "đ"
        else:
            letters.append(key)
    return _with_tone(letters, tone)


def _horn(letters: list[str]) -> None:
    """``w`` makes ươ of the last uo, else ă, ơ or ư of the last letter that can be one; alone it is ư."""
    for at in range(len(letters) - 1, 0, -1):
        if letters[at - 1] in "uư" and letters[at] == "o":
            letters[at - 1 : at + 1] = ["ư", "ơ"]
            return
    for at in range(len(letters) - 1, -1, -1):
        if letters[at] in "aou":
            letters[at] = {"a": "ă", "o": "ơ", "u": "ư"}[letters[at]]
            return
    letters.append("ư")


def _from_vni(word: str) -> str | None:
    letters: list[str] = []
    tone = ""
    for key in word:
        if key in _VNI_TONES:
            tone = _VNI_TONES[key]
        elif key in _VNI_MARKS:
            marks = _VNI_MARKS[key]
            at = max((place for place, letter in enumerate(letters) if letter in marks), default=None)
            if at is None:
                return None
            letters[at] = marks[letters[at]]
            if key == "7" and letters[at] == "ơ" and at and letters[at - 1] == "u":
                letters[at - 1] = "ư"
        else:
            letters.append(key)
    return _with_tone(letters, tone)


def _last(letters: list[str], wanted: str) -> int | None:
    return next((at for at in range(len(letters) - 1, -1, -1) if letters[at] == wanted), None)


def _with_tone(letters: list[str], tone: str) -> str | None:
    """The tone stands on the vowel that carries a mark, else on the last but one of two that end the word."""
    if not tone:
        return "".join(letters)
    start = 2 if letters[:2] in (["q", "u"], ["g", "i"]) and len(letters) > 2 and letters[2] in _VOWELS else 0
    vowels = [at for at in range(start, len(letters)) if letters[at] in _VOWELS]
    if not vowels:
        return None
    marked = [at for at in vowels if letters[at] in "ăâêôơư"]
    if marked:
        at = marked[-1]
    elif len(vowels) > 1 and vowels[-1] == len(letters) - 1:
        at = vowels[-2]
    else:
        at = vowels[-1]
    return unicodedata.normalize("NFC", "".join(letters[: at + 1]) + tone + "".join(letters[at + 1 :]))
