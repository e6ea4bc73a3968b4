"""Domains that are made to be taken for another: by letters that look alike, by a slip of the hand, by putting the real
name in front.

Standards: UTS #39 §4 (skeletons; of its table only what passes for Latin letters and digits); RFC 5891 (A-labels).
Limits: what is shorter than ten characters is compared by its looks only: with a letter changed it may well be
somebody else's name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import idna

_SHORTEST_WITH_SLIPS = 10
_LOOKS = str.maketrans(
    {
        "0": "o", "1": "l", "3": "e", "5": "s", "đ": "d", "ł": "l", "ø": "o", "ı": "i", "ɑ": "a", "ɡ": "g",
        "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "һ": "h", "і": "i", "ј": "j", "к": "k", "ӏ": "l",
        "м": "m", "н": "h", "о": "o", "р": "p", "ԛ": "q", "ѕ": "s", "т": "t", "ц": "u", "ѵ": "v", "ԝ": "w",
        "х": "x", "у": "y", "α": "a", "ο": "o", "ρ": "p", "υ": "u", "ν": "v", "ι": "i", "κ": "k", "τ": "t",
    }
)  # fmt: skip
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def resembled(domain: str, ours: Iterable[str]) -> str:
    """The one of our domains that somebody else's is made to be taken for; empty for none."""
    names = [name.lower() for name in ours]
    shown = _shown(domain)
    if any(shown == name or shown.endswith("." + name) for name in map(_shown, names)):
        return ""
    looks = _skeleton(shown)
    for name in names:
        real = _skeleton(_shown(name))
        within = f".{looks}.", f".{real}."
        if looks == real or within[1] in within[0]:  # also as tphcm.gov.vn.elsewhere.example
            return name
        if looks.replace("-", ".") == real or f".{looks.replace('-', '.')}.".startswith(within[1]):
            return name
        if min(len(looks), len(real)) >= _SHORTEST_WITH_SLIPS and _is_one_slip_apart(looks, real):
            return name
    return ""


def _shown(domain: str) -> str:
    """As a person sees it."""
    labels = []
    for label in domain.lower().rstrip(".").split("."):
        try:
            labels.append(idna.ulabel(label) if label.startswith("xn--") else label)
        except idna.IDNAError:
            labels.append(label)
    return ".".join(labels)


def _skeleton(shown: str) -> str:
    folded = unicodedata.normalize("NFKD", shown)
    plain = "".join(each for each in folded if not unicodedata.combining(each)).translate(_LOOKS)
    for pair, one in _PAIRS:
        plain = plain.replace(pair, one)
    return plain


def _is_one_slip_apart(one: str, other: str) -> bool:
    """A letter more, less or another, or two changed round."""
    if abs(len(one) - len(other)) > 1:
        return False
    short, long = sorted((one, other), key=len)
    at = next((index for index, letter in enumerate(short) if letter != long[index]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    changed_round = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return short != long and (short[at + 1 :] == long[at + 1 :] or changed_round)
