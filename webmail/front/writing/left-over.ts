// Text that no server has, of a window that is gone: of this draft, of any where nothing is written yet, or the one that
// was asked for by the notice on another page.

import { at, closest } from "../dom";
import { forget, isHere, type Kept, leftOver, writtenUntil } from "../local";
import type { Sheet } from "./sheet";

export async function offerLeftOver(composer: HTMLElement, sheet: Sheet, restore: (kept: Kept) => void): Promise<void> {
  const wanted = /^#left=([\d-]+)$/.exec(location.hash)?.[1];
  const draft = sheet.field("draft").value;
  const isBlank = !draft && ["to", "in_reply_to", "subject"].every((name) => !sheet.field(name).value);
  const left = (await leftOver()).filter(isHere);
  const found = wanted
    ? left.find((each) => each.window === wanted)
    : left.find((each) => (draft ? each.draft === draft : isBlank));
  if (wanted) history.replaceState(history.state, "", location.pathname);
  if (!found) return;
  const take = (): void => {
    restore(found);
    forget(found.name);
  };
  if (wanted) {
    take();
    return;
  }
  const box = at("[data-left-over]", composer)!;
  at("span", box)!.textContent = sheet
    .text("textLeftOver")
    .replace("{time}", writtenUntil(found))
    .replace("{subject}", found.fields.subject || "…");
  box.hidden = false;
  box.addEventListener("click", (event) => {
    const button = closest<HTMLButtonElement>(event, "button");
    if (!button) return;
    if (button.value === "restore") take();
    else forget(found.name);
    box.hidden = true;
  });
}
