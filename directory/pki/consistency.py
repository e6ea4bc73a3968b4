"""Invariants of certificates and their keys that constraints cannot hold, recounted."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, exists, func, or_, select

from directory.database import Reading
from directory.pki.certificates import ACTIVE, ENCRYPTION, PURPOSES, REVOKED
from directory.tables import account_key, certificate, issuer, key_pair, private_key

_SHOWN = 20


def problems(conn: Reading) -> Iterator[str]:
    issuing = select(func.count()).where(issuer.c.role == "issuing", issuer.c.state == "active")
    if (count := conn.execute(issuing).scalar_one()) > 1:
        yield f"{count} authorities issue certificates"
    said = certificate.c.state == REVOKED
    odd = or_(
        and_(said, or_(certificate.c.revoked_at.is_(None), certificate.c.revocation_reason == "")),
        and_(~said, certificate.c.revoked_at.is_not(None)),
    )
    for serial in conn.execute(select(certificate.c.serial).where(odd).limit(_SHOWN)).scalars():
        yield f"certificate {serial} is revoked without day or reason, or has these and is not"
    yield from _keys(conn)


def _keys(conn: Reading) -> Iterator[str]:
    """What is in use has its key; what signs has one for no longer than that; nobody has two of one kind in use."""
    is_own = and_(certificate.c.issuer_id.is_not(None), certificate.c.state == ACTIVE, certificate.c.purpose != "tls")
    keyless = (
        select(certificate.c.serial)
        .outerjoin(private_key, private_key.c.id == certificate.c.key_id)
        .where(is_own, private_key.c.wrapped.is_(None))
    )
    for serial in conn.execute(keyless.limit(_SHOWN)).scalars():
        yield f"certificate {serial} is in use and has no private key"
    in_use = exists().where(certificate.c.key_id == private_key.c.id, certificate.c.state == ACTIVE)
    left_over = select(private_key.c.id).where(
        private_key.c.purpose != ENCRYPTION, private_key.c.wrapped.is_not(None), ~in_use
    )
    for key_id in conn.execute(left_over.limit(_SHOWN)).scalars():
        yield f"private key {key_id} signs for no certificate and was not erased"
    unopened = (
        select(private_key.c.id)
        .outerjoin(key_pair, key_pair.c.account_id == private_key.c.account_id)
        .outerjoin(account_key, account_key.c.account_id == private_key.c.account_id)
        .where(
            private_key.c.account_id.is_not(None), key_pair.c.account_id.is_(None), account_key.c.account_id.is_(None)
        )
    )
    for key_id in conn.execute(unopened.limit(_SHOWN)).scalars():
        yield f"private key {key_id} is wrapped under a key that is not there"
    doubled = (
        select(certificate.c.account_id, certificate.c.purpose)
        .where(certificate.c.purpose.in_(PURPOSES), is_own)
        .group_by(certificate.c.account_id, certificate.c.purpose)
        .having(func.count() > 1)
    )
    for row in conn.execute(doubled.limit(_SHOWN)):
        yield f"account {row.account_id} has several certificates for {row.purpose} in use"
