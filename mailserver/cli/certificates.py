"""``citymail ca``: certificates of people and mailboxes, and whom we trust beside ourselves."""

from __future__ import annotations

from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from directory.cli.context import CliContext
from directory.cli.progress import progress_bar
from directory.database import Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import Account, find_mailbox_owner
from directory.pki import certificates, enrolment, key_files, trust
from directory.pki.certificates import PURPOSES, Certificate
from directory.pki.issuers import Certifier
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
from mailserver.cli.texts import help_text, text
from mailserver.key_process import at_hand
from security.authority.revocation_lists import REASONS

_FILE = click.argument("file", type=existing_file)
# An authority's own compromise is the root's affair
_WHY = [reason for reason in REASONS if reason != "ca-compromise"]


def _owner(conn: Reading | Writing, key: str) -> Account:
    found = find_mailbox_owner(conn, key)
    if found is None:
        raise Fault("account-unknown", account=key)
    return found


def _plain(one: Certificate) -> dict[str, object]:
    return {name: getattr(one, name) for name in Certificate.__slots__ if name not in ("der", "key_id")}


@click.command("list", help=help_text("ca.list"))
@click.argument("account")
@looking_command
def list_(cli: CliContext, account: str) -> None:
    with cli.directory.read() as conn:
        found = certificates.certificates_of(conn, _owner(conn, account).id)
    cli.give([_plain(one) for one in found])
    if not cli.as_json:
        cli.table(
            ("purpose", "state", "serial", "until", "fingerprint"),
            [
                (
                    text(f"kind.{one.purpose}", cli.language),
                    text(f"state.{one.state}", cli.language),
                    one.serial,
                    shown_moment(one.not_after)[:10],
                    one.fingerprint[:16],
                )
                for one in found
            ],
        )


@click.command("issue", help=help_text("ca.issue"))
@click.argument("accounts", nargs=-1)
@click.option("--all", "everybody", is_flag=True, help=help_text("ca.all"))
@click.option("--threads", type=click.IntRange(1, 64), default=2, show_default=True, help=help_text("ca.threads"))
@acting_command
def issue(cli: CliContext, accounts: tuple[str, ...], everybody: bool, threads: int) -> None:
    if bool(accounts) == everybody:
        raise click.UsageError(text("ca.whom", cli.language))
    tally = enrolment.Tally()
    with at_hand(config_of(cli)) as keys:
        certifier = certifying.open_issuer(config_of(cli), cli.directory, keys)
        if everybody:
            tally = _issue_all(cli, certifier, threads)
        for key in accounts:
            with cli.directory.read() as conn:
                owner = _owner(conn, key)
            tally.issued += enrolment.enrol(cli.directory, certifier, owner.id, actor=cli.actor)
            tally.accounts += 1
    _tell(cli, tally)


def _issue_all(cli: CliContext, certifier: Certifier, threads: int) -> enrolment.Tally:
    with cli.directory.read() as conn:
        total = enrolment.count_accounts(conn)
    with progress_bar(total, quiet=cli.as_json) as progress:
        return enrolment.reconcile(
            cli.directory,
            certifier,
            actor=cli.actor,
            threads=threads,
            told=lambda told: progress(told.accounts),
            complain=lambda form, *values: click.echo(form % values, err=True),
        )


@click.command("renew", help=help_text("ca.renew"))
@click.argument("account")
@acting_command
def renew(cli: CliContext, account: str) -> None:
    with cli.directory.read() as conn:
        owner = _owner(conn, account)
    with at_hand(config_of(cli)) as keys:
        certifier = certifying.open_issuer(config_of(cli), cli.directory, keys)
        issued = enrolment.enrol(cli.directory, certifier, owner.id, actor=cli.actor, anew=True)
    _tell(cli, enrolment.Tally(accounts=1, issued=issued))


def _tell(cli: CliContext, tally: enrolment.Tally) -> None:
    told = {name: getattr(tally, name) for name in ("accounts", "issued", "revoked", "failed")}
    cli.give(told)
    cli.say("ca.issued", **told)


@click.command("revoke", help=help_text("ca.revoke"))
@click.argument("key")
@click.option("--why", type=click.Choice(_WHY), required=True, help=help_text("ca.why"))
@acting_command
def revoke(cli: CliContext, key: str, why: str) -> None:
    with cli.write() as conn:
        owner = find_mailbox_owner(conn, key)
        wanted = certificates.certificates_of(conn, owner.id) if owner else certificates.find_certificates(conn, key)
        count = certificates.revoke(conn, cli.actor, wanted, why)
    cli.give({"revoked": count})
    cli.say("ca.was-revoked", count=count)


