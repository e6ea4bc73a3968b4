// What stays of pasted HTML: each element is made anew, with the attributes that are known, and nothing else is.  The
// same elements and attributes as in webmail/contents/composed.py, which judges once more.  The page's policy forbids
// styles; what they say of weight, colour and place is said by elements and attributes instead.

import { listed } from "./word";

export interface Rules {
  picture: (address: string) => string | null; // the address of one of the letter's own; null for any other
  marks?: boolean; // the editor's own, where the selection was
}

const KEPT = new Set(
  (
    "A B BLOCKQUOTE BR CAPTION CODE DIV EM FONT H2 H3 HR I IMG LI OL P PRE S SMALL STRONG SUB SUP " +
    "TABLE TBODY TD TFOOT TH THEAD TR U UL"
  ).split(" "),
);
const CALLED: Record<string, string> = {
  ...{ H1: "H2", H4: "H3", H5: "H3", H6: "H3", INS: "U", DEL: "S", STRIKE: "S", TT: "CODE", KBD: "CODE", SAMP: "CODE" },
  ...{ CENTER: "DIV", SECTION: "DIV", ARTICLE: "DIV", HEADER: "DIV", FOOTER: "DIV", MAIN: "DIV", ADDRESS: "DIV" },
  ...{ DT: "DIV", DD: "DIV", FIGURE: "DIV", FIGCAPTION: "DIV", DETAILS: "DIV", SUMMARY: "DIV" },
};
const DROPPED = new Set(
  (
    "SCRIPT STYLE TITLE META LINK HEAD SVG MATH IFRAME OBJECT EMBED TEMPLATE NOSCRIPT TEXTAREA SELECT INPUT " +
    "AUDIO VIDEO CANVAS"
  ).split(" "),
);
const INLINE_WITH_WEIGHT = /^(B|STRONG)$/;
const ALIGNED = /^(P|DIV|H2|H3|TD|TH)$/;
const CELL = /^(TD|TH)$/;
const ALIGNMENT = /^(left|center|right|justify)$/;
const COLOUR = /^#[0-9a-f]{6}$/;
const RULES: Record<string, Record<string, RegExp>> = {
  BLOCKQUOTE: { type: /^cite$/ },
  OL: { start: /^\d{1,4}$/ },
  TABLE: { border: /^\d{1,2}$/, cellpadding: /^\d{1,2}$/, cellspacing: /^\d{1,2}$/ },
  TD: { colspan: /^\d{1,3}$/, rowspan: /^\d{1,3}$/ },
  TH: { colspan: /^\d{1,3}$/, rowspan: /^\d{1,3}$/ },
};
const LINK = /^(https?:\/\/[^\s/]|mailto:[^\s])/i;
const XHTML = "http://www.w3.org/1999/xhtml";

// A copy with nothing in it that was not put there by this module.
export function rebuild(source: Node, rules: Rules): DocumentFragment {
  const out = document.createDocumentFragment();
  for (const node of listed(source)) {
    if (node instanceof Text) out.append(node.data);
    else if (rules.marks && isMark(node)) out.append(made("input", { id: node.id, type: "hidden" }));
    else if (node instanceof Element && !DROPPED.has(node.tagName.toUpperCase())) out.append(rebuilt(node, rules));
  }
  return out;
}

function rebuilt(node: Element, rules: Rules): Node {
  const tag = node.tagName.toUpperCase();
  const name = CALLED[tag] ?? tag;
  if (name === "IMG") return rebuiltPicture(node, rules);
  const style = declarations(node);
  const inner = dressed(rebuild(node, rules), style, name);
  const attributes = node.namespaceURI === XHTML && KEPT.has(name) ? attributesOf(node, name, style) : null;
  if (!attributes) return inner;
  const element = made(name, attributes);
  element.append(inner);
  return element;
}

// Those that stay; null for an element that would say nothing.
function attributesOf(node: Element, name: string, style: Map<string, string>): Record<string, string> | null {
  const given = (attribute: string): string => node.getAttribute(attribute)?.trim() ?? "";
  if (name === "A") {
    const href = given("href").replace(/[\t\n\r]/g, "");
    return LINK.test(href) ? { href } : null;
  }
  if (name === "FONT") {
    const color = colourOf(given("color"));
    return color ? dyed(color) : null;
  }
  if (INLINE_WITH_WEIGHT.test(name) && style.get("font-weight") === "normal") return null; // Google Docs
  const found: Record<string, string> = {};
  for (const [attribute, rule] of Object.entries(RULES[name] ?? {})) {
    const value = given(attribute).toLowerCase();
    if (rule.test(value)) found[attribute] = value;
  }
  if (ALIGNED.test(name)) {
    const align = (node.tagName === "CENTER" ? "center" : (style.get("text-align") ?? given("align"))).toLowerCase();
    if (ALIGNMENT.test(align)) found.align = align;
  }
  if (CELL.test(name)) {
    const ground = colourOf(style.get("background-color") ?? style.get("background") ?? given("bgcolor"), true);
    if (ground && ground !== "#ffffff") found.bgcolor = ground;
  }
  return found;
}

