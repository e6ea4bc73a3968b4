// The mail page: parts of it are asked for again instead of loading it whole; actions answer at once and can be undone.
// News may come at any moment, and takes nothing out of the reader's hands.

import { choose, chosen, count, isChoosing, isChosen, startChoosing } from "./choosing";
import { all, at, closest, setIcon } from "./dom";
import { foresee, foreseeAgain, fulfilled, isLeaving, removes, rowOf, takeBack } from "./foreseeing";
import { watchFrames } from "./frames";
import { morph } from "./morph";
import { asked as askedFor, inSight, lacking, makeRoom, scrollingList, scrollTo, scrollToLoaded } from "./scrolling";
import { type Done, fragments, type Parts, post, Refused, reason } from "./server";
import { toast } from "./toasts";
import { parse } from "./trusted";

const part = (name: string): HTMLElement => at(`[data-fragment="${name}"]`)!;
const isMessage = (path: string): boolean => /^\/mail\/\d+\/\d+$/.test(path);
const isMailPage = (): boolean => document.body.classList.contains("mail-page");
export const focusedRow = (): HTMLElement | null => document.activeElement?.closest<HTMLElement>(".row") ?? null;
let asked: AbortController | null = null; // the way to where the reader goes, as long as it takes
let going: string[] = []; // the parts that will be shown there
let ways = 0;
let asking = 0;
const shown = new Map<string, number>(); // by part: the number of the request whose answer is on the page
const late = new Set<string>(); // parts to be asked for when the reader has done what would be disturbed
let onKey = (_: KeyboardEvent): void => {};

// The panes of the mail page; other pages have only the mailboxes to keep fresh.
class MailPanes extends HTMLElement {
  refresh(): Promise<void> {
    return refresh();
  }
}

export function startMail(keyHandler: (event: KeyboardEvent) => void): void {
  onKey = keyHandler;
  customElements.define("mail-panes", MailPanes);
  if (!isMailPage()) return;
  document.addEventListener("click", followLink);
  document.addEventListener("submit", act);
  window.addEventListener("popstate", () => show(location.href, ["list", "reading", "sidebar"], { push: false }));
  document.addEventListener("scroll", fill, { capture: true, passive: true });
  window.addEventListener("resize", fill);
  document.addEventListener("focusin", rove);
  startChoosing(catchUp);
  settle();
  if (location.search.includes("page=")) scrollToLoaded();
}

// Showing

