"""``citymail key``: who opens private keys, taking decryption keys along, and beginning anew."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from directory.cli.context import CliContext
from directory.database import Reading, Writing
from directory.faults import Fault
from directory.keys import recovery, standing
from directory.keys.levels import LEVELS, set_level
from directory.mail.accounts import Account, find_mailbox_owner
from directory.pki.certificates import ACTIVE, ENCRYPTION, certificates_of
from directory.staff.units import find_unit
from mailserver.cli.ca_options import acting_command, config_of, looking_command, passphrase_option, read_passphrase
from mailserver.cli.texts import help_text, text
from mailserver.key_process import at_hand, key_process
from security.authority.local import write_whole
from security.keys.wire import Refusal

INHERIT = "inherit"


@click.group()
def group() -> None:
    pass


def owner_of(conn: Reading | Writing, key: str) -> Account:
    """Raises Fault."""
    found = find_mailbox_owner(conn, key)
    if found is None:
        raise Fault("account-unknown", account=key)
    return found


@group.command("status", help=help_text("key.status"))
@looking_command
def status(cli: CliContext) -> None:
    is_there = key_process(config_of(cli)).is_there()
    with cli.directory.read() as conn:
        counts = asdict(standing.count(conn))
    cli.give({"is_there": is_there} | counts)
    cli.say("key.there" if is_there else "key.away")
    cli.say("key.counts", **counts)


@group.command("show", help=help_text("key.show"))
@click.argument("account")
@looking_command
def show(cli: CliContext, account: str) -> None:
    with cli.directory.read() as conn:
        found = standing.standing_of(conn, owner_of(conn, account))
    cli.give(found)
    opened_by = ", ".join(text(f"opened.{each}", cli.language) for each in found.opened_by) or "–"
    cli.say("key.lies", **(asdict(found) | {"opened_by": opened_by}))


@group.command("level", help=help_text("key.level"))
@click.argument("unit")
@click.argument("level", type=click.Choice([*LEVELS, INHERIT]))
@acting_command
def level_(cli: CliContext, unit: str, level: str) -> None:
    wanted = next((each for each in LEVELS if each == level), None)
    with cli.write() as conn:
        found = find_unit(conn, unit)
        set_level(conn, cli.actor, found, wanted)
    cli.give({"unit": found.name, "level": wanted})
    cli.say("key.level-set", unit=found.name, level=level)


@group.command("export", help=help_text("key.export"))
@click.argument("account")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--certificate", "serial", default="", help=help_text("key.certificate"))
@passphrase_option
@looking_command
def export(cli: CliContext, account: str, file: Path, serial: str, passphrase_file: Path | None) -> None:
    with cli.directory.read() as conn:
        owner = owner_of(conn, account)
        held = certificates_of(conn, owner.id)
    wanted = serial.strip().lower().replace(":", "")
    chosen = [
        one for one in held if (one.serial == wanted if wanted else one.purpose == ENCRYPTION and one.state == ACTIVE)
    ]
    if not chosen:
        raise Fault("certificate-unknown", certificate=serial or account)
    password = click.prompt(text("key.password", cli.language).format(login=owner.login), hide_input=True, err=True)
    code = click.prompt(text("key.code", cli.language).format(login=owner.login), default="", err=True)
    passphrase = read_passphrase(cli, passphrase_file, confirm=True)
    with at_hand(config_of(cli)) as keys:
        packed = keys.export(owner.login, password, code, chosen[0].id, passphrase)
    if isinstance(packed, Refusal):
        raise Fault("key-refused", why=text(f"refusal.{packed}", cli.language))
    write_whole(file, packed, 0o600)
    cli.give({"file": str(file), "serial": chosen[0].serial})
    cli.say("ca.written", file=file)


@group.command("give-up", help=help_text("key.give-up"))
@click.argument("account")
@click.option("--yes", is_flag=True, help=help_text("key.yes"))
@acting_command
def give_up(cli: CliContext, account: str, yes: bool) -> None:
    with cli.directory.read() as conn:
        owner = owner_of(conn, account)
        lost = recovery.count_lost(conn, owner.id)
    if not yes:
        click.confirm(text("key.will-be-lost", cli.language).format(login=owner.login, lost=lost), abort=True, err=True)
    with cli.write() as conn:
        lost = recovery.give_up(conn, cli.actor, owner)
    cli.give({"login": owner.login, "lost": lost})
    cli.say("key.given-up", login=owner.login, lost=lost)
