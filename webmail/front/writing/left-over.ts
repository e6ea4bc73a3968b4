// Text that no server has, of a window that is gone: of this draft, or of any where nothing is written yet.

import { at, closest } from "../dom";
import { forget, type Kept, leftOver } from "../local";
import type { Sheet } from "./sheet";

export async function offerLeftOver(
  composer: HTMLElement,
  sheet: Sheet,
  owner: string,
  restore: (kept: Kept) => void,
): Promise<void> {
  const draft = sheet.field("draft").value;
  const isBlank = !draft && ["to", "in_reply_to", "subject"].every((name) => !sheet.field(name).value);
  const [found] = (await leftOver(owner)).filter(([, kept]) => (draft ? kept.draft === draft : isBlank));
  if (!found) return;
  const [id, kept] = found;
  const box = at("[data-left-over]", composer)!;
  const time = new Date(kept.at).toLocaleString(document.documentElement.lang, {
    dateStyle: "short",
    timeStyle: "short",
  });
  at("span", box)!.textContent = sheet
    .text("textLeftOver")
    .replace("{time}", time)
    .replace("{subject}", kept.fields.subject || "…");
  box.hidden = false;
  box.addEventListener("click", (event) => {
    const button = closest<HTMLButtonElement>(event, "button");
    if (!button) return;
    if (button.value === "restore") restore(kept);
    forget(owner, id);
    box.hidden = true;
  });
}
