"""What will be so is shown at once, on however slow a line, and taken back with a word; what is next is there before it
is asked for; searches and filters are scrolled like mailboxes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, Route, expect

from mailserver.store.flags import FLAGGED, SEEN
from tests.browser.waiting import becomes
from tests.webmail.town_hall import TownHall, letter

pytestmark = pytest.mark.browser

REFUSAL = "Không được phép."
TOOLS = "[data-reading-tools]"


class SlowLine:
    """Keeps what is sent to /actions until it is told what becomes of it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._held: list[Route] = []
        page.route(re.compile("/actions$"), self._hold)

    def _hold(self, route: Route) -> None:
        if "quiet=1" in (route.request.post_data or ""):
            route.fallback()  # that the open message was read
        else:
            self._held.append(route)

    def wait(self) -> Route:
        for _ in range(3000):
            if self._held:
                return self._held.pop()
            self._page.wait_for_timeout(10)
        raise AssertionError("nothing was sent")

    def refuse(self) -> None:
        self.wait().fulfill(status=409, content_type="application/json", body=json.dumps({"error": REFUSAL}))

    def go_on(self) -> None:
        self.wait().continue_()

    def break_off(self) -> None:
        self.wait().abort()


@pytest.fixture
def complaints(expected_complaints: list[str]) -> None:
    expected_complaints.append("error: Failed to load resource: net::ERR_FAILED")


@pytest.fixture
def four(sign_in: Callable[..., Page], hall: TownHall) -> Page:
    """Four messages, the third from above open."""
    for number in range(4):
        hall.put("an", letter(subject=f"thư {number}", text=f"Nội dung {number}"))
    page = sign_in()
    page.locator(".row-link", has_text="thư 1").click()
    expect(page.get_by_role("heading", level=1, name="thư 1")).to_be_visible()
    return page


def row(page: Page, number: int) -> str:
    return f".row:has-text('thư {number}')"


def flags(hall: TownHall, number: int) -> int:
    return next(flags for _, flags, subject in hall.rows("an") if subject == f"thư {number}")


@pytest.mark.usefixtures("complaints")
def test_a_star_is_there_before_the_server_has_it(four: Page, hall: TownHall) -> None:
    line, star = SlowLine(four), four.locator(f"{TOOLS} .star")
    for end in (line.refuse, line.break_off):
        star.click()
        expect(star).to_have_attribute("aria-pressed", "true")
        expect(four.locator(row(four, 1))).to_have_class(re.compile("starred"))
        end()
        expect(four.locator("#toasts .error")).to_be_visible()
        expect(star).to_have_attribute("aria-pressed", "false")
        expect(four.locator(row(four, 1))).not_to_have_class(re.compile("starred"))
    star.click()
    line.go_on()
    four.locator("#toasts").get_by_role("button", name="Hoàn tác").click()
    expect(four.get_by_text("Đã hoàn tác.")).to_be_visible()
    expect(star).to_have_attribute("aria-pressed", "false")
    assert not flags(hall, 1) & FLAGGED


@pytest.mark.usefixtures("complaints")
def test_a_label_is_there_and_taken_back(sign_in: Callable[..., Page], hall: TownHall) -> None:
    hall.put("an", letter(subject="thư 1"))
    page = sign_in()
    page.goto("/labels")
    page.locator("#label-name").fill("Gấp")
    page.locator("button[value=add]").click()
    page.goto("/")
    page.locator(".row-link").click()
    line = SlowLine(page)
    tags = page.locator(".row .tag, .letter .tag")
    for _ in range(2):
        page.locator(f"{TOOLS} .label-menu > summary").click()
        page.locator(f"{TOOLS} button[value=label]").click()
        expect(tags).to_have_text(["Gấp", "Gấp"])
        expect(tags.first).to_have_class(re.compile(r"hue-\d"))
        line.refuse()
        expect(page.locator("#toasts")).to_have_text(REFUSAL)
        expect(tags).to_have_count(0)
    page.locator(f"{TOOLS} .label-menu > summary").click()
    page.locator(f"{TOOLS} button[value=label]").click()
    line.go_on()
    expect(page.locator("#toasts")).to_contain_text("Gấp")
    expect(tags).to_have_text(["Gấp", "Gấp"])


