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

// As people write it, made complete; nothing for what is no address.
export function addressOf(text: string): string {
  const given = text.trim();
  if (/^(https?:\/\/[^\s/]\S*|mailto:\S+)$/i.test(given)) return given;
  if (MAIL.test(given)) return `mailto:${given}`;
  return WEB.test(given) && !/\s/.test(given) ? `https://${given}` : "";
}
