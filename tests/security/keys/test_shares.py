"""Any so many shares give the secret back, fewer tell nothing, and a slip of the pen is found."""

from __future__ import annotations

import itertools
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.keys import shares
from security.keys.shares import ShareFault, combine, read_share, split

SECRET = bytes(range(32))


def test_the_field_is_that_of_aes() -> None:
    # FIPS 197 §4.2: {57} · {83} = {c1}; and every element has its inverse
    assert shares._times(0x57, 0x83) == 0xC1
    assert all(shares._times(each, shares._over(1, each)) == 1 for each in range(1, 256))
    assert sorted(shares._POWERS) == list(range(1, 256))


@pytest.mark.parametrize(("count", "needed"), [(2, 2), (3, 2), (5, 3), (16, 16), (7, 4)])
def test_any_so_many_give_it_back(count: int, needed: int) -> None:
    made = split(SECRET, count, needed, "0" * 16, secrets.token_bytes)
    for chosen in itertools.islice(itertools.combinations(made, needed), 200):
        assert combine([read_share(each.write()) for each in reversed(chosen)]) == SECRET


@given(st.binary(min_size=1, max_size=64), st.integers(2, 6), st.integers(0, 4))
def test_whatever_the_secret(secret: bytes, needed: int, more: int) -> None:
    made = split(secret, needed + more, needed, "0" * 16, secrets.token_bytes)
    assert combine(made[more:]) == secret


def test_one_fewer_could_be_of_every_secret() -> None:
    """With two of three needed, for each octet there is a third share that makes it any other."""
    made = split(b"\x42", 3, 3, "0" * 16, secrets.token_bytes)
    found = set()
    for octet in range(256):
        third = shares.Share(3, 3, 3, "0" * 16, bytes([octet]))
        found |= set(combine([*made[:2], third]))
    assert found == set(range(256))


def test_what_is_wrong_is_told() -> None:
    made = split(SECRET, 5, 3, "0" * 16, secrets.token_bytes)
    with pytest.raises(ShareFault, match="3 different shares are needed, not 2"):
        combine([made[0], made[1], made[1]])
    other = split(SECRET, 5, 3, "1" * 16, secrets.token_bytes)
    with pytest.raises(ShareFault, match="do not belong together"):
        combine([made[0], made[1], other[2]])
    text = made[0].write()
    title, first, *rest = text.split("\n")
    wrong = "\n".join([title, ("B" if first[0] == "A" else "A") + first[1:], *rest])
    with pytest.raises(ShareFault, match="a letter is wrong"):
        read_share(wrong)
    with pytest.raises(ShareFault, match="letters that none has"):
        read_share("\n".join([title, "1" + first[1:], *rest]))
    with pytest.raises(ShareFault, match="first line"):
        read_share("")
    # in small letters and in other lines it is the same share
    assert read_share(title + "\n" + "".join([first, *rest]).replace(" ", "").lower()) == made[0]
    for count, needed in ((1, 1), (3, 1), (2, 3), (17, 2)):
        with pytest.raises(ValueError, match="2 to 16 shares"):
            split(SECRET, count, needed, "", secrets.token_bytes)
