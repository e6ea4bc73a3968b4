// Choosing messages in the list: one, a range, the page, the whole mailbox.

const at = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const form = () => at("[data-list]");
const boxes = () => all('.row:not([hidden]) input[type="checkbox"]');
const whole = () => at('[data-list] input[name="all"]');
let lastBox = null; // where a range begins
let onNone = () => {};

// ``whenNone`` is called when nothing is chosen any more.
export function startChoosing(whenNone) {
  onNone = whenNone;
  document.addEventListener("change", select);
  document.addEventListener("click", selectRange);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-select-everything]")) selectEverything();
  });
}

export const isChoosing = () => Boolean(form()?.classList.contains("selecting"));

// What no newer list may take away: the rows that are chosen, and that everything is.
export const isChosen = (element) => element === whole() || (element.matches(".row") && at('input[name="item"]:checked', element) !== null);

// What is chosen, to choose it again.
export function chosen() {
  const items = new Set(all('.row input[name="item"]:checked').map((box) => box.value));
  return { items, everything: whole() };
}

export function choose({ items, everything }) {
  for (const box of all('.row input[name="item"]')) box.checked = items.has(box.value);
  whole()?.remove();
  if (everything) form().append(everything);
  count();
}

function select(event) {
  if (!event.target.matches("[data-select-all], .row input")) return;
  if (event.target.matches("[data-select-all]")) {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  whole()?.remove();
  count();
}

function selectRange(event) {
  if (!event.target.matches?.('.row input[type="checkbox"]')) return;
  const every = boxes();
  if (event.shiftKey && lastBox && every.includes(lastBox)) {
    const [low, high] = [every.indexOf(lastBox), every.indexOf(event.target)].sort((a, b) => a - b);
    for (const box of every.slice(low, high + 1)) box.checked = event.target.checked;
    count();
  }
  lastBox = event.target;
}

function selectEverything() {
  if (whole()) return;
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name: "all", value: form().dataset.everything });
  field.dataset.total = form().dataset.total;
  form().append(field);
  count();
}

// The tools, the words and the box above the list say what is chosen.
export function count() {
  const list = form();
  if (!list) return;
  const every = boxes();
  const number = every.filter((box) => box.checked).length;
  const none = isChoosing() && number === 0;
  list.classList.toggle("selecting", number > 0);
  if (!number) whole()?.remove();
  const words = at("[data-selected-count]", list);
  if (words) {
    words.hidden = number === 0;
    words.textContent = words.dataset.text.replace("{count}", whole()?.dataset.total ?? number);
    const box = at("[data-select-all]", list);
    box.checked = number > 0 && number === every.length;
    box.indeterminate = number > 0 && number < every.length;
    const more = at("[data-select-everything]", list);
    const total = Number(list.dataset.total ?? 0);
    more.hidden = Boolean(whole()) || !box.checked || total <= every.length || location.search.includes("show=");
    more.textContent = more.dataset.text.replace("{count}", total.toLocaleString(document.documentElement.lang));
  }
  if (none) onNone();
}
