"""SIGHUP at the parent of all processes: the same children load anew, or new ones take their place."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable

from tests.mailserver.servers.supervised import Supervised, is_alive, wait_until


def test_hup_without_a_change_asks_the_same_children_to_load_anew(supervise: Callable[..., Supervised]) -> None:
    program = supervise(
        """
        def deaf(ready):  # sets no handler for SIGHUP, and must live through it
            ending = until_term()
            ready()
            ending.wait()
            say("deaf ended")
        Supervisor([Role("one", 1, steady("one")), Role("deaf", 1, deaf)], reload_roles=lambda: None,
                   on_ready=lambda: say("ready")).run()
        """
    )
    program.expect("ready")
    for _ in range(3):
        program.signal(signal.SIGHUP)
        program.expect(r"hup one \d+")
    program.signal(signal.SIGTERM)
    assert program.end() == 0
    assert "deaf ended" in program.heard
    assert not any("starting again" in line for line in program.heard)


def test_hup_during_the_start_is_not_lost_and_kills_nobody(supervise: Callable[..., Supervised]) -> None:
    program = supervise(
        """
        def slow_start(ready):
            say("starting", os.getpid())
            time.sleep(0.3)
            steady("one")(ready)
        Supervisor([Role("one", 1, slow_start)], on_ready=lambda: say("ready")).run()
        """
    )
    pid = program.pid_of("starting")
    program.signal(signal.SIGHUP)
    program.expect(rf"hup one {pid}")
    program.signal(signal.SIGTERM)
    assert program.end() == 0
    assert not any("starting again" in line for line in program.heard)


def test_hup_with_a_change_replaces_the_children(supervise: Callable[..., Supervised]) -> None:
    program = supervise(
        """
        Supervisor([Role("old", 2, steady("old"))], reload_roles=lambda: [Role("new", 1, steady("new"))],
                   on_ready=lambda: say("ready")).run()
        """
    )
    old = {program.pid_of("serving old"), program.pid_of("serving old")}
    program.expect("ready")
    program.signal(signal.SIGHUP)
    program.expect("log: the configuration changed")
    said = [program.expect(r"(drained old|serving new) (\d+)") for _ in range(3)]
    assert {int(match[2]) for match in said if match[1] == "drained old"} == old
    (new,) = [int(match[2]) for match in said if match[1] == "serving new"]
    assert is_alive(new)
    program.signal(signal.SIGTERM)
    assert program.end() == 0
    assert f"drained new {new}" in program.heard
    assert not any("starting again" in line for line in program.heard)


def test_the_old_ones_serve_until_the_new_ones_do(supervise: Callable[..., Supervised]) -> None:
    """A change that does not work costs nothing but lines in the log; the next one takes its place."""
    program = supervise(
        """
        def broken(ready):
            say("broken", os.getpid())
            raise RuntimeError("cannot serve")
        changes = [[Role("broken", 1, broken)], [Role("new", 1, steady("new"))]]
        Supervisor([Role("old", 1, steady("old"))], reload_roles=lambda: changes.pop(0),
                   on_ready=lambda: say("ready")).run()
        """
    )
    old = program.pid_of("serving old")
    program.expect("ready")
    program.signal(signal.SIGHUP)
    for _ in range(3):
        program.pid_of("broken")
    assert is_alive(old)
    program.signal(signal.SIGHUP)
    program.expect(r"serving new \d+")
    program.expect(f"drained old {old}")
    program.signal(signal.SIGTERM)
    assert program.end() == 0


def test_no_connection_is_lost_while_a_child_is_replaced(supervise: Callable[..., Supervised]) -> None:
    program = supervise(
        """
        listener = supervisor.bind("127.0.0.1", 0)
        listener.setblocking(True)
        def serve(ready):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            ready()
            while True:
                connection, _ = listener.accept()
                connection.sendall(str(os.getpid()).encode())
                connection.close()
        say("port", listener.getsockname()[1])
        Supervisor([Role("serve", 1, serve)], on_ready=lambda: say("ready")).run()
        """
    )
    port = int(program.expect(r"port (\d+)")[1])
    program.expect("ready")

    def ask() -> int:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            return int(connection.recv(100))

    first = ask()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not is_alive(first), "the first ended")
    assert ask() != first  # waited in the socket's own queue
    program.signal(signal.SIGTERM)
    assert program.end() == 0
