"""Whom the city believes beside itself, and the judge of certificates as the directory calls it.

Anchors are authorities whose own certificate is taken for granted (the Government Cipher Committee's, say), each for
named purposes and domains; our own roots are among them.  Certificates that another authority has issued to people of
ours are imported, and its intermediate ones noted.  CRLs of others are fetched in the background, from where
certificates that were imported or trusted say, and from nowhere else: what a stranger's certificate names is not
followed.

Standards: RFC 5280 §6.1.1 (d), §6.3; RFC 8550 §4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from sqlalchemy import bindparam, delete, insert, select

from directory.database import Question, Reading, Writing
from directory.faults import Fault
from directory.mail.accounts import Account, account_by_login
from directory.pki.certificates import (
    ENCRYPTION,
    REVOKED,
    SIGNING,
    Certificate,
    certificates_of,
    describe,
    fingerprint,
    insert_certificate,
)
from directory.pki.fetched_crls import fetched_crls, want_crls
from directory.pki.issuers import FULL, ROOT, IssuerRow, PublishedCrl, crl_of, list_issuers
from directory.record import record
from directory.tables import certificate, known_authority, trust_anchor
from security.cms import Judge
from security.mailbox_names import addresses_of
from security.paths import Anchor, Evidence, Judgement, Purpose, State, Trust, judge

_PURPOSE = {SIGNING: Purpose.SIGNING, ENCRYPTION: Purpose.ENCRYPTION}
# What does not hinder an import: revocations of a new authority's are not known before they were fetched
_TAKEN = (State.VALID, State.REVOCATION_UNKNOWN)
_WHY_UNFIT = {
    State.UNKNOWN_AUTHORITY: "certificate-unvouched",
    State.EXPIRED: "certificate-over",
    State.ADDRESS_MISMATCH: "certificate-of-another",
}
# Of the certificates that a message brings, so many are looked at
_MOST_BROUGHT = 16


@dataclass(frozen=True, slots=True)
class TrustedRow:
    fingerprint: str
    name: str
    purposes: str
    domains: str
    lists_revocations: bool
    created_at: int
    der: bytes = field(repr=False)

    @property
    def anchor(self) -> Anchor:
        purposes = frozenset(_PURPOSE[word] for word in self.purposes.split())
        return Anchor(self.der, purposes, frozenset(self.domains.split()), self.lists_revocations)


_ANCHOR_COLUMNS = (
    trust_anchor.c.fingerprint,
    trust_anchor.c.name,
    trust_anchor.c.purposes,
    trust_anchor.c.domains,
    trust_anchor.c.lists_revocations,
    trust_anchor.c.created_at,
    trust_anchor.c.der,
)
_REGISTERED = Question(
    select(certificate.c.state, certificate.c.revoked_at).where(
        certificate.c.fingerprint == bindparam("fingerprint"), certificate.c.issuer_id.is_not(None)
    )
)


def judge_certificate(
    conn: Reading | Writing,
    der: bytes,
    *,
    purpose: Purpose,
    companions: Sequence[bytes] = (),
    addresses: Collection[str] = (),
    moment: int | None = None,
) -> Judgement:
    """What the city thinks of a certificate (``security.paths``), now or at another moment (epoch seconds)."""
    known = _known(conn)
    register = {}
    brought = companions[:_MOST_BROUGHT]
    for each in (der, *brought):
        row = conn.row(_REGISTERED, fingerprint=fingerprint(each))
        if row is not None:
            state, revoked_at = row
            register[bytes.fromhex(fingerprint(each))] = (
                datetime.fromtimestamp(revoked_at, UTC) if state == REVOKED else None
            )
    now = datetime.fromtimestamp(conn.now, UTC)
    return judge(
        der,
        # what we know ourselves comes first, so that nothing a message brings stands before it
        companions=[*known.authorities, *brought],
        purpose=purpose,
        addresses=tuple(addresses),
        moment=now if moment is None else datetime.fromtimestamp(moment, UTC),
        now=now,
        trust=Trust(known.anchors, Evidence(known.crls, (), known.authorities, known.issuers | register)),
    )


def judging(conn: Reading | Writing) -> Judge:
    """The judge whom ``security.cms`` asks; what is said of today is said of the directory's."""

    def judged(
        certificate: bytes,
        *,
        companions: Sequence[bytes],
        purpose: Purpose,
        addresses: Sequence[str],
        moment: datetime,
        now: datetime,
    ) -> Judgement:
        return judge_certificate(
            conn,
            certificate,
            purpose=purpose,
            companions=companions,
            addresses=addresses,
            moment=int(moment.timestamp()),
        )

    return judged


