"""``citymail admin``: who administers what."""

from __future__ import annotations

from typing import Any, cast

import click

from directory.administration import authority, bounds, delegations
from directory.administration.delegations import Granted
from directory.administration.roles import ATTRIBUTE_NAMES, ROLES, Role
from directory.cli.approval_commands import approval
from directory.cli.context import EXIT_REFUSED, CliContext, changing_command, directory_command
from directory.cli.texts import help_text
from directory.database import Reading, Writing
from directory.dates import parse_day
from directory.faults import Fault
from directory.mail import accounts
from directory.staff import units


@click.group()
def group() -> None:
    pass


group.add_command(approval)


def _json(conn: Reading | Writing, granted: Granted) -> dict[str, Any]:
    found = granted.delegation
    return {
        "id": found.id,
        "login": granted.login,
        "name": granted.name,
        "role": found.role,
        "unit": units.find_unit(conn, found.unit_id).name if found.unit_id else None,
        "attributes": sorted(found.attributes),
        "below_rank": found.below_rank,
        "until": found.valid_until,
        "granted_by": found.granted_by,
    }


def _listed(cli: CliContext, conn: Reading, found: list[Granted]) -> None:
    shown = [_json(conn, granted) for granted in found]
    cli.give(shown)
    if not cli.as_json:
        cli.table(
            ("id", "login", "name", "role", "unit", "attributes", "below_rank", "until", "granted_by"),
            [
                (
                    *(each["id"], each["login"], each["name"], each["role"], each["unit"] or "*"),
                    *(" ".join(each["attributes"]), each["below_rank"], each["until"], each["granted_by"]),
                )
                for each in shown
            ],
        )


def _allow(cli: CliContext, operation: str, subject: str = "") -> None:
    """For what is only looked at."""
    with cli.write() as conn:
        authority.require(conn, cli.actor, operation, subject)


@group.command("grant", help=help_text("admin.grant"))
@click.argument("official")
@click.argument("role", type=click.Choice(list(ROLES)))
@click.option("--unit", default="", help=help_text("admin.unit"))
@click.option(
    "--attribute", "attributes", multiple=True, type=click.Choice(ATTRIBUTE_NAMES), help=help_text("admin.attribute")
)
@click.option("--below-rank", type=click.IntRange(0, 99), help=help_text("admin.below-rank"))
@click.option("--until", help=help_text("option.until"))
@changing_command
def grant(
    cli: CliContext,
    official: str,
    role: str,
    unit: str,
    attributes: tuple[str, ...],
    below_rank: int | None,
    until: str | None,
) -> None:
    with cli.write() as conn:
        made = delegations.grant(
            conn,
            cli.actor,
            official,
            cast("Role", role),
            unit_id=units.open_unit(conn, unit).id if unit else None,
            attributes=attributes,
            below_rank=below_rank,
            until=parse_day(until) if until else None,
        )
        (granted,) = [
            each for each in delegations.list_delegations(conn, made.account_id) if each.delegation.id == made.id
        ]
        answer = _json(conn, granted)
    cli.give(answer)
    cli.say("admin.granted", name=granted.name, login=granted.login, role=role, id=made.id)


@group.command("revoke", help=help_text("admin.revoke"))
@click.argument("delegation")
@changing_command
def revoke(cli: CliContext, delegation: str) -> None:
    with cli.write() as conn:
        gone = delegations.revoke(conn, cli.actor, delegation)
        answer = _json(conn, gone)
    cli.give(answer)
    cli.say("admin.revoked", name=gone.name, login=gone.login, role=gone.delegation.role)


@group.command("list", help=help_text("admin.list"))
@directory_command
def list_(cli: CliContext) -> None:
    _allow(cli, "admin.see")
    with cli.directory.read() as conn:
        _listed(cli, conn, delegations.list_delegations(conn))


@group.command("show", help=help_text("admin.show"))
@click.argument("official")
@directory_command
def show(cli: CliContext, official: str) -> None:
    with cli.directory.read() as conn:
        found = accounts.find_mailbox_owner(conn, official)
        if found is None:
            raise Fault("account-unknown", account=official)
    if found.id != cli.directory.administrator:
        _allow(cli, "admin.see", found.login)
    with cli.directory.read() as conn:
        held = bounds.delegations_of(conn, found.id)
        _listed(cli, conn, [Granted(each, found.login, found.name) for each in held])


@group.command("may", help=help_text("admin.may"))
@click.argument("official")
@click.argument("operation")
@click.argument("subject", default="")
@directory_command
def may(cli: CliContext, official: str, operation: str, subject: str) -> None:
    _allow(cli, "admin.see")
    with cli.directory.read() as conn:
        actor = accounts.find_mailbox_owner(conn, official)
        if actor is None:
            raise Fault("account-unknown", account=official)
        about = accounts.find_mailbox_owner(conn, subject) if subject else None
        key = about.login if about is not None else subject
        decision = authority.may(conn, actor.id, operation, key)
    cli.give({"allowed": decision.allowed, "reason": decision.reason, "by": decision.by.id if decision.by else None})
    if decision.allowed:
        cli.say("admin.may-yes", login=actor.login, operation=operation, subject=key)
        return
    fault = Fault(f"may-not-{decision.reason}", actor=actor.login, operation=operation, subject=key)
    cli.say("admin.may-no", login=actor.login, why=fault.text(cli.language))
    raise SystemExit(EXIT_REFUSED)


@group.command("roles", help=help_text("admin.roles"))
@directory_command
def roles(cli: CliContext) -> None:
    cli.give(
        {
            "roles": {role: {"operations": rule.operations, "grants": rule.grants} for role, rule in ROLES.items()},
            "attributes": ATTRIBUTE_NAMES,
        }
    )
    if not cli.as_json:
        cli.table(("role", "operations"), [(role, " ".join(rule.operations)) for role, rule in ROLES.items()])
        cli.say("admin.attributes", names=" ".join(ATTRIBUTE_NAMES))
