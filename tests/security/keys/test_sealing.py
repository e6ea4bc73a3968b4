"""What is sealed to a public key opens with its other half, for its own use; what lies under a password, with that."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from security.keys import under_password
from security.keys.sealing import PUBLIC_OCTETS, new_pair, seal
from security.keys.wrapping import WrappingFault, context
from security.passwords import Derivation


def test_who_has_the_other_half_opens_it() -> None:
    pair = new_pair()
    assert len(pair.public) == PUBLIC_OCTETS
    sealed = seal(pair.public, b"a secret", "account", "key", "signing")
    assert pair.open(sealed, "account", "key", "signing") == b"a secret"
    assert sealed != seal(pair.public, b"a secret", "account", "key", "signing")
    assert pair.octets.hex() not in repr(pair)


@pytest.mark.parametrize("bound", [(), ("account", "key"), ("account", "key", "encryption"), ("accountkey", "signing")])
def test_for_another_use_it_does_not_open(bound: tuple[str, ...]) -> None:
    pair = new_pair()
    sealed = seal(pair.public, b"a secret", "account", "key", "signing")
    with pytest.raises(WrappingFault):
        pair.open(sealed, *bound)


def test_nor_with_another_half_nor_altered() -> None:
    pair = new_pair()
    sealed = seal(pair.public, b"a secret", "one")
    for octets in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:20], b"", b"\x01" + sealed[1:]):
        with pytest.raises(WrappingFault):
            pair.open(octets, "one")
    with pytest.raises(WrappingFault):
        new_pair().open(sealed, "one")


def test_it_is_hpke_of_these_parts() -> None:
    """RFC 9180 §5.1: enc and ciphertext one after the other, in base mode."""
    pair = new_pair()
    sealed = seal(pair.public, b"a secret", "one")
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    key = X25519PrivateKey.from_private_bytes(pair.octets)
    assert suite.decrypt(sealed[1:], key, info=context(("one",))) == b"a secret"
    assert len(sealed) == 1 + 32 + len(b"a secret") + 16


def test_a_password_opens_what_lies_under_it_in_either_form_of_its_letters() -> None:
    wrapped = under_password.wrap("mật khẩu dài", b"a secret", "pair", "one")
    assert under_password.unwrap("mật khẩu dài", wrapped, "pair", "one") == b"a secret"
    for password, bound in (
        ("mật khẩu dàj", ("pair", "one")),
        ("mật khẩu dài", ("pair", "two")),
        ("", ("pair", "one")),
    ):
        with pytest.raises(WrappingFault):
            under_password.unwrap(password, wrapped, *bound)


def test_each_wrapping_says_how_it_was_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    weaker = Derivation(memory=8 << 20, passes=1)
    monkeypatch.setattr(under_password, "Derivation", lambda *given: Derivation(*given) if given else weaker)
    wrapped = under_password.wrap("mật khẩu dài", b"a secret")
    monkeypatch.undo()  # today's are others
    assert under_password.unwrap("mật khẩu dài", wrapped) == b"a secret"


def test_a_row_that_asks_for_all_memory_is_not_served() -> None:
    for memory, passes in ((1 << 31, 2), (19456, 200), (19456, 0), (0, 2)):
        wrapped = struct.pack(">cIB16s", b"\x03", memory, passes, bytes(16)) + bytes(60)
        with pytest.raises(WrappingFault):
            under_password.unwrap("any", wrapped)
    for octets in (b"", b"\x03", bytes(100)):
        with pytest.raises(WrappingFault):
            under_password.unwrap("any", octets)
