"""``citymail mailbox share``, ``unshare``, ``shares``, ``seen``: who else may do what in a mailbox.

The same lists that owners keep over IMAP (RFC 4314).  Colleagues who are appointed to a unit's mailbox need no entry:
``citymail mailbox grant`` and appointments decide about them.  Every change is told in the audit record.

Exit status as everywhere: 0 done; 3 no such mailbox, official or group; 1 refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from directory.cli.context import EXIT_REFUSED
from mailserver.cli.options import allow, answering, end, put_on_record, read_config, recorded
from mailserver.cli.texts import Say, help_text

if TYPE_CHECKING:
    from directory.database import Directory
    from directory.mail.accounts import Account
    from mailserver.store import Store
    from mailserver.store.mailboxes import Mailbox

READER, WORKER = "lrs", "lrswipkxte"


@dataclass(frozen=True, slots=True)
class _Opened:
    config_path: Path
    store: Store
    directory: Directory
    owner: Account
    mailboxes: list[Mailbox]


_name_option = click.option("--name", default="INBOX", show_default=True, help=help_text("share.name"))
_all_option = click.option("--all", "everything", is_flag=True, help=help_text("share.all"))


@contextmanager
def _open(config_path: Path, address: str, name: str | None, say: Say) -> Iterator[_Opened]:
    from directory.database import open_directory
    from directory.mail.accounts import find_mailbox_owner
    from mailserver.store import Store, mailboxes

    config = read_config(config_path)
    directory, store = open_directory(config.directory_url), Store(config.store_url, config.data)
    try:
        with directory.read() as reading:
            owner = find_mailbox_owner(reading, address)
        if owner is None:
            end(say("mail.no-mailbox", key=address))
        allow(config_path, "mailbox.share", owner.login)
        store.maildrop(owner.id)
        with store.read() as connection:
            if name is None:
                found = mailboxes.list_mailboxes(connection, owner.id)
            else:
                one = mailboxes.find_mailbox(connection, owner.id, name)
                found = [] if one is None else [one]
        if not found:
            end(say("mail.no-mailbox", key=f"{address}: {name}"))
        yield _Opened(config_path, store, directory, owner, found)
    finally:
        store.close()
        directory.close()


@click.command("share", help=help_text("share.help"))
@click.argument("address")
@click.argument("whom")
@click.option("--rights", default=READER, show_default=True, help=help_text("share.rights").format(worker=WORKER))
@click.option("--take-away", is_flag=True, help=help_text("share.take-away"))
@_name_option
@_all_option
@recorded
@answering
def share_command(
    address: str,
    whom: str,
    rights: str,
    take_away: bool,
    name: str,
    everything: bool,
    by: str,
    reason: str,
    config_path: Path,
    as_json: bool,
    say: Say,
) -> None:
    from mailserver.store.rights import RIGHTS

    if unknown := set(rights) - set(RIGHTS):
        end(say("share.no-right", letters="".join(sorted(unknown))), EXIT_REFUSED)
    with _open(config_path, address, None if everything else name, say) as opened:
        _change(opened, whom, rights, take_away, say, by, reason, as_json)


@click.command("unshare", help=help_text("share.unshare"))
@click.argument("address")
@click.argument("whom")
@click.option("--take-away", is_flag=True, help=help_text("share.give-back"))
@_name_option
@_all_option
@recorded
@answering
def unshare_command(
    address: str,
    whom: str,
    take_away: bool,
    name: str,
    everything: bool,
    by: str,
    reason: str,
    config_path: Path,
    as_json: bool,
    say: Say,
) -> None:
    with _open(config_path, address, None if everything else name, say) as opened:
        _change(opened, whom, "", take_away, say, by, reason, as_json)


def _change(
    opened: _Opened, whom: str, given: str, take_away: bool, say: Say, actor: str, reason: str, as_json: bool
) -> None:
    from mailserver.access import give, ordered, parse_identifier, show_identifier
    from mailserver.refusals import LimitReached
    from mailserver.store import rights
    from mailserver.store.database import Transaction

    with opened.directory.read() as reading:
        found = parse_identifier(reading, whom)
    if found is None:
        end(say("share.no-official", key=whom))
    identifier = found[0]
    negative = take_away or found[1]
    if identifier == f"a:{opened.owner.id}" and not negative:
        end(say("share.owner"), EXIT_REFUSED)
    entry = rights.Entry(identifier, negative, frozenset(given))
    with opened.directory.read() as reading:
        shown = (show_identifier(reading, rights.Entry(identifier, False, frozenset())) or whom).lstrip("-")
    names = [mailbox.name for mailbox in opened.mailboxes]
    written = ("-" if negative and given else "") + ordered(given)
    put_on_record(
        *(opened.config_path, "mailbox.share", opened.owner.login),
        by=actor,
        reason=reason,
        to=shown,
        rights=written,
        mailboxes=names,
    )

    def job(tx: Transaction) -> None:
        for mailbox in opened.mailboxes:
            give(tx, mailbox.id, entry)

    try:
        opened.store.write(job).result()
    except LimitReached:
        end(say("share.full"), EXIT_REFUSED)
    if as_json:
        click.echo(json.dumps({"mailboxes": names, "whom": whom, "rights": written}, ensure_ascii=False))
        return
    for each in names:
        click.echo(say("share.shared" if given else "share.unshared", whom=whom, rights=written, name=each))


@click.command("shares", help=help_text("share.shares"))
@click.argument("address")
@answering
def shares_command(address: str, config_path: Path, as_json: bool, say: Say) -> None:
    from mailserver.access import ordered, show_identifier
    from mailserver.store import readers, rights

    listed = []
    with (
        _open(config_path, address, None, say) as opened,
        opened.store.read() as connection,
        opened.directory.read() as reading,
    ):
        for mailbox in opened.mailboxes:
            entries = [
                {"whom": shown, "rights": ordered(entry.rights)}
                for entry in rights.entries(connection, mailbox.id)
                if (shown := show_identifier(reading, entry)) is not None
            ]
            is_private = readers.is_private(connection, mailbox.id)
            listed.append({"mailbox": mailbox.name, "entries": entries, "private_seen": is_private})
    if as_json:
        click.echo(json.dumps(listed, ensure_ascii=False, indent=1))
        return
    said = False
    for each in listed:
        if each["entries"] or each["private_seen"]:
            said = True
            click.echo(say("share.private" if each["private_seen"] else "share.common", name=each["mailbox"]))
            for entry in each["entries"]:  # type: ignore[attr-defined]
                click.echo(f"    {entry['whom']}  {entry['rights']}")
    if not said:
        click.echo(say("share.none"))


@click.command("seen", help=help_text("share.seen"))
@click.argument("address")
@click.argument("state", type=click.Choice(["shared", "private"]))
@_name_option
@_all_option
@recorded
@answering
def seen_command(
    address: str,
    state: str,
    name: str,
    everything: bool,
    by: str,
    reason: str,
    config_path: Path,
    as_json: bool,
    say: Say,
) -> None:
    from mailserver.store import readers
    from mailserver.store.database import Transaction

    change = readers.make_private if state == "private" else readers.make_shared
    with _open(config_path, address, None if everything else name, say) as opened:

        def job(tx: Transaction) -> None:
            for mailbox in opened.mailboxes:
                change(tx, mailbox.id)

        names = [mailbox.name for mailbox in opened.mailboxes]
        put_on_record(
            *(config_path, "mailbox.seen", opened.owner.login), by=by, reason=reason, state=state, mailboxes=names
        )
        opened.store.write(job, heavy=True).result()
    if as_json:
        click.echo(json.dumps({"mailboxes": names, "seen": state}, ensure_ascii=False))
        return
    for each in names:
        click.echo(say("share.private" if state == "private" else "share.common", name=each))
