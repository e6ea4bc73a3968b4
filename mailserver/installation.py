"""Making what a configuration names: folders, tables, secret, and a certificate of our own to begin with."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime

from directory.database import open_directory
from directory.mail.addresses import is_local_domain
from directory.mail.domains import add_domain
from directory.staff.catalogue import is_bare, lay_out
from mailserver.config import Config
from mailserver.store.migrate import migrate as migrate_store
from mailserver.wiring import secret_key_path
from security.authority import ensure_certificate

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  (compared with, not listened on)

_ACTOR = "installation"


def install(config: Config) -> None:
    """Make what lacks; what is there stays as it is."""
    config.data.mkdir(parents=True, exist_ok=True)
    os.chmod(config.data, 0o700)
    secret = secret_key_path(config.data)
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_bytes(secrets.token_bytes(32))
    if config.tls.certificate and not config.resolve(config.tls.certificate).exists():
        listening = [] if config.listen.host in ANY_ADDRESS else [config.listen.host]
        ensure_certificate(
            config.resolve(config.tls.certificate).parent,
            [config.city.hostname, *config.city.all_domains, *listening],
            datetime.now(UTC),
        )
    prepare(config)


def prepare(config: Config) -> None:
    """Bring both schemas to the version this code needs, and the configured domains into the directory.

    A directory without any kind of unit or position is given the usual ones.
    """
    migrate_store(config.store_url)
    directory = open_directory(config.directory_url)
    try:
        with directory.read() as reading:
            lacking = [name for name in config.city.all_domains if not is_local_domain(reading, name)]
        if lacking:
            with directory.write() as writing:
                for name in lacking:
                    add_domain(writing, _ACTOR, name)
                if is_bare(writing):
                    lay_out(writing, _ACTOR)
    finally:
        directory.close()
