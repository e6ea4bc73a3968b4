"""Whether somebody who has no mouse sees where he is.

Standards: WCAG 2.2 §2.4.7 (focus visible), §2.4.11 (not obscured), §2.1.1 (keyboard).
"""

from __future__ import annotations

from playwright.sync_api import Page

# What is wrong with the focus where it is now; nothing, where one writes (the caret), in a message's frame, and on a
# heading or a part of the page, which is gone to once and not worked with.
FOCUS_FAULT = """() => {
  const here = document.activeElement;
  if (here === document.body || here.localName === "iframe" || here.isContentEditable || here.tabIndex < 0) {
    return "";
  }
  const shows = (each) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(each);
    return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
  };
  const around = [here, here.closest("label, .field, .searchbox, .attach-button")].filter(Boolean);
  const told = here.outerHTML.slice(0, 200);
  if (!around.some(shows)) return `${told} is not seen to have the focus`;
  const { left, top, width, height } = around.at(-1).getBoundingClientRect();
  const places = [0.1, 0.5, 0.9].flatMap((x) => [0.1, 0.5, 0.9].map((y) => [left + width * x, top + height * y]));
  const seen = places.some(([x, y]) => {
    const there = document.elementFromPoint(x, y);
    return there && around.some((each) => each.contains(there) || there.contains(each));
  });
  return seen ? "" : `${told} has the focus where nobody sees it`;
}"""

STOPS = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].filter(
  (each) => each.tabIndex >= 0 && !each.disabled && each.type !== "radio" &&
    each.checkVisibility({ visibilityProperty: true }) &&
    (document.querySelector("dialog[open]") ?? document).contains(each))"""

WALK = f"""(passed) => {{
  const fault = ({FOCUS_FAULT})();
  const here = document.activeElement;
  window.passed ??= new Set();
  const again = here !== window.before && window.passed.has(here) && here.localName !== "iframe";
  window.passed.add(here);
  window.before = here; // a date has several places to stop at
  return {{ fault, ended: passed && (again || here === document.body) }};
}}"""
MISSED = f"""() => ({STOPS})().filter((each) => !window.passed.has(each)).map((each) => each.outerHTML.slice(0, 150))"""
FARTHEST = 250


def walk(page: Page) -> list[str]:
    """Through everything that Tab reaches, from the page's beginning; what is wrong on the way."""
    found: list[str] = []
    page.evaluate(
        """() => {
          document.activeElement.blur();
          document.getSelection().removeAllRanges();
          window.passed = window.before = undefined;
        }"""
    )
    page.evaluate(f"() => {{ ({STOPS})()[0].focus({{ focusVisible: true }}) }}")
    for stop in range(FARTHEST):
        step = page.evaluate(WALK, stop > 0)
        if step["fault"]:
            found.append(step["fault"])
        if step["ended"]:
            return found + [f"Tab passes by {each}" for each in page.evaluate(MISSED)]
        page.keyboard.press("Tab")
    return [*found, "Tab finds no end"]
