"""Commands that other parts of the house bring to the command line."""

from __future__ import annotations

import click


def commands() -> dict[str, click.Command]:
    """The directory's groups, the queue, and the import of old mailboxes under ``mailbox``."""
    from directory.cli import commands as directory_commands
    from mailserver.cli.importing import import_command
    from mailserver.cli.queue import queue

    found = {command.name: command for command in directory_commands if command.name}
    mailbox = found["mailbox"]
    assert isinstance(mailbox, click.Group)
    mailbox.add_command(import_command)
    found["queue"] = queue
    return found
