"""``citymail ca``: the city's certificate authority is founded, installed and looked after."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from directory.cli.context import CliContext
from directory.faults import Fault
from directory.pki import fetched_crls, issuers, trust
from directory.pki.certificates import fingerprint
from directory.record import record
from mailserver import certifying
from mailserver.cli.ca_options import (
    acting_command,
    config_of,
    existing_file,
    looking_command,
    passphrase_option,
    read_passphrase,
    shown_moment,
)
from mailserver.cli.certificates import certificate_commands
from mailserver.cli.escrow import group as escrow
from mailserver.cli.texts import help_text, text
from mailserver.config import Config
from mailserver.key_process import key_process, make_installation_key
from security.authority import offline_root
from security.authority.issuing import RequestFault, make_request, serial_from
from security.authority.key_kinds import KeyFault
from security.authority.key_places import Safe, make_key_at
from security.authority.local import write_whole
from security.authority.names import subject
from security.authority.revocation_lists import REASONS

_KINDS = click.Choice(["rsa3072", "rsa4096", "p256", "p384"])
_FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
_PLACE = click.option("--place", default="file:issuing.key", show_default=True, help=help_text("ca.place"))


@click.group()
def group() -> None:
    pass


for command in (*certificate_commands, escrow):
    group.add_command(command)


def _now() -> datetime:
    return datetime.now(UTC)


def _read_certificate(path: Path) -> x509.Certificate:
    octets = path.read_bytes()
    try:
        return x509.load_pem_x509_certificate(octets) if b"-----" in octets else x509.load_der_x509_certificate(octets)
    except ValueError as fault:
        raise Fault("certificate-unfit", subject=path, why=str(fault)) from None


# With the root, offline


@group.command("root", help=help_text("ca.root"))
@_FOLDER
@click.option("--name", required=True, help=help_text("ca.name"))
@click.option("--organization", default="", help=help_text("ca.organization"))
@click.option("--key", type=_KINDS, default="rsa4096", show_default=True, help=help_text("ca.key"))
@passphrase_option
@looking_command
def root(cli: CliContext, folder: Path, name: str, organization: str, key: str, passphrase_file: Path | None) -> None:
    made = offline_root.found(
        folder,
        read_passphrase(cli, passphrase_file, confirm=True).encode(),
        name=name,
        organization=organization,
        country="VN",
        kind=key,
        serial=serial_from(secrets.randbits(160)),
        now=_now(),
    )
    _tell(cli, made)


@group.command("sign", help=help_text("ca.sign"))
@_FOLDER
@click.argument("request", type=existing_file)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--host", default="", help=help_text("ca.host"))
@passphrase_option
@looking_command
def sign(cli: CliContext, folder: Path, request: Path, file: Path, host: str, passphrase_file: Path | None) -> None:
    try:
        read = x509.load_pem_x509_csr(request.read_bytes())
        made = offline_root.sign(
            folder,
            read_passphrase(cli, passphrase_file, confirm=False).encode(),
            read,
            host=host,
            serial=serial_from(secrets.randbits(160)),
            now=_now(),
        )
    except (ValueError, RequestFault) as fault:
        raise KeyFault(f"{request}: {fault}") from None
    write_whole(file, made.public_bytes(Encoding.PEM), 0o644)
    _tell(cli, made)


@group.command("root-crl", help=help_text("ca.root-crl"))
@_FOLDER
@click.option(
    "--revoke",
    "revoked",
    multiple=True,
    type=existing_file,
    help=help_text("ca.revoked-certificate"),
)
@click.option("--why", type=click.Choice(list(REASONS)), default="unspecified", help=help_text("ca.why"))
@passphrase_option
@looking_command
def root_crl(cli: CliContext, folder: Path, revoked: tuple[Path, ...], why: str, passphrase_file: Path | None) -> None:
    ended = [_read_certificate(path) for path in revoked]
    made = offline_root.renew_list(
        folder, read_passphrase(cli, passphrase_file, confirm=False).encode(), ended, reason=why, now=_now()
    )
    number = made.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    assert made.next_update_utc is not None
    cli.give({"number": number, "next_update": made.next_update_utc.isoformat()})
    cli.say(
        "ca.listed",
        kind=text("authority.root", cli.language),
        number=number,
        until=shown_moment(int(made.next_update_utc.timestamp())),
    )


def _tell(cli: CliContext, made: x509.Certificate) -> None:
    der = made.public_bytes(Encoding.DER)
    told = {"subject": made.subject.rfc4514_string(), "fingerprint": fingerprint(der)}
    cli.give(told)
    cli.say("ca.founded", **told)


# On the server


@group.command("init", help=help_text("ca.init"))
@click.option("--name", required=True, help=help_text("ca.name"))
@click.option("--key", type=_KINDS, default="rsa3072", show_default=True, help=help_text("ca.key"))
@_PLACE
@acting_command
def init(cli: CliContext, name: str, key: str, place: str) -> None:
    config = config_of(cli)
    safe = certifying.safe_of(config)
    if place.startswith("file:") and not safe.passphrase:
        safe = _with_passphrase(config, safe)
    made = make_key_at(safe, place, key)
    wanted = subject(name, organization=config.city.name, country="VN")
    file = certifying.folder_of(config) / "issuing.csr"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(file, make_request(made, wanted).public_bytes(Encoding.PEM), 0o644)
    with cli.write() as conn:
        record(conn, cli.actor, "issuer.request", wanted.rfc4514_string(), key=place)
    cli.give({"request": str(file), "host": config.pki.host})
    cli.say("ca.requested", file=file, host=config.pki.host)


def _with_passphrase(config: Config, safe: Safe) -> Safe:
    """A passphrase that nobody has to remember, in a file beside the key."""
    path = certifying.folder_of(config) / "passphrase"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = secrets.token_urlsafe(32).encode()
    write_whole(path, made + b"\n", 0o600)
    return Safe(safe.folder, made, safe.module, safe.pin)


@group.command("install", help=help_text("ca.install"))
@click.argument("certificate", type=existing_file)
@click.option(
    "--root",
    "root_file",
    required=True,
    type=existing_file,
    help=help_text("ca.root-file"),
)
@click.option(
    "--crl",
    "crl_file",
    required=True,
    type=existing_file,
    help=help_text("ca.crl-file"),
)
@_PLACE
@acting_command
def install(cli: CliContext, certificate: Path, root_file: Path, crl_file: Path, place: str) -> None:
    config = config_of(cli)
    make_installation_key(config)
    with cli.write() as conn:
        row = issuers.install(
            conn,
            cli.actor,
            root=_read_certificate(root_file),
            issuing=_read_certificate(certificate),
            root_crl=crl_file.read_bytes(),
            key_place=place,
            safe=certifying.safe_of(config),
        )
    told = row.certificate.subject.rfc4514_string()
    cli.give({"subject": told, "fingerprint": row.fingerprint})
    cli.say("ca.installed", subject=told)


@group.command("take-crl", help=help_text("ca.take-crl"))
@click.argument("file", type=existing_file)
@acting_command
def take_crl(cli: CliContext, file: Path) -> None:
    octets = file.read_bytes()
    with cli.write() as conn:
        for row in issuers.list_issuers(conn):
            if row.role == issuers.ROOT and issuers.is_list_of(octets, row):
                issuers.take_crl(conn, cli.actor, row, octets)
                taken = issuers.crl_of(conn, row.id)
                break
        else:
            raise Fault("crl-unfit", why=text("ca.no-root", cli.language))
    assert taken is not None
    cli.give(taken)
    cli.say(
        "ca.listed",
        kind=text("authority.root", cli.language),
        number=taken.number,
        until=shown_moment(taken.next_update),
    )


@group.command("crl", help=help_text("ca.crl"))
@click.option("--anew", is_flag=True, help=help_text("ca.anew"))
@acting_command
def crl(cli: CliContext, anew: bool) -> None:
    config = config_of(cli)
    made = []
    with cli.directory.read() as reading:
        due = [row for row in issuers.list_issuers(reading) if row.key_place] if anew else issuers.crls_due(reading)
    for row in due:
        certifier = certifying.open_issuer(config, cli.directory, key_process(config), row)
        with cli.write() as conn:
            made += issuers.publish_crls(conn, cli.actor, certifier, anew=anew)
    cli.give([{"kind": each.kind, "number": each.number, "next_update": each.next_update} for each in made])
    for each in made:
        cli.say(
            "ca.listed",
            kind=text(f"crl.{each.kind}", cli.language),
            number=each.number,
            until=shown_moment(each.next_update),
        )
    if not made:
        cli.say("ca.nothing-due")


@group.command("status", help=help_text("ca.status"))
@looking_command
def status(cli: CliContext) -> None:
    with cli.directory.read() as conn:
        rows = issuers.list_issuers(conn)
        lists = {row.id: [issuers.crl_of(conn, row.id, kind) for kind in (issuers.FULL, issuers.DELTA)] for row in rows}
        counts = issuers.count_certificates(conn)
        anchors = trust.list_anchors(conn)
        fetched = fetched_crls.list_fetched(conn)
        now = conn.now
    if cli.as_json:
        cli.give(
            {
                "authorities": [
                    {
                        "subject": row.certificate.subject.rfc4514_string(),
                        **{name: getattr(row, name) for name in ("role", "state", "fingerprint", "key_place")},
                        "lists": [
                            {"kind": each.kind, "number": each.number, "next_update": each.next_update}
                            for each in lists[row.id]
                            if each
                        ],
                    }
                    for row in rows
                ],
                "certificates": [{"purpose": each[0], "state": each[1], "count": each[2]} for each in counts],
                "anchors": [_plain(anchor) for anchor in anchors],
                "fetched": [{"url": url, "next_update": until, "problem": problem} for url, until, problem in fetched],
            }
        )
        return
    cli.table(
        ("authority", "role", "state", "fingerprint", "until"),
        [
            (
                row.certificate.subject.rfc4514_string(),
                text(f"authority.{row.role}", cli.language),
                text(f"state.{row.state}", cli.language),
                row.fingerprint[:16],
                shown_moment(int(row.certificate.not_valid_after_utc.timestamp())),
            )
            for row in rows
        ],
    )
    for row in rows:
        for each in filter(None, lists[row.id]):
            kind = " ".join(text(key, cli.language) for key in (f"authority.{row.role}", f"crl.{each.kind}"))
            cli.say("ca.listed", kind=kind, number=each.number, until=shown_moment(each.next_update))
            if row.role == issuers.ROOT and each.next_update < now + 30 * issuers.DAY:
                cli.warn("ca.crl-old", until=shown_moment(each.next_update))
    if counts:
        cli.table(
            ("purpose", "state", "count"),
            [
                (*(text(key, cli.language) for key in (f"kind.{each[0]}", f"state.{each[1]}")), each[2])
                for each in counts
            ],
        )
    if anchors:
        cli.table(
            ("name", "purpose", "domains", "fingerprint"),
            [(each.name, each.purposes, each.domains, each.fingerprint[:16]) for each in anchors],
        )
    if fetched:
        cli.table(
            ("list", "until", "problem"),
            [(url, shown_moment(until) if until else "", why) for url, until, why in fetched],
        )


def _plain(anchor: trust.TrustedRow) -> dict[str, object]:
    return {name: getattr(anchor, name) for name in anchor.__slots__ if name != "der"}
