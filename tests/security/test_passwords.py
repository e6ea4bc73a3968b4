"""Hashing, and what makes a password weak."""

from __future__ import annotations

import os
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

from security import passwords
from security.passwords import (
    MAX_PASSWORD,
    hash_password,
    make_password,
    needs_rehash,
    verify_password,
    weakness,
)


def test_a_hash_fits_its_password_only() -> None:
    stored = hash_password("Mật khẩu rất dài 2026")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(stored, "Mật khẩu rất dài 2026")
    assert not verify_password(stored, "mật khẩu rất dài 2026")
    assert not verify_password(stored, "")
    assert not verify_password(stored, "\ud800")


def test_the_same_password_is_never_the_same_hash() -> None:
    assert hash_password("một hai ba") != hash_password("một hai ba")


def test_composed_and_decomposed_letters_are_one_password() -> None:
    text = "Nguyễn Huệ"
    assert verify_password(hash_password(unicodedata.normalize("NFD", text)), unicodedata.normalize("NFC", text))


@pytest.mark.parametrize("stored", [None, "", "!", "$argon2id$broken", "$1$abc$def"])
def test_what_is_no_hash_fits_no_password(stored: str | None) -> None:
    assert not verify_password(stored, "anything")


def test_a_password_has_a_longest_length() -> None:
    assert verify_password(hash_password("x" * MAX_PASSWORD), "x" * MAX_PASSWORD)
    assert not verify_password(hash_password("x"), "x" * (MAX_PASSWORD + 1))
    for refused in ("", "x" * (MAX_PASSWORD + 1)):
        with pytest.raises(ValueError, match="1 to 1024"):
            hash_password(refused)


def test_old_parameters_ask_for_another_hash() -> None:
    assert not needs_rehash(hash_password("abc"))
    assert needs_rehash(argon2id.str(b"abc", opslimit=1, memlimit=8192 * 1024).decode())
    assert needs_rehash("$1$abc$def")


def test_who_is_unknown_is_verified_like_everybody() -> None:
    """The hash that stands in for none has today's parameters, so that it takes as long."""
    assert not needs_rehash(passwords._UNKNOWN)
    with pytest.raises(InvalidkeyError):
        argon2id.verify(passwords._UNKNOWN.encode(), b"x")


def test_made_passwords_are_readable_and_not_weak() -> None:
    made = {make_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        assert weakness(password) is None
        assert len(password) == 19
        assert not set(password) & set("ilo01")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "empty"),
        ("ngắn quá", "short"),
        ("x" * 2000, "long"),
        ("aaaaaaaabb", "plain"),
        ("Password1!", "plain"),
        ("Mật Khẩu 12", "plain"),
        ("1234567890", "plain"),
        ("0903123456", "plain"),
        ("qwertyuiop", "plain"),
        ("7392018465120394", None),
        ("nguyenminhkhue1", "personal"),
        ("khuenm@city.gov.vn", "personal"),
        ("khuenm2026", "personal"),
        ("khuenm-va-mot-cau-dai-khac", None),
        ("Trời hôm nay nhiều mây", None),
    ],
)
def test_weakness(password: str, why: str | None) -> None:
    assert weakness(password, ("khuenm@city.gov.vn", "Nguyễn Minh Khuê")) == why


def test_no_more_are_hashed_at_once_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = hash_password("a long password")
    verify = argon2id.verify
    guard = threading.Lock()
    busy: list[int] = []
    most = 0

    def counted(*arguments: bytes) -> bool:
        nonlocal most
        with guard:
            busy.append(1)
            most = max(most, len(busy))
        try:
            return verify(*arguments)
        finally:
            with guard:
                busy.pop()

    monkeypatch.setattr(argon2id, "verify", counted)
    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(lambda _: verify_password(stored, "a long password"), range(32)))
    assert 1 <= most <= (os.cpu_count() or 1)
