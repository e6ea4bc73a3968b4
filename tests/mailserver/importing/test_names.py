"""Folder names of other systems."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.importing.names import below, decode_modified_utf7, joined, special_use_of
from mailserver.store.mailboxes import normalise_name


@pytest.mark.parametrize(
    "wire, name",
    [
        ("INBOX", "INBOX"),
        ("C&APQ-ng v&AQM-n", "Công văn"),
        ("A&-B", "A&B"),
        ("&ZeVnLIqe-", "日本語"),
        ("&2D3eAA-", "😀"),
        ("Công văn", "Công văn"),
        ("R&D", "R&D"),
        ("&bad!-", "&bad!-"),
        ("&AA-", "&AA-"),
    ],
)
def test_modified_utf7_is_read_and_what_is_none_is_left(wire, name):
    assert decode_modified_utf7(wire) == name


@pytest.mark.parametrize(
    "levels, name",
    [
        (["inbox"], "INBOX"),
        (["Inbox", "Dự án"], "INBOX/Dự án"),
        ([unicodedata.normalize("NFD", "Công văn")], "Công văn"),
        (["a/b", " c "], "a-b/c"),
        (["", "a", "\x00", ".."], "a/--"),
        (["x" * 300], "x" * 200),
        (["đ" * 150], "đ" * 100),
        ([], ""),
    ],
)
def test_names_are_mended(levels, name):
    assert joined(levels) == name


@given(st.lists(st.text(max_size=80), max_size=30))
def test_every_mended_name_is_one_a_mailbox_may_have(levels):
    name = joined(levels)
    assert name == "" or normalise_name(name) == name


@pytest.mark.parametrize(
    "name, use",
    [("Sent Items", "\\Sent"), ("Đã gửi", "\\Sent"), ("Thùng rác", "\\Trash"), ("SPAM", "\\Junk"),
     ("Thư nháp", "\\Drafts"), ("Lưu trữ", "\\Archive"), ("Công văn", None), ("2024/Sent", None)],
)  # fmt: skip
def test_the_usual_folders_are_known_by_name(name, use):
    assert special_use_of(name) == use


def test_below_another_mailbox():
    assert below("Cũ", "Sent/2024") == "Cũ/Sent/2024"
    assert below("Cũ", "Sent", {"Cũ/Sent", "Cũ/Sent 2"}) == "Cũ/Sent 3"
