"""The parent of all processes, in a process of its own: who dies is started again, and who is told to end ends."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mailserver.servers.supervisor import Role, Supervisor, _Child, bind, notify
from tests.mailserver.servers.supervised import Supervised, is_alive, wait_until


def test_ready_is_called_once_when_every_child_serves(supervise: Callable[..., Supervised]) -> None:
    program = supervise(
        """
        gate = os.pipe()
        def late(ready):
            os.read(gate[0], 1)
            steady("late")(ready)
        def prompt(ready):
            steady("prompt")(ready)
        Supervisor([Role("late", 1, late), Role("prompt", 1, lambda ready: (os.write(gate[1], b"x"), prompt(ready)))],
                   on_ready=lambda: say("ready")).run()
        say("over")
        """
    )
    program.expect("ready")
    program.signal(signal.SIGTERM)
    assert program.end() == 0
    assert sum(line.startswith("serving") for line in program.heard) == 2
    assert program.heard.count("ready") == 1
    assert program.heard[-1] == "over"
    # A child says that it is ready just before it says that it serves; both must have been asked.
    assert sum(line.startswith("drained") for line in program.heard) == 2


def test_ready_waits_for_a_child_that_fails_at_first(supervise: Callable[..., Supervised], tmp_path: Path) -> None:
    program = supervise(
        f"""
        import pathlib
        mark = pathlib.Path({str(tmp_path / "mark")!r})
        def second_time(ready):
            if not mark.exists():
                mark.touch()
                raise RuntimeError("not yet")
            steady("second")(ready)
        Supervisor([Role("second", 1, second_time)], on_ready=lambda: say("ready")).run()
        """
    )
    program.expect("log: second failed")
    program.expect(r"log: second ended \(exit status 1\)")
    program.expect("serving second")
    program.expect("ready")
    program.signal(signal.SIGTERM)
    assert program.end() == 0


def test_a_killed_child_is_replaced_and_the_others_stay(supervise: Callable[..., Supervised]) -> None:
    program = supervise(
        """
        Supervisor([Role("one", 1, steady("one")), Role("two", 1, steady("two"))], on_ready=lambda: say("ready")).run()
        """
    )
    program.expect("ready")
    pids = {name: program.pid_of(f"serving {name}") for name in ("one", "two")}
    os.kill(pids["one"], signal.SIGKILL)
    program.expect(r"log: one ended \(killed by signal 9, Killed\)")
    again = program.pid_of("serving one")
    assert again != pids["one"]
    assert is_alive(pids["two"])
    program.signal(signal.SIGTERM)
    assert program.end() == 0
    assert f"drained two {pids['two']}" in program.heard
    assert f"drained one {again}" in program.heard


def test_a_child_on_call_comes_when_the_bell_is_rung_and_may_go(
    supervise: Callable[..., Supervised], tmp_path: Path
) -> None:
    program = supervise(
        f"""
        import pathlib
        mark = pathlib.Path({str(tmp_path / "mark")!r})
        bell = supervisor.Bell()
        def host(ready):
            ending = until_term(bell.ring)
            ready()
            ending.wait()
        def guest(ready):
            ready()
            rung = bell.rung
            if rung == 2 and not mark.exists():
                mark.touch()
                sys.exit(3)
            bell.answered(rung)
            say("guest came", rung)
        Supervisor([Role("host", 1, host), Role("guest", 1, guest, bell)], on_ready=lambda: say("ready")).run()
        """
    )
    program.expect("ready")
    assert not any(line.startswith("guest") for line in program.heard)
    for rung in (1, 2, 3):
        program.signal(signal.SIGHUP)
        program.expect(f"guest came {rung}")  # again, if what it was called for was not done
    program.signal(signal.SIGTERM)
    assert program.end() == 0
    assert sum(line.startswith("guest came") for line in program.heard) == 3
    assert sum(line.startswith("log: guest ended (exit status 3)") for line in program.heard) == 1


def test_a_child_that_keeps_dying_is_started_ever_more_slowly(supervise: Callable[..., Supervised]) -> None:
    program = supervise("""Supervisor([Role("faulty", 1, lambda ready: sys.exit(3))]).run()""")
    for pause in ("0.2", "0.4", "0.8"):
        program.expect(rf"log: faulty ended \(exit status 3\) after \d+\.\d s; starting again in {pause} s")
    program.signal(signal.SIGTERM)
    assert program.end() == 0


def test_the_pause_grows_to_a_limit_and_ends_with_a_healthy_life() -> None:
    now = 1000.0
    supervisor = Supervisor([], clock=lambda: now)
    child = _Child(Role("mail", 1, lambda ready: None), started_at=now)
    pauses = []
    for _ in range(2000):
        child.started_at = now
        supervisor._bury(child, 0)
        pauses.append(child.start_at - now)
    assert pauses[:4] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert pauses[-1] == 30.0
    assert pauses == sorted(pauses)
    child.started_at = now - 60.0
    supervisor._bury(child, 0)
    assert child.start_at == now


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_waits_for_what_children_still_do(supervise: Callable[..., Supervised], number: int) -> None:
    program = supervise(
        """
        def slow(ready):
            ending = until_term()
            ready()
            ending.wait()
            time.sleep(0.3)
            say("finished the command in progress")
        Supervisor([Role("slow", 2, slow)], on_ready=lambda: say("ready")).run()
        say("over")
        """
    )
    program.expect("ready")
    program.signal(number)
    assert program.end() == 0
    assert program.heard.count("finished the command in progress") == 2
    assert program.heard[-1] == "over"


def test_sockets_are_given_up_before_the_children_are_told(supervise: Callable[..., Supervised]) -> None:
    program = supervise(
        """
        listener = supervisor.bind("127.0.0.1", 0)
        def slow(ready):
            listener.close()
            ending = until_term()
            ready()
            ending.wait()
            time.sleep(0.5)
        say("port", listener.getsockname()[1])
        Supervisor([Role("slow", 1, slow)], on_ready=lambda: say("ready"),
                   on_stopping=lambda: (listener.close(), say("closed"))).run()
        """
    )
    port = int(program.expect(r"port (\d+)")[1])
    program.expect("ready")
    program.signal(signal.SIGTERM)
    program.expect("closed")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=20)
    assert program.end() == 0


def test_ctrl_c_reaches_the_group_but_children_only_by_their_parent(supervise: Callable[..., Supervised]) -> None:
    program = supervise("""Supervisor([Role("one", 2, steady("one"))], on_ready=lambda: say("ready")).run()""")
    program.expect("ready")
    os.killpg(program.process.pid, signal.SIGINT)
    assert program.end() == 0
    assert sum(line.startswith("drained") for line in program.heard) == 2
    assert not any("KeyboardInterrupt" in line for line in program.heard)


def test_children_that_do_not_end_are_killed(supervise: Callable[..., Supervised]) -> None:
    program = supervise(
        """
        supervisor.DRAIN = 1.5
        def stubborn(ready):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            ready()
            time.sleep(600)
        Supervisor([Role("stubborn", 1, stubborn), Role("good", 1, steady("good"))],
                   on_ready=lambda: say("ready")).run()
        say("over")
        """
    )
    program.expect("ready")
    program.signal(signal.SIGTERM)
    assert program.end() == 0
    assert any("children did not end" in line for line in program.heard)
    assert any(line.startswith("drained good") for line in program.heard)


def test_waiting_for_the_end_costs_no_processor_time(supervise: Callable[..., Supervised]) -> None:
    """One child is gone, another still drains: the parent must sleep meanwhile, not spin."""
    program = supervise(
        """
        import resource
        def long(ready):
            ending = until_term()
            ready()
            ending.wait()
            time.sleep(1.5)
        rounds = 0
        class Counting(Supervisor):
            def _reap(self):
                global rounds
                rounds += self._stopping
                super()._reap()
        Counting([Role("long", 1, long), Role("short", 1, steady("short"))], on_ready=lambda: say("ready")).run()
        say("rounds", rounds)
        """
    )
    program.expect("ready")
    program.signal(signal.SIGTERM)
    assert int(program.expect(r"rounds (\d+)")[1]) < 40
    assert program.end() == 0


def test_children_end_when_the_parent_is_killed(supervise: Callable[..., Supervised]) -> None:
    program = supervise("""Supervisor([Role("orphan", 2, steady("orphan"))], on_ready=lambda: say("ready")).run()""")
    pids = [program.pid_of("serving orphan"), program.pid_of("serving orphan")]
    program.signal(signal.SIGKILL)
    for pid in pids:
        wait_until(lambda pid=pid: not is_alive(pid), f"{pid} ended")  # type: ignore[misc]
    assert program.end() == -signal.SIGKILL
    # SIGTERM is what they were sent, so that they could bring their work to an end.
    assert sum(line.startswith("drained orphan") for line in program.heard) == 2


def test_systemd_is_told(supervise: Callable[..., Supervised], tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        program = supervise(
            """Supervisor([Role("one", 1, steady("one"))], on_ready=lambda: say("ready")).run()""",
            NOTIFY_SOCKET=str(tmp_path / "notify"),
        )
        assert systemd.recv(100) == b"READY=1"
        program.signal(signal.SIGTERM)
        assert systemd.recv(100) == b"STOPPING=1"
        assert program.end() == 0


def test_systemd_is_told_by_an_abstract_socket_too(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"citymail-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}")
        systemd.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify("RELOADING=1")
        assert systemd.recv(100) == b"RELOADING=1"


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody-listens"))
    notify("READY=1")


def test_a_port_that_is_taken_is_named() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already in use"):
            bind("127.0.0.1", port)


def test_version_six_serves_version_four_too() -> None:
    with bind("::", 0) as listener:
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, listener.getsockname()[1]), timeout=20):
                connection, _ = listener.accept()
                connection.close()


def test_fork_that_fails_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    supervisor = Supervisor([], clock=lambda: now)
    child = _Child(Role("mail", 1, lambda ready: None))

    def no_process() -> int:
        raise OSError(11, "Resource temporarily unavailable")

    before = set(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, "fork", no_process)
    supervisor._start(child)
    assert child.pid == 0
    assert child.start_at > now
    assert set(os.listdir("/proc/self/fd")) == before
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
