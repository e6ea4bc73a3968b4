// The numbers beside the mailboxes: by how much each will differ when the server has done what is shown already.

import { all, at } from "./dom";

export type Differences = Map<string, number>; // by mailbox

const entry = (mailbox: string): HTMLElement | null => at(`.mailboxes [data-key="${mailbox}"]`);
const taker = (action: string): string | undefined => at(`.mailboxes [data-takes="${action}"]`)?.dataset.key;

// Drafts are counted whole, elsewhere what is unread.
const isCounted = (mailbox: string, unread: boolean): boolean => unread || Boolean(at(".quiet", entry(mailbox)!));

// `unread`: the messages that it is done to, and whether each was unread before; `target`: where it moves them.
export function differences(
  action: string,
  unread: Map<string, boolean>,
  leaves: boolean,
  target: string,
): Differences {
  const found: Differences = new Map();
  const add = (mailbox: string, by: number): void => {
    if (entry(mailbox)) found.set(mailbox, (found.get(mailbox) ?? 0) + by);
  };
  const to = action === "move" ? target : taker(action);
  for (const [item, was] of unread) {
    const from = item.split(":")[0]!;
    if (action === "read" && was) add(from, -1);
    if (action === "unread" && !was) add(from, 1);
    if (!leaves || from === to || !entry(from)) continue;
    if (isCounted(from, was)) add(from, -1);
    if (to && entry(to) && isCounted(to, was)) add(to, 1);
  }
  return found;
}

// What the server told, and what came after.
export function showCounts(after: Differences[]): void {
  for (const count of all(".mailboxes .count[data-count]")) {
    const mailbox = count.closest<HTMLElement>("[data-key]")!.dataset.key!;
    const told = Number(count.dataset.count);
    const value = Math.max(
      0,
      after.reduce((sum, each) => sum + (each.get(mailbox) ?? 0), told),
    );
    const text = value.toLocaleString(document.documentElement.lang);
    if (count.firstChild!.nodeValue !== text) count.firstChild!.nodeValue = text;
    count.hidden = !value;
  }
}
