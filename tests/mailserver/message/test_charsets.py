"""Charsets: right labels, wrong labels, and those that no one else knows."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailserver.message import charsets

ALPHABET = "".join(
    unicodedata.normalize("NFC", letter + tone)
    for letter in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
    for tone in ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
) + "đĐ"  # fmt: skip


@pytest.mark.parametrize(
    "octets, label, text",
    [
        (b"C\xe9ng h\xdfa x\xb7 h\xe9i ch\xf1 ngh\xdca", "x-viet-tcvn5712", "Cộng hòa xã hội chủ nghĩa"),
        (
            "Coäng hoøa xaõ hoäi chuû nghóa Vieät Nam".encode("cp1252"),
            "x-viet-vni",
            "Cộng hòa xã hội chủ nghĩa Việt Nam",
        ),
        ("ÑOÄC LAÄP - TÖÏ DO - HAÏNH PHUÙC".encode("cp1252"), "VNI", "ĐỘC LẬP - TỰ DO - HẠNH PHÚC"),
        ("Nguyễn".encode("utf-16"), "utf-16", "Nguyễn"),
        (b"\x1b$B$3$s\x1b(B", "iso-2022-jp", "こん"),
        (b"caf\xe9", "ISO-8859-1", "café"),
        ("Việt".encode(), "iso-8859-1", "Việt"),  # a lie that is easy to see through
        ("Việt".encode(), "us-ascii", "Việt"),
        ("Việt".encode(), "", "Việt"),
        ("Việt".encode(), "no-such-thing", "Việt"),
        (b"Vi\xea\xf2t", "", "Việt"),
        (b"Vi\xea\xf2t", "windows-1258", "Việt"),
        (b"plain", "rot13", "plain"),
        (b"plain", "unicode_escape", "plain"),
        (b"\xff\xff", "utf-8", "ÿÿ"),
    ],
)
def test_decoding(octets, label, text):
    assert charsets.decode(octets, label) == text


def test_a_long_utf8_text_with_one_fault_is_still_utf8():
    octets = ("Kính gửi các anh chị " * 20).encode()
    assert charsets.decode(octets + b"\xff", "utf-8").startswith("Kính gửi")


# RFC 1456 and TCVN 5712, letter by letter
VISCII = dict(zip("ạảãàáặằắẳẵăậầấẩẫâẹẻẽèéệềếểễêđ", bytes.fromhex(
    "d5e4e3e0e1a3a2a1c6c7e5a7a5a4a6e7e2a9eba8e8e9aeabaaacadeaf0"), strict=True))  # fmt: skip
TCVN = dict(zip("àảãáạăằẳẵắặâầẩẫấậèẻẽéẹêềểễếệđ", bytes.fromhex(
    "b5b6b7b8b9a8bbbcbdbec6a9c7c8c9cacbcccecfd0d1aad2d3d4d5d6ae"), strict=True))  # fmt: skip


@pytest.mark.parametrize("label, table", [("viscii", VISCII), ("tcvn3", TCVN)])
def test_letters_of_the_old_tables(label, table):
    for letter, octet in table.items():
        assert charsets.decode(b"%c" % octet, label) == letter


def vni(text):
    """VNI the other way round, from its description: a vowel, then one octet for all its marks."""
    single = dict(zip("đĐỉỈĩĨịỊỵỴíÍìÌ", "ñÑæÆóÓòÒîÎíÍìÌ", strict=True))
    horn = {"o": "ô", "O": "Ô", "u": "ö", "U": "Ö"}
    marks = {
        "\u0300": "ø", "\u0301": "ù", "\u0303": "õ", "\u0309": "û", "\u0323": "ï", "\u0302": "â", "\u0302\u0300": "à",
        "\u0302\u0301": "á", "\u0302\u0303": "ã", "\u0302\u0309": "å", "\u0302\u0323": "ä", "\u0306": "ê",
        "\u0306\u0300": "è", "\u0306\u0301": "é", "\u0306\u0303": "ü", "\u0306\u0309": "ú", "\u0306\u0323": "ë",
    }  # fmt: skip
    written = ""
    for letter in text:
        if letter in single:
            written += single[letter]
            continue
        base, *accents = unicodedata.normalize("NFD", letter)
        if "\u031b" in accents:
            accents.remove("\u031b")
            base = horn[base]
        order = sorted(accents, key=lambda accent: accent not in "\u0302\u0306")
        mark = marks["".join(order)] if order else ""
        written += base + (mark.upper() if base.isupper() else mark)
    return written.encode("cp1252")


@given(st.text(st.sampled_from(ALPHABET + " bcdghklmnpqrstvx"), max_size=40))
@example(ALPHABET)
def test_every_vietnamese_letter_comes_through_vni(text):
    assert charsets.decode(vni(text), "x-viet-vni") == text


def test_every_vietnamese_letter_comes_through_windows_1258():
    for letter in ALPHABET:
        base = unicodedata.normalize("NFD", letter)
        tones = [mark for mark in base if mark in "\u0300\u0301\u0303\u0309\u0323"]
        stem = unicodedata.normalize("NFC", "".join(mark for mark in base if mark not in tones))
        assert charsets.decode((stem + "".join(tones)).encode("cp1258"), "windows-1258") == letter


_labels = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["utf-8", "utf-7", "utf-16", "hz", "idna", "punycode", "undefined", "mbcs", "oem", "zlib",
                     "charmap", "viscii", "tcvn3", "vni", "iso-2022-kr", "cp1258", "string-escape", "\x00", "../x"]),
)  # fmt: skip


@given(st.binary(max_size=40), _labels)
def test_no_label_and_no_octets_raise(octets, label):
    assert isinstance(charsets.decode(octets, label), str)
    assert isinstance(charsets.decode_beginning(octets, label), str)
    charsets.is_known(label)


@given(st.text(ALPHABET, min_size=3, max_size=10), st.integers(1, 3))
def test_a_beginning_cut_inside_a_character_is_not_misread(text, cut):
    assert text.startswith(charsets.decode_beginning(text.encode()[:-cut], "utf-8"))


def test_which_charsets_a_search_may_name():
    assert charsets.is_known("UTF-8")
    assert charsets.is_known("us-ascii")
    assert charsets.is_known("VISCII")
    assert not charsets.is_known("klingon")
    assert not charsets.is_known("rot13")
