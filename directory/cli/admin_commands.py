"""``citymail admin``: delegations, and what two administrators must agree on."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import click

from directory.administration import approvals, authority, bounds, delegations
from directory.administration.approvals import Request
from directory.administration.delegations import Granted
from directory.administration.roles import ATTRIBUTE_NAMES, ROLES, Role
from directory.cli.context import EXIT_REFUSED, CliContext, changing_command, directory_command
from directory.cli.texts import help_text, text
from directory.database import CITY_TIME, Reading, Writing
from directory.dates import parse_day
from directory.faults import Fault
from directory.mail import accounts
from directory.staff import units


@click.group()
def group() -> None:
    pass


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


# --- two of them


@group.group("approval", help=help_text("approval.help"))
def approval() -> None:
    pass


@approval.command("list", help=help_text("approval.list"))
@click.option("--all", "everything", is_flag=True, help=help_text("approval.all"))
@directory_command
def list_approvals(cli: CliContext, everything: bool) -> None:
    with cli.directory.read() as conn:
        who = cli.directory.administrator
        found = [
            each
            for each in approvals.requests(conn, everything=everything)
            if not conn.is_delegated
            or who == each.account_id
            or authority.may(conn, who, each.operation, each.subject).allowed
        ]
    cli.give(found)
    if not cli.as_json:
        cli.table(
            ("id", "operation", "subject", "details", "reason", "asked_by", "expires", "state", "decided_by"),
            [_row(cli, each) for each in found],
        )


def _row(cli: CliContext, each: Request) -> tuple[object, ...]:
    details = "  ".join(f"{name}={value}" for name, value in each.details.items())
    expires = datetime.fromtimestamp(each.expires_at, CITY_TIME)
    return (
        *(each.id, each.operation, each.subject, details, each.reason, each.login),
        *(f"{expires:%Y-%m-%d %H:%M}", text(f"state.{each.state}", cli.language), each.decided_by),
    )


@approval.command("approve", help=help_text("approval.approve"))
@click.argument("request")
@changing_command
def approve(cli: CliContext, request: str) -> None:
    with cli.write() as conn:
        found = approvals.decide(conn, cli.actor, request, approved=True)
    cli.give(found)
    cli.say("approval.approved", login=found.login, operation=found.operation, subject=found.subject)


@approval.command("decline", help=help_text("approval.decline"))
@click.argument("request")
@changing_command
def decline(cli: CliContext, request: str) -> None:
    with cli.write() as conn:
        found = approvals.decide(conn, cli.actor, request, approved=False)
    cli.give(found)
    cli.say("approval.declined", operation=found.operation, subject=found.subject)


@approval.command("require", help=help_text("approval.require"))
@click.argument("operation")
@click.option("--from-rank", type=click.IntRange(1, 99), help=help_text("approval.from-rank"))
@changing_command
def require(cli: CliContext, operation: str, from_rank: int | None) -> None:
    with cli.write() as conn:
        approvals.set_rule(conn, cli.actor, operation, from_rank=from_rank)
    cli.give({"operation": operation, "from_rank": from_rank})
    cli.say("approval.required", operation=operation)


@approval.command("waive", help=help_text("approval.waive"))
@click.argument("operation")
@changing_command
def waive(cli: CliContext, operation: str) -> None:
    with cli.write() as conn:
        approvals.set_rule(conn, cli.actor, operation, needed=False)
    cli.give({"operation": operation})
    cli.say("approval.waived", operation=operation)


@approval.command("rules", help=help_text("approval.rules"))
@directory_command
def rules(cli: CliContext) -> None:
    with cli.directory.read() as conn:
        found = approvals.rules(conn)
    cli.give(found)
    if not cli.as_json:
        cli.table(("operation", "from_rank"), [(rule.operation, rule.from_rank) for rule in found])
