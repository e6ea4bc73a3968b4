"""What we say we can do, by the state of the session.

Standards: RFC 9051 §6.1.1, §7.2.2 and the RFC of each capability.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailserver.config import Imap

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
    b"UIDBATCHES",  # RFC 10022
    b"ESEARCH",  # RFC 4731
    b"SEARCHRES",  # RFC 5182
    b"SEARCH=FUZZY",  # RFC 6203
    b"WITHIN",  # RFC 5032
    b"SAVEDATE",  # RFC 8514
    b"PARTIAL",  # RFC 9394
    b"INPROGRESS",  # RFC 9585
    b"I18NLEVEL=1",  # RFC 5255
    b"SORT",  # RFC 5256
    b"SORT=DISPLAY",  # RFC 5957
    b"ESORT",  # RFC 5267
    b"CONTEXT=SEARCH",
    b"CONTEXT=SORT",
    b"MULTISEARCH",  # RFC 7377
    b"THREAD=ORDEREDSUBJECT",  # RFC 5256
    b"THREAD=REFERENCES",
    b"THREAD=REFS",
    b"MULTIAPPEND",  # RFC 3502
    b"CATENATE",  # RFC 4469
    b"REPLACE",  # RFC 8508
    b"BINARY",  # RFC 3516
    b"STATUS=SIZE",  # RFC 8438
    b"OBJECTID",  # RFC 8474
    b"PREVIEW",  # RFC 8970
    b"UTF8=ACCEPT",  # RFC 6855
    b"QUOTA",  # RFC 9208
    b"QUOTA=RES-STORAGE",
    b"QUOTA=RES-MESSAGE",
    b"QUOTA=RES-MAILBOX",
    b"QUOTASET",
    b"ACL",  # RFC 4314
    b"RIGHTS=texk",
    b"LIST-MYRIGHTS",  # RFC 8440
    b"METADATA",  # RFC 5464
    b"METADATA-SERVER",
    b"LIST-METADATA",  # RFC 9590
    b"NOTIFY",  # RFC 5465
    b"COMPRESS=DEFLATE",  # RFC 4978
    b"UNAUTHENTICATE",  # RFC 8437
)

# What ENABLE knows (RFC 5161); IMAP4rev2 and UTF8=ACCEPT also switch names to UTF-8.
ENABLED_NAMES = {
    name.upper(): name for name in (b"CONDSTORE", b"IMAP4rev2", b"QRESYNC", b"UIDONLY", b"UTF8=ACCEPT")
}  # in upper case → as they are written back
ENABLEABLE = frozenset(ENABLED_NAMES)


# Commands that come with a capability, for the accounts whose clients are not to see it.
COMMANDS_OF: dict[bytes, tuple[bytes, ...]] = {
    b"ACL": (b"SETACL", b"DELETEACL", b"GETACL", b"LISTRIGHTS", b"MYRIGHTS"),
    b"COMPRESS": (b"COMPRESS",),
    b"CONTEXT": (b"CANCELUPDATE",),
    b"ENABLE": (b"ENABLE",),
    b"ID": (b"ID",),
    b"IDLE": (b"IDLE",),
    b"METADATA": (b"GETMETADATA", b"SETMETADATA"),
    b"MOVE": (b"MOVE", b"UID MOVE"),
    b"MULTISEARCH": (b"ESEARCH",),
    b"NAMESPACE": (b"NAMESPACE",),
    b"NOTIFY": (b"NOTIFY",),
    b"QUOTA": (b"GETQUOTA", b"GETQUOTAROOT", b"SETQUOTA"),
    b"QUOTASET": (b"SETQUOTA",),
    b"REPLACE": (b"REPLACE", b"UID REPLACE"),
    b"SORT": (b"SORT", b"UID SORT"),
    b"THREAD": (b"THREAD", b"UID THREAD"),
    b"UIDBATCHES": (b"UIDBATCHES",),
    b"UIDPLUS": (b"UID EXPUNGE",),
    b"UNAUTHENTICATE": (b"UNAUTHENTICATE",),
    b"UNSELECT": (b"UNSELECT",),
}
NOTHING_HIDDEN: frozenset[bytes] = frozenset()


def hides(hidden: frozenset[bytes], capability: bytes) -> bool:
    """Whether a capability is among those hidden, by its name or by what stands before its equals sign."""
    name = capability.upper()
    return name in hidden or name.partition(b"=")[0] in hidden


def hides_command(hidden: frozenset[bytes], command: bytes) -> bool:
    return any(command in COMMANDS_OF.get(capability, ()) for capability in hidden)


def before_login(*, may_start_tls: bool, mechanisms: Iterable[str]) -> bytes:
    """RFC 9051 §6.2.2, §11: without TLS nobody is offered to log in, in whatever way; so ``mechanisms`` are none."""
    words = [*ANY_STATE]
    if may_start_tls:
        words.append(b"STARTTLS")
    offered = [b"AUTH=" + mechanism.encode("ascii") for mechanism in mechanisms]
    return b" ".join([*words, *(offered or [b"LOGINDISABLED"])])


def after_login(settings: Imap, hidden: frozenset[bytes] = NOTHING_HIDDEN) -> bytes:
    names = [*AFTER_LOGIN, b"APPENDLIMIT=%d" % settings.append_limit]  # RFC 7889
    if settings.message_limit:
        names.append(b"MESSAGELIMIT=%d" % settings.message_limit)  # RFC 9738 §3
    elif settings.save_limit:
        names.append(b"SAVELIMIT=%d" % settings.save_limit)
    return b" ".join(name for name in names if not hides(hidden, name)) if hidden else b" ".join(names)
