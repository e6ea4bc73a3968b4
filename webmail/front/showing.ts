// What the mail page shows: parts of it are asked for again instead of loading it whole, where the reader goes, when news
// comes, and when he scrolls to rows that lack.

import { beginFrame, foreseen, forgetAhead } from "./ahead";
import { count, isChoosing } from "./choosing";
import { all, at } from "./dom";
import { watchFrames } from "./frames";
import { late, nextNumber, part, put } from "./parts";
import { focusNear, isNowhere, markCurrent, rove, rowOf } from "./rows";
import {
  asked as askedFor,
  inSight,
  isSameList,
  lacking,
  makeRoom,
  scrollingList,
  scrollTo,
  scrollToLoaded,
} from "./scrolling";
import { fragments, Refused, reason } from "./server";
import { toast } from "./toasts";

export const isMessage = (path: string): boolean => /^\/mail\/\d+\/\d+$/.test(path);
export const isMailPage = (): boolean => document.body.classList.contains("mail-page");
const UNFINISHED = 1500; // milliseconds after which a search that is not at its end is asked again, at first
let asked: AbortController | null = null; // the way to where the reader goes, as long as it takes
let going: string[] = []; // the parts that will be shown there
let ways = 0;
let onSettled = (): void => {};

// `whenSettled` is called when something else is on the page.
export function startShowing(whenSettled: () => void): void {
  onSettled = whenSettled;
  window.addEventListener("popstate", () =>
    show(location.href, ["list", "reading", "sidebar", "searching"], { push: false }),
  );
  document.addEventListener("scroll", fill, { capture: true, passive: true });
  window.addEventListener("resize", fill);
  document.addEventListener("focusin", rove);
  settle();
  if (location.search.includes("page=")) scrollToLoaded();
}

// Tells whether the reader has gone on to something else since.
export function whereabouts(): () => boolean {
  const way = ways;
  return () => way === ways;
}

export async function show(url: string, names: string[], { push = true, focus = "" } = {}): Promise<void> {
  asked?.abort();
  asked = new AbortController();
  const mine = asked;
  const order = nextNumber();
  const left = at("[data-reading-tools]")?.dataset.item;
  going = names;
  ways += 1;
  part("reading").setAttribute("aria-busy", "true");
  const { pathname, searchParams } = new URL(url, location.href);
  const stays = names.includes("list") && isSameList(url) && (isMessage(pathname) || !push);
  if (names.includes("reading") && isMessage(pathname)) beginFrame(pathname);
  try {
    const known = names.length === 1 && names[0] === "reading" ? foreseen(url) : null;
    const found = await (known ?? fragments(stays ? inWindow(url) : url, names, mine.signal));
    if (mine !== asked) return;
    put(found, order);
    document.body.classList.toggle("has-thread", isMessage(pathname));
    if (names.includes("list") && !stays) scrollToLoaded();
    if (names.includes("searching")) at<HTMLInputElement>("#q")!.value = searchParams.get("q") ?? "";
    if (push) history.pushState(null, "", url);
    title(found.title);
    markCurrent(pathname);
    settle();
    if (names.includes("reading")) part("reading").scrollTop = 0;
    at(".row.current")?.scrollIntoView({ block: "nearest" });
    if (focus) at(focus)?.focus({ preventScroll: true });
    else if (left && !isMessage(pathname) && isNowhere()) {
      const rows = all(".row", part("list"));
      focusNear(rows, Math.max(rows.indexOf(rowOf(left)!), 0));
      rowOf(left)?.scrollIntoView({ block: "nearest" });
    }
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
  forgetAhead();
  const parts = isMailPage() ? names : ["sidebar"];
  const waits = (name: string): boolean => going.includes(name) || (name === "list" && isChoosing());
  const wanted = parts.filter((name) => !waits(name));
  for (const name of parts.filter(waits)) late.add(name);
  if (!wanted.length) return;
  const order = nextNumber();
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

export function catchUp(): void {
  const names = [...late];
  late.clear();
  if (names.length) refresh(names);
}

// The reader scrolled: rows that lack are asked for, once at a time.
let filling = false;

async function fill(): Promise<void> {
  focusSought();
  const name = scrollingList();
  const span = lacking();
  if (filling || !name || !span) return;
  filling = true;
  const order = nextNumber();
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

// A search that was answered as far as could be at once goes on by itself, for as long as it is looked at.
let unfinished = 0;
let patience = UNFINISHED;

function goOn(): void {
  window.clearTimeout(unfinished);
  const list = at("[data-unfinished]");
  if (!list) patience = UNFINISHED;
  else unfinished = window.setTimeout(finish, list.dataset.unfinished === "first" ? 0 : patience);
}

async function finish(): Promise<void> {
  const { here, unfinished: state } = at("[data-unfinished]")?.dataset ?? {};
  if (!here) return;
  if (state === "later") patience = Math.min(2 * patience, 30_000);
  if (going.includes("list") || isChoosing()) return goOn();
  const order = nextNumber();
  try {
    const found = await fragments(`${here}&whole=1`, ["list"]);
    if (at("[data-unfinished]")?.dataset.here !== here || isChoosing()) return;
    put(found, order);
    settle();
  } catch {
    goOn(); // the line is down
  }
}

// The row at this place gets the focus, wherever in the list it is, as soon as it is there.
let sought: number | null = null;
let givingUp = 0;

export const soughtPlace = (): number | null => sought;

export function reveal(place: number): boolean {
  const rows = at("[data-rows]");
  if (!rows) return false;
  const last = Number(rows.dataset.total ?? rows.children.length) - 1;
  sought = Math.max(0, Math.min(place, last));
  scrollTo(sought);
  window.clearTimeout(givingUp);
  givingUp = window.setTimeout(() => {
    sought = null;
  }, 5000);
  focusSought();
  return true;
}

function focusSought(): void {
  const link = sought === null ? null : at(`.row[aria-rowindex="${sought + 1}"] .row-link`);
  if (!link) return;
  sought = null;
  link.focus({ preventScroll: true });
  link.scrollIntoView({ block: "nearest" });
}

function title(text: string): void {
  const unread = at(".mailboxes li:first-child .count:not([hidden])")?.firstChild?.textContent?.trim();
  const tail = document.title.split(" · ").at(-1);
  if (text) document.title = `${unread ? `(${unread}) ` : ""}${text} · ${tail}`;
}

function settle(): void {
  watchFrames();
  makeRoom();
  count();
  rove();
  fill();
  goOn();
  onSettled();
}
