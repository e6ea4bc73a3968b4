"""``citymail mailbox share``, ``unshare``, ``shares``, ``seen``: who else may do what in a mailbox.

The same lists that owners keep over IMAP (RFC 4314).  Colleagues who are appointed to a unit's mailbox need no entry:
``citymail mailbox grant`` and appointments decide about them.  Every change is told in the audit record.

Exit status as everywhere: 0 done; 3 no such mailbox, official or group; 1 refused.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from directory.cli.texts import environment_language
from mailserver.cli.options import allow, answering, put_on_record, read_config, speaker

if TYPE_CHECKING:
    from directory.database import Directory
    from directory.mail.accounts import Account
    from mailserver.store import Store
    from mailserver.store.mailboxes import Mailbox

# key: (English, Vietnamese)
_TEXTS = {
    "no-mailbox": ("There is no mailbox {key}.", "Không có hộp thư {key}."),
    "no-official": (
        "There is no official, unit or group {key}.",
        "Không có cán bộ, đơn vị hoặc nhóm {key}.",
    ),
    "no-right": (
        "{letters} are not rights; there are lrswipkxtea",
        "{letters} không phải quyền; có các quyền lrswipkxtea",
    ),
    "owner": ("The owner has every right.", "Chủ hộp thư có mọi quyền."),
    "shared": ("{whom}: {rights} in {name}", "{whom}: {rights} trong {name}"),
    "unshared": ("{whom}: no entry in {name} any more", "{whom}: không còn quyền riêng trong {name}"),
    "none": ("Nothing is shared by name.", "Không chia sẻ đích danh cho ai."),
    "private": ("every reader's own", "riêng từng người đọc"),
    "common": ("shared by all readers", "chung cho mọi người đọc"),
    "seen": ("{name}: seen state is {state}", "{name}: trạng thái đã đọc {state}"),
}
READER, WORKER = "lrs", "lrswipkxte"
Say = Callable[..., str]


@dataclass(frozen=True, slots=True)
class _Opened:
    config_path: Path
    store: Store
    directory: Directory
    owner: Account
    mailboxes: list[Mailbox]


_name_option = click.option("--name", default="INBOX", show_default=True, help="Which of his mailboxes.")
_all_option = click.option("--all", "everything", is_flag=True, help="All of his mailboxes.")
_by_option = click.option("--by", default="", help="In whose name, for the audit record. [default: cli:USER]")
_reason_option = click.option("--reason", default="", help="Why, for the audit record.")


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
            _end(say("no-mailbox", key=address))
        allow(config_path, "mailbox.share", owner.login)
        store.maildrop(owner.id)
        with store.read() as connection:
            if name is None:
                found = mailboxes.list_mailboxes(connection, owner.id)
            else:
                one = mailboxes.find_mailbox(connection, owner.id, name)
                found = [] if one is None else [one]
        if not found:
            _end(say("no-mailbox", key=f"{address}: {name}"))
        yield _Opened(config_path, store, directory, owner, found)
    finally:
        store.close()
        directory.close()


def _end(text: str, status: int = 3) -> NoReturn:
    click.echo(f"citymail: {text}", err=True)
    sys.exit(status)


@click.command("share")
@click.argument("address")
@click.argument("whom")
@click.option("--rights", default=READER, show_default=True, help=f"Rights of RFC 4314; {WORKER} to work in it.")
@click.option("--take-away", is_flag=True, help="Take these rights from WHOM, whoever gives them.")
@_name_option
@_all_option
@_by_option
@_reason_option
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
    lang: str | None,
) -> None:
    """Let WHOM (an official, unit, group, or `anyone`) do RIGHTS in a mailbox of ADDRESS.

    l see it, r read, s mark as seen, w change flags, i put messages in, p post, k make mailboxes below, x delete it,
    t mark messages as deleted, e expunge, a decide who may. Replaces what WHOM had by name before.
    """
    from mailserver.store.rights import RIGHTS

    say = speaker(_TEXTS, lang or environment_language())
    if unknown := set(rights) - set(RIGHTS):
        _end(say("no-right", letters="".join(sorted(unknown))), 1)
    with _open(config_path, address, None if everything else name, say) as opened:
        _change(opened, whom, rights, take_away, say, by, reason, as_json)


@click.command("unshare")
@click.argument("address")
@click.argument("whom")
@click.option("--take-away", is_flag=True, help="End what --take-away had begun.")
@_name_option
@_all_option
@_by_option
@_reason_option
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
    lang: str | None,
) -> None:
    """Take back what WHOM was given by name in a mailbox of ADDRESS."""
    say = speaker(_TEXTS, lang or environment_language())
    with _open(config_path, address, None if everything else name, say) as opened:
        _change(opened, whom, "", take_away, say, by, reason, as_json)


def _change(
    opened: _Opened, whom: str, given: str, take_away: bool, say: Say, actor: str, reason: str, as_json: bool
) -> None:
    from mailserver.access import give, ordered, parse_identifier, show_identifier
    from mailserver.refusals import Refusal
    from mailserver.store import rights
    from mailserver.store.database import Transaction

    with opened.directory.read() as reading:
        found = parse_identifier(reading, whom)
    if found is None:
        _end(say("no-official", key=whom))
    identifier = found[0]
    negative = take_away or found[1]
    if identifier == f"a:{opened.owner.id}" and not negative:
        _end(say("owner"), 1)
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
    except Refusal as refusal:
        _end(refusal.client_text, 1)
    if as_json:
        click.echo(json.dumps({"mailboxes": names, "whom": whom, "rights": written}, ensure_ascii=False))
        return
    for each in names:
        click.echo(say("shared" if given else "unshared", whom=whom, rights=written, name=each))


@click.command("shares")
@click.argument("address")
@answering
def shares_command(address: str, config_path: Path, as_json: bool, lang: str | None) -> None:
    """Who may do what in the mailboxes of ADDRESS, by name; and whose the seen state is."""
    from mailserver.access import ordered, show_identifier
    from mailserver.store import readers, rights

    say = speaker(_TEXTS, lang or environment_language())
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
            click.echo(say("seen", name=each["mailbox"], state=say("private" if each["private_seen"] else "common")))
            for entry in each["entries"]:  # type: ignore[attr-defined]
                click.echo(f"    {entry['whom']}  {entry['rights']}")
    if not said:
        click.echo(say("none"))


@click.command("seen")
@click.argument("address")
@click.argument("state", type=click.Choice(["shared", "private"]))
@_name_option
@_all_option
@_by_option
@_reason_option
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
    lang: str | None,
) -> None:
    r"""Whether readers of a mailbox of ADDRESS share \Seen, so that they see what is handled, or each has his own."""
    from mailserver.store import readers
    from mailserver.store.database import Transaction

    say = speaker(_TEXTS, lang or environment_language())
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
        click.echo(say("seen", name=each, state=say("private" if state == "private" else "common")))
