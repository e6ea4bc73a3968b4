"""The trace of a message: what the servers on its way put on top of its header.

Half of a header and more, often, and nothing that a list of messages shows: the store keeps it with the body, and what
stands below it where lists are read.

Standards: RFC 5321 §4.4, RFC 5322 §3.6.7; RFC 6376 §3.5, RFC 7208 §9.1, RFC 8601 §2.2, RFC 8617 §4.1, RFC 9228.
"""

from __future__ import annotations

import re

# Lower case.  Names may be added and none be taken away: what stores hold is divided by them.
TRACE_FIELDS = frozenset({
    b"return-path", b"received", b"delivered-to", b"x-original-to", b"envelope-to", b"x-received",
    b"received-spf", b"authentication-results", b"dkim-signature", b"domainkey-signature",
    b"arc-seal", b"arc-message-signature", b"arc-authentication-results",
    b"x-google-dkim-signature", b"x-google-smtp-source", b"x-gm-message-state", b"x-gm-gg",
    b"x-spam-checker-version", b"x-spam-flag", b"x-spam-level", b"x-spam-score", b"x-spam-status",
})  # fmt: skip
# field = field-name *WSP ":" unstructured CRLF, with FWS (RFC 5322 §2.2, §4.5)
_TRACE = re.compile(
    rb"(?:(?:%b)[ \t]*:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)*+" % b"|".join(map(re.escape, sorted(TRACE_FIELDS))),
    re.IGNORECASE,
)


def trace_end(header: bytes) -> int:
    """Where the first field stands that is none of the trace."""
    found = _TRACE.match(header)
    assert found is not None  # of nothing, if there is no trace
    return found.end()
