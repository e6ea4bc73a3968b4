// Completing addresses: a list below the last name being typed in a field of several.  The field stays a text box of
// several lines (which may be no combobox), and points at the suggestion that Enter would take.

import { closest } from "./dom";
import { get } from "./server";

interface Person {
  name: string;
  address: string;
  detail: string;
  insert: string;
  picture: { hue: number; letters: string };
}

let number = 0;

export function completes(field: HTMLTextAreaElement): void {
  const list = document.createElement("div");
  list.className = "suggestions";
  list.id = `suggestions-${++number}`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", field.labels[0]?.textContent ?? "");
  list.hidden = true;
  field.closest(".field")!.append(list);
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", list.id);
  let found: Person[] = [];
  let chosen = -1;
  let asked: AbortController | null = null;
  let timer = 0;

  const close = (): void => {
    list.hidden = true;
    found = [];
    chosen = -1;
    field.removeAttribute("aria-activedescendant");
  };

  const choose = (index: number): void => {
    chosen = index;
    for (const [place, row] of [...list.children].entries()) row.setAttribute("aria-selected", String(place === index));
    const row = list.children[index];
    row?.scrollIntoView({ block: "nearest" });
    if (row) field.setAttribute("aria-activedescendant", row.id);
  };

  const take = (index: number): void => {
    const { before, after } = around(field);
    const head = before ? `${before} ` : "";
    const insert = found[index]?.insert ?? "";
    field.value = `${head}${insert}, ${after}`;
    const caret = head.length + insert.length + 2;
    field.setSelectionRange(caret, caret);
    close();
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const ask = async (): Promise<void> => {
    const { word } = around(field);
    asked?.abort();
    if (word.length < 1 || /<[^>]*>$/.test(word)) return close();
    asked = new AbortController();
    try {
      found = await get<Person[]>(`/people?q=${encodeURIComponent(word)}`, asked.signal);
    } catch {
      return;
    }
    if (!found.length || document.activeElement !== field) return close();
    list.replaceChildren(...found.map((person, index) => option(person, `${list.id}-${index}`)));
    list.hidden = false;
    choose(0);
  };

  field.addEventListener("input", (event) => {
    if (!event.isTrusted) return;
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, 90);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && list.hidden && !event.ctrlKey && !event.metaKey) event.preventDefault();
    if (list.hidden || event.isComposing) return;
    if (event.key === "ArrowDown") choose((chosen + 1) % found.length);
    else if (event.key === "ArrowUp") choose((chosen - 1 + found.length) % found.length);
    else if ((event.key === "Enter" && !event.ctrlKey) || event.key === "Tab") take(Math.max(chosen, 0));
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  field.addEventListener("blur", () => window.setTimeout(close, 120));
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const row = closest(event, ".suggestion");
    if (row) take([...list.children].indexOf(row));
  });
}

// The name under the caret, and what stands before and behind it.
function around(field: HTMLTextAreaElement): { before: string; word: string; after: string } {
  const caret = field.selectionStart;
  const left = field.value.slice(0, caret);
  let start = 0;
  let quoted = false;
  for (const [place, letter] of [...left.split("")].entries()) {
    if (letter === '"') quoted = !quoted;
    if (!quoted && (letter === "," || letter === ";" || letter === "\n")) start = place + 1;
  }
  return {
    before: left.slice(0, start).trim(),
    word: left.slice(start).trim(),
    after: field.value.slice(caret).replace(/^[\s,;]+/, ""),
  };
}

function option(person: Person, id: string): HTMLElement {
  const row = document.createElement("div");
  row.className = "suggestion";
  row.id = id;
  row.setAttribute("role", "option");
  const picture = document.createElement("span");
  picture.className = `avatar hue-${person.picture.hue}`;
  picture.setAttribute("aria-hidden", "true");
  picture.textContent = person.picture.letters;
  const text = document.createElement("span");
  text.className = "text";
  const name = document.createElement("strong");
  name.textContent = person.name || person.address;
  const detail = document.createElement("span");
  detail.textContent = [person.address, person.detail].filter(Boolean).join(" · ");
  text.append(name, detail);
  row.append(picture, text);
  return row;
}
