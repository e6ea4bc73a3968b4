"""``citymail official``: add, show, list, search, rename; lock, unlock, password."""

from __future__ import annotations

from typing import IO

import click

from directory.cli.context import CliContext, changing_command, directory_command, show_size
from directory.cli.mailbox_commands import change_password
from directory.cli.official_view import show_changed, show_list, with_posts
from directory.cli.options import (
    NameParts,
    Passwords,
    Post,
    decision_option,
    first_post_options,
    limit_option,
    name_options,
    password_options,
    quota_option,
)
from directory.cli.texts import help_text, text
from directory.dates import holds
from directory.faults import Fault
from directory.mail import account_changes
from directory.mail.groups import groups_of
from directory.mail.recipients import addresses_of
from directory.signing_in import scram_verifiers
from directory.sizes import parse_size
from directory.staff import people, photos, postings, provisioning, units
from directory.staff.departures import planned_leaving
from directory.staff.intake import Joiner
from directory.words.names import PersonName

# What a camera writes is cut away first.
_LARGEST_FILE = 10 * 1024 * 1024


@click.command("add", help=help_text("official.add"))
@name_options
@first_post_options
@click.option("--code", default="", help=help_text("official.code"))
@click.option("--address", default="", help=help_text("official.address"))
@click.option("--domain", default="", help=help_text("official.domain"))
@click.option("--phone", default="", help=help_text("official.phone"))
@quota_option
@click.option(
    "--language", type=click.Choice(["vi", "en"]), default="vi", show_default=True, help=help_text("official.language")
)
@click.option("--admin", is_flag=True, help=help_text("option.admin"))
@password_options
@changing_command
def add(
    cli: CliContext,
    name_parts: NameParts,
    post: Post,
    code: str,
    address: str,
    domain: str,
    phone: str,
    quota: str,
    language: str,
    admin: bool,
    passwords: Passwords,
) -> None:
    if bool(post.unit) != bool(post.position):
        raise click.UsageError(text("official.unit-and-position", cli.language))
    name = name_parts.applied()
    password = passwords.choose(cli)
    stored, verifier = password.hashed((name.full, address, code, phone)), password.verifier(cli)
    with cli.write() as conn:
        joined = provisioning.join(
            conn,
            cli.actor,
            Joiner(
                name,
                units.open_unit(conn, post.unit).id if post.unit else "",
                postings.find_position(conn, post.position).id if post.position else "",
                valid_from=post.first_day(conn.today),
                employee_code=code.strip(),
                title=post.title,
                kind=post.kind,
                decision=post.decision,
                address=address.strip(),
                password_hash=stored,
                must_change_password=passwords.must_change,
                quota_bytes=parse_size(quota),
                language=language,
                phone=phone.strip(),
                is_admin=admin,
            ),
            domain_name=domain,
        )
        scram_verifiers.keep(conn, joined.account_id, stored, verifier)
        answer = with_posts(conn, people.find_official(conn, joined.account_id))
    cli.give(answer | ({"password": password.text} if password.is_made else {}))
    cli.say("official.added", name=answer["name"], login=joined.login)
    if password.is_made:
        cli.say("password.is", password=password.text)
    elif stored is None:
        cli.say("password.none", login=joined.login)


@click.command("show", help=help_text("official.show"))
@click.argument("official")
@directory_command
def show(cli: CliContext, official: str) -> None:
    with cli.directory.read() as conn:
        answer = with_posts(conn, people.find_official(conn, official))
        answer["addresses"] = addresses_of(conn, answer["account_id"])
        answer["groups"] = [found.address for found in groups_of(conn, answer["account_id"])]
        order = planned_leaving(conn, answer["account_id"])
        answer["leaves_after"] = order.last_day if order else None
        answer["starts_on"] = account_changes.opens_on(conn, answer["account_id"])
        today = conn.today
    if cli.as_json:
        cli.give(answer)
        return
    posts = [
        f"{post['title']}, {post['unit']}  {post['valid_from']} – {post['valid_until'] or '…'}"
        + (" *" if post["is_primary"] and holds(post["valid_from"], post["valid_until"], today) else "")
        for post in answer["posts"]
    ]
    cli.sheet(
        [
            ("name", answer["name"]),
            ("login", answer["login"]),
            ("title", answer["title"]),
            ("unit", answer["unit"]),
            ("status", text(f"status.{answer['status']}", cli.language)),
            ("rights", text("right.admin", cli.language) if answer["is_admin"] else ""),
            ("employee_code", answer["employee_code"]),
            ("phone", answer["phone"]),
            ("posts", posts),
            ("addresses", answer["addresses"]),
            ("groups", answer["groups"]),
            ("quota", show_size(answer["quota_bytes"]) if answer["quota_bytes"] else ""),
            ("starts", answer["starts_on"]),
            ("leaves", answer["leaves_after"]),
            ("left_on", answer["left_on"]),
            ("password", "" if answer["has_password"] else text("password.missing", cli.language)),
            ("id", answer["account_id"]),
        ]
    )


