"""``citymail mailbox``: mailboxes of units and roles; lock, password and quota of any mailbox."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import click

from directory.cli import absence_command, file_commands, leaving_commands, login_commands
from directory.cli.context import CliContext, changing_command, directory_command, show_size
from directory.cli.options import (
    Passwords,
    Redirect,
    decision_option,
    limit_option,
    password_options,
    quota_option,
    redirect_options,
)
from directory.cli.texts import help_text, text
from directory.database import Reading, Writing
from directory.dates import day_before, days_after
from directory.faults import Fault
from directory.keys.standing import is_sealed
from directory.mail import account_changes, accounts, address_life, mailboxes
from directory.mail.accounts import Account, find_account
from directory.mail.recipients import addresses_of
from directory.signing_in import scram_verifiers
from directory.sizes import parse_size
from directory.staff import leaving, people, units


@click.group()
def group() -> None:
    pass


for _command in (
    *login_commands.commands,
    absence_command.absence,
    *file_commands.mailbox_files,
    *leaving_commands.of_mailboxes,
):
    group.add_command(_command)


def _find(conn: Reading | Writing, key: str) -> Account:
    found = accounts.find_mailbox_owner(conn, key)
    if found is None:
        raise Fault("account-unknown", account=key)
    return found


def _json(conn: Reading | Writing, account: Account) -> dict[str, Any]:
    return asdict(account) | {
        "addresses": addresses_of(conn, account.id),
        "rights": [
            {
                "login": right.account.login,
                "name": right.account.name,
                "read": right.may_read,
                "send": right.may_send,
                "as_clerk": right.as_clerk,
            }
            for right in (mailboxes.rights_on(conn, account.id) if account.kind != "person" else [])
        ],
    }


@group.command("add", help=help_text("mailbox.add"))
@click.argument("address")
@click.option("--name", required=True, help=help_text("mailbox.name"))
@click.option("--unit", default="", help=help_text("mailbox.unit"))
@quota_option
@click.option("--admin", is_flag=True, help=help_text("option.admin"))
@password_options
@changing_command
def add(cli: CliContext, address: str, name: str, unit: str, quota: str, admin: bool, passwords: Passwords) -> None:
    password = passwords.choose(cli)
    stored, verifier = password.hashed((address, name)), password.verifier(cli)
    with cli.write() as conn:
        made = mailboxes.open_mailbox(
            conn,
            cli.actor,
            address_text=address,
            name=name,
            unit_id=units.open_unit(conn, unit).id if unit else None,
            password_hash=stored,
            quota_bytes=parse_size(quota),
            is_admin=admin,
            must_change_password=passwords.must_change,
        )
        scram_verifiers.keep(conn, made.id, stored, verifier)
        answer = _json(conn, made)
    cli.give(answer | ({"password": password.text} if password.is_made else {}))
    cli.say("mailbox.added", name=made.name, login=made.login)
    if password.is_made:
        cli.say("password.is", password=password.text)
    elif stored is None:
        cli.say("password.of-unit", login=made.login)


@group.command("show", help=help_text("mailbox.show"))
@click.argument("mailbox")
@directory_command
def show(cli: CliContext, mailbox: str) -> None:
    with cli.directory.read() as conn:
        found = _find(conn, mailbox)
        answer = _json(conn, found)
    if cli.as_json:
        cli.give(answer)
        return
    cli.sheet(
        [
            ("name", found.name),
            ("login", found.login),
            ("kind", text(f"kind.{found.kind}", cli.language)),
            ("title", found.title),
            ("unit", found.unit),
            ("status", text(f"status.{found.status}", cli.language)),
            ("addresses", answer["addresses"]),
            ("quota", show_size(found.quota_bytes) if found.quota_bytes else ""),
            (
                "rights",
                [
                    f"{right['name']} <{right['login']}> "
                    + "+".join(text(f"right.{what}", cli.language) for what in ("read", "send") if right[what])
                    for right in answer["rights"]
                ],
            ),
            ("id", found.id),
        ]
    )


def _listed(cli: CliContext, found: list[Account]) -> None:
    cli.give(found)
    if not cli.as_json:
        cli.table(
            ("login", "name", "unit", "status"),
            [(a.login, a.name, a.unit, text(f"status.{a.status}", cli.language)) for a in found],
        )


@group.command("list", help=help_text("mailbox.list"))
@click.option("--all", "everything", is_flag=True, help=help_text("mailbox.all"))
@limit_option
@directory_command
def list_(cli: CliContext, everything: bool, limit: int | None) -> None:
    kinds = ("person", "unit", "role") if everything else ("unit", "role")
    with cli.directory.read() as conn:
        _listed(cli, list(people.list_mailboxes(conn, kinds=kinds, limit=limit)))


@group.command("search", help=help_text("mailbox.search"))
@click.argument("text")
@directory_command
def search(cli: CliContext, text: str) -> None:
    with cli.directory.read() as conn:
        _listed(cli, list(people.list_mailboxes(conn, text=text, kinds=("person", "unit", "role"), limit=200)))


def _told(cli: CliContext, account_id: str, key: str, **values: object) -> None:
    with cli.directory.read() as conn:
        found = find_account(conn, account_id)
        assert found is not None
        answer = _json(conn, found)
    cli.give(answer)
    cli.say(key, name=found.name, login=found.login, **values)


@group.command("lock", help=help_text("mailbox.lock"))
@click.argument("mailbox")
@changing_command
def lock(cli: CliContext, mailbox: str) -> None:
    with cli.write() as conn:
        found = _find(conn, mailbox)
        account_changes.lock(conn, cli.actor, found.id)
    _told(cli, found.id, "mailbox.locked")


@group.command("unlock", help=help_text("mailbox.unlock"))
@click.argument("mailbox")
@changing_command
def unlock(cli: CliContext, mailbox: str) -> None:
    with cli.write() as conn:
        found = _find(conn, mailbox)
        account_changes.unlock(conn, cli.actor, found.id)
    _told(cli, found.id, "mailbox.unlocked")


def change_password(cli: CliContext, account: Account, passwords: Passwords, about: Iterable[str] = ()) -> None:
    with cli.directory.read() as reading:
        if is_sealed(reading, account.id):
            cli.warn("password.sealed", login=account.login)
    password = passwords.choose(cli, ask=True)
    stored, verifier = password.hashed((account.login, account.name, *about)), password.verifier(cli)
    with cli.write() as conn:
        account_changes.set_password(
            conn, cli.actor, account.id, stored, must_change=passwords.must_change, scram_verifier=verifier
        )
    cli.give({"login": account.login} | ({"password": password.text} if password.is_made else {}))
    cli.say("password.set", login=account.login)
    if password.is_made:
        cli.say("password.is", password=password.text)


@group.command("passwd", help=help_text("mailbox.passwd"))
@click.argument("mailbox")
@password_options
@changing_command
def passwd(cli: CliContext, mailbox: str, passwords: Passwords) -> None:
    with cli.directory.read() as conn:
        found = _find(conn, mailbox)
    change_password(cli, found, passwords)


@group.command("quota", help=help_text("mailbox.quota"))
@click.argument("mailbox")
@click.argument("size")
@changing_command
def quota(cli: CliContext, mailbox: str, size: str) -> None:
    wanted = parse_size(size)
    with cli.write() as conn:
        found = _find(conn, mailbox)
        account_changes.set_quota(conn, cli.actor, found.id, wanted)
    _told(cli, found.id, "mailbox.quota-set", quota=show_size(wanted))


@group.command("admin", help=help_text("mailbox.admin"))
@click.argument("mailbox")
@click.option("--on/--off", "is_admin", default=True, show_default=True, help=help_text("mailbox.on-or-off"))
@changing_command
def admin(cli: CliContext, mailbox: str, is_admin: bool) -> None:
    with cli.write() as conn:
        found = _find(conn, mailbox)
        account_changes.set_admin(conn, cli.actor, found.id, is_admin)
    _told(cli, found.id, "mailbox.is-admin" if is_admin else "mailbox.no-admin")


@group.command("grant", help=help_text("mailbox.grant"))
@click.argument("mailbox")
@click.argument("official")
@click.option("--read/--no-read", default=True, show_default=True, help=help_text("mailbox.may-read"))
@click.option("--send/--no-send", default=True, show_default=True, help=help_text("mailbox.may-send"))
@changing_command
def grant(cli: CliContext, mailbox: str, official: str, read: bool, send: bool) -> None:
    with cli.write() as conn:
        found, holder = _find(conn, mailbox), _find(conn, official)
        mailboxes.grant(conn, cli.actor, found.id, holder.id, may_read=read, may_send=send)
    _told(cli, found.id, "mailbox.granted", official=holder.login)


@group.command("revoke", help=help_text("mailbox.revoke"))
@click.argument("mailbox")
@click.argument("official")
@changing_command
def revoke(cli: CliContext, mailbox: str, official: str) -> None:
    with cli.write() as conn:
        found, holder = _find(conn, mailbox), _find(conn, official)
        mailboxes.revoke(conn, cli.actor, found.id, holder.id)
    _told(cli, found.id, "mailbox.revoked", official=holder.login)


@group.command("attach", help=help_text("mailbox.attach"))
@click.argument("mailbox")
@click.option("--unit", required=True, help=help_text("official.unit"))
@click.option("--position", required=True, help=help_text("official.position"))
@changing_command
def attach(cli: CliContext, mailbox: str, unit: str, position: str) -> None:
    with cli.write() as conn:
        found = _find(conn, mailbox)
        mailboxes.attach(conn, cli.actor, found.id, units.open_unit(conn, unit).id, position)
    _told(cli, found.id, "mailbox.attached")


@group.command("detach", help=help_text("mailbox.detach"))
@click.argument("mailbox")
@click.option("--unit", required=True, help=help_text("official.unit"))
@click.option("--position", required=True, help=help_text("official.position"))
@changing_command
def detach(cli: CliContext, mailbox: str, unit: str, position: str) -> None:
    with cli.write() as conn:
        found = _find(conn, mailbox)
        mailboxes.detach(conn, cli.actor, found.id, units.find_unit(conn, unit).id, position)
    _told(cli, found.id, "mailbox.detached")


@group.command("remove", help=help_text("mailbox.remove"))
@click.argument("mailbox")
@redirect_options
@decision_option
@changing_command
def remove(cli: CliContext, mailbox: str, redirect: Redirect, decision: str) -> None:
    with cli.write() as conn:
        found = _find(conn, mailbox)
        leaving.leave(
            conn,
            cli.actor,
            found.id,
            last_day=day_before(conn.today),
            redirect_to=redirect.redirect_to,
            redirect_until=redirect.until(days_after(conn.today, address_life.REDIRECT_DAYS)),
            decision=decision,
        )
    _told(cli, found.id, "mailbox.removed")
