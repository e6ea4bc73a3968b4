"""Who leaves today is out at once: his sessions, passwords and certificates end in the transaction of his leaving."""

from __future__ import annotations

from pathlib import Path

from directory import record
from directory.administration import delegations
from directory.mail import account_changes
from directory.pki import certificates, enrolment, issuers
from directory.pki.certificates import ACTIVE, REVOKED
from directory.signing_in import app_passwords, sessions
from directory.staff import leaving
from tests.directory.authorities import found_pki
from tests.directory.conftest import City


def test_everything_that_lets_him_in_or_speaks_for_him_ends(any_city: City, tmp_path: Path) -> None:
    directory = any_city.directory
    pki = found_pki(directory, tmp_path / "pki")
    with directory.write() as conn:
        an = any_city.join(conn, "Nguyễn Văn An", "SYT", "CV").account_id
        clerk = any_city.join(conn, "Đỗ Thị Hạnh", "SYT", "TP").account_id
        delegations.grant(conn, "test", clerk, "hr-clerk", unit_id=any_city.units["SYT"], below_rank=20)
        account_changes.set_password(conn, "test", an, "hash")
        app_passwords.add(conn, "test", an, "điện thoại", "both")
        token = sessions.start(conn, an, "browser", "192.0.2.1")
    enrolment.reconcile(directory, pki.open(directory))
    with directory.read() as conn:
        assert {one.state for one in certificates.certificates_of(conn, an)} == {ACTIVE}
    # by a clerk, who has no right over certificates: they go with the leaving
    directory.administrator = clerk
    with directory.write(reason="thôi việc") as conn:
        leaving.leave(conn, "hanh", an, last_day="2026-03-01")
    directory.administrator = ""
    with directory.read() as conn:
        conn.memory.clear()
        assert sessions.find(conn, token, idle=3600, absolute=3600) is None
        assert app_passwords.listed(conn, an) == []
        held = certificates.certificates_of(conn, an)
        assert [(one.state, one.revocation_reason) for one in held] == [(REVOKED, "cessation-of-operation")] * 2
        assert {one.revoked_at for one in held} == {conn.now}
        assert certificates.published(conn, [an]) == {}
        # and the world is told with the next list, which is due now
        assert issuers.crls_due(conn)
        told = [entry.actor for entry in record.search(conn, action="certificate.revoke")]
        assert told == ["hanh", "hanh"]
    assert enrolment.take_back(directory) == 0
    # what was a mistake is taken back, and he gets others
    with directory.write() as conn:
        leaving.take_back(conn, "test", an)
    assert enrolment.reconcile(directory, pki.open(directory)).issued == 2
