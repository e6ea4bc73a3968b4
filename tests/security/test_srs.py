"""Rewritten senders find back to who they were, and nobody else can make one."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.srs import MAX_AGE_DAYS, NotOurs, is_rewritten, restore, rewrite

SECRET = b"a secret of the city"
NOW = 1_795_000_000
DAY = 86_400

locals_ = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x1EF9, exclude_characters="@"), min_size=1, max_size=40
)
domains = st.from_regex(r"[a-z]{1,10}\.(example|vn)", fullmatch=True)


def local_of(address: str) -> str:
    return address.rpartition("@")[0]


@given(local=locals_, domain=domains, days=st.integers(0, MAX_AGE_DAYS))
def test_there_and_back(local: str, domain: str, days: int) -> None:
    path = f"{local}@{domain}"
    made = rewrite(path, "city.vn", SECRET, NOW)
    assert made.endswith("@city.vn")
    assert is_rewritten(local_of(made))
    if not is_rewritten(local):
        assert restore(local_of(made), SECRET, NOW + days * DAY) == path


@given(local=locals_, domain=domains)
def test_a_chain_of_forwarders_leads_back_by_the_first(local: str, domain: str) -> None:
    first = rewrite(f"{local}@{domain}", "first.example", b"another", NOW)
    second = rewrite(first, "second.example", b"yet another", NOW)
    third = rewrite(second, "city.vn", SECRET, NOW)
    if is_rewritten(local):
        return
    assert [local_of(third).count(tag) for tag in ("SRS0=", "SRS1=")] == [0, 1]
    assert restore(local_of(third), SECRET, NOW) == first
    assert restore(local_of(first), b"another", NOW) == f"{local}@{domain}"


@given(local=locals_, domain=domains, place=st.integers(0, 200), put=st.characters(min_codepoint=33, max_codepoint=126))
def test_nobody_else_makes_one(local: str, domain: str, place: int, put: str) -> None:
    made = local_of(rewrite(f"{local}@{domain}", "city.vn", SECRET, NOW))
    forged = made[: place % len(made)] + put + made[place % len(made) + 1 :]
    if forged.lower() == made.lower():
        return
    with suppress(NotOurs):
        assert restore(forged, SECRET, NOW).lower() == restore(made, SECRET, NOW).lower()  # "SRS0+" is as "SRS0="
    with pytest.raises(NotOurs):
        restore(made, b"somebody's guess", NOW)


def test_case_may_be_lost_on_the_way() -> None:
    made = local_of(rewrite("An.Nguyen@Ngoai.example", "city.vn", SECRET, NOW))
    assert restore(made.lower(), SECRET, NOW).lower() == "an.nguyen@ngoai.example"


@pytest.mark.parametrize("days", [MAX_AGE_DAYS + 1, 500, 1023])
def test_it_ends_after_some_weeks(days: int) -> None:
    made = local_of(rewrite("an@ngoai.example", "city.vn", SECRET, NOW))
    with pytest.raises(NotOurs):
        restore(made, SECRET, NOW + days * DAY)


@pytest.mark.parametrize("text", ["", "an", "SRS0", "SRS0=", "SRS0=AAAA=2", "SRS1=AAAA=x=y", "SRS0=AAAA=!!=x=y"])
def test_what_is_no_such_address(text: str) -> None:
    assert not is_rewritten(text)
    with pytest.raises(NotOurs):
        restore(text, SECRET, NOW)
