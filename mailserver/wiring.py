"""Builds and connects everything, once per process: the only place that knows all the pieces.

Time, chance and the network are given to the pieces here; nobody below asks for them himself.
"""

from __future__ import annotations

import hmac
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from directory.database import Directory
from directory.signing_in.login import Gate, LoginRules
from mailserver.config import Config
from mailserver.delivery.post_office import PostOffice
from mailserver.scanning.asking import Panel
from mailserver.store import Store
from mailserver.store.wakeups import Watched
from security.proven import ProvenLogins
from security.throttle import Throttle, ThrottleMemory
from security.tls import server_context


@dataclass(frozen=True, slots=True)
class System:
    """One process's house.  ``close`` finishes what was handed to the store."""

    config: Config
    directory: Directory
    store: Store
    gate: Gate
    office: PostOffice

    def close(self) -> None:
        self.store.close()
        self.directory.close()


def proven_logins(config: Config) -> ProvenLogins:
    """Made before the workers are, it is shared by all of them."""
    return ProvenLogins(config.login.proven_minutes * 60.0, monotonic=time.monotonic)


def build(
    config: Config,
    proven: ProvenLogins | None = None,
    guesses: ThrottleMemory | None = None,
    call_indexer: Callable[[], object] = lambda: None,
    watched: Watched | None = None,
) -> System:
    """Open the databases, whose schema ``installation.prepare`` has brought up to date.

    ``proven`` and ``guesses`` are what processes that judge logins have in common, ``watched`` is what those have that
    serve.  ``call_indexer`` wakes the process that fills indexes.
    """
    directory = Directory(
        config.directory_url,
        clock=time.time,
        random_bits=secrets.randbits,
        monotonic=time.monotonic,
        notice_within=0.5,
    )
    store = build_store(config, call_indexer, watched)
    gate = Gate(
        directory,
        throttle=Throttle(
            [str(network) for network in config.login.never_slowed], monotonic=time.monotonic, memory=guesses
        ),
        proven=proven or proven_logins(config),
        rules=login_rules(config),
    )
    office = PostOffice(
        store=store,
        directory=directory,
        config=config,
        clock=time.time,
        srs_secret=_derived_key(config, b"srs"),
        panel=Panel(config.scanners, our_name=config.city.hostname, monotonic=time.monotonic),
        in_place=config.store_url.startswith("sqlite"),
    )
    return System(config, directory, store, gate, office)


def build_store(
    config: Config, call_indexer: Callable[[], object] = lambda: None, watched: Watched | None = None
) -> Store:
    """The mail alone, for who needs nobody's name."""
    return Store(
        config.store_url,
        config.data,
        inline_limit=config.storage.inline_limit,
        recoverable_days=config.storage.recoverable_days,
        clock=time.time,
        call_indexer=call_indexer,
        watched=watched,
    )


def login_rules(config: Config) -> LoginRules:
    """How to log in beside passwords."""
    login = config.login
    tokens = None
    if login.oauth_issuer:
        from security.tokens import TokenJudge  # carries a library that nobody else needs

        tokens = TokenJudge(
            issuer=login.oauth_issuer,
            audience=login.oauth_audience,
            claim=login.oauth_claim,
            read_keys=config.resolve(login.oauth_keys).read_bytes,
            clock=time.time,
            monotonic=time.monotonic,
        )
    # Commands may look at an installation that was never made whole; whoever serves has seen to it.
    secret = secret_key(config) if secret_key_path(config.data).exists() else b""
    bound = frozenset({"imap": "imap", "submission": "smtp"}[service] for service in login.scram_plus)
    return LoginRules(scram=login.scram, scram_plus=bound, secret=secret, tokens=tokens)


def tls_context(config: Config, *, for_officials: bool = False) -> ssl.SSLContext | None:
    """The server's TLS settings; None where no certificate is named.  Raises OSError naming the files.

    ``for_officials``: for IMAP and submission, where a certificate may log in.  Other servers have certificates of
    their own, which no authority of ours has signed, and are not to be turned away for that.
    """
    if not config.tls.certificate:
        return None
    certificate, key = config.resolve(config.tls.certificate), config.resolve(config.tls.key)
    named = config.tls.client_authorities
    authorities = config.resolve(named) if named and for_officials else None
    try:
        return server_context(certificate, key, client_authorities=authorities)
    except OSError as fault:  # ssl.SSLError is one
        files = f"{certificate} and {key}" + (f" with {authorities}" if authorities else "")
        raise OSError(f"[tls] {files} cannot be used: {fault}") from None


def secret_key(config: Config) -> bytes:
    """The installation's secret for signed tokens, made by ``citymail init``."""
    return (config.data / "secret.key").read_bytes()


def _derived_key(config: Config, purpose: bytes) -> bytes:
    """A key for one purpose; empty where there is no secret yet."""
    if not secret_key_path(config.data).exists():
        return b""
    return hmac.digest(secret_key(config), purpose, "sha256")


def secret_key_path(data: Path) -> Path:
    return data / "secret.key"
