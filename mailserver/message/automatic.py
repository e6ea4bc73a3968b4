"""Which mail must not be answered by a machine: what comes from one, what went to many, and what nobody sent.

Standards: RFC 3834 §2, §5 (Auto-Submitted); RFC 5230 §4.6; RFC 2919 and RFC 2369 (fields of lists); RFC 5321 §4.5.5
(null sender).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from mailserver.message.addresses import mailboxes, parse_addresses
from mailserver.message.headers import find_all, find_field, text_of, utf8_text

# RFC 3834 §2: mailboxes of programs and of lists, by what their addresses look like.
_PROGRAM = re.compile(
    r"(?:owner-.*|.*-(?:owner|request|bounces?|relay)|bounces?[+=-].*|mailer-daemon|postmaster|root"
    r"|list(?:serv|owner)|majordomo|(?:do[-_.]?not|no)[-_.]?reply.*)"
)
_OF_LISTS = ("List-Id", "List-Help", "List-Subscribe", "List-Unsubscribe", "List-Post", "List-Owner", "List-Archive")
# What Exchange says of mail that is not to be answered, for lack of a field of the standards
_NOT_TO_BE_ANSWERED = {"all", "oof", "autoreply"}
_TO_MANY = ("bulk", "junk", "list")
_ADDRESSING = ("To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc")


def may_be_answered(header: bytes, reverse_path: str, recipients: Collection[str]) -> bool:
    """Whether a machine may answer for one who has these addresses (in lower case), back to the reverse-path."""
    local = reverse_path.rpartition("@")[0].lower()
    if not local or _PROGRAM.fullmatch(local):
        return False
    # RFC 3834 §5: only "no", without comments and parameters, means that a person wrote it
    kinds = find_all(header, "Auto-Submitted")
    if any(re.sub(r"\([^()]*\)", "", kind).partition(";")[0].strip().lower() != "no" for kind in kinds):
        return False
    if text_of(header, "Precedence").strip().lower() in _TO_MANY:
        return False
    if any(find_field(header, name) is not None for name in _OF_LISTS):
        return False
    refused = text_of(header, "X-Auto-Response-Suppress").lower().split(",")
    if not _NOT_TO_BE_ANSWERED.isdisjoint(map(str.strip, refused)):
        return False
    # RFC 3834 §2: it must have been meant for that address, and not have come by a list or an alias of many
    named = (
        entry for name in _ADDRESSING for raw in find_all(header, name) for entry in mailboxes(parse_addresses(raw))
    )
    return any(utf8_text(f"{entry.local}@{entry.domain}").lower() in recipients for entry in named)
