"""Whose keys are brought back is told of each step, by mail."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from directory.administration import delegations
from directory.keys import recovery
from directory.keys.making import Maker, keep_key
from directory.mail.accounts import find_account
from mailserver.delivery import recovery_notices
from mailserver.delivery.post_office import PostOffice
from security.keys import escrow
from security.keys.wrapping import new_key
from tests.mailserver.delivery.test_approval_notices import letters


@pytest.fixture
def escrowed(office: PostOffice) -> Iterator[PostOffice]:
    """binh and chi administer the city; a key of an is in escrow."""
    public, _ = escrow.found(3, 2, secrets.token_bytes)
    with office.directory.write() as conn:
        for account_id in ("binh", "chi"):
            delegations.grant(conn, "test", account_id, "city-admin", below_rank=0)
        recovery.install(conn, "test", public, needed=2, shares=3)
    made = Maker(office.directory, new_key()).make("an", "encryption", "p256")
    with office.directory.write() as conn:
        assert keep_key(conn, "an", "encryption", made)
    yield office
    office.directory.administrator = ""


def test_every_step_is_told_once(escrowed: PostOffice) -> None:
    directory = escrowed.directory
    directory.administrator = "binh"
    with directory.write() as conn:
        owner = find_account(conn, "an")
        assert owner is not None
        asked = recovery.ask(conn, "binh@city.vn", owner, "quyết định 12/QĐ")
    directory.administrator = ""
    assert recovery_notices.tell(escrowed) == 1
    assert recovery_notices.tell(escrowed) == 0
    (told,) = letters(escrowed, "an")
    assert "đã được đề nghị" in told
    assert "lý do: quyết định 12/QĐ" in told
    assert "cán bộ: binh@city.vn" in told
    directory.administrator = "chi"
    with directory.write() as conn:
        recovery.decide(conn, "chi@city.vn", asked.id, approves=True)
    directory.administrator = ""
    assert recovery_notices.tell(escrowed) == 1
    _, told = letters(escrowed, "an")
    assert "was approved" in told
    assert "officers: binh@city.vn, chi@city.vn" in told
