// A link is put in, changed or taken out, with its address asked for.

import { at } from "../dom";
import { ask } from "./asking";
import type { Editor } from "./editor";

const MAIL = /^[^\s@/:]+@[^\s@/:]+\.[^\s@/:]+$/;
const WEB = /^(www\.|[\p{L}\d-]+(\.[\p{L}\d-]+)+(\/|$|:\d))/iu;

export async function askLink(editor: Editor): Promise<void> {
  const link = editor.around("a");
  const range = editor.getSelection();
  at('dialog[data-asks="link"] [value="remove"]')!.hidden = !link;
  const chosen = editor.getSelectedText().trim();
  const guess = link?.getAttribute("href") ?? (addressOf(chosen) || "https://");
  const answer = await ask("link", { address: guess });
  editor.focus();
  if (!answer) return;
  if (link) range.selectNodeContents(link);
  editor.setSelection(range);
  const address = addressOf(answer.values.address ?? "");
  if (answer.chosen === "remove") editor.removeLink();
  else if (address) editor.makeLink(address);
}

// What is typed behind a link is none of it.
export function leaveLinks(editor: Editor, root: HTMLElement): void {
  const leave = (): void => {
    const range = editor.getSelection();
    const link = range.collapsed ? linkBefore(range, root) : null;
    if (!link) return;
    // A browser writes beside a link only where something stands there; Squire takes these away when it sends
    const gap = document.createTextNode("\u200b");
    link.after(gap);
    range.setStartAfter(gap);
    range.collapse(true);
    editor.setSelection(range);
  };
  root.addEventListener("beforeinput", (event) => {
    if (event.inputType === "insertText") leave();
  });
  root.addEventListener("compositionstart", leave);
}

// The link that ends where one writes.
function linkBefore(range: Range, root: HTMLElement): HTMLElement | null {
  const { startContainer: here, startOffset: offset } = range;
  const before = here instanceof Text ? here : (here.childNodes[offset - 1] ?? here);
  const link = (before instanceof Element ? before : before.parentElement)?.closest("a");
  if (!link || !root.contains(link)) return null;
  const rest = document.createRange();
  rest.selectNodeContents(link);
  if (rest.comparePoint(here, offset) <= 0) rest.setStart(here, offset);
  else rest.collapse();
  return rest.toString().replaceAll("\u200b", "") ? null : link;
}

// As people write it, made complete; nothing for what is no address.
export function addressOf(text: string): string {
  const given = text.trim();
  if (/^(https?:\/\/[^\s/]\S*|mailto:\S+)$/i.test(given)) return given;
  if (MAIL.test(given)) return `mailto:${given}`;
  return WEB.test(given) && !/\s/.test(given) ? `https://${given}` : "";
}
