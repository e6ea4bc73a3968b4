"""Keys wrapped under keys come back only to whom they were bound."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.keys.wrapping import WrappingFault, installation_key, make_installation_key, new_key

WORDS = st.lists(st.text(max_size=20), max_size=4)


@given(secret=st.binary(max_size=200), bound=WORDS, other=WORDS)
def test_what_was_wrapped_comes_back_to_its_own_use_only(secret: bytes, bound: list[str], other: list[str]) -> None:
    key = new_key()
    wrapped = key.wrap(secret, *bound)
    assert key.unwrap(wrapped, *bound) == secret
    if other != bound:
        with pytest.raises(WrappingFault):
            key.unwrap(wrapped, *other)


def test_words_do_not_run_into_each_other() -> None:
    key = new_key()
    with pytest.raises(WrappingFault):
        key.unwrap(key.wrap(b"secret", "ab", "c"), "a", "bc")


@given(position=st.integers(0, 60), change=st.integers(1, 255))
def test_no_octet_can_be_altered(position: int, change: int) -> None:
    key = new_key()
    wrapped = bytearray(key.wrap(bytes(32), "an"))
    wrapped[position % len(wrapped)] ^= change
    with pytest.raises(WrappingFault):
        key.unwrap(bytes(wrapped), "an")


def test_another_key_opens_nothing() -> None:
    wrapped = new_key().wrap(b"secret", "an")
    with pytest.raises(WrappingFault):
        new_key().unwrap(wrapped, "an")


def test_a_key_is_not_in_its_repr() -> None:
    key = new_key()
    assert key.octets.hex() not in repr(key)
    assert str(key.octets) not in repr(key)


def test_the_installations_key_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "wrapping.key"
    with ThreadPoolExecutor(4) as pool:
        keys = {key.octets for key in pool.map(make_installation_key, [path] * 16)}
    assert len(keys) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["wrapping.key"]


def test_a_file_that_is_no_key_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "wrapping.key"
    path.write_bytes(b"short")
    with pytest.raises(WrappingFault):
        installation_key(path)


def test_a_key_that_was_lost_is_not_replaced_unasked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        installation_key(tmp_path / "wrapping.key")
