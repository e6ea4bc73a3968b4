"""Security keys in the webmail: added, asked for in place of a code, removed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from directory.signing_in import second_factor, security_keys
from tests.security.security_key import SoftKey
from tests.webmail.conftest import Visitor
from tests.webmail.town_hall import PASSWORD, TownHall

HERE = "/settings/two-steps"
ORIGIN = "http://localhost"


def add(visitor: Visitor, key: SoftKey, name: str = "Khóa xanh", **proof: str) -> Any:
    visitor.get(HERE)
    asked = visitor.post(f"{HERE}/keys/begin", {"password": PASSWORD, **proof})
    assert asked.status_code == 200, asked.get_data(as_text=True)
    answer = key.create(asked.get_json()["publicKey"], ORIGIN)
    return visitor.post(f"{HERE}/keys", {"name": name, "answer": answer})


def proof_by(visitor: Visitor, key: SoftKey, challenge: str = f"{HERE}/challenge") -> str:
    return key.get(visitor.post(challenge, {}).get_json()["publicKey"], ORIGIN)


def half_way(app: Any, hall: TownHall) -> Visitor:
    other = Visitor(app, hall)
    other.get("/login")
    answer = other.post("/login", {"login": "an@thanhpho.example", "password": PASSWORD})
    assert 'data-security-key="/login/key"' in answer.get_data(as_text=True)
    return other


@pytest.fixture
def key(an: Visitor) -> SoftKey:
    """An's, added a moment ago."""
    made = SoftKey()
    answer = add(an, made)
    assert answer.status_code == 200
    an.recovery_codes = re.findall(r'<code class="secret">([a-z0-9-]+)<', answer.get_data(as_text=True))  # type: ignore[attr-defined]
    assert an.recovery_codes  # type: ignore[attr-defined]
    return made


def test_a_key_opens_the_second_step(an: Visitor, key: SoftKey, hall: TownHall, app: Any) -> None:
    other = half_way(app, hall)
    answer = proof_by(other, key, "/login/key")
    assert other.post("/login/code", {"code": answer}).status_code == 303
    assert other.get("/settings").status_code == 200
    # that answer serves nobody again
    third = half_way(app, hall)
    assert third.post("/login/code", {"code": answer}).status_code == 401
    third.post("/login/key", {})
    assert third.post("/login/code", {"code": answer}).status_code == 401


def test_the_password_alone_opens_nothing(an: Visitor, key: SoftKey, hall: TownHall, app: Any) -> None:
    other = half_way(app, hall)
    assert other.get("/settings").status_code == 303
    for answer in ("", "{}", "000000", SoftKey().get(other.post("/login/key", {}).get_json()["publicKey"], ORIGIN)):
        assert other.post("/login/code", {"code": answer}).status_code == 401
    with hall.services.directory.read() as conn:
        assert second_factor.is_on(conn, hall.account("an").id)


def test_a_recovery_code_opens_it_too(an: Visitor, key: SoftKey, hall: TownHall, app: Any) -> None:
    other = half_way(app, hall)
    assert other.post("/login/code", {"code": an.recovery_codes[0]}).status_code == 303  # type: ignore[attr-defined]


def test_a_challenge_does_not_wait_for_ever(an: Visitor, key: SoftKey, hall: TownHall, app: Any) -> None:
    other = half_way(app, hall)
    answer = proof_by(other, key, "/login/key")
    hall.clock.pass_by(security_keys.CHALLENGE_SECONDS + 1)
    assert other.post("/login/code", {"code": answer}).status_code == 401


def test_without_the_password_nobody_is_asked(key: SoftKey, hall: TownHall, app: Any) -> None:
    other = Visitor(app, hall)
    other.get("/login")
    assert other.post("/login/key", {}).status_code == 401


def test_adding_takes_the_password_and_the_second_proof(an: Visitor, key: SoftKey) -> None:
    for proof in ({"password": "sai-mật-khẩu"}, {"password": PASSWORD}, {"password": PASSWORD, "code": "000000"}):
        answer = an.post(f"{HERE}/keys/begin", proof)
        assert answer.status_code == 422
        assert "không đúng" in answer.get_json()["error"]
    second = SoftKey(b"the second")
    assert add(an, second, "Khóa đỏ", code=proof_by(an, key)).status_code == 303
    page = an.page(HERE)
    assert page.index("Khóa xanh") < page.index("Khóa đỏ")
    # and with it what steps up
    assert an.post(f"{HERE}/codes", {"password": PASSWORD, "code": proof_by(an, second)}).status_code == 200


