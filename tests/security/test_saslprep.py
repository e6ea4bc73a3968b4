"""SASLprep: the examples of the RFC, and what Vietnamese keyboards send."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.saslprep import NotPreparable, saslprep


@pytest.mark.parametrize(
    ("given_text", "prepared"),
    # RFC 4013 §3
    [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX")],
)
def test_the_examples_of_rfc_4013(given_text: str, prepared: str) -> None:
    assert saslprep(given_text) == prepared


@pytest.mark.parametrize(
    "refused", ["\u0007", "\u0627\u0031", "a\u0000", "\ud800", "\u202e x", "\ue000", "\u0627a\u0627"]
)
def test_what_is_prohibited(refused: str) -> None:
    with pytest.raises(NotPreparable):
        saslprep(refused)


def test_the_two_ways_to_write_vietnamese() -> None:
    text = "Đường Nguyễn Thị Minh Khai, số 8½"
    assert saslprep(unicodedata.normalize("NFD", text)) == saslprep(text)
    assert saslprep("mật\u00a0khẩu") == "mật khẩu"
    assert saslprep("🔑 khóa") == "🔑 khóa"


@given(st.text(max_size=30))
def test_what_is_prepared_stays(text: str) -> None:
    try:
        prepared = saslprep(text)
    except NotPreparable:
        return
    assert unicodedata.normalize("NFKC", prepared) == prepared
