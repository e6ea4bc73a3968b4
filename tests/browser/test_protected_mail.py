"""Signed and encrypted mail in a browser: written, read, on a phone, without script, and told apart from forgeries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from directory.pki.certificates import ENCRYPTION, certificates_of, revoke
from security.cms import Signing, is_encrypted
from security.cms.signing import sign_content
from tests.browser.axe import faults
from tests.webmail.certified_hall import Authorities, certified_hall, signed
from tests.webmail.town_hall import PASSWORD, LiveWebmail, TownHall, letter

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]


@pytest.fixture
def authorities(tmp_path: Path) -> Iterator[Authorities]:
    with certified_hall(tmp_path) as made:
        yield made


@pytest.fixture
def webmail(authorities: Authorities) -> Iterator[LiveWebmail]:
    live = LiveWebmail(authorities.hall)
    yield live
    live.close()


def write(page: Page, to: str, subject: str = "Lương tháng Mười một") -> None:
    page.goto("/compose")
    page.get_by_role("textbox", name="Đến", exact=True).fill(to)
    page.get_by_label("Tiêu đề").last.fill(subject)
    page.get_by_role("textbox", name="Nội dung").click()
    page.keyboard.type("Bảng lương tháng này.")


def test_a_letter_is_encrypted_and_read_on_a_phone(sign_in: SignIn, hall: TownHall) -> None:
    page = sign_in()
    write(page, "binh@thanhpho.example")
    expect(page.get_by_label("Ký số")).to_be_checked()
    page.get_by_label("Mã hóa").check()
    expect(page.locator("[data-readers]")).to_contain_text("Mọi người nhận đều đọc được.")
    assert faults(page) == []
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư, có mã hóa.")).to_be_visible()
    assert is_encrypted(hall.octets("binh", 1))
    reader = sign_in("binh", width=390, height=780)
    expect(reader.locator("[data-protected=encrypted]")).to_be_visible()
    reader.locator(".row-link").click()
    expect(reader.locator("[data-protection=encrypted]")).to_be_visible()
    expect(reader.locator("[data-protection=valid]")).to_contain_text("Đã ký, chữ ký hợp lệ")
    expect(reader.frame_locator("iframe.body").get_by_text("Bảng lương tháng này.")).to_be_visible()
    assert faults(reader) == []
    assert reader.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    reader.get_by_role("link", name="Chi tiết").click()
    expect(reader.get_by_role("heading", name="Chữ ký và mã hóa")).to_be_visible()
    assert faults(reader) == []
    assert reader.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_who_cannot_read_it_is_told_while_it_is_addressed(sign_in: SignIn, hall: TownHall) -> None:
    with hall.services.directory.write() as conn:
        mine = [one for one in certificates_of(conn, hall.account("chi").id) if one.purpose == ENCRYPTION]
        revoke(conn, "test", mine, "superseded")
    page = sign_in()
    write(page, "binh@thanhpho.example, chi@thanhpho.example")
    page.get_by_label("Mã hóa").check()
    told = page.locator("[data-readers]")
    expect(told.locator(".lacking")).to_have_count(1)
    expect(told).to_contain_text("chi@thanhpho.example: chưa biết chứng thư")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("chi@thanhpho.example")
    assert hall.rows("binh") == []
    page.get_by_role("textbox", name="Đến", exact=True).fill("binh@thanhpho.example")
    expect(told).to_contain_text("Mọi người nhận đều đọc được.")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư, có mã hóa.")).to_be_visible()


def test_without_script(open_browser: Callable[..., Page], hall: TownHall) -> None:
    page = open_browser(java_script_enabled=False)
    page.goto("/login")
    page.locator('input[name="login"]').fill(hall.address("an"))
    page.locator('input[name="password"]').fill(PASSWORD)
    page.locator("form").get_by_role("button", name="Đăng nhập").click()
    page.goto("/compose")
    page.locator('textarea[name="to"]').fill("khach@doitac.example")
    page.locator('textarea[name="text"]').fill("Mật")
    page.get_by_label("Mã hóa").check()
    page.get_by_role("button", name="Ai đọc được?").click()
    expect(page.locator("[data-readers]")).to_contain_text("khach@doitac.example: chưa biết chứng thư")
    page.locator('textarea[name="to"]').fill("an@thanhpho.example")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_text("Đã gửi thư, có mã hóa.")).to_be_visible()
    page.goto(f"/mail/{hall.mailbox('an').id}/1")
    expect(page.locator("[data-protection]")).to_have_count(2)


FORGED = (
    '<div style="position:fixed;top:-400px;left:0;background:#e5f3ea">Đã ký, chữ ký hợp lệ.</div>'
    "<p>Chuyển khoản ngay hôm nay.</p>"
)


def test_every_state_stands_outside_the_message(sign_in: SignIn, authorities: Authorities) -> None:
    hall = authorities.hall
    keys, unit = authorities.certify("binh"), authorities.certify("vanthu.snv")
    stranger = authorities.stranger("khach@doitac.example", trusted=False)
    inner = signed(letter(text="Phần đã ký."), keys.signer)
    head, _, body = inner.partition(b"\r\n\r\n")
    kind = re.search(rb"Content-Type: multipart/signed;.*", head, re.DOTALL)
    assert kind is not None
    listed = (
        b"From: binh@thanhpho.example\r\nTo: an@thanhpho.example\r\nSubject: [so] x\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=l\r\n\r\n--l\r\n" + kind[0] + b"\r\n\r\n" + body + b"\r\n--l\r\n"
        b"Content-Type: text/plain\r\n\r\nGui tu danh sach so-noi-vu\r\n--l--\r\n"
    )
    messages: dict[str, Any] = {
        "": letter(html=FORGED, text="x"),
        "address-mismatch": signed(letter(html=FORGED, text="x"), unit.signer),
        "unknown-ca": stranger.signed(letter("Khách <khach@doitac.example>", text="Chào")),
        "partly-signed": listed,
    }
    page = sign_in()
    for state, octets in messages.items():
        uid = hall.put("an", octets)
        page.goto(f"/mail/{hall.mailbox('an').id}/{uid}")
        lines = page.locator("[data-protection]")
        expect(lines).to_have_count(1 if state else 0)
        if state:
            expect(lines).to_have_attribute("data-protection", state)
            assert page.evaluate("document.querySelector('[data-protection]').closest('iframe') === null")
        assert faults(page) == []
    expect(page.locator("iframe.body")).to_have_count(2)
    expect(page.frame_locator("iframe.body >> nth=0").get_by_text("Phần đã ký.")).to_be_visible()
    expect(page.frame_locator("iframe.body >> nth=1").get_by_text("Gui tu danh sach")).to_be_visible()


UNIT = "vanthu.snv@thanhpho.example"


def ask_for_the_unit(page: Page) -> None:
    """Write a letter of the unit's and send it, as far as the proof."""
    page.locator('select[name="author"]').select_option(UNIT)
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_role("heading", name="Ký thay đơn vị")).to_be_visible()


