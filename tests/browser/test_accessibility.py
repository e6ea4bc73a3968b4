"""Accessibility, as far as a machine can judge it: axe-core on every screen, in light and dark, wide and narrow.

Standards: WCAG 2.2 A and AA, and axe's own good practice.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from directory.mail import contacts
from directory.mail.contacts import Contact
from tests.webmail.town_hall import PASSWORD, TownHall, letter

pytestmark = pytest.mark.browser

AXE = next(Path(axe_playwright_python.__file__).parent.glob("axe.min.js")).read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


# A page that moves or changes while it is judged is judged again: axe would see colours that nobody sees.
JUDGE = """async (rules) => {
  for (let trial = 1; ; trial += 1) {
    await Promise.allSettled(document.getAnimations().map((each) => each.finished));
    let changed = false;
    const witness = new MutationObserver(() => { changed = true; });
    witness.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    const { violations } = await axe.run(document, { runOnly: rules, iframes: false });
    await new Promise((done) => setTimeout(done));
    witness.disconnect();
    if (!changed || trial === 10) {
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) =>
        `${node.html.slice(0, 150)} (${node.failureSummary.replace(/\\s+/g, " ")})`).slice(0, 3).join(" | ")}`);
    }
  }
}"""


def faults(page: Page) -> list[str]:
    page.evaluate(f"{AXE};0")
    return [str(each) for each in page.evaluate(JUDGE, RULES)]


@pytest.mark.parametrize(
    "settings",
    [{"color_scheme": "light"}, {"color_scheme": "dark", "width": 390, "height": 844}],
    ids=["light and wide", "dark and narrow"],
)
def test_every_screen(
    open_browser: Callable[..., Page], sign_in: Callable[..., Page], hall: TownHall, settings: dict[str, object]
) -> None:
    hall.put("an", letter(subject="Đã đọc", files=[("a.pdf", "application/pdf", b"x")]), flags=("\\Seen", "\\Flagged"))
    outside = letter(
        "a@b.example <x@ngoai.example>", subject="Từ ngoài", html='<img src="http://x.test/a.png">', cc=["c@d.example"]
    )
    hall.put("an", outside, flags=("\\Answered",))
    hall.make_mailbox("an", "Dự án/Con")
    with hall.services.directory.write() as conn:
        contacts.keep_group(conn, hall.account("an").id, "Nhà thầu", [Contact("a@ngoai.example", "Lý Mai", "Ghi chú")])
    screens: dict[str, list[str]] = {}

    login = open_browser(**settings)
    login.goto("/login")
    screens["login"] = faults(login)

    page = sign_in(**settings)
    screens["list"] = faults(page)
    page.locator(".row input").first.check()
    screens["selecting"] = faults(page)
    page.locator(".row input").first.uncheck()
    page.locator(".row .star").first.click()
    expect(page.locator("#toasts button")).to_be_visible()
    screens["toast"] = faults(page)
    if page.locator("#menu-button").is_visible():
        page.locator("#menu-button").click()
        expect(page.get_by_role("link", name="Soạn thư")).to_be_focused()
        screens["mailboxes"] = faults(page)
        page.locator(".shade").click(position={"x": 380, "y": 400})
    page.locator(".row-link", has_text="Từ ngoài").click()
    expect(page.get_by_role("heading", level=1, name="Từ ngoài")).to_be_visible()
    page.locator(".recipients summary").first.click()
    screens["reading"] = faults(page)
    page.get_by_label("Tài khoản của").click()
    screens["menu"] = faults(page)
    for path in (
        "/compose",
        "/search?q=doc",
        "/search?q=khongcogi",
        "/search",
        "/settings",
        "/mailboxes",
        "/settings/two-steps",
        "/labels",
        "/help",
        "/contacts",
    ):
        page.goto(path)
        screens[path] = faults(page)
    page.goto("/contacts")
    for each in page.locator(".sheet summary").all():
        each.click()
    expect(page.locator("#g1-members")).to_be_visible()
    screens["contacts opened"] = faults(page)
    page.goto("/settings/app-passwords")
    for field, text in (("name", "Điện thoại"), ("password", PASSWORD)):
        page.locator(f"input[name={field}]").fill(text)
    page.get_by_role("button", name="Tạo").click()
    expect(page.locator("#app-password")).to_be_visible()
    screens["app passwords"] = faults(page)
    page.goto("/compose")
    page.keyboard.type("quoc", delay=15)
    expect(page.locator(".suggestion").first).to_be_visible()
    screens["completing"] = faults(page)
    page.goto("/settings")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    screens["keys"] = faults(page)
    assert {name: found for name, found in screens.items() if found} == {}
