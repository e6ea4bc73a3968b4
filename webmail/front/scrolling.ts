// A list may be a hundred thousand rows high: only those about the reader's eyes are on the page, the
// others are room above and below.  What comes into sight is asked for by its place.  A search whose hits nobody has counted
// yet shows its first page.

import { at } from "./dom";

const BLOCK = 100; // rows that are asked for at once
const MARGIN = 20; // rows beyond each edge that are there before they are seen
const FIRST = 4; // such rows where the reader jumped to: what he looks at comes first, and then the block about it
const HIGHEST = 15_000_000; // pixels that every browser can scroll

export interface Span {
  first: number;
  count: number;
}

const list = (): HTMLElement | null => at("[data-rows][data-first]");

// What a list is called at all its places; of no other can it be asked for the rows at a place.
export const scrollingList = (): string | null => (list() ? (at("[data-list]")?.dataset.list ?? null) : null);

// A mailbox, a filter or a search, whichever place of it or message beside it an address names.
function listOf(address: string): string {
  const { pathname, searchParams } = new URL(address, location.href);
  const named = new URLSearchParams();
  for (const name of ["q", "in", "show"]) if (searchParams.get(name)) named.set(name, searchParams.get(name)!);
  const path = named.has("q") ? "/search" : pathname.replace(/^(\/mail\/\d+)\/\d+$/, "$1");
  return `${path}?${named}`;
}

// Whether an address is of the list that is scrolled through here.
export function isSameList(address: string): boolean {
  const name = scrollingList();
  return name !== null && listOf(name) === listOf(address);
}

const loaded = (rows: HTMLElement): Span => ({ first: Number(rows.dataset.first), count: rows.children.length });
const total = (rows: HTMLElement): number => Number(rows.dataset.total);

function heightOf(rows: HTMLElement): number {
  const row = at(".row:not([hidden])", rows);
  return row ? row.getBoundingClientRect().height : 45;
}

// Room for the rows that are not on the page; for those that will not be, before `fresh` ones are put there: a list that
// is short for a moment loses its place.
export function makeRoom(fresh?: ParentNode): void {
  const rows = list();
  if (!rows) return;
  const height = heightOf(rows);
  const { first, count } = loaded((fresh && at("[data-rows][data-first]", fresh)) ?? rows);
  if (total(rows) * height > HIGHEST) {
    rows.removeAttribute("data-first");
    return;
  }
  // On what is never morphed, for the same reason.
  const { style } = rows.closest<HTMLElement>("#list")!;
  style.setProperty("--above", `${first * height}px`);
  style.setProperty("--below", `${Math.max(0, total(rows) - first - count) * height}px`);
  tellPlace(rows, height);
}

export function scrollToLoaded(): void {
  const rows = list();
  if (rows) scrollTo(loaded(rows).first);
}

export function scrollTo(place: number): void {
  const rows = list();
  if (rows) rows.scrollTop = place * heightOf(rows);
}

// The rows that lack where the reader looks; null where none do.
export function lacking(): Span | null {
  const rows = list();
  if (!rows) return null;
  const height = heightOf(rows);
  tellPlace(rows, height);
  const { first, count } = loaded(rows);
  const from = Math.floor(rows.scrollTop / height);
  const to = Math.min(total(rows), Math.ceil((rows.scrollTop + rows.clientHeight) / height));
  if (Math.max(0, from - MARGIN) >= first && Math.min(total(rows), to + MARGIN) <= first + count) return null;
  return from >= first + count || to <= first ? around(rows, height, 0, FIRST) : around(rows, height);
}

// The rows about where the reader looks, as many as are shown.
export function inSight(): Span | null {
  const rows = list();
  if (!rows) return null;
  const { first, count } = loaded(rows);
  const near = around(rows, heightOf(rows));
  return near.first < first || near.first + near.count > first + count ? near : { first, count: Math.max(count, 50) };
}

function around(rows: HTMLElement, height: number, least = BLOCK, margin = MARGIN): Span {
  const seen = Math.ceil(rows.clientHeight / height);
  const count = Math.max(least, seen + 2 * margin);
  const middle = Math.floor(rows.scrollTop / height + seen / 2);
  return { first: Math.max(0, Math.min(middle - Math.floor(count / 2), total(rows) - count)), count };
}

export const asked = (address: string, { first, count }: Span): string =>
  `${address}${address.includes("?") ? "&" : "?"}from=${first}&rows=${Math.min(count, 200)}`;

// Which rows of how many are in sight, in words.
function tellPlace(rows: HTMLElement, height: number): void {
  const words = at("[data-range]");
  if (!words) return;
  const first = Math.min(Math.floor(rows.scrollTop / height) + 1, total(rows));
  const last = Math.min(Math.max(first, Math.floor((rows.scrollTop + rows.clientHeight) / height)), total(rows));
  const spelled = (value: number): string => value.toLocaleString(document.documentElement.lang);
  const text = (words.dataset.range ?? "")
    .replace("{first}", spelled(first))
    .replace("{last}", spelled(last))
    .replace("{total}", spelled(total(rows)));
  if (words.textContent !== text) words.textContent = text;
}
