"""Requests of two-person approval: seen by who may decide, decided once he has proven himself, told to who asked."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from directory.administration import approvals, delegations
from directory.faults import Refused
from directory.mail import account_changes
from mailserver.delivery import approval_notices
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import PASSWORD, TownHall


@pytest.fixture
def asked(hall: TownHall) -> str:
    """Dũng and Bình administer the city; Dũng would give An a larger mailbox, which needs two of them."""
    directory = hall.services.directory
    with directory.write() as conn:
        for login in ("binh", "dung"):
            delegations.grant(conn, "test", hall.account(login).id, "city-admin", below_rank=0)
        approvals.set_rule(conn, "test", "mailbox.quota")
    with (
        pytest.raises(Refused) as refused,
        directory.write(reason="hồ sơ <lớn>", administrator=hall.account("dung").id) as conn,
    ):
        account_changes.set_quota(conn, "dung@thanhpho.example", hall.account("an").id, 5_000_000)
    return str(refused.value.values["request"])


def decide(who: Visitor, request: str, **form: str) -> int:
    return who.post("/approvals", {"request": request, **form}).status_code


def state(hall: TownHall, request: str) -> tuple[str, str, str]:
    with hall.services.directory.read() as conn:
        found = approvals.find_request(conn, request)
    return found.state, found.decided_by, found.answer


def test_it_is_shown_to_who_may_decide_with_the_difference(
    sign_in: Callable[[str], Visitor], hall: TownHall, asked: str
) -> None:
    page = sign_in("binh").page("/approvals")
    assert "mailbox.quota" in page
    assert "hồ sơ &lt;lớn&gt;" in page
    assert '<th scope="row">quota_bytes</th><td>0</td><td>5000000</td>' in page
    assert 'href="/approvals"' in sign_in("binh").page("/labels")
    for login in ("an", "dung"):  # one administers nothing, the other asked himself
        visitor = sign_in(login)
        assert 'href="/approvals"' not in visitor.page("/labels")
        assert f'value="{asked}"><label' not in visitor.page("/approvals")
    assert 'href="/approvals"' not in sign_in("an").page("/settings")
    assert "Đang chờ" in sign_in("dung").page("/approvals")


def test_who_approves_proves_himself_first(sign_in: Callable[[str], Visitor], hall: TownHall, asked: str) -> None:
    binh = sign_in("binh")
    for wrong in ("", "sai"):
        assert decide(binh, asked, action="approve", password=wrong) == 422
    assert state(hall, asked)[0] == "asked"
    assert decide(binh, asked, action="approve", password=PASSWORD, reason="được") == 303
    assert state(hall, asked) == ("approved", "binh@thanhpho.example", "được")
    with hall.services.directory.write(reason="hồ sơ", administrator=hall.account("dung").id) as conn:
        account_changes.set_quota(conn, "dung@thanhpho.example", hall.account("an").id, 5_000_000)
    assert hall.account("an").quota_bytes == 5_000_000


@pytest.mark.parametrize("login", ["an", "dung"])
def test_nobody_else_approves(sign_in: Callable[[str], Visitor], hall: TownHall, asked: str, login: str) -> None:
    assert decide(sign_in(login), asked, action="approve", password=PASSWORD) == 422
    assert state(hall, asked)[0] == "asked"


def test_whose_right_was_taken_meanwhile_approves_nothing(
    sign_in: Callable[[str], Visitor], hall: TownHall, asked: str
) -> None:
    binh = sign_in("binh")
    binh.page("/approvals")
    with hall.services.directory.write() as conn:
        (held,) = delegations.list_delegations(conn, account_id=hall.account("binh").id)
        delegations.revoke(conn, "test", held.delegation.id)
    assert decide(binh, asked, action="approve", password=PASSWORD) == 422
    assert decide(binh, asked, action="refuse", reason="không") == 422
    assert state(hall, asked)[0] == "asked"


def test_of_two_who_decide_at_once_one_does(sign_in: Callable[[str], Visitor], hall: TownHall, asked: str) -> None:
    with hall.services.directory.write() as conn:
        for login in ("huong", "chi"):
            delegations.grant(conn, "test", hall.account(login).id, "city-admin", below_rank=0)
    deciders = [sign_in(login) for login in ("binh", "huong", "chi")]
    with ThreadPoolExecutor(len(deciders)) as threads:
        told = list(threads.map(lambda who: decide(who, asked, action="approve", password=PASSWORD), deciders))
    assert sorted(told) == [303, 422, 422]
    winner = deciders[told.index(303)]
    assert state(hall, asked)[:2] == ("approved", winner.get("/session").get_json()["address"])
    assert decide(winner, asked, action="approve", password=PASSWORD) == 422  # nor twice


def test_what_was_approved_is_done_once(sign_in: Callable[[str], Visitor], hall: TownHall, asked: str) -> None:
    def give(octets: int) -> None:
        with hall.services.directory.write(administrator=hall.account("dung").id) as conn:
            account_changes.set_quota(conn, "dung@thanhpho.example", hall.account("an").id, octets)

    assert decide(sign_in("binh"), asked, action="approve", password=PASSWORD) == 303
    with pytest.raises(Refused, match="approval"):  # something else
        give(4_000_000)
    give(5_000_000)
    assert hall.account("an").quota_bytes == 5_000_000
    with pytest.raises(Refused, match="approval"):
        give(5_000_000)
    assert state(hall, asked)[0] == "done"


def test_who_refuses_says_why_and_who_asked_is_told(
    sign_in: Callable[[str], Visitor], hall: TownHall, asked: str
) -> None:
    binh = sign_in("binh")
    assert decide(binh, asked, action="refuse") == 422
    assert decide(sign_in("an"), asked, action="refuse", reason="không") == 422
    assert state(hall, asked)[0] == "asked"
    assert decide(binh, asked, action="refuse", reason="quá lớn") == 303
    assert decide(binh, asked, action="approve", password=PASSWORD) == 422  # it is decided
    page = sign_in("dung").page("/approvals")
    assert "Bị từ chối" in page
    assert "quá lớn" in page
    hall.services.store.maildrop(hall.account("dung").id)
    approval_notices.tell(hall.services.office)
    [(uid, _, subject)] = hall.rows("dung")
    assert "declined" in subject
    told = email.message_from_bytes(hall.octets("dung", uid), policy=email.policy.default).get_content()
    assert "Lý do: quá lớn" in told


def test_one_takes_his_own_back(sign_in: Callable[[str], Visitor], hall: TownHall, asked: str) -> None:
    assert decide(sign_in("dung"), asked, action="refuse") == 303
    assert state(hall, asked)[0] == "declined"


def test_what_nobody_decided_expires_and_who_asked_is_told_once(
    sign_in: Callable[[str], Visitor], hall: TownHall, asked: str
) -> None:
    assert approval_notices.tell(hall.services.office) == 1
    hall.clock.pass_by(30 * 86_400)
    assert asked not in sign_in("binh").page("/approvals")
    assert "Đã hết hạn" in sign_in("dung").page("/approvals")
    assert decide(sign_in("binh"), asked, action="approve", password=PASSWORD) == 422
    assert approval_notices.tell(hall.services.office) == 1
    assert approval_notices.tell(hall.services.office) == 0
    [(_, _, subject)] = hall.rows("dung")
    assert "expired" in subject
