"""News comes whenever it likes: it takes nothing out of the reader's hands, and nothing comes back that is gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Route, expect

from mailserver.store.flags import FLAGGED
from mailserver.store.messages import remove, set_flags
from tests.browser.waiting import becomes
from tests.webmail.town_hall import TownHall, letter

pytestmark = pytest.mark.browser

REFRESH = "document.querySelector('mail-panes').refresh()"


def lay(hall: TownHall, count: int) -> None:
    letters = [letter(subject=f"thư {number:02}", text=f"Nội dung {number:02}") for number in range(count)]
    hall.fill("an", [(octets, (), 1_760_000_000 + number) for number, octets in enumerate(letters)])


@pytest.fixture
def quiet(sign_in: Callable[..., Page], hall: TownHall) -> Callable[..., Page]:
    """The inbox of somebody whom no news reaches by itself: it comes when the test says so."""

    def signed_in(count: int, **settings: object) -> Page:
        lay(hall, count)
        page = sign_in(**settings)
        page.context.route("**/events", lambda route: route.fulfill(status=204))
        page.reload()
        return page

    return signed_in


def news(page: Page) -> None:
    """A refresh, whole."""
    page.evaluate(REFRESH)


class Held:
    """Answers that the server gave, and that are still on their way."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._answers: list[tuple[Route, APIResponse]] = []
        self.over = False

    def take(self, route: Route) -> None:
        if self.over:
            route.fallback()
            return
        response = route.fetch()
        if self.over:  # meanwhile
            route.fulfill(response=response)
        else:
            self._answers.append((route, response))

    def wait_for(self, count: int) -> None:
        while len(self._answers) < count:
            self._page.wait_for_timeout(10)

    def arrive(self) -> None:
        while self._answers:
            route, response = self._answers.pop(0)
            with self._page.expect_response(route.request.url):
                route.fulfill(response=response)
        self._page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


@contextmanager
def held(page: Page, address: str | re.Pattern[str]) -> Iterator[Held]:
    """Within, answers from this address are held back until they may arrive."""
    holding = Held(page)
    page.route(address, holding.take)
    yield holding
    holding.over = True
    holding.arrive()


def ask_for_news(page: Page, holding: Held, count: int = 1) -> None:
    """A refresh whose answer is already written, and on its way."""
    page.evaluate(f"() => void {REFRESH}")
    holding.wait_for(count)


LIST = re.compile(r"/mail/\d+(\?.*)?$")


def box(page: Page, place: int) -> Locator:
    return page.locator(".row input").nth(place)


def chosen(page: Page) -> list[str]:
    return page.locator(".row:has(input:checked) .subject").all_inner_texts()


def test_what_was_chosen_stays_chosen(quiet: Callable[..., Page], hall: TownHall) -> None:
    page = quiet(6)
    with held(page, LIST) as answers:
        ask_for_news(page, answers)
        hall.put("an", letter(subject="vừa đến"))
        ask_for_news(page, answers, 2)
        box(page, 1).check()
        answers.arrive()
    expect(page.locator(".row")).to_have_count(7)
    expect(page.get_by_text("Đã chọn 1")).to_be_visible()
    box(page, 4).click(modifiers=["Shift"])  # the range begins where it began
    expect(page.get_by_text("Đã chọn 3")).to_be_visible()
    assert chosen(page) == ["thư 04", "thư 03", "thư 02"]


def test_the_list_keeps_still_while_choosing_and_catches_up_then(quiet: Callable[..., Page], hall: TownHall) -> None:
    page = quiet(4)
    box(page, 1).check()
    hall.put("an", letter(subject="vừa đến"))
    news(page)
    expect(page.locator(".mailboxes .count").first).to_contain_text("5")
    expect(page.locator(".row")).to_have_count(4)
    box(page, 1).uncheck()
    expect(page.locator(".row")).to_have_count(5)


