"""Security keys: who is believed, and everybody who is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.webauthn import (
    CHALLENGE_OCTETS,
    MAX_ANSWER,
    KeyRefused,
    SecurityKey,
    Site,
    creation_request,
    judge_creation,
    judge_proof,
    proof_request,
)
from tests.security.security_key import SoftKey

SITE = Site("mail.thanhpho.example", "https://mail.thanhpho.example", "Thành phố")
CHALLENGE = bytes(range(CHALLENGE_OCTETS))


def kept(key: SoftKey) -> SecurityKey:
    asked = creation_request(SITE, "an@thanhpho.example", b"an", [], CHALLENGE)
    return judge_creation(SITE, CHALLENGE, key.create(asked, SITE.origin))


def test_a_key_is_added_and_proves_itself_again_and_again() -> None:
    key = SoftKey()
    known = kept(key)
    assert (known.credential_id, known.uses) == (key.credential_id, 0)
    for count in (1, 2, 3):
        answer = key.get(proof_request(SITE, [known], CHALLENGE), SITE.origin)
        known = judge_proof(SITE, CHALLENGE, [known], answer)
        assert known.uses == count


def test_what_is_asked_names_the_site_and_its_keys() -> None:
    known = kept(SoftKey())
    asked = creation_request(SITE, "an@thanhpho.example", b"an", [known], CHALLENGE)
    assert asked["rp"] == {"id": "mail.thanhpho.example", "name": "Thành phố"}
    assert len(asked["excludeCredentials"]) == 1
    proof = proof_request(SITE, [known], CHALLENGE)
    assert proof["rpId"] == "mail.thanhpho.example"
    assert len(proof["allowCredentials"]) == 1
    json.dumps([asked, proof])


@pytest.mark.parametrize(
    ("site", "challenge", "known"),
    [
        (Site("mail.thanhph0.example", "https://mail.thanhph0.example", ""), CHALLENGE, True),
        (Site(SITE.host, "http://mail.thanhpho.example", ""), CHALLENGE, True),
        (Site("thanhpho.example", SITE.origin, ""), CHALLENGE, True),
        (SITE, CHALLENGE[::-1], True),
        (SITE, CHALLENGE, False),
    ],
    ids=["a look-alike", "without TLS", "another host's key", "another challenge", "somebody else's key"],
)
def test_an_answer_for_something_else_is_refused(site: Site, challenge: bytes, known: bool) -> None:
    key = SoftKey()
    mine = kept(key)
    answer = key.get(proof_request(SITE, [mine], CHALLENGE), SITE.origin)
    keys = [mine] if known else [kept(SoftKey(b"another"))]
    with pytest.raises(KeyRefused):
        judge_proof(site, challenge, keys, answer)


def test_a_false_signature_is_refused() -> None:
    mine, impostor = kept(SoftKey()), SoftKey()
    with pytest.raises(KeyRefused, match="signature"):
        judge_proof(SITE, CHALLENGE, [mine], impostor.get(proof_request(SITE, [mine], CHALLENGE), SITE.origin))


def test_a_copied_key_is_told_by_its_counter() -> None:
    key = SoftKey()
    known = kept(key)
    asked = proof_request(SITE, [known], CHALLENGE)
    known = judge_proof(SITE, CHALLENGE, [known], key.get(asked, SITE.origin))
    known = judge_proof(SITE, CHALLENGE, [known], key.get(asked, SITE.origin))
    key.uses = 0  # the copy has seen less
    with pytest.raises(KeyRefused, match="copied"):
        judge_proof(SITE, CHALLENGE, [known], key.get(asked, SITE.origin))


def test_a_key_that_does_not_count_is_believed() -> None:
    key = SoftKey()
    known = kept(key)
    for _ in range(2):
        key.uses = -1  # the next one is none
        known = judge_proof(SITE, CHALLENGE, [known], key.get(proof_request(SITE, [known], CHALLENGE), SITE.origin))


def test_a_proof_is_no_creation_and_the_other_way_round() -> None:
    key = SoftKey()
    known = kept(key)
    made = key.create(creation_request(SITE, "an", b"an", [], CHALLENGE), SITE.origin)
    proof = key.get(proof_request(SITE, [known], CHALLENGE), SITE.origin)
    with pytest.raises(KeyRefused):
        judge_proof(SITE, CHALLENGE, [known], made)
    with pytest.raises(KeyRefused):
        judge_creation(SITE, CHALLENGE, proof)


def test_an_endless_answer_is_not_read() -> None:
    with pytest.raises(KeyRefused, match="long"):
        judge_creation(SITE, CHALLENGE, "{" + " " * MAX_ANSWER + "}")


@pytest.mark.parametrize("name", ["id", "rawId", "type", "clientDataJSON", "authenticatorData", "signature"])
def test_a_number_is_not_taken_for_so_many_octets(name: str) -> None:
    response = {**PROOF["response"], **({name: 10**12} if name in PROOF["response"] else {})}
    damaged = {**PROOF, **({name: 10**12} if name in PROOF else {}), "response": response}
    with pytest.raises(KeyRefused, match="no text"):
        judge_proof(SITE, CHALLENGE, [KNOWN], json.dumps(damaged))


KNOWN = kept(SoftKey())
PROOF = json.loads(SoftKey().get(proof_request(SITE, [KNOWN], CHALLENGE), SITE.origin))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@given(st.one_of(st.text(max_size=200), JSON.map(json.dumps)))
def test_nonsense_is_refused_and_nothing_else(answer: str) -> None:
    for judge in (
        lambda: judge_creation(SITE, CHALLENGE, answer),
        lambda: judge_proof(SITE, CHALLENGE, [KNOWN], answer),
    ):
        with pytest.raises(KeyRefused):
            judge()


@given(st.sampled_from(sorted(PROOF)), st.sampled_from(sorted(PROOF["response"])), JSON)
def test_damaged_answers_are_refused_and_nothing_else(outer: str, inner: str, value: Any) -> None:
    for damaged in ({**PROOF, outer: value}, {**PROOF, "response": {**PROOF["response"], inner: value}}):
        with pytest.raises(KeyRefused):
            judge_proof(SITE, CHALLENGE, [KNOWN], json.dumps(damaged))
