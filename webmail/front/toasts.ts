// Short notices at the foot of the page, announced politely, with a way back.  What a person did and what arrived have
// a place each: news never covers an "undo".

import { all, at } from "./dom";

type Kind = "act" | "news";

interface Offer {
  undo?: (() => void) | null;
  error?: boolean;
  label?: string;
  action?: () => void;
  kind?: Kind;
}

const QUIET_AFTER_ACTING = 3000;
const LONGER = 2000; // for whoever is about to press the button
const timers = new Map<Kind, number>();
let undoing: (() => void) | null = null;
let actedAt = Number.NEGATIVE_INFINITY;
let cameFrom: EventTarget | null = null; // where the keyboard was before it came to a notice

export function toast(
  text: string,
  { undo = null, error = false, label = "", action, kind = "act" }: Offer = {},
): void {
  if (!text) return;
  const box = document.createElement("div");
  box.className = error ? "toast error" : "toast";
  box.dataset.kind = kind;
  const words = document.createElement("span");
  words.textContent = text;
  box.append(words);
  const act = undo ?? action;
  if (kind === "act") {
    undoing = undo;
    actedAt = performance.now();
  }
  if (act) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = undo ? (document.body.dataset.undo ?? "") : label;
    button.addEventListener("click", () => {
      clear(kind);
      act();
    });
    box.append(button);
  }
  clear(kind, false);
  box.addEventListener("focusin", ({ relatedTarget }) => {
    cameFrom = relatedTarget ?? cameFrom;
  });
  at("#toasts")?.append(box);
  expire(box, kind, error ? 12000 : undo ? 9000 : 4500);
}

function expire(box: HTMLElement, kind: Kind, after: number): void {
  const end = (): void => (box.matches(":hover, :focus-within") ? expire(box, kind, LONGER) : clear(kind));
  timers.set(kind, window.setTimeout(end, after));
}

// Mail arrived.  Right after one's own doing it is most likely that doing: a message put back into the inbox.
export function tellNews(text: string): void {
  if (performance.now() - actedAt > QUIET_AFTER_ACTING) toast(text, { kind: "news" });
}

function clear(kind: Kind, forget = true): void {
  window.clearTimeout(timers.get(kind));
  if (forget && kind === "act") undoing = null;
  for (const box of all(`#toasts [data-kind="${kind}"]`)) {
    const focused = box.contains(document.activeElement);
    box.remove();
    if (focused) goBack();
  }
}

// The button is gone: the keyboard goes on where it was.
function goBack(): void {
  const before = cameFrom instanceof HTMLElement && cameFrom.getClientRects().length ? cameFrom : at("#content");
  before?.focus({ preventScroll: true });
}

// What can be taken back for some seconds says so for as long and no longer.
export function retireOffers(): void {
  for (const offer of all("form[data-until]")) {
    const left = Number(offer.dataset.until) * 1000 - Date.now();
    if (left < 86_400_000) window.setTimeout(() => offer.remove(), left); // a timer cannot wait for a month
  }
}

// The key z.
export function undoLast(): boolean {
  const act = undoing;
  if (!act) return false;
  clear("act");
  actedAt = performance.now();
  act();
  return true;
}
