"""Codes of six digits: the published ones, each once, and none of yesterday's."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security import totp

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("moment", "code"),
    [  # RFC 6238 Appendix B, the last six digits
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_published_codes(moment: int, code: str) -> None:
    assert totp.code_at(SECRET, moment // totp.STEP_SECONDS) == code
    assert totp.matching_step(SECRET, f"{code[:3]} {code[3:]}", moment) == moment // 30


def test_published_counters() -> None:
    # RFC 4226 Appendix D
    codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
    assert [totp.code_at(SECRET, count) for count in range(10)] == codes


def test_a_code_holds_for_a_step_before_and_after_and_only_once() -> None:
    code = totp.code_at(SECRET, 100)
    for now in (99 * 30, 100 * 30, 101 * 30 + 29):
        assert totp.matching_step(SECRET, code, now) == 100
    for now in (99 * 30 - 1, 102 * 30):
        assert totp.matching_step(SECRET, code, now) is None
    assert totp.matching_step(SECRET, code, 3000, used=100) is None
    assert totp.matching_step(SECRET, code, 3000, used=99) == 100


@given(st.text(max_size=12))
def test_what_is_no_code(text: str) -> None:
    step = totp.matching_step(SECRET, text, 3000)
    assert step is None or "".join(text.split()) in {totp.code_at(SECRET, each) for each in (99, 100, 101)}


def test_what_an_authenticator_reads() -> None:
    parts = urlsplit(totp.enrolment_uri(SECRET, "Thành phố: A & B", "an@city.vn"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    values = parse_qs(parts.query)
    assert base64.b32decode(values["secret"][0]) == SECRET
    assert values["issuer"] == ["Thành phố: A & B"]
    assert totp.shown_secret(SECRET).replace(" ", "") == values["secret"][0]


def test_recovery_codes() -> None:
    numbers = iter(range(1000))
    code = totp.make_recovery_code(lambda below: next(numbers) % below)
    assert len(code) == 14
    digest = totp.recovery_digest("acc", code)
    assert digest is not None
    assert digest == totp.recovery_digest("acc", code.upper().replace("-", " "))
    assert digest != totp.recovery_digest("other", code)
    assert totp.recovery_digest("acc", "123456") is None
    assert totp.recovery_digest("acc", "0" * 12) is None
