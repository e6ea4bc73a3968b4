"""What we say we can do, by the state of the session.

Standards: RFC 9051 §6.1.1, §7.2.2 and the RFC of each capability.
"""

from __future__ import annotations

ANY_STATE = (b"IMAP4rev1", b"IMAP4rev2", b"LITERAL+", b"ID", b"ENABLE", b"SASL-IR")

AFTER_LOGIN = (
    b"IMAP4rev1",
    b"IMAP4rev2",
    b"LITERAL+",  # RFC 7888
    b"ID",  # RFC 2971
    b"ENABLE",  # RFC 5161
    b"IDLE",  # RFC 2177
    b"NAMESPACE",  # RFC 2342
    b"UIDPLUS",  # RFC 4315
    b"MOVE",  # RFC 6851
    b"UNSELECT",  # RFC 3691
    b"CHILDREN",  # RFC 3348
    b"LIST-EXTENDED",  # RFC 5258
    b"LIST-STATUS",  # RFC 5819
    b"SPECIAL-USE",  # RFC 6154
    b"CREATE-SPECIAL-USE",  # RFC 6154
    b"CONDSTORE",  # RFC 7162
    b"QRESYNC",  # RFC 7162 §3.2
    b"UIDONLY",  # RFC 9586
    b"ESEARCH",  # RFC 4731
    b"SEARCHRES",  # RFC 5182
    b"MULTIAPPEND",  # RFC 3502
    b"BINARY",  # RFC 3516
    b"STATUS=SIZE",  # RFC 8438
    b"OBJECTID",  # RFC 8474
    b"PREVIEW",  # RFC 8970
    b"UTF8=ACCEPT",  # RFC 6855
    b"QUOTA",  # RFC 9208
    b"QUOTA=RES-STORAGE",
    b"QUOTA=RES-MESSAGE",
)

MECHANISMS = (b"PLAIN", b"LOGIN")

# What ENABLE knows (RFC 5161); IMAP4rev2 and UTF8=ACCEPT also switch names to UTF-8.
ENABLED_NAMES = {
    name.upper(): name for name in (b"CONDSTORE", b"IMAP4rev2", b"QRESYNC", b"UIDONLY", b"UTF8=ACCEPT")
}  # in upper case → as they are written back
ENABLEABLE = frozenset(ENABLED_NAMES)


def before_login(*, may_start_tls: bool, may_log_in: bool) -> bytes:
    """RFC 9051 §7.2.2: without TLS the mechanisms that show a password are not offered."""
    words = [*ANY_STATE]
    if may_start_tls:
        words.append(b"STARTTLS")
    if may_log_in:
        words += [b"AUTH=" + mechanism for mechanism in MECHANISMS]
    else:
        words.append(b"LOGINDISABLED")
    return b" ".join(words)


def after_login(append_limit: int) -> bytes:
    return b" ".join((*AFTER_LOGIN, b"APPENDLIMIT=%d" % append_limit))  # RFC 7889
