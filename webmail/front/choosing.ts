// Choosing messages in the list: one, a range, the page, the whole mailbox.

import { all, at, closest, target } from "./dom";

export interface Choice {
  items: Set<string>;
  everything: HTMLInputElement | null;
}

const form = (): HTMLFormElement | null => at("[data-list]");
const boxes = (): HTMLInputElement[] => all('.row:not([hidden]) input[type="checkbox"]');
// Chosen rows that the reader scrolled away from.
const elsewhere = (): HTMLInputElement[] => all("[data-list] > input[data-elsewhere]");
const whole = (): HTMLInputElement | null => at('[data-list] input[name="all"]');
let lastBox: HTMLInputElement | null = null; // where a range begins
let onNone = (): void => {};

// `whenNone` is called when nothing is chosen any more.
export function startChoosing(whenNone: () => void): void {
  onNone = whenNone;
  document.addEventListener("change", select);
  document.addEventListener("click", selectRange);
  document.addEventListener("click", (event) => {
    if (closest(event, "[data-select-everything]")) selectEverything();
  });
}

export const isChoosing = (): boolean => form()?.classList.contains("selecting") ?? false;

// What no newer list may take away: the rows that are chosen, and that everything is.
export const isChosen = (element: HTMLElement): boolean =>
  element === whole() ||
  element.matches("[data-elsewhere]") ||
  (element.matches(".row") && at('input[name="item"]:checked', element) !== null);

// What is chosen, to choose it again.
export function chosen(): Choice {
  const boxes = [...all<HTMLInputElement>('.row input[name="item"]:checked'), ...elsewhere()];
  return { items: new Set(boxes.map((box) => box.value)), everything: whole() };
}

export function choose({ items, everything }: Choice): void {
  const away = new Set(items);
  for (const box of all<HTMLInputElement>('.row input[name="item"]')) {
    box.checked = items.has(box.value);
    away.delete(box.value);
  }
  for (const field of elsewhere()) field.remove();
  for (const item of away) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "item", value: item });
    field.dataset.elsewhere = "";
    form()?.append(field);
  }
  whole()?.remove();
  if (everything) form()?.append(everything);
  count();
}

function select(event: Event): void {
  const box = target(event);
  if (!(box instanceof HTMLInputElement) || !box.matches("[data-select-all], .row input")) return;
  if (box.matches("[data-select-all]")) {
    for (const each of boxes()) each.checked = box.checked;
    for (const field of elsewhere()) if (!box.checked) field.remove();
  }
  whole()?.remove();
  count();
}

function selectRange(event: MouseEvent): void {
  const box = target(event);
  if (!(box instanceof HTMLInputElement) || !box.matches('.row input[type="checkbox"]')) return;
  const every = boxes();
  const begin = lastBox ? every.indexOf(lastBox) : -1;
  if (event.shiftKey && begin >= 0) {
    const end = every.indexOf(box);
    for (const each of every.slice(Math.min(begin, end), Math.max(begin, end) + 1)) each.checked = box.checked;
    count();
  }
  lastBox = box;
}

function selectEverything(): void {
  const list = form();
  if (!list || whole()) return;
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name: "all", value: list.dataset.everything });
  field.dataset.total = list.dataset.total;
  list.append(field);
  count();
}

// The tools, the words and the box above the list say what is chosen.
export function count(): void {
  const list = form();
  if (!list) return;
  const every = boxes();
  const here = every.filter((box) => box.checked).length;
  const number = here + elsewhere().length;
  const none = isChoosing() && number === 0;
  list.classList.toggle("selecting", number > 0);
  if (!number) whole()?.remove();
  const words = at("[data-selected-count]", list);
  if (words) {
    words.hidden = number === 0;
    words.textContent = (words.dataset.text ?? "").replace("{count}", whole()?.dataset.total ?? String(number));
    const box = at<HTMLInputElement>("[data-select-all]", list)!;
    box.checked = here > 0 && here === every.length;
    box.indeterminate = number > 0 && !box.checked;
    const more = at("[data-select-everything]", list)!;
    const total = Number(list.dataset.total ?? 0);
    more.hidden = Boolean(whole()) || !box.checked || total <= every.length;
    more.textContent = (more.dataset.text ?? "").replace(
      "{count}",
      total.toLocaleString(document.documentElement.lang),
    );
  }
  if (none) onNone();
}
