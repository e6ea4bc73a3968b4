// What will be so in a moment is shown now, in the list, on the open message and beside the mailboxes.  A list that was
// asked for before the server had done it knows nothing of it yet: on such a list it is shown again.

import { type Differences, differences, showCounts } from "./counts";
import { all, at, setIcon } from "./dom";
import { rowOf } from "./rows";

export interface Act {
  action: string;
  items: string[];
  label: string;
  until: number; // the last request that cannot know of it
  done: boolean;
  before: Map<string, State>;
  counts: Differences;
}

interface State {
  unread: boolean;
  starred: boolean;
  labelled: boolean;
}

const REMOVING = new Set(["snooze", "wake", "archive", "delete", "junk", "inbox", "move"]);
const newest = { list: 0, sidebar: 0 }; // the requests whose answers are on the page
let acts: Act[] = [];

export const removes = (action: string): boolean => REMOVING.has(action);

// `target`: the mailbox that the messages are moved to.
export function foresee(action: string, items: string[], label = "", target = ""): Act {
  const before = new Map<string, State>();
  for (const item of items) {
    const [shown] = placesOf(item);
    if (shown) before.set(item, stateOf(shown, label));
  }
  const unread = new Map([...before].map(([item, state]) => [item, state.unread]));
  const counts = differences(action, unread, removes(action), target);
  const act: Act = { action, items, label, until: Number.POSITIVE_INFINITY, done: false, before, counts };
  acts.push(act);
  apply(act);
  count();
  return act;
}

// The server has done it; `asked` is the number of the last request made until then.
export function fulfilled(act: Act, asked: number): void {
  act.until = asked;
}

// The server has not.
export function takeBack(act: Act): void {
  acts = acts.filter((each) => each !== act);
  for (const [item, before] of act.before) {
    if (removes(act.action)) for (const row of rowsOf(item)) row.hidden = false;
    change(act, item, before);
  }
  unknownTo("list").forEach(apply);
  count();
}

// This part is now the one of this request.  Nothing older will come.
export function foreseeAgain(part: keyof typeof newest, order: number): void {
  newest[part] = order;
  acts = acts.filter((act) => act.until >= Math.min(newest.list, newest.sidebar));
  if (part === "list") unknownTo("list").forEach(apply);
  else count();
}

const unknownTo = (part: keyof typeof newest): Act[] => acts.filter((act) => act.until >= newest[part]);
const count = (): void => showCounts(unknownTo("sidebar").map(({ counts }) => counts));

// Asked for once more while it is under way: a second click.
export const isLeaving = (item: string): boolean =>
  acts.some((act) => !act.done && removes(act.action) && act.items.includes(item));

const rowsOf = (item: string): HTMLElement[] => [rowOf(item)].filter((row) => row !== null);

// Where a message is shown: its row, its letter in the conversation, the tools above that.
function placesOf(item: string): HTMLElement[] {
  const named = `[data-item="${CSS.escape(item)}"]`;
  return [...rowsOf(item), ...all(`.letter${named}, [data-reading-tools]${named}`)];
}

function stateOf(place: HTMLElement, label: string): State {
  return {
    unread: place.classList.contains("unread"),
    starred: at(".star", place)?.getAttribute("aria-pressed") === "true",
    labelled: Boolean(label && tagOf(place, label)),
  };
}

function apply(act: Act): void {
  const { action } = act;
  const after = { unread: action === "unread", starred: action === "star", labelled: action === "label" };
  for (const item of act.items) {
    change(act, item, after);
    if (removes(action)) for (const row of rowsOf(item)) row.hidden = true;
  }
}

// What an action is about, and nothing else, is made so wherever the message is shown.
function change({ action, label }: Act, item: string, { unread, starred, labelled }: State): void {
  for (const place of placesOf(item)) {
    if (action === "read" || action === "unread") read(place, unread);
    if (action === "star" || action === "unstar") star(place, item, starred);
    if (action === "label" || action === "unlabel") tag(place, label, labelled);
  }
}

function read(place: HTMLElement, unread: boolean): void {
  const button = at<HTMLButtonElement>("[data-mark-read]", place);
  if (!place.matches("[data-reading-tools]")) {
    place.classList.toggle("unread", unread);
  } else if (button) {
    const words = (unread ? button.dataset.markRead : button.dataset.markUnread) ?? "";
    button.value = unread ? "read" : "unread";
    button.title = `${words} (m)`;
    at("span", button)!.textContent = words;
    setIcon(button, unread ? "opened" : "unread");
  }
}

function star(place: HTMLElement, item: string, on: boolean): void {
  const button = at<HTMLButtonElement>(".star", place);
  if (!button) return;
  place.classList.toggle("starred", on && place.matches(".row"));
  button.classList.toggle("on", on && !place.matches(".row"));
  button.setAttribute("aria-pressed", String(on));
  button.value = `${on ? "unstar" : "star"}${place.matches(".row") ? ` ${item}` : ""}`;
  setIcon(button, on ? "star-filled" : "star");
}

const tagOf = (place: HTMLElement, label: string): HTMLElement | null =>
  at(`.tag[data-label="${CSS.escape(label)}"]`, place);

// As it is called and coloured among the mailboxes.
function tag(place: HTMLElement, label: string, on: boolean): void {
  const known = tagOf(place, label);
  if (!on) known?.remove();
  if (!on || known) return;
  const entry = at(`.labels [data-label="${CSS.escape(label)}"]`);
  const fresh = document.createElement("span");
  fresh.className = `tag ${[...(at(".dot", entry ?? document)?.classList ?? [])].at(-1) ?? ""}`;
  fresh.dataset.label = label;
  fresh.textContent = at(".label", entry ?? document)?.textContent ?? "";
  if (place.matches(".row")) at(".marks", place)?.prepend(fresh);
  else at(".from", place)?.append(fresh);
}
