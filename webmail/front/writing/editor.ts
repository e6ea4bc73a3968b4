// Formatted text: Squire, kept to what this page's policies allow.  Text becomes markup only through the one Trusted
// Types policy, and what is pasted, loaded or undone is rebuilt from the allow-list (cleaning.ts).

import Squire from "squire-rte";
import { parse } from "../trusted";
import { colourOf, declarations, dyed, made, type Rules, rebuild } from "./cleaning";
import { leaveLinks } from "./links";
import { beside, nested } from "./lists";
import { part, partable } from "./quotations";
import { guardTables } from "./tables";

const INLINE = ["B", "I", "U", "S", "FONT", "SMALL"];
const HISTORY = { documentSizeThreshold: 2_000_000, undoLimit: 60 };

export function openEditor(root: HTMLElement, rules: Rules): Editor {
  const html = root.innerHTML;
  let editor: Editor | null = null;
  guardTables(root, () => editor); // its listeners come before Squire's
  editor = new Editor(root, rules);
  return editor.setHTML(html);
}

export class Editor extends Squire {
  constructor(
    root: HTMLElement,
    private readonly rules: Rules,
  ) {
    super(root, {
      blockTag: "P",
      undo: HISTORY,
      tagAttributes: { blockquote: { type: "cite" } },
      sanitizeToDOMFragment: (pasted) => rebuild(parse(pasted), rules),
    });
    this._imageResizer.destroy(); // it works with styles, which the page forbids
    // PageUp and PageDown are the browser's; Ctrl+D is its bookmark
    for (const key of ["PageUp", "PageDown", "Ctrl-d", "Meta-d"]) this.setKeyHandler(key, null);
    this.addEventListener("willPaste", (event) => {
      const { fragment } = (event as CustomEvent<{ fragment?: DocumentFragment }>).detail;
      if (fragment) withBorders(beside(asFonts(fragment)));
    });
    leaveLinks(this, root);
  }

  override setHTML(html: string): this {
    super.setHTML(html);
    this.modifyDocument(() => asFonts(this._root));
    return this;
  }

  override getHTML(): string {
    const source = this._root.cloneNode(true) as HTMLElement;
    return nested(source).innerHTML.replaceAll("\u200b", "");
  }

  // Squire's own sets markup as text.
  override _setRawHTML(html: string): this {
    const fragment = beside(rebuild(parse(html), { ...this.rules, marks: true }));
    this._root.replaceChildren(fragment.firstChild ? fragment : this.createDefaultBlock());
    this._ignoreChange = true;
    return this;
  }

  // A format that was switched off stays off on the next line.
  override splitBlock(isLineBreak: boolean, range = this.getSelection()): this {
    const quote = isLineBreak ? null : partable(this, this._root, range);
    if (quote) {
      this.saveUndoState(range);
      const line = this.createDefaultBlock();
      part(quote, range, line);
      range.setStart(line, 0);
      range.collapse(true);
      this.setSelection(range);
      return this;
    }
    const off = INLINE.filter((tag) => !this.hasFormat(tag));
    super.splitBlock(isLineBreak, range);
    for (const tag of off) if (this.hasFormat(tag)) this.changeFormat(null, { tag });
    return this;
  }

  get isBlank(): boolean {
    return !this._root.textContent?.trim() && !this._root.querySelector("img, table, hr");
  }

  // Something that plain text could not say.
  get isFormatted(): boolean {
    return this._root.querySelector("b,i,u,s,font,small,h2,h3,ul,ol,table,a,blockquote,img,[align]") !== null;
  }

  // The nearest element of that kind round the selection.
  around(selector: string): HTMLElement | null {
    const node = this.getSelection().commonAncestorContainer;
    const found = (node instanceof Element ? node : node.parentElement)?.closest<HTMLElement>(selector) ?? null;
    return found && found !== this._root && this._root.contains(found) ? found : null;
  }

  has(...tags: string[]): boolean {
    return tags.some((tag) => this.hasFormat(tag));
  }

  toggle(tag: string): void {
    if (this.hasFormat(tag)) this.changeFormat(null, { tag });
    else this.changeFormat({ tag });
  }

  // The paragraphs of the selection as paragraphs of another kind.
  setBlocks(tag: "p" | "h2" | "h3"): void {
    this.modifyBlocks((fragment) => {
      for (const block of fragment.querySelectorAll("p, h2, h3, div")) {
        if (block.querySelector("p, div, ul, ol, table, blockquote, h2, h3")) continue;
        const align = block.getAttribute("align");
        const fresh = made(tag, align ? { align } : {});
        fresh.append(...block.childNodes);
        block.replaceWith(fresh);
      }
      return fragment;
    });
    this.focus();
  }

  align(where: string): void {
    this.forEachBlock((block) => {
      let aligned: HTMLElement = block;
      if (block.tagName === "LI") {
        aligned = made("div");
        aligned.append(...block.childNodes);
        block.append(aligned);
      }
      if (where === "left") aligned.removeAttribute("align");
      else aligned.setAttribute("align", where);
    }, true);
    this.focus();
  }

  colour(colour: string): void {
    this.changeFormat(colour ? { tag: "FONT", attributes: dyed(colour) } : null, { tag: "FONT" });
  }
}

// Squire makes styled spans of <font>; a style would neither be allowed here nor be sent.
function asFonts<N extends ParentNode & Node>(source: N): N {
  for (const span of source.querySelectorAll("span")) {
    const colour = colourOf(declarations(span).get("color") ?? "", true);
    if (!colour) continue;
    const font = made("font", dyed(colour));
    font.append(...span.childNodes);
    span.replaceWith(font);
  }
  return source;
}

// A table of figures has lines; other programs say so in styles.
function withBorders(source: DocumentFragment): void {
  for (const table of source.querySelectorAll("table")) {
    const isFrame = table.querySelector("table") ?? table.parentElement?.closest("table");
    if (isFrame || table.querySelectorAll("td, th").length < 2 || Number(table.getAttribute("border"))) continue;
    for (const [name, value] of Object.entries(LINES)) table.setAttribute(name, value);
  }
}

export const LINES = { border: "1", cellpadding: "6", cellspacing: "0" };
