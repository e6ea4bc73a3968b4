// The script layer.  Everything here is comfort: each page and each form works without it.

import { startDays } from "./days";
import { all, at, closest } from "./dom";
import { startDragging } from "./dragging";
import { startFrames } from "./frames";
import { onKey } from "./keys";
import { startLeftOver } from "./left-over";
import { startLive } from "./live";
import { forgetSent } from "./local";
import { startMail } from "./mail";
import { startMenus } from "./menus";
import { startPanes } from "./panes";
import { retireOffers } from "./toasts";

forgetSent();

document.addEventListener("keydown", onKey);

// Menus close when something else is clicked.
document.addEventListener("click", (event) => {
  for (const menu of all<HTMLDetailsElement>("details.menu[open]")) {
    if (!menu.contains(event.target as Node)) menu.open = false;
  }
  const help = closest(event, "[data-help]");
  if (help) {
    event.preventDefault();
    const menu = help.closest("details");
    at("summary", menu ?? document)?.focus(); // where the dialog hands the focus back to
    menu?.removeAttribute("open");
    at<HTMLDialogElement>("#keys")?.showModal();
  }
});

// On a phone the mailboxes slide in; without script the same happens by the address (:target).
const opener = at("#menu-button");
const openMailboxes = (open: boolean): void => {
  if (!open && document.activeElement?.closest("#sidebar")) opener?.focus();
  document.body.classList.toggle("menu-open", open);
  opener?.setAttribute("aria-expanded", String(open));
  if (open) at("#sidebar a")?.focus();
};
opener?.addEventListener("click", (event) => {
  event.preventDefault();
  openMailboxes(!document.body.classList.contains("menu-open"));
});
document.addEventListener("click", (event) => {
  if (document.body.classList.contains("menu-open") && closest(event, "#sidebar a, .shade")) {
    if (closest(event, ".shade")) event.preventDefault();
    openMailboxes(false);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("menu-open")) openMailboxes(false);
});

startFrames(onKey);
startMail();
startLive();
startPanes();
startDragging();
retireOffers();
startMenus();
startDays();
startLeftOver();
