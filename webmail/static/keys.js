// The keyboard: one letter, one thing, as people know it from elsewhere.  Never while something is being typed.

import { rowOf } from "./foreseeing.js";
import { focusedRow, perform } from "./mail.js";
import { undoLast } from "./toasts.js";

const at = (selector, root = document) => root.querySelector(selector);
const TYPING = 'input:not([type="checkbox"]), textarea, select, [contenteditable="true"]';

export function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest?.(TYPING) || at("dialog[open]")) return;
  const act = KEYS[event.key];
  if (act && act(event) !== false) event.preventDefault();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  n: () => step(1),
  p: () => step(-1),
  o: () => open(),
  Enter: (event) => (event.target.closest?.("a, button, summary, input") ? false : open()),
  u: () => click("[data-reading-tools] .back"),
  x: () => {
    const row = row_();
    const box = row && at('input[type="checkbox"]', row);
    if (!box) return false;
    box.click();
    return true;
  },
  c: () => go("/compose"),
  r: () => follow("[data-reply]"),
  a: () => follow("[data-reply-all]"),
  f: () => follow("[data-forward]"),
  e: () => act("archive"),
  "#": () => act("delete"),
  Delete: () => act("delete"),
  s: () => toggle("star"),
  m: () => toggle("read"),
  z: () => undoLast(),
  "/": () => {
    const field = at("#q");
    field.focus();
    field.select();
  },
  "?": () => at("#keys").showModal(),
  Escape: () => {
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
    return false;
  },
};

const reading = () => (document.body.classList.contains("has-thread") ? at("[data-reading-tools]") : null);
const row_ = () => focusedRow() ?? at(".row.current");
const wide = () => window.matchMedia("(min-width: 1180px)").matches;

function step(by) {
  const tools = reading();
  if (tools && (!focusedRow() || !wide())) return click(by > 0 ? "[data-older]" : "[data-newer]");
  const rows = [...document.querySelectorAll(".row:not([hidden])")];
  if (!rows.length) return false;
  const here = rows.indexOf(row_());
  const next = rows[Math.min(Math.max(here + by, 0), rows.length - 1)];
  at(".row-link", next).focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function open() {
  const row = row_();
  if (!row || row.classList.contains("current")) return false;
  at(".row-link", row).click();
  return true;
}

function items() {
  const chosen = [...document.querySelectorAll('.row input[name="item"]:checked')].map((box) => box.value);
  if (chosen.length) return { chosen, inReading: false };
  const row = focusedRow();
  if (row && !row.classList.contains("current")) return { chosen: [row.dataset.item], inReading: false };
  const tools = reading();
  return tools ? { chosen: [tools.dataset.item], inReading: true } : { chosen: row ? [row.dataset.item] : [], inReading: false };
}

function act(action) {
  const { chosen, inReading } = items();
  if (!chosen.length) return false;
  const form = inReading ? reading() : at("[data-list]");
  const button = form && at(`button[name="action"][value="${action}"]`, form);
  if (!button || (button.dataset.confirm && !window.confirm(button.dataset.confirm))) return false;
  const data = new FormData();
  data.append("action", action);
  for (const item of chosen) data.append("item", item);
  if (!inReading && at('input[name="all"]')) data.append("all", at('input[name="all"]').value);
  perform(data, inReading);
  return true;
}

function toggle(what) {
  const { chosen, inReading } = items();
  if (!chosen.length) return false;
  const row = rowOf(chosen[0]);
  const tools = reading();
  let on;
  if (what === "star") on = row ? !row.classList.contains("starred") : !at(".star.on", tools);
  else on = row ? row.classList.contains("unread") : false;
  const data = new FormData();
  data.append("action", what === "star" ? (on ? "star" : "unstar") : on ? "read" : "unread");
  for (const item of chosen) data.append("item", item);
  perform(data, inReading);
  return true;
}

function click(selector) {
  const found = at(selector);
  if (!found) return false;
  found.click();
  return true;
}

function follow(selector) {
  const found = reading() && at(selector);
  if (!found) return false;
  return go(found.href);
}

function go(address) {
  location.assign(address);
  return true;
}
