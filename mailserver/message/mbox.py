"""Messages as an mbox file holds them, which every mail program reads.

Each begins with a ``From `` line of its own and ends with a blank one; lines of the text that begin so, quoted or not,
get one ``>`` more, so that whoever takes it off has the message octet for octet (mboxrd).  Lines end with LF, as RFC
4155 wants it.

Standards: RFC 4155 Appendix A; asctime(3) in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)
_LATEST = 253_402_300_799  # the end of the year 9999
_SENDER = re.compile(r"[!-~]+@[!-~]+")


def as_mbox(octets: bytes, sender: str, received_at: int) -> bytes:
    """One message, to be put behind others."""
    shown = sender if _SENDER.fullmatch(sender) else "MAILER-DAEMON"
    text = _FROM.sub(rb">\1", octets.replace(b"\r\n", b"\n"))
    if not text.endswith(b"\n"):
        text += b"\n"
    then = datetime.fromtimestamp(min(max(received_at, 0), _LATEST), UTC).ctime()  # in English, whatever the locale
    return f"From {shown} {then}\n".encode() + text + b"\n"
