// Short notices at the foot of the page, announced politely, with a way back.

const area = () => document.getElementById("toasts");
let timer = 0;
let undoing = null;

export function toast(text, { undo = null, error = false, label = "", action = null } = {}) {
  if (!text) return;
  const box = document.createElement("div");
  box.className = error ? "toast error" : "toast";
  const words = document.createElement("span");
  words.textContent = text;
  box.append(words);
  const act = undo ?? action;
  undoing = undo;
  if (act) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = undo ? document.body.dataset.undo : label;
    button.addEventListener("click", () => {
      clear();
      act();
    });
    box.append(button);
  }
  area().replaceChildren(box);
  clearTimeout(timer);
  timer = setTimeout(clear, error ? 12000 : undo ? 9000 : 4500);
}

export function clear() {
  clearTimeout(timer);
  undoing = null;
  area().replaceChildren();
}

// The key z.
export function undoLast() {
  const act = undoing;
  if (!act) return false;
  clear();
  act();
  return true;
}
