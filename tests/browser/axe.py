"""axe-core: what a machine can judge of accessibility.

Standards: WCAG 2.2 A and AA, and axe's own good practice.
"""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

AXE = next(Path(axe_playwright_python.__file__).parent.glob("axe.min.js")).read_text(encoding="utf-8")
EVERYTHING = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}

# A page that moves or changes while it is judged is judged again: axe would see colours that nobody sees.
JUDGE = """async (options) => {
  for (let trial = 1; ; trial += 1) {
    await Promise.allSettled(document.getAnimations().map((each) => each.finished));
    let changed = false;
    const witness = new MutationObserver(() => { changed = true; });
    witness.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    const { violations } = await axe.run(document, { ...options, iframes: false, preload: false,
      resultTypes: ["violations"] });
    await new Promise((done) => setTimeout(done));
    witness.disconnect();
    if (!changed || trial === 10) {
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) =>
        `${node.html.slice(0, 150)} (${node.failureSummary.replace(/\\\\s+/g, " ")})`).slice(0, 3).join(" | ")}`);
    }
  }
}"""


# Where the page's own scripts are off, its clock stands still, too: what is due at once is done without it.
WITHOUT_CLOCK = """() => {
  window.setTimeout = (todo, after = 0) => { if (after < 50) Promise.resolve().then(todo); return 0; };
}"""


def faults(page: Page, options: dict[str, object] = EVERYTHING, *, without_script: bool = False) -> list[str]:
    if without_script:
        page.evaluate(WITHOUT_CLOCK)
    if not page.evaluate("'axe' in window"):
        page.evaluate(f"{AXE};0")
    return [str(each) for each in page.evaluate(JUDGE, options)]
