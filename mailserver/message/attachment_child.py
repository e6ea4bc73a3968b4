"""``python -m mailserver.message.attachment_child``: reads files sent along, one after the other, under limits of its
own.

Asked on standard input: kind and length on a line, then the octets.  Answers on standard output: ``text`` and a length
on a line, then UTF-8; or ``none 0``.  Whoever asks kills it when it takes too long (``store.fulltext.attachments``).

Limits: 768 MiB of memory, 10 s of processor time for each file, no file may be written.
"""

from __future__ import annotations

import logging
import os
import resource
import sys

from mailserver.message.attachment_text import extract

MEMORY = 768 << 20
PROCESSOR_SECONDS = 10


def main() -> None:
    logging.disable()  # what readers think of a file is of no use to anybody
    os.nice(10)
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(limit, (value, value))
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing a reader prints gets between the answers
    while line := questions.readline():
        kind, length = line.decode("ascii").split()
        octets = questions.read(int(length))
        _allow_processor_time()
        try:
            text = extract(kind, octets).encode("utf-8", "replace")
        except Exception:  # whatever a reader makes of hostile octets, MemoryError among it
            answers.write(b"none 0\n")
        else:
            answers.write(b"text %d\n" % len(text) + text)
        answers.flush()


def _allow_processor_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + PROCESSOR_SECONDS + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))


if __name__ == "__main__":
    main()