function rebuiltPicture(node: Element, rules: Rules): Node {
  const address = rules.picture(node.getAttribute("src") ?? "");
  if (!address) return document.createDocumentFragment();
  const element = document.createElement("img");
  element.setAttribute("src", address);
  element.setAttribute("alt", (node.getAttribute("alt") ?? "").slice(0, 1000));
  const width = Math.round(Number.parseFloat(declarations(node).get("width") ?? node.getAttribute("width") ?? ""));
  if (width > 0 && width < 10_000) element.setAttribute("width", String(width));
  return element;
}

// Weight, slant, lines and colour of a style, as elements round what it is about.
function dressed(inner: DocumentFragment, style: Map<string, string>, name: string): DocumentFragment {
  if (!style.size || !inner.firstChild || name === "TABLE" || name === "TR") return inner;
  const wraps: HTMLElement[] = [];
  const is = (property: string, value: RegExp): boolean => value.test(style.get(property) ?? "");
  if (is("font-weight", /^(bold|bolder|[6-9]00)$/) && !INLINE_WITH_WEIGHT.test(name)) wraps.push(made("b"));
  if (is("font-style", /^italic/) && name !== "I" && name !== "EM") wraps.push(made("i"));
  if (is("text-decoration", /underline/) && name !== "U" && name !== "A") wraps.push(made("u"));
  if (is("text-decoration", /line-through/) && name !== "S") wraps.push(made("s"));
  const colour = name === "A" ? "" : colourOf(style.get("color") ?? "");
  if (colour) wraps.push(made("font", dyed(colour)));
  if (!wraps.length || [...inner.childNodes].some(isBlock)) return inner;
  const whole = wraps.reduceRight<Node>((content, wrap) => {
    wrap.append(content);
    return wrap;
  }, inner);
  const out = document.createDocumentFragment();
  out.append(whole);
  return out;
}

// The editor joins neighbours that have the same class, whatever their colours; the server knows no classes.
export const dyed = (color: string): Record<string, string> => ({ color, class: `dyed-${color.slice(1)}` });

const isMark = (node: Node): node is HTMLInputElement =>
  node instanceof HTMLInputElement && node.id.startsWith("squire-selection-");

const isBlock = (node: Node): boolean =>
  node instanceof Element && /^(P|DIV|H2|H3|UL|OL|LI|TABLE|TBODY|TR|TD|TH|BLOCKQUOTE|PRE|HR)$/.test(node.tagName);

export function made(name: string, attributes: Record<string, string> = {}): HTMLElement {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

// Read as text: the policy that keeps a page from having styles keeps it from reading them, too.
export function declarations(node: Element): Map<string, string> {
  const found = new Map<string, string>();
  for (const each of (node.getAttribute("style") ?? "").split(";")) {
    const [name, value] = each.split(/:(.*)/s);
    if (name && value) found.set(name.trim().toLowerCase(), value.trim().toLowerCase());
  }
  const line = found.get("text-decoration-line");
  if (line) found.set("text-decoration", line);
  return found;
}

// As #rrggbb, or nothing.  Text in black, grey or white is text in the reader's own colour.
export function colourOf(text: string, greysToo = false): string {
  const value = text.trim().toLowerCase();
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/.exec(value);
  const numbers = /^rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*\)?/.exec(value);
  const hex = short
    ? `#${short
        .slice(1)
        .map((digit) => digit + digit)
        .join("")}`
    : numbers
      ? `#${numbers
          .slice(1, 4)
          .map((each) => Math.min(255, Number(each)).toString(16).padStart(2, "0"))
          .join("")}`
      : (NAMED[value] ?? value);
  if (!COLOUR.test(hex)) return "";
  return !greysToo && hex.slice(1, 3) === hex.slice(3, 5) && hex.slice(3, 5) === hex.slice(5) ? "" : hex;
}

const NAMED: Record<string, string> = {
  ...{ red: "#ff0000", blue: "#0000ff", green: "#008000", navy: "#000080", maroon: "#800000", purple: "#800080" },
  ...{ orange: "#ffa500", yellow: "#ffff00", teal: "#008080", brown: "#a52a2a" },
};