def test_a_unit_is_signed_for_with_a_proof_in_between(sign_in: SignIn, hall: TownHall) -> None:
    page = sign_in("huong")
    write(page, "binh@thanhpho.example", "Công văn số 5")
    ask_for_the_unit(page)
    proof = page.get_by_label("Mật khẩu hiện tại")
    expect(proof).to_be_focused()
    proof.fill("sai rồi")
    proof.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Mật khẩu hiện tại không đúng")
    assert faults(page) == []
    assert hall.rows("binh") == []
    proof.fill(PASSWORD)
    page.get_by_role("button", name="Ký và gửi").click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    reader = sign_in("binh")
    reader.goto(f"/mail/{hall.mailbox('binh').id}/1")
    expect(reader.locator("[data-protection=valid]")).to_be_visible()
    expect(reader.frame_locator("iframe.body").get_by_text("Bảng lương tháng này.")).to_be_visible()


def test_a_token_of_ones_own_without_script(sign_in: SignIn, authorities: Authorities, hall: TownHall) -> None:
    token = authorities.certify("an").signer
    page = sign_in(java_script_enabled=False)
    page.goto("/compose")
    page.locator('textarea[name="to"]').fill("binh@thanhpho.example")
    page.locator('textarea[name="text"]').fill("Công văn số 5")
    page.get_by_role("button", name="Ký bằng thiết bị của bạn").click()
    with page.expect_download() as taken:
        page.get_by_role("link", name="Tải tệp cần ký").click()
    made = b"".join(sign_content([taken.value.path().read_bytes()], Signing([token], authorities.now), detached=True))
    page.locator("#signature").set_input_files({"name": "thu.p7s", "mimeType": "", "buffer": made[:-3]})
    page.get_by_role("button", name="Kiểm tra và gửi").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.locator("#signature").set_input_files({"name": "thu.p7s", "mimeType": "", "buffer": made})
    page.get_by_role("button", name="Kiểm tra và gửi").click()
    expect(page.get_by_text("Đã gửi thư.")).to_be_visible()
    page.goto(f"/mail/{hall.mailbox('an', 'Sent').id}/1")
    expect(page.locator("[data-protection=valid]")).to_be_visible()
