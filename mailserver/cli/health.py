"""Whether each service of an installation answers: its greeting, or for HTTP its port; and the key process."""

from __future__ import annotations

import contextlib
import socket
import ssl

from mailserver.cli.texts import help_text
from mailserver.config import Config

# service → (under TLS from the first octet, how its greeting may begin; nothing where none is given)
_SERVICES: dict[str, tuple[bool, tuple[bytes, ...]]] = {
    "smtp": (False, (b"220 ",)),
    "submission": (False, (b"220 ",)),
    "submissions": (True, (b"220 ",)),
    # it may be for other networks than ours (`[smtp] lmtp_networks`), and says so
    "lmtp": (False, (b"220 ", b"554 5.7.1 ")),
    "imap": (False, (b"* OK",)),
    "imaps": (True, (b"* OK",)),
    "ldap": (False, ()),
    "ldaps": (True, ()),
    "http": (False, ()),
    "https": (True, ()),
}


def ask_all(config: Config, timeout: float = 3.0) -> dict[str, str]:
    """Services that do not answer, with the reason; empty when all do."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.listen.host, config.listen.host)  # noqa: S104
    silent = {}
    for name, (tls, greeting) in _SERVICES.items():
        port = getattr(config.listen, name)
        if port == 0 or (name in ("http", "https") and config.workers.web == 0):
            continue
        try:
            _ask(host, port, tls, greeting, timeout)
        except ConnectionRefusedError:
            silent[name] = help_text("health.refused").format(port=port)
        except TimeoutError:
            silent[name] = help_text("health.silent").format(port=port)
        except OSError as fault:
            silent[name] = str(fault) or type(fault).__name__
    if config.pki.enrol:
        from mailserver.key_process import key_process  # who has no certificates needs none of this

        if not key_process(config).is_there():
            silent["keys"] = help_text("health.keys")
    return silent


def _ask(host: str, port: int, tls: bool, greeting: tuple[bytes, ...], timeout: float) -> None:
    with contextlib.ExitStack() as open_lines:
        line = open_lines.enter_context(socket.create_connection((host, port), timeout=timeout))
        if tls:
            # Whether we serve, not whether others trust us, is the question here.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            line = open_lines.enter_context(context.wrap_socket(line))
        if greeting:
            heard = line.recv(512)
            if not heard.startswith(greeting):
                raise OSError(help_text("health.greeting").format(heard=repr(heard[:60])))
