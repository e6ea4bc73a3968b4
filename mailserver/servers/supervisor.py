"""The parent of all processes: binds the sockets, starts the children, and starts again whoever dies.

The parent listens itself and hands the sockets on: a restarted child finds the connections that came meanwhile
waiting in the socket's own queue, so a rolling restart loses none.  It never serves, opens no database and starts no
thread, so that forking is safe and children share the memory of what was imported before.

Signals: SIGTERM and SIGINT end everything in an orderly way; SIGHUP asks the children for their certificates anew, and
replaces all of them if the configuration changed.  The old ones serve until the new ones are ready, and for ever if
these never are.

A role may be on call: its child is started when its bell is rung, and ends by itself when there is nothing to do.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import mmap
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

log = logging.getLogger("citymail.supervisor")

# Seconds that children have to end their sessions before they are killed.
DRAIN = 15.0
# A child that lives less long than this counts as failing, and is started again ever more slowly.
_HEALTHY_AFTER = 10.0
_LONGEST_PAUSE = 30.0
# A child on call that has gone comes back after so long at the earliest.
_AWAY = 0.5
_PR_SET_PDEATHSIG = 1
_OURS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})

Ready = Callable[[], None]


class Bell:
    """Calls a child of a role, which is started for it if there is none: how often it was rung, and how often whoever
    answers had heard it when he last was done, in memory that all processes share because it was made before they
    were forked."""

    def __init__(self) -> None:
        self._numbers = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")

    @property
    def rung(self) -> int:
        return self._numbers[0]

    @property
    def is_waiting(self) -> bool:
        return self._numbers[0] != self._numbers[1]

    def ring(self) -> None:
        self._numbers[0] += 1  # two at the same moment may count as one

    def answered(self, rung: int) -> None:
        """What it was rung for until it had been rung so often is done."""
        self._numbers[1] = rung


@dataclass(frozen=True, slots=True)
class Role:
    """One kind of child.  ``run(ready)`` is the child's whole life; it calls ``ready`` once it serves.  With a ``bell``
    it is only started when that is rung, and may end."""

    name: str
    count: int
    run: Callable[[Ready], None]
    bell: Bell | None = None


@dataclass(slots=True)
class _Child:
    role: Role
    pid: int = 0
    started_at: float = 0.0
    failures: int = 0
    start_at: float = 0.0
    ready_pipe: int = -1
    is_ready: bool = False

    @property
    def is_wanted(self) -> bool:
        return self.role.bell is None or self.role.bell.is_waiting


@dataclass(slots=True)
class Supervisor:
    """``make_roles`` gives the roles for the configuration as it is now; it is asked again on SIGHUP, and answers None
    when nothing changed.  ``on_ready`` is called when every child serves for the first time, ``on_stopping`` when the
    end begins: then nobody should wait in a queue that nobody takes from any more."""

    roles: Sequence[Role]
    reload_roles: Callable[[], Sequence[Role] | None] = field(default=lambda: None)
    on_ready: Callable[[], None] = field(default=lambda: None)
    on_stopping: Callable[[], None] = field(default=lambda: None)
    clock: Callable[[], float] = time.monotonic
    _children: list[_Child] = field(default_factory=list)
    _retiring: list[_Child] = field(default_factory=list)
    _stopping: bool = False
    _reloading: bool = False
    _handing_over: bool = False

    def run(self) -> None:
        """Serve until told to end.  Returns when no child is left."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in _OURS:
            signal.signal(number, self._on_signal)
        gc.collect()
        gc.freeze()  # what is shared with the children stays shared: the collector does not touch it
        self._children = [_Child(role) for role in self.roles for _ in range(role.count)]
        announced = False
        deadline: float | None = None
        while True:
            self._reap()
            if self._stopping:
                if deadline is None:
                    deadline = self.clock() + DRAIN
                    self.on_stopping()
                    self._signal_all(signal.SIGTERM)
                    notify("STOPPING=1")
                if not any(child.pid for child in self._everyone()):
                    break
                if self.clock() > deadline:
                    log.warning("children did not end in %.0f s; ending them", DRAIN)
                    self._signal_all(signal.SIGKILL)
                    deadline = self.clock() + DRAIN
            else:
                if self._reloading:
                    self._reload()
                self._start_due()
                self._hear_ready()
                if all(child.is_ready for child in self._children if child.pid or child.is_wanted):
                    if self._handing_over:
                        self._hand_over()
                    if not announced:
                        announced = True
                        notify("READY=1")
                        self.on_ready()
            pipes = [child.ready_pipe for child in self._everyone() if child.ready_pipe >= 0]
            readable, _, _ = select.select([wake_read, *pipes], [], [], self._pause())
            if wake_read in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_read, 4096)
        signal.set_wakeup_fd(-1)
        os.close(wake_read)
        os.close(wake_write)

    def _everyone(self) -> list[_Child]:
        return [*self._children, *self._retiring]

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stopping = True
        elif number == signal.SIGHUP:
            self._reloading = True

    def _pause(self) -> float:
        if self._stopping:
            return 0.2  # nobody is started any more; the deadline is what is waited for
        waiting = [child.start_at - self.clock() for child in self._children if not child.pid and child.is_wanted]
        return max(0.0, min([*waiting, 1.0]))

    def _start_due(self) -> None:
        now = self.clock()
        for child in self._children:
            if not child.pid and child.start_at <= now and child.is_wanted:
                self._start(child)

    def _start(self, child: _Child) -> None:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal that finds the child before it has put off our handlers would be lost in them.
        signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
        try:
            pid = os.fork()
            if pid == 0:
                os.close(read_end)
                _become_child(child.role, write_end, parent)
        except OSError as fault:
            os.close(read_end)
            child.start_at = self.clock() + _LONGEST_PAUSE
            log.error("%s could not be started: %s; trying again later", child.role.name, fault.strerror)
            return
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
            os.close(write_end)
        child.pid, child.started_at, child.is_ready = pid, self.clock(), False
        child.ready_pipe = read_end
        log.debug("started %s, pid %d", child.role.name, pid)

    def _hear_ready(self) -> None:
        for child in self._everyone():
            if child.ready_pipe >= 0 and select.select([child.ready_pipe], [], [], 0)[0]:
                child.is_ready = os.read(child.ready_pipe, 1) == b"r"
                os.close(child.ready_pipe)
                child.ready_pipe = -1

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._everyone():
                if child.pid == pid:
                    self._bury(child, status)

    def _bury(self, child: _Child, status: int) -> None:
        lived = self.clock() - child.started_at
        child.pid = 0
        if child.ready_pipe >= 0:
            os.close(child.ready_pipe)
            child.ready_pipe = -1
        if child in self._retiring:
            self._retiring.remove(child)
            return
        if self._stopping:
            return
        if status == 0 and child.role.bell is not None:
            child.start_at = self.clock() + _AWAY
            return
        child.failures = 0 if lived > _HEALTHY_AFTER else child.failures + 1
        pause = 0.0 if child.failures == 0 else min(_LONGEST_PAUSE, 0.1 * 2 ** min(child.failures, 16))
        child.start_at = self.clock() + pause
        log.error(
            "%s ended (%s) after %.1f s; starting again in %.1f s",
            child.role.name,
            _describe(status),
            lived,
            pause,
        )

    def _reload(self) -> None:
        self._reloading = False
        roles = self.reload_roles()
        if roles is None:
            self._signal_all(signal.SIGHUP)
            return
        log.info("the configuration changed: replacing the processes")
        self._retiring += [child for child in self._children if child.pid]
        self._children = [_Child(role) for role in roles for _ in range(role.count)]
        self._handing_over = True
        self._start_due()

    def _hand_over(self) -> None:
        """The old ones serve until the new ones do: nobody who is sent away finds nobody there."""
        self._handing_over = False
        for child in self._retiring:
            os.kill(child.pid, signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for child in self._everyone():
            if child.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, number)


