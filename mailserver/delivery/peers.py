"""What is remembered of other servers: that they spoke TLS, and the MTA-STS policies of their domains.

A host that offered TLS yesterday and does not today has been misled, or somebody stands between: mail waits rather than
goes in clear.  A policy binds until it ends, whether its record can still be seen or not.

Standards: RFC 8461 §5.1; RFC 7435 §3 (what opportunistic security may learn).
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, text

from mailserver.store.database import Transaction
from mailserver.store.peer_tables import sts_policy, tls_peer
from mailserver.store.prepared import Prepared
from security.mta_sts import Known, PolicyFault, read_policy

DAY = 86_400

_TLS_AT = Prepared(text("SELECT spoke_tls_at FROM tls_peer WHERE host = :host"))
_NOTE_TLS = Prepared(
    text(
        "INSERT INTO tls_peer (host, spoke_tls_at) VALUES (:host, :now)"
        " ON CONFLICT (host) DO UPDATE SET spoke_tls_at = excluded.spoke_tls_at"
    )
)
_POLICY = Prepared(text("SELECT policy_id, policy, binds_until FROM sts_policy WHERE domain = :domain"))
_KEEP_POLICY = Prepared(
    text(
        "INSERT INTO sts_policy (domain, policy_id, policy, binds_until) VALUES (:domain, :policy_id, :policy, :until)"
        " ON CONFLICT (domain) DO UPDATE SET policy_id = excluded.policy_id, policy = excluded.policy,"
        " binds_until = excluded.binds_until"
    )
)


def spoke_tls_at(connection: Connection, host: str) -> int:
    """When the host last spoke TLS, in seconds since 1970; 0 if never."""
    row = _TLS_AT.row(connection, {"host": host})
    return row[0] if row else 0


def note_tls(tx: Transaction, host: str) -> None:
    _NOTE_TLS.run(tx.connection, {"host": host, "now": tx.now})


def known_policy(connection: Connection, domain: str) -> Known | None:
    row = _POLICY.row(connection, {"domain": domain})
    if row is None:
        return None
    try:
        return Known(row[0], read_policy(bytes(row[1])), row[2])
    except PolicyFault:  # kept by a version that understood more
        return None


def keep_policy(tx: Transaction, domain: str, policy_id: str, octets: bytes, until: int) -> None:
    _KEEP_POLICY.run(tx.connection, {"domain": domain, "policy_id": policy_id, "policy": octets, "until": until})


def sweep(tx: Transaction, remember_days: int) -> None:
    """Forget policies that have ended, and hosts that nobody has met for long."""
    tx.connection.execute(delete(sts_policy).where(sts_policy.c.binds_until < tx.now - DAY))
    tx.connection.execute(delete(tls_peer).where(tls_peer.c.spoke_tls_at < tx.now - remember_days * DAY))
