// Acting on messages: what will be so is shown at once, and taken back with a word where the server refuses; what was done
// can be undone.

import { forgetAhead } from "./ahead";
import { choose, chosen, isChoosing } from "./choosing";
import { all, at } from "./dom";
import { type Act, foresee, fulfilled, isLeaving, removes, takeBack } from "./foreseeing";
import { lastNumber, late, part, whatIn } from "./parts";
import { focusedRow, focusNear, itemAt, rowOf, still } from "./rows";
import { type Done, post, reason } from "./server";
import { isMessage, refresh, show, whereabouts } from "./showing";
import { toast } from "./toasts";

export async function act(event: SubmitEvent): Promise<void> {
  const form = event.target as HTMLFormElement;
  const button = event.submitter as HTMLButtonElement | null;
  if (button?.dataset.confirm && !window.confirm(button.dataset.confirm)) {
    event.preventDefault();
    return;
  }
  if (form.getAttribute("action") !== "/actions" || !button || button.hasAttribute("formaction")) return;
  event.preventDefault();
  const data = new FormData(form, button);
  if (form.matches("[data-list]") && !button.value.includes(" ") && !data.getAll("item").length && !data.get("all")) {
    const row = focusedRow();
    if (row) data.append("item", row.dataset.item!);
  }
  for (const menu of all<HTMLDetailsElement>("details.menu[open]", form)) menu.open = false;
  await perform(data, form.matches("[data-reading-tools]"));
}

export async function perform(data: FormData, reading = false): Promise<void> {
  const [action = "", single] = String(data.get("action")).split(" ");
  const items = single ? [single] : data.getAll("item").map(String);
  if (items.length && items.every(isLeaving)) return;
  forgetAhead();
  const here = location.href;
  const list = whatIn(part("list"));
  const choice = chosen();
  const focus = reading && part("reading").contains(document.activeElement) ? "#thread-subject" : "";
  const seen = foreseeHere(data, action, items, !single);
  const leave = reading && (removes(action) || action === "unread") ? afterLeaving(action) : "";
  const left = leave ? go(leave, focus) : null;
  const stayed = whereabouts();
  let refused = false;
  try {
    const done = await post<Done>("/actions", data);
    fulfilled(seen, lastNumber());
    const { undo } = done;
    toast(done.message, { undo: undo && (() => takeItBack(undo, reading && !leave)) });
  } catch (fault) {
    refused = true;
    takeBack(seen);
    if (!single && !isChoosing() && list === whatIn(part("list"))) choose(choice);
    toast(reason(fault), { error: true });
  }
  await left;
  // Who went on to something else in the meantime stays there.
  if (refused && leave && stayed() && location.href !== here) await go(here, focus);
  await refresh(
    reading && stayed() && isMessage(location.pathname) ? ["list", "sidebar", "reading"] : ["list", "sidebar"],
  );
  seen.done = true;
}

// To the next message, beside this list; or to the list.
function go(address: string, focus: string): Promise<void> {
  const isNext = isMessage(new URL(address, location.href).pathname);
  return show(address, isNext ? ["reading"] : ["list", "reading", "sidebar"], { focus: isNext ? focus : "" });
}

// Where the reader goes when the open message went away: to the next one, where there is room for both.
function afterLeaving(action: string): string {
  const tools = at("[data-reading-tools]")!;
  const back = tools.dataset.back ?? "";
  if (action === "unread" || window.matchMedia("not all and (min-width: 73.75em)").matches) return back;
  const near = all<HTMLAnchorElement>("[data-older], [data-newer]", tools).filter((link) => !isLeaving(itemAt(link)));
  return (near.find((link) => link.matches("[data-older]")) ?? near[0])?.href ?? back;
}

// The choice is used up; the keyboard goes on where the messages were.
function foreseeHere(data: FormData, action: string, items: string[], usesChoice: boolean): Act {
  const place = part("list");
  const named = (name: string): string => String(data.get(name) ?? "");
  const focused = place.contains(document.activeElement);
  const rows = all(".row", place);
  const row = focusedRow() ?? rowOf(items.at(-1) ?? "");
  const last = row ? rows.indexOf(row) : -1;
  const seen = still(place, () => foresee(action, items, named("label"), named("target")));
  if (usesChoice) {
    late.delete("list"); // it is asked for when the server has answered
    choose({ items: new Set(), everything: null });
  }
  if (focused && last >= 0 && !document.activeElement?.getClientRects().length) focusNear(rows, last);
  return seen;
}

async function takeItBack(values: Record<string, string>, inReading: boolean): Promise<void> {
  try {
    const done = await post<Done>("/actions/undo", values);
    toast(done.message);
  } catch (fault) {
    toast(reason(fault), { error: true });
  }
  refresh(inReading ? ["list", "sidebar", "reading"] : ["list", "sidebar"]);
}

// What is open has been read.
export async function markRead(): Promise<void> {
  const unread = all(".letter[open][data-unread]");
  if (!unread.length) return;
  const body = new URLSearchParams({ action: "read", quiet: "1" });
  for (const letter of unread) {
    body.append("item", letter.dataset.item!);
    letter.removeAttribute("data-unread");
  }
  const reading = foresee("read", body.getAll("item"));
  try {
    await post("/actions", body);
    fulfilled(reading, lastNumber());
    refresh(["sidebar"]);
  } catch {
    takeBack(reading); // still unread on the server; opening it again tries again
  }
}
