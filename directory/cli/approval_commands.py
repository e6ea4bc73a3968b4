"""``citymail admin approval``: what waits for a second administrator, and what needs one.

Approving carries a request out where it keeps the words that do it: they are typed again, and who asked answers for
what they do (``directory.administration.approvals``).
"""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from datetime import datetime

import click

from directory.administration import approvals, authority
from directory.administration.approvals import Request
from directory.cli.context import CliContext, changing_command, directory_command
from directory.cli.groups import Commands
from directory.cli.texts import help_text, text
from directory.database import CITY_TIME, Reading
from directory.faults import Fault


@click.group("approval", cls=Commands, help=help_text("approval.help"))
def approval() -> None:
    pass


def _may_see(conn: Reading, each: Request) -> bool:
    who = conn.administrator
    if not conn.is_delegated or who == each.account_id:
        return True
    return authority.may(conn, who, each.operation, each.subject).allowed


@approval.command("list", help=help_text("approval.list"))
@click.option("--all", "everything", is_flag=True, help=help_text("approval.all"))
@directory_command
def list_approvals(cli: CliContext, everything: bool) -> None:
    with cli.directory.read() as conn:
        found = [each for each in approvals.requests(conn, everything=everything) if _may_see(conn, each)]
    cli.give(found)
    if not cli.as_json:
        cli.table(
            ("id", "operation", "subject", "reason", "asked_by", "expires", "state", "decided_by"),
            [
                (
                    *(each.id, each.operation, each.subject, _printable(each.reason)),
                    *(each.login, _moment(each.expires_at)),
                    *(text(f"state.{each.state}", cli.language), each.decided_by),
                )
                for each in found
            ],
        )


@approval.command("show", help=help_text("approval.show"))
@click.argument("request")
@directory_command
def show(cli: CliContext, request: str) -> None:
    with cli.directory.read() as conn:
        found = approvals.find_request(conn, request)
        if not _may_see(conn, found):
            raise Fault("approval-unknown", request=request)
    cli.give(asdict(found) | {"to_do": _to_do(found)})
    if not cli.as_json:
        cli.sheet(
            (
                *(("id", found.id), ("operation", found.operation), ("subject", found.subject)),
                ("details", [_printable(f"{name}={value}") for name, value in found.details.items()]),
                *(
                    ("reason", _printable(found.reason)),
                    ("asked_by", found.login),
                    ("expires", _moment(found.expires_at)),
                ),
                ("state", text(f"state.{found.state}", cli.language)),
                ("decided_by", found.decided_by),
                ("command", _printable(shlex.join(found.command))),
                ("to_do", _to_do(found)),
            )
        )


def _to_do(found: Request) -> list[str]:
    """The commands by which it is decided, or used."""
    if found.state == "asked":
        return [f"citymail --as … admin approval {word} {found.id}" for word in ("approve", "decline")]
    if found.state == "approved" and found.command:
        return [f"citymail --as {found.login} {shlex.join(found.command)}"]
    return []


def _printable(text: str) -> str:
    """What somebody else typed must not steer the terminal of who is to approve it, nor look like a further line."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at, CITY_TIME):%Y-%m-%d %H:%M}"


@approval.command("approve", help=help_text("approval.approve"))
@click.argument("request")
@click.option("--later", is_flag=True, help=help_text("approval.later"))
@changing_command
def approve(cli: CliContext, request: str, later: bool) -> None:
    with cli.directory.read() as conn:
        found = approvals.find_request(conn, request)
    if later or not found.command:
        with cli.write() as conn:
            found = approvals.decide(conn, cli.actor, request, approved=True)
    else:
        _carry_out(cli, found)
        with cli.directory.read() as conn:
            found = approvals.find_request(conn, found.id)
        if found.state != "done":  # the words do something else today, or nothing
            raise Fault("approval-changed", request=found.id)
    cli.give(found)
    said = "approval.approved" if found.state == "approved" else "approval.carried-out"
    cli.say(said, login=found.login, operation=found.operation, subject=found.subject)


def _carry_out(cli: CliContext, found: Request) -> None:
    root = click.get_current_context().find_root()
    assert isinstance(root.command, click.Group)
    if cli.config_path is not None:  # of this installation, whichever command it is
        os.environ["CITYMAIL_CONFIG"] = str(cli.config_path)
    name, command, rest = root.command.resolve_command(root, list(found.command))
    assert command is not None
    # what they say is for people: the answer in JSON is the request
    with redirect_stdout(sys.stderr), command.make_context(name, rest, parent=root, obj=cli.carrying_out(found)) as ctx:
        try:
            command.invoke(ctx)
        except SystemExit as end:
            if end.code:
                raise


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
