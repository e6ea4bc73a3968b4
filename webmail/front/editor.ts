// A small editor for formatted text.  What is pasted is rebuilt from an allow-list, element by element; what is sent
// is cleaned again by the server.

import { all, at, closest } from "./dom";
import { parse } from "./trusted";

const KEPT = new Set(
  "A B BLOCKQUOTE BR CODE DIV EM H2 H3 HR I LI OL P PRE S STRONG SUB SUP TABLE TBODY TD TH THEAD TR U UL".split(" "),
);
const DROPPED = new Set("SCRIPT STYLE TITLE META LINK HEAD SVG MATH IFRAME OBJECT EMBED TEMPLATE NOSCRIPT".split(" "));
const STATES = ["bold", "italic", "underline", "insertUnorderedList", "insertOrderedList"];

export function startEditor(box: HTMLElement, tools: HTMLElement, texts: { link: string }, changed: () => void): void {
  document.execCommand("defaultParagraphSeparator", false, "p");
  document.execCommand("styleWithCSS", false, "false");
  tools.addEventListener("pointerdown", (event) => {
    if (closest(event, "[data-command]")) event.preventDefault(); // the selection in the text stays
  });
  tools.addEventListener("click", (event) => {
    const button = closest(event, "[data-command]");
    if (!button) return;
    box.focus();
    run(button.dataset.command ?? "", button.dataset.value, texts);
    changed();
    reflect(tools);
  });
  box.addEventListener("input", changed);
  box.addEventListener("paste", (event) => {
    const data = event.clipboardData;
    if (!data || (data.files.length && !data.types.includes("text/html"))) return; // the composer attaches them
    event.preventDefault();
    const html = data.getData("text/html");
    if (html) insert(rebuild(parse(html)));
    else document.execCommand("insertText", false, data.getData("text/plain"));
    changed();
  });
  document.addEventListener("selectionchange", () => {
    if (box.contains(document.getSelection()?.anchorNode ?? null)) reflect(tools);
  });
}

function run(command: string, value: string | undefined, texts: { link: string }): void {
  if (command === "createLink") {
    const address = window.prompt(texts.link, "https://");
    if (!address || !/^(https?:\/\/[^\s]+|mailto:[^\s]+)$/i.test(address)) return;
    document.execCommand("createLink", false, address);
  } else if (command === "formatBlock") {
    const inside = document.getSelection()?.anchorNode?.parentElement?.closest("blockquote");
    document.execCommand(inside ? "outdent" : "formatBlock", false, inside ? undefined : value);
  } else {
    document.execCommand(command, false, value);
  }
}

function reflect(tools: HTMLElement): void {
  for (const command of STATES) {
    const [button] = all(`[data-command="${command}"]`, tools);
    button?.setAttribute("aria-pressed", String(document.queryCommandState(command)));
  }
}

function insert(fragment: DocumentFragment): void {
  const selection = document.getSelection();
  if (!selection?.rangeCount) return;
  const range = selection.getRangeAt(0);
  range.deleteContents();
  const last = fragment.lastChild;
  range.insertNode(fragment);
  if (last) {
    range.setStartAfter(last);
    range.collapse(true);
    selection.removeAllRanges();
    selection.addRange(range);
  }
}

// A copy with nothing in it that was not put there by this function.
export function rebuild(source: Node): DocumentFragment {
  const out = document.createDocumentFragment();
  for (const node of source.childNodes) {
    if (node instanceof Text) out.append(node.data);
    else if (node instanceof Element && !DROPPED.has(node.tagName.toUpperCase())) out.append(rebuilt(node));
  }
  return out;
}

function rebuilt(node: Element): Node {
  const inner = rebuild(node);
  const name = node.tagName.toUpperCase();
  if (!KEPT.has(name) || node.namespaceURI !== "http://www.w3.org/1999/xhtml") return inner;
  const element = document.createElement(name);
  const address = name === "A" ? node.getAttribute("href")?.trim() : null;
  if (address && /^(https?:|mailto:)/i.test(address)) element.setAttribute("href", address);
  for (const span of ["colspan", "rowspan"]) {
    const cells = node.getAttribute(span) ?? "";
    if (/^\d{1,3}$/.test(cells)) element.setAttribute(span, cells);
  }
  element.append(inner);
  return element;
}

// Plain text as paragraphs; built from text nodes.
export function fill(box: HTMLElement, text: string): void {
  box.replaceChildren(
    ...text.split("\n").map((line) => {
      const paragraph = document.createElement("p");
      if (line) paragraph.textContent = line;
      else paragraph.append(document.createElement("br"));
      return paragraph;
    }),
  );
}

export const isFormatted = (box: HTMLElement): boolean => at("b,strong,i,em,u,ul,ol,table,a,blockquote", box) !== null;
