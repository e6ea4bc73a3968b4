"""What the commands of ``citymail ca`` share: configuration, passphrases, and how a key that cannot be had is told."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from directory.administration.authority import require
from directory.cli.context import CliContext, changing_command, directory_command
from directory.database import CITY_TIME
from directory.faults import Fault
from mailserver.cli.options import DEFAULT_CONFIG, read_config
from mailserver.cli.texts import help_text, text
from mailserver.config import Config
from security.authority.issuing import RequestFault
from security.authority.key_kinds import KeyFault
from security.keys.wrapping import WrappingFault

passphrase_option = click.option(
    "--passphrase-file", type=click.Path(path_type=Path, dir_okay=False), help=help_text("ca.passphrase-file")
)
existing_file = click.Path(path_type=Path, exists=True, dir_okay=False)


def config_of(cli: CliContext) -> Config:
    return read_config(cli.config_path or Path(DEFAULT_CONFIG))


def read_passphrase(cli: CliContext, file: Path | None, *, confirm: bool) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    typed: str = click.prompt(
        text("ca.passphrase", cli.language), hide_input=True, confirmation_prompt=confirm, err=True
    )
    return typed


def shown_moment(moment: int) -> str:
    """In the city's time."""
    return datetime.fromtimestamp(moment, CITY_TIME).isoformat(" ", "minutes")[:16]


def looking_command(function: Callable[..., None]) -> Callable[..., None]:
    """A command that reads, or works on files alone."""
    return directory_command(_judged(function, "ca.see"))


def acting_command(function: Callable[..., None]) -> Callable[..., None]:
    """A command that changes something here, or uses the authority's key."""
    return changing_command(_judged(function, "ca.act"))


def _judged(function: Callable[..., None], operation: str) -> Callable[..., None]:
    """Judged before it touches a key or a file; and a key that cannot be had is told in one line."""

    @functools.wraps(function)
    def run(cli: CliContext, *args: Any, **kwargs: Any) -> None:
        if cli.acting_as:
            with cli.write() as conn:
                require(conn, cli.actor, operation)
        try:
            function(cli, *args, **kwargs)
        except (KeyFault, RequestFault, WrappingFault) as fault:
            raise Fault("key-unusable", why=fault) from None

    return run
