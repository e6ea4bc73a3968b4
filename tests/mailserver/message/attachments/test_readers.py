"""Many ask a few processes, and those that draw pictures can do nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from mailserver.message.attachments.reader import AttachmentReader
from mailserver.message.attachments.readers import AttachmentReaders
from mailserver.message.attachments.text import PDF
from mailserver.message.pictures import picture_type
from mailserver.refusals import TryLater
from tests.mailserver.message.attachments.picture_files import (
    gif_of,
    jpeg_that_says,
    moving,
    opened,
    plain,
    png_bomb,
)
from tests.mailserver.message.office_files import pdf


def test_every_kind_is_drawn_where_nothing_else_can_be_done() -> None:
    with AttachmentReader(seconds=60) as reader:
        for form in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF"):
            drawn = reader.picture(plain(form, 300, 200), 100)
            assert drawn
            assert opened(drawn).size == (100, 67)
        for form in ("GIF", "PNG", "WEBP", "AVIF"):
            assert picture_type(reader.picture(moving(form), 100) or b"") == "image/webp"
        assert (reader.text(PDF, pdf("beside it")) or "").strip() == "beside it"


def test_bombs_end_with_their_process_at_most() -> None:
    files = [
        png_bomb(10_900, 10_900),
        png_bomb(9000, 9000, alpha=True),
        gif_of(100_000),
        jpeg_that_says(10_000, 10_000),
    ]
    with AttachmentReader(seconds=60) as reader:
        reader.picture(plain("PNG"), 100)
        assert reader._child is not None
        process = reader._child.pid
        for octets in files:
            drawn = reader.picture(octets, 100)
            assert drawn is not None
            assert not drawn or max(opened(drawn).size) <= 100
        assert reader.picture(png_bomb(50_000, 50_000), 100) == b""
        assert reader.picture(plain("PNG"), 100)
        assert reader._child.pid == process


CONFINED = """
import ctypes, os, socket, sys
from mailserver.message.attachments.confinement import confine, go_with_parent
here, other = os.getpid(), os.pipe()
go_with_parent()
confine()
tries = {
    "file": lambda: os.open("/etc/hostname", os.O_RDONLY),
    "network": lambda: socket.socket(),
    "process": lambda: os.fork(),
    "signal": lambda: os.kill(here, 0),
    "other": lambda: os.listdir("/"),
    "program": lambda: os.execv("/bin/true", ["true"]),
}
for name, trial in tries.items():
    try:
        trial()
        os.write(1, f"{name} ".encode())
    except PermissionError:
        pass
len(bytearray(50 << 20))
os.write(1, b"computes")
os._exit(0)
"""


def test_who_is_confined_can_only_compute() -> None:
    done = subprocess.run([sys.executable, "-c", CONFINED], capture_output=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (b"computes", b"", 0)


TAKEN_OVER = """
import os, sys
from mailserver.message.attachments import child
def bad(kind, octets):
    for number in range(64):  # what the one that asks would hear
        try: os.write(number, b"done 4\\nevil")
        except OSError: pass
    os.kill(os.getppid(), 9)
child._made_of = bad
child.main()
"""


def test_what_was_taken_over_reaches_nobody() -> None:
    asked = b"picture:100 3\nabc" * 2
    done = subprocess.run([sys.executable, "-c", TAKEN_OVER], input=asked, capture_output=True, check=False)
    assert (done.stdout, done.returncode) == (b"none 0\n" * 2, 0)


def test_what_was_drawn_is_remembered_within_bounds() -> None:
    readers = AttachmentReaders(memory=3000)
    files = [plain("PNG", 9, side) for side in range(1, 20)]
    first = readers.picture(files[0])
    assert readers.picture(files[0]) is first
    secret = readers.picture(files[1], is_secret=True)
    assert readers.picture(files[1], is_secret=True) is not secret
    assert readers.picture(files[0], 4) != first
    for octets in files:
        readers.picture(octets)
        assert readers._remembered <= 3000
        assert readers._remembered == sum(300 + len(each) for each in readers._drawn.values())
    assert readers.picture(files[0]) == first
    assert readers.picture(b"no picture") == b""
    assert readers.picture(files[0][:8] + bytes(40)) == b""
    readers.end()


def test_many_ask_at_once() -> None:
    readers = AttachmentReaders(at_once=2)
    drawn: list[bytes] = []
    threads = [
        threading.Thread(target=lambda side=side: drawn.append(readers.picture(plain("PNG", side, 5))))
        for side in range(1, 13)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(opened(each).width for each in drawn) == list(range(1, 13))
    readers.end()


def test_who_gets_no_turn_is_told_so() -> None:
    readers = AttachmentReaders(at_once=1, seconds=0.01)
    with readers._one(), pytest.raises(TryLater):
        readers.picture(plain("PNG"))


def test_one_that_takes_too_long_is_not_remembered_as_no_picture() -> None:
    readers = AttachmentReaders(seconds=0.0001)
    assert readers.picture(plain("PNG")) == b""
    readers._seconds = 60
    for reader in readers._free.queue:
        reader._seconds = 60
    assert readers.picture(plain("PNG"))
    readers.end()
