"""What the commands share: where the configuration is, and how it is read."""

from __future__ import annotations

from pathlib import Path

import click

from mailserver.config import Config, ConfigFault, load

DEFAULT_CONFIG = "/etc/citymail/citymail.toml"

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_CONFIG,
    envvar="CITYMAIL_CONFIG",
    show_default=True,
    help="The configuration file.",
)


def read_config(path: Path) -> Config:
    """The configuration, or an end with every mistake named."""
    try:
        return load(path)
    except ConfigFault as fault:
        for problem in fault.problems:
            click.echo(problem, err=True)
        raise SystemExit(2) from None
    except OSError as fault:
        click.echo(f"{path}: {fault.strerror}. `citymail init` makes one.", err=True)
        raise SystemExit(2) from None