def test_the_numbers_beside_the_mailboxes_move_at_once(four: Page) -> None:
    line, count = SlowLine(four), four.locator(".mailboxes .count:visible")
    expect(count).to_have_text([re.compile("^3")])

    def choose() -> None:
        for number in (2, 3):
            four.locator(row(four, number)).locator("[name=item]").check()

    choose()
    four.locator("#list button[value=read]").click()
    expect(count).to_have_text([re.compile("^1")])
    line.refuse()
    expect(four.locator("#toasts .error")).to_be_visible()
    expect(count).to_have_text([re.compile("^3")])
    choose()
    four.locator("#list button[value=archive]").click()
    expect(count).to_have_text([re.compile("^1"), re.compile("^2")])
    line.go_on()
    four.locator("#toasts").get_by_role("button", name="Hoàn tác").click()
    expect(count).to_have_text([re.compile("^3")])


@pytest.mark.usefixtures("complaints")
def test_the_next_message_comes_before_the_server_has_taken_this_one_away(four: Page, hall: TownHall) -> None:
    line = SlowLine(four)
    for end in (line.refuse, line.break_off):
        four.keyboard.press("e")
        expect(four.get_by_role("heading", level=1, name="thư 0")).to_be_visible()
        expect(four.locator(row(four, 1))).to_be_hidden()
        end()
        expect(four.locator("#toasts .error")).to_be_visible()
        expect(four.locator(row(four, 1))).to_be_visible()
        expect(four.get_by_role("heading", level=1, name="thư 1")).to_be_visible()
    four.keyboard.press("e")
    expect(four.get_by_role("heading", level=1, name="thư 0")).to_be_visible()
    four.keyboard.press("e")  # the one above has not gone yet, and is not come back to
    expect(four.get_by_text("Chưa chọn thư")).to_be_visible()
    line.go_on()
    line.go_on()
    expect(four.locator(".row .subject")).to_have_text(["thư 3", "thư 2"])
    four.locator("#toasts").get_by_role("button", name="Hoàn tác").click()
    expect(four.locator(".row .subject")).to_have_count(3)


def test_a_key_that_is_held_down_acts_once(four: Page, hall: TownHall) -> None:
    for _ in range(4):
        four.keyboard.down("e")
    four.keyboard.up("e")
    expect(four.locator("#toasts")).to_contain_text("Lưu trữ")
    expect(four.locator(".row .subject")).to_have_text(["thư 3", "thư 2", "thư 0"])


def asked(page: Page) -> list[str]:
    """Addresses of messages and texts that are asked for from now on."""
    found: list[str] = []

    def note(request: Request) -> None:
        path = re.sub(r"^https?://[^/]+|\?.*", "", request.url)
        if re.fullmatch(r"/mail/\d+/\d+(/body)?", path):
            found.append(path)

    page.on("request", note)
    return found


def test_what_is_pointed_at_is_there_when_it_is_opened(sign_in: Callable[..., Page], hall: TownHall) -> None:
    for number in range(3):
        hall.put("an", letter(subject=f"thư {number}", text=f"Nội dung {number}"))
    page = sign_in()
    seen = asked(page)
    path = f"/mail/{hall.mailbox('an').id}/2"
    page.locator(row(page, 1)).locator(".subject").hover()
    waiting = page.frame_locator(".frames-ahead iframe")
    expect(waiting.locator("body")).to_contain_text("Nội dung 1")
    assert not flags(hall, 1) & SEEN
    expect(page.get_by_text("Chưa chọn thư")).to_be_visible()
    page.locator(row(page, 1)).locator(".subject").click()
    expect(page.frame_locator("#reading iframe").locator("body")).to_contain_text("Nội dung 1")
    expect(page.locator(".frames-ahead iframe")).to_have_count(0)
    expect(page.locator("#reading iframe")).to_have_attribute("title", re.compile("."))
    expect(page.locator("#reading iframe")).to_have_class(re.compile("body"))
    assert page.locator("#reading iframe").evaluate("(frame) => frame.offsetHeight") < 200
    expect(page.locator(row(page, 1))).not_to_have_class(re.compile("unread"))
    assert sorted(seen) == [path, f"{path}/body"]