export async function show(url: string, names: string[], { push = true, focus = "" } = {}): Promise<void> {
  asked?.abort();
  asked = new AbortController();
  const mine = asked;
  const order = ++asking;
  const left = at("[data-reading-tools]")?.dataset.item;
  going = names;
  ways += 1;
  part("reading").setAttribute("aria-busy", "true");
  const { pathname, search } = new URL(url, location.href);
  const stays = names.includes("list") && isSameList(pathname, search) && (isMessage(pathname) || !push);
  try {
    const found = await fragments(stays ? inWindow(url) : url, names, mine.signal);
    put(found, order);
    if (names.includes("list") && !stays) scrollToLoaded();
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
    if (fault instanceof DOMException && fault.name === "AbortError") return;
    if (fault instanceof Refused && fault.status === 401) location.assign(url);
    else toast(reason(fault), { error: true });
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
export async function refresh(names: string[] = ["list", "sidebar"]): Promise<void> {
  const parts = isMailPage() ? names : ["sidebar"];
  const waits = (name: string): boolean => going.includes(name) || (name === "list" && isChoosing());
  const wanted = parts.filter((name) => !waits(name));
  for (const name of parts.filter(waits)) late.add(name);
  if (!wanted.length) return;
  const order = ++asking;
  try {
    // The open message may be gone by now; its list is not.
    const here = at("[data-list]")?.dataset.here ?? "/mailboxes";
    const marked = at(".mailboxes [aria-current]")?.getAttribute("href");
    const found = await fragments(inWindow(wanted.includes("reading") ? location.href : here), wanted);
    put(found, order);
    if (marked) at(`.mailboxes a[href="${marked}"]`)?.setAttribute("aria-current", "page");
    if (wanted.includes("list")) markCurrent(location.pathname);
    title(
      document.title
        .replace(/^\(\S+\) /, "")
        .split(" · ")
        .slice(0, -1)
        .join(" · "),
    );
    settle();
  } catch (fault) {
    // The message is gone; otherwise the next event, or the next click, asks again.
    if (wanted.includes("reading") && fault instanceof Refused) await refresh(["list", "sidebar"]);
  }
}

// The address of this list with the rows that the reader sees.
function inWindow(url: string): string {
  const span = inSight();
  return span ? askedFor(url, span) : url;
}

// A whole mailbox, or a message beside it: the list that is scrolled through here.
function isSameList(path: string, search: string): boolean {
  const plain = !/[?&](show|q)=/.test(search);
  return plain && scrollingList() === path.replace(/^(\/mail\/\d+)\/\d+$/, "$1");
}

// The reader scrolled: rows that lack are asked for, once at a time.
let filling = false;

async function fill(): Promise<void> {
  const name = scrollingList();
  const span = lacking();
  if (filling || !name || !span) return;
  filling = true;
  const order = ++asking;
  try {
    const found = await fragments(askedFor(name, span), ["rows"]);
    if (scrollingList() === name) put(found, order);
  } catch (fault) {
    filling = false;
    if (fault instanceof Refused) toast(fault.message, { error: true });
    else window.setTimeout(fill, 1000); // the line is down
    return;
  }
  filling = false;
  fill();
}

// The row at this place gets the focus, wherever in the mailbox it is.
export function reveal(place: number): boolean {
  const rows = at("[data-rows]");
  if (!rows) return false;
  const last = Number(rows.dataset.total ?? rows.children.length) - 1;
  const wanted = Math.min(place, last);
  scrollTo(wanted);
  const focus = (): boolean => {
    const link = at(`.row[aria-rowindex="${wanted + 1}"] .row-link`);
    link?.focus({ preventScroll: true });
    link?.scrollIntoView({ block: "nearest" });
    return Boolean(link);
  };
  if (focus()) return true;
  const watching = new MutationObserver(() => {
    if (focus()) watching.disconnect();
  });
  watching.observe(rows, { childList: true });
  window.setTimeout(() => watching.disconnect(), 5000);
  return true;
}

// One row of the list can be reached by Tab: that with the focus, the open one, or the first in sight.
function rove(): void {
  const rows = at("[data-rows]");
  if (!rows) return;
  const top = rows.getBoundingClientRect().top;
  const every = all(".row:not([hidden])", rows);
  const active =
    focusedRow() ?? at(".row.current", rows) ?? every.find((row) => row.getBoundingClientRect().top >= top) ?? every[0];
  for (const row of every) {
    for (const control of all("input, button, a", row)) {
      if (row === active) control.removeAttribute("tabindex");
      else control.tabIndex = -1;
    }
  }
}

function catchUp(): void {
  const names = [...late];
  late.clear();
  if (names.length) refresh(names);
}

// Answers may overtake each other: what was asked for earlier never replaces what was asked for later.
function put({ fragments: found }: Parts, order: number): void {
  for (const [name, text] of Object.entries(found)) {
    const place = part(name);
    if (!place || (shown.get(name) ?? 0) > order) continue;
    shown.set(name, order);
    const fresh = parse(text);
    if (name === "rows") {
      putRows(place, fresh, order);
    } else if (whatIn(place) !== whatIn(fresh)) {
      place.replaceChildren(fresh);
      if (name !== "list") continue;
      place.setAttribute("aria-label", at("h1", place)?.firstChild?.textContent?.trim() ?? "");
      foreseeAgain(order);
    } else if (name === "list") {
      if (isChoosing()) late.add("list"); // what is chosen stays even where it should go
      const elsewhere = beginning(place) !== beginning(fresh);
      const choice = chosen();
      still(place, () => {
        morph(place, fresh, elsewhere ? () => false : isChosen);
        makeRoom();
        foreseeAgain(order);
      });
      if (elsewhere) choose(choice);
    } else {
      morph(place, fresh);
    }
  }
}

// Other rows of the same list; what was chosen stays chosen out of sight.
function putRows(place: HTMLElement, fresh: DocumentFragment, order: number): void {
  const rows = at("[data-fragment]", fresh);
  if (!rows || (shown.get("list") ?? 0) > order) return;
  const choice = chosen();
  still(place, () => {
    morph(place, rows);
    makeRoom();
    foreseeAgain(order);
  });
  choose(choice);
  markCurrent(location.pathname);
  rove();
}

const beginning = (root: ParentNode): string | undefined => at("[data-rows]", root)?.dataset.first;

// The list or the message that a part shows.
const whatIn = (root: ParentNode): string | undefined =>
  at("[data-list]", root)?.dataset.list ?? at("[data-reading-tools]", root)?.dataset.item;

// Rows come and go, and those before the reader's eyes do not move; nor does the keyboard lose its place.
function still<T>(place: HTMLElement, change: () => T): T {
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

const isNowhere = (): boolean => !document.activeElement || document.activeElement === document.body;

function focusNear(rows: HTMLElement[], index: number): void {
  const there = (row: HTMLElement): boolean => row.isConnected && !row.hidden;
  const row = rows.slice(index).find(there) ?? rows.slice(0, index).reverse().find(there);
  if (row) at(".row-link", row)?.focus({ preventScroll: true });
}

function title(text: string): void {
  const unread = at(".mailboxes li:first-child .count")?.firstChild?.textContent?.trim();
  const tail = document.title.split(" · ").at(-1);
  if (text) document.title = `${unread ? `(${unread}) ` : ""}${text} · ${tail}`;
}

function markCurrent(path: string): void {
  const [, mailbox, uid] = path.match(/^\/mail\/(\d+)\/(\d+)$/) ?? [];
  for (const row of all(".row.current")) {
    row.classList.remove("current");
    at(".row-link", row)?.removeAttribute("aria-current");
  }
  const row = uid ? rowOf(`${mailbox}:${uid}`) : null;
  if (row) {
    row.classList.add("current");
    at(".row-link", row)?.setAttribute("aria-current", "true");
  }
}

function settle(): void {
  watchFrames(document, onKey);
  makeRoom();
  markRead();
  count();
  rove();
  fill();
}

async function markRead(): Promise<void> {
  const unread = all(".letter[open][data-unread]");
  if (!unread.length) return;
  const body = new URLSearchParams({ action: "read", quiet: "1" });
  for (const letter of unread) {
    body.append("item", letter.dataset.item!);
    letter.removeAttribute("data-unread");
  }
  const reading = foresee("read", body.getAll("item"));
  const button = at<HTMLButtonElement>("[data-mark-read]");
  if (button) {
    button.value = "unread";
    button.title = button.dataset.unreadTitle ?? "";
    setIcon(button, "unread");
  }
  try {
    await post("/actions", body);
    fulfilled(reading, asking);
    refresh(["sidebar"]);
  } catch {
    takeBack(reading); // still unread on the server; opening it again tries again
  }
}

function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  const link = closest<HTMLAnchorElement>(event, "a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  const path = link.pathname;
  if (link.hash && path === location.pathname) return;
  const names = isMessage(path)
    ? link.closest(".row, [data-reading-tools]")
      ? ["reading"]
      : ["list", "reading"]
    : /^\/mail\/\d+$/.test(path) || path === "/search"
      ? ["list", "reading", "sidebar"]
      : null;
  if (!names) return;
  event.preventDefault();
  show(link.href, names, { focus: isMessage(path) ? "#thread-subject" : "" });
}

// Acting

async function act(event: SubmitEvent): Promise<void> {
  const form = event.target as HTMLFormElement;
  const button = event.submitter as HTMLButtonElement | null;
  if (button?.dataset.confirm && !window.confirm(button.dataset.confirm)) {
    event.preventDefault();
    return;
  }
  if (form.getAttribute("action") !== "/actions" || !button || button.hasAttribute("formaction")) return;
  event.preventDefault();
  const data = new FormData(form, button);
  if (form.matches("[data-list]") && !button.value.includes(" ") && !data.getAll("item").length && !data.get("all")) {
    const row = focusedRow();
    if (row) data.append("item", row.dataset.item!);
  }
  for (const menu of all<HTMLDetailsElement>("details.menu[open]", form)) menu.open = false;
  await perform(data, form.matches("[data-reading-tools]"));
}

export async function perform(data: FormData, reading = false): Promise<void> {
  const [action = "", single] = String(data.get("action")).split(" ");
  const items = single ? [single] : data.getAll("item").map(String);
  if (items.length && items.every(isLeaving)) return;
  const list = whatIn(part("list"));
  const choice = chosen();
  const way = ways;
  const focus = reading && part("reading").contains(document.activeElement) ? "#thread-subject" : "";
  const seen = foreseeHere(action, items, !single);
  let leave = reading && (removes(action) || action === "unread") ? afterLeaving(action) : "";
  try {
    const done = await post<Done>("/actions", data);
    fulfilled(seen, asking);
    const { undo } = done;
    toast(done.message, { undo: undo && (() => takeItBack(undo, reading && action.endsWith("star"))) });
  } catch (fault) {
    takeBack(seen);
    if (!single && !isChoosing() && list === whatIn(part("list"))) choose(choice);
    leave = "";
    toast(reason(fault), { error: true });
  }
  // Who went on to something else in the meantime stays there.
  const stayed = way === ways;
  if (leave && stayed)
    await show(leave, ["list", "reading", "sidebar"], {
      focus: isMessage(new URL(leave, location.href).pathname) ? focus : "",
    });
  else await refresh(reading && stayed ? ["list", "sidebar", "reading"] : ["list", "sidebar"]);
  seen.done = true;
}

// Where the reader goes when the open message went away: to the next one, where there is room for both.
function afterLeaving(action: string): string {
  const tools = at("[data-reading-tools]")!;
  const back = tools.dataset.back ?? "";
  if (action === "unread" || window.matchMedia("(max-width: 1179px)").matches) return back;
  const next = at<HTMLAnchorElement>("[data-older]", tools) ?? at<HTMLAnchorElement>("[data-newer]", tools);
  return next?.href ?? back;
}

// The choice is used up; the keyboard goes on where the messages were.
function foreseeHere(action: string, items: string[], usesChoice: boolean): ReturnType<typeof foresee> {
  const place = part("list");
  const focused = place.contains(document.activeElement);
  const rows = all(".row", place);
  const row = focusedRow() ?? rowOf(items.at(-1) ?? "");
  const last = row ? rows.indexOf(row) : -1;
  const seen = still(place, () => foresee(action, items));
  if (usesChoice) {
    late.delete("list"); // it is asked for when the server has answered
    choose({ items: new Set(), everything: null });
  }
  if (focused && last >= 0 && !document.activeElement?.getClientRects().length) focusNear(rows, last);
  return seen;
}

async function takeItBack(values: Record<string, string>, inReading: boolean): Promise<void> {
  try {
    const done = await post<Done>("/actions/undo", values);
    toast(done.message);
  } catch (fault) {
    toast(reason(fault), { error: true });
  }
  refresh(inReading ? ["list", "sidebar", "reading"] : ["list", "sidebar"]);
}
