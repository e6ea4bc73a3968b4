"""Signing on a device of one's own: the file, the signature that comes back, and what is not taken."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from directory.mail import mailboxes
from directory.pki.certificates import SIGNING, certificates_of, revoke
from directory.record import entries
from security.cms import MemoryKey, Signing
from security.cms.signing import sign_content
from tests.directory.certified import Keys
from tests.webmail.certified_hall import Authorities
from tests.webmail.conftest import Visitor
from tests.webmail.smime.test_writing_protected import SECRET, SignIn, read, send
from tests.webmail.town_hall import TownHall


@pytest.fixture
def token(authorities: Authorities) -> Keys:
    """What Hoài An holds in her hand."""
    return authorities.certify("an")


def made(key: MemoryKey, octets: bytes, *, detached: bool = True) -> bytes:
    return b"".join(sign_content([octets], Signing([key], datetime.now(UTC)), detached=detached))


def draft_of(who: Visitor, **form: Any) -> int:
    answer = send(who, action="elsewhere", **form)
    assert answer.status_code == 303
    return int(re.fullmatch(r"/compose/sign\?draft=(\d+)", answer.headers["Location"])[1])  # type: ignore[index]


def taken(who: Visitor, draft: int) -> bytes:
    answer = who.get(f"/compose/sign/{draft}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return answer.data


def bring(who: Visitor, draft: int, signature: bytes, **form: str) -> Any:
    values = {"signature": (io.BytesIO(signature), "thu.p7s"), **form}
    return who.post(f"/compose/sign/{draft}", values, content_type="multipart/form-data")


def nothing_went(hall: TownHall) -> bool:
    return hall.rows("binh") == [] and hall.rows("an", "Sent") == []


def test_a_letter_is_signed_by_its_authors_own_token(an: Visitor, hall: TownHall, token: Keys, sign_in: SignIn) -> None:
    files = [(io.BytesIO(b"bang luong"), "Lương.txt")]
    draft = draft_of(an, subject="Công văn số 5", files=files, bcc="chi@thanhpho.example")
    page = an.page(f"/compose/sign?draft={draft}")
    assert "Công văn số 5" in page
    assert "Lương.txt" in page
    octets = taken(an, draft)
    assert octets == taken(an, draft)
    assert b"chi@thanhpho" not in octets  # a blind copy stands in no signature
    assert bring(an, draft, made(token.signer, octets)).status_code == 303
    for login in ("binh", "chi"):
        reader = sign_in(login)
        assert read(reader, hall, login) == (["valid"], read(an, hall, "an", "Sent")[1])
        assert b"chi@thanhpho" not in hall.octets(login, 1).partition(b"\r\n\r\n")[0].partition(b"From:")[2]
    assert SECRET in read(an, hall, "an", "Sent")[1]
    assert hall.rows("an", "Drafts") == []


def test_of_a_letter_that_was_changed_it_is_not_taken(an: Visitor, hall: TownHall, token: Keys) -> None:
    draft = draft_of(an)
    signature = made(token.signer, taken(an, draft))
    again = draft_of(an, draft=draft, text="Khác")
    gone = bring(an, draft, signature)  # the other window's draft is no more
    assert gone.status_code == 303
    assert an.get(f"/compose/sign/{draft}").status_code == 303
    answer = bring(an, again, signature)
    assert answer.status_code == 422
    assert "Chữ ký không phải của thư này" in answer.get_data(as_text=True)
    assert nothing_went(hall)


def test_what_does_not_fit_is_told_and_nothing_goes(
    an: Visitor, hall: TownHall, authorities: Authorities, token: Keys
) -> None:
    draft = draft_of(an)
    octets = taken(an, draft)
    colleague = authorities.certify("binh").signer
    stranger = authorities.stranger("an@thanhpho.example", trusted=False).key
    cases = {
        made(token.signer, octets, detached=True)[:-9]: "không phải là chữ ký",
        made(token.signer, octets, detached=False): "chữ ký tách rời",
        made(token.signer, octets + b" "): "Chữ ký không phải của thư này",
        made(colleague, octets): "Chứng thư thuộc về một địa chỉ khác",
        made(stranger, octets): "không được biết ở đây",
        made(token.decrypter, octets): "",
        b"": "không phải là chữ ký",
        b"PK\x03\x04 a document": "không phải là chữ ký",
    }
    for signature, told in cases.items():
        answer = bring(an, draft, signature)
        assert answer.status_code == 422
        assert told in answer.get_data(as_text=True), told
    assert an.post(f"/compose/sign/{draft}", {}).status_code == 422
    assert nothing_went(hall)
    with hall.services.directory.write() as conn:
        mine = [one for one in certificates_of(conn, hall.account("an").id) if one.purpose == SIGNING]
        revoke(conn, "test", mine, "key-compromise")
    assert bring(an, draft, made(token.signer, octets)).status_code == 422
    assert nothing_went(hall)


def test_nothing_encrypted_and_nothing_of_others(
    an: Visitor, hall: TownHall, authorities: Authorities, sign_in: SignIn
) -> None:
    draft = draft_of(an, encrypt="1")
    token = authorities.certify("an")
    page = an.get(f"/compose/sign?draft={draft}")
    assert page.status_code == 422
    assert bring(an, draft, made(token.signer, taken(an, draft))).status_code == 422
    assert nothing_went(hall)
    mine = draft_of(an)
    other = sign_in("binh")
    assert other.get(f"/compose/sign/{mine}").status_code == 303
    assert bring(other, mine, made(token.signer, taken(an, mine))).status_code == 303
    assert nothing_went(hall)


def test_a_second_click_sends_nothing_twice(an: Visitor, hall: TownHall, token: Keys) -> None:
    draft = draft_of(an)
    signature = made(token.signer, taken(an, draft))
    assert bring(an, draft, signature).status_code == 303
    assert bring(an, draft, signature).status_code == 303
    assert len(hall.rows("binh")) == 1


def test_a_units_own_seal_is_recorded_and_only_for_who_may_send_for_it(
    an: Visitor, hall: TownHall, authorities: Authorities, sign_in: SignIn
) -> None:
    seal, unit = authorities.certify("vanthu.snv").signer, "vanthu.snv@thanhpho.example"
    draft = draft_of(an, author=unit)
    assert bring(an, draft, made(seal, taken(an, draft))).status_code == 422
    assert nothing_went(hall)
    with hall.services.directory.write() as conn:
        mailboxes.grant(conn, "test", hall.account("vanthu.snv").id, hall.account("an").id)
    assert bring(an, draft, made(seal, taken(an, draft))).status_code == 303
    assert read(sign_in("binh"), hall, "binh")[0] == ["valid"]
    with hall.services.directory.read() as conn:
        told = [one for one in entries(conn) if one.action == "key.sign"]
    assert {(one.actor, one.subject) for one in told} == {(hall.address("an"), unit)}
    assert json.loads(told[-1].details)["proof"] == "own-device"
