// A part of the page takes the shape of its newer self, element by element, instead of being thrown away: what the
// reader has open, chosen, half typed, focused or scrolled to stays as it is, and a frame is not loaded again.

const own = (element, name) => name === "open" && element.localName === "details"; // opened or folded by the reader

// Elements are the same when they are of a kind and name the same thing: a message, a mailbox, an id.
function keyOf(element) {
  return `${element.localName} ${element.id || element.dataset?.item || element.dataset?.key || element.classList[0] || ""}`;
}

// The children of ``old`` become those of ``fresh``.  What ``keep`` says yes to is never taken away.
export function morph(old, fresh, keep = () => false) {
  const newer = [...fresh.childNodes].filter((node) => node.nodeType === Node.ELEMENT_NODE || node.nodeType === Node.TEXT_NODE);
  const wanted = new Map();
  for (const node of newer) {
    if (node.nodeType === Node.ELEMENT_NODE) wanted.set(keyOf(node), (wanted.get(keyOf(node)) ?? 0) + 1);
  }
  let next = old.firstChild;
  const skip = () => {
    const passed = next;
    next = next.nextSibling;
    return passed;
  };
  const clear = (goesOn) => {
    while (next && !goesOn()) {
      const passed = skip();
      if (passed.nodeType !== Node.ELEMENT_NODE || !keep(passed)) passed.remove();
    }
  };
  for (const node of newer) {
    if (node.nodeType === Node.TEXT_NODE) {
      if (next?.nodeType !== Node.TEXT_NODE) old.insertBefore(node, next);
      else if (next.data !== node.data) skip().data = node.data;
      else skip();
      continue;
    }
    const key = keyOf(node);
    clear(() => next.nodeType === Node.ELEMENT_NODE && wanted.get(keyOf(next)) > 0);
    const same = find(next, key);
    wanted.set(key, wanted.get(key) - 1);
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

function find(from, key) {
  for (let node = from; node; node = node.nextSibling) {
    if (node.nodeType === Node.ELEMENT_NODE && keyOf(node) === key) return node;
  }
  return null;
}

function become(old, fresh, keep) {
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
