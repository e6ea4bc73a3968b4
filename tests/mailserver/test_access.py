"""Under which names other people's mailboxes appear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.access import level_of, login_of


@pytest.mark.parametrize(
    ("login", "level"),
    [
        ("vanthu@city.example", "vanthu"),
        ("vanthu.vpub@city.example", "vanthu_vpub"),
        ("van_thu@city.example", "van^thu"),
        ("an@ward.city.example", "an@ward_city_example"),
    ],
)
def test_an_address_as_a_level(login: str, level: str) -> None:
    assert level_of(login, "city.example") == level


_WORD = st.text("ab_", min_size=1)


@given(st.lists(_WORD, min_size=1).map(".".join), st.sampled_from(["city.example", "ward.city.example"]))
def test_two_addresses_never_share_a_level(local: str, domain: str) -> None:
    level = level_of(f"{local}@{domain}", "city.example")
    assert "." not in level
    assert login_of(level) in (local if domain == "city.example" else "", f"{local}@{domain}")
