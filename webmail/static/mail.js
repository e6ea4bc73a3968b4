// The mail page: parts of it are asked for again instead of loading it whole; actions answer at once and can be undone.
// News may come at any moment, and takes nothing out of the reader's hands.

import { choose, chosen, count, isChoosing, isChosen, startChoosing } from "./choosing.js";
import { foresee, foreseeAgain, fulfilled, isLeaving, removes, rowOf, takeBack } from "./foreseeing.js";
import { watchFrames } from "./frames.js";
import { morph } from "./morph.js";
import { Refused, fragments, post } from "./server.js";
import { toast } from "./toasts.js";
import { parse } from "./trusted.js";

const at = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const part = (name) => at(`[data-fragment="${name}"]`);
const isMessage = (path) => /^\/mail\/\d+\/\d+$/.test(path);
const isMailPage = () => document.body.classList.contains("mail-page");
export const focusedRow = () => document.activeElement?.closest(".row");
let asked = null; // the way to where the reader goes, as long as it takes
let going = []; // the parts that will be shown there
let ways = 0;
let asking = 0;
const shown = {}; // by part: the number of the request whose answer is on the page
const late = new Set(); // parts to be asked for when the reader has done what would be disturbed
let onKey = () => {};

export function startMail(keyHandler) {
  onKey = keyHandler;
  if (!isMailPage()) return;
  document.addEventListener("click", followLink);
  document.addEventListener("submit", act);
  window.addEventListener("popstate", () => show(location.href, ["list", "reading", "sidebar"], { push: false }));
  startChoosing(catchUp);
  settle();
}

// Showing

export async function show(url, names, { push = true, focus = "" } = {}) {
  asked?.abort();
  asked = new AbortController();
  const mine = asked;
  const order = ++asking;
  const left = at("[data-reading-tools]")?.dataset.item;
  going = names;
  ways += 1;
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
    at(".row.current")?.scrollIntoView({ block: "nearest" });
    if (focus) at(focus)?.focus({ preventScroll: true });
    else if (left && !isMessage(pathname) && isNowhere()) at(".row-link", rowOf(left) ?? part("list"))?.focus();
  } catch (fault) {
    if (fault.name === "AbortError") return;
    if (fault instanceof Refused && fault.status === 401) location.assign(url);
    else toast(fault instanceof Refused ? fault.message : document.body.dataset.offline, { error: true });
  } finally {
    if (mine === asked) {
      asked = null;
      going = [];
      part("reading").removeAttribute("aria-busy");
      catchUp();
    }
  }
}

// News came, or an action was done: the same address again.  While messages are being chosen the list keeps still, and
// where the reader is on the way to another list, this one is not worth asking for.
export async function refresh(names = ["list", "sidebar"]) {
  if (!isMailPage()) names = ["sidebar"];
  const waits = (name) => going.includes(name) || (name === "list" && isChoosing());
  const wanted = names.filter((name) => !waits(name));
  for (const name of names.filter(waits)) late.add(name);
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
  } catch (fault) {
    // The message is gone; otherwise the next event, or the next click, asks again.
    if (wanted.includes("reading") && fault instanceof Refused) await refresh(["list", "sidebar"]);
  }
}

function catchUp() {
  const names = [...late];
  late.clear();
  if (names.length) refresh(names);
}

// Answers may overtake each other: what was asked for earlier never replaces what was asked for later.
function put({ fragments: found }, order) {
  for (const [name, text] of Object.entries(found)) {
    const place = part(name);
    if (!place || (shown[name] ?? 0) > order) continue;
    shown[name] = order;
    const fresh = parse(text);
    if (whatIn(place) !== whatIn(fresh)) {
      place.replaceChildren(fresh);
      if (name !== "list") continue;
      place.setAttribute("aria-label", at("h1", place).firstChild.data.trim());
      foreseeAgain(order);
    } else if (name === "list") {
      if (isChoosing()) late.add("list"); // what is chosen stays even where it should go
      still(place, () => {
        morph(place, fresh, isChosen);
        foreseeAgain(order);
      });
    } else {
      morph(place, fresh);
    }
  }
}

// The list or the message that a part shows.
const whatIn = (root) => at("[data-list]", root)?.dataset.here ?? at("[data-reading-tools]", root)?.dataset.item;

