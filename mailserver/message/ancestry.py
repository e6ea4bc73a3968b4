"""What threading needs to know of a message, as a few octets: its own id, the ids it refers to, whether it answers.

Ids are kept as 64-bit digests of their normal form, so that ``<"a"@b>`` and ``<a@b>`` are one: short enough to be
read for a whole mailbox at once.  Two ids of one mailbox that share a digest by chance would join two threads; among
a million ids that happens once in thirty million mailboxes.

    flags (1 octet), own id (8), reference (8) …        a zero id is none

Standards: RFC 5256 §2.1, §3 (THREAD=REFERENCES: which ids are references, their normal form); RFC 5322 §3.6.4.
Limits: of more than 100 references the first and the last 99 are kept.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from functools import lru_cache

from mailserver.message.headers import Fields, unfold
from mailserver.message.subject import is_answer

MAX_REFERENCES = 100
_ANSWER = 1
# msg-id = "<" id-left "@" id-right ">"; white space may stand around its parts (RFC 5322 §4.5.4)
_MSG_ID = re.compile(r"<([^<>]{1,995})>")
# Which is in its normal form already.
_NORMAL = re.compile(r'[^"@ \t\r\n]++@[^"@ \t\r\n]++')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BLANKS = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Ancestry:
    own: int  # 0 for a message without a valid Message-ID
    references: tuple[int, ...]  # the oldest first
    is_answer: bool


def ancestry(fields: Fields, subject: str) -> bytes:
    """From raw header fields and the decoded subject, as it is kept.  Never raises."""
    raw = fields.get("message-id")
    own = _ids(raw)[:1] if raw is not None else []
    references: list[str] = []
    raw = fields.get("references")
    if raw is not None:
        references = _ids(raw)
    if not references and (raw := fields.get("in-reply-to")) is not None:
        references = _ids(raw)[:1]
    if len(references) > MAX_REFERENCES:
        references = [references[0], *references[1 - MAX_REFERENCES :]]
    flags = _ANSWER if is_answer(subject) else 0
    return bytes((flags,)) + b"".join([_digest(own[0]) if own else bytes(8), *map(_digest, references)])


def read_ancestry(octets: bytes) -> Ancestry:
    numbers = struct.unpack_from(f">{len(octets) // 8}Q", octets, 1)
    return Ancestry(numbers[0], numbers[1:], bool(octets[0] & _ANSWER))


def _ids(raw: str) -> list[str]:
    """The valid msg-ids of a field in their normal form, without angle brackets."""
    found = _MSG_ID.findall(unfold(raw))
    return [normal for each in found if (normal := each if _NORMAL.fullmatch(each) else _normal(each))]


def _normal(found: str) -> str:
    """Quoting undone, white space gone; empty for what is no msg-id."""
    if '"' in found:
        local, at, domain = found.rpartition("@")
        pieces, position = [], 0
        for quoted in _QUOTED.finditer(local):
            pieces += [_BLANKS.sub("", local[position : quoted.start()]), _ESCAPE.sub(r"\1", quoted[1])]
            position = quoted.end()
        local = "".join([*pieces, _BLANKS.sub("", local[position:])])
        domain = _BLANKS.sub("", domain)
    else:
        local, at, domain = _BLANKS.sub("", found).rpartition("@")
    return f"{local}{at}{domain}" if local and domain else ""


@lru_cache(maxsize=4096)  # answers refer to what came lately
def _digest(identifier: str) -> bytes:
    digest = hashlib.blake2b(identifier.encode("utf-8", "replace"), digest_size=8).digest()
    return digest if any(digest) else b"\0\0\0\0\0\0\0\1"
