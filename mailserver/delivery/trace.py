"""The trace fields that we put in front of a message, and the look at those it brings along.

Standards: RFC 5321 §4.4 (Return-Path, of which there is one in the end; Received), RFC 3848 and RFC 6531 §4.3 (protocol
names), RFC 6710 §7 (PRIORITY), RFC 5321 §6.3 (loops), RFC 8601 §4.1 (our results stand above our Received), §5 (those
of others that claim to be ours are removed).
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection
from functools import lru_cache
from pathlib import Path

from mailserver.delivery.post_office import Origin
from mailserver.message.dates import format_date
from mailserver.message.headers import header_end, remove_if, unfold
from mailserver.refusals import MalformedMessage
from security.authresults import FIELD, claims_to_be

RETURN_PATH = b"Return-Path:"
_RETURN_PATH = "return-path"

# What a client calls itself is its own affair, but not what stands in our field.
_HELLO = re.compile(r"[^A-Za-z0-9.\-_:\[\]\u0080-\U0010ffff]")
_RESULTS = FIELD.lower()
# A header block that is longer is none.
_HEADER_LIMIT = 1024 * 1024
_RECEIVED = re.compile(rb"^Received:", re.IGNORECASE | re.MULTILINE)


def read_header(octets: bytes | Path) -> bytes:
    """The header block of a message in memory or in a file.  Raises MalformedMessage for one that is too large: what
    nobody has looked at must not stand in it.
    """
    if isinstance(octets, Path):
        with octets.open("rb") as file:
            start = file.read(_HEADER_LIMIT)
    else:
        start = octets
    header = start[: header_end(start)]
    if len(header) >= _HEADER_LIMIT:
        raise MalformedMessage("Header is too large", reason=f"no end of the header within {_HEADER_LIMIT} octets")
    return header


def trace_fields(
    origin: Origin,
    *,
    hostname: str,
    reference: str,
    reverse_path: str,
    forward_path: str,
    now: int,
    results: bytes = b"",
) -> bytes:
    """Return-Path, our Authentication-Results (``results``) and Received.

    ``forward_path`` is empty when there are several: none may learn of another.
    """
    name = _HELLO.sub("?", origin.hello)[:255] or "unknown"
    peer = f" ([{_literal(origin.client)}])" if origin.client else ""
    more = f"\r\n\tfor <{forward_path}>" if forward_path else ""
    more += f"\r\n\tPRIORITY {origin.priority}" if origin.priority is not None else ""
    received = (
        f"Received: from {name}{peer}\r\n\tby {hostname} with {origin.protocol} id {reference}{more};\r\n"
        f"\t{_date_text(now)}\r\n"
    )
    return f"Return-Path: <{reverse_path}>\r\n".encode() + results + received.encode()


def without_claims(octets: bytes | Path, names: Collection[str]) -> bytes | Path:
    """A message without Authentication-Results that speak in one of our names (RFC 8601 §5), and without Return-Path,
    which only the envelope gives (RFC 5321 §4.4).

    A file is written anew in its folder if it has such; the old one goes.
    """

    def is_claim(name: str, field: bytes) -> bool:
        if name == _RETURN_PATH:
            return True
        return name == _RESULTS and claims_to_be(unfold(field.partition(b":")[2].decode("latin-1")), names)

    return with_header(octets, lambda header: remove_if(header, is_claim))


def with_header(octets: bytes | Path, edit: Callable[[bytes], bytes]) -> bytes | Path:
    """A message with its header block edited.  A file is written anew in its folder if that changes anything; the old
    one goes.
    """
    if isinstance(octets, bytes):
        end = header_end(octets)
        return edit(octets[:end]) + octets[end:]
    path = octets
    with path.open("rb") as file:
        start = file.read(_HEADER_LIMIT)
        header = start[: header_end(start)]
        edited = edit(header)
        if edited == header:
            return path
        file.seek(len(header))
        handle, name = tempfile.mkstemp(prefix="data-", dir=path.parent)
        with os.fdopen(handle, "wb") as copy:
            copy.write(edited)
            shutil.copyfileobj(file, copy)
    path.unlink()
    return Path(name)


def refuse_loops(header: bytes, max_hops: int) -> None:
    """Raises MalformedMessage for a message that has been through too many hands (RFC 5321 §6.3)."""
    if header.lower().count(b"received:") > max_hops:
        hops = len(_RECEIVED.findall(header))
        if hops > max_hops:
            raise MalformedMessage("Message is looping: too many Received fields", reason=f"{hops} Received fields")


def without_return_path(octets: bytes) -> bytes:
    """The message as it goes to other servers: Return-Path is for final delivery only (RFC 5321 §4.4)."""
    if octets.startswith(RETURN_PATH):
        return octets[octets.index(b"\r\n") + 2 :]
    return octets


def _literal(client: str) -> str:
    return f"IPv6:{client}" if ":" in client else client


_date_text = lru_cache(maxsize=4)(format_date)
