"""``python -m mailserver.message.attachments.child``: looks into files sent along, one after the other, each in a
process of its own that is made for it and gone afterwards.

Asked on standard input: kind and length on a line, then the octets; the kind is one of ``text``'s, or ``picture`` and
how many pixels wide and high it may be (``picture:2000``).  Answers on standard output: ``done`` and a length on a
line, then what was made of it: UTF-8, or a picture; or ``none 0``.  Whoever asks kills it when it takes too long
(``reader``).

Limits: 768 MiB of memory, 10 s of processor time for each file, no file may be written.  What draws pictures, which is
written in C, can do nothing else at all (``confinement``); what reads text is written in Python, and loads parts of
itself as it goes.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
from importlib import import_module

from mailserver.message.attachments.confinement import confine, go_with_parent
from mailserver.message.attachments.text import PACKED, PDF, extract

MEMORY = 768 << 20
PROCESSOR_SECONDS = 10
OPEN_FILES = 64
PICTURE = "picture"
LARGEST_ANSWER = 48 << 20

# Loaded once, when the first file of the kind comes, for all that follow.
_READERS = {PDF: "pypdf", PACKED: "zipfile", PICTURE: "mailserver.message.attachments.drawing"}


def main() -> None:
    logging.disable()  # what readers think of a file is of no use to anybody
    os.nice(10)
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(limit, (value, value))
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing a reader prints gets between the answers
    while line := questions.readline():
        kind, length = line.decode("ascii").split()
        octets = questions.read(int(length))
        import_module(_READERS[kind.partition(":")[0]])
        made = _apart(kind, octets)
        answers.write(b"none 0\n" if made is None else b"done %d\n" % len(made) + made)
        answers.flush()


def _apart(kind: str, octets: bytes) -> bytes | None:
    """What is made of a file; None where the process that was to do it did not come to its end."""
    receiving, giving = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            _let_go_of_all_but(giving)
            resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
            go_with_parent()
            if kind.startswith(PICTURE):
                confine()
            _give(giving, _made_of(kind, octets))
            os._exit(0)
        finally:  # whatever a reader makes of hostile octets, MemoryError among it
            os._exit(1)
    os.close(giving)
    with open(receiving, "rb") as given:
        made = given.read(LARGEST_ANSWER + 1)
    _, status = os.waitpid(process, 0)
    return made if status == 0 and len(made) <= LARGEST_ANSWER else None


def _let_go_of_all_but(giving: int) -> None:
    os.closerange(0, giving)
    os.closerange(giving + 1, OPEN_FILES)


def _made_of(kind: str, octets: bytes) -> bytes:
    name, _, side = kind.partition(":")
    if name == PICTURE:
        from mailserver.message.attachments.drawing import draw  # who only reads text has no use for it

        return draw(octets, int(side))
    return extract(kind, octets).encode("utf-8", "replace")


def _give(giving: int, made: bytes) -> None:
    rest = memoryview(made)
    while rest:
        rest = rest[os.write(giving, rest) :]


if __name__ == "__main__":
    main()
