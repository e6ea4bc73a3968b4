"""Commands that other parts of the house bring to the command line."""

from __future__ import annotations

import click


def commands() -> dict[str, click.Command]:
    """The directory's groups, queue, indexes, traces; under ``mailbox`` what is done to the mail in one, and under
    ``group`` what is done to the mail for one.
    """
    from directory.cli import LazyGroup
    from directory.cli import commands as directory_commands
    from mailserver.cli.doctor import doctor
    from mailserver.cli.importing import import_command
    from mailserver.cli.index import index
    from mailserver.cli.moderating import approve_command, held_command, reject_command
    from mailserver.cli.quarantine import quarantine
    from mailserver.cli.queue import queue
    from mailserver.cli.reports import reports
    from mailserver.cli.restoring import restore_command
    from mailserver.cli.sharing import seen_command, share_command, shares_command, unshare_command
    from mailserver.cli.tracing import trace

    found = {command.name: command for command in directory_commands if command.name}
    mailbox = found["mailbox"]
    assert isinstance(mailbox, click.Group)
    mailbox.add_command(import_command)
    mailbox.add_command(restore_command)
    for command in (share_command, unshare_command, shares_command, seen_command):
        mailbox.add_command(command)
    group = found["group"]
    assert isinstance(group, click.Group)
    for command in (held_command, approve_command, reject_command):
        group.add_command(command)
    found["ca"] = LazyGroup("ca", "mailserver.cli.authority")
    found["key"] = LazyGroup("key", "mailserver.cli.keys")
    found["queue"] = queue
    found["quarantine"] = quarantine
    found["index"] = index
    found["trace"] = trace
    found["doctor"] = doctor
    found["reports"] = reports
    return found
