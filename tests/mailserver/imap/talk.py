"""IMAP clients for tests: one that talks to a Session with no socket between, one over a port; both real servers.

``Direct`` is the shell reduced to a loop: it takes the session's steps one by one on this thread.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import uvloop

from directory.signing_in.login import Gate, LoginRules
from mailserver.imap.dispatch import handle
from mailserver.imap.grammar.framing import STRANGER, Broken, Framed, Framer, LiteralWanted, Rejected
from mailserver.imap.grammar.responses import CONTINUE
from mailserver.imap.services import SessionServices
from mailserver.imap.session import Session, State
from mailserver.imap.spooled import Spooled
from mailserver.imap.steps import InThread, Pause, Prompt
from mailserver.servers.imap import protocol_factory
from mailserver.servers.imap_services import ImapServices
from security.proven import ProvenLogins
from security.throttle import Throttle
from tests.mailserver.mailroom import DOMAIN, PASSWORD

LOGIN = f"an@{DOMAIN}"


def make_gate(office):
    return Gate(
        office.directory,
        throttle=Throttle([str(each) for each in office.config.login.never_slowed], monotonic=time.monotonic),
        proven=ProvenLogins(900, monotonic=time.monotonic),
        rules=LoginRules(scram=True, secret=b"s" * 32),
    )


def make_services(office, **more):
    return SessionServices(office.store, office.directory, make_gate(office), office.config, None, office.clock, **more)


class Direct:
    """A client and its session.  ``send`` gives back what the server says to these octets."""

    def __init__(self, services, *, client="127.0.0.1", secure=True):
        self.services = services
        self.session = Session(services, client, secure)
        self.framer = Framer(STRANGER, lambda size: Spooled(services.store.blobs.new_file()))
        self.wakes = 0
        self.session.on_wake = self._wake
        self.steps = None
        self.prompt = None
        self.paused = []
        self.closed = False
        self.buffer = self.session.greeting()

    def _wake(self):
        self.wakes += 1

    def send(self, octets):
        out, self.buffer = [self.buffer], b""
        self.framer.feed(octets)
        while not self.closed:
            event = self.framer.next_event()
            if event is None:
                break
            if isinstance(event, LiteralWanted):
                out.append(CONTINUE)
            elif isinstance(event, Broken):
                self.closed = True
            elif self.prompt is not None:
                self.prompt = None
                self._run(out, event if isinstance(event, Framed) else None)
            elif isinstance(event, Rejected):
                out.append(self.session.rejected(event))
            else:
                self.steps = handle(self.session, event)
                self._run(out, None)
            self.framer.limits = self.session.limits
            if self.session.state is State.LOGOUT:
                self.close()
        return b"".join(out)

    def _run(self, out, value):
        fault = None
        try:
            while True:
                step = self.steps.throw(fault) if fault is not None else self.steps.send(value)
                value = fault = None
                if isinstance(step, bytes):
                    out.append(step)
                elif isinstance(step, Prompt):
                    out.append(step.octets)
                    self.prompt = step
                    return
                elif isinstance(step, Pause):
                    self.paused.append(step.seconds)
                else:
                    try:
                        value = step.result(30) if isinstance(step, Future) else step.call()
                        assert isinstance(step, (Future, InThread))
                    except Exception as raised:
                        fault = raised
        except StopIteration:
            self.steps = None

    def read_line(self):
        """The next line of what was said and not yet read; None for none."""
        line, end, self.buffer = self.buffer.partition(b"\r\n")
        return line if end else None

    def say(self, octets):
        """As ``send``, for ``read_line`` to read."""
        self.buffer = self.send(octets)

    def poll(self):
        """What a client that idles, or listens between its commands, is told now."""
        idles = self.session.idling is not None
        assert idles or self.session.listens
        self.buffer += self.session.poll(between=not idles)

    def close(self):
        self.closed = True
        if self.steps is not None:
            self.steps.close()
        self.framer.close()
        self.session.close()

    # Shorter ways

    def ask(self, command, tag="t"):
        """One command; the untagged lines and the tagged one, without line ends, as text."""
        octets = command if isinstance(command, bytes) else command.encode()
        answer = self.send(tag.encode() + b" " + octets + b"\r\n")
        lines = answer.decode("utf-8", "surrogateescape").split("\r\n")
        assert lines[-1] == "", answer
        return lines[:-1]

    def ok(self, command):
        lines = self.ask(command)
        assert lines[-1].startswith("t OK"), lines
        return lines

    def log_in(self, login=LOGIN, password=PASSWORD):
        self.buffer = b""
        self.ok(f'LOGIN {login} "{password}"')
        return self

    def append(self, octets, mailbox="INBOX", flags=""):
        """Its UID."""
        line = f"APPEND {mailbox} {flags and flags + ' '}{{{len(octets)}+}}\r\n".encode() + octets
        return int(self.ok(line)[-1].split("]")[0].split()[-1])


class Live:
    """The shell on a port of loopback, on an event loop in a thread."""

    def __init__(self, office, *, tls_context=None, tls=False, use_uvloop=True):
        self.office = office
        self.executor = ThreadPoolExecutor(4)
        self.loop = uvloop.new_event_loop() if use_uvloop else asyncio.new_event_loop()
        self.tls_context = tls_context
        self.ports = {}
        self._servers = []
        started = threading.Event()
        self._thread = threading.Thread(target=self._live, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(30)

    def _live(self, started):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start())
        self.loop.call_soon(started.set)
        self.loop.run_forever()

    async def _start(self):
        office = self.office
        self.services = ImapServices(
            office.store,
            office.directory,
            make_gate(office),
            office.config,
            self.tls_context,
            office.clock,
            self.executor,
        )
        for name, tls in (("imap", False), ("imaps", True)):
            if tls and self.tls_context is None:
                continue
            server = await self.loop.create_server(
                protocol_factory(self.services, tls=tls), "127.0.0.1", 0, ssl=self.tls_context if tls else None
            )
            self._servers.append(server)
            self.ports[name] = server.sockets[0].getsockname()[1]

    def on_loop(self, function, *arguments):
        async def run():
            return function(*arguments)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    def drain(self):
        return asyncio.run_coroutine_threadsafe(self.services.drain(), self.loop)

    def connect(self, name="imap"):
        return Wire(socket.create_connection(("127.0.0.1", self.ports[name]), timeout=20))

    def close(self):
        async def end():
            for server in self._servers:
                server.close()
            async with asyncio.timeout(20):
                await self.services.drain()
            self.services.wheel.stop()

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(20)
        self.loop.close()
        self.executor.shutdown()


class Wire:
    """A client on a socket."""

    def __init__(self, sock):
        self.socket = sock
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def start_tls(self, ca_file):
        context = ssl.create_default_context(cafile=str(ca_file))
        context.check_hostname = False
        self.socket = context.wrap_socket(self.socket, server_hostname="mail.city.vn")

    def say(self, octets):
        self.socket.sendall(octets)

    def read_line(self):
        """The next line; None when the server has hung up."""
        while b"\r\n" not in self.buffer:
            try:
                octets = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                octets = b""
            if not octets:
                return None
            self.buffer += octets
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def ask(self, command, tag="t"):
        """One command; its lines up to the tagged one."""
        octets = command if isinstance(command, bytes) else command.encode()
        self.say(tag.encode() + b" " + octets + b"\r\n")
        lines = []
        while True:
            line = self.read_line()
            if line is None:
                return lines
            lines.append(line.decode("utf-8", "surrogateescape"))
            if line.startswith(tag.encode() + b" "):
                return lines

    def log_in(self, login=LOGIN, password=PASSWORD):
        assert self.read_line().startswith(b"* OK")
        lines = self.ask(f'LOGIN {login} "{password}"')
        assert lines[-1].startswith("t OK"), lines
        return self

    def has_hung_up(self):
        return self.read_line() is None

    def poll(self):
        """On a port news come by themselves."""

    def close(self):
        self.socket.close()


# Waiting


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.005)


def the_connection(live):
    """The one connection, seen from the server."""
    wait_until(lambda: len(live.services.connections) == 1)
    return next(iter(live.services.connections))
