"""``citymail mailbox``: mailboxes of units and roles; lock, password and quota of any mailbox."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from directory import mailboxes, people, provisioning, units
from directory.accounts import Account, find_account
from directory.cli.context import CliContext, directory_command, hashed, read_password, show_size
from directory.cli.texts import help_text, text
from directory.database import Reading, Writing
from directory.dates import day_before, days_after, parse_day
from directory.faults import Fault
from directory.recipients import addresses_of
from directory.sizes import parse_size


@click.group()
def group() -> None:
    pass


def _find(conn: Reading | Writing, key: str) -> Account:
    found = people.find_mailbox_owner(conn, key)
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
@click.option("--quota", default="0", show_default=True, help=help_text("option.quota"))
@click.option("--admin", is_flag=True, help=help_text("option.admin"))
@click.option("--password", help=help_text("option.password"))
@click.option("--password-stdin", is_flag=True, help=help_text("option.password-stdin"))
@click.option("--generate", is_flag=True, help=help_text("option.generate"))
@click.option("--must-change", is_flag=True, help=help_text("option.must-change"))
@directory_command
def add(
    cli: CliContext,
    address: str,
    name: str,
    unit: str,
    quota: str,
    admin: bool,
    password: str | None,
    password_stdin: bool,
    generate: bool,
    must_change: bool,
) -> None:
    chosen, generated = read_password(password, password_stdin, generate)
    stored = hashed(chosen)
    with cli.directory.write() as conn:
        made = mailboxes.open_mailbox(
            conn,
            cli.actor,
            address_text=address,
            name=name,
            unit_id=units.open_unit(conn, unit).id if unit else None,
            password_hash=stored,
            quota_bytes=parse_size(quota),
            is_admin=admin,
            must_change_password=must_change,
        )
        answer = _json(conn, made)
    cli.give(answer | ({"password": chosen} if generated else {}))
    cli.say("mailbox.added", name=made.name, login=made.login)
    if generated:
        cli.say("password.is", password=chosen)


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
@click.option("--limit", type=click.IntRange(1), help=help_text("option.limit"))
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
@click.option("--reason", default="", help=help_text("option.reason"))
@directory_command
def lock(cli: CliContext, mailbox: str, reason: str) -> None:
    with cli.directory.write() as conn:
        found = _find(conn, mailbox)
        provisioning.lock(conn, cli.actor, found.id, reason=reason)
    _told(cli, found.id, "mailbox.locked")


@group.command("unlock", help=help_text("mailbox.unlock"))
@click.argument("mailbox")
@click.option("--reason", default="", help=help_text("option.reason"))
@directory_command
def unlock(cli: CliContext, mailbox: str, reason: str) -> None:
    with cli.directory.write() as conn:
        found = _find(conn, mailbox)
        provisioning.unlock(conn, cli.actor, found.id, reason=reason)
    _told(cli, found.id, "mailbox.unlocked")


def change_password(
    cli: CliContext,
    account: Account,
    password: str | None,
    from_stdin: bool,
    generate: bool,
    must_change: bool,
) -> None:
    chosen, generated = read_password(password, from_stdin, generate)
    if chosen is None:
        chosen = click.prompt(text("password.new", cli.language), hide_input=True, confirmation_prompt=True, err=True)
    stored = hashed(chosen)
    with cli.directory.write() as conn:
        provisioning.set_password(conn, cli.actor, account.id, stored, must_change=must_change)
    cli.give({"login": account.login} | ({"password": chosen} if generated else {}))
    cli.say("password.set", login=account.login)
    if generated:
        cli.say("password.is", password=chosen)


@group.command("passwd", help=help_text("mailbox.passwd"))
@click.argument("mailbox")
@click.option("--password", help=help_text("option.password"))
@click.option("--password-stdin", is_flag=True, help=help_text("option.password-stdin"))
@click.option("--generate", is_flag=True, help=help_text("option.generate"))
@click.option("--must-change", is_flag=True, help=help_text("option.must-change"))
@directory_command
def passwd(
    cli: CliContext, mailbox: str, password: str | None, password_stdin: bool, generate: bool, must_change: bool
) -> None:
    with cli.directory.read() as conn:
        found = _find(conn, mailbox)
    change_password(cli, found, password, password_stdin, generate, must_change)


@group.command("quota", help=help_text("mailbox.quota"))
@click.argument("mailbox")
@click.argument("size")
@directory_command
def quota(cli: CliContext, mailbox: str, size: str) -> None:
    wanted = parse_size(size)
    with cli.directory.write() as conn:
        found = _find(conn, mailbox)
        provisioning.set_quota(conn, cli.actor, found.id, wanted)
    _told(cli, found.id, "mailbox.quota-set", quota=show_size(wanted))


@group.command("grant", help=help_text("mailbox.grant"))
@click.argument("mailbox")
@click.argument("official")
@click.option("--read/--no-read", default=True, show_default=True)
@click.option("--send/--no-send", default=True, show_default=True)
@directory_command
def grant(cli: CliContext, mailbox: str, official: str, read: bool, send: bool) -> None:
    with cli.directory.write() as conn:
        found, holder = _find(conn, mailbox), _find(conn, official)
        mailboxes.grant(conn, cli.actor, found.id, holder.id, may_read=read, may_send=send)
    _told(cli, found.id, "mailbox.granted", official=holder.login)


@group.command("revoke", help=help_text("mailbox.revoke"))
@click.argument("mailbox")
@click.argument("official")
@directory_command
def revoke(cli: CliContext, mailbox: str, official: str) -> None:
    with cli.directory.write() as conn:
        found, holder = _find(conn, mailbox), _find(conn, official)
        mailboxes.revoke(conn, cli.actor, found.id, holder.id)
    _told(cli, found.id, "mailbox.revoked", official=holder.login)


@group.command("remove", help=help_text("mailbox.remove"))
@click.argument("mailbox")
@click.option("--redirect-to", default="", help=help_text("official.redirect-to"))
@click.option("--redirect-until", help=help_text("official.redirect-until"))
@click.option("--decision", default="", help=help_text("option.decision"))
@directory_command
def remove(cli: CliContext, mailbox: str, redirect_to: str, redirect_until: str | None, decision: str) -> None:
    with cli.directory.write() as conn:
        found = _find(conn, mailbox)
        until = parse_day(redirect_until) if redirect_until else days_after(conn.today, provisioning.REDIRECT_DAYS)
        provisioning.leave(
            conn,
            cli.actor,
            found.id,
            last_day=day_before(conn.today),
            redirect_to=redirect_to,
            redirect_until=until,
            decision=decision,
        )
    _told(cli, found.id, "mailbox.removed")
