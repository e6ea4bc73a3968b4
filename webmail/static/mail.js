// The mail page: parts of it are asked for again instead of loading it whole; actions answer at once and can be undone.

import { Refused, fragments, post } from "./server.js";
import { parse } from "./trusted.js";
import { toast } from "./toasts.js";
import { watchFrames } from "./frames.js";

const ACTIONS_THAT_REMOVE = new Set(["archive", "delete", "junk", "inbox", "move"]);
const at = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const part = (name) => at(`[data-fragment="${name}"]`);
const isMessage = (path) => /^\/mail\/\d+\/\d+$/.test(path);
const isMailPage = () => document.body.classList.contains("mail-page");
let asked = null;
let asking = 0;
const shown = {}; // by part: the number of the request whose answer is on the page
let onKey = () => {};

export function startMail(keyHandler) {
  onKey = keyHandler;
  if (!isMailPage()) return;
  document.addEventListener("click", followLink);
  document.addEventListener("submit", act);
  document.addEventListener("change", select);
  document.addEventListener("click", selectRange);
  window.addEventListener("popstate", () => show(location.href, ["list", "reading", "sidebar"], { push: false }));
  at('[data-fragment="list"]').addEventListener("click", (event) => {
    if (event.target.closest("[data-select-everything]")) selectEverything();
  });
  settle();
}

// Showing

export async function show(url, names, { push = true, focus = "" } = {}) {
  asked?.abort();
  asked = new AbortController();
  const mine = asked;
  const order = ++asking;
  part("reading").setAttribute("aria-busy", "true");
  try {
    const found = await fragments(url, names, mine.signal);
    put(found, order);
    const { pathname } = new URL(url, location);
    document.body.classList.toggle("has-thread", isMessage(pathname));
    if (push) history.pushState(null, "", url);
    title(found.title);
    markCurrent(pathname);
    settle();
    if (names.includes("reading")) part("reading").scrollTop = 0;
    if (focus) at(focus)?.focus({ preventScroll: true });
  } catch (fault) {
    if (fault.name === "AbortError") return;
    if (fault instanceof Refused && fault.status === 401) location.assign(url);
    else toast(fault instanceof Refused ? fault.message : document.body.dataset.offline, { error: true });
  } finally {
    if (mine === asked) part("reading").removeAttribute("aria-busy");
  }
}

// News came, or an action was done: the same address again, without moving anything under the reader's hands.
export async function refresh(names = ["list", "sidebar"]) {
  if (!isMailPage()) names = ["sidebar"];
  const busy = at(".messages.selecting");
  const wanted = busy ? names.filter((name) => name !== "list") : names;
  if (!wanted.length) return;
  const order = ++asking;
  try {
    // The open message may be gone by now; its list is not.
    const here = at("[data-list]")?.dataset.here ?? "/mailboxes";
    const marked = at(".mailboxes [aria-current]")?.getAttribute("href");
    const found = await fragments(wanted.includes("reading") ? location.href : here, wanted);
    put(found, order);
    if (marked) at(`.mailboxes a[href="${marked}"]`)?.setAttribute("aria-current", "page");
    if (wanted.includes("list")) markCurrent(location.pathname);
    title(document.title.replace(/^\(\S+\) /, "").split(" · ").slice(0, -1).join(" · "));
    settle();
  } catch {
    // The next event, or the next click, asks again.
  }
}

// Answers may overtake each other: what was asked for earlier never replaces what was asked for later.
function put({ fragments: found }, order) {
  for (const [name, text] of Object.entries(found)) {
    const place = part(name);
    if (!place || (shown[name] ?? 0) > order) continue;
    shown[name] = order;
    const rows = at("[data-rows]", place);
    const scrolled = rows?.scrollTop ?? 0;
    const focused = place.contains(document.activeElement) ? document.activeElement.closest(".row")?.dataset.item : null;
    place.replaceChildren(parse(text));
    const again = at("[data-rows]", place);
    if (again) again.scrollTop = scrolled;
    if (focused) at(`[data-item="${CSS.escape(focused)}"] .row-link`, place)?.focus({ preventScroll: true });
  }
}

function title(text) {
  const unread = at(".mailboxes li:first-child .count")?.firstChild?.textContent?.trim();
  const tail = document.title.split(" · ").at(-1);
  if (text) document.title = `${unread ? `(${unread}) ` : ""}${text} · ${tail}`;
}

function markCurrent(path) {
  const [, mailbox, uid] = path.match(/^\/mail\/(\d+)\/(\d+)$/) ?? [];
  for (const row of all(".row.current")) {
    row.classList.remove("current");
    at(".row-link", row)?.removeAttribute("aria-current");
  }
  const row = uid && rowOf(`${mailbox}:${uid}`);
  if (row) {
    row.classList.add("current");
    at(".row-link", row).setAttribute("aria-current", "true");
    row.scrollIntoView({ block: "nearest" });
  }
}

function settle() {
  watchFrames(document, onKey);
  markRead();
  count();
}

export const rowOf = (item) => at(`.row[data-item="${CSS.escape(item)}"]`);

async function markRead() {
  const unread = all(".letter[open][data-unread]");
  if (!unread.length) return;
  const body = new URLSearchParams({ action: "read", quiet: "1" });
  for (const letter of unread) {
    body.append("item", letter.dataset.item);
    letter.removeAttribute("data-unread");
    rowOf(letter.dataset.item)?.classList.remove("unread");
  }
  const button = at("[data-mark-read]");
  if (button) {
    button.value = "unread";
    button.title = button.dataset.unreadTitle;
    const use = at("use", button);
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#unread"));
  }
  try {
    await post("/actions", body);
    refresh(["sidebar"]);
  } catch {
    // Still unread on the server; opening it again tries again.
  }
}