def test_a_chosen_message_that_went_away_stays_until_the_choice_ends(
    quiet: Callable[..., Page], hall: TownHall
) -> None:
    page = quiet(4)
    inbox = hall.mailbox("an").id
    with held(page, LIST) as answers:
        hall.services.store.write(lambda tx: remove(tx, inbox, [(2, 3)])).result(30)
        ask_for_news(page, answers)
        box(page, 1).check()  # message 3 of 4
        answers.arrive()
    expect(page.locator(".row .subject")).to_have_text(["thư 03", "thư 02", "thư 00"])
    expect(page.get_by_text("Đã chọn 1")).to_be_visible()
    box(page, 1).uncheck()
    expect(page.locator(".row .subject")).to_have_text(["thư 03", "thư 00"])


def test_the_whole_mailbox_stays_chosen_but_not_what_came_after(quiet: Callable[..., Page], hall: TownHall) -> None:
    page = quiet(60)
    with held(page, LIST) as answers:
        ask_for_news(page, answers)
        page.get_by_label("Chọn tất cả trên trang này").check()
        page.get_by_role("button", name="Chọn tất cả 60 thư trong hộp này").click()
        answers.arrive()
    expect(page.get_by_text("Đã chọn 60")).to_be_visible()
    hall.put("an", letter(subject="vừa đến"))
    page.locator(".selection-tools").get_by_role("button", name="Xóa").click()
    expect(page.locator("#toasts")).to_contain_text("60")
    expect(page.locator(".row .subject")).to_have_text(["vừa đến"])
    becomes(page, lambda: len(hall.rows("an", "Trash")), 60)


def test_another_list_begins_with_nothing_chosen(quiet: Callable[..., Page], hall: TownHall) -> None:
    hall.put("an", letter(subject="đã xóa"), "Trash")
    page = quiet(60)
    page.get_by_label("Chọn tất cả trên trang này").check()
    page.get_by_role("button", name="Chọn tất cả 60 thư trong hộp này").click()
    page.locator("[data-rows]").evaluate("(rows) => { rows.scrollTop = 900; }")
    page.get_by_role("link", name="Thùng rác").click()
    expect(page.locator(".row")).to_have_count(1)
    assert page.locator('input[name="all"]').count() == 0
    expect(page.locator(".messages.selecting")).to_have_count(0)
    assert page.locator("[data-rows]").evaluate("(rows) => rows.scrollTop") == 0
    page.get_by_role("link", name="Hộp thư đến").click()
    expect(page.locator(".row")).to_have_count(50)
    box(page, 3).click(modifiers=["Shift"])  # no range from a list that is gone
    expect(page.get_by_text("Đã chọn 1")).to_be_visible()


def test_what_was_put_away_does_not_come_back_for_a_moment(quiet: Callable[..., Page], hall: TownHall) -> None:
    page = quiet(5)
    page.evaluate(
        """() => {
          window.seen = 0;
          new MutationObserver(() => {
            const row = document.querySelector('.row[data-item$=":5"]');
            if (window.away && row && !row.hidden) window.seen += 1;
          }).observe(document.body, { subtree: true, childList: true, attributes: true });
        }"""
    )
    with held(page, LIST) as answers:
        ask_for_news(page, answers)
        with held(page, re.compile("/actions$")) as done:
            box(page, 0).check()
            page.locator(".selection-tools").get_by_role("button", name="Lưu trữ").click()
            expect(page.locator(".row:visible")).to_have_count(4)
            page.evaluate("window.away = true")
            done.wait_for(1)
            answers.arrive()  # asked for before the act was answered
            expect(page.locator(".row:visible")).to_have_count(4)
            ask_for_news(page, answers)
            done.arrive()
        expect(page.locator("#toasts")).to_contain_text("Lưu trữ")
        answers.wait_for(2)  # the list that is asked for after the act
        answers.arrive()
    expect(page.locator(".row")).to_have_count(4)
    assert page.evaluate("window.seen") == 0


def test_a_star_answers_at_once_whatever_was_asked_before(quiet: Callable[..., Page], hall: TownHall) -> None:
    page = quiet(3)
    star = page.locator(".row .star").first
    with held(page, LIST) as answers:
        ask_for_news(page, answers)
        with held(page, re.compile("/actions$")) as done:
            star.click()
            done.wait_for(1)
            answers.arrive()
            expect(star).to_have_attribute("aria-pressed", "true")
    expect(star).to_have_attribute("aria-pressed", "true")
    becomes(page, lambda: hall.rows("an")[2][1] & FLAGGED, FLAGGED)