@dataclass(frozen=True, slots=True)
class _Known:
    anchors: tuple[Anchor, ...]
    authorities: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    issuers: dict[bytes, datetime | None]


def _known(conn: Reading | Writing) -> _Known:
    """What hardly ever changes; remembered for as long as the directory's memory lives."""
    shelf = conn.memory.shelf("trust")
    found: _Known | None = shelf.get("known")
    if found is None:
        issuers = list_issuers(conn)
        roots = [row for row in issuers if row.role == ROOT]
        lists = [crl_of(conn, row.id, FULL) for row in roots]
        found = shelf["known"] = _Known(
            (*(Anchor(row.der) for row in roots), *(row.anchor for row in list_anchors(conn))),
            (*(row.der for row in issuers if row.role != ROOT), *_known_authorities(conn)),
            (*(each.der for each in lists if each), *fetched_crls(conn)),
            # however old the root's list is: whatever it was made for, it came here
            {bytes.fromhex(row.fingerprint): _revoked_at(row, lists) for row in issuers if row.role != ROOT},
        )
    return found


def _revoked_at(row: IssuerRow, lists: Sequence[PublishedCrl | None]) -> datetime | None:
    """When a root has revoked an issuing authority, if one has."""
    certificate = row.certificate
    for each in filter(None, lists):
        read = x509.load_der_x509_crl(each.der)
        entry = read.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None and read.issuer == certificate.issuer:
            return entry.revocation_date_utc
    return None


def list_anchors(conn: Reading | Writing) -> list[TrustedRow]:
    chosen = select(*_ANCHOR_COLUMNS).order_by(trust_anchor.c.name, trust_anchor.c.fingerprint)
    return [TrustedRow(*tuple(row)) for row in conn.execute(chosen)]


def trust_authority(
    conn: Writing,
    actor: str,
    der: bytes,
    *,
    name: str = "",
    purposes: Collection[str] = (SIGNING, ENCRYPTION),
    domains: Collection[str] = (),
    lists_revocations: bool = True,
) -> TrustedRow:
    """Believe an authority from now on; what was said of it before is replaced.  Raises Fault."""
    said = _describe(der)
    if not is_authority(der):
        raise Fault("certificate-unfit", subject=said["subject"], why="CA=FALSE")
    if said["not_after"] < conn.now:
        raise Fault("certificate-unfit", subject=said["subject"], why=State.EXPIRED.value)
    row = TrustedRow(
        said["fingerprint"],
        (name or said["subject"])[:200],
        " ".join(word for word in (SIGNING, ENCRYPTION) if word in purposes),
        " ".join(sorted({domain.strip().lstrip("@.").lower() for domain in domains if domain.strip()})),
        lists_revocations,
        conn.now,
        der,
    )
    conn.execute(delete(trust_anchor).where(trust_anchor.c.fingerprint == row.fingerprint))
    conn.execute(insert(trust_anchor), {name: getattr(row, name) for name in TrustedRow.__slots__})
    want_crls(conn, der)
    record(
        conn,
        actor,
        "trust.add",
        said["subject"][:254],
        fingerprint=row.fingerprint,
        purposes=row.purposes,
        domains=row.domains,
        lists_revocations=lists_revocations,
    )
    return row


