"""Who may approve a request is told of it by mail, and who asked, what became of it."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator

import pytest

from directory.administration import approvals, delegations
from directory.database import Writing
from directory.faults import Refused
from directory.mail import account_changes
from mailserver.delivery import approval_notices
from mailserver.delivery.post_office import PostOffice
from tests.mailserver.mailroom import mails

COMMAND = ("mailbox", "lock", "an@city.vn", "--reason", "mất máy")


@pytest.fixture
def governed(office: PostOffice) -> Iterator[PostOffice]:
    """binh and chi administer the city; locking needs two of them."""
    with office.directory.write() as conn:
        for account_id, role in (("binh", "city-admin"), ("chi", "city-admin")):
            delegations.grant(conn, "test", account_id, role, below_rank=0)  # type: ignore[arg-type]
        approvals.set_rule(conn, "test", "mailbox.lock")
    yield office
    office.directory.administrator, office.directory.second = "", None


def letters(office: PostOffice, name: str) -> list[str]:
    """What somebody was told."""
    read = [email.message_from_bytes(mail, policy=email.policy.default) for mail in mails(office.store, name)]
    assert {each["Auto-Submitted"] for each in read} <= {"auto-generated"}
    return [" ".join(each.get_content().split()) for each in read]


def ask(office: PostOffice, command: tuple[str, ...] = COMMAND) -> str:
    office.directory.administrator = "binh"
    with (
        pytest.raises(Refused) as refused,
        office.directory.write(reason="mất máy", command=command) as conn,
    ):
        account_changes.lock(conn, "binh@city.vn", "an")
    office.directory.administrator = ""
    return str(refused.value.values["request"])


def decide(conn: Writing, request: str, *, approved: bool) -> None:
    approvals.decide(conn, "chi@city.vn", request, approved=approved)


def test_who_may_approve_is_told_once_and_then_who_asked(governed: PostOffice) -> None:
    request = ask(governed)
    assert approval_notices.tell(governed) == 1
    assert approval_notices.tell(governed) == 0
    (told,) = letters(governed, "chi")
    assert f"approval approve {request}" in told
    assert letters(governed, "an") == letters(governed, "binh") == []
    with governed.directory.write() as conn:
        decide(conn, request, approved=True)
    approval_notices.tell(governed)
    (answer,) = letters(governed, "binh")
    assert "approved, by chi@city.vn" in answer
    assert "citymail --as YOU mailbox lock an@city.vn" in answer
    # he uses it himself: nobody is told of that
    governed.directory.administrator = "binh"
    with governed.directory.write(reason="mất máy") as conn:
        account_changes.lock(conn, "binh@city.vn", "an")
    governed.directory.administrator = ""
    assert approval_notices.tell(governed) == 0


def test_what_was_carried_out_or_declined_is_told_to_who_asked(governed: PostOffice) -> None:
    request = ask(governed)
    governed.directory.administrator = "chi"
    approvals.stand_by(governed.directory, "chi@city.vn", request)
    with governed.directory.write(reason="mất máy") as conn:
        account_changes.lock(conn, "binh@city.vn", "an")
    governed.directory.administrator, governed.directory.second = "", None
    assert approval_notices.tell(governed) == 1
    (done,) = letters(governed, "binh")
    assert "approved and done, by chi@city.vn" in done
    with governed.directory.write() as conn:
        account_changes.unlock(conn, "test", "an")
    request = ask(governed, ())
    with governed.directory.write() as conn:
        decide(conn, request, approved=False)
    approval_notices.tell(governed)
    assert "declined, by chi@city.vn" in letters(governed, "binh")[1]
    assert letters(governed, "chi") == []  # nobody was asked of what was decided already
