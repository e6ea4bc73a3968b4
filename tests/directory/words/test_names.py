"""Folding, splitting, dictionary order and addresses of Vietnamese names."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.words.names import (
    address_patterns,
    collation_key,
    fold,
    initials,
    is_reserved,
    order_key,
    split_name,
    tidy,
    words,
)

LETTERS = "aăâbcdđeêghiklmnoôơpqrstuưvxy"
SYLLABLES = st.text(
    alphabet=st.sampled_from(
        sorted(set(LETTERS + LETTERS.upper() + "áàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ"))
    ),
    min_size=1,
    max_size=7,
)
NAMES = st.lists(SYLLABLES, min_size=1, max_size=6).map(" ".join)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Đường Nguyễn Huệ", "duong nguyen hue"),
        ("ĐÀ NẴNG", "da nang"),
        ("QĐ-UBND", "qd-ubnd"),
        ("Thừa Thiên – Huế", "thua thien – hue"),
        ("Êñuôl Y Moan", "enuol y moan"),
        ("Straße ﬁne İ", "strasse fine i"),
        ("ascii ONLY 123", "ascii only 123"),
        ("日本語", "日本語"),
        ("", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(max_size=50))
def test_fold_is_blind_to_form_and_case_and_ends(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == once
    assert not any(unicodedata.category(c) == "Mn" for c in once)


@given(st.lists(st.text(max_size=30), max_size=5))
def test_fold_goes_letter_by_letter(texts: list[str]) -> None:
    """What stands beside a letter, and how long its word is, changes nothing."""
    text = " ".join(texts)
    assert fold(text) == " ".join(map(fold, texts)) == "".join(map(fold, text))


@given(NAMES)
def test_fold_of_vietnamese_is_ascii(name: str) -> None:
    assert fold(name).isascii()
    assert fold(name.upper()) == fold(name.lower())


def test_fold_survives_a_flood_of_rare_letters() -> None:
    text = "".join(chr(c) for c in range(0x3400, 0x3400 + 50_000) if not 0xD800 <= c < 0xE000)
    assert fold(text) == fold(fold(text))
    assert fold("Đường") == "duong"


@pytest.mark.parametrize(
    ("full", "parts"),
    [
        ("Nguyễn Văn An", ("Nguyễn", "Văn", "An")),
        ("  Trần   Thị Thu  Hà ", ("Trần", "Thị Thu", "Hà")),
        ("Lê Lợi", ("Lê", "", "Lợi")),
        ("Tự", ("", "", "Tự")),
        ("H'Hen Niê", ("H'Hen", "", "Niê")),
        (unicodedata.normalize("NFD", "Nguyễn Huệ"), ("Nguyễn", "", "Huệ")),
        ("Lê\u00a0Văn\tÁnh\x00", ("Lê", "Văn", "Ánh")),
    ],
)
def test_split(full: str, parts: tuple[str, str, str]) -> None:
    name = split_name(full)
    assert (name.family, name.middle, name.given) == parts
    assert name.full == tidy(full)
    assert unicodedata.is_normalized("NFC", name.full)


@given(st.text(max_size=40))
def test_split_loses_nothing(text: str) -> None:
    name = split_name(text)
    assert " ".join(part for part in (name.family, name.middle, name.given) if part) == name.full


def test_words_and_initials() -> None:
    assert words("Sở Y tế, P.1 (TP_HCM)") == ["Sở", "Y", "tế", "P", "1", "TP", "HCM"]
    assert initials("Nguyễn Đình Ân") == "nda"
    assert initials("") == ""


DICTIONARY = (
    "a à ả ã á ạ ai an ăn ăng ân ấn bà chị da dạ đa đá e ê hoa hoà hòa huê huệ i lan lăn lân o ô ơ ta tà tả tã tá tạ "
    "u ư y"
)


@given(st.permutations(DICTIONARY.split()))
def test_dictionary_order(shuffled: list[str]) -> None:
    # as ICU's vi orders them
    assert " ".join(sorted(shuffled, key=collation_key)) == DICTIONARY


def test_lists_go_by_given_family_middle_name() -> None:
    people = ["Nguyễn Văn An", "Trần Văn Án", "Lê Thị An", "Nguyễn Thị An", "Đỗ Ân", "Bùi Bình", "An"]
    ordered = sorted(people, key=lambda full: order_key(split_name(full)))
    assert ordered == [
        "An",
        "Lê Thị An",
        "Nguyễn Thị An",
        "Nguyễn Văn An",
        "Trần Văn Án",
        "Đỗ Ân",
        "Bùi Bình",
    ]


@given(st.text(max_size=20))
def test_keys_do_not_depend_on_form_and_hold_no_zero(text: str) -> None:
    assert collation_key(unicodedata.normalize("NFD", text)) == collation_key(text)
    assert b"\x00" not in collation_key(text)


@given(NAMES, NAMES)
def test_order_is_by_letters_before_tones(one: str, other: str) -> None:
    def without_tones(text: str) -> str:
        tones = "\u0300\u0301\u0303\u0309\u0323"
        return unicodedata.normalize("NFC", "".join(c for c in unicodedata.normalize("NFD", text) if c not in tones))

    if collation_key(without_tones(one)) < collation_key(without_tones(other)):
        assert collation_key(one) < collation_key(other)


@pytest.mark.parametrize(
    ("full", "local"),
    [
        ("Nguyễn Văn An", "annv"),
        ("Đặng Thị Thu Hà", "hadtt"),
        ("Lê Lợi", "loil"),
        ("Tự", "tu"),
        ("H'Hen Niê", "nieh"),
        ("Y Moan Êñuôl", "enuolym"),
        # what would be reserved or unseemly is said otherwise
        ("Nguyễn Ốt Rô", "rono"),
        ("Ốt Ro", "roo"),
        ("Trần D", "dt"),
        ("Ông Thị Ca", "caot"),
        ("Trần Spam", "spamt"),
        ("Nguyễn Lo", "lo.nguyen"),
        ("Nguyễn Tes", "tesn"),
        ("Trần Tes", "tes.tran"),
        ("王 小明", "canbo.moi"),
    ],
)
def test_addresses_from_names(full: str, local: str) -> None:
    assert next(address_patterns(split_name(full))) == local


@pytest.mark.parametrize(
    "local",
    ["postmaster", "post.master", "p0stmaster", "postmaster2", "post-master_7", "adm1n", "secur1ty", "hr", "h.r",
     "nhansu", "nhan.su", "giamdoc", "giam.doc2", "chutich", "l1st", "a8use", "abuse1"],
)  # fmt: skip
def test_nobody_gets_an_address_that_is_read_as_an_office(local: str) -> None:
    assert is_reserved(local) == (local != "a8use")


@pytest.mark.parametrize("local", ["annv", "annv2", "an.nguyen", "hadtt", "linhtt", "an.it2k", "minhhr", "2", ""])
def test_others_are_not_reserved(local: str) -> None:
    assert not is_reserved(local)
