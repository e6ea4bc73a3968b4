// A part of the page takes the shape of its newer self, element by element, instead of being thrown away: what the
// reader has open, chosen, half typed, focused or scrolled to stays as it is, and a frame is not loaded again.

type Keeps = (element: HTMLElement) => boolean;

const isElement = (node: Node | null): node is HTMLElement => node instanceof Element;
const isText = (node: Node | null): node is Text => node instanceof Text;
const own = (element: Element, name: string): boolean => name === "open" && element.localName === "details"; // opened or folded by the reader

// Elements are the same when they are of a kind and name the same thing: a message, a mailbox, an id.
function keyOf(element: HTMLElement): string {
  const { item, key } = element.dataset ?? {}; // a drawing's elements may have none
  return `${element.localName} ${element.id || item || key || element.classList[0] || ""}`;
}

// The children of `old` become those of `fresh`.  What `keep` says yes to is never taken away.
export function morph(old: Node, fresh: Node, keep: Keeps = () => false): void {
  const newer = [...fresh.childNodes].filter((node) => isElement(node) || isText(node));
  const wanted = new Map<string, number>();
  for (const node of newer) {
    if (isElement(node)) wanted.set(keyOf(node), (wanted.get(keyOf(node)) ?? 0) + 1);
  }
  let next: ChildNode | null = old.firstChild;
  const skip = (): ChildNode => {
    const passed = next!;
    next = passed.nextSibling;
    return passed;
  };
  const clear = (goesOn: (node: ChildNode) => boolean): void => {
    while (next && !goesOn(next)) {
      const passed = skip();
      if (!isElement(passed) || !keep(passed)) passed.remove();
    }
  };
  for (const node of newer) {
    if (isText(node)) {
      if (isText(next)) {
        const text = skip() as Text;
        if (text.data !== node.data) text.data = node.data;
      } else {
        old.insertBefore(node, next);
      }
      continue;
    }
    const key = keyOf(node);
    clear((each) => isElement(each) && (wanted.get(keyOf(each)) ?? 0) > 0);
    const same = find(next, key);
    wanted.set(key, wanted.get(key)! - 1);
    if (!same) {
      old.insertBefore(node, next);
      continue;
    }
    if (same === next) skip();
    else old.insertBefore(same, next);
    become(same, node, keep);
  }
  clear(() => false);
}

function find(from: Node | null, key: string): HTMLElement | null {
  for (let node = from; node; node = node.nextSibling) {
    if (isElement(node) && keyOf(node) === key) return node;
  }
  return null;
}

function become(old: HTMLElement, fresh: HTMLElement, keep: Keeps): void {
  if (old.localName === "iframe") {
    // Its height is measured, and its text does not change.
    if (old.getAttribute("src") !== fresh.getAttribute("src")) old.replaceWith(fresh);
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !own(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !own(old, name)) old.setAttribute(name, value);
  }
  morph(old, fresh, keep);
}
