"""What must hold between certificates and keys is recounted, and what does not is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from directory.pki import certificates, enrolment
from directory.tables import certificate, issuer, key_pair, private_key
from tests.directory.authorities import found_pki
from tests.directory.conftest import City


def enrolled(city: City, folder: Path) -> str:
    pki = found_pki(city.directory, folder)
    with city.directory.write() as conn:
        person = city.join(conn, "Nguyễn Văn An").account_id
    enrolment.enrol(city.directory, pki.open(city.directory), person)
    enrolment.enrol(city.directory, pki.open(city.directory), person, anew=True)
    with city.directory.write() as conn:
        certificates.revoke(conn, "test", certificates.certificates_of(conn, person)[:1], "superseded")
    enrolment.enrol(city.directory, pki.open(city.directory), person)
    return person


def test_what_our_operations_leave_is_whole(any_city: City, tmp_path: Path) -> None:
    enrolled(any_city, tmp_path)
    assert any_city.directory.check_consistency() == []


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (update(certificate).where(certificate.c.state == "revoked").values(revoked_at=None), "without day or reason"),
        (update(certificate).where(certificate.c.state == "active").values(revoked_at=1), "has these and is not"),
        (update(certificate).where(certificate.c.state == "superseded").values(state="active"), "several certificates"),
        (update(private_key).values(wrapped=None), "has no private key"),
        (update(private_key).values(wrapped=b"x"), "was not erased"),
        (delete(key_pair), "a key that is not there"),
        (update(issuer).values(role="issuing", state="active"), "2 authorities"),
    ],
)
def test_what_is_odd_is_found(city: City, tmp_path: Path, harm: Any, told: str) -> None:
    enrolled(city, tmp_path)
    with city.directory.write() as conn:
        conn.execute(harm)
    assert any(told in line for line in city.directory.check_consistency())
