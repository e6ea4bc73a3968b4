"""The four ways of working: with a mouse, by the keyboard alone, without script, on a phone.

A task is written once, in the few words below; what a word means is the way's own affair.  Each way watches besides
what it is there for: the keyboard that the focus is always seen and never lost, the phone that nothing hangs over
the edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from playwright.sync_api import Download, Locator, Page, expect
from playwright.sync_api import TimeoutError as TooLate

from tests.browser.focus import FOCUS_FAULT, STOPS
from tests.webmail.town_hall import PASSWORD

SOON = 10_000  # milliseconds
FITS = """() => document.documentElement.scrollWidth <= innerWidth &&
  [...document.querySelectorAll("details.menu[open] > .menu-panel")].every((panel) => {
    const { left, right } = panel.getBoundingClientRect();
    return left >= 0 && right <= innerWidth;
  })"""


@contextmanager
def failing(told: str) -> Iterator[None]:
    """What is waited for in vain is told in words."""
    try:
        yield
    except TooLate as fault:
        raise AssertionError(told) from fault


class Way:
    """What every way has in common; used as it is, the mouse."""

    name = "mouse"
    settings: ClassVar[dict[str, Any]] = {"width": 1440, "height": 900}
    scripted = True
    narrow = False

    def __init__(self, page: Page) -> None:
        self.page = page
        page.on("dialog", lambda dialog: dialog.accept())

    def press(self, what: Locator) -> None:
        what.click()

    def fill(self, what: Locator, text: str) -> None:
        what.click()
        what.fill(text)

    def type(self, what: Locator, text: str) -> None:
        """Letter by letter, for what answers while one types."""
        self.press(what)
        self.page.keyboard.type(text)

    def choose(self, what: Locator, option: str) -> None:
        what.select_option(label=option)

    def take_suggestion(self, what: Locator) -> None:
        self.press(what)

    def hand_in(self, what: Locator, name: str, octets: bytes) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.press(what)
        chooser.value.set_files({"name": name, "mimeType": "application/octet-stream", "buffer": octets})

    def take(self, what: Locator) -> Download:
        with self.page.expect_download() as download:
            self.press(what)
        return download.value

    def end(self) -> None:
        """The task is done: nothing was lost on the way."""

    # What is somewhere else on a small screen, or done with something else without script.

    def open_mailbox(self, name: str) -> None:
        if self.narrow:
            self.press(self.page.locator("#menu-button"))
        self.press(self.page.locator("#sidebar").get_by_role("link", name=name))
        expect(self.page.locator("#list h1")).to_contain_text(name)

    def compose(self) -> None:
        if self.narrow:
            self.press(self.page.locator("#menu-button"))
        self.press(self.page.get_by_role("link", name="Soạn thư"))

    def menu(self, entry: str) -> None:
        """What stands in the menu under one's name."""
        self.press(self.page.locator(".account-menu > summary"))
        self.press(self.page.locator(".account-menu").get_by_text(entry, exact=True))

    def open(self, subject: str) -> None:
        """A message of the list."""
        self.press(self.page.locator(".row:visible", has_text=subject).locator(".row-link"))
        expect(self.page.get_by_role("heading", level=1, name=subject)).to_be_visible()

    def back_to_the_list(self) -> None:
        back = self.page.locator("[data-reading-tools] .back")
        if back.is_visible():
            self.press(back)
        expect(self.page.locator("#list")).to_be_visible()

    def undo(self) -> None:
        self.press(self.page.get_by_role("button", name="Hoàn tác"))

    def reading_tool(self, name: str) -> None:
        self.press(self.page.locator("[data-reading-tools]").get_by_role("button", name=name, exact=True))

    def told(self, text: str) -> None:
        """The page says it: in a notice that a screen reader hears, too."""
        expect(self.page.get_by_role("status").filter(has_text=text).first).to_be_visible()


class Phone(Way):
    name = "phone"
    settings: ClassVar[dict[str, Any]] = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
    narrow = True

    def press(self, what: Locator) -> None:
        what.tap()
        self.stays_within()

    def fill(self, what: Locator, text: str) -> None:
        what.tap()
        what.fill(text)

    def end(self) -> None:
        self.stays_within()

    def stays_within(self) -> None:
        with failing(f"{self.page.url} hangs over the edge"):
            self.page.wait_for_function(FITS, timeout=SOON)


