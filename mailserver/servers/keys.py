"""The key process's socket: takes requests from processes of this installation, one thread for each connection.

Nobody else reaches it: the socket can be opened by its owner alone, and the kernel says whose process has called
(SO_PEERCRED).  Before the first key is opened the process makes itself one that no other of the same user can look
into: it is not dumpable, so nobody traces it or reads its memory, and leaves no core.

Limits: ``MOST_LINES`` connections; who is one too many is hung up on.  A message that has begun must end within
``PATIENCE`` seconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import resource
import select
import signal
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

from security.keys import wire
from security.keys.wire import Refusal, WireFault

log = logging.getLogger("citymail.keys")

# The installation's key comes in a file that somebody else has opened, as systemd does, and may belong to root alone
HANDED = "stdin"
_STANDARD_INPUT = 0
MOST_LINES = 512
PATIENCE = 10.0
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, uid, gid

Answering = Callable[[list[bytes]], list[bytes] | Refusal]


def harden() -> None:
    """Keep memory to oneself: no tracing, no core, no privileges by way of a file that gives them."""
    let_trace(False)
    _control(_PR_SET_NO_NEW_PRIVS, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def guard_handed_key(place: str) -> None:
    """Of the supervisor, before it forks: no process of its own user takes the file out of its hands."""
    if place == HANDED:
        let_trace(False)


def leave_handed_key() -> None:
    """Of every child but the key process."""
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), _STANDARD_INPUT)
    let_trace(True)


def handed_key(length: int) -> bytes:
    """What lies in the file that was handed over; more than there should be is not cut off."""
    return os.pread(_STANDARD_INPUT, length + 1, 0)


def let_trace(others: bool) -> None:
    """Whether processes of the same user may look into this one, and take its open files."""
    _control(_PR_SET_DUMPABLE, int(others))


def _control(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the process cannot keep its memory to itself")


def die_with_parent() -> None:
    """For a process that serves no one but the one that forked it."""
    _control(_PR_SET_PDEATHSIG, signal.SIGTERM)


def listen(path: Path) -> socket.socket:
    """A socket that its owner alone can open, in place of one that somebody left.  Raises OSError."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as fault:
        listener.close()
        raise OSError(fault.errno, f"cannot listen on {path}: {fault.strerror}") from None
    finally:
        os.umask(before)
    listener.listen(MOST_LINES)
    return listener


class KeyServer:
    """Answers on a listening socket until ``end`` is called."""

    def __init__(self, listener: socket.socket, answer: Answering, idle: Callable[[], object] = lambda: None) -> None:
        self._listener = listener
        self._answer = answer
        self._idle = idle
        self._ended, self._ending = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()

    def run(self) -> None:
        """``idle`` is called about once a minute."""
        while True:
            ready, _, _ = select.select([self._listener.fileno(), self._ended], [], [], 60.0)
            if self._ended in ready:
                break
            self._idle()
            if ready:
                try:
                    line, _ = self._listener.accept()
                except OSError:
                    continue
                self._take(line)
        self._listener.close()
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            _hang_up(line)

    def end(self) -> None:
        os.write(self._ending, b"e")

    def end_on_signal(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self.end())

    def _take(self, line: socket.socket) -> None:
        pid, uid, _ = _CREDENTIALS.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if uid not in (os.geteuid(), 0):
            log.warning("process %d of user %d was turned away", pid, uid)
            line.close()
            return
        with self._lock:
            if len(self._lines) >= MOST_LINES:
                log.warning("more than %d connections", MOST_LINES)
                line.close()
                return
            self._lines.add(line)
        threading.Thread(target=self._converse, args=(line,), daemon=True, name="key line").start()

    def _converse(self, line: socket.socket) -> None:
        try:
            while (request := _receive(line)) is not None:
                answer = self._answer(request)
                fields = [answer.encode()] if isinstance(answer, Refusal) else [b"", *answer]
                line.sendall(wire.pack(fields))
        except (OSError, WireFault):
            pass  # it does not speak as one of ours: that is its end
        finally:
            with self._lock:
                self._lines.discard(line)
            line.close()


def _receive(line: socket.socket) -> list[bytes] | None:
    """The next request; None when there is none any more.  Raises OSError, WireFault."""
    line.settimeout(None)  # for as long as a process lives
    first = line.recv(1)
    if not first:
        return None
    line.settimeout(PATIENCE)
    head = first + wire.exactly(line, wire.LENGTH - 1)
    return wire.unpack(wire.exactly(line, wire.body_length(head)))


def _hang_up(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
