// Somebody went on with the draft elsewhere: what was written here is a draft of its own by now, and both can be
// compared on a page of theirs.

import { at } from "../dom";
import type { Sheet } from "./sheet";

export function tellConflict(sheet: Sheet, text: string, other: string, save: () => Promise<unknown>): void {
  const box = at("[data-conflict]", sheet.form)!;
  at("span", box)!.textContent = text;
  const button = at<HTMLButtonElement>("button", box)!;
  button.hidden = !other;
  button.onclick = async () => {
    await save(); // what is compared is what stands here
    location.assign(`/compose/${sheet.field("draft").value}/beside/${other}`);
  };
  box.hidden = false;
}