def _become_child(role: Role, ready_pipe: int, parent: int) -> None:
    """Run a role and leave; never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # Ctrl-C reaches the whole group; the parent decides what becomes of it.  A role that has nothing to load anew
        # lives through SIGHUP.
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # SIGHUP waits until the role is ready and has said what it does with it.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS - {signal.SIGHUP})
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
        _name_process(role.name)

        def ready() -> None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
            os.write(ready_pipe, b"r")
            os.close(ready_pipe)

        role.run(ready)
        code = 0
    except KeyboardInterrupt:
        code = 0
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else 1
    except BaseException:
        log.exception("%s failed", role.name)
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _name_process(name: str) -> None:
    with contextlib.suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as comm:
        comm.write(f"citymail {name}"[:15])


def _describe(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"killed by signal {os.WTERMSIG(status)}, {signal.strsignal(os.WTERMSIG(status))}"
    return f"exit status {os.WEXITSTATUS(status)}"


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket.  Raises OSError that names the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(4096)
        listener.setblocking(False)
    except OSError as fault:
        listener.close()
        raise OSError(fault.errno, f"cannot listen on {host}:{port}: {fault.strerror}") from None
    return listener


def notify(state: str) -> None:
    """Tell systemd (sd_notify), if it started us."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(state.encode(), address)
