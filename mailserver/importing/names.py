"""Folder names of other systems made into names of ours, and the folders that mean the same as one of ours.

Standards: RFC 3501 §5.1.3 (modified UTF-7), RFC 6154 (special uses).
Limits: a name that no mailbox may have is mended, never refused: mail must not stay behind because of a name.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from collections.abc import Collection, Sequence

from directory.words.names import fold
from mailserver.store.mailboxes import INBOX, MAX_DEPTH, MAX_NAME, SEPARATOR

_SHIFT = re.compile(r"&([A-Za-z0-9+,]*)-")
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]+")
_LONGEST_LEVEL = 200  # octets

# What other programs and languages call the mailboxes that everybody has; folded
_USES = {
    "\\Sent": ("sent", "sent items", "sent messages", "sent mail", "da gui", "thu da gui", "muc da gui", "hop thu di"),
    "\\Drafts": ("drafts", "draft", "thu nhap", "ban nhap", "nhap"),
    "\\Trash": ("trash", "deleted items", "deleted messages", "deleted", "bin", "thung rac", "da xoa", "thu da xoa",
                "muc da xoa"),
    "\\Junk": ("junk", "spam", "junk e-mail", "junk email", "bulk mail", "thu rac", "email rac"),
    "\\Archive": ("archive", "archives", "luu tru"),
}  # fmt: skip
USE_OF_NAME = {name: use for use, names in _USES.items() for name in names}


def decode_modified_utf7(name: str) -> str:
    """The name behind modified UTF-7. What is none is taken as it stands: some servers send plain UTF-8."""
    if "&" not in name:
        return name

    def shifted(match: re.Match[str]) -> str:
        packed = match[1].replace(",", "/")
        if not packed:
            return "&"
        try:
            return binascii.a2b_base64(packed + "=" * (-len(packed) % 4)).decode("utf-16-be")
        except (binascii.Error, UnicodeError):
            return match[0]

    return _SHIFT.sub(shifted, name)


def text_of(octets: bytes) -> str:
    """A name as a file system or a server gives it."""
    return octets.decode("utf-8", "replace")


def joined(levels: Sequence[str]) -> str:
    """One name of ours out of the levels of theirs."""
    kept = [mended for level in levels if (mended := _mend(level))][:MAX_DEPTH]
    if kept and kept[0].upper() == INBOX:
        kept[0] = INBOX
    while kept and len(SEPARATOR.join(kept).encode()) > MAX_NAME:
        kept.pop()
    return SEPARATOR.join(kept)


def _mend(level: str) -> str:
    level = unicodedata.normalize("NFC", _UNFIT.sub(" ", level)).replace(SEPARATOR, "-").strip()
    if level in (".", ".."):
        level = level.replace(".", "-")
    while len(level.encode()) > _LONGEST_LEVEL:
        level = level[:-1].rstrip()
    return level


def special_use_of(name: str) -> str | None:
    """The use that a top-level folder has by its name, in any of the usual languages."""
    return USE_OF_NAME.get(fold(name)) if SEPARATOR not in name else None


def below(prefix: str, name: str, taken: Collection[str] = ()) -> str:
    """The name inside another mailbox; numbered if that is taken."""
    wanted = joined([*prefix.split(SEPARATOR), *name.split(SEPARATOR)])
    candidate, number = wanted, 2
    while candidate in taken:
        candidate, number = f"{wanted} {number}", number + 1
    return candidate
