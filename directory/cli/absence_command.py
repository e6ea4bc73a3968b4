"""``citymail mailbox absence``: shows, keeps or ends the absence of an account's owner."""

from __future__ import annotations

from dataclasses import asdict

import click

from directory.cli.context import CliContext, changing_command
from directory.cli.options import from_option
from directory.cli.texts import help_text, text
from directory.database import Reading, Writing
from directory.faults import Fault
from directory.mail import absences, accounts
from directory.mail.accounts import Account


@click.command("absence", help=help_text("absence.help"))
@click.argument("mailbox")
@from_option
@click.option("--until", default="", help=help_text("absence.until"))
@click.option("--text", "words", default="", help=help_text("absence.text"))
@click.option("--outside", default="", help=help_text("absence.outside"))
@click.option("--substitute", default="", help=help_text("absence.substitute"))
@click.option("--end", is_flag=True, help=help_text("absence.end"))
@changing_command
def absence(
    cli: CliContext,
    mailbox: str,
    from_day: str | None,
    until: str,
    words: str,
    outside: str,
    substitute: str,
    end: bool,
) -> None:
    if end or until:
        with cli.write() as conn:
            owner = _find(conn, mailbox)
            if end:
                absences.end(conn, cli.actor, owner)
            else:
                absences.keep(
                    conn,
                    cli.actor,
                    owner,
                    since=from_day or conn.today,
                    until=until,
                    text=words,
                    outside=outside,
                    substitute=substitute,
                )
    elif from_day or words or outside or substitute:
        raise click.UsageError(text("absence.until-when", cli.language))
    with cli.directory.read() as reading:
        owner = _find(reading, mailbox)
        found = absences.absence_of(reading, owner.id)
    cli.give(asdict(found) if found else None)
    if found is None:
        cli.say("absence.none", login=owner.login)
        return
    cli.say("absence.kept", login=owner.login, since=found.since, until=found.until)
    for key, value in (
        ("absence.stands-in", found.substitute.login if found.substitute else ""),
        ("absence.told", found.text),
        ("absence.told-outside", found.outside),
    ):
        if value:
            cli.say(key, value=value)


def _find(conn: Reading | Writing, key: str) -> Account:
    found = accounts.find_mailbox_owner(conn, key)
    if found is None:
        raise Fault("account-unknown", account=key)
    return found
