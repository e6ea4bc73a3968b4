// What is being written is kept in the browser at once, and on the server a little later: a closed window, a dead battery
// or a lost connection costs nothing.  It is kept by account, never where the letter is to be encrypted, until the server
// has it; signing out wipes it.

export interface Kept {
  at: number; // milliseconds
  draft: string; // the version on the server that it goes on from
  fields: Record<string, string>;
}

const PREFIX = "citymail.draft ";
const LONGEST = 14 * 86_400_000;

const keyOf = (owner: string, id: string): string => `${PREFIX}${owner} ${id}`;

export function keep(owner: string, id: string, draft: string, fields: Record<string, string>): void {
  try {
    localStorage.setItem(keyOf(owner, id), JSON.stringify({ at: Date.now(), draft, fields } satisfies Kept));
  } catch {
    // No room, or not allowed: the server has it soon.
  }
}

export function forget(owner: string, id: string): void {
  localStorage.removeItem(keyOf(owner, id));
}

export function forgetAll(): void {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  }
}

// While a letter is open here, no other window takes its text for left over.
export function claim(id: string): void {
  navigator.locks?.request(PREFIX + id, () => new Promise(() => {}));
}

// What was left over by windows that are gone, the latest first.
export async function leftOver(owner: string): Promise<[id: string, kept: Kept][]> {
  const held = new Set((await navigator.locks?.query())?.held?.map((each) => each.name));
  const found: [string, Kept][] = [];
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(keyOf(owner, ""))) continue;
    const id = key.slice(keyOf(owner, "").length);
    const kept: Kept = JSON.parse(localStorage.getItem(key)!);
    if (kept.at < Date.now() - LONGEST) localStorage.removeItem(key);
    else if (!held.has(PREFIX + id)) found.push([id, kept]);
  }
  return found.sort(([, one], [, other]) => other.at - one.at);
}
