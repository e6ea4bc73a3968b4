"""Whether somebody who gave the whole system colours of his own sees where he is, and what is on.

Backgrounds and shadows of ours are gone then; what only they told is told no more.

Standards: WCAG 2.2 §1.4.1 (use of colour), §1.4.11 (what is on), §2.4.7 (focus); CSS Color Adjustment 1 §3.
"""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.focus import FOCUS_FAULT, STOPS

# What is on looks otherwise than its neighbours that are off.
ON = r"""() => {
  const on = '[aria-current]:not([aria-current="false"]), [aria-pressed="true"], [aria-selected="true"], .row.current';
  const canvas = getComputedStyle(document.body).backgroundColor;
  const drawn = (one, part) => {
    const style = getComputedStyle(one, part);
    const { borderWidth, borderStyle, outlineStyle, textDecorationLine, fill, content, display } = style;
    const back = style.backgroundColor.replace(/^rgba\(.*, 0\)$/, canvas);
    return [back, borderWidth, borderStyle, outlineStyle, textDecorationLine, fill, content, display].join();
  };
  const whole = (one) => ["", "::before", "::after"].map((part) => drawn(one, part));
  const look = (each) => [each, ...each.querySelectorAll("*")].flatMap(whole).join();
  const around = (each) => each.parentElement.parentElement;
  const alike = (one, other) => one.classList[0] === other.classList[0] && around(one) === around(other);
  const off = (each) => [...around(each).querySelectorAll(each.localName)].filter((other) =>
    alike(each, other) && !other.matches(on) && other.checkVisibility());
  return [...document.querySelectorAll(on)]
    .filter((each) => each.checkVisibility() && !each.matches(".row.current .row-link")) // the row tells it
    .filter((each) => off(each).some((other) => look(other) === look(each)))
    .map((each) => `${each.outerHTML.slice(0, 150)} looks as if it were off`);
}"""

FOCUS = f"""() => ({STOPS})().map((each) => {{
  each.focus({{ focusVisible: true }});
  return ({FOCUS_FAULT})();
}}).filter((fault) => fault.endsWith("is not seen to have the focus"))"""  # what covers it, Tab finds (``focus.walk``)


def unseen(page: Page) -> list[str]:
    page.emulate_media(forced_colors="active")
    try:
        return [*page.evaluate(ON), *page.evaluate(FOCUS)]
    finally:
        page.emulate_media(forced_colors="none")