def distrust(conn: Writing, actor: str, key: str) -> TrustedRow:
    """Believe an authority no more: by its fingerprint, or the beginning of it, or its name.  Raises Fault."""
    wanted = key.strip().lower().replace(":", "")
    found = [
        row
        for row in list_anchors(conn)
        if row.name == key or (len(wanted) >= 8 and row.fingerprint.startswith(wanted))
    ]
    if len(found) != 1:
        raise Fault("anchor-unknown", anchor=key)
    conn.execute(delete(trust_anchor).where(trust_anchor.c.fingerprint == found[0].fingerprint))
    record(conn, actor, "trust.remove", found[0].name, fingerprint=found[0].fingerprint)
    return found[0]


def note_authority(conn: Writing, actor: str, der: bytes) -> None:
    """An intermediate certificate, which helps to find paths and is believed for nothing.  Raises Fault."""
    said = _describe(der)
    if not is_authority(der):
        raise Fault("certificate-unfit", subject=said["subject"], why="CA=FALSE")
    known = select(known_authority.c.fingerprint).where(known_authority.c.fingerprint == said["fingerprint"])
    if conn.execute(known).first() is None:
        values = {"fingerprint": said["fingerprint"], "subject": said["subject"], "der": der, "created_at": conn.now}
        conn.execute(insert(known_authority), values)
        record(conn, actor, "trust.note", said["subject"][:254], fingerprint=said["fingerprint"])
    want_crls(conn, der)


def import_certificate(
    conn: Writing,
    actor: str,
    der: bytes,
    *,
    owner: Account | None = None,
    companions: Sequence[bytes] = (),
    keep_key: Callable[[str], str | None] = lambda purpose: None,
) -> list[Certificate]:
    """What another authority has issued to somebody here; by the addresses in it, or for ``owner``.

    One for each purpose that it may serve.  ``keep_key`` keeps its private key for a purpose, if that came too, and
    says under which id.  Raises Fault.
    """
    said = _describe(der)
    if owner is None:
        named = addresses_of(der)
        found = [account_by_login(conn, name) for name in named]
        owners = {one.id: one for one in found if one is not None}
        if len(owners) != 1:
            raise Fault("certificate-nobodys", subject=said["subject"], addresses=", ".join(named))
        (owner,) = owners.values()
    if any(one.fingerprint == said["fingerprint"] for one in certificates_of(conn, owner.id)):
        raise Fault("certificate-exists", subject=said["subject"])
    judged = {
        name: judge_certificate(conn, der, purpose=purpose, companions=companions, addresses=(owner.login,))
        for name, purpose in _PURPOSE.items()
    }
    fit = [name for name, judgement in judged.items() if judgement.state in _TAKEN]
    if not fit:
        why = min(judged.values(), key=lambda each: each.state is State.WRONG_PURPOSE)
        code = _WHY_UNFIT.get(why.state, "certificate-unfit")
        raise Fault(code, subject=said["subject"], account=owner.login, why=f"{why.state.value}: {why.reason}")
    for name in fit:
        insert_certificate(conn, der, name, account_id=owner.id, issuer_id=None, key_id=keep_key(name))
    want_crls(conn, der)
    record(
        conn,
        actor,
        "certificate.import",
        owner.login,
        holder=said["subject"],
        fingerprint=said["fingerprint"],
        purposes=fit,
    )
    return [one for one in certificates_of(conn, owner.id) if one.fingerprint == said["fingerprint"]]


def _known_authorities(conn: Reading | Writing) -> list[bytes]:
    return list(conn.execute(select(known_authority.c.der).order_by(known_authority.c.fingerprint)).scalars())


def _describe(der: bytes) -> dict[str, Any]:
    try:
        return describe(der)
    except ValueError as fault:
        raise Fault("certificate-unfit", subject="?", why=str(fault)) from None


def is_authority(der: bytes) -> bool:
    """Whether a certificate says that it may issue others."""
    read = x509.load_der_x509_certificate(der)
    try:
        return read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        # of version 1, as old roots are: it is the administrator who says what it is
        return read.version is x509.Version.v1