def test_what_is_encrypted_is_opened_by_nobody_but_who_opens_it(sign_in: Callable[..., Page], hall: TownHall) -> None:
    hall.put("an", letter(subject="thư 1"))
    head = b"From: binh@thanhpho.example\r\nSubject: kin\r\nMIME-Version: 1.0\r\n"
    hall.put("an", head + b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nMIAG\r\n")
    page = sign_in()
    seen = asked(page)
    page.locator(".row:has([data-protected=encrypted]) .subject").hover()
    page.wait_for_timeout(300)  # longer than it takes for a row to be asked for
    page.locator(row(page, 1)).locator(".subject").hover()
    expect(page.frame_locator(".frames-ahead iframe").locator("body")).not_to_be_empty()
    assert {path.removesuffix("/body") for path in seen} == {f"/mail/{hall.mailbox('an').id}/1"}


COUNT = 400


@pytest.mark.parametrize("address", ["/search?q=thư", "/mail/{inbox}?show=unread"])
def test_a_search_and_a_filter_scroll_like_a_mailbox(
    sign_in: Callable[..., Page], hall: TownHall, address: str
) -> None:
    letters = [letter(subject=f"thư {number:03}", text="x") for number in range(COUNT)]
    hall.fill("an", [(octets, (), 1_760_000_000 + number) for number, octets in enumerate(letters)])
    inbox = hall.mailbox("an").id
    page = sign_in()
    page.goto(address.format(inbox=inbox))
    grid = page.get_by_role("grid")
    expect(grid).to_have_attribute("data-total", str(COUNT))  # a search of many new messages goes on for a moment
    for share, number in ((1.0, 0), (0.5, 200)):
        page.locator("[data-rows]").evaluate(
            "(rows, share) => { rows.scrollTop = share * (rows.scrollHeight - rows.clientHeight); }", share
        )
        expect(page.locator(".row", has_text=f"thư {number:03}")).to_be_in_viewport()
    page.locator(".row", has_text="thư 200").locator(".row-link").click()
    expect(page.get_by_role("heading", level=1, name="thư 200")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_role("heading", level=1, name="thư 199")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1, name="thư 200")).to_be_visible()
    expect(grid).to_have_attribute("aria-rowcount", re.compile(r"39\d|400"))
    page.go_back()
    expect(page.get_by_text("Chưa chọn thư")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", level=1, name="thư 200")).to_be_visible()
    page.get_by_label("Chọn tất cả trên trang này").check()
    page.get_by_role("button", name=re.compile("thư của danh sách này")).click()
    page.locator(".selection-tools").get_by_role("button", name="Lưu trữ").click()
    expect(page.locator("#toasts")).to_contain_text("Lưu trữ")
    left = COUNT - len(hall.rows("an", "Archive"))
    assert left <= 2  # of the filter those that were opened
    page.locator("#toasts").get_by_role("button", name="Hoàn tác").click()
    expect(page.get_by_text("Đã hoàn tác.")).to_be_visible()
    becomes(page, lambda: len(hall.rows("an")), COUNT)


def test_searching_takes_the_page_along(sign_in: Callable[..., Page], hall: TownHall) -> None:
    """The list changes, and the page does not: what was typed stays, and the way back is there."""
    hall.put("an", letter(subject="thư 1"))
    page = sign_in()
    page.evaluate("window.same = true")
    box = page.get_by_role("searchbox")
    box.fill("thư là:sao")
    box.press("Enter")
    expect(page.get_by_text("Không tìm thấy")).to_be_visible()
    page.locator(".query .chip").last.click()
    expect(page.locator(".row")).to_have_count(1)
    expect(box).to_have_value("thư")
    page.locator(".search-menu > summary").click()
    expect(page.get_by_label("Từ ngữ", exact=True)).to_have_value("thư")
    page.locator(".search-menu > summary").click()
    page.go_back()
    expect(box).to_have_value("thư là:sao")
    page.go_back()
    expect(page.get_by_role("heading", level=1, name="Hộp thư đến")).to_be_visible()
    expect(box).to_have_value("")
    assert page.evaluate("window.same")
