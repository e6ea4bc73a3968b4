"""``citymail index``: look at the full-text indexes, and make them anew.

An index is made at an account's first search and kept up from then on; it may be removed at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from directory.cli.groups import Commands
from mailserver.cli.options import allow, answering, end, owner_of, put_on_record, read_config
from mailserver.cli.texts import Say, help_text

if TYPE_CHECKING:
    from mailserver.config import Config
    from mailserver.store import Store

_address = click.argument("address", required=False)
_all = click.option("--all", "everything", is_flag=True, help=help_text("index.all"))


@click.group(cls=Commands, help=help_text("index.help"))
def index() -> None:
    pass


@index.command("status", help=help_text("index.status"))
@_address
@_all
@answering
def status_command(address: str | None, everything: bool, config_path: Path, as_json: bool, say: Say) -> None:
    config = read_config(config_path)
    with _store(config) as store:
        accounts, subject = _accounts(config, store, address, say, everything=everything)
        allow(config_path, "index.see", subject)
        _tell(store, accounts, say, as_json=as_json)


@index.command("rebuild", help=help_text("index.rebuild"))
@_address
@_all
@answering
def rebuild_command(address: str | None, everything: bool, config_path: Path, as_json: bool, say: Say) -> None:
    config = read_config(config_path)
    with _store(config) as store:
        accounts, subject = _accounts(config, store, address, say, everything=everything)
        put_on_record(config_path, "index.rebuild", subject, accounts=len(accounts))
        for account_id in accounts:
            store.fulltext.rebuild(account_id)
        _tell(store, accounts, say, as_json=as_json)


@contextmanager
def _store(config: Config) -> Iterator[Store]:
    from mailserver.store import Store

    store = Store(config.store_url, config.data)
    try:
        yield store
    finally:
        store.close()


def _accounts(
    config: Config, store: Store, address: str | None, say: Say, *, everything: bool
) -> tuple[dict[str, str], str]:
    """Account id → the name to call it by; and who is meant, as the audit record names him, if it is one."""
    if everything:
        return {account_id: account_id for account_id in store.fulltext.accounts()}, ""
    if address is None:
        raise click.UsageError(say("index.which"))
    account = owner_of(config, address)
    if account is None:
        end(say("mail.no-mailbox", key=address))
    return {account.id: address}, account.login


def _tell(store: Store, accounts: dict[str, str], say: Say, *, as_json: bool) -> None:
    figures = {name: store.fulltext.figures(account_id) for account_id, name in accounts.items()}
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False, indent=1))
        return
    if not figures:
        click.echo(say("index.nobody"))
    for name, known in figures.items():
        if known is None:
            click.echo(say("index.none", name=name))
        else:
            click.echo(say("index.has", name=name, size=round(known["octets"] / 1e6, 1), **known))
