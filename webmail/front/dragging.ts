// Messages dragged from the list onto a mailbox or a label.  What the mouse can do here, the menus "Move" and "Label" do
// for everybody.

import { perform } from "./acting";
import { chosen } from "./choosing";
import { all, at, closest } from "./dom";

const KIND = "application/x-citymail-messages";
const TARGET = ".mailboxes li[data-key] > a, .mailboxes li[data-label] > a";

let dragged: string[] = [];

export function startDragging(): void {
  document.addEventListener("dragstart", take);
  document.addEventListener("dragover", over);
  document.addEventListener("drop", drop);
  document.addEventListener("dragend", end);
}

function take(event: DragEvent): void {
  const row = closest(event, ".row");
  const item = row?.dataset.item;
  if (!row || !item || !event.dataTransfer) return;
  const { items } = chosen();
  dragged = items.has(item) ? [...items] : [item];
  event.dataTransfer.setData(KIND, dragged.join(" "));
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setDragImage(picture(row), 12, 12);
  document.body.classList.add("dragging");
}

// What hangs at the pointer: the subject, or how many messages.
function picture(row: HTMLElement): HTMLElement {
  const box = document.createElement("div");
  box.className = "drag-picture";
  box.textContent = dragged.length > 1 ? String(dragged.length) : (at(".subject", row)?.textContent ?? "");
  document.body.append(box);
  window.setTimeout(() => box.remove());
  return box;
}

const target = (event: DragEvent): HTMLElement | null =>
  event.dataTransfer?.types.includes(KIND) ? closest(event, TARGET) : null;

function over(event: DragEvent): void {
  const here = target(event);
  for (const each of all(".drop-target")) if (each !== here) each.classList.remove("drop-target");
  if (!here || here.hasAttribute("aria-current")) return;
  event.preventDefault();
  here.classList.add("drop-target");
}

function drop(event: DragEvent): void {
  const { key, label } = target(event)?.closest("li")?.dataset ?? {};
  if (!(key || label) || !dragged.length) return;
  event.preventDefault();
  const data = new FormData();
  data.append("action", label ? "label" : "move");
  data.append(label ? "label" : "target", label ?? key ?? "");
  for (const item of dragged) data.append("item", item);
  const everything = at<HTMLInputElement>('[data-list] input[name="all"]');
  if (everything && dragged.length > 1) data.append("all", everything.value);
  const open = at("[data-reading-tools]")?.dataset.item;
  perform(data, !label && dragged.length === 1 && dragged[0] === open);
}

function end(): void {
  dragged = [];
  document.body.classList.remove("dragging");
  for (const each of all(".drop-target")) each.classList.remove("drop-target");
}
