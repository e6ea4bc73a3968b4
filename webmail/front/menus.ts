// Menus are `details`.  One that the keyboard leaves closes, so that it hides nothing; one that closes while the keyboard
// is in it hands the focus to its own summary, whatever closed it.

import { all, at } from "./dom";

let last: EventTarget | null = null; // what had the focus

export function startMenus(): void {
  document.addEventListener("focusin", (event) => {
    last = event.target;
    for (const menu of all<HTMLDetailsElement>("details.menu[open]")) {
      if (!menu.contains(last as Node)) menu.open = false;
    }
  });
  document.addEventListener("toggle", closed, { capture: true });
}

function closed(event: Event): void {
  const menu = event.target as HTMLDetailsElement;
  if (!menu.matches("details.menu:not([open])") || !menu.contains(last as Node | null)) return;
  const here = document.activeElement;
  if (!here || here === document.body || menu.contains(here)) at("summary", menu)?.focus({ preventScroll: true });
}
