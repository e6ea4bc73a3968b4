// The parts of the mail page: an answer is put where it belongs, and takes nothing out of the reader's hands.

import { adoptFrame } from "./ahead";
import { choose, chosen, isChoosing, isChosen } from "./choosing";
import { at } from "./dom";
import { foreseeAgain } from "./foreseeing";
import { morph } from "./morph";
import { markCurrent, rove, still } from "./rows";
import { makeRoom } from "./scrolling";
import type { Parts } from "./server";
import { parse } from "./trusted";

export const part = (name: string): HTMLElement => at(`[data-fragment="${name}"]`)!;
export const late = new Set<string>(); // parts to be asked for when the reader has done what would be disturbed
const shown = new Map<string, number>(); // by part: the number of the request whose answer is on the page
let asking = 0;

export const nextNumber = (): number => ++asking;
export const lastNumber = (): number => asking;

// The list or the message that a part shows.
export const whatIn = (root: ParentNode): string | undefined =>
  at("[data-list]", root)?.dataset.list ?? at("[data-reading-tools]", root)?.dataset.item;

const beginning = (root: ParentNode): string | undefined => at("[data-rows]", root)?.dataset.first;

// Answers may overtake each other: what was asked for earlier never replaces what was asked for later.
export function put({ fragments: found }: Parts, order: number): void {
  for (const [name, text] of Object.entries(found)) {
    const place = part(name);
    if (!place || (shown.get(name) ?? 0) > order) continue;
    shown.set(name, order);
    const fresh = parse(text);
    if (name === "rows") {
      putRows(place, fresh, order);
    } else if (whatIn(place) !== whatIn(fresh)) {
      const adopt = adoptFrame(fresh);
      place.replaceChildren(fresh);
      adopt();
      if (name !== "list") continue;
      place.setAttribute("aria-label", at("h1", place)?.firstChild?.textContent?.trim() ?? "");
      foreseeAgain("list", order);
    } else if (name === "list") {
      putList(place, fresh, order);
    } else {
      morph(place, fresh);
      if (name === "sidebar") foreseeAgain("sidebar", order);
    }
  }
}

// The same list as it is now; what is chosen stays even where it should go.
function putList(place: HTMLElement, fresh: DocumentFragment, order: number): void {
  if (isChoosing()) late.add("list");
  const elsewhere = beginning(place) !== beginning(fresh);
  const choice = chosen();
  still(place, () => {
    makeRoom(fresh);
    morph(place, fresh, elsewhere ? () => false : isChosen);
    makeRoom();
    foreseeAgain("list", order);
  });
  if (elsewhere) choose(choice);
}

// Other rows of the same list; what was chosen stays chosen out of sight.
function putRows(place: HTMLElement, fresh: DocumentFragment, order: number): void {
  const rows = at("[data-fragment]", fresh);
  if (!rows || (shown.get("list") ?? 0) > order) return;
  const choice = chosen();
  still(place, () => {
    makeRoom(rows);
    morph(place, rows);
    makeRoom();
    foreseeAgain("list", order);
  });
  choose(choice);
  markCurrent(location.pathname);
  rove();
}
