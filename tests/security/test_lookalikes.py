"""Names that are made to be taken for ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.lookalikes import resembled

OURS = ("tphcm.gov.vn", "thanhpho.example")


@pytest.mark.parametrize(
    "domain",
    [
        "tphcrn.gov.vn",
        "TPHCM.G0V.VN",
        "xn--tphm-n6d.gov.vn",  # a Cyrillic с
        "tphcm.gov.vn.cap-nhat.example",
        "mail.tphcm.gov.vn.example",
        "tphcm-gov-vn.example",
        "tphcm-gov.vn",
        "tphcm.gov.vm",
        "tphmc.gov.vn",
        "tphcmm.gov.vn",
        "thanhph.example",
        "xn--thnhph-jta8342d.example",  # with its marks
    ],
)
def test_what_is_made_to_be_taken_for_ours(domain: str) -> None:
    assert resembled(domain, OURS) in OURS


@pytest.mark.parametrize(
    "domain",
    [
        *OURS,
        "snv.tphcm.gov.vn",
        "gmail.com",
        "danang.gov.vn",
        "hanoi.gov.vn",
        "hcm.gov.vn",
        "gov.vn",
        "example",
        "",
        "a.",
    ],
)
def test_what_is_not(domain: str) -> None:
    assert resembled(domain, OURS) == ""


@given(st.text(max_size=40))
def test_anything_is_answered(domain: str) -> None:
    assert resembled(domain, OURS) in ("", *OURS)
