// The script layer.  Everything here is comfort: each page and each form works without it.

import { onKey } from "./keys.js";
import { startLive } from "./live.js";
import { startMail } from "./mail.js";
import { startComposer } from "./compose.js";

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

startMail(onKey);
startComposer();
startLive();
