// The rows of the list: which has the keyboard, which is open, and that they keep their place while others come and go.

import { all, at } from "./dom";

export const rowOf = (item: string): HTMLElement | null => at(`.row[data-item="${CSS.escape(item)}"]`);
// The message that a link leads to, as its row is called.
export const itemAt = (link: HTMLAnchorElement): string => link.pathname.replace(/^\/mail\/(\d+)\/(\d+)$/, "$1:$2");
export const focusedRow = (): HTMLElement | null => document.activeElement?.closest<HTMLElement>(".row") ?? null;
export const isNowhere = (): boolean => !document.activeElement || document.activeElement === document.body;

// One row of the list can be reached by Tab: that with the focus, the open one, or the first in sight.
export function rove(): void {
  const rows = at("[data-rows]");
  if (!rows) return;
  const every = all(".row:not([hidden])", rows);
  const active = focusedRow() ?? at(".row.current", rows) ?? firstInSight(rows, every);
  for (const row of every) {
    for (const control of all("input, button, a", row)) {
      if (row === active) control.removeAttribute("tabindex");
      else if (control.tabIndex !== -1) control.tabIndex = -1;
    }
  }
}

function firstInSight(rows: HTMLElement, every: HTMLElement[]): HTMLElement | undefined {
  if (!rows.scrollTop) return every[0];
  const top = rows.getBoundingClientRect().top;
  return every.find((row) => row.getBoundingClientRect().top >= top) ?? every[0];
}

export function focusNear(rows: HTMLElement[], index: number): void {
  const there = (row: HTMLElement): boolean => row.isConnected && !row.hidden;
  const row = rows.slice(index).find(there) ?? rows.slice(0, index).reverse().find(there);
  (row ? at(".row-link", row) : at("#content"))?.focus({ preventScroll: true }); // nothing is left: the page
}

// Rows come and go, and those before the reader's eyes do not move; nor does the keyboard lose its place.
export function still<T>(place: HTMLElement, change: () => T): T {
  const before = all(".row", place);
  const top = (row: HTMLElement): number => row.getBoundingClientRect().top;
  const rows = at("[data-rows]", place);
  const edge = rows ? top(rows) : 0;
  const seen =
    rows && rows.scrollTop > 0
      ? before.filter((row) => row.getBoundingClientRect().bottom > edge).map((row) => ({ row, was: top(row) }))
      : [];
  const focused = place.contains(document.activeElement) ? focusedRow() : null;
  const done = change();
  const kept = seen.find(({ row }) => row.isConnected);
  const now = at("[data-rows]", place);
  if (kept && now) now.scrollTop += top(kept.row) - kept.was;
  if (focused && isNowhere()) focusNear(before, before.indexOf(focused));
  return done;
}

// The row of the message that is open.
export function markCurrent(path: string): void {
  const [, mailbox, uid] = path.match(/^\/mail\/(\d+)\/(\d+)$/) ?? [];
  const current = uid ? rowOf(`${mailbox}:${uid}`) : null;
  for (const row of all(".row.current")) {
    if (row === current) continue;
    row.classList.remove("current");
    at(".row-link", row)?.removeAttribute("aria-current");
  }
  current?.classList.add("current");
  if (current) at(".row-link", current)?.setAttribute("aria-current", "true");
}