// Rows come and go, and those before the reader's eyes do not move; nor does the keyboard lose its place.
function still(place, change) {
  const before = all(".row", place);
  const top = (row) => row.getBoundingClientRect().top;
  const edge = at("[data-rows]", place)?.getBoundingClientRect().top;
  const scrolled = at("[data-rows]", place)?.scrollTop > 0;
  const seen = scrolled ? before.filter((row) => row.getBoundingClientRect().bottom > edge).map((row) => [row, top(row)]) : [];
  const focused = place.contains(document.activeElement) ? focusedRow() : null;
  const done = change();
  const [row, was] = seen.find(([each]) => each.isConnected) ?? [];
  if (row) at("[data-rows]", place).scrollTop += top(row) - was;
  if (focused && isNowhere()) focusNear(before, before.indexOf(focused));
  return done;
}

const isNowhere = () => !document.activeElement || document.activeElement === document.body;

function focusNear(rows, index) {
  const there = (row) => row.isConnected && !row.hidden;
  const row = rows.slice(index).find(there) ?? rows.slice(0, index).reverse().find(there);
  if (row) at(".row-link", row).focus({ preventScroll: true });
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
  }
}

function settle() {
  watchFrames(document, onKey);
  markRead();
  count();
}

async function markRead() {
  const unread = all(".letter[open][data-unread]");
  if (!unread.length) return;
  const body = new URLSearchParams({ action: "read", quiet: "1" });
  for (const letter of unread) {
    body.append("item", letter.dataset.item);
    letter.removeAttribute("data-unread");
  }
  const reading = foresee("read", body.getAll("item"));
  const button = at("[data-mark-read]");
  if (button) {
    button.value = "unread";
    button.title = button.dataset.unreadTitle;
    const use = at("use", button);
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#unread"));
  }
  try {
    await post("/actions", body);
    fulfilled(reading, asking);
    refresh(["sidebar"]);
  } catch {
    takeBack(reading); // still unread on the server; opening it again tries again
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
  show(link.href, names, { focus: isMessage(path) ? "#thread-subject" : "" });
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
  for (const menu of all("details.menu[open]", form)) menu.open = false;
  await perform(data, form.matches("[data-reading-tools]"));
}

export async function perform(data, reading = false) {
  const [action, single] = data.get("action").split(" ");
  const items = single ? [single] : data.getAll("item");
  if (items.length && items.every(isLeaving)) return;
  const list = whatIn(part("list"));
  const choice = chosen();
  const way = ways;
  const focus = reading && part("reading").contains(document.activeElement) ? "#thread-subject" : "";
  const seen = foreseeHere(action, items, !single);
  let leave = "";
  if (reading && (removes(action) || action === "unread")) {
    const tools = at("[data-reading-tools]");
    leave = action === "unread" ? tools.dataset.back : (at("[data-older]", tools)?.href ?? at("[data-newer]", tools)?.href ?? tools.dataset.back);
    if (window.matchMedia("(max-width: 1179px)").matches) leave = tools.dataset.back;
  }
  try {
    const done = await post("/actions", new URLSearchParams([...data].filter(([, value]) => typeof value === "string")));
    fulfilled(seen, asking);
    const back = done.undo && (() => undo(done.undo, reading && action.endsWith("star")));
    toast(done.message, { undo: back });
  } catch (fault) {
    takeBack(seen);
    if (!single && !isChoosing() && list === whatIn(part("list"))) choose(choice);
    leave = "";
    toast(fault instanceof Refused ? fault.message : document.body.dataset.offline, { error: true });
  }
  // Who went on to something else in the meantime stays there.
  if (leave && way === ways) await show(leave, ["list", "reading", "sidebar"], { focus: isMessage(new URL(leave, location).pathname) ? focus : "" });
  else await refresh(reading && way === ways ? ["list", "sidebar", "reading"] : ["list", "sidebar"]);
  seen.done = true;
}

// The choice is used up; the keyboard goes on where the messages were.
function foreseeHere(action, items, usesChoice) {
  const place = part("list");
  const focused = place.contains(document.activeElement);
  const rows = all(".row", place);
  const last = rows.indexOf(focusedRow() ?? rowOf(items.at(-1) ?? ""));
  const seen = still(place, () => foresee(action, items));
  if (usesChoice) {
    late.delete("list"); // it is asked for when the server has answered
    choose({ items: new Set(), everything: null });
  }
  if (focused && last >= 0 && !document.activeElement.getClientRects().length) focusNear(rows, last);
  return seen;
}

async function undo(values, inReading) {
  try {
    const done = await post("/actions/undo", values);
    toast(done.message);
  } catch (fault) {
    toast(fault.message, { error: true });
  }
  refresh(inReading ? ["list", "sidebar", "reading"] : ["list", "sidebar"]);
}