function followLink(event) {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest("a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  const path = link.pathname;
  if (link.hash && path === location.pathname) return;
  let names = null;
  if (isMessage(path)) names = link.closest(".row, [data-reading-tools]") ? ["reading"] : ["list", "reading"];
  else if (/^\/mail\/\d+$/.test(path) || path === "/search") names = ["list", "reading", "sidebar"];
  if (!names) return;
  event.preventDefault();
  const backToList = link.classList.contains("back");
  show(link.href, names, { focus: isMessage(path) ? "#thread-subject" : backToList ? ".row.current .row-link" : "" });
}

// Acting

async function act(event) {
  const form = event.target;
  const button = event.submitter;
  if (button?.dataset.confirm && !window.confirm(button.dataset.confirm)) {
    event.preventDefault();
    return;
  }
  if (form.getAttribute("action") !== "/actions" || !button) return;
  event.preventDefault();
  const data = new FormData(form, button);
  if (form.matches("[data-list]") && !button.value.includes(" ") && !data.getAll("item").length && !data.get("all")) {
    const row = focusedRow();
    if (row) data.append("item", row.dataset.item);
  }
  await perform(data, form.matches("[data-reading-tools]"));
}

export async function perform(data, reading = false) {
  const [action, single] = data.get("action").split(" ");
  const items = single ? [single] : data.getAll("item");
  foresee(action, items);
  let leave = "";
  if (reading && (ACTIONS_THAT_REMOVE.has(action) || action === "unread")) {
    const tools = at("[data-reading-tools]");
    leave = action === "unread" ? tools.dataset.back : (at("[data-older]", tools)?.href ?? at("[data-newer]", tools)?.href ?? tools.dataset.back);
    if (window.matchMedia("(max-width: 1179px)").matches) leave = tools.dataset.back;
  }
  if (!single) {
    for (const box of all('input[name="item"]:checked')) box.checked = false;
    at('input[name="all"]')?.remove();
    count(); // nothing is chosen any more, so the list may be asked for again
  }
  try {
    const done = await post("/actions", new URLSearchParams([...data].filter(([, value]) => typeof value === "string")));
    const back = done.undo && (() => undo(done.undo));
    toast(done.message, { undo: back });
  } catch (fault) {
    for (const item of items) rowOf(item)?.removeAttribute("hidden");
    leave = "";
    toast(fault instanceof Refused ? fault.message : document.body.dataset.offline, { error: true });
  }
  if (leave) await show(leave, ["list", "reading", "sidebar"]);
  else await refresh(reading ? ["list", "sidebar", "reading"] : ["list", "sidebar"]);
}

async function undo(values) {
  try {
    const done = await post("/actions/undo", values);
    toast(done.message);
  } catch (fault) {
    toast(fault.message, { error: true });
  }
  refresh();
}

// What will be so in a moment is shown now.
function foresee(action, items) {
  for (const item of items) {
    const row = rowOf(item);
    if (!row) continue;
    if (action === "read") row.classList.remove("unread");
    if (action === "unread") row.classList.add("unread");
    if (action === "star" || action === "unstar") star(row, action === "star");
    if (ACTIONS_THAT_REMOVE.has(action)) {
      if (row.contains(document.activeElement)) (row.nextElementSibling ?? row.previousElementSibling)?.querySelector(".row-link")?.focus();
      row.hidden = true;
    }
  }
}

function star(row, on) {
  row.classList.toggle("starred", on);
  const button = at(".star", row);
  button.setAttribute("aria-pressed", String(on));
  button.value = `${on ? "unstar" : "star"} ${row.dataset.item}`;
  const use = at("use", button);
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, on ? "#star-filled" : "#star"));
}

// Choosing

let lastBox = null;

function select(event) {
  if (event.target.matches("[data-select-all]")) {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  if (event.target.matches("[data-select-all], .row input")) {
    at('input[name="all"]')?.remove();
    count();
  }
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

const boxes = () => all('.row:not([hidden]) input[type="checkbox"]');
export const focusedRow = () => document.activeElement?.closest(".row");

function count() {
  const form = at("[data-list]");
  if (!form) return;
  const every = boxes();
  const chosen = every.filter((box) => box.checked).length;
  const whole = at('input[name="all"]', form);
  form.classList.toggle("selecting", chosen > 0);
  const words = at("[data-selected-count]", form);
  if (!words) return;
  words.hidden = chosen === 0;
  words.textContent = words.dataset.text.replace("{count}", whole ? form.dataset.total : chosen);
  const box = at("[data-select-all]", form);
  box.checked = chosen > 0 && chosen === every.length;
  box.indeterminate = chosen > 0 && chosen < every.length;
  const more = at("[data-select-everything]", form);
  const total = Number(form.dataset.total ?? 0);
  more.hidden = Boolean(whole) || !box.checked || total <= every.length || location.search.includes("show=");
  more.textContent = more.dataset.text.replace("{count}", total.toLocaleString(document.documentElement.lang));
}

function selectEverything() {
  const form = at("[data-list]");
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name: "all", value: form.dataset.mailbox });
  form.append(field);
  count();
}
