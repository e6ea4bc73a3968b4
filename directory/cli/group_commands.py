"""``citymail group``: addresses that reach many."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from directory.cli import file_commands
from directory.cli.context import CliContext, changing_command, directory_command
from directory.cli.texts import help_text, text
from directory.database import Reading, Writing
from directory.faults import Fault
from directory.mail import accounts, group_rights, groups, recipients
from directory.mail.groups import POSTING_RULES, Group, Rule
from directory.staff import postings, unit_types, units

_POSTING = click.Choice(POSTING_RULES)


@click.group()
def group() -> None:
    pass


for _command in file_commands.group_files:
    group.add_command(_command)


def _rule(conn: Reading | Writing, rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "unit": units.find_unit(conn, rule.unit_id).name if rule.unit_id else None,
        "unit_type": rule.unit_type,
        "position": postings.positions(conn)[rule.position_id].title if rule.position_id else None,
    }


def _json(conn: Reading | Writing, found: Group) -> dict[str, Any]:
    members = groups.members(conn, found.id)
    return asdict(found) | {
        "accounts": [{"login": login, "name": name} for login, name in members.accounts],
        "groups": list(members.groups),
        "outside": list(members.outside),
        "rules": [_rule(conn, rule) for rule in members.rules],
        "posters": [
            *(login for login, _ in members.posters),
            *members.poster_groups,
            *(units.find_unit(conn, unit_id).name for unit_id in members.poster_units),
        ],
        "moderators": group_rights.named_moderators(conn, found.id),
        "unit": units.find_unit(conn, found.unit_id).name if found.unit_id else None,
        "reaches": recipients.count(conn, found.address),
    }


@group.command("add", help=help_text("group.add"))
@click.argument("address")
@click.option("--name", required=True, help=help_text("group.name"))
@click.option("--posting", type=_POSTING, default="internal", show_default=True, help=help_text("group.posting"))
@click.option("--member", "members", multiple=True, help=help_text("group.member"))
@click.option("--unit", default="", help=help_text("group.unit"))
@changing_command
def add(cli: CliContext, address: str, name: str, posting: str, members: tuple[str, ...], unit: str) -> None:
    with cli.write() as conn:
        unit_id = units.open_unit(conn, unit).id if unit else None
        made = groups.add_group(conn, cli.actor, address_text=address, name=name, posting=posting, unit_id=unit_id)
        for member in members:
            groups.add_member(conn, cli.actor, made.id, member)
        answer = _json(conn, made)
    cli.give(answer)
    cli.say("group.added", address=made.address, name=made.name)


@group.command("show", help=help_text("group.show"))
@click.argument("key", metavar="GROUP")
@directory_command
def show(cli: CliContext, key: str) -> None:
    with cli.directory.read() as conn:
        answer = _json(conn, groups.find_group(conn, key))
    if cli.as_json:
        cli.give(answer)
        return
    rules = [
        ", ".join(str(rule[part]) for part in ("position", "unit_type", "unit") if rule[part])
        or text("group.everybody", cli.language)
        for rule in answer["rules"]
    ]
    cli.sheet(
        [
            ("name", answer["name"]),
            ("address", answer["address"]),
            ("posting", text(f"posting.{answer['posting']}", cli.language)),
            ("posters", answer["posters"]),
            ("unit", answer["unit"]),
            ("moderation", text("group.is-moderated", cli.language) if answer["is_moderated"] else ""),
            ("moderators", answer["moderators"]),
            ("hidden", text("group.is-hidden", cli.language) if answer["hides_members"] else ""),
            ("members", [f"{member['name']} <{member['login']}>" for member in answer["accounts"]]),
            ("groups", answer["groups"]),
            ("outside", answer["outside"]),
            ("rules", [f"{rule}  ({made['id']})" for rule, made in zip(rules, answer["rules"], strict=True)]),
            ("reaches", answer["reaches"]),
            ("id", answer["id"]),
        ]
    )


def _listed(cli: CliContext, found: list[Group]) -> None:
    cli.give(found)
    if not cli.as_json:
        cli.table(
            ("address", "name", "posting"),
            [(g.address, g.name, text(f"posting.{g.posting}", cli.language)) for g in found],
        )


@group.command("list", help=help_text("group.list"))
@directory_command
def list_(cli: CliContext) -> None:
    with cli.directory.read() as conn:
        _listed(cli, list(groups.list_groups(conn)))


@group.command("search", help=help_text("group.search"))
@click.argument("text")
@directory_command
def search(cli: CliContext, text: str) -> None:
    with cli.directory.read() as conn:
        _listed(cli, list(groups.list_groups(conn, text)))


def _told(cli: CliContext, conn: Writing, found: Group, key: str, **values: object) -> None:
    if cli.as_json:
        cli.give(_json(conn, groups.find_group(conn, found.id)))
    cli.say(key, address=found.address, **values)


@group.command("add-member", help=help_text("group.add-member"))
@click.argument("key", metavar="GROUP")
@click.argument("members", nargs=-1, required=True)
@changing_command
def add_member(cli: CliContext, key: str, members: tuple[str, ...]) -> None:
    with cli.write() as conn:
        found = groups.find_group(conn, key)
        for member in members:
            groups.add_member(conn, cli.actor, found.id, member)
        _told(cli, conn, found, "group.members-added", count=len(members))


@group.command("add-rule", help=help_text("group.add-rule"))
@click.argument("key", metavar="GROUP")
@click.option("--unit", default="", help=help_text("group.rule-unit"))
@click.option("--unit-type", default="", help=help_text("unit.type"))
@click.option("--position", default="", help=help_text("official.position"))
@changing_command
def add_rule(cli: CliContext, key: str, unit: str, unit_type: str, position: str) -> None:
    with cli.write() as conn:
        found = groups.find_group(conn, key)
        groups.add_rule(
            conn,
            cli.actor,
            found.id,
            unit_id=units.find_unit(conn, unit).id if unit else None,
            unit_type_code=unit_types.find_type(conn, unit_type) if unit_type else None,
            position_id=postings.find_position(conn, position).id if position else None,
        )
        _told(cli, conn, found, "group.rule-added", count=recipients.count(conn, found.address))


@group.command("remove-member", help=help_text("group.remove-member"))
@click.argument("key", metavar="GROUP")
@click.argument("members", nargs=-1, required=True)
@changing_command
def remove_member(cli: CliContext, key: str, members: tuple[str, ...]) -> None:
    with cli.write() as conn:
        found = groups.find_group(conn, key)
        for member in members:
            groups.remove_member(conn, cli.actor, found.id, member)
        _told(cli, conn, found, "group.members-removed", count=len(members))


@group.command("set", help=help_text("group.set"))
@click.argument("key", metavar="GROUP")
@click.option("--name", help=help_text("group.name"))
@click.option("--posting", type=_POSTING, help=help_text("group.posting"))
@click.option("--poster", "posters", multiple=True, help=help_text("group.poster"))
@click.option("--poster-unit", "poster_units", multiple=True, help=help_text("group.poster-unit"))
@click.option("--unit", help=help_text("group.unit"))
@click.option("--moderated/--not-moderated", default=None, help=help_text("group.moderated"))
@click.option("--moderator", "moderators", multiple=True, help=help_text("group.moderator"))
@click.option("--no-moderator", is_flag=True, help=help_text("group.no-moderator"))
@click.option("--hide-members/--show-members", "hidden", default=None, help=help_text("group.hide-members"))
@changing_command
def set_(
    cli: CliContext,
    key: str,
    name: str | None,
    posting: str | None,
    posters: tuple[str, ...],
    poster_units: tuple[str, ...],
    unit: str | None,
    moderated: bool | None,
    moderators: tuple[str, ...],
    no_moderator: bool,
    hidden: bool | None,
) -> None:
    with cli.write() as conn:
        found = groups.find_group(conn, key)
        unit_id = units.open_unit(conn, unit).id if unit else unit
        if any(given is not None for given in (name, posting, unit_id, moderated, hidden)):
            groups.alter_group(
                conn,
                cli.actor,
                found.id,
                name=name,
                posting=posting,
                unit_id=unit_id,
                is_moderated=moderated,
                hides_members=hidden,
            )
        if posters or poster_units:
            accounts, further = _accounts_and_groups(conn, posters)
            groups.set_posters(
                conn,
                cli.actor,
                found.id,
                accounts,
                group_ids=further,
                unit_ids=[units.find_unit(conn, poster).id for poster in poster_units],
            )
        if moderators or no_moderator:
            ids = [_account(conn, moderator) for moderator in moderators]
            group_rights.set_moderators(conn, cli.actor, found.id, ids)
        _told(cli, conn, found, "group.set-done")


def _account(conn: Writing, key: str) -> str:
    owner = accounts.find_mailbox_owner(conn, key)
    if owner is None:
        raise Fault("account-unknown", account=key)
    return owner.id


def _accounts_and_groups(conn: Writing, keys: tuple[str, ...]) -> tuple[list[str], list[str]]:
    members, further = [], []
    for key in keys:
        owner = accounts.find_mailbox_owner(conn, key)
        if owner is not None:
            members.append(owner.id)
            continue
        try:
            further.append(groups.find_group(conn, key).id)
        except Fault:
            raise Fault("account-unknown", account=key) from None
    return members, further


@group.command("remove", help=help_text("group.remove"))
@click.argument("key", metavar="GROUP")
@changing_command
def remove(cli: CliContext, key: str) -> None:
    with cli.write() as conn:
        found = groups.find_group(conn, key)
        groups.remove_group(conn, cli.actor, found.id)
    cli.give({"address": found.address, "state": "quarantined"})
    cli.say("group.removed", address=found.address)
