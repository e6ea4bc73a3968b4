"""App passwords: how they look, and how they may be typed."""

from __future__ import annotations

import secrets

import pytest

from security.app_passwords import canonical, digest, make_app_password


def test_they_have_120_bits() -> None:
    made = {make_app_password(secrets.randbits(256)) for _ in range(200)}
    assert len(made) == 200
    letters = {letter for text in made for letter in text} - {"-"}
    assert len(letters) == 32
    assert all(len(text) == 24 + 5 for text in made)
    assert make_app_password(0) != make_app_password(1 << 119)
    assert make_app_password(0) == make_app_password(1 << 120)


def test_they_may_be_typed_in_groups_or_not() -> None:
    made = make_app_password(secrets.randbits(256))
    letters = made.replace("-", "")
    for typed in (made, letters, made.upper(), made.replace("-", " "), f" {made} "):
        assert canonical(typed) == letters


@pytest.mark.parametrize(
    "other", ["", "a" * 23, "a" * 25, "l" * 24, "a" * 12 + "đ" * 12, "-" * 100, "a" * 24 + "-" * 30]
)
def test_what_was_never_one(other: str) -> None:
    assert canonical(other) is None


def test_the_digest_belongs_to_one_account() -> None:
    assert digest("one", "a" * 24) != digest("two", "a" * 24)
    assert digest("one", "a" * 24) == digest("one", "a" * 24)
    assert "a" * 24 not in digest("one", "a" * 24)