def test_an_answer_that_nobody_asked_for_adds_nothing(an: Visitor) -> None:
    an.get(HERE)
    asked = {"rp": {"id": "localhost"}, "challenge": "AAAA"}
    answer = an.post(f"{HERE}/keys", {"name": "x", "answer": SoftKey().create(asked, ORIGIN)})
    assert answer.status_code == 422
    assert "không trả lời đúng" in answer.get_data(as_text=True)


def test_what_was_asked_as_a_proof_adds_no_key(an: Visitor, key: SoftKey, hall: TownHall, app: Any) -> None:
    """A thief at an open browser, who knows no password, asks for a proof and answers with a key of his own."""
    for visitor, challenge in ((an, f"{HERE}/challenge"), (half_way(app, hall), "/login/key")):
        asked = visitor.post(challenge, {}).get_json()["publicKey"]
        creation = {"rp": {"id": asked["rpId"]}, "challenge": asked["challenge"]}
        answer = an.post(f"{HERE}/keys", {"name": "x", "answer": SoftKey(b"the thief's").create(creation, ORIGIN)})
        assert answer.status_code == 422
    # nor does what was asked of a new key prove anything
    asked = an.post(f"{HERE}/keys/begin", {"password": PASSWORD, "code": proof_by(an, key)}).get_json()["publicKey"]
    proof = key.get({"rpId": "localhost", "challenge": asked["challenge"]}, ORIGIN)
    assert an.post(f"{HERE}/codes", {"password": PASSWORD, "code": proof}).status_code == 422
    with hall.services.directory.read() as conn:
        assert len(security_keys.keys_of(conn, hall.account("an").id)) == 1


def test_one_key_serves_one_account(an: Visitor, key: SoftKey, hall: TownHall, app: Any) -> None:
    binh = Visitor(app, hall).sign_in("binh")
    answer = add(binh, key)
    assert answer.status_code == 422
    assert "đã được dùng" in answer.get_data(as_text=True)


def test_there_is_an_end_to_keys(an: Visitor, key: SoftKey) -> None:
    for number in range(1, security_keys.MAX_KEYS):
        assert add(an, SoftKey(b"%d" % number), code=proof_by(an, key)).status_code == 303
    answer = an.post(f"{HERE}/keys/begin", {"password": PASSWORD, "code": proof_by(an, key)})
    assert answer.status_code == 422


def test_with_the_last_key_it_is_off(an: Visitor, key: SoftKey, hall: TownHall, app: Any) -> None:
    with hall.services.directory.read() as conn:
        (kept,) = security_keys.keys_of(conn, hall.account("an").id)
    assert an.post(f"{HERE}/keys/remove", {"key": kept.id, "password": PASSWORD}).status_code == 422
    answer = an.post(f"{HERE}/keys/remove", {"key": kept.id, "password": PASSWORD, "code": proof_by(an, key)})
    assert answer.status_code == 303
    assert Visitor(app, hall).sign_in("an").get("/settings").status_code == 200
    with hall.services.directory.read() as conn:
        assert not second_factor.recovery_codes_left(conn, hall.account("an").id)


def test_nobody_removes_anothers_key(an: Visitor, key: SoftKey, hall: TownHall, app: Any) -> None:
    with hall.services.directory.read() as conn:
        (kept,) = security_keys.keys_of(conn, hall.account("an").id)
    binh = Visitor(app, hall).sign_in("binh")
    binh.get(HERE)
    binh.post(f"{HERE}/keys/remove", {"key": kept.id, "password": PASSWORD})
    with hall.services.directory.read() as conn:
        assert security_keys.keys_of(conn, hall.account("an").id)


def test_all_is_turned_off_together(an: Visitor, key: SoftKey, hall: TownHall) -> None:
    assert an.post(f"{HERE}/off", {"password": PASSWORD, "code": proof_by(an, key)}).status_code == 303
    with hall.services.directory.read() as conn:
        assert not second_factor.is_on(conn, hall.account("an").id)
        assert not security_keys.keys_of(conn, hall.account("an").id)


def test_a_telephone_is_connected_beside_a_key(an: Visitor, key: SoftKey) -> None:
    assert an.post(f"{HERE}/begin", {"password": PASSWORD}).status_code == 422
    # nobody comes by the secret without the key
    assert 'class="qr"' not in an.post(f"{HERE}/on", {"password": PASSWORD, "code": "1"}).get_data(as_text=True)
    page = an.post(f"{HERE}/begin", {"password": PASSWORD, "code": proof_by(an, key)}).get_data(as_text=True)
    assert 'class="qr"' in page
