// Short notices at the foot of the page, announced politely, with a way back.  What a person did and what arrived have
// a place each: news never covers an "undo".

const area = () => document.getElementById("toasts");
const timers = {};
const QUIET_AFTER_ACTING = 3000;
let undoing = null;
let actedAt = -Infinity;

export function toast(text, { undo = null, error = false, label = "", action = null, kind = "act" } = {}) {
  if (!text) return;
  const box = document.createElement("div");
  box.className = error ? "toast error" : "toast";
  box.dataset.kind = kind;
  const words = document.createElement("span");
  words.textContent = text;
  box.append(words);
  const act = undo ?? action;
  if (kind === "act") {
    undoing = undo;
    actedAt = performance.now();
  }
  if (act) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = undo ? document.body.dataset.undo : label;
    button.addEventListener("click", () => {
      clear(kind);
      act();
    });
    box.append(button);
  }
  clear(kind, false);
  area().append(box);
  timers[kind] = setTimeout(() => clear(kind), error ? 12000 : undo ? 9000 : 4500);
}

// Mail arrived.  Right after one's own doing it is most likely that doing: a message put back into the inbox.
export function tellNews(text) {
  if (performance.now() - actedAt > QUIET_AFTER_ACTING) toast(text, { kind: "news" });
}

function clear(kind, forget = true) {
  clearTimeout(timers[kind]);
  if (forget && kind === "act") undoing = null;
  for (const box of area().querySelectorAll(`[data-kind="${kind}"]`)) box.remove();
}

// What can be taken back for some seconds says so for as long and no longer.
export function retireOffers() {
  for (const offer of document.querySelectorAll("form[data-until]")) {
    const left = Number(offer.dataset.until) * 1000 - Date.now();
    if (left < 86_400_000) setTimeout(() => offer.remove(), left); // a timer cannot wait for a month
  }
}

// The key z.
export function undoLast() {
  const act = undoing;
  if (!act) return false;
  clear("act");
  actedAt = performance.now();
  act();
  return true;
}
