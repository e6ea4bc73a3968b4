"""A file behind a link: sent from the letter's toolbar, fetched by a stranger, and gone when its owner ends it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import faults

pytestmark = pytest.mark.browser


def test_a_file_goes_as_a_link(
    open_browser: Callable[..., Page], sign_in: Callable[..., Page], tmp_path: Path, expected_complaints: list[str]
) -> None:
    expected_complaints.append("error: Failed to load resource: the server responded with a status of 404")
    octets = os.urandom(400_000)
    (tmp_path / "Bản đồ.zip").write_bytes(octets)
    page = sign_in()
    page.goto("/compose")
    page.get_by_role("button", name="Gửi bằng liên kết").click()
    page.locator("#link-file").set_input_files(tmp_path / "Bản đồ.zip")
    page.get_by_role("button", name="Tải lên").click()
    expect(page.get_by_role("textbox", name="Nội dung")).to_contain_text("/files/")
    found = re.search(r"/files/[\w-]{43}", page.get_by_role("textbox", name="Nội dung").inner_text())
    assert found is not None
    stranger = open_browser()
    stranger.goto("/login")
    with stranger.expect_download() as fetched:
        stranger.evaluate("(path) => { location.href = path; }", found[0])
    assert fetched.value.suggested_filename == "Bản đồ.zip"
    assert Path(fetched.value.path()).read_bytes() == octets
    page.goto("/links")
    expect(page.get_by_text("số lần tải: 1")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Kết thúc liên kết").click()
    stranger.goto(found[0])
    expect(stranger.get_by_role("heading", name="Liên kết này đã kết thúc")).to_be_visible()
