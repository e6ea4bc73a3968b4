"""The command line, ``citymail``."""

from mailserver.cli.main import main

__all__ = ["main"]
