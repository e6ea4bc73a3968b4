// What will be so in a moment is shown now.  A list that was asked for before the server had done it knows nothing of it
// yet: on such a list it is shown again.

import { at, setIcon } from "./dom";

interface Act {
  action: string;
  items: string[];
  until: number; // the last request that cannot know of it
  done: boolean;
  before: Map<string, { unread: boolean; starred: boolean }>;
}

const REMOVING = new Set(["snooze", "wake", "archive", "delete", "junk", "inbox", "move"]);
let acts: Act[] = [];

export const removes = (action: string): boolean => REMOVING.has(action);
export const rowOf = (item: string): HTMLElement | null => at(`.row[data-item="${CSS.escape(item)}"]`);

export function foresee(action: string, items: string[]): Act {
  const act: Act = { action, items, until: Number.POSITIVE_INFINITY, done: false, before: new Map() };
  for (const item of items) {
    const row = rowOf(item);
    if (row)
      act.before.set(item, { unread: row.classList.contains("unread"), starred: row.classList.contains("starred") });
  }
  acts.push(act);
  apply(act);
  return act;
}

// The server has done it; `asked` is the number of the last request made until then.
export function fulfilled(act: Act, asked: number): void {
  act.until = asked;
}

// The server has not.
export function takeBack(act: Act): void {
  acts = acts.filter((each) => each !== act);
  for (const [item, { unread, starred }] of act.before) {
    const row = rowOf(item);
    if (!row) continue;
    if (removes(act.action)) row.hidden = false;
    if (act.action === "read" || act.action === "unread") row.classList.toggle("unread", unread);
    if (act.action === "star" || act.action === "unstar") star(row, starred);
  }
  acts.forEach(apply);
}

// The list is now the one of this request.  Nothing older will come.
export function foreseeAgain(order: number): void {
  acts = acts.filter((act) => act.until >= order);
  acts.forEach(apply);
}

// Asked for once more while it is under way: a second click.
export const isLeaving = (item: string): boolean =>
  acts.some((act) => !act.done && removes(act.action) && act.items.includes(item));

function apply({ action, items }: Act): void {
  for (const item of items) {
    const row = rowOf(item);
    if (!row) continue;
    if (action === "read") row.classList.remove("unread");
    if (action === "unread") row.classList.add("unread");
    if (action === "star" || action === "unstar") star(row, action === "star");
    if (removes(action)) row.hidden = true;
  }
}

function star(row: HTMLElement, on: boolean): void {
  row.classList.toggle("starred", on);
  const button = at<HTMLButtonElement>(".star", row)!;
  button.setAttribute("aria-pressed", String(on));
  button.value = `${on ? "unstar" : "star"} ${row.dataset.item}`;
  setIcon(button, on ? "star-filled" : "star");
}