def test_what_could_not_be_done_is_chosen_again(
    quiet: Callable[..., Page], hall: TownHall, expected_complaints: list[str]
) -> None:
    expected_complaints.append("error: Failed to load resource")
    page = quiet(5)
    page.route("**/actions", lambda route: route.abort())
    box(page, 1).check()
    box(page, 3).click(modifiers=["Shift"])
    page.locator(".selection-tools").get_by_role("button", name="Xóa").click()
    expect(page.locator("#toasts")).to_contain_text("không kết nối được")
    expect(page.get_by_text("Đã chọn 3")).to_be_visible()
    expect(page.locator(".row:visible")).to_have_count(5)
    page.unroute("**/actions")
    page.locator(".selection-tools").get_by_role("button", name="Xóa").click()
    expect(page.locator(".row")).to_have_count(2)
    becomes(page, lambda: len(hall.rows("an", "Trash")), 3)


def test_the_keyboard_keeps_its_place(
    quiet: Callable[..., Page], hall: TownHall, expected_complaints: list[str]
) -> None:
    # The message at which the reader rests is asked for ahead, and may be gone by then.
    expected_complaints.append("error: Failed to load resource: the server responded with a status of 404")
    page = quiet(6)
    inbox = hall.mailbox("an").id
    for _ in range(3):
        page.keyboard.press("j")
    focused = page.locator(".row-link:focus")
    expect(focused).to_contain_text("thư 03")
    hall.put("an", letter(subject="vừa đến"))
    news(page)
    expect(page.locator(".row")).to_have_count(7)
    expect(focused).to_contain_text("thư 03")
    hall.services.store.write(lambda tx: remove(tx, inbox, [(4, 4)])).result(30)
    news(page)
    expect(page.locator(".row")).to_have_count(6)
    expect(focused).to_contain_text("thư 02")
    page.locator(".mailboxes a").nth(1).focus()
    news(page)
    expect(page.locator(".mailboxes a").nth(1)).to_be_focused()
    page.locator(".filters a").nth(1).focus()
    news(page)
    expect(page.locator(".filters a").nth(1)).to_be_focused()


def test_the_keyboard_goes_on_after_a_message_was_put_away(quiet: Callable[..., Page]) -> None:
    page = quiet(6)
    focused = page.locator(".row-link:focus")
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(focused).to_contain_text("thư 04")
    expect(page.locator(".row")).to_have_count(5)
    expect(focused).to_contain_text("thư 04")
    for place in (1, 2):
        box(page, place).check()
    page.locator(".selection-tools").get_by_role("button", name="Xóa").press("Enter")
    expect(focused).to_contain_text("thư 01")
    page.keyboard.press("o")
    expect(page.get_by_role("heading", level=1, name="thư 01")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_text("Chưa chọn thư")).to_be_visible()
    expect(focused).to_contain_text("thư 01")


def test_rows_do_not_move_under_the_eyes(quiet: Callable[..., Page], hall: TownHall) -> None:
    page = quiet(40)
    page.locator("[data-rows]").evaluate("(rows) => { rows.scrollTop = 700; }")
    row = page.locator(".row", has_text="thư 20")
    before = row.bounding_box()
    for number in range(3):
        hall.put("an", letter(subject=f"vừa đến {number}"))
    news(page)
    expect(page.locator(".row")).to_have_count(43)
    after = row.bounding_box()
    assert before is not None and after is not None
    assert abs(before["y"] - after["y"]) < 1


