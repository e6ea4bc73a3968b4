"""``citymail official remove|undo-remove|leaving|handover|return``;
``citymail mailbox entrust|withdraw|undo-remove``.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from directory.cli.context import CliContext, changing_command, directory_command
from directory.cli.official_view import show_changed
from directory.cli.options import Post, Redirect, decision_option, post_options, redirect_options
from directory.cli.texts import help_text, text
from directory.database import Reading, Writing
from directory.dates import day_before, days_after, parse_day
from directory.faults import Fault
from directory.mail import accounts, address_life, custody
from directory.mail.accounts import Account, find_account
from directory.staff import leaving, people, postings, units
from directory.staff.departures import Departure, leavings
from directory.staff.holdings import holdings_of


def _find(conn: Reading | Writing, key: str) -> Account:
    found = accounts.find_mailbox_owner(conn, key)
    if found is None:
        raise Fault("account-unknown", account=key)
    return found


@click.command("remove", help=help_text("official.remove"))
@click.argument("official")
@click.option("--last-day", help=help_text("option.last-day"))
@redirect_options
@click.option("--custodian", default="", help=help_text("leaving.custodian"))
@click.option(
    "--custody-days",
    type=click.IntRange(0),
    default=custody.CUSTODY_DAYS,
    show_default=True,
    help=help_text("leaving.custody-days"),
)
@decision_option
@changing_command
def remove(
    cli: CliContext,
    official: str,
    last_day: str | None,
    redirect: Redirect,
    custodian: str,
    custody_days: int,
    decision: str,
) -> None:
    with cli.write() as conn:
        found = people.find_official(conn, official)
        day = parse_day(last_day) if last_day else day_before(conn.today)
        order = leaving.leave(
            conn,
            cli.actor,
            found.account.id,
            last_day=day,
            redirect_to=redirect.redirect_to,
            redirect_until=redirect.until(days_after(max(day, conn.today), address_life.REDIRECT_DAYS)),
            custodian_id=_find(conn, custodian).id if custodian else None,
            custody_days=custody_days,
            decision=decision,
        )
    show_changed(cli, found.person_id, "official.removed" if order.state == "done" else "leaving.ordered", day=day)


@click.command("undo-remove", help=help_text("leaving.undo"))
@click.argument("official")
@decision_option
@changing_command
def undo_remove(cli: CliContext, official: str, decision: str) -> None:
    with cli.write() as conn:
        found = people.find_official(conn, official)
        leaving.take_back(conn, cli.actor, found.account.id, decision=decision)
    show_changed(cli, found.person_id, "leaving.undone")


@click.command("leaving", help=help_text("leaving.list"))
@directory_command
def list_leaving(cli: CliContext) -> None:
    with cli.directory.read() as conn:
        found = [_described(conn, order) for order in leavings(conn)]
    cli.give(found)
    if not cli.as_json:
        cli.table(
            ("last_day", "name", "login", "leads_to", "until", "custodian", "decision"),
            [
                (each["last_day"], each["name"], each["login"], each["redirect_to"], each["redirect_until"],
                 each["custodian"], each["decision"])
                for each in found
            ],
        )  # fmt: skip


@click.command("handover", help=help_text("leaving.handover"))
@click.argument("official")
@directory_command
def handover(cli: CliContext, official: str) -> None:
    with cli.directory.read() as conn:
        found = holdings_of(conn, people.find_official(conn, official))
    cli.give([asdict(each) for each in found])
    if not cli.as_json:
        cli.table(
            ("kind", "what", "where", "how", "until"),
            [
                (
                    text(f"holding.{each.kind}", cli.language),
                    each.what,
                    each.where,
                    ", ".join(
                        text(f"right.{word}", cli.language) if each.kind in _BY_RIGHTS else word for word in each.how
                    ),
                    each.until,
                )
                for each in found
            ],
        )


_BY_RIGHTS = ("mailbox", "reader")


def _described(conn: Reading | Writing, order: Departure) -> dict[str, Any]:
    owner = find_account(conn, order.account_id)
    custodian = find_account(conn, order.custodian_id) if order.custodian_id else None
    return {
        "account_id": order.account_id,
        "login": owner.login if owner else "",
        "name": owner.name if owner else "",
        "last_day": order.last_day,
        "redirect_to": order.redirect_to,
        "redirect_until": order.redirect_until,
        "custodian": custodian.login if custodian else None,
        "custody_days": order.custody_days,
        "reason": order.reason,
        "decision": order.decision,
        "by": order.actor,
    }


@click.command("return", help=help_text("official.return"))
@click.argument("official")
@post_options
@changing_command
def return_(cli: CliContext, official: str, post: Post) -> None:
    with cli.write() as conn:
        found = people.find_official(conn, official)
        leaving.come_back(
            conn,
            cli.actor,
            found.person_id,
            unit_id=units.open_unit(conn, post.unit).id,
            position_id=postings.find_position(conn, post.position).id,
            from_day=post.first_day(conn.today),
            title=post.title,
            kind=post.kind,
            decision=post.decision,
        )
    show_changed(cli, found.person_id, "official.returned")


@click.command("entrust", help=help_text("leaving.entrust"))
@click.argument("mailbox")
@click.option("--to", default="", help=help_text("leaving.to"))
@click.option("--head-of", default="", help=help_text("leaving.head-of"))
@click.option(
    "--days",
    type=click.IntRange(1),
    default=custody.CUSTODY_DAYS,
    show_default=True,
    help=help_text("leaving.custody-days"),
)
@decision_option
@changing_command
def entrust(cli: CliContext, mailbox: str, to: str, head_of: str, days: int, decision: str) -> None:
    if bool(to) == bool(head_of):
        raise click.UsageError(text("leaving.to-or-head", cli.language))
    with cli.write() as conn:
        found = _find(conn, mailbox)
        made = custody.entrust(
            conn,
            cli.actor,
            found.id,
            holder_id=_find(conn, to).id if to else None,
            unit_id=units.find_unit(conn, head_of).id if head_of else None,
            days=days,
            decision=decision,
        )
    cli.give(made)
    cli.say("leaving.entrusted", login=found.login, to=to or head_of, day=made.valid_until)


@click.command("withdraw", help=help_text("leaving.withdraw"))
@click.argument("mailbox")
@changing_command
def withdraw(cli: CliContext, mailbox: str) -> None:
    with cli.write() as conn:
        found = _find(conn, mailbox)
        custody.withdraw(conn, cli.actor, found.id)
    cli.give({"login": found.login})
    cli.say("leaving.withdrawn", login=found.login)


@click.command("undo-remove", help=help_text("leaving.undo-closing"))
@click.argument("mailbox")
@decision_option
@changing_command
def undo_closing(cli: CliContext, mailbox: str, decision: str) -> None:
    with cli.write() as conn:
        found = _find(conn, mailbox)
        leaving.take_back(conn, cli.actor, found.id, decision=decision)
    cli.give({"login": found.login})
    cli.say("leaving.reopened", login=found.login)


of_officials: list[click.Command] = [remove, undo_remove, list_leaving, handover, return_]
of_mailboxes: list[click.Command] = [entrust, withdraw, undo_closing]
