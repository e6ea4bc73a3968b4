"""URLs of messages and parts of messages, as CATENATE takes them.

Only those without a server in front: what they name is in the session's own reach.  A path that begins with "/" is
the mailbox; one that does not is beside the selected one; none at all is the selected one.

Standards: RFC 5092 §5, §6, §7.1, §7.2, §11; RFC 2192 §6 to §8, §12 (before it: no slash before SECTION); RFC 4469 §3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from mailserver.imap.grammar.fetch import Section, parse_section
from mailserver.imap.grammar.syntax import MAX_NUMBER, MAX_NUMBER64, SyntaxFault

# imessagepart = enc-mailbox [uidvalidity] iuid [isection] [ipartial]
_URL = re.compile(
    rb"(?P<path>[^;?#]*?)(?:;UIDVALIDITY=(?P<validity>[1-9]\d{0,9}))?/?;UID=(?P<uid>[1-9]\d{0,9})"
    rb"(?:/?;SECTION=(?P<section>[^;]*?))?(?:/;PARTIAL=(?P<offset>\d{1,19})(?:\.(?P<count>[1-9]\d{0,18}))?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MessageUrl:
    """``path`` is the mailbox's name in UTF-8, empty for the selected one; not ``absolute``: beside that.

    ``section`` has the partial applied; a part without a count goes to the end.
    """

    path: str
    absolute: bool
    uid_validity: int | None
    uid: int
    section: Section


def parse_url(octets: bytes) -> MessageUrl:
    """Raises SyntaxFault."""
    match = _URL.fullmatch(octets)
    if match is None:
        raise SyntaxFault("Not the URL of a message of this session")
    absolute = match["path"].startswith(b"/")
    try:
        path = unquote_to_bytes(match["path"]).decode("utf-8")
    except UnicodeDecodeError:
        raise SyntaxFault("A mailbox name in a URL is UTF-8") from None
    uid_validity = int(match["validity"]) if match["validity"] else None
    uid = int(match["uid"])
    if uid > MAX_NUMBER or (uid_validity or 0) > MAX_NUMBER:
        raise SyntaxFault("Number is too large")
    partial = None
    if match["offset"]:
        partial = int(match["offset"]), int(match["count"] or MAX_NUMBER64)
        if max(partial) > MAX_NUMBER64:
            raise SyntaxFault("Number is too large")
    section = parse_section(unquote_to_bytes(match["section"] or b""), partial)
    return MessageUrl(path.removeprefix("/"), absolute, uid_validity, uid, section)
