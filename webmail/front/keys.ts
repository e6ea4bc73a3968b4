// The keyboard: one letter, one thing, as people know it from elsewhere.  Never while something is being typed.

import { perform } from "./acting";
import { chosen as choice } from "./choosing";
import { all, at, target } from "./dom";
import { focusedRow, rowOf } from "./rows";
import { reveal, soughtPlace } from "./showing";
import { undoLast } from "./toasts";

type Key = (event: KeyboardEvent) => boolean; // false: nothing was done with it

const TYPING = 'input:not([type="checkbox"]), textarea, select, [contenteditable="true"]';

// After a g: where the next letter leads.
const PLACES = new Map(
  Object.entries({ i: "inbox", s: "flagged", b: "snoozed", d: "drafts", t: "sent", a: "archive", c: "contacts" }),
);
const PATIENCE = 1500; // milliseconds
let leapt = Number.NEGATIVE_INFINITY;

export function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (target(event)?.closest(TYPING) || at("dialog[open]")) return;
  const isCharacter = event.key.length === 1;
  if (isCharacter && document.body.dataset.shortcuts === "off") return;
  const isPlace = isCharacter && performance.now() - leapt < PATIENCE;
  if (isCharacter) leapt = Number.NEGATIVE_INFINITY;
  // A letter that leads nowhere does nothing: it was not meant for what is on the page.
  if (isPlace ? leap(event.key) : KEYS.get(event.key)?.(event)) event.preventDefault();
}

const KEYS = new Map<string, Key>(
  Object.entries({
    j: () => step(1),
    k: () => step(-1),
    n: () => step(1),
    p: () => step(-1),
    o: () => open(),
    Enter: (event) => !target(event)?.closest("a, button, summary, input") && open(),
    u: () => click("[data-reading-tools] .back"),
    x: () => choose(),
    c: () => go("/compose"),
    g: () => beginLeap(),
    r: () => follow("[data-reply]"),
    a: () => follow("[data-reply-all]"),
    f: () => follow("[data-forward]"),
    e: ({ repeat }) => !repeat && act("archive"),
    "#": ({ repeat }) => !repeat && act("delete"),
    Delete: ({ repeat }) => !repeat && act("delete"),
    s: () => toggle("star"),
    m: () => toggle("read"),
    z: () => undoLast(),
    "/": () => search(),
    "?": () => help(),
    Escape: () => closeMenus(),
    ArrowDown: () => inList() && step(1),
    ArrowUp: () => inList() && step(-1),
    ArrowRight: () => inList() && sideways(1),
    ArrowLeft: () => inList() && sideways(-1),
    Home: () => inList() && reveal(0),
    End: () => inList() && reveal(Number.POSITIVE_INFINITY),
  } satisfies Record<string, Key>),
);

const reading = (): HTMLFormElement | null =>
  document.body.classList.contains("has-thread") ? at<HTMLFormElement>("[data-reading-tools]") : null;
const row = (): HTMLElement | null => focusedRow() ?? at(".row.current");
const wide = (): boolean => window.matchMedia("(min-width: 73.75em)").matches;

function step(by: number): boolean {
  if (reading() && (!focusedRow() || !wide())) return click(by > 0 ? "[data-older]" : "[data-newer]");
  const rows = all(".row:not([hidden])");
  const here = row();
  const sought = soughtPlace();
  const index = (here ? rows.indexOf(here) : -1) + by;
  // Beyond the rows that are here, as fast as the key repeats.
  if (sought !== null) return reveal(sought + by);
  if (here && !rows[index]) return reveal(Number(here.ariaRowIndex) - 1 + by);
  const next = rows[Math.max(index, 0)];
  if (!next) return false;
  at(".row-link", next)!.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

// Within the list, as in a grid: the row's box, star and message.
const inList = (): boolean => focusedRow() !== null;

function sideways(by: number): boolean {
  const here = focusedRow();
  const controls = here ? all("input, button, a", here) : [];
  const next = controls[controls.indexOf(document.activeElement as HTMLElement) + by];
  next?.focus();
  return Boolean(next);
}

function open(): boolean {
  const here = row();
  if (!here || here.classList.contains("current")) return false;
  at(".row-link", here)!.click();
  return true;
}

function choose(): boolean {
  const here = row();
  const box = here && at('input[type="checkbox"]', here);
  box?.click();
  return Boolean(box);
}

function beginLeap(): boolean {
  leapt = performance.now();
  return true;
}

function leap(letter: string): boolean {
  const place = PLACES.get(letter);
  if (!place) return false;
  return click(`[data-use="${place}"] a, a[data-use="${place}"]`);
}

function search(): boolean {
  const field = at<HTMLInputElement>("#q");
  field?.focus();
  field?.select();
  return Boolean(field);
}

function help(): boolean {
  at<HTMLDialogElement>("#keys")?.showModal();
  return true;
}

function closeMenus(): boolean {
  for (const menu of all<HTMLDetailsElement>("details.menu[open]")) menu.open = false;
  return false;
}

// The messages that a letter is about: those chosen, the one with the focus, the one being read.
function items(): { chosen: string[]; inReading: boolean } {
  const chosen = [...choice().items];
  if (chosen.length) return { chosen, inReading: false };
  const focused = focusedRow();
  if (focused && !focused.classList.contains("current")) return { chosen: [focused.dataset.item!], inReading: false };
  const tools = reading();
  if (tools) return { chosen: [tools.dataset.item!], inReading: true };
  const here = row();
  return { chosen: here ? [here.dataset.item!] : [], inReading: false };
}

function act(action: string): boolean {
  const { chosen, inReading } = items();
  if (!chosen.length) return false;
  const form = inReading ? reading() : at("[data-list]");
  const button = form && at(`button[name="action"][value="${action}"]`, form);
  if (!button || (button.dataset.confirm && !window.confirm(button.dataset.confirm))) return false;
  const everything = inReading ? null : at<HTMLInputElement>('input[name="all"]');
  const data = asked(action, chosen);
  if (everything) data.append("all", everything.value);
  perform(data, inReading);
  return true;
}

function toggle(what: "star" | "read"): boolean {
  const { chosen, inReading } = items();
  const [first] = chosen;
  if (!first) return false;
  const here = rowOf(first);
  const tools = reading();
  if (what === "star") {
    const starred = here ? here.classList.contains("starred") : Boolean(tools && at(".star.on", tools));
    perform(asked(starred ? "unstar" : "star", chosen), inReading);
  } else {
    perform(asked(here?.classList.contains("unread") ? "read" : "unread", chosen), inReading);
  }
  return true;
}

function asked(action: string, chosen: string[]): FormData {
  const data = new FormData();
  data.append("action", action);
  for (const item of chosen) data.append("item", item);
  return data;
}

function click(selector: string): boolean {
  const found = at(selector);
  found?.click();
  return Boolean(found);
}

function follow(selector: string): boolean {
  const found = reading() && at<HTMLAnchorElement>(selector);
  return Boolean(found) && go(found!.href);
}

function go(address: string): boolean {
  location.assign(address);
  return true;
}