@click.command("list", help=help_text("official.list"))
@click.option("--unit", default="", help=help_text("official.list-unit"))
@click.option("--status", type=click.Choice(["active", "locked", "closed"]), help=help_text("option.status"))
@limit_option
@directory_command
def list_(cli: CliContext, unit: str, status: str | None, limit: int | None) -> None:
    with cli.directory.read() as conn:
        within = None
        if unit:
            tree = units.tree(conn)
            within = [below.id for below in tree.subtree(tree.find(unit).id)]
        show_list(cli, list(people.list_officials(conn, units=within, status=status, limit=limit)))


@click.command("search", help=help_text("official.search"))
@click.argument("text")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help=help_text("option.limit"))
@directory_command
def search(cli: CliContext, text: str, limit: int) -> None:
    with cli.directory.read() as conn:
        show_list(cli, list(people.list_officials(conn, text=text, limit=limit)))


@click.command("rename", help=help_text("official.rename"))
@click.argument("official")
@name_options
@click.option("--address", default="", help=help_text("official.new-address"))
@decision_option
@changing_command
def rename(cli: CliContext, official: str, name_parts: NameParts, address: str, decision: str) -> None:
    with cli.write() as conn:
        found = people.find_official(conn, official)
        before = PersonName(found.full_name, found.family_name, found.middle_name, found.given_name)
        provisioning.rename(
            conn, cli.actor, found.person_id, name_parts.applied(before), new_address=address, decision=decision
        )
    show_changed(cli, found.person_id, "official.renamed", before=found.full_name)


@click.command("photo", help=help_text("official.photo"))
@click.argument("official")
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--remove", is_flag=True, help=help_text("official.photo-remove"))
@click.option("--save", type=click.File("wb"), help=help_text("official.photo-save"))
@changing_command
def photo(cli: CliContext, official: str, file: IO[bytes] | None, remove: bool, save: IO[bytes] | None) -> None:
    if (file is not None) + remove + (save is not None) != 1:
        raise click.UsageError(text("official.photo-one", cli.language))
    if save is not None:
        with cli.directory.read() as conn:
            found = people.find_official(conn, official)
            kept = photos.photo_of(conn, found.person_id)
        if kept is None:
            raise Fault("photo-unknown", official=found.full_name)
        save.write(kept[1])
        return
    with cli.write() as conn:
        found = people.find_official(conn, official)
        if file is not None:
            photos.set_photo(conn, cli.actor, found.person_id, file.read(_LARGEST_FILE))
        else:
            photos.remove_photo(conn, cli.actor, found.person_id)
    show_changed(cli, found.person_id, "official.photo-changed")


@click.command("lock", help=help_text("mailbox.lock"))
@click.argument("official")
@changing_command
def lock(cli: CliContext, official: str) -> None:
    with cli.write() as conn:
        found = people.find_official(conn, official)
        account_changes.lock(conn, cli.actor, found.account.id)
    show_changed(cli, found.person_id, "mailbox.locked")


@click.command("unlock", help=help_text("mailbox.unlock"))
@click.argument("official")
@changing_command
def unlock(cli: CliContext, official: str) -> None:
    with cli.write() as conn:
        found = people.find_official(conn, official)
        account_changes.unlock(conn, cli.actor, found.account.id)
    show_changed(cli, found.person_id, "mailbox.unlocked")


@click.command("passwd", help=help_text("mailbox.passwd"))
@click.argument("official")
@password_options
@changing_command
def passwd(cli: CliContext, official: str, passwords: Passwords) -> None:
    with cli.directory.read() as conn:
        found = people.find_official(conn, official)
    change_password(cli, found.account, passwords, (found.employee_code, found.phone))


commands: list[click.Command] = [add, show, list_, search, rename, photo, lock, unlock, passwd]
