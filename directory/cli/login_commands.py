"""``citymail mailbox app-password|second-factor|hide-capability|show-capability``: how an account's owner and his mail
programs come in.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from directory.cli.context import CliContext, changing_command, directory_command
from directory.cli.groups import Commands
from directory.cli.texts import help_text, text
from directory.database import CITY_TIME, Reading, Writing
from directory.faults import Fault
from directory.mail import accounts, hidden_capabilities
from directory.mail.accounts import Account
from directory.signing_in import app_passwords, second_factor


def _find(conn: Reading | Writing, key: str) -> Account:
    found = accounts.find_mailbox_owner(conn, key)
    if found is None:
        raise Fault("account-unknown", account=key)
    return found


def _moment(seconds: int | None) -> str:
    return f"{datetime.fromtimestamp(seconds, CITY_TIME):%Y-%m-%d %H:%M}" if seconds else ""


@click.group("app-password", cls=Commands, help=help_text("app-password.group"))
def app_password() -> None:
    pass


@app_password.command("add", help=help_text("app-password.add"))
@click.argument("mailbox")
@click.argument("name")
@click.option(
    "--for",
    "scope",
    type=click.Choice(app_passwords.SCOPES),
    default="both",
    show_default=True,
    help=help_text("app-password.scope"),
)
@changing_command
def add(cli: CliContext, mailbox: str, name: str, scope: str) -> None:
    cli.keep_in_hand()
    with cli.write() as conn:
        owner = _find(conn, mailbox)
        made, letters = app_passwords.add(conn, cli.actor, owner.id, name, scope)
    cli.give(asdict(made) | {"login": owner.login, "password": letters})
    cli.say("app-password.added", name=made.name, login=owner.login)
    cli.say("password.is", password=letters)


@app_password.command("list", help=help_text("app-password.list"))
@click.argument("mailbox")
@directory_command
def list_(cli: CliContext, mailbox: str) -> None:
    with cli.directory.read() as conn:
        found = app_passwords.listed(conn, _find(conn, mailbox).id)
    cli.give(found)
    if not cli.as_json:
        cli.table(
            ("id", "name", "scope", "made", "used", "used_from"),
            [
                (
                    each.id,
                    each.name,
                    text(f"scope.{each.scope}", cli.language),
                    _moment(each.created_at),
                    _moment(each.used_at),
                    each.used_from,
                )
                for each in found
            ],
        )


@app_password.command("revoke", help=help_text("app-password.revoke"))
@click.argument("mailbox")
@click.argument("name")
@changing_command
def revoke(cli: CliContext, mailbox: str, name: str) -> None:
    with cli.write() as conn:
        owner = _find(conn, mailbox)
        gone = app_passwords.revoke(conn, cli.actor, owner.id, name)
    cli.give(asdict(gone) | {"login": owner.login})
    cli.say("app-password.revoked", name=gone.name, login=owner.login)


@click.command("second-factor", help=help_text("second-factor"))
@click.argument("mailbox")
@click.option("--off", is_flag=True, help=help_text("second-factor.off"))
@changing_command
def second_factor_(cli: CliContext, mailbox: str, off: bool) -> None:
    with cli.write() as conn:
        owner = _find(conn, mailbox)
        if off:
            second_factor.turn_off(conn, cli.actor, owner.id, "mailbox.second-factor")
        is_on = second_factor.is_on(conn, owner.id)
        left = second_factor.recovery_codes_left(conn, owner.id)
    cli.give({"login": owner.login, "second_factor": is_on, "recovery_codes_left": left})
    cli.say("second-factor.is-on" if is_on else "second-factor.is-off", login=owner.login, left=left)


@click.command("hide-capability", help=help_text("capability.hide"))
@click.argument("mailbox")
@click.argument("capabilities", nargs=-1, required=True)
@click.option("--client", default="", help=help_text("capability.client"))
@changing_command
def hide_capability(cli: CliContext, mailbox: str, capabilities: tuple[str, ...], client: str) -> None:
    with cli.write() as conn:
        owner = _find(conn, mailbox)
        hidden_capabilities.hide(conn, cli.actor, owner.id, capabilities, client)
        rules = hidden_capabilities.rules_of(conn, owner.id)
    _tell(cli, owner, rules)


@click.command("show-capability", help=help_text("capability.show"))
@click.argument("mailbox")
@click.argument("capabilities", nargs=-1, required=True)
@click.option("--client", default="", help=help_text("capability.client"))
@changing_command
def show_capability(cli: CliContext, mailbox: str, capabilities: tuple[str, ...], client: str) -> None:
    with cli.write() as conn:
        owner = _find(conn, mailbox)
        hidden_capabilities.show(conn, cli.actor, owner.id, capabilities, client)
        rules = hidden_capabilities.rules_of(conn, owner.id)
    _tell(cli, owner, rules)


def _tell(cli: CliContext, owner: Account, rules: hidden_capabilities.Hidden) -> None:
    cli.give({"login": owner.login, "hidden": [{"capability": name, "client": client} for name, client in rules]})
    hidden = ", ".join(f"{name} ({client})" if client else name for name, client in rules)
    if hidden:
        cli.say("capability.hidden", login=owner.login, hidden=hidden)
    else:
        cli.say("capability.none", login=owner.login)


commands: tuple[click.Command, ...] = (app_password, second_factor_, hide_capability, show_capability)
