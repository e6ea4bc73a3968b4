"""Strangers are put off at their first try: a real mail server comes again, most that send junk do not.

A stranger is a network (a /24, or a /64 of IPv6), a reverse-path and a forward-path.  Who came again in time is
remembered; a network from which several did is a stranger no more, whatever it sends.

Standards: RFC 6647 §5.
"""

from __future__ import annotations

import ipaddress

from sqlalchemy import Connection, text

from mailserver.config import Trust
from mailserver.store.database import Transaction
from mailserver.store.prepared import Prepared
from security.networks import IpAddress

# So many senders of one network have shown that it tries again.
KNOWN_NETWORK = 5
# A row that is remembered is renewed no more often.
_RENEWAL = 3600
_BATCH = 2000

_FIND = Prepared(
    text(
        "SELECT first_at, last_at, passed FROM greylist"
        " WHERE network = :network AND reverse_path = :reverse_path AND forward_path = :forward_path"
    )
)
_PASSED = Prepared(
    text(
        "SELECT count(*) FROM (SELECT 1 FROM greylist WHERE network = :network AND passed = 1 AND last_at > :since"
        " LIMIT :most) AS known"
    )
)
_NOTE = Prepared(
    text(
        "INSERT INTO greylist (network, reverse_path, forward_path, first_at, last_at, passed)"
        " VALUES (:network, :reverse_path, :forward_path, :first_at, :now, :passed)"
        " ON CONFLICT (network, reverse_path, forward_path)"
        " DO UPDATE SET first_at = excluded.first_at, last_at = excluded.last_at, passed = excluded.passed"
    )
)
_SWEEP = Prepared(
    text(
        "DELETE FROM greylist WHERE (network, reverse_path, forward_path) IN (SELECT network, reverse_path,"
        " forward_path FROM greylist WHERE last_at < :gone OR (passed = 0 AND last_at < :tried) LIMIT :count)"
    )
)


def neighbourhood(client: IpAddress) -> str:
    length = 24 if client.version == 4 else 64
    return str(ipaddress.ip_network((client, length), strict=False))


def is_known(
    connection: Connection, trust: Trust, network: str, reverse_path: str, forward_path: str, now: int
) -> bool:
    """Whether the stranger is none any more, and nothing needs to be written down."""
    since = now - trust.grey_days * 86_400
    key = {"network": network, "reverse_path": reverse_path, "forward_path": forward_path}
    row = _FIND.row(connection, key)
    if row is not None and row[2] and row[1] > max(since, now - _RENEWAL):
        return True
    return _is_known_network(connection, network, since)


def consider(tx: Transaction, trust: Trust, network: str, reverse_path: str, forward_path: str) -> bool:
    """Whether to let the stranger in now; his try is written down."""
    since = tx.now - trust.grey_days * 86_400
    key = {"network": network, "reverse_path": reverse_path, "forward_path": forward_path}
    row = _FIND.row(tx.connection, key)
    if row is not None and row[2] and row[1] > since:
        first_at, passed = row[0], True
    elif row is not None and not row[2] and row[0] > tx.now - trust.grey_hours * 3600:
        first_at, passed = row[0], tx.now - row[0] >= trust.grey_delay
    else:
        first_at, passed = tx.now, False
    _NOTE.run(tx.connection, {**key, "first_at": first_at, "now": tx.now, "passed": int(passed)})
    return passed or _is_known_network(tx.connection, network, since)


def _is_known_network(connection: Connection, network: str, since: int) -> bool:
    values = {"network": network, "since": since, "most": KNOWN_NETWORK}
    return bool(_PASSED.row(connection, values)[0] >= KNOWN_NETWORK)


def sweep(tx: Transaction, trust: Trust) -> int:
    """Forget some who did not come again, and those who have not come for long; how many."""
    return _SWEEP.run(
        tx.connection,
        {
            "gone": tx.now - trust.grey_days * 86_400,
            "tried": tx.now - trust.grey_hours * 3600,
            "count": _BATCH,
        },
    )
