// Ahead of the click: the message that the reader points at, or comes to next by the keyboard, is asked for before he
// opens it, and its text waits in a frame out of sight.  That marks nothing as read, and asks for no picture from
// elsewhere: the frame of a message never does before it is said to.

import { all, at, closest } from "./dom";
import { isLeaving } from "./foreseeing";
import { watchFrame } from "./frames";
import { itemAt } from "./rows";
import { fragments, type Parts } from "./server";

const DWELL = 60; // milliseconds on a row before it is taken for one that may be opened
const FRESH = 5000; // milliseconds for which an answer is as good as a new one

interface Ahead {
  url: string;
  at: number;
  answer: Promise<Parts>;
}

const canMove = "moveBefore" in Element.prototype; // without its text being loaded once more
let ahead: Ahead | null = null;
let waiting: HTMLIFrameElement | null = null; // the frame that was begun ahead
let timer = 0;

export function startAhead(): void {
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "mouse") later(closest(event, ".row-link"));
  });
  document.addEventListener("focusin", (event) => later(closest(event, ".row-link")));
  document.addEventListener("pointerdown", (event) => {
    const link = closest<HTMLAnchorElement>(event, ".row-link");
    if (link && event.button === 0 && event.pointerType === "mouse") askAhead(link);
  });
}

function later(link: HTMLElement | null): void {
  window.clearTimeout(timer);
  if (link) timer = window.setTimeout(() => askAhead(link as HTMLAnchorElement), DWELL);
}

// What is encrypted is opened by nobody but who asks for it.
export function askAhead(link: HTMLAnchorElement | null): void {
  if (!link?.isConnected || !/^\/mail\/\d+\/\d+$/.test(link.pathname) || ahead?.url === link.href) return;
  if (isLeaving(itemAt(link))) return;
  const row = link.closest(".row");
  if (row?.matches(".current") || (row && at("[data-protected=encrypted]", row))) return;
  const mine: Ahead = { url: link.href, at: performance.now(), answer: fragments(link.href, ["reading"]) };
  ahead = mine;
  beginFrame(link.pathname);
  mine.answer.catch(() => {
    if (ahead === mine) forgetAhead();
  });
}

// The answer to what was asked ahead; null where nothing was, or too long ago.
export function foreseen(url: string): Promise<Parts> | null {
  const found = ahead;
  ahead = null;
  return found && found.url === url && performance.now() - found.at < FRESH ? found.answer : null;
}

// Something changed: what was asked for before may be of yesterday.
export function forgetAhead(): void {
  ahead = null;
  waiting?.remove();
  waiting = null;
}

// The text of a message begins to be loaded while its head is still on the way.
export function beginFrame(path: string): void {
  const source = `${path}/body`;
  const model = at<HTMLTemplateElement>("#frame-ahead");
  if (!canMove || !model || waiting?.getAttribute("src") === source) return;
  waiting?.remove();
  waiting = model.content.firstElementChild!.cloneNode(true) as HTMLIFrameElement;
  waiting.setAttribute("src", source);
  waiting.style.setProperty("width", `${at("#reading .thread")?.clientWidth || at("#reading")?.clientWidth || 600}px`);
  at(".frames-ahead")?.append(waiting);
  watchFrame(waiting);
}

// Before an answer is put on the page: the frame begun ahead is to take the place of the one in it that would ask for the
// same.  To be called when the answer is there.
export function adoptFrame(fresh: ParentNode): () => void {
  const frame = waiting;
  const empty = frame && all("iframe[data-body]", fresh).find((each) => isAlike(each, frame));
  if (!frame || !empty) return () => {};
  waiting = null;
  const place = document.createComment("");
  empty.replaceWith(place);
  return () => {
    place.parentNode!.moveBefore(frame, place);
    place.remove();
    frame.style.removeProperty("width");
    for (const { name, value } of empty.attributes) {
      if (frame.getAttribute(name) !== value) frame.setAttribute(name, value); // to say "src" again is to load again
    }
  };
}

const isAlike = (one: Element, other: Element): boolean =>
  ["src", "sandbox", "referrerpolicy"].every((name) => one.getAttribute(name) === other.getAttribute(name));
