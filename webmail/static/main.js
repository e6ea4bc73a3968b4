// The script layer.  Everything here is comfort: each page and each form works without it.

import { onKey } from "./keys.js";
import { startLive } from "./live.js";
import { startMail } from "./mail.js";
import { startComposer } from "./compose.js";
import { retireOffers } from "./toasts.js";

document.addEventListener("keydown", onKey);

// Menus close when something else is clicked.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const help = event.target.closest("[data-help]");
  if (help) {
    event.preventDefault();
    help.closest("details")?.removeAttribute("open");
    document.getElementById("keys").showModal();
  }
});

// On a phone the mailboxes slide in; without script the same happens by the address (:target).
const opener = document.getElementById("menu-button");
const openMailboxes = (open) => {
  if (!open && document.activeElement?.closest("#sidebar")) opener.focus();
  document.body.classList.toggle("menu-open", open);
  opener.setAttribute("aria-expanded", String(open));
  if (open) document.querySelector("#sidebar a")?.focus();
};
opener?.addEventListener("click", (event) => {
  event.preventDefault();
  openMailboxes(!document.body.classList.contains("menu-open"));
});
document.addEventListener("click", (event) => {
  if (document.body.classList.contains("menu-open") && event.target.closest("#sidebar a, .shade")) {
    if (event.target.closest(".shade")) event.preventDefault();
    openMailboxes(false);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("menu-open")) openMailboxes(false);
});

startMail(onKey);
startComposer();
startLive();
retireOffers();
