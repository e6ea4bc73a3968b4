"""One form of a name or password, whichever keyboard wrote it, for mechanisms that compare digests of it.

SCRAM's client computes with SASLprep's form, so the verifier must be made of the same.  Compatibility characters are
folded (NFKC), so a Vietnamese password is one password in composed and decomposed letters.

Standards: RFC 4013 (SASLprep), RFC 3454 (stringprep), RFC 5802 §2.2, §5.1.
Limits: characters younger than Unicode 3.2 pass unchanged (RFC 3454 §7, as of queries), so that a password with an
emoji works.
"""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Callable

# RFC 4013 §2.3
_PROHIBITED: tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class NotPreparable(ValueError):
    """The text has characters that SASLprep prohibits."""


def saslprep(text: str) -> str:
    """Raises NotPreparable."""
    if text.isascii():
        if not text.isprintable():
            raise NotPreparable("control characters")
        return text
    # RFC 4013 §2.1: mapped first, then normalised (§2.2)
    mapped = "".join(
        " " if stringprep.in_table_c12(letter) else "" if stringprep.in_table_b1(letter) else letter for letter in text
    )
    prepared = unicodedata.normalize("NFKC", mapped)
    if any(prohibits(letter) for letter in prepared for prohibits in _PROHIBITED):
        raise NotPreparable("a prohibited character")
    _check_direction(prepared)
    return prepared


def _check_direction(text: str) -> None:
    """RFC 3454 §6: no mixture of directions that would look like another text."""
    if any(map(stringprep.in_table_d1, text)):
        if any(map(stringprep.in_table_d2, text)):
            raise NotPreparable("letters of both directions")
        if not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
            raise NotPreparable("a right-to-left text begins and ends with such letters")