class WithoutScript(Way):
    name = "without script"
    settings: ClassVar[dict[str, Any]] = {"width": 1440, "height": 900, "java_script_enabled": False}
    scripted = False


# The next key towards an element, how often at least, and what is wrong with the focus where it is now.
NEXT_KEY = f"""(wanted) => {{
  const fault = ({FOCUS_FAULT})();
  if (fault) return {{ fault }};
  const here = document.activeElement;
  if (here === wanted) return {{}};
  const after = (from, to) => Boolean(from.compareDocumentPosition(to) & Node.DOCUMENT_POSITION_FOLLOWING);
  const [row, goal] = [here.closest(".row"), wanted.closest(".row")];
  if (row && goal && row !== goal) return {{ key: after(row, goal) ? "ArrowDown" : "ArrowUp", times: 1 }};
  if (row && goal) return {{ key: after(here, wanted) ? "ArrowRight" : "ArrowLeft", times: 1 }};
  if (here.type === "radio" && here.name && here.name === wanted.name) {{
    return {{ key: after(here, wanted) ? "ArrowDown" : "ArrowUp", times: 1 }};
  }}
  const forward = after(here, wanted);
  const stops = ({STOPS})().filter((each) =>
    forward ? after(here, each) && after(each, wanted) : after(wanted, each) && after(each, here));
  return {{ key: forward ? "Tab" : "Shift+Tab", times: Math.max(1, stops.length - 1) }};
}}"""
FARTHEST = 100  # steps
MARK = "window.wasHere = true"
FOUND = (
    "() => !window.wasHere || document.activeElement !== document.body"  # a page that was loaded anew begins at its top
)


class Keyboard(Way):
    """Tab, arrows, Enter, space and letters: nothing else."""

    name = "keyboard"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        page.context.add_init_script("addEventListener('pointerdown', () => console.error('that was no keyboard'))")
        self.last = "the beginning"

    def reach(self, what: Locator) -> None:
        self.end()
        turned = ""
        for _ in range(FARTHEST):
            step = what.evaluate(NEXT_KEY)
            assert "fault" not in step, step["fault"]
            if not step:
                return
            assert {step["key"], turned} != {"Tab", "Shift+Tab"}, f"Tab passes by {what}"
            turned = step["key"] if step["times"] == 1 else ""
            for _ in range(step["times"]):
                self.page.keyboard.press(step["key"])
        raise AssertionError(f"{what} is too far away")

    def end(self) -> None:
        """After whatever was done last, the keyboard still has a place on the page."""
        with failing(f"the focus was lost after {self.last}"):
            self.page.wait_for_function(FOUND, timeout=SOON)

    def press(self, what: Locator) -> None:
        self.reach(what)
        kind = what.evaluate("each => each.type")
        self.page.evaluate(MARK)
        self.last = f"pressing {what}"
        self.page.keyboard.press("Space" if kind in ("checkbox", "radio") else "Enter")

    def fill(self, what: Locator, text: str) -> None:
        self.reach(what)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)

    def type(self, what: Locator, text: str) -> None:
        self.reach(what)
        self.page.keyboard.type(text)

    def choose(self, what: Locator, option: str) -> None:
        self.reach(what)
        away = what.evaluate(
            "(list, text) => [...list.options].findIndex((each) => each.text.trim() === text) - list.selectedIndex",
            option,
        )
        for _ in range(abs(away)):
            self.page.keyboard.press("ArrowDown" if away > 0 else "ArrowUp")
        expect(what.locator("option:checked")).to_have_text(option)

    def take_suggestion(self, what: Locator) -> None:
        expect(what).to_have_attribute("aria-selected", "true")
        self.page.keyboard.press("Enter")


WAYS: tuple[type[Way], ...] = (Way, Keyboard, WithoutScript, Phone)


def sign_in(way: Way, address: str, password: str = PASSWORD) -> None:
    way.fill(way.page.get_by_label("Địa chỉ thư"), address)
    way.fill(way.page.get_by_label("Mật khẩu"), password)
    way.press(way.page.get_by_role("button", name="Đăng nhập"))


Task = Callable[[Way, Any], None]
