"""ClamAV's daemon: the message is streamed to it, and it names what it found.

Standards: clamd(8), INSTREAM: chunks, each with its length in four octets, and a length of zero at the end.
Limits: clamd takes no more than its own ``StreamMaxLength``, and says so; that counts as a failure, for nobody has
looked at the message.
"""

from __future__ import annotations

from mailserver.scanning.opinion import Action, Conversation, Letter, Opinion, ScannerFailed

NAME = "clamav"
_COMMAND = b"zINSTREAM\0"
_MAX_ANSWER = 4096


def scan(letter: Letter, *, on_virus: Action) -> Conversation:
    """``on_virus``: what becomes of a message in which something is found.  Raises ScannerFailed."""
    yield _COMMAND
    for chunk in letter.chunks():
        yield len(chunk).to_bytes(4, "big") + chunk
    yield bytes(4)
    answer = b""
    while not answer.endswith(b"\0"):
        heard = yield None
        if not heard:
            break
        answer += heard
        if len(answer) > _MAX_ANSWER:
            raise ScannerFailed("clamd talks too much")
    return read_answer(answer, on_virus)


def read_answer(answer: bytes, on_virus: Action) -> Opinion:
    text = answer.rstrip(b"\0\n").decode("utf-8", "replace").removeprefix("stream: ")
    if text == "OK":
        return Opinion(NAME, Action.CLEAN)
    found, _, word = text.rpartition(" ")
    if word == "FOUND" and found:
        return Opinion(NAME, on_virus, found)
    raise ScannerFailed(f"clamd says {text[:200]!r}" if text else "clamd hung up without an answer")
