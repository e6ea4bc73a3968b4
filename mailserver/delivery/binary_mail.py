"""A binary message as it is kept: parts with NUL octets in base64, for IMAP and most servers could not take them else.

What was checked of it before (signatures) was checked on the octets that came.

Standards: RFC 3030 §3 (every bit is kept); RFC 9051 §4.3 (no NUL in a literal); RFC 3516 §4.4.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from mailserver.message.binary import NoEncodingHelps, without_nul
from mailserver.refusals import MalformedMessage
from mailserver.smtp.commands import MailCommand

# RFC 2045 §2.8: what only a binary message may have; lines of more than 998 octets too.
_BINARY = re.compile(rb"[^\r\n]{999}|\r(?!\n)|(?<!\r)\n")


def as_kept(mail: MailCommand, octets: bytes | Path) -> tuple[MailCommand, bytes | Path]:
    """The message, and MAIL as it is true of it.  Raises MalformedMessage for a NUL that no encoding can take up."""
    if mail.body != "BINARYMIME":
        return mail, octets
    whole = octets.read_bytes() if isinstance(octets, Path) else octets
    if b"\0" in whole:
        if isinstance(octets, Path):
            octets.unlink()
        try:
            octets = whole = without_nul(whole)
        except NoEncodingHelps:
            raise MalformedMessage("Message has a NUL octet that no part of it can hold") from None
    if _BINARY.search(whole) is None:
        mail = replace(mail, body="8BITMIME")
    return mail, octets
