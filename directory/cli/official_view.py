"""How an official is shown: as JSON, as a line of a table, after a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from directory.cli.context import CliContext
from directory.cli.texts import text
from directory.database import Reading, Writing
from directory.staff import people, postings, units
from directory.staff.people import Official


def flat(official: Official) -> dict[str, Any]:
    account = asdict(official.account)
    return {
        "account_id": account.pop("id"),
        **account,
        "person_id": official.person_id,
        "employee_code": official.employee_code,
        "family_name": official.family_name,
        "middle_name": official.middle_name,
        "given_name": official.given_name,
        "phone": official.phone,
        "left_on": official.left_on,
        "has_password": official.has_password,
        "must_change_password": official.must_change_password,
    }


def with_posts(conn: Reading | Writing, official: Official) -> dict[str, Any]:
    known = postings.positions(conn)
    posts = []
    for post in people.posts_of(conn, official):
        unit = units.find_unit(conn, post.unit_id)
        position = known[post.position_id]
        posts.append(
            {
                "unit": unit.name,
                "unit_id": unit.id,
                "position": position.code,
                "title": postings.written_title(post.title, post.kind, position.title),
                "kind": post.kind,
                "is_primary": post.is_primary,
                "valid_from": post.valid_from,
                "valid_until": post.valid_until,
                "decision": post.decision,
            }
        )
    return flat(official) | {"posts": posts}


def show_list(cli: CliContext, found: list[Official]) -> None:
    if cli.as_json:
        cli.give([flat(official) for official in found])
        return
    cli.table(
        ("employee_code", "name", "login", "title", "unit", "status"),
        [
            (
                official.employee_code,
                official.full_name,
                official.account.login,
                official.account.title,
                official.account.unit,
                text(f"status.{official.account.status}", cli.language),
            )
            for official in found
        ],
    )


def show_changed(
    cli: CliContext, key: str, told: str, more: Mapping[str, object] = MappingProxyType({}), **values: object
) -> None:
    """What was done, and to whom; ``told`` is a key of the texts, ``more`` stands in the answer besides."""
    with cli.directory.read() as conn:
        answer = with_posts(conn, people.find_official(conn, key))
    cli.give(answer | dict(more))
    cli.say(told, name=answer["name"], login=answer["login"], **values)
