// The mail page: links and searches ask for parts of it, forms act.

import { act, markRead } from "./acting";
import { askAhead, startAhead } from "./ahead";
import { startChoosing } from "./choosing";
import { at, closest } from "./dom";
import { catchUp, isMailPage, isMessage, refresh, show, startShowing } from "./showing";

const WHOLE = ["list", "reading", "sidebar", "searching"];

// The panes of the mail page; other pages have only the mailboxes to keep fresh.
class MailPanes extends HTMLElement {
  refresh(): Promise<void> {
    return refresh();
  }
}

export function startMail(): void {
  customElements.define("mail-panes", MailPanes);
  if (!isMailPage()) return;
  document.addEventListener("click", followLink);
  document.addEventListener("click", once, { capture: true });
  document.addEventListener("submit", search);
  document.addEventListener("submit", act);
  startChoosing(catchUp);
  startShowing(markRead);
  startAhead();
}

async function followLink(event: MouseEvent): Promise<void> {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  const link = closest<HTMLAnchorElement>(event, "a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  const path = link.pathname;
  if (link.hash && path === location.pathname) return;
  const names = isMessage(path)
    ? link.closest(".row, [data-reading-tools]")
      ? ["reading"]
      : ["list", "reading"]
    : /^\/mail\/\d+$/.test(path) || path === "/search"
      ? WHOLE
      : null;
  if (!names) return;
  event.preventDefault();
  await show(link.href, names, { focus: isMessage(path) ? "#thread-subject" : "" });
  // Who goes from message to message goes on in the same direction.
  for (const way of ["[data-older]", "[data-newer]"]) if (link.matches(way)) askAhead(at(way));
}

// After the first of two quick clicks there is another message under the pointer.
function once(event: MouseEvent): void {
  if (event.detail > 1 && closest(event, "[data-reading-tools] button")) event.preventDefault();
}

function search(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  if (event.defaultPrevented || form.getAttribute("action") !== "/search") return;
  event.preventDefault();
  const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
  show(`/search?${new URLSearchParams(fields)}`, WHOLE);
}
