"""Whether words keep the room they need when they grow: twice as large, or set wider.

The reader's own size of text is the browser's setting, which the page's measures follow; wider setting comes from a
style sheet of his own, which no policy of ours forbids.

Standards: WCAG 2.2 §1.4.4 (resize text), §1.4.10 (reflow), §1.4.12 (text spacing).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

USUAL = 16  # pixels: what every browser begins with
SPACED = """
* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
p { margin-bottom: 2em !important }
"""

# Words that are cut off without an ellipsis, that other words stand upon, or that hang over the page's edge.
CROWDED = r"""() => {
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page hangs over its edge");
  const boxes = (node) => { // a line each
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...range.getClientRects()].filter((line) => line.width > 1);
  };
  const meet = (one, other) => one.left < other.right - 2 && other.left < one.right - 2 &&
    one.top < other.bottom - 3 && other.top < one.bottom - 3;
  const lineage = (each) => each ? [each, ...lineage(each.parentElement)] : [];
  const elided = (each) => getComputedStyle(each).textOverflow === "ellipsis";
  const layer = (node) => lineage(node.parentElement).find((each) => // a menu is above the page
    !/static|relative/.test(getComputedStyle(each).position));
  const unseen = ".visually-hidden, .skip, [inert], option, template, script, noscript";
  const asked = document.querySelector("dialog[open]") ?? document.body;
  const words = document.createTreeWalker(asked, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const here = words.currentNode.parentElement;
    if (!words.currentNode.data.trim() || here.closest(unseen)) continue;
    if (!here.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const around = lineage(here).filter((each) => each !== document.documentElement);
    if (around.some((each) => getComputedStyle(each).clipPath !== "none")) continue; // for screen readers
    const range = document.createRange();
    range.selectNodeContents(words.currentNode);
    let { left, right, top, bottom } = range.getBoundingClientRect();
    let cut = "";
    const rolls = { x: false, y: around.some(elided) };
    for (const each of around) {
      const { overflowX, overflowY, position } = getComputedStyle(each);
      const edge = each.getBoundingClientRect();
      if (overflowX !== "visible") {
        rolls.x ||= /auto|scroll/.test(overflowX) || elided(each);
        if (!rolls.x && (left < edge.left - 2 || right > edge.right + 2)) cut ||= "is cut off at its side";
        [left, right] = [Math.max(left, edge.left), Math.min(right, edge.right)];
      }
      if (overflowY !== "visible") {
        rolls.y ||= /auto|scroll/.test(overflowY);
        if (!rolls.y && (top < edge.top - 3 || bottom > edge.bottom + 3)) cut ||= "is cut off above or below";
        [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
      }
      if (position === "fixed") break;
    }
    const told = `${here.outerHTML.slice(0, 150)} ${cut}`;
    if (cut) found.push(told);
    if (cut || right - left < 4 || bottom - top < 4) continue;
    for (const line of boxes(words.currentNode).slice(0, 12)) {
      const middle = (line.top + line.bottom) / 2;
      const places = [0.1, 0.5, 0.9].map((across) => line.left + line.width * across);
      const over = places.filter((place) => place > left && place < right && middle > top && middle < bottom)
        .flatMap((place) => [...(document.elementFromPoint(place, middle)?.childNodes ?? [])])
        .find((each) => each !== words.currentNode && each.nodeType === Node.TEXT_NODE && each.data.trim() &&
          layer(each) === layer(here) && boxes(each).some((other) => meet(line, other)));
      if (over) {
        found.push(`${told} has “${over.data.trim()}” upon it`);
        break;
      }
    }
  }
  return found;
}"""


@contextmanager
def large_text(page: Page) -> Iterator[None]:
    protocol = page.context.new_cdp_session(page)
    protocol.send("Page.setFontSizes", {"fontSizes": {"standard": 2 * USUAL}})
    try:
        yield
    finally:
        protocol.send("Page.setFontSizes", {"fontSizes": {"standard": USUAL}})
        protocol.detach()


@contextmanager
def spaced_text(page: Page) -> Iterator[None]:
    page.evaluate(
        "css => { const own = new CSSStyleSheet(); own.replaceSync(css); document.adoptedStyleSheets = [own]; }", SPACED
    )
    try:
        yield
    finally:
        page.evaluate("() => { document.adoptedStyleSheets = []; }")


def crowded(page: Page) -> list[str]:
    return [str(each) for each in page.evaluate(CROWDED)]
