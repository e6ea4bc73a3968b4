// What is being written is kept in the browser at once, and on the server a little later: a closed window, a dead battery
// or a lost connection costs nothing.  It is kept by account, sealed, never where the letter is to be encrypted, until the
// server has it; signing out wipes it.

import { at as found } from "./dom";
import { seal, unseal } from "./sealing";
import { get } from "./server";

export interface Kept {
  draft: string; // the version on the server that it goes on from
  changes: number; // made in its window until then
  fields: Record<string, string>;
}

export interface Left extends Kept {
  name: string; // what it is kept as
  mailbox: string;
  window: string;
  at: number; // milliseconds
}

const PREFIX = "citymail.draft ";
const LONGEST = 14 * 86_400_000;

// What leads to another mailbox that may be opened, one's own among them.
export const mailboxButton = (mailbox: string): HTMLElement | null =>
  found(`.others button[value="${CSS.escape(mailbox)}"]`);

const every = (): string[] => Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));

export const hasKept = (): boolean => every().length > 0;

export const nameOf = (window: string): string =>
  `${PREFIX}${document.body.dataset.account} ${document.body.dataset.mailbox} ${window}`;

// `isStillSo`: sealing takes its time, and the server may have the letter by then.
export async function keep(name: string, kept: Kept, isStillSo: () => boolean): Promise<void> {
  const sealed = await seal(JSON.stringify(kept), name);
  if (!sealed || !isStillSo()) return;
  try {
    localStorage.setItem(name, `${Date.now()} ${sealed}`);
  } catch {
    // No room, or not allowed: the server has it soon.
  }
}

export function forget(name: string): void {
  localStorage.removeItem(name);
}

// The server tells in the address that a letter of this window has gone.
export function forgetSent(): void {
  const sent = /^#sent=([\d-]+)$/.exec(location.hash)?.[1];
  if (!sent) return;
  for (const name of every()) if (name.endsWith(` ${sent}`)) forget(name);
  history.replaceState(history.state, "", location.pathname + location.search);
}

export function forgetAll(): void {
  every().forEach(forget);
}

// While a letter is open here, no other window takes its text for left over.
export function claim(window: string): void {
  navigator.locks?.request(PREFIX + window, () => new Promise(() => {}));
}

// What was left over by windows that are gone, and the server has not, the latest first.
export async function leftOver(): Promise<Left[]> {
  const letters = (await Promise.all(every().map(read))).filter((each) => each !== null);
  const held = new Set((await navigator.locks?.query())?.held?.map((each) => each.name));
  const left = letters.filter((each) => !held.has(PREFIX + each.window));
  const arrived = left.some(isHere) ? await whatArrived() : new Map<string, number>();
  for (const { name } of left.filter((each) => hasArrived(each, arrived))) forget(name);
  return left.filter((each) => !hasArrived(each, arrived)).sort((one, other) => other.at - one.at);
}

// Until when it was written, as every page writes it: 24/11/2026 00:18.
export const writtenUntil = ({ at }: Left): string =>
  new Intl.DateTimeFormat("en-GB", { dateStyle: "short", timeStyle: "short" }).format(at).replace(",", "");

export const isHere = ({ mailbox }: Left): boolean => mailbox === document.body.dataset.mailbox;

const hasArrived = (each: Left, arrived: Map<string, number>): boolean =>
  isHere(each) && (arrived.get(each.window) ?? -1) >= each.changes;

async function read(name: string): Promise<Left | null> {
  const text = localStorage.getItem(name) ?? "";
  const at = Number.parseInt(text, 10);
  if (!(at > Date.now() - LONGEST)) forget(name);
  const [login, mailbox, window] = name.slice(PREFIX.length).split(" ");
  if (login !== document.body.dataset.account || !mailbox || !window) return null;
  const open = await unseal(text.slice(text.indexOf(" ") + 1), name);
  if (open === null) return null;
  const kept: Kept = JSON.parse(open);
  const isClosed = mailbox !== document.body.dataset.mailbox && !mailboxButton(mailbox);
  if (!isClosed) return { ...kept, name, mailbox, window, at };
  // The right to that mailbox has ended, the words are his still: they go on in his own.
  if (found(".acting")) return null;
  const { author, work, ...fields } = kept.fields;
  return { ...kept, draft: "", fields, name, mailbox: document.body.dataset.mailbox!, window, at };
}

async function whatArrived(): Promise<Map<string, number>> {
  try {
    const { windows } = await get<{ windows: string[] }>("/compose/arrived");
    return new Map(windows.map((each) => [each.split(" ")[0]!, Number(each.split(" ")[1])]));
  } catch {
    return new Map(); // nothing is forgotten that may be nowhere else
  }
}
