"""What a thief at an open browser would want is done for nobody who does not prove himself once more: with the
password, and with a code where there is a second factor.
"""

from __future__ import annotations

from typing import Any

import pytest

from directory.administration import approvals, delegations
from directory.faults import Refused
from directory.mail import account_changes
from directory.record import search
from tests.webmail.account import test_two_steps
from tests.webmail.account.test_two_steps import code
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import PASSWORD, TownHall, letter

secret = test_two_steps.secret  # An has turned the second factor on

NEW = "mot-mat-khau-rat-khac"
STEPS: dict[str, dict[str, Any]] = {
    "/settings/app-passwords": {"name": "Điện thoại", "scope": "both"},
    "/settings/two-steps/begin": {},
    "/settings/two-steps/off": {},
    "/settings/two-steps/codes": {},
    "/settings/two-steps/keys/begin": {},
    "/settings/two-steps/keys/remove": {"key": "x"},
    "/password": {"new": NEW, "again": NEW},
    "/export": {"format": "mbox"},
    "/contacts/contacts.vcf": {},
    "/approvals": {"action": "approve"},
}


def done(hall: TownHall) -> list[str]:
    """What is on record of An since he turned the second factor on."""
    with hall.services.directory.read() as conn:
        return [each.action for each in search(conn) if each.actor == hall.address("an")]


def posted(an: Visitor, hall: TownHall, path: str, **proof: str) -> int:
    form = dict(STEPS[path])
    if path == "/export":
        form["item"] = [f"{hall.mailbox('an').id}:{hall.put('an', letter())}" for _ in range(2)]
    if path == "/password":
        proof = {"old": proof.get("password", ""), **proof}
    if path == "/approvals":
        form["request"] = waiting(hall)
    answer = an.post(path, {**form, "password": "", **proof})
    answer.close()
    return answer.status_code


def waiting(hall: TownHall) -> str:
    """A request that An may approve."""
    directory = hall.services.directory
    with directory.write() as conn:
        for login in ("an", "dung"):
            delegations.grant(conn, "test", hall.account(login).id, "city-admin", below_rank=0)
        approvals.set_rule(conn, "test", "mailbox.quota")
    with pytest.raises(Refused) as refused, directory.write(administrator=hall.account("dung").id) as conn:
        account_changes.set_quota(conn, "dung@thanhpho.example", hall.account("binh").id, 5_000_000)
    return str(refused.value.values["request"])


@pytest.mark.parametrize("path", STEPS)
def test_without_proof_nothing_is_done(an: Visitor, hall: TownHall, secret: bytes, path: str) -> None:
    before = done(hall)
    wrong = {"code": code(hall, secret)}, {"password": "sai", "code": code(hall, secret)}
    half = {"password": PASSWORD}, {"password": PASSWORD, "code": "000000"}
    told = 303 if path == "/password" else 422  # which says it on the page that it leads back to
    assert [posted(an, hall, path, **proof) for proof in (*wrong, *half)] == [told] * 4
    assert done(hall) == before


@pytest.mark.parametrize(
    "path", ["/settings/app-passwords", "/password", "/export", "/contacts/contacts.vcf", "/approvals"]
)
def test_with_it_everything_is(an: Visitor, hall: TownHall, secret: bytes, path: str) -> None:
    before = done(hall)
    assert posted(an, hall, path, password=PASSWORD, code=code(hall, secret)) in (200, 303)
    assert len(done(hall)) > len(before)
