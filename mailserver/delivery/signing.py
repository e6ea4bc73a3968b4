"""What goes out carries our name: DKIM for what our own people and this server wrote, ARC for what we pass on.

This is the one place where mail is signed, and it is before the message is stored: what the relay reads later is sent
octet for octet.  It costs each message once, however many get it and however often it is tried, in the process that
took it and not in the relay.

Ours is what came through the sending door, where From was checked to be an address of the login, and the reports that
this server writes.  A stranger's message that a group or an alias leads outside again is never signed in his name nor
in ours: it gets an ARC set, which says what we found when it came.

A message of ours with octets beyond ASCII is first encoded for seven bits, where that breaks nothing: relays that
cannot take eight would change it on the way, and its signature would not survive that.  What must not be encoded anew
(S/MIME, PGP, a header in UTF-8) is signed as it is, and a server that does not take it gets it not at all.

Standards: RFC 6376 §5 (§5.3: seven bits; §5.6: where the field goes), §3.10 (a domain above signs), RFC 8617 §5.1.
Limits: messages over 64 MiB are not encoded anew.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from directory.dkim.keys import signers_of
from mailserver.delivery.post_office import PostOffice
from mailserver.delivery.trace import RETURN_PATH
from mailserver.message.addresses import mailboxes, parse_addresses
from mailserver.message.headers import unfold, utf8_text
from mailserver.message.seven_bit import to_seven_bit
from security.arc import ArcResult, seal
from security.dkim import Message, Signer, read_message, sign

log = logging.getLogger("citymail.delivery")

_LARGEST_ENCODED = 64 * 1024 * 1024
_PIECE = 1 << 18
_LONGEST_LINE = 1000  # RFC 5321 §4.5.3.1.6, with CRLF: relays may break longer ones


@dataclass(frozen=True, slots=True)
class Signed:
    """The message as it goes out, the fields to put on top of it, and whether it was encoded for seven bits."""

    octets: bytes | Path
    fields: bytes = b""
    is_encoded: bool = False


def sign_ours(office: PostOffice, octets: bytes | Path, *, at: int) -> Signed:
    """Sign what one of us wrote; unchanged when its domain has no keys.  ``at``: when it goes out.

    A file that had to be encoded anew is gone, and its octets are in the result.
    """
    signers = _signers(office, read_message(octets))
    if not signers:
        return Signed(octets)
    encoded = _encoded(octets)
    if encoded is not None and isinstance(octets, Path):
        octets.unlink()
    goes_out = octets if encoded is None else encoded
    try:
        return Signed(goes_out, sign(read_message(goes_out), signers, at), encoded is not None)
    except ValueError as fault:
        log.warning("a message that goes out was not signed: %s", fault)
        return Signed(goes_out, is_encoded=encoded is not None)


def seal_foreign(office: PostOffice, octets: bytes | Path, found: ArcResult, results: str) -> bytes:
    """The ARC set for a stranger's message that we pass on; nothing when the city's domain has no keys.

    ``found`` and ``results`` are what the checks said when it came in (``security.arc.seal``).
    """
    with office.directory.read() as people:
        signers = signers_of(people, office.config.city.domain)
    if not signers:
        return b""
    try:
        # the first is RSA where there is one: a set has one algorithm, which all must know (RFC 8617 §4.2.1)
        return seal(read_message(octets), found, results, signers[0], office.now())
    except ValueError as fault:
        log.warning("a message that goes on was not sealed: %s", fault)
        return b""


def below_return_path(trace: bytes, fields: bytes) -> bytes:
    """Our trace fields with more of them on top, but under Return-Path, which must be first (RFC 5321 §4.4)."""
    if not trace.startswith(RETURN_PATH):
        return fields + trace
    end = trace.index(b"\r\n") + 2
    return trace[:end] + fields + trace[end:]


def _signers(office: PostOffice, message: Message) -> tuple[Signer, ...]:
    """The keys of the author's domain; none unless there is one From, and all its domains are ours."""
    places = message.named("from")
    if len(places) != 1:
        return ()
    text = unfold(message.fields[places[0]].value.decode("latin-1"))
    domains = [utf8_text(entry.domain) for entry in mailboxes(parse_addresses(text)) if entry.domain]
    with office.directory.read() as people:
        found = [signers_of(people, domain) for domain in dict.fromkeys(domains)]
    return found[0] if found and all(found) else ()


def _encoded(octets: bytes | Path) -> bytes | None:
    """The message in seven bits and lines of moderate length; None if it is that already, or must stay as it is."""
    if isinstance(octets, bytes):
        return None if _is_plain(octets) else to_seven_bit(octets)
    if octets.stat().st_size > _LARGEST_ENCODED:
        return None
    with octets.open("rb") as file:
        if all(map(_is_plain, iter(lambda: b"".join(file.readlines(_PIECE)), b""))):
            return None
    return to_seven_bit(octets.read_bytes())


def _is_plain(lines: bytes) -> bool:
    """Whether every transport takes whole lines as they are (RFC 2045 §2.7)."""
    pairs, returns, feeds = (lines.count(mark) for mark in (b"\r\n", b"\r", b"\n"))
    return (
        lines.isascii()
        and pairs == returns == feeds
        and b"\0" not in lines
        and max(map(len, lines.split(b"\n"))) < _LONGEST_LINE
    )
