"""COMPRESS and UNAUTHENTICATE: what becomes of the connection itself.  The shell does it, when the answer is out.

Standards: RFC 4978 §3; RFC 8437 §3, §4.1.
"""

from __future__ import annotations

from mailserver.imap.grammar.commands import Bare
from mailserver.imap.grammar.connection import Compress
from mailserver.imap.grammar.syntax import SyntaxFault
from mailserver.imap.session import Reply, Session
from mailserver.imap.steps import Steps


def compress(session: Session, command: Compress, tag: bytes) -> Steps[Reply]:
    """RFC 4978 §3.  TLS of ours never compresses, so nothing else can be doing it already (COMPRESSIONACTIVE)."""
    yield b""
    if command.mechanism != b"DEFLATE":
        raise SyntaxFault("Unknown mechanism")
    if session.compressed:
        raise SyntaxFault("Compression is active already")
    session.compressed = True
    return Reply("DEFLATE active")


def unauthenticate(session: Session, command: Bare, tag: bytes) -> Steps[Reply]:
    """RFC 8437 §3: there is no NO; what was selected is left without an expunge."""
    yield b""
    session.leave()
    return Reply("Nobody is logged in any more", b"CAPABILITY " + session.capabilities())
