"""``citymail official``: people, their posts, and the import of many."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from directory import people, postings, provisioning, units
from directory.cli.context import (
    EXIT_PARTLY,
    CliContext,
    directory_command,
    hashed,
    read_password,
    show_size,
)
from directory.cli.texts import help_text, text
from directory.database import Reading, Writing
from directory.dates import day_before, days_after, holds, parse_day
from directory.intake import Joiner
from directory.names import PersonName, split_name, tidy
from directory.people import Official
from directory.sizes import parse_size

_KIND = click.Choice(["substantive", "acting", "seconded"])


@click.group()
def group() -> None:
    pass


def _name(
    full: str | None, family: str | None, middle: str | None, given: str | None, before: PersonName | None = None
) -> PersonName:
    """The parts that were given win over what the full name would be split into."""
    base = split_name(full) if full else before
    parts = [tidy(part) if part is not None else None for part in (family, middle, given)]
    if base is None:
        family, middle, given = (part or "" for part in parts)
        return PersonName(" ".join(part for part in (family, middle, given) if part), family, middle, given)
    family, middle, given = (
        part if part is not None else kept
        for part, kept in zip(parts, (base.family, base.middle, base.given), strict=True)
    )
    spelled = base.full if full or not any(parts) else " ".join(p for p in (family, middle, given) if p)
    return replace(base, full=spelled, family=family, middle=middle, given=given)


def _json(conn: Reading | Writing, official: Official) -> dict[str, Any]:
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
    return _flat(official) | {"posts": posts}


def _flat(official: Official) -> dict[str, Any]:
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


def _unit_id(conn: Reading | Writing, key: str) -> str:
    return units.open_unit(conn, key).id


@group.command("add", help=help_text("official.add"))
@click.option("--name", help=help_text("official.name"))
@click.option("--family", help=help_text("official.family"))
@click.option("--middle", help=help_text("official.middle"))
@click.option("--given", help=help_text("official.given"))
@click.option("--unit", default="", help=help_text("official.unit"))
@click.option("--position", default="", help=help_text("official.position"))
@click.option("--title", default="", help=help_text("official.title"))
@click.option("--kind", type=_KIND, default="substantive", show_default=True, help=help_text("official.kind"))
@click.option("--code", default="", help=help_text("official.code"))
@click.option("--address", default="", help=help_text("official.address"))
@click.option("--domain", default="", help=help_text("official.domain"))
@click.option("--from", "from_day", help=help_text("option.from"))
@click.option("--decision", default="", help=help_text("option.decision"))
@click.option("--phone", default="", help=help_text("official.phone"))
@click.option("--quota", default="0", show_default=True, help=help_text("option.quota"))
@click.option("--language", type=click.Choice(["vi", "en"]), default="vi", show_default=True)
@click.option("--admin", is_flag=True, help=help_text("option.admin"))
@click.option("--password", help=help_text("option.password"))
@click.option("--password-stdin", is_flag=True, help=help_text("option.password-stdin"))
@click.option("--generate", is_flag=True, help=help_text("option.generate"))
@click.option("--must-change", is_flag=True, help=help_text("option.must-change"))
@directory_command
def add(
    cli: CliContext,
    name: str | None,
    family: str | None,
    middle: str | None,
    given: str | None,
    unit: str,
    position: str,
    title: str,
    kind: Any,
    code: str,
    address: str,
    domain: str,
    from_day: str | None,
    decision: str,
    phone: str,
    quota: str,
    language: str,
    admin: bool,
    password: str | None,
    password_stdin: bool,
    generate: bool,
    must_change: bool,
) -> None:
    if bool(unit) != bool(position):
        raise click.UsageError(text("official.unit-and-position", cli.language))
    chosen, generated = read_password(password, password_stdin, generate)
    # hashed before the transaction begins: it takes 20 ms
    stored = hashed(chosen)
    with cli.directory.write() as conn:
        joined = provisioning.join(
            conn,
            cli.actor,
            Joiner(
                _name(name, family, middle, given),
                _unit_id(conn, unit) if unit else "",
                postings.find_position(conn, position).id if position else "",
                valid_from=parse_day(from_day) if from_day else conn.today,
                employee_code=code.strip(),
                title=tidy(title),
                kind=kind,
                decision=decision,
                address=address.strip(),
                password_hash=stored,
                must_change_password=must_change,
                quota_bytes=parse_size(quota),
                language=language,
                phone=phone.strip(),
                is_admin=admin,
            ),
            domain_name=domain,
        )
        answer = _json(conn, people.find_official(conn, joined.account_id))
    cli.give(answer | ({"password": chosen} if generated else {}))
    cli.say("official.added", name=answer["name"], login=joined.login)
    if generated:
        cli.say("password.is", password=chosen)
    elif stored is None:
        cli.say("password.none", login=joined.login)


@group.command("show", help=help_text("official.show"))
@click.argument("official")
@directory_command
def show(cli: CliContext, official: str) -> None:
    with cli.directory.read() as conn:
        answer = _json(conn, people.find_official(conn, official))
        from directory.groups import groups_of
        from directory.recipients import addresses_of

        answer["addresses"] = addresses_of(conn, answer["account_id"])
        answer["groups"] = [found.address for found in groups_of(conn, answer["account_id"])]
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
            ("employee_code", answer["employee_code"]),
            ("phone", answer["phone"]),
            ("posts", posts),
            ("addresses", answer["addresses"]),
            ("groups", answer["groups"]),
            ("quota", show_size(answer["quota_bytes"]) if answer["quota_bytes"] else ""),
            ("left_on", answer["left_on"]),
            ("password", "" if answer["has_password"] else text("password.missing", cli.language)),
            ("id", answer["account_id"]),
        ]
    )


def _listed(cli: CliContext, found: list[Official]) -> None:
    if cli.as_json:
        cli.give([_flat(official) for official in found])
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


@group.command("list", help=help_text("official.list"))
@click.option("--unit", default="", help=help_text("official.list-unit"))
@click.option("--status", type=click.Choice(["active", "locked", "closed"]), help=help_text("option.status"))
@click.option("--limit", type=click.IntRange(1), help=help_text("option.limit"))
@directory_command
def list_(cli: CliContext, unit: str, status: str | None, limit: int | None) -> None:
    with cli.directory.read() as conn:
        within = None
        if unit:
            tree = units.tree(conn)
            within = [below.id for below in tree.subtree(tree.find(unit).id)]
        _listed(cli, list(people.list_officials(conn, units=within, status=status, limit=limit)))


@group.command("search", help=help_text("official.search"))
@click.argument("text")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help=help_text("option.limit"))
@directory_command
def search(cli: CliContext, text: str, limit: int) -> None:
    with cli.directory.read() as conn:
        _listed(cli, list(people.list_officials(conn, text=text, limit=limit)))


def _told(cli: CliContext, official_key: str, key: str, **values: object) -> None:
    with cli.directory.read() as conn:
        answer = _json(conn, people.find_official(conn, official_key))
    cli.give(answer)
    cli.say(key, name=answer["name"], login=answer["login"], **values)


@group.command("move", help=help_text("official.move"))
@click.argument("official")
@click.option("--unit", required=True, help=help_text("official.unit"))
@click.option("--position", required=True, help=help_text("official.position"))
@click.option("--title", default="", help=help_text("official.title"))
@click.option("--kind", type=_KIND, default="substantive", show_default=True, help=help_text("official.kind"))
@click.option("--from", "from_day", help=help_text("option.from"))
@click.option("--end-all", is_flag=True, help=help_text("official.end-all"))
@click.option("--decision", default="", help=help_text("option.decision"))
@directory_command
def move(
    cli: CliContext,
    official: str,
    unit: str,
    position: str,
    title: str,
    kind: Any,
    from_day: str | None,
    end_all: bool,
    decision: str,
) -> None:
    with cli.directory.write() as conn:
        found = people.find_official(conn, official)
        made = provisioning.move(
            conn,
            cli.actor,
            found.person_id,
            unit_id=_unit_id(conn, unit),
            position_id=postings.find_position(conn, position).id,
            from_day=parse_day(from_day) if from_day else conn.today,
            title=tidy(title),
            kind=kind,
            keep_other_posts=not end_all,
            decision=decision,
        )
    _told(cli, found.person_id, "official.moved", day=made.valid_from)


@group.command("appoint", help=help_text("official.appoint"))
@click.argument("official")
@click.option("--unit", required=True, help=help_text("official.unit"))
@click.option("--position", required=True, help=help_text("official.position"))
@click.option("--title", default="", help=help_text("official.title"))
@click.option("--kind", type=_KIND, default="substantive", show_default=True, help=help_text("official.kind"))
@click.option("--from", "from_day", help=help_text("option.from"))
@click.option("--until", help=help_text("option.until"))
@click.option("--primary", is_flag=True, help=help_text("official.primary"))
@click.option("--decision", default="", help=help_text("option.decision"))
@directory_command
def appoint(
    cli: CliContext,
    official: str,
    unit: str,
    position: str,
    title: str,
    kind: Any,
    from_day: str | None,
    until: str | None,
    primary: bool,
    decision: str,
) -> None:
    with cli.directory.write() as conn:
        found = people.find_official(conn, official)
        made = provisioning.appoint(
            conn,
            cli.actor,
            found.person_id,
            unit_id=_unit_id(conn, unit),
            position_id=postings.find_position(conn, position).id,
            from_day=parse_day(from_day) if from_day else conn.today,
            until_day=parse_day(until) if until else None,
            title=tidy(title),
            kind=kind,
            primary=primary,
            decision=decision,
        )
    _told(cli, found.person_id, "official.appointed", day=made.valid_from)


@group.command("dismiss", help=help_text("official.dismiss"))
@click.argument("official")
@click.option("--unit", required=True, help=help_text("official.unit"))
@click.option("--position", default="", help=help_text("official.position"))
@click.option("--last-day", help=help_text("option.last-day"))
@click.option("--decision", default="", help=help_text("option.decision"))
@directory_command
def dismiss(cli: CliContext, official: str, unit: str, position: str, last_day: str | None, decision: str) -> None:
    with cli.directory.write() as conn:
        found = people.find_official(conn, official)
        day = parse_day(last_day) if last_day else day_before(conn.today)
        provisioning.dismiss(
            conn,
            cli.actor,
            found.person_id,
            unit_id=units.find_unit(conn, unit).id,
            position_id=postings.find_position(conn, position).id if position else None,
            last_day=day,
            decision=decision,
        )
    _told(cli, found.person_id, "official.dismissed", day=day)


@group.command("rename", help=help_text("official.rename"))
@click.argument("official")
@click.option("--name", help=help_text("official.name"))
@click.option("--family", help=help_text("official.family"))
@click.option("--middle", help=help_text("official.middle"))
@click.option("--given", help=help_text("official.given"))
@click.option("--address", default="", help=help_text("official.new-address"))
@click.option("--decision", default="", help=help_text("option.decision"))
@directory_command
def rename(
    cli: CliContext,
    official: str,
    name: str | None,
    family: str | None,
    middle: str | None,
    given: str | None,
    address: str,
    decision: str,
) -> None:
    with cli.directory.write() as conn:
        found = people.find_official(conn, official)
        before = PersonName(found.full_name, found.family_name, found.middle_name, found.given_name)
        provisioning.rename(
            conn,
            cli.actor,
            found.person_id,
            _name(name, family, middle, given, before),
            new_address=address,
            decision=decision,
        )
    _told(cli, found.person_id, "official.renamed", before=found.full_name)


@group.command("lock", help=help_text("mailbox.lock"))
@click.argument("official")
@click.option("--reason", default="", help=help_text("option.reason"))
@directory_command
def lock(cli: CliContext, official: str, reason: str) -> None:
    with cli.directory.write() as conn:
        found = people.find_official(conn, official)
        provisioning.lock(conn, cli.actor, found.account.id, reason=reason)
    _told(cli, found.person_id, "mailbox.locked")


@group.command("unlock", help=help_text("mailbox.unlock"))
@click.argument("official")
@click.option("--reason", default="", help=help_text("option.reason"))
@directory_command
def unlock(cli: CliContext, official: str, reason: str) -> None:
    with cli.directory.write() as conn:
        found = people.find_official(conn, official)
        provisioning.unlock(conn, cli.actor, found.account.id, reason=reason)
    _told(cli, found.person_id, "mailbox.unlocked")


@group.command("passwd", help=help_text("mailbox.passwd"))
@click.argument("official")
@click.option("--password", help=help_text("option.password"))
@click.option("--password-stdin", is_flag=True, help=help_text("option.password-stdin"))
@click.option("--generate", is_flag=True, help=help_text("option.generate"))
@click.option("--must-change", is_flag=True, help=help_text("option.must-change"))
@directory_command
def passwd(
    cli: CliContext,
    official: str,
    password: str | None,
    password_stdin: bool,
    generate: bool,
    must_change: bool,
) -> None:
    from directory.cli.mailbox_commands import change_password

    with cli.directory.read() as conn:
        found = people.find_official(conn, official)
    change_password(cli, found.account, password, password_stdin, generate, must_change)


@group.command("remove", help=help_text("official.remove"))
@click.argument("official")
@click.option("--last-day", help=help_text("option.last-day"))
@click.option("--redirect-to", default="", help=help_text("official.redirect-to"))
@click.option("--redirect-until", help=help_text("official.redirect-until"))
@click.option("--decision", default="", help=help_text("option.decision"))
@directory_command
def remove(
    cli: CliContext,
    official: str,
    last_day: str | None,
    redirect_to: str,
    redirect_until: str | None,
    decision: str,
) -> None:
    with cli.directory.write() as conn:
        found = people.find_official(conn, official)
        day = parse_day(last_day) if last_day else day_before(conn.today)
        until = parse_day(redirect_until) if redirect_until else days_after(conn.today, provisioning.REDIRECT_DAYS)
        provisioning.leave(
            conn,
            cli.actor,
            found.account.id,
            last_day=day,
            redirect_to=redirect_to,
            redirect_until=until,
            decision=decision,
        )
    _told(cli, found.person_id, "official.removed", day=day)


@group.command("return", help=help_text("official.return"))
@click.argument("official")
@click.option("--unit", required=True, help=help_text("official.unit"))
@click.option("--position", required=True, help=help_text("official.position"))
@click.option("--title", default="", help=help_text("official.title"))
@click.option("--from", "from_day", help=help_text("option.from"))
@click.option("--decision", default="", help=help_text("option.decision"))
@directory_command
def return_(
    cli: CliContext, official: str, unit: str, position: str, title: str, from_day: str | None, decision: str
) -> None:
    with cli.directory.write() as conn:
        found = people.find_official(conn, official)
        provisioning.come_back(
            conn,
            cli.actor,
            found.person_id,
            unit_id=_unit_id(conn, unit),
            position_id=postings.find_position(conn, position).id,
            from_day=parse_day(from_day) if from_day else conn.today,
            title=tidy(title),
            decision=decision,
        )
    _told(cli, found.person_id, "official.returned")


@group.command("positions", help=help_text("official.positions"))
@directory_command
def list_positions(cli: CliContext) -> None:
    with cli.directory.read() as conn:
        found = list(postings.positions(conn).values())
    cli.give(found)
    if not cli.as_json:
        cli.table(
            ("code", "title", "title_en", "rank", "clerk"),
            [(p.code, p.title, p.title_en, p.rank, "×" if p.is_clerk else "") for p in found],
        )


@group.command("define-position", help=help_text("official.define-position"))
@click.argument("code")
@click.option("--title", required=True, help=help_text("official.title"))
@click.option("--title-en", default="", help=help_text("option.name-en"))
@click.option("--rank", type=click.IntRange(1, 99), default=60, show_default=True, help=help_text("official.rank"))
@click.option("--clerk", is_flag=True, help=help_text("official.clerk"))
@directory_command
def define_position(cli: CliContext, code: str, title: str, title_en: str, rank: int, clerk: bool) -> None:
    with cli.directory.write() as conn:
        made = postings.add_position(conn, code=code, title=title, title_en=title_en, rank=rank, is_clerk=clerk)
    cli.give(made)
    cli.say("official.position-defined", code=made.code, title=made.title)


@group.command("import", help=help_text("official.import"))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help=help_text("import.dry-run"))
@click.option("--rejects", type=click.Path(path_type=Path, dir_okay=False), help=help_text("import.rejects"))
@click.option("--password", help=help_text("import.password"))
@click.option("--password-stdin", is_flag=True, help=help_text("option.password-stdin"))
@click.option("--must-change", is_flag=True, help=help_text("option.must-change"))
@click.option("--quota", default="0", show_default=True, help=help_text("import.quota"))
@click.option("--domain", default="", help=help_text("official.domain"))
@directory_command
def import_(
    cli: CliContext,
    file: Path,
    dry_run: bool,
    rejects: Path | None,
    password: str | None,
    password_stdin: bool,
    must_change: bool,
    quota: str,
    domain: str,
) -> None:
    from directory.cli.progress import progress_bar
    from directory.official_import import ImportSettings, OfficialImport

    chosen, _ = read_password(password, password_stdin)
    settings = ImportSettings(
        common_password_hash=hashed(chosen),
        must_change_password=must_change,
        quota_bytes=parse_size(quota),
        domain=domain,
        dry_run=dry_run,
    )
    rejects = rejects or file.with_name(file.stem + ".rejects.csv")
    importer = OfficialImport(cli.directory, cli.actor, settings, language=cli.language)
    with progress_bar(file.stat().st_size, quiet=cli.as_json) as advance:
        outcome = importer.run(file, rejects, advance)
    cli.give(
        {
            "dry_run": dry_run,
            "added": outcome.added,
            "updated": outcome.updated,
            "unchanged": outcome.unchanged,
            "rejected": outcome.rejected,
            "rejects_file": str(rejects) if outcome.rejected else None,
            "problems": [{"line": line, "reason": reason} for line, reason in outcome.problems],
        }
    )
    cli.say(
        "import.rehearsed" if dry_run else "import.done",
        added=outcome.added,
        updated=outcome.updated,
        unchanged=outcome.unchanged,
        rejected=outcome.rejected,
    )
    if outcome.rejected:
        for line, reason in outcome.problems:
            cli.warn("import.problem", line=line, reason=reason)
        cli.warn("import.rejected", count=outcome.rejected, file=rejects)
        raise SystemExit(EXIT_PARTLY)
