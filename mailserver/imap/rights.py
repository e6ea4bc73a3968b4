r"""What rights come to in a session: which commands may run on the selected mailbox, which flags may be changed.

``mailserver.access`` decides who has which rights.  What a command needs on the mailbox that is selected is in
``ON_SELECTED``, and dispatch checks it before the command runs; FETCH, STORE, COPY and CLOSE are not in it, because
they do what the rights allow and are not refused as a whole.  Commands that name a mailbox ask ``places.need``.

Standards: RFC 4314 §4, §5.1.1, §5.2; RFC 5464 §3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from mailserver.access import Act, Place
from mailserver.imap.grammar.responses import flag_list
from mailserver.refusals import NotPermitted
from mailserver.store.flags import FIRST_KEYWORD_BIT, SYSTEM_FLAGS, system_bit
from mailserver.store.readers import ReadersMailbox

ON_SELECTED: dict[bytes, Act] = {
    b"EXPUNGE": Act.EXPUNGE,
    b"MOVE": Act.TAKE_OUT,
    b"REPLACE": Act.TAKE_OUT,  # RFC 8508 §5
}
# RFC 5464 §3.3: "l" and one of these.
_ANNOTATING = frozenset("rswip")
_KEYWORD = 1 << FIRST_KEYWORD_BIT


def check(place: Place | None, command: bytes) -> None:
    """Whether a command may run on the selected mailbox at all.  Raises NotPermitted."""
    act = ON_SELECTED.get(command.removeprefix(b"UID "))
    if act is not None and place is not None and not place.may(act):
        raise NotPermitted


def may_annotate(place: Place) -> bool:
    """Whether annotations may be read and set (RFC 5464 §3.3)."""
    return place.may(Act.SEE) and not place.rights.isdisjoint(_ANNOTATING)


def permitted(flags: Sequence[str], allowed: int) -> list[str]:
    """Those of some flags that may be set and cleared."""
    return [flag for flag in flags if (system_bit(flag) or _KEYWORD) & allowed]


@lru_cache(maxsize=256)
def permanent_flags(allowed: int, keywords: tuple[str, ...]) -> bytes:
    """What of the mailbox's flags this client may change (RFC 4314 §5.1.1); in a mailbox open for reading, nothing."""
    kept = permitted((*SYSTEM_FLAGS, *keywords), allowed)
    # A keyword not listed may be made by storing it.
    if allowed & _KEYWORD:
        kept.append("\\*")
    return b"* OK [PERMANENTFLAGS %b] Flags permitted\r\n" % flag_list(kept)


def is_read_only(place: Place) -> bool:
    """Whether SELECT answers READ-ONLY: no adding, no expunging, no changing of what others see (RFC 4314 §5.2)."""
    shared_flags = "wt" if isinstance(place.key, ReadersMailbox) else "swt"
    return place.rights.isdisjoint("ie" + shared_flags)
