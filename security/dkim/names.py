"""Domain names and selectors as signatures tell them.

Standards: RFC 6376 §3.1 (selector), §3.5 (domain-name), RFC 5321 §4.1.2 (sub-domain), RFC 8616 §4, §5 (U-labels in
``d=``, ``s=`` and ``i=``; keys are asked for under A-labels), RFC 5891.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import idna

LONGEST_NAME = 253

# sub-domain = Let-dig [Ldh-str]; underscores are not, but stand in selectors that are in use
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*+")


@lru_cache(maxsize=4096)
def to_ascii(name: str) -> str:
    """A-labels in lower case; empty when this is no name."""
    if not name.isascii():
        try:
            name = idna.encode(unicodedata.normalize("NFC", name), uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return ""
    name = name.lower()
    return name if len(name) <= LONGEST_NAME and _NAME.fullmatch(name) else ""


def is_within(name: str, parent: str) -> bool:
    """Whether it is the same domain or one below; both in A-labels."""
    return name == parent or name.endswith(f".{parent}")
