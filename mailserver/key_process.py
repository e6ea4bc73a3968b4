"""The process that alone holds private keys: its life, and how others find it.

It is a child of the supervisor like all others, and the only one that opens the installation's key.  A command that
needs it while nothing serves starts one of its own, for as long as it runs (``at_hand``).
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from directory.database import Directory
from directory.keys import pairs
from directory.keys.answering import Answering
from directory.keys.using import SessionRules
from directory.keys.vault import Vault
from mailserver.config import Config
from mailserver.servers.keys import HANDED, KeyServer, die_with_parent, handed_key, harden, listen
from security.authority.key_kinds import KeyFault
from security.authority.key_places import in_token
from security.keys.client import KeyProcess
from security.keys.installation import InstallationKey, Succession
from security.keys.wrapping import KEY_OCTETS, Wrapper, WrappingFault, installation_key, key_of_octets
from security.keys.wrapping import make_installation_key as make_key_file

log = logging.getLogger("citymail.keys")

# Seconds between looks for keys that are to be taken over or put into escrow; and so much less of the processor
_CATCHING_UP = 600.0
_NICE = 10


def socket_path(config: Config) -> Path:
    return config.data / "keys.sock"


def key_process(config: Config) -> KeyProcess:
    """To ask it; whether it is there shows when it is asked."""
    return KeyProcess(socket_path(config))


def installation_key_of(config: Config, directory: Directory) -> InstallationKey:
    """Under which pairs are wrapped; another one, that somebody put in its place, is not used."""

    def open_it() -> Wrapper:
        opened = _open(config, config.pki.wrapping_key)
        if config.pki.former_wrapping_key:
            opened = Succession(opened, _open(config, config.pki.former_wrapping_key))
        with directory.read() as conn:
            pairs.check(conn, opened)
        return opened

    return InstallationKey(open_it)


def make_installation_key(config: Config) -> None:
    """When an authority is founded; a key that was lost is never replaced, or what it opens would be lost with it.

    Raises KeyFault, OSError, WrappingFault.
    """
    place = config.pki.wrapping_key
    if place == HANDED:
        return  # whoever hands it has made it
    if token := in_token(place):
        from security.keys.token import make_token_key

        make_token_key(config.pki.token_library, _pin(config), *token)
    else:
        make_key_file(key_file(config, place))


def _open(config: Config, place: str) -> Wrapper:
    """Raises KeyFault, OSError, WrappingFault."""
    if place == HANDED:
        return key_of_octets(handed_key(KEY_OCTETS), "the standard input")
    if token := in_token(place):
        from security.keys.token import open_token_key  # carries a library that nobody else needs

        return open_token_key(config.pki.token_library, _pin(config), *token)
    return installation_key(key_file(config, place))


def key_file(config: Config, place: str) -> Path:
    kind, _, name = place.partition(":")
    if kind != "file" or not name or Path(name).name != name:
        raise KeyFault(f"{place!r} is no place of a key")
    return config.data / name


def _pin(config: Config) -> str:
    return config.resolve(config.pki.token_pin_file).read_text(encoding="utf-8").strip()


def build_vault(config: Config, directory: Directory, installation: InstallationKey) -> Vault:
    web = config.webmail
    return Vault(
        directory,
        installation,
        monotonic=time.monotonic,
        rules=SessionRules(web.session_idle_minutes * 60, web.session_hours * 3600),
        unlocked=config.pki.unlocked_minutes * 60.0,
        proof_holds=config.pki.proof_minutes * 60.0,
    )


def build(vault: Vault, path: Path) -> KeyServer:
    """What answers at a socket of this name."""
    return KeyServer(listen(path), Answering(vault).answer, vault.shut_idle)


def run(config: Config, ready: Callable[[], None], path: Path | None = None) -> None:
    """A process's whole life, until SIGTERM."""
    harden()
    directory = Directory(
        config.directory_url,
        clock=time.time,
        random_bits=secrets.randbits,
        monotonic=time.monotonic,
        notice_within=0.5,
    )
    installation = installation_key_of(config, directory)
    vault = build_vault(config, directory, installation)
    server = build(vault, path or socket_path(config))
    server.end_on_signal()
    ending = threading.Event()
    beside = threading.Thread(target=_catch_up, args=(vault, installation, ending), name="catching up")
    beside.start()
    ready()
    server.run()
    ending.set()
    beside.join()
    directory.close()


def _catch_up(vault: Vault, installation: InstallationKey, ending: threading.Event) -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    while not ending.is_set():
        try:
            vault.catch_up(ending.is_set, installation.former())
        except (KeyFault, WrappingFault) as fault:
            log.error("%s", fault)
        except Exception:
            log.exception("catching up failed; trying again later")
        ending.wait(_CATCHING_UP)


@contextmanager
def at_hand(config: Config) -> Iterator[KeyProcess]:
    """The key process that serves, or one of our own if none does."""
    serving = key_process(config)
    if serving.is_there():
        yield serving
        return
    path = config.data / f"keys.{os.getpid()}.sock"
    started, told = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(started)
            die_with_parent()
            run(config, lambda: os.close(told), path)
            code = 0
        except BaseException:
            log.exception("the key process failed")
        finally:
            os._exit(code)
    os.close(told)
    try:
        os.read(started, 1)  # ends when it serves, or has failed
        yield KeyProcess(path)
    finally:
        os.close(started)
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        path.unlink(missing_ok=True)
