"""``citymail index``: look at the full-text indexes, and make them anew.

An index is made at an account's first search and kept up from then on; it may be removed at any time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from directory.cli.context import EXIT_UNKNOWN
from directory.cli.texts import environment_language
from mailserver.cli.options import allow, config_option, owner_of, put_on_record, read_config, speaker

if TYPE_CHECKING:
    from mailserver.config import Config
    from mailserver.store import Store

# key: (English, Vietnamese)
_TEXTS = {
    "no-mailbox": ("There is no mailbox {key}.", "Không có hộp thư {key}."),
    "which": ("Name an address, or say --all.", "Hãy nêu một địa chỉ, hoặc dùng --all."),
    "none": (
        "{name}: no index; it is made at the first search.",
        "{name}: chưa có chỉ mục; sẽ lập ở lần tìm đầu tiên.",
    ),
    "has": (
        "{name}: {messages} messages and the files of {attached}; {behind} messages and the files of {waiting} not yet"
        " read; {size} MB.",
        "{name}: {messages} thư và tệp của {attached} thư; còn {behind} thư và tệp của {waiting} thư chưa đọc;"
        " {size} MB.",
    ),
}

Say = Callable[..., str]

_address = click.argument("address", required=False)
_all = click.option("--all", "everything", is_flag=True, help="Every account that has an index.")
_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
_lang = click.option("--lang", type=click.Choice(["vi", "en"]), envvar="CITYMAIL_LANG", help="Language of the answer.")


@click.group()
def index() -> None:
    """The full-text indexes behind SEARCH and the webmail."""


@index.command("status")
@_address
@_all
@config_option
@_json
@_lang
def status_command(address: str | None, everything: bool, config_path: Path, as_json: bool, lang: str | None) -> None:
    """How much of an account's mail its index knows."""
    say = speaker(_TEXTS, lang or environment_language())
    config = read_config(config_path)
    with _store(config) as store:
        accounts, subject = _accounts(config, store, address, say, everything=everything)
        allow(config_path, "index.see", subject)
        _tell(store, accounts, say, as_json=as_json)


@index.command("rebuild")
@_address
@_all
@config_option
@_json
@_lang
def rebuild_command(address: str | None, everything: bool, config_path: Path, as_json: bool, lang: str | None) -> None:
    """Remove an account's index and read all its mail anew, beside a running server.  Searches go on meanwhile."""
    say = speaker(_TEXTS, lang or environment_language())
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
        raise click.UsageError(say("which"))
    account = owner_of(config, address)
    if account is None:
        click.echo(say("no-mailbox", key=address), err=True)
        sys.exit(EXIT_UNKNOWN)
    return {account.id: address}, account.login


def _tell(store: Store, accounts: dict[str, str], say: Say, *, as_json: bool) -> None:
    figures = {name: store.fulltext.figures(account_id) for account_id, name in accounts.items()}
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False, indent=1))
        return
    for name, known in figures.items():
        if known is None:
            click.echo(say("none", name=name))
        else:
            click.echo(say("has", name=name, size=round(known["octets"] / 1e6, 1), **known))
