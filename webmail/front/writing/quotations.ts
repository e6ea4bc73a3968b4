// A quotation is answered within: one Enter parts it where one writes, as in other mail programs.  At its end, where
// one's own quotation is still being written, Enter goes on with it, and on an empty line leaves it.

import type { Editor } from "./editor";

const SHOWS = "img, table, hr";

// The outermost quotation that Enter would part here.
export function partable(editor: Editor, root: HTMLElement, range: Range): HTMLElement | null {
  const cell = editor.around("td, th, pre");
  let quote = editor.around("blockquote");
  for (let above = quote?.parentElement; above && above !== root; above = above.parentElement) {
    if (above.tagName === "BLOCKQUOTE") quote = above;
  }
  if (!quote || (cell && quote.contains(cell))) return null;
  const rest = document.createRange();
  rest.selectNodeContents(quote);
  rest.setStart(range.endContainer, range.endOffset);
  return isBlank(rest.cloneContents()) ? null : quote;
}

// An empty line between its halves, where one goes on writing.
export function part(quote: HTMLElement, range: Range, line: HTMLElement): void {
  range.deleteContents();
  const rest = document.createRange();
  rest.setStart(range.startContainer, range.startOffset);
  rest.setEndAfter(quote);
  const below = rest.extractContents();
  quote.after(line, below);
  withoutBlankEdge(quote, "lastElementChild");
  withoutBlankEdge(line.nextElementSibling!, "firstElementChild");
  if (isBlank(quote)) quote.remove();
}

function withoutBlankEdge(block: Element, edge: "firstElementChild" | "lastElementChild"): void {
  const found = block[edge];
  if (!found) return;
  if (isBlank(found) && block.childElementCount > 1) found.remove();
  else withoutBlankEdge(found, edge);
}

function isBlank(source: Element | DocumentFragment): boolean {
  return !source.textContent?.replace(/[\s\u200b]/g, "") && !source.querySelector(SHOWS);
}