def test_open_menus_and_half_typed_fields_stay(quiet: Callable[..., Page], hall: TownHall) -> None:
    page = quiet(160)
    page.get_by_role("textbox", name="Trang").fill("4")
    with held(page, LIST) as answers:
        hall.put("an", letter(subject="vừa đến"))
        ask_for_news(page, answers)
        box(page, 0).check()
        page.locator(".selection-tools .move-menu summary").click()
        page.get_by_label("Chuyển đến").select_option("Lưu trữ")
        answers.arrive()
    expect(page.locator(".pager .range")).to_contain_text("161")
    expect(page.get_by_role("textbox", name="Trang")).to_have_value("4")
    expect(page.locator(".selection-tools .move-menu .menu-panel")).to_be_visible()
    page.get_by_role("button", name="Chuyển", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Lưu trữ")
    becomes(page, lambda: [subject for _, _, subject in hall.rows("an", "Archive")], ["thư 159"])
    box(page, 1).check()
    expect(page.locator(".selection-tools .move-menu .menu-panel")).to_be_hidden()


def test_the_open_message_is_not_loaded_again(quiet: Callable[..., Page], hall: TownHall) -> None:
    page = quiet(3)
    page.locator(".row-link").nth(1).click()
    frame = page.frame_locator("iframe.body")
    expect(frame.get_by_text("Nội dung 01")).to_be_visible()
    page.locator(".recipients summary").click()
    frame.locator("body").evaluate("(body) => { body.dataset.mark = 'kept'; }")
    star = page.locator("[data-reading-tools] .star")
    star.click()
    expect(star).to_have_class(re.compile(r"\bon\b"))
    expect(page.locator(".recipients dl")).to_be_visible()
    expect(star).to_be_focused()
    assert frame.locator("body").get_attribute("data-mark") == "kept"
    page.locator("#toasts").get_by_role("button", name="Hoàn tác").click()
    expect(star).not_to_have_class(re.compile(r"\bon\b"))
    assert frame.locator("body").get_attribute("data-mark") == "kept"


def test_news_does_not_stop_who_goes_to_another_mailbox(quiet: Callable[..., Page], hall: TownHall) -> None:
    hall.put("an", letter(subject="đã xóa"), "Trash")
    page = quiet(3)
    with held(page, re.compile(rf"/mail/{hall.mailbox('an', 'Trash').id}$")) as way:
        page.get_by_role("link", name="Thùng rác").click()
        way.wait_for(1)
        news(page)
        way.arrive()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Thùng rác"))
    expect(page.locator(".row .subject")).to_have_text(["đã xóa"])
    expect(page.locator("#list")).to_have_attribute("aria-label", "Thùng rác")


def test_an_act_does_not_call_back_who_went_on(quiet: Callable[..., Page], hall: TownHall) -> None:
    """Archived, and the next message opened by hand before the server answered: that one stays open."""
    page = quiet(4)
    page.locator(".row-link", has_text="thư 02").click()
    expect(page.get_by_role("heading", level=1, name="thư 02")).to_be_visible()
    with held(page, re.compile("/actions$")) as done:
        tools = page.locator("[data-reading-tools]")
        tools.get_by_role("button", name="Lưu trữ").dblclick()  # once is meant, and not the next message
        done.wait_for(1)
        expect(page.get_by_role("heading", level=1, name="thư 01")).to_be_visible()
        page.locator(".row-link", has_text="thư 00").click()
        expect(page.get_by_role("heading", level=1, name="thư 00")).to_be_visible()
        done.arrive()
    expect(page.locator("#toasts")).to_contain_text("Lưu trữ")
    expect(page.locator(".row")).to_have_count(3)
    expect(page.get_by_role("heading", level=1, name="thư 00")).to_be_visible()
    page.locator("#toasts").get_by_role("button", name="Hoàn tác").click()
    expect(page.locator(".row")).to_have_count(4)


def test_a_message_that_went_away_while_open(
    quiet: Callable[..., Page], hall: TownHall, expected_complaints: list[str]
) -> None:
    """Its list still answers to what is done."""
    expected_complaints.append("error: Failed to load resource: the server responded with a status of 404")
    page = quiet(3)
    page.locator(".row-link", has_text="thư 01").click()
    expect(page.get_by_role("heading", level=1, name="thư 01")).to_be_visible()
    expect(page.locator(".row.unread")).to_have_count(2)
    inbox = hall.mailbox("an").id
    store = hall.services.store
    store.write(lambda tx: remove(tx, inbox, [(2, 2)])).result(30)
    store.write(lambda tx: set_flags(tx, inbox, [(1, 1)], "add", ["\\Flagged"])).result(30)
    page.keyboard.press("s")
    expect(page.locator(".row")).to_have_count(2)
    expect(page.locator(".row.starred")).to_have_count(1)
