"""``citymail ca escrow``: the recovery key, and what two officers and the holders of shares do with it."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import click

from directory.cli.context import CliContext
from directory.cli.groups import Commands
from directory.keys import recovery
from mailserver.cli.ca_options import acting_command, config_of, existing_file, looking_command, shown_moment
from mailserver.cli.keys import owner_of
from mailserver.cli.texts import help_text, text
from mailserver.key_process import at_hand
from security.authority.key_kinds import KeyFault
from security.authority.local import write_whole
from security.keys import escrow
from security.keys.shares import MOST, ShareFault, read_share

_ID = click.argument("recovery_id", metavar="RECOVERY")


@click.group("escrow", cls=Commands, help=help_text("escrow.help"))
def group() -> None:
    pass


@group.command("create", help=help_text("escrow.create"))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--shares", type=click.IntRange(2, MOST), default=5, show_default=True, help=help_text("escrow.shares"))
@click.option("--needed", type=click.IntRange(2, MOST), default=3, show_default=True, help=help_text("escrow.needed"))
@looking_command
def create(cli: CliContext, folder: Path, shares: int, needed: int) -> None:
    if needed > shares:
        raise click.UsageError(text("escrow.too-few", cli.language))
    folder.mkdir(parents=True, exist_ok=False, mode=0o700)
    public, made = escrow.found(shares, needed, secrets.token_bytes)
    for share in made:
        write_whole(folder / f"share-{share.point}.txt", share.write().encode(), 0o600)
    told = {"public": public.hex(), "shares": shares, "needed": needed}
    write_whole(folder / "recovery.pub", json.dumps(told).encode(), 0o644)
    key = escrow.name_of(public)
    cli.give({"key": key, "shares": shares, "needed": needed})
    cli.say("escrow.created", name=key, folder=folder, shares=shares, needed=needed)


@group.command("install", help=help_text("escrow.install"))
@click.argument("file", type=existing_file)
@acting_command
def install(cli: CliContext, file: Path) -> None:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        public, needed, shares = bytes.fromhex(told["public"]), int(told["needed"]), int(told["shares"])
    except (ValueError, KeyError, TypeError) as fault:
        raise KeyFault(f"{file}: {fault}") from None
    with cli.write() as conn:
        made = recovery.install(conn, cli.actor, public, needed=needed, shares=shares)
    cli.give({"key": made.name})
    cli.say("escrow.installed", name=made.name)


@group.command("list", help=help_text("escrow.list"))
@looking_command
def list_(cli: CliContext) -> None:
    with cli.directory.read() as conn:
        keys, asked = recovery.recovery_keys(conn), recovery.recoveries(conn)
        logins = {each.account_id: recovery.owner_of(conn, each).login for each in asked}
    cli.give(
        {
            "keys": [
                {"key": each.name, "state": each.state, "needed": each.needed, "shares": each.shares} for each in keys
            ],
            "recoveries": [
                {"recovery": each.id, "login": logins[each.account_id], "state": each.state, "reason": each.reason}
                for each in asked
            ],
        }
    )
    if not cli.as_json:
        rows = [
            (each.name, _state(cli, each), f"{each.needed}/{each.shares}", shown_moment(each.created_at))
            for each in keys
        ]
        cli.table(("key", "state", "needed", "since"), rows)
        cli.table(
            ("recovery", "login", "state", "reason"),
            [(each.id, logins[each.account_id], _state(cli, each), each.reason) for each in asked],
        )


def _state(cli: CliContext, of: recovery.RecoveryKey | recovery.Recovery) -> str:
    return text(f"state.{of.state}", cli.language)


@group.command("ask", help=help_text("escrow.ask"))
@click.argument("account")
@click.option("--why", required=True, help=help_text("escrow.why"))
@acting_command
def ask(cli: CliContext, account: str, why: str) -> None:
    with cli.write() as conn:
        made = recovery.ask(conn, cli.actor, owner_of(conn, account), why)
    cli.give({"recovery": made.id})
    cli.say("escrow.asked", recovery=made.id)


@group.command("approve", help=help_text("escrow.approve"))
@_ID
@acting_command
def approve(cli: CliContext, recovery_id: str) -> None:
    _decide(cli, recovery_id, approves=True)


@group.command("refuse", help=help_text("escrow.refuse"))
@_ID
@acting_command
def refuse(cli: CliContext, recovery_id: str) -> None:
    _decide(cli, recovery_id, approves=False)


def _decide(cli: CliContext, recovery_id: str, *, approves: bool) -> None:
    with cli.write() as conn:
        found = recovery.decide(conn, cli.actor, recovery_id, approves=approves)
    cli.give({"recovery": found.id, "state": found.state})
    cli.say("escrow.decided", recovery=found.id, state=_state(cli, found))


@group.command("errand", help=help_text("escrow.errand"))
@_ID
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--key", default="", help=help_text("escrow.key"))
@acting_command
def errand(cli: CliContext, recovery_id: str, file: Path, key: str) -> None:
    with cli.directory.read() as reading:
        account_id = recovery.find_recovery(reading, recovery_id).account_id
    with at_hand(config_of(cli)) as keys:
        keys.prepare([account_id])  # who has left is enrolled no more, and gets a pair for this alone
    with cli.directory.read() as conn:
        found = recovery.errand(conn, recovery_id, key)
    write_whole(file, escrow.write(found).encode(), 0o600)
    _tell_errand(cli, found)


@group.command("open", help=help_text("escrow.open"))
@click.argument("errand_file", metavar="ERRAND", type=existing_file)
@click.argument("answer_file", metavar="ANSWER", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--share", "files", multiple=True, required=True, type=existing_file, help=help_text("escrow.share"))
@looking_command
def open_(cli: CliContext, errand_file: Path, answer_file: Path, files: tuple[Path, ...]) -> None:
    try:
        found = escrow.read_errand(errand_file.read_text(encoding="utf-8"))
        _tell_errand(cli, found)
        answer = escrow.bring_back(found, [read_share(file.read_text(encoding="utf-8")) for file in files])
    except (ValueError, ShareFault) as fault:
        raise KeyFault(str(fault)) from None
    write_whole(answer_file, escrow.write(answer).encode(), 0o600)
    cli.say("ca.written", file=answer_file)


def _tell_errand(cli: CliContext, found: escrow.Errand) -> None:
    told = {
        "login": found.login,
        "count": len(found.keys),
        "asked_by": found.asked_by,
        "approved_by": found.approved_by,
        "reason": found.reason,
    }
    cli.give(told)
    cli.say("escrow.to-open", **told)


@group.command("restore", help=help_text("escrow.restore"))
@click.argument("file", metavar="ANSWER", type=existing_file)
@acting_command
def restore(cli: CliContext, file: Path) -> None:
    try:
        answer = escrow.read_answer(file.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise KeyFault(f"{file}: {fault}") from None
    with cli.write() as conn:
        count = recovery.restore(conn, cli.actor, answer)
        login = recovery.owner_of(conn, recovery.find_recovery(conn, answer.request)).login
    cli.give({"login": login, "count": count})
    cli.say("escrow.restored", login=login, count=count)