@click.command("import", help=help_text("ca.import"))
@_FILE
@click.option("--account", default="", help=help_text("ca.owner"))
@acting_command
def import_(cli: CliContext, file: Path, account: str) -> None:
    ends: list[bytes] = []
    authorities: list[bytes] = []
    for der in _certificates_in(file):
        (authorities if trust.is_authority(der) else ends).append(der)
    told = []
    with cli.write() as conn:
        for der in authorities:
            trust.note_authority(conn, cli.actor, der)
            cli.say("ca.noted", subject=certificates.describe(der)["subject"])
        for der in ends:
            owner = _owner(conn, account) if account else None
            told += trust.import_certificate(conn, cli.actor, der, owner=owner, companions=authorities)
    cli.give([_plain(one) for one in told])
    for one in told:
        cli.say("ca.imported", subject=one.subject, purposes=text(f"kind.{one.purpose}", cli.language))


@click.command("trust", help=help_text("ca.trust"))
@_FILE
@click.option("--name", default="", help=help_text("ca.trust-name"))
@click.option("--purpose", multiple=True, type=click.Choice(PURPOSES), help=help_text("ca.purpose"))
@click.option("--domain", multiple=True, help=help_text("ca.domain"))
@click.option("--unlisted", is_flag=True, help=help_text("ca.unlisted"))
@acting_command
def trust_(
    cli: CliContext, file: Path, name: str, purpose: tuple[str, ...], domain: tuple[str, ...], unlisted: bool
) -> None:
    (der,) = _certificates_in(file, most=1)
    with cli.write() as conn:
        row = trust.trust_authority(
            conn,
            cli.actor,
            der,
            name=name,
            purposes=purpose or PURPOSES,
            domains=domain,
            lists_revocations=not unlisted,
        )
    cli.give({"name": row.name, "fingerprint": row.fingerprint, "purposes": row.purposes, "domains": row.domains})
    cli.say("ca.trusted", name=row.name)
    cli.say("ca.founded", subject=row.name, fingerprint=row.fingerprint)


@click.command("distrust", help=help_text("ca.distrust"))
@click.argument("key")
@acting_command
def distrust(cli: CliContext, key: str) -> None:
    with cli.write() as conn:
        row = trust.distrust(conn, cli.actor, key)
    cli.give({"name": row.name, "fingerprint": row.fingerprint})
    cli.say("ca.distrusted", name=row.name)


@click.command("import-pkcs12", help=help_text("ca.import-pkcs12"))
@click.argument("account")
@_FILE
@passphrase_option
@acting_command
def import_pkcs12(cli: CliContext, account: str, file: Path, passphrase_file: Path | None) -> None:
    passphrase = read_passphrase(cli, passphrase_file, confirm=False)
    with cli.directory.read() as reading:
        owner = _owner(reading, account)
    with at_hand(config_of(cli)) as keys:
        brought = keys.take(owner.id, file.read_bytes(), passphrase)
    with cli.write() as conn:
        told = key_files.import_brought(conn, cli.actor, owner, brought)
    cli.give([_plain(one) for one in told])
    for one in told:
        cli.say("ca.imported", subject=one.subject, purposes=text(f"kind.{one.purpose}", cli.language))


def _certificates_in(file: Path, most: int = 1000) -> list[bytes]:
    """All in a PEM file, or the one in a DER file (RFC 2585 §4.1); exactly so many if one is asked for."""
    octets = file.read_bytes()
    try:
        found = (
            x509.load_pem_x509_certificates(octets)
            if b"-----BEGIN" in octets
            else [x509.load_der_x509_certificate(octets)]
        )
    except ValueError as fault:
        raise Fault("certificate-unfit", subject=file, why=str(fault)) from None
    if len(found) > most:
        raise Fault("certificate-unfit", subject=file, why=f"{len(found)} > {most}")
    return [each.public_bytes(Encoding.DER) for each in found]


certificate_commands: tuple[click.Command, ...] = (
    list_,
    issue,
    renew,
    revoke,
    import_,
    trust_,
    distrust,
    import_pkcs12,
)
